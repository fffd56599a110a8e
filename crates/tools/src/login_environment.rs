//! The search path as the person's login shell has it: an agent that was not started from a terminal would not find
//! what they installed. It is asked for once per thread, outside the sandbox as it is the person's own; whatever goes
//! wrong, commands get the path we have.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

/// How long a shell may take over the person's own files.
const LIMIT: Duration = Duration::from_secs(1);

/// Bytes it may print before we stop listening.
const MOST_OUTPUT: usize = 64 * 1024;

/// Shells that take `-l` and `-c`, and whose `$PATH` in quotes is one text.
const KNOWN: &[&str] = &["bash", "zsh", "fish", "sh", "dash", "ksh", "ash"];

const ASK: &str = r#"printf 'agent-path<%s>agent-path' "$PATH""#;
const BEGIN: &[u8] = b"agent-path<";
const END: &[u8] = b">agent-path";

pub(crate) struct LoginPath {
    /// None: not to be asked for.
    shell: Option<PathBuf>,
    env: BTreeMap<OsString, OsString>,
    found: OnceCell<Option<OsString>>,
}

impl LoginPath {
    /// `env` is that of commands.
    pub(crate) fn new(wanted: bool, env: &BTreeMap<OsString, OsString>) -> Self {
        let shell = env.get(OsStr::new("SHELL")).map(PathBuf::from).or_else(shell_of_account);
        let is_known = |shell: &PathBuf| {
            shell.is_absolute()
                && shell.file_name().is_some_and(|name| KNOWN.iter().any(|known| name == *known))
        };
        let shell = shell.filter(|shell| wanted && is_known(shell));
        Self { shell, env: env.clone(), found: OnceCell::new() }
    }

    /// What commands are to have for `PATH`; none when what they have already will do.
    pub(crate) async fn get(&self) -> Option<OsString> {
        self.found.get_or_init(|| self.ask()).await.clone()
    }

    async fn ask(&self) -> Option<OsString> {
        let shell = self.shell.as_deref()?;
        let said = tokio::time::timeout(LIMIT, answer(shell, &self.env)).await.ok()??;
        let own = self.env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        Some(merged(&own, &said)).filter(|path| *path != own)
    }
}

/// A shell that is ended with all it started when nobody listens any more.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let _ = pid.map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

/// What it says the path is, among whatever the person's files make it print.
#[expect(clippy::disallowed_methods, reason = "the person's own shell and nothing of the model's")]
async fn answer(shell: &Path, env: &BTreeMap<OsString, OsString>) -> Option<OsString> {
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
        if let Some(path) = answer_in(&said) {
            return Some(OsString::from_vec(path.to_vec()));
        }
        if said.len() > MOST_OUTPUT || output.read_buf(&mut said).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer_in(said: &[u8]) -> Option<&[u8]> {
    let begin = memchr::memmem::rfind(said, BEGIN)? + BEGIN.len();
    let length = memchr::memmem::find(&said[begin..], END)?;
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

/// The login shell of the person, by the machine's list of accounts: for where no `SHELL` is set.
pub fn shell_of_account() -> Option<PathBuf> {
    field_of_account(6).map(PathBuf::from)
}

/// What the system's list of accounts has in one of its columns for the person.
pub(crate) fn field_of_account(column: usize) -> Option<OsString> {
    let accounts = std::fs::read("/etc/passwd").ok()?;
    let user = rustix::process::getuid().as_raw().to_string();
    let field = accounts.split(|byte| *byte == b'\n').find_map(|line| {
        let fields: Vec<_> = line.split(|byte| *byte == b':').collect();
        (fields.get(2) == Some(&user.as_bytes())).then(|| fields.get(column).copied()).flatten()
    })?;
    Some(OsStr::from_bytes(field).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A shell that is this script.
    #[allow(clippy::disallowed_methods)]
    fn shell(dir: &Path, script: &str) -> BTreeMap<OsString, OsString> {
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

    async fn asked(env: &BTreeMap<OsString, OsString>) -> Option<OsString> {
        LoginPath::new(true, env).get().await
    }

    #[tokio::test]
    async fn the_path_is_found_among_what_else_a_shell_prints() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"echo 'agent-path<no'; pwd; PATH=/opt/x/bin:$PATH; eval "$3"; sleep 60 &"#;
        let env = shell(dir.path(), script);
        assert_eq!(asked(&env).await.unwrap(), "/opt/x/bin:/usr/bin:/bin");
    }

    #[tokio::test]
    async fn nothing_that_goes_wrong_is_anything_but_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        for script in
            ["exit 1", "echo 'agent-path<half'", "head -c 100000 /dev/zero", "eval \"$3\""]
        {
            assert_eq!(asked(&shell(dir.path(), script)).await, None, "{script}");
        }
        let mut env = shell(dir.path(), "eval \"$3\"");
        for other in ["/no/such/bash", "bash", "/bin/true", "/usr/bin/python3"] {
            env.insert("SHELL".into(), other.into());
            assert_eq!(asked(&env).await, None, "{other}");
        }
    }

    #[tokio::test]
    async fn it_is_asked_once_and_only_when_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let env = shell(dir.path(), "echo x >>$HOME/asked; PATH=/opt/y; eval \"$3\"");
        assert_eq!(LoginPath::new(false, &env).get().await, None);
        let path = LoginPath::new(true, &env);
        assert_eq!(path.get().await.unwrap(), "/usr/bin:/bin:/opt/y");
        assert_eq!(path.get().await.unwrap(), "/usr/bin:/bin:/opt/y");
        assert_eq!(std::fs::read_to_string(dir.path().join("asked")).unwrap(), "x\n");
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
