//! The binary under test, in a scratch home and a scratch workspace. What the model says is `server.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::rehearsal::Rehearsal;
use crate::{Answers, PtyScreen, ScriptedServer};

/// How long a run may take before the test fails; far more than any needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch place to run the binary in. Everything in it is gone when it is dropped.
pub struct Scene {
    binary: PathBuf,
    root: TempDir,
    env: Vec<(String, String)>,
    /// Runs are recorded and played again.
    rehearsed: bool,
    /// What a shell does before it becomes the binary.
    prelude: Option<String>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A run under way, with its events as they come.
pub struct Running {
    child: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    seen: Vec<String>,
}

impl Scene {
    /// A workspace that is an empty git repository, for `binary`: `Scene::new(env!("CARGO_BIN_EXE_agent"))`.
    pub fn new(binary: &str) -> Self {
        let root =
            tempfile::Builder::new().prefix("agent-test-").tempdir().expect("a scratch folder");
        // What the system calls temporary may be a link; paths in events are resolved.
        let scene =
            Self { binary: binary.into(), root, env: Vec::new(), rehearsed: true, prelude: None };
        for dir in ["home/agent", "workspace/.git/objects", "workspace/.git/refs/heads", "tmp"] {
            fs::create_dir_all(scene.root().join(dir)).expect("a scratch folder");
        }
        scene
            .file(".git/HEAD", "ref: refs/heads/main\n")
            .file(".git/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
    }

    /// The binary is started by a shell that does this first, such as `ulimit -f 64`.
    #[must_use]
    pub fn after(mut self, prelude: &str) -> Self {
        self.prelude = Some(prelude.to_owned());
        self
    }

    /// Runs are made once and as they are asked for: where the arguments themselves are what is shown.
    #[must_use]
    pub fn unrehearsed(mut self) -> Self {
        self.rehearsed = false;
        self
    }

    /// The same without a repository around the workspace.
    #[must_use]
    pub fn outside_git(self) -> Self {
        fs::remove_dir_all(self.workspace().join(".git")).expect("the repository was there");
        self
    }

    /// Writes a file of the workspace.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.workspace().join(path);
        fs::create_dir_all(path.parent().expect("a path below the workspace")).expect("its folder");
        fs::write(path, text).expect("the file");
        self
    }

    /// The project has a program of this name before all others in the search path: it leaves `ran-NAME` in the workspace.
    #[must_use]
    pub fn shadowing(self, name: &str) -> Self {
        let bin = self.workspace().join("bin");
        fs::create_dir_all(&bin).expect("its folder");
        let mark = self.workspace().join(format!("ran-{name}"));
        let program = bin.join(name);
        fs::write(&program, format!("#!/bin/sh\n: > {}\n", mark.display())).expect("the program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        self.env("PATH", &format!("{}:/usr/bin:/bin", bin.display()))
    }

    /// The binary is started from this place in the workspace.
    #[must_use]
    pub fn installed_at(self, path: &str) -> Self {
        let binary = self.workspace().join(path);
        fs::create_dir_all(binary.parent().expect("a path below the workspace"))
            .expect("its folder");
        fs::copy(&self.binary, &binary).expect("there is room for one more");
        Self { binary, ..self }
    }

    /// Makes a named pipe in the workspace.
    pub fn fifo(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test prepares its workspace")]
        let made = std::process::Command::new("mkfifo").arg(self.workspace().join(name)).status();
        assert!(made.expect("mkfifo(1) is part of POSIX").success());
    }

    /// Writes the person's configuration.
    #[must_use]
    pub fn config(self, toml: &str) -> Self {
        fs::write(self.home().join("config.toml"), toml).expect("the configuration");
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The scripted model is what it talks to.
    #[must_use]
    pub fn facing(self, server: &ScriptedServer) -> Self {
        self.env("OPENAI_BASE_URL", &server.base_url()).env("AGENT_API_KEY", server.token())
    }

    fn root(&self) -> PathBuf {
        self.root.path().canonicalize().expect("the scratch folder exists")
    }

    pub fn workspace(&self) -> PathBuf {
        self.root().join("workspace")
    }

    /// `AGENT_HOME`.
    pub fn home(&self) -> PathBuf {
        self.root().join("home/agent")
    }

    /// What stands in a file of the workspace; none when it is not there.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.workspace().join(path)).ok()
    }

    /// The rollouts kept, oldest first.
    pub fn rollouts(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.home().join("threads")) else { return vec![] };
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("an entry").path().join("rollout.jsonl")).collect();
        paths.retain(|path| path.is_file());
        paths.sort();
        paths
    }

