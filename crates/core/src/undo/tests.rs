//! Turns that are undone and done again. What a look covers, what links do, and whatever edits come are files beside this.

mod edits;
mod links;
mod looks;

use super::*;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

/// A workspace and a thread that works in it.
struct World {
    dir: tempfile::TempDir,
    caps: Caps,
}

/// Everything below a workspace: mode and bytes, or link target, by path.
type Tree = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir, caps: Caps::default() }
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn snapshots(&self) -> Snapshots {
        let state_dir = self.dir.path().join("state");
        let config = UndoConfig {
            undo_dir: state_dir.join("undo/t"),
            state_dir,
            workspace: self.path(""),
            caps: self.caps,
        };
        Snapshots::open(config).unwrap()
    }

    /// A turn that does this.
    fn turn(&self, turn: u32, work: impl FnOnce()) -> Option<ChangeSet> {
        let snapshots = self.snapshots();
        snapshots.before_turn(turn).unwrap();
        work();
        snapshots.after_turn(None).unwrap()
    }

    fn undo(&self, number: u32, force: bool) -> UndoReport {
        let snapshots = self.snapshots();
        let plan = snapshots.plan(number, force).unwrap();
        snapshots.undo(&plan).unwrap()
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        read_tree(&self.path(""), &self.path(""), &mut tree);
        tree
    }
}

fn read_tree(root: &Path, dir: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::symlink_metadata(&path).unwrap();
        let bytes = match found.mode() & 0o170_000 {
            0o040_000 => {
                read_tree(root, &path, tree);
                Vec::new()
            }
            0o120_000 => fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
            _ => fs::read(&path).unwrap(),
        };
        let below = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        tree.insert(below, (found.mode(), bytes));
    }
}

fn paths(set: &ChangeSet) -> Vec<String> {
    set.changes.iter().map(|change| change.path.to_string()).collect()
}

#[test]
fn a_turn_is_undone_and_the_undo_taken_back_whatever_the_files_are() {
    let world = World::new();
    world.write("text.rs", "one\r\ntwo\r\n");
    world.write("binary", [0, 159, 146, 150, 0]);
    world.write("empty", "");
    world.write("old name", "moved");
    world.write("deep/er/gone", "gone");
    world.write(OsStr::from_bytes(b"not\xffutf8\nat all"), "odd");
    world.write("run.sh", "#!/bin/sh\n");
    world.write("becomes a directory", "file");
    world.write("becomes a file/inner", "inner");
    symlink("text.rs", world.path("link")).unwrap();
    symlink("/nowhere", world.path("dangling")).unwrap();
    let before = world.tree();
    let set = world.turn(1, || {
        world.write("text.rs", "one\r\n2\r\n");
        world.write("binary", [1, 2, 3]);
        world.write("empty", "no more");
        fs::rename(world.path("old name"), world.path("new name")).unwrap();
        fs::remove_dir_all(world.path("deep")).unwrap();
        world.write(OsStr::from_bytes(b"not\xffutf8\nat all"), "even odder");
        world.chmod("run.sh", 0o755);
        fs::remove_file(world.path("becomes a directory")).unwrap();
        world.write("becomes a directory/x/y", "new");
        fs::remove_dir_all(world.path("becomes a file")).unwrap();
        world.write("becomes a file", "file");
        fs::remove_file(world.path("link")).unwrap();
        symlink("binary", world.path("link")).unwrap();
        fs::remove_file(world.path("dangling")).unwrap();
        world.write("dangling", "a file now");
        fs::create_dir(world.path("new and empty")).unwrap();
    });
    let after = world.tree();
    let set = set.unwrap();
    assert!(set.changes.iter().all(Change::is_covered));
    let report = world.undo(set.number, false);
    assert_eq!(report.kept, []);
    assert_eq!(world.tree(), before);
    let report = world.undo(report.set.unwrap().number, false);
    assert_eq!(report.kept, []);
    assert_eq!(world.tree(), after);
}

#[test]
fn turns_are_undone_one_after_the_other_and_done_again_in_order() {
    let world = World::new();
    world.write("f", "0");
    for turn in 1..=3 {
        world.turn(turn, || world.write("f", turn.to_string()));
    }
    assert_eq!(world.turn(4, || {}), None);
    let log = UndoLog::at(&world.dir.path().join("state/undo/t"));
    for expected in ["2", "1", "0"] {
        let number = log.last_done().unwrap().unwrap().number;
        world.undo(number, false);
        assert!(log.is_undone(number).unwrap());
        assert_eq!(world.read("f"), expected);
    }
    assert_eq!(log.last_done().unwrap(), None);
    for expected in ["1", "2", "3"] {
        world.undo(log.last_undone().unwrap().unwrap().number, false);
        assert_eq!(world.read("f"), expected);
    }
    assert_eq!(log.last_undone().unwrap(), None);
    assert_eq!(log.last_done().unwrap().unwrap().origin, Origin::Turn(3));
}

#[test]
fn what_the_person_edited_since_is_kept_unless_forced_and_never_lost() {
    let world = World::new();
    world.write("both", "0");
    world.write("agent", "0");
    let set = world.turn(1, || {
        world.write("both", "agent's");
        world.write("agent", "agent's");
        world.write("new", "agent's");
    });
    world.write("both", "person's");
    world.write("new", "person's");
    let number = set.unwrap().number;
    let report = world.undo(number, false);
    assert_eq!((world.read("both").as_str(), world.read("new").as_str()), ("person's", "person's"));
    assert_eq!(world.read("agent"), "0");
    assert_eq!(
        report.kept.iter().map(|kept| kept.path.to_string()).collect::<Vec<_>>(),
        ["both", "new"]
    );
    assert!(report.kept.iter().all(|kept| kept.because == KeptBecause::EditedSince));
    let report = world.undo(number, true);
    assert_eq!((world.read("both").as_str(), world.path("new").exists()), ("0", false));
    world.undo(report.set.unwrap().number, false);
    assert_eq!((world.read("both").as_str(), world.read("new").as_str()), ("person's", "person's"));
}

