//! Each call of the system fails once, in each way it can: on a full or broken disk, without descriptors, without a
//! network (R1 to R5, R7, R14). The run ends in order and names the cause, no file is half, nothing runs twice, and
//! the next run goes on. A call that is interrupted, or done in part, changes nothing at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_testkit::{Call, Failing, Finished, Kind, Scene, ScriptedModel, ScriptedServer};
use serde_json::json;
use tokio::task::JoinSet;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const OLD: &str = "one\ntwo\n";
const NEW: &str = "one\nzwei\n";
const PATCH: &str = "*** Begin Patch
*** Update File: a.txt
@@
 one
-two
+zwei
*** Add File: sub/b.txt
+new
*** End Patch
";

/// What is done while a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Exec,
    Resume,
    ApplyPatch,
    Undo,
    Threads,
}

const GO: &[&str] = &["exec", "--json", "-s", "workspace-write", "go"];
const GO_ON: &[&str] = &["exec", "--json", "-s", "workspace-write", "resume", "--last", "go on"];

impl Task {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::Exec => GO,
            Self::Resume => GO_ON,
            Self::ApplyPatch => &["apply-patch"],
            Self::Undo => &["undo"],
            Self::Threads => &["threads"],
        }
    }

    fn is_json(self) -> bool {
        self.args().contains(&"--json")
    }

    fn input(self) -> &'static str {
        if self == Self::ApplyPatch { PATCH } else { "" }
    }

    /// The place as it is before.
    async fn begin(self) -> (Scene, ScriptedServer) {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "echo ran >> ran"}))
            .calls_freely("apply_patch", PATCH)
            .says("Done.")
            .says("Done after all.")
            .says("Done once more.")
            .serve();
        let scene = Scene::new(AGENT).unrehearsed().file("a.txt", OLD).file("mine/notes", "mine\n");
        let scene = scene.facing(&server);
        if matches!(self, Self::Resume | Self::Undo | Self::Threads) {
            scene.run(GO).await.succeeded();
        }
        (scene, server)
    }
}