    /// The binary with an environment of its own: nothing of the machine's but `PATH`.
    pub fn command(&self, args: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a test starts the binary under test")]
        let mut command = match &self.prelude {
            None => Command::new(&self.binary),
            Some(prelude) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{prelude}; exec \"$0\" \"$@\"")]).arg(&self.binary);
                shell
            }
        };
        command
            .args(args)
            .current_dir(self.workspace())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root().join("home"))
            .env("AGENT_HOME", self.home())
            .env("TMPDIR", self.root().join("tmp"))
            .env("TERM", "dumb")
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, with nothing on standard input.
    pub async fn run(&self, args: &[&str]) -> Finished {
        self.run_with_input(args, "").await
    }

    /// Runs it to its end, with `input` on standard input. What asked a model is played again in the scene as it was
    /// before, and must give the same rollout.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Finished {
        let rehearsal = self.rehearsed.then(|| Rehearsal::before(&self.root(), args)).flatten();
        let Some(rehearsal) = rehearsal else {
            return run_to_end(self.command(args), args, input).await;
        };
        let recorded = rehearsal.recorded();
        let recorded: Vec<_> = recorded.iter().map(String::as_str).collect();
        let finished = run_to_end(self.command(&recorded), args, input).await;
        if finished.code.is_some() && rehearsal.was_recorded() {
            let played = rehearsal.played();
            let played: Vec<_> = played.iter().map(String::as_str).collect();
            rehearsal.exchange(&self.root()).expect("the scene can be moved");
            let again = run_to_end(self.command(&played), args, input).await;
            assert_eq!(again.code, finished.code, "played:\n{}{}", again.stderr, again.stdout);
            rehearsal.compare(&self.root());
            rehearsal.exchange(&self.root()).expect("the scene can be moved");
        }
        finished
    }

    /// Starts it; its standard output is then followed line by line.
    pub fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Running { child, lines, seen: Vec::new() }
    }

    /// Starts it on a terminal of this size that answers everything.
    pub fn screen(&self, args: &[&str], columns: u16, rows: u16) -> PtyScreen {
        self.screen_answering(args, columns, rows, Answers::all())
    }

    /// Starts it on a terminal that answers so.
    pub fn screen_answering(
        &self,
        args: &[&str],
        columns: u16,
        rows: u16,
        answers: Answers,
    ) -> PtyScreen {
        let mut command = self.command(args).into_std();
        command.env("TERM", "xterm-256color");
        // Like xterm, the terminal of tests cuts what is wider than itself.
        command.env("XTERM_VERSION", "XTerm(390)");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        PtyScreen::start(command, columns, rows, answers)
    }

    /// The processes whose working directory is in the workspace, each by its number and command line.
    pub fn inhabitants(&self) -> Vec<String> {
        let workspace = self.workspace();
        let processes = std::fs::read_dir("/proc").expect("a list of processes").flatten();
        let lives_here = |process: &Path| {
            std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&workspace))
        };
        let inhabitants = processes.map(|entry| entry.path()).filter(|path| lives_here(path));
        inhabitants
            .map(|process| {
                let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
                format!("{}: {}", process.display(), String::from_utf8_lossy(&line))
            })
            .collect()
    }

    /// Waits until no process is left in the workspace.
    pub async fn until_deserted(&self) {
        let begun = Instant::now();
        loop {
            let left = self.inhabitants();
            if left.is_empty() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {left:?}");
            tokio::task::yield_now().await;
        }
    }

    /// `text` without what differs from run to run: paths, ids, times, sizes that depend on them.
    pub fn normal(&self, text: &str) -> String {
        let mut text = text.replace(&*self.root().to_string_lossy(), "/scene");
        for rollout in self.rollouts() {
            if let Some(id) = rollout.parent().and_then(Path::file_name) {
                text = text.replace(&*id.to_string_lossy(), "THREAD");
            }
        }
        while let Some(at) = text.find("[request req_") {
            let end = text[at..].find(']').map_or(text.len(), |end| at + end + 1);
            text.replace_range(at..end, "[request ID]");
        }
        normal_numbers(&text)
    }
}