#[test]
fn a_plan_says_what_would_change_and_changes_nothing() {
    let world = World::new();
    world.write("a", "0");
    let set = world.turn(1, || world.write("a", "1")).unwrap();
    let snapshots = world.snapshots();
    let plan = snapshots.plan(set.number, false).unwrap();
    assert_eq!(world.read("a"), "1");
    assert_eq!(plan.changes.len(), 1);
    // Between the question and the answer the person saved the file.
    world.write("a", "2");
    let report = snapshots.undo(&plan).unwrap();
    assert_eq!((world.read("a").as_str(), report.set), ("2", None));
    assert_eq!(report.kept[0].because, KeptBecause::EditedSince);
}

#[test]
fn a_turn_that_was_cut_off_is_finished_by_whoever_comes_next() {
    let world = World::new();
    world.write("f", "0");
    let snapshots = world.snapshots();
    snapshots.before_turn(1).unwrap();
    world.write("f", "1");
    assert!(Snapshots::open(snapshots.config.clone()).is_err());
    drop(snapshots);
    // Another thread looks at the same workspace meanwhile, and the cache is thrown away.
    fs::remove_dir_all(world.dir.path().join("state/shadows")).unwrap();
    let set = world.snapshots().recover().unwrap().unwrap();
    assert!(set.interrupted);
    world.undo(set.number, false);
    assert_eq!(world.read("f"), "0");
    assert_eq!(world.snapshots().recover().unwrap(), None);
}

#[test]
fn contents_lost_from_the_cache_cost_the_undo_of_that_file_only() {
    let world = World::new();
    world.write("f", "0000");
    world.write("g", "0");
    world.turn(1, || world.write("g", "1"));
    let snapshots = world.snapshots();
    snapshots.before_turn(2).unwrap();
    let place = Place::open(&world.path("")).unwrap();
    let pack = snapshots.shadow(&world.path(""), place).unwrap().pack_path();
    let damaged = fs::read(&pack)
        .unwrap()
        .iter()
        .map(|byte| if *byte == b'0' { b'x' } else { *byte })
        .collect::<Vec<_>>();
    fs::write(&pack, damaged).unwrap();
    world.write("f", "1111");
    world.write("new", "new");
    let set = snapshots.after_turn(None).unwrap().unwrap();
    drop(snapshots);
    let report = world.undo(set.number, false);
    assert_eq!(report.kept[0].because, KeptBecause::NotCovered);
    assert_eq!((world.read("f").as_str(), world.path("new").exists()), ("1111", false));
    let set = world.turn(3, || world.write("f", "2222")).unwrap();
    world.undo(set.number, false);
    assert_eq!(world.read("f"), "1111");
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let world = World::new();
    world.write("f", "0");
    world.turn(1, || world.write("f", "1"));
    let mut kept = Tree::new();
    read_tree(world.dir.path(), &world.dir.path().join("state"), &mut kept);
    assert!(kept.values().all(|(mode, _)| mode & 0o077 == 0), "{:?}", kept.keys());
}

#[test]
fn a_fork_takes_over_the_changes_of_its_turns_and_each_of_the_two_sees_what_the_other_did() {
    let world = World::new();
    world.write("one", "0");
    for turn in 1..=4 {
        world.turn(turn, || {
            world.write("one", turn.to_string());
            world.write(format!("new {turn}"), turn.to_string());
        });
    }
    assert_eq!(world.undo(4, false).set.unwrap().number, 5);
    let fork_dir = world.dir.path().join("state/undo/f");
    let fork_log = UndoLog::at(&fork_dir);
    world.snapshots().log().hand_on(&fork_log, Some(4)).unwrap();
    assert_eq!(fork_log.sets().unwrap().len(), 3, "neither the turn that is left out nor its undo");
    let fork = || {
        let config = UndoConfig { undo_dir: fork_dir.clone(), ..world.snapshots().config.clone() };
        Snapshots::open(config).unwrap()
    };
    let undo = |snapshots: &Snapshots, number| {
        snapshots.undo(&snapshots.plan(number, false).unwrap()).unwrap()
    };
    let undone = undo(&fork(), 3);
    assert_eq!((undone.kept, world.read("one").as_str()), (vec![], "2"));
    assert!(!world.path("new 3").exists());
    // Done already, and the thread that was left says nothing else.
    assert_eq!(world.undo(3, false), UndoReport { set: None, kept: vec![] });
    world.write("one", "mine");
    for report in [undo(&fork(), 2), world.undo(2, false)] {
        let kept: Vec<_> = report.kept.iter().map(|kept| kept.path.to_string()).collect();
        assert_eq!(kept, ["one"]);
    }
    assert!(!world.path("new 2").exists());
    assert_eq!(world.read("one"), "mine");
    // All of it, with what was undone and kept in the meantime.
    let whole = UndoLog::at(&world.dir.path().join("state/undo/w"));
    world.snapshots().log().hand_on(&whole, None).unwrap();
    assert_eq!(whole.sets().unwrap(), world.snapshots().log().sets().unwrap());
    // What the one loses the other still has.
    fs::remove_dir_all(world.dir.path().join("state/undo/t")).unwrap();
    let sets = fork_log.sets().unwrap();
    let entries = sets.iter().flat_map(|set| &set.changes).filter_map(|it| it.after.as_ref());
    let contents = entries.filter_map(|entry| entry.content);
    assert!(contents.into_iter().all(|digest| fork_log.content(digest).is_ok()));
}
