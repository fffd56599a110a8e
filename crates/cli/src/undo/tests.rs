use super::*;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use agent_core::Rollout;
use agent_protocol::{
    ChangeKind, Event, FileChange, Header, ItemDetails, ROLLOUT_FORMAT, Record, Status, ThreadItem,
};
use clap::Parser;

struct World {
    dir: tempfile::TempDir,
}

#[derive(clap::Parser)]
struct UndoLine {
    #[command(flatten)]
    args: UndoArgs,
}

#[derive(clap::Parser)]
struct DiffLine {
    #[command(flatten)]
    args: DiffArgs,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(world.work("")).unwrap();
        let header = Header {
            format: ROLLOUT_FORMAT,
            thread_id: "t1".into(),
            created_at: "2026-11-24T10:00:00.000Z".into(),
            agent_version: "0".into(),
            cwd: world.work(""),
            provider: "openai".into(),
            model: "m".into(),
            forked_from: None,
            instructions: String::new(),
            tools: vec![],
        };
        Rollout::create(&world.state().join("threads"), &header).unwrap();
        world
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn work(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.work(path), text).unwrap();
    }

    fn turn(&self, turn: u32, work: impl FnOnce()) {
        let undo_dir = Threads::under(&self.state()).undo_dir("t1");
        let config = UndoConfig {
            undo_dir,
            state_dir: self.state(),
            workspace: self.work(""),
            caps: Caps::default(),
        };
        let snapshots = Snapshots::open(config).unwrap();
        snapshots.before_turn(turn).unwrap();
        work();
        snapshots.after_turn(None).unwrap();
    }

    /// The same, with a patch of this file beside it, as the rollout has it.
    fn turn_with_patch(&self, turn: u32, patched: &Path, work: impl FnOnce()) {
        self.turn(turn, work);
        let path = self.state().join("threads/t1/rollout.jsonl");
        let (mut rollout, _) = Rollout::open(&path).unwrap();
        let change = FileChange {
            path: patched.to_owned(),
            kind: ChangeKind::Update,
            additions: None,
            deletions: None,
            diff: None,
            diff_truncated: false,
            move_path: None,
        };
        let item = ThreadItem {
            id: format!("i{turn}"),
            details: ItemDetails::FileChange { changes: vec![change], status: Status::Completed },
            call_id: None,
            step: None,
            duration_ms: None,
        };
        for event in [Event::TurnStarted {}, Event::ItemCompleted { item }] {
            let record = Record { seq: Some(1), at: "now".into(), event, wire: vec![] };
            rollout.append(&record).unwrap();
        }
    }

    fn undo(&self, arguments: &[&str]) -> anyhow::Result<Undone> {
        let line = UndoLine::try_parse_from([&["undo"], arguments].concat())?;
        let done = undo(&line.args, &self.state(), &self.work(""), Screen::PLAIN)?;
        let root = self.dir.path().display().to_string();
        Ok(Undone { text: done.text.replace(&root, ""), ..done })
    }

    fn diff(&self, arguments: &[&str]) -> String {
        let line = DiffLine::try_parse_from([&["diff"], arguments].concat()).unwrap();
        let found = diff(&line.args, &self.state(), &self.work(""), Screen::PLAIN).unwrap();
        found.text + &found.left_out
    }
}

#[test]
fn an_undo_that_left_all_as_it_is_says_so_and_offers_no_way_back() {
    let world = World::new();
    world.turn(1, || world.write("edited", "1"));
    world.write("edited", "2");
    let done = world.undo(&[]).unwrap();
    assert!(done.text.starts_with("Undid nothing of turn 1 in "), "{}", done.text);
    assert_eq!(done.take_back, "");
    assert!(world.undo(&["--force"]).unwrap().text.starts_with("Undid turn 1 in "));
}

#[test]
fn what_lies_outside_of_the_workspace_is_named_and_no_other_turn_is_undone_for_it() {
    let world = World::new();
    let (inside, outside) = (world.work("in"), world.dir.path().join("out"));
    world.turn_with_patch(1, &inside, || world.write("in", "1"));
    world.turn_with_patch(2, &outside, || ());
    let refused = world.undo(&[]).unwrap_err().to_string();
    assert!(
        refused.contains("turn 2") && refused.contains(&*outside.to_string_lossy()),
        "{refused}"
    );
    assert!(refused.ends_with("agent undo t1 --turn 1"), "{refused}");
    assert!(
        world.diff(&[]).contains("/out: turn 2 changed it, outside of "),
        "{}",
        world.diff(&[])
    );
    world.turn_with_patch(3, &outside, || world.write("in", "3"));
    let done = world.undo(&[]).unwrap();
    assert!(!done.complete && done.text.contains("not undone /out: turn 3"), "{done:?}");
    assert_eq!(fs::read_to_string(&inside).unwrap(), "1");
    assert!(world.undo(&["--turn", "1"]).unwrap().complete);
}