async fn run_to_end(mut command: Command, args: &[&str], input: &str) -> Finished {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("the binary starts");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.expect("it reads its input");
    }
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("`agent {}` did not end", args.join(" ")));
    let output = output.expect("its output");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("its output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("its messages are UTF-8"),
    }
}

impl Running {
    /// Waits for the first event of this type (and, for item events, of this item type: `item.started command_execution`).
    pub async fn until(&mut self, kind: &str) -> Value {
        let (kind, item) = kind.split_once(' ').unwrap_or((kind, ""));
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no {kind} came; seen: {:#?}", self.seen));
            let line = line
                .expect("its output")
                .unwrap_or_else(|| panic!("no {kind} came; seen: {:#?}", self.seen));
            let event: Value = serde_json::from_str(&line).expect("each line is JSON");
            self.seen.push(line);
            if event["type"] == kind && (item.is_empty() || event["item"]["type"] == item) {
                return event;
            }
        }
    }

    /// Waits for so many events.
    pub async fn events(&mut self, count: usize) {
        while self.seen.len() < count {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no more came than {:#?}", self.seen));
            match line.expect("its output") {
                Some(line) => self.seen.push(line),
                None => return,
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it still runs")
    }

    /// Sends a signal by its name: `INT`.
    pub async fn signal(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test signals the binary under test")]
        let mut kill = Command::new("kill");
        let status = kill.args([format!("-{name}"), self.pid().to_string()]).status().await;
        assert!(status.expect("kill(1) is part of POSIX").success());
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Finished {
        let mut stderr = String::new();
        let mut errors = self.child.stderr.take().expect("a pipe");
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("its output") {
                self.seen.push(line);
            }
            errors.read_to_string(&mut stderr).await.expect("its messages are UTF-8");
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it ends");
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends");
        let stdout = self.seen.iter().map(|line| format!("{line}\n")).collect();
        Finished { code: status.expect("its status").code(), stdout, stderr }
    }
}

impl Finished {
    /// Standard output as the events of `--json`.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The events' types; of item events with the item's: `item.completed agent_message`.
    pub fn types(&self) -> Vec<String> {
        let name = |event: &Value| {
            let kind = event["type"].as_str().unwrap_or_default();
            match event["item"]["type"].as_str() {
                Some(item) => format!("{kind} {item}"),
                None => kind.to_owned(),
            }
        };
        self.events().iter().map(name).collect()
    }

    /// The first event of this type, as in [`Running::until`].
    pub fn event(&self, kind: &str) -> Value {
        let position = self
            .types()
            .iter()
            .position(|found| found == kind || found.split(' ').next() == Some(kind));
        let position =
            position.unwrap_or_else(|| panic!("no {kind} in {:#?}\n{}", self.types(), self.stderr));
        self.events().swap_remove(position)
    }

    /// All completed items of this type.
    pub fn items(&self, kind: &str) -> Vec<Value> {
        let completed = self.events().into_iter().filter(|event| event["type"] == "item.completed");
        completed.map(|event| event["item"].clone()).filter(|item| item["type"] == kind).collect()
    }

    /// # Panics
    /// When it has not.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stderr, self.stdout);
        self
    }
}

/// Numbers with a unit of time or size become `N`.
pub(crate) fn normal_numbers(text: &str) -> String {
    const UNITS: [&str; 8] = [" ms", " s", " B", " kB", " MB", " tokens", " up", " %"];
    let mut normal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        normal.push_str(before);
        let len = number
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .unwrap_or(number.len());
        let after = &number[len..];
        let unit = UNITS.iter().any(|unit| {
            after
                .strip_prefix(unit)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        });
        normal.push_str(if unit { "N" } else { &number[..len] });
        rest = after;
    }
    normal.push_str(rest);
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_unit_is_not_compared() {
        assert_eq!(
            normal_numbers("done in 1.2 s · 4 steps · 12,3 kB up"),
            "done in N s · 4 steps · N kB up"
        );
    }
}
