//! The environment of the person's login shell: an agent that was not started from a terminal lacks what they set up
//! there. It is asked for once per thread, outside the sandbox as it is the person's own; whatever goes wrong, commands get
//! what we have.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::account::shell_of_account;
use crate::own_environment::OwnEnvironment;
use crate::sandbox::{SecretPlaces, secret_places};
use crate::search_path::own_search_path;
use crate::shared::Shared;
use crate::{Secrets, ToolboxConfig};

type Variables = BTreeMap<OsString, OsString>;

/// How long a shell may take over the person's own files.
const LIMIT: Duration = Duration::from_secs(1);

/// Bytes it may print before we stop listening.
const MOST_OUTPUT: usize = 1 << 20;

/// Shells that take `-l` and `-c`, and whose `$PATH` in quotes is one text.
const KNOWN: &[&str] = &["bash", "zsh", "fish", "sh", "dash", "ksh", "ash"];

/// The path by itself, as there may be nothing that prints variables. Those are not asked for by a name: the person's files
/// may have put anything first in the search path.
const ASK: &str = r#"printf 'agent-path<%s>agent-path' "$PATH"; printf 'agent-variables<'; /usr/bin/env -0 || /bin/cat /proc/self/environ; printf '>agent-variables'"#;
const PATH: (&[u8], &[u8]) = (b"agent-path<", b">agent-path");
const VARIABLES: (&[u8], &[u8]) = (b"agent-variables<", b">agent-variables");

/// What a login shell sets for itself, what each command would obey as it begins, and what the sandbox says itself.
const NOT_TAKEN: &[&str] = &[
    "PATH",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "BASHOPTS",
    "CDPATH",
    "ENV",
    "SHELLOPTS",
    "TERM",
    "TMPDIR",
    "TMP",
    "TEMP",
    "AGENT_SANDBOX",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
];

/// Ends of names of what leads to the person's agents (S12), whatever the policy says of secrets.
const OF_AGENTS: &[&str] = &["_SOCK", "AGENT_INFO", "AGENT_PID"];

/// What commands get of a login shell's environment, by the person's settings.
#[derive(Clone)]
pub struct LoginPolicy {
    takes_path: bool,
    judge: Arc<Judge>,
}

type Judge = dyn Fn(Variables) -> LoginVariables + Send + Sync;

/// Variables of a login shell, judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LoginVariables {
    /// Those that commands get.
    pub given: Variables,
    /// What of the others must not be seen.
    pub secret_values: Vec<String>,
}

impl LoginPolicy {
    /// `takes_path`: the search path is completed, too.
    pub fn new(
        takes_path: bool,
        judge: impl Fn(Variables) -> LoginVariables + Send + Sync + 'static,
    ) -> Self {
        Self { takes_path, judge: Arc::new(judge) }
    }

    /// Whether the search path is completed, too.
    pub fn takes_path(&self) -> bool {
        self.takes_path
    }

    /// What becomes of these variables, which we have not.
    pub fn judge(&self, variables: Variables) -> LoginVariables {
        (self.judge)(variables)
    }
}

impl std::fmt::Debug for LoginPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginPolicy").field("takes_path", &self.takes_path).finish_non_exhaustive()
    }
}

pub(crate) struct LoginEnvironment {
    /// None: not to be asked.
    asked: Option<(PathBuf, LoginPolicy)>,
    /// That of commands.
    env: Variables,
    roots: Vec<PathBuf>,
    /// In which not only the person writes.
    shared: Shared,
    /// What the world of commands hides.
    hidden: SecretPlaces,
    secret_values: Secrets,
    found: OnceCell<Variables>,
}

impl LoginEnvironment {
    pub(crate) fn new(config: &ToolboxConfig) -> Self {
        let env = config.env.clone();
        let mut roots = vec![config.cwd.clone()];
        roots.extend(config.writable_roots.iter().cloned());
        let shared = Shared::new([roots.as_slice(), &config.shared].concat());
        let shell = env.get(OsStr::new("SHELL")).map(PathBuf::from).or_else(shell_of_account);
        let is_known = |shell: &PathBuf| {
            shell.is_absolute()
                && shell.file_name().is_some_and(|name| KNOWN.iter().any(|known| name == *known))
                && !shared.holds(shell)
        };
        let mut hidden = config.secrets.clone();
        hidden.extend(secret_places(&env, &roots));
        Self {
            asked: shell.filter(is_known).zip(config.login.clone()),
            env,
            roots,
            shared,
            hidden,
            secret_values: config.secret_values.clone(),
            found: OnceCell::new(),
        }
    }