#[test]
fn undo_says_what_it_did_what_it_left_and_how_to_go_on() {
    let world = World::new();
    world.write("changed", "0");
    world.write("gone", "0");
    world.write("edited", "0");
    world.turn(1, || {
        world.write("changed", "1");
        world.write("edited", "1");
        world.write("new", "1");
        fs::remove_file(world.work("gone")).unwrap();
    });
    world.write("edited", "2");
    let shown = world.undo(&["--dry-run"]).unwrap();
    assert_eq!(
        shown.text,
        "Would undo turn 1 in /work/\n  put back  changed\n  restored  gone\n  removed   new\n  \
         kept      edited: it was edited since\n\
         To put back what was edited too: agent undo t1 --turn 1 --force\n"
    );
    assert!(world.work("new").exists());
    let done = world.undo(&[]).unwrap();
    assert!(
        done.text.starts_with("Undid turn 1") && done.take_back.ends_with("agent undo t1 --redo\n"),
        "{done:?}"
    );
    assert!(!done.complete && !world.work("new").exists());
    assert_eq!(world.undo(&[]).unwrap_err().to_string(), "nothing left to undo");
    let forced = world.undo(&["--turn", "1", "--force"]).unwrap();
    assert!(forced.complete && forced.text.contains("put back  edited"));
    let redone = world.undo(&["--redo"]).unwrap();
    assert!(redone.text.starts_with("Took back the last undo"), "{}", redone.text);
    assert!(redone.take_back.is_empty());
    assert_eq!(fs::read_to_string(world.work("edited")).unwrap(), "2");
    assert!(world.undo(&["--turn", "9"]).unwrap_err().to_string().contains("turn 9"));
}

#[test]
fn a_diff_is_a_patch_as_git_writes_it() {
    let world = World::new();
    world.write("text", "one\r\ntwo\r\nno end");
    world.write("binary", "\0\u{1}");
    world.write("run", "x\n");
    world.write("kept", "x\n");
    world.turn(1, || {
        world.write("text", "one\r\n2\r\nno end");
        world.write("binary", "\0\u{2}");
        fs::set_permissions(world.work("run"), fs::Permissions::from_mode(0o755)).unwrap();
        world.write("kept", "y\n");
        fs::create_dir(world.work("dir")).unwrap();
    });
    world.turn(2, || {
        world.write("kept", "x\n");
        symlink("text", world.work("link")).unwrap();
        fs::remove_file(world.work("binary")).unwrap();
    });
    insta::assert_snapshot!(world.diff(&[]));
    assert_eq!(world.diff(&["--names"]), "D binary\nA dir/\nA link\nM run\nM text\n");
    assert_eq!(world.diff(&["--names", "--turn", "last"]), "D binary\nM kept\nA link\n");
    assert_eq!(
        world.diff(&["--names", "--turn", "1"]),
        "M binary\nA dir/\nM kept\nM run\nM text\n"
    );
}

#[test]
fn s21_nothing_that_was_written_to_a_file_steers_the_terminal() {
    let world = World::new();
    world.turn(1, || world.write("f", "\x1b]0;title\x07 \x1b[2J\n"));
    let screen = Screen { width: 80, coloured: true, is_terminal: true };
    let shown = diff(&DiffArgs::default(), &world.state(), &world.work(""), screen).unwrap().text;
    let without_colours = ["0", "1", "31", "32", "36"]
        .iter()
        .fold(shown, |text, code| text.replace(&format!("\x1b[{code}m"), ""));
    assert!(!without_colours.contains('\x1b'), "{without_colours:?}");
    assert!(world.diff(&[]).contains("\x1b[2J"), "a file that is written gets it as it is");
}

#[test]
fn a_carriage_return_within_a_line_ends_it_in_no_diff() {
    let world = World::new();
    world.turn(1, || world.write("f", "rm -rf x #\recho harmless\n"));
    let shown = world.diff(&[]);
    assert!(shown.ends_with("\n@@ -0,0 +1 @@\n+rm -rf x #\recho harmless\n"), "{shown:?}");
}