/// What is in the workspace, but for the repository.
fn files(scene: &Scene) -> BTreeMap<String, String> {
    let (root, mut found) = (scene.workspace(), BTreeMap::new());
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != ".git" {
                open.push(path.clone());
                found.insert(format!("{name}/"), String::new());
            } else if path.is_file() {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

fn temporary(scene: &Scene) -> Vec<PathBuf> {
    let root = scene.workspace().parent().unwrap().join("tmp");
    fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A task without any fault: the files before and after it, and the events' types.
struct Outcome {
    before: BTreeMap<String, String>,
    after: BTreeMap<String, String>,
    types: Vec<String>,
}

/// How a task with a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Failed,
    /// The call was not made this time: threads come in any order.
    NotMet,
}

/// A task with a fault, and what went otherwise than it must.
struct Case {
    task: Task,
    failing: Failing,
    normal: Arc<Outcome>,
    wrong: Vec<String>,
}

impl Case {
    fn check(&mut self, is_well: bool, otherwise: impl FnOnce() -> String) {
        if !is_well {
            self.wrong.push(otherwise());
        }
    }

    /// Runs the task with its fault; then whatever comes next on that machine, without.
    async fn run(mut self) -> Result<End, String> {
        let (scene, server) = self.task.begin().await;
        let traced = scene.traced(self.task.args(), self.task.input(), Some(self.failing)).await;
        let traced = traced.unwrap();
        let (Some(call), run) = (&traced.failed, &traced.finished) else {
            return Ok(End::NotMet);
        };
        self.check_end(&scene, run, call, &server);
        self.check_files(&scene, "then");
        if self.failing.how.is_harmless() {
            self.check_that_nothing_changed(&scene, run);
        }
        self.go_on(&scene).await;
        if self.wrong.is_empty() {
            return Ok(if run.code == Some(0) { End::Done } else { End::Failed });
        }
        Err(scene.normal(&format!(
            "{:?}, {call}, {}: {}\n  code {:?}, stderr: {}",
            self.task,
            self.failing.how.cause(),
            self.wrong.join("; "),
            run.code,
            run.stderr.trim(),
        )))
    }

    /// It ended by itself, and said why, to the person or to the model.
    fn check_end(&mut self, scene: &Scene, run: &Finished, call: &Call, server: &ScriptedServer) {
        self.check(matches!(run.code, Some(0 | 1)), || format!("ends with {:?}", run.code));
        self.check(!run.stderr.contains("panicked"), || "panics".into());
        let said = format!("{}{}", run.stderr, run.stdout);
        if run.code != Some(0) {
            let is_named = self.is_cause_in(&said);
            self.check(is_named, || "does not say the cause".into());
            let name = subject(scene, &call.about);
            self.check(said.contains(&name), || format!("does not say that it is about {name}"));
        } else if files(scene) != self.normal.after {
            let told: String = server.frames().into_iter().map(|frame| frame.text).collect();
            let is_told = self.is_cause_in(&told);
            self.check(is_told, || format!("the model is not told: {told}"));
        }
        if self.task.is_json() && run.stdout.contains("\"turn.started\"") {
            let last = run.types().pop().unwrap_or_default();
            let is_over = ["turn.completed", "turn.failed"].contains(&&*last);
            self.check(is_over, || format!("the last event is {last}"));
        }
    }

    fn is_cause_in(&self, said: &str) -> bool {
        let (cause, said) = (self.failing.how.cause().to_lowercase(), said.to_lowercase());
        // Two numbers, one reason.
        let denied = "permission denied";
        said.contains(&cause) || cause == "operation not permitted" && said.contains(denied)
    }

    /// Each file is wholly old or wholly new.
    fn check_files(&mut self, scene: &Scene, when: &str) {
        let (normal, found) = (Arc::clone(&self.normal), files(scene));
        let (before, after) = (&normal.before, &normal.after);
        for (name, text) in &found {
            let is_known = before.get(name) == Some(text) || after.get(name) == Some(text);
            self.check(is_known, || format!("{when} {name} is {text:?}"));
        }
        for name in before.keys().filter(|name| after.contains_key(*name)) {
            self.check(found.contains_key(name), || format!("{when} {name} is lost"));
        }
    }

    fn check_that_nothing_changed(&mut self, scene: &Scene, run: &Finished) {
        let found = files(scene);
        self.check(run.code == Some(0), || "is no success".into());
        let normal = Arc::clone(&self.normal);
        self.check(found == normal.after, || format!("leaves {found:?}, not {:?}", normal.after));
        if self.task.is_json() {
            let types = run.types();
            self.check(types == normal.types, || format!("says {types:?}"));
        }
        self.check(run.stderr.is_empty(), || "complains".into());
    }

    /// Nothing fails any more: what was begun is done or undone as a whole, and nothing is left of ours.
    async fn go_on(&mut self, scene: &Scene) {
        let next = match self.task {
            Task::Exec | Task::Resume => GO_ON,
            Task::Undo => &["undo", "--turn", "1"],
            Task::ApplyPatch | Task::Threads => &["exec", "hi"],
        };
        let run = scene.run(next).await;
        self.check(run.code == Some(0), || format!("the next fails: {}", run.stderr));
        self.check_files(scene, "at last");
        let found = files(scene);
        if self.task == Task::Undo {
            let is_undone = found == self.normal.after;
            self.check(is_undone, || format!("the rest cannot be undone: {found:?}"));
        }
        let (is_changed, is_made) =
            (found.get("a.txt").map(String::as_str) == Some(NEW), found.contains_key("sub/b.txt"));
        self.check(is_changed == is_made, || format!("half a change: {found:?}"));
        self.check(is_made || !found.contains_key("sub/"), || "an empty folder stays".into());
        let temporary = temporary(scene);
        self.check(temporary.is_empty(), || format!("leaves {temporary:?}"));
        if matches!(self.task, Task::Exec | Task::Resume) {
            // There may be nothing to undo; what is the person's is never taken away.
            scene.run(&["undo"]).await;
            let found = files(scene);
            let whole = found.get("a.txt").is_some_and(|text| [OLD, NEW].contains(&text.as_str()));
            let is_kept = whole && found.contains_key("mine/notes");
            self.check(is_kept, || format!("an undo takes away: {found:?}"));
        }
    }
}

/// What of its name a message must contain.
fn subject(scene: &Scene, about: &str) -> String {
    let path = Path::new(about);
    let is_home = path.starts_with(scene.home());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match about.contains("/patches/") {
        true => "journal".to_owned(),
        // A folder on the way, or a file of ours: what is named is the file that it was for.
        false if !is_home && !name.contains(".txt") => String::new(),
        false => name.split('.').next().unwrap_or_default().to_owned(),
    }
}

/// Runs the task once for each call that can fail, and each way it can.
#[expect(clippy::print_stdout, reason = "a test says what it did not try")]
async fn each_call_of(task: Task) {
    let (scene, _server) = task.begin().await;
    let before = files(&scene);
    let whole = match scene.traced(task.args(), task.input(), None).await {
        Ok(whole) => whole,
        Err(error) => return println!("not run: {error}"),
    };
    assert_eq!(whole.finished.code, Some(0), "{}", whole.finished.stderr);
    let types = if task.is_json() { whole.finished.types() } else { vec![] };
    let normal = Arc::new(Outcome { before, after: files(&scene), types });
    let cases = cases(&whole.calls);
    let (mut next, mut running, mut done) = (cases.iter(), JoinSet::new(), vec![]);
    loop {
        while running.len() < 3
            && let Some(&failing) = next.next()
        {
            let case = Case { task, failing, normal: Arc::clone(&normal), wrong: vec![] };
            running.spawn(case.run());
        }
        match running.join_next().await {
            Some(case) => done.push(case.unwrap()),
            None => break,
        }
    }
    let wrong: Vec<_> = done.iter().filter_map(|end| end.as_ref().err()).cloned().collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let count = |which: End| done.iter().filter(|end| **end == Ok(which)).count();
    let (failed, missed) = (count(End::Failed), count(End::NotMet));
    println!("{task:?}: {} faults, {failed} ended it, {missed} were not met", cases.len());
    assert!(failed > 0 && missed * 5 < cases.len(), "they were felt");
}

/// As many as there is time for: `AGENT_FAULTS=all` tries each call, a number so many of each kind in each way.
fn cases(calls: &[Call]) -> Vec<Failing> {
    let most = match std::env::var("AGENT_FAULTS").as_deref() {
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().unwrap(),
        Err(_) => 2,
    };
    let mut cases = vec![];
    for kind in Kind::ALL {
        let count = calls.iter().filter(|call| call.kind == kind).count();
        let tried = count.min(most);
        for &how in kind.ways() {
            let spread = (0..tried).map(|one| (2 * one + 1) * count / (2 * tried));
            cases.extend(spread.map(|number| Failing { kind, number, how }));
        }
    }
    cases
}

#[tokio::test]
async fn each_call_of_a_run_may_fail() {
    each_call_of(Task::Exec).await;
}

#[tokio::test]
async fn each_call_of_a_run_that_goes_on_may_fail() {
    each_call_of(Task::Resume).await;
}

#[tokio::test]
async fn each_call_of_a_patch_may_fail() {
    each_call_of(Task::ApplyPatch).await;
}

#[tokio::test]
async fn each_call_of_an_undo_may_fail() {
    each_call_of(Task::Undo).await;
}

#[tokio::test]
async fn each_call_of_a_list_may_fail() {
    each_call_of(Task::Threads).await;
}