    /// What commands are to have beside what they have already, and in place of its `PATH`.
    pub(crate) async fn get(&self) -> Variables {
        self.found.get_or_init(|| self.ask()).await.clone()
    }

    async fn ask(&self) -> Variables {
        let Some((shell, policy)) = &self.asked else { return Variables::new() };
        let own = self.env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        // The person's files call programs by their names, and these load what variables lead to.
        let outside = OwnEnvironment::new(&self.env, &self.shared);
        let said = tokio::time::timeout(LIMIT, answer(shell, outside.variables())).await;
        let Some(Answer { path, variables }) = said.ok().flatten() else { return Variables::new() };
        let mut found = self.taken(policy, variables);
        // Rules hold for what our own path finds: the person's files put nothing of the model's before it.
        let path = merged(&own, &own_search_path(&path, &self.shared));
        if policy.takes_path && path != own {
            found.insert("PATH".into(), path);
        }
        found
    }

    /// What we lack and commands may have. It replaces nothing.
    fn taken(&self, policy: &LoginPolicy, mut variables: Variables) -> Variables {
        variables.retain(|name, _| !self.env.contains_key(name) && is_taken(name));
        let LoginVariables { mut given, secret_values } = policy.judge(variables);
        self.secret_values.learn(secret_values);
        // The world of commands may stand already, and what is hidden in it does not change: what names a secret that
        // is not hidden there is left out.
        if !self.is_hidden(&given) {
            given.retain(|name, value| {
                self.is_hidden(&Variables::from([(name.clone(), value.clone())]))
            });
        }
        given
    }

    /// Whether commands cannot read the secrets that the variables name.
    fn is_hidden(&self, variables: &Variables) -> bool {
        self.hidden.covers(&secret_places(variables, &self.roots))
    }
}

fn is_taken(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    // Functions, and what bash runs or obeys first.
    let is_of_bash = name.starts_with("BASH_");
    !is_of_bash
        && !NOT_TAKEN.contains(&name.as_str())
        && !OF_AGENTS.iter().any(|end| name.ends_with(end))
}

/// A shell that is ended with all it started when nobody listens any more.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let _ = pid.map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

/// What a shell says.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    path: OsString,
    variables: Variables,
}

/// What it says, among whatever the person's files make it print.
#[expect(clippy::disallowed_methods, reason = "the person's own shell and nothing of the model's")]
async fn answer(shell: &Path, env: &Variables) -> Option<Answer> {
    let home = env.get(OsStr::new("HOME")).map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let mut command = Command::new(shell);
    // Not in the workspace: nothing of a project's is to have a say in it. In a group of its own it cannot wait for
    // our terminal.
    command.args(["-l", "-c", ASK]).env_clear().envs(env).current_dir(home).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut shell = Shell(command.spawn().ok()?);
    let mut output = shell.0.stdout.take()?;
    let mut said = Vec::new();
    // To the end of the answer, not of the output: what was left in the background may keep that open.
    loop {
        if let Some(answer) = answer_in(&said) {
            return Some(answer);
        }
        if said.len() > MOST_OUTPUT || output.read_buf(&mut said).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer_in(said: &[u8]) -> Option<Answer> {
    let variables = between(said, VARIABLES)?;
    let path = OsString::from_vec(between(said, PATH)?.to_vec());
    let mut entries: Vec<_> = variables.split(|byte| *byte == 0).collect();
    // Each ends with a zero: what does not is cut.
    entries.pop();
    let pairs = entries.iter().filter_map(|entry| {
        let equals = memchr::memchr(b'=', entry).filter(|at| *at > 0)?;
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((text(&entry[..equals]), text(&entry[equals + 1..])))
    });
    Some(Answer { path, variables: pairs.collect() })
}

fn between<'a>(said: &'a [u8], (begin, end): (&[u8], &[u8])) -> Option<&'a [u8]> {
    let begin = memchr::memmem::rfind(said, begin)? + begin.len();
    let length = memchr::memmem::find(&said[begin..], end)?;
    Some(&said[begin..begin + length])
}

/// The login shell's order where it knows all of ours; else ours first, as it was set up for this very start. Only
/// absolute directories are taken over: what `.` finds depends on where one is.
fn merged(own: &OsStr, login: &OsStr) -> OsString {
    let entries = |path: &OsStr| -> Vec<PathBuf> { std::env::split_paths(path).collect() };
    let mut login = entries(login);
    login.retain(|entry| entry.is_absolute());
    let own = entries(own);
    let own: Vec<_> = own.into_iter().filter(|entry| !entry.as_os_str().is_empty()).collect();
    let first = if own.iter().all(|entry| login.contains(entry)) { vec![] } else { own };
    let mut all: Vec<PathBuf> = Vec::new();
    for entry in first.into_iter().chain(login) {
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    std::env::join_paths(all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A shell that is this script.
    #[allow(clippy::disallowed_methods)]
    fn shell(dir: &Path, script: &str) -> Variables {
        let path = dir.join("zsh");
        let guarded = format!("#!/bin/sh\n[ \"$1\" = -l ] || exit 0\n{script}\n");
        std::fs::write(&path, guarded).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // It cannot be started while a child that another test was just starting still holds it open.
        let is_busy =
            |error: std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
        while std::process::Command::new(&path).status().is_err_and(is_busy) {}
        BTreeMap::from([
            ("SHELL".into(), path.into()),
            ("HOME".into(), dir.into()),
            ("PATH".into(), "/usr/bin:/bin".into()),
        ])
    }

    /// Where everything but `TOKEN` is given.
    fn policy() -> LoginPolicy {
        LoginPolicy::new(true, |mut given| {
            let token = given.remove(OsStr::new("TOKEN"));
            let secret_values = token.into_iter().filter_map(|value| value.into_string().ok());
            LoginVariables { secret_values: secret_values.collect(), given }
        })
    }

    fn environment(env: &Variables, login: Option<LoginPolicy>) -> LoginEnvironment {
        LoginEnvironment::new(&config(env, login))
    }

    fn config(env: &Variables, login: Option<LoginPolicy>) -> ToolboxConfig {
        ToolboxConfig {
            cwd: "/work".into(),
            writable_roots: vec![],
            shared: vec![],
            person: std::collections::BTreeMap::new(),
            sandbox: agent_protocol::SandboxMode::ReadOnly,
            network: false,
            helper: PathBuf::new(),
            env: env.clone(),
            secrets: SecretPlaces::default(),
            secret_values: Secrets::default(),
            login,
            outputs_dir: PathBuf::new(),
            journal_dir: None,
            keep_background: false,
            output_tokens: None,
            freeform_patch: false,
        }
    }

    async fn asked(env: &Variables) -> Variables {
        environment(env, Some(policy())).get().await
    }

    fn variables<const N: usize>(pairs: [(&str, &str); N]) -> Variables {
        pairs.map(|(name, value)| (name.into(), value.into())).into()
    }

    #[tokio::test]
    async fn the_answer_is_found_among_what_else_a_shell_prints() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"echo 'agent-path<no'; pwd; PATH=/opt/x/bin:$PATH; eval "$3"; sleep 60 &"#;
        let env = shell(dir.path(), script);
        assert_eq!(asked(&env).await, variables([("PATH", "/opt/x/bin:/usr/bin:/bin")]));
    }

    #[tokio::test]
    async fn what_we_lack_is_taken_and_what_we_have_stays() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"export EDITOR=ed GREETING='hallo
du' HOME=/elsewhere EMPTY= TOKEN=tell-nobody; export PWD OLDPWD=/o SHLVL=3 ENV=/rc BASH_ENV=/rc CDPATH=/
export SSH_AUTH_SOCK=/s SSH_AGENT_PID=1 TMPDIR=/t TERM=vt100 AGENT_SANDBOX=no; eval "$3""#;
        let mut env = shell(dir.path(), script);
        env.insert("EDITOR".into(), "vi".into());
        let login = environment(&env, Some(policy()));
        let expected = variables([("EMPTY", ""), ("GREETING", "hallo\ndu")]);
        assert_eq!(login.get().await, expected);
        assert_eq!(format!("{:?}", login.secret_values), "1 secrets");
    }

    #[tokio::test]
    async fn s11_what_names_a_secret_that_commands_could_read_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"export KUBECONFIG=/other/kube GNUPGHOME=$HOME/.gnupg CARGO_HOME=$HOME/cargo; eval "$3""#;
        let env = shell(dir.path(), script);
        let hidden = dir.path().join(".gnupg");
        assert_eq!(asked(&env).await, variables([("GNUPGHOME", hidden.to_str().unwrap())]));
    }

    #[tokio::test]
    async fn a_shell_that_finds_no_programs_says_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"export EDITOR=ed; PATH=/nothing; eval "$3""#;
        let found = asked(&shell(dir.path(), script)).await;
        assert_eq!(found, variables([("EDITOR", "ed"), ("PATH", "/usr/bin:/bin:/nothing")]));
    }

    /// A shell that is this script, and a workspace with a program of this name which makes `ran` in the home.
    fn beside_a_workspace(dir: &Path, name: &str, script: &str) -> ToolboxConfig {
        let work = dir.join("work");
        std::fs::create_dir(&work).unwrap();
        let program = shell(&work, &format!(": >{}/ran", dir.display()));
        std::fs::copy(&program[OsStr::new("SHELL")], work.join(name)).unwrap();
        let planted = std::fs::read_to_string(work.join(name)).unwrap();
        // Whatever it is called with.
        std::fs::write(work.join(name), planted.replace("[ \"$1\" = -l ] || exit 0\n", ""))
            .unwrap();
        let mut config = config(&shell(dir, script), Some(policy()));
        config.cwd = work;
        config
    }

    #[tokio::test]
    async fn s20_what_the_persons_files_call_is_not_the_models() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = beside_a_workspace(dir.path(), "id", r#"id; eval "$3""#);
        let path = format!("{}:/usr/bin:/bin", config.cwd.display());
        config.env.insert("PATH".into(), path.into());
        assert_eq!(LoginEnvironment::new(&config).get().await, Variables::new());
        assert!(!dir.path().join("ran").exists());
    }

    #[tokio::test]
    async fn s20_where_the_persons_files_put_the_workspace_first_nothing_of_it_is_asked_or_found() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"PATH="$HOME/work:/opt/x:$PATH"; eval "$3""#;
        for name in ["env", "cat"] {
            let config = beside_a_workspace(dir.path(), name, script);
            let found = LoginEnvironment::new(&config).get().await;
            assert_eq!(found, variables([("PATH", "/opt/x:/usr/bin:/bin")]), "{name}");
            assert!(!dir.path().join("ran").exists(), "{name}");
            std::fs::remove_dir_all(config.cwd).unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_that_goes_wrong_is_anything_but_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        for script in
            ["exit 1", "echo 'agent-path<half'", "head -c 2000000 /dev/zero", "eval \"$3\""]
        {
            assert_eq!(asked(&shell(dir.path(), script)).await, Variables::new(), "{script}");
        }
        let mut env = shell(dir.path(), "eval \"$3\"");
        for other in ["/no/such/bash", "bash", "/bin/true", "/usr/bin/python3"] {
            env.insert("SHELL".into(), other.into());
            assert_eq!(asked(&env).await, Variables::new(), "{other}");
        }
    }

    #[tokio::test]
    async fn it_is_asked_once_and_only_when_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let env = shell(dir.path(), "echo x >>$HOME/asked; PATH=/opt/y; eval \"$3\"");
        assert_eq!(environment(&env, None).get().await, Variables::new());
        let login = environment(&env, Some(policy()));
        for _ in 0..2 {
            let path = login.get().await.remove(OsStr::new("PATH")).unwrap();
            assert_eq!(path, "/usr/bin:/bin:/opt/y");
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("asked")).unwrap(), "x\n");
    }

    #[test]
    fn an_answer_ends_where_it_says_and_what_is_cut_is_none() {
        let said = b"agent-path</bin>agent-pathagent-variables<A=1\0B=x\ny=z\0=\0odd\0C=cut>agent-variables";
        let path = "/bin".into();
        let variables = variables([("A", "1"), ("B", "x\ny=z")]);
        assert_eq!(answer_in(said), Some(Answer { path, variables }));
        assert_eq!(answer_in(&said[..said.len() - 1]), None);
    }

    #[test]
    fn paths_are_joined_such_that_neither_start_loses_what_it_had() {
        for (own, login, expected) in [
            ("/usr/bin:/bin", "/h/.cargo/bin:/usr/bin:/bin", "/h/.cargo/bin:/usr/bin:/bin"),
            ("/venv/bin:/usr/bin", "/opt/bin:/usr/bin", "/venv/bin:/usr/bin:/opt/bin"),
            ("", "/usr/bin:/usr/bin", "/usr/bin"),
            ("/usr/bin", ".::bin:/usr/bin", "/usr/bin"),
            ("/usr/bin", "", "/usr/bin"),
        ] {
            assert_eq!(merged(own.as_ref(), login.as_ref()), expected, "{own} {login}");
        }
    }
}
