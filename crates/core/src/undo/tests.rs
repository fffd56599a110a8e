use super::*;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use proptest::prelude::*;

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
fn ignored_files_and_version_control_are_neither_covered_nor_touched() {
    let world = World::new();
    world.write(".gitignore", "target/\n*.log\n");
    world.write("target/out", "0");
    world.write(".git/HEAD", "0");
    world.write("sub/.git/HEAD", "0");
    let set = world.turn(1, || {
        for path in ["target/out", "target/new", "x.log", ".git/HEAD", "sub/.git/HEAD", "sub/seen"]
        {
            world.write(path, "1");
        }
    });
    let set = set.unwrap();
    assert_eq!(paths(&set), ["sub/seen"]);
    world.undo(set.number, false);
    assert_eq!(world.read("target/out") + &world.read(".git/HEAD") + &world.read("x.log"), "111");
}

#[test]
fn a_file_the_turn_only_made_visible_is_not_taken_for_new() {
    let world = World::new();
    world.write(".gitignore", "secret\nkept.txt\n");
    world.write("secret", "the person's");
    world.write("kept.txt", "the person's");
    let written = fs::metadata(world.path("kept.txt")).unwrap().modified().unwrap();
    let long_ago = std::time::Duration::from_millis(100);
    while written.elapsed().unwrap() < long_ago {
        std::thread::yield_now();
    }
    let set = world.turn(1, || {
        world.write(".gitignore", "");
        world.write("secret", "changed while nobody knew it");
        world.write("new", "new");
    });
    let set = set.unwrap();
    assert_eq!(paths(&set), [".gitignore", "new", "secret"]);
    let report = world.undo(set.number, true);
    assert_eq!(report.kept[0].because, KeptBecause::NotCovered);
    assert!(
        world.path("secret").exists()
            && world.path("kept.txt").exists()
            && !world.path("new").exists()
    );
}

#[test]
fn a_file_the_turn_hid_by_an_ignore_rule_is_still_put_back() {
    let world = World::new();
    world.write("data", "0");
    let set = world.turn(1, || {
        world.write(".gitignore", "data\n");
        world.write("data", "1");
    });
    let set = set.unwrap();
    assert_eq!(paths(&set), [".gitignore", "data"]);
    world.undo(set.number, false);
    assert_eq!((world.read("data").as_str(), world.path(".gitignore").exists()), ("0", false));
}

#[test]
fn what_is_too_large_is_not_covered_and_the_report_says_so() {
    let mut world = World::new();
    world.caps = Caps { file: 10, total: 14, paths: 5 };
    world.write("large", "01234567890");
    world.write("small", "012345");
    world.write("second", "01234567");
    world.write("third", "012345678");
    let set = world.turn(1, || {
        world.write("large", "0123456789x");
        world.write("small", "x");
        world.write("third", "changed");
    });
    let set = set.unwrap();
    assert_eq!(set.uncovered, 2);
    let report = world.undo(set.number, true);
    let kept: Vec<_> =
        report.kept.iter().map(|kept| (kept.path.to_string(), kept.because.clone())).collect();
    assert_eq!(
        kept,
        [("large".into(), KeptBecause::NotCovered), ("third".into(), KeptBecause::NotCovered)]
    );
    assert_eq!(world.read("small"), "012345");
    world.write("fifth", "");
    world.write("sixth", "");
    assert!(matches!(
        world.snapshots().before_turn(2),
        Err(UndoError::TooManyPaths { limit: 5, .. })
    ));
}

#[test]
fn an_edit_of_the_same_size_in_the_same_instant_is_seen() {
    let world = World::new();
    for round in 0..50_u32 {
        world.write("f", (1000 + 2 * round).to_string());
        let set = world.turn(round + 1, || world.write("f", (1001 + 2 * round).to_string()));
        assert_eq!(set.map(|set| set.changes.len()), Some(1), "round {round}");
    }
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
fn undo_never_writes_through_a_link_that_was_put_in_its_way() {
    let world = World::new();
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "theirs").unwrap();
    world.write("dir/f", "0");
    let set = world.turn(1, || world.write("dir/f", "1")).unwrap();
    fs::remove_dir_all(world.path("dir")).unwrap();
    symlink(&outside, world.path("dir")).unwrap();
    for force in [false, true] {
        let report = world.undo(set.number, force);
        assert_eq!(report.kept.len(), 1);
        assert_eq!(fs::read_to_string(outside.join("f")).unwrap(), "theirs");
    }
}

/// The workspace gets another name, and a link to a directory of the person's its own.
fn put_a_link_in_place_of(world: &World) -> PathBuf {
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "theirs").unwrap();
    fs::rename(world.path(""), world.dir.path().join("moved")).unwrap();
    symlink(&outside, world.dir.path().join("work")).unwrap();
    outside
}

#[test]
fn undo_does_not_follow_a_link_that_was_put_in_place_of_the_workspace() {
    for is_of_an_earlier_version in [false, true] {
        let world = World::new();
        world.write("f", "0");
        let mut set = world.turn(1, || world.write("f", "1")).unwrap();
        if is_of_an_earlier_version {
            set.directory = None;
            world.snapshots().log().put(&set).unwrap();
        }
        let planned = world.snapshots().plan(set.number, true).unwrap();
        let outside = put_a_link_in_place_of(&world);
        let is_refused = |error| matches!(error, UndoError::AnotherDirectory(_));
        assert!(is_refused(world.snapshots().plan(set.number, true).unwrap_err()));
        assert!(is_refused(world.snapshots().undo(&planned).unwrap_err()));
        assert_eq!(fs::read_to_string(outside.join("f")).unwrap(), "theirs");
        fs::remove_file(world.dir.path().join("work")).unwrap();
        fs::rename(world.dir.path().join("moved"), world.path("")).unwrap();
        world.undo(set.number, false);
        assert_eq!(world.read("f"), "0");
    }
}

#[test]
fn a_workspace_that_the_person_moved_behind_a_link_is_the_same_one() {
    let world = World::new();
    world.write("f", "0");
    let set = world.turn(1, || world.write("f", "1")).unwrap();
    let moved = world.dir.path().join("moved");
    fs::rename(world.path(""), &moved).unwrap();
    symlink(&moved, world.dir.path().join("work")).unwrap();
    world.undo(set.number, false);
    assert_eq!(fs::read_to_string(moved.join("f")).unwrap(), "0");
}

#[test]
fn what_is_in_another_directory_at_the_end_of_a_turn_is_none_of_its_changes() {
    let world = World::new();
    world.write("f", "0");
    let snapshots = world.snapshots();
    snapshots.before_turn(1).unwrap();
    put_a_link_in_place_of(&world);
    assert!(matches!(snapshots.after_turn(None), Err(UndoError::AnotherDirectory(_))));
    assert!(snapshots.log().sets().unwrap().is_empty() && !snapshots.log().has_open_turn());
}

#[test]
fn s11_what_a_directory_that_became_a_link_leads_to_is_not_kept() {
    let world = World::new();
    let elsewhere = world.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["key", "hidden"] {
        fs::write(elsewhere.join(name), "the person's secret").unwrap();
        world.write(Path::new("d").join(name), "a template");
    }
    symlink("elsewhere", elsewhere.join("link")).unwrap();
    symlink("nowhere", world.path("d/link")).unwrap();
    let set = world.turn(1, || {
        fs::remove_dir_all(world.path("d")).unwrap();
        symlink(&elsewhere, world.path("d")).unwrap();
        world.write(".gitignore", "hidden\n");
    });
    let set = set.unwrap();
    assert_eq!(paths(&set), [".gitignore", "d", "d/hidden", "d/key", "d/link"]);
    let gone = set.changes.iter().filter(|change| change.path.as_path().starts_with("d/"));
    assert!(gone.filter(|change| change.after.is_none()).count() == 3);
    let kept = world.snapshots().log().content(Digest::of(b"the person's secret"));
    assert!(kept.is_err());
    world.undo(set.number, false);
    assert_eq!(world.read("d/key"), "a template");
    assert_eq!(fs::read_to_string(elsewhere.join("key")).unwrap(), "the person's secret");
}

#[test]
fn s11_a_file_is_read_through_no_directory_that_became_a_link_since_it_was_listed() {
    let world = World::new();
    let elsewhere = world.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for dir in [&elsewhere, &world.path("d")] {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("environ"), "anything").unwrap();
        symlink("anywhere", dir.join("link")).unwrap();
    }
    let place = Place::open(&world.path("")).unwrap();
    let (file, link) = (Path::new("d/environ"), Path::new("d/link"));
    assert!(place.open_file(file).is_ok() && place.read_link(link).is_ok());
    fs::rename(world.path("d"), world.path("aside")).unwrap();
    symlink(&elsewhere, world.path("d")).unwrap();
    assert!(place.open_file(file).is_err() && place.read_link(link).is_err());
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

/// What somebody does to a small set of paths, so that they meet.
#[derive(Clone, Debug)]
enum Edit {
    Write(u8, Vec<u8>),
    Remove(u8),
    Rename(u8, u8),
    Link(u8, u8),
    Mode(u8, bool),
}

const NAMES: [&str; 7] = ["a", "b", "d/a", "d/b", "d/e/a", "e", "e/a"];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let path = || 0..NAMES.len() as u8;
    let edit = prop_oneof![
        4 => (path(), proptest::collection::vec(any::<u8>(), 0..4)).prop_map(|(path, bytes)| Edit::Write(path, bytes)),
        2 => path().prop_map(Edit::Remove),
        1 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (path(), path()).prop_map(|(path, to)| Edit::Link(path, to)),
        1 => (path(), any::<bool>()).prop_map(|(path, executable)| Edit::Mode(path, executable)),
    ];
    proptest::collection::vec(edit, 0..12)
}

/// Does what can be done; what cannot, as when a file is in the way, does not happen.
fn edit(world: &World, edits: &[Edit]) {
    let path = |index: &u8| world.path(NAMES[usize::from(*index)]);
    for edit in edits {
        let _ = match edit {
            Edit::Write(at, bytes) => {
                let _ = fs::create_dir_all(path(at).parent().unwrap());
                // Never through a link: it may lead to another of the paths.
                let _ = fs::symlink_metadata(path(at))
                    .map(|found| found.is_symlink() && fs::remove_file(path(at)).is_ok());
                fs::write(path(at), bytes)
            }
            Edit::Remove(at) => fs::remove_file(path(at)).or_else(|_| fs::remove_dir_all(path(at))),
            Edit::Rename(from, to) => fs::rename(path(from), path(to)),
            Edit::Link(at, to) => symlink(NAMES[usize::from(*to)], path(at)),
            Edit::Mode(at, executable) => {
                let mode = if *executable { 0o755 } else { 0o644 };
                match fs::symlink_metadata(path(at)) {
                    Ok(found) if found.is_file() => {
                        fs::set_permissions(path(at), fs::Permissions::from_mode(mode))
                    }
                    _ => Ok(()),
                }
            }
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_turns_are_undone_exactly_in_reverse_order(first in edits(), turns in proptest::collection::vec(edits(), 1..4)) {
        let world = World::new();
        edit(&world, &first);
        let mut states = vec![world.tree()];
        let mut sets = Vec::new();
        for (index, work) in turns.iter().enumerate() {
            let set = world.turn(index as u32 + 1, || edit(&world, work));
            prop_assert_eq!(set.is_some(), world.tree() != states[index]);
            sets.push(set);
            states.push(world.tree());
        }
        let mut undos = Vec::new();
        for (set, state) in sets.iter().zip(&states).rev() {
            if let Some(set) = set {
                let report = world.undo(set.number, false);
                prop_assert_eq!(report.kept, []);
                undos.push(report.set.unwrap().number);
            }
            prop_assert_eq!(&world.tree(), state);
        }
        for number in undos.into_iter().rev() {
            prop_assert_eq!(world.undo(number, false).kept, []);
        }
        prop_assert_eq!(&world.tree(), states.last().unwrap());
    }

    #[test]
    fn whatever_the_person_did_meanwhile_stays_and_the_rest_is_put_back(
        first in edits(), work in edits(), person in edits(), force in any::<bool>()
    ) {
        let world = World::new();
        edit(&world, &first);
        let before = world.tree();
        let set = world.turn(1, || edit(&world, &work));
        let after = world.tree();
        edit(&world, &person);
        let edited = world.tree();
        let Some(set) = set else { return Ok(()) };
        let report = world.undo(set.number, force);
        let now = world.tree();
        let is_file = |tree: &Tree, path: &[u8]| tree.get(path).is_some_and(|(mode, _)| mode & 0o170_000 != 0o040_000);
        for path in before.keys().chain(after.keys()).chain(edited.keys()) {
            let untouched = edited.get(path) == after.get(path);
            let text = String::from_utf8_lossy(path);
            let changed = set.changes.iter().any(|change| change.path.to_string() == text);
            let is_kept = report.kept.iter().any(|kept| kept.path.to_string() == text);
            if !untouched && !force && is_file(&edited, path) {
                prop_assert_eq!(now.get(path), edited.get(path), "the person's {}", text);
            }
            if changed && !is_kept {
                prop_assert_eq!(now.get(path), before.get(path), "put back {}", text);
            }
        }
        // Nothing was lost: the undo is taken back.
        if let Some(undo) = report.set {
            world.undo(undo.number, true);
            let now = world.tree();
            for (path, state) in edited.iter().filter(|(path, _)| is_file(&edited, path)) {
                prop_assert_eq!(now.get(path), Some(state), "back again {}", String::from_utf8_lossy(path));
            }
        }
    }
}

#[test]
fn what_cannot_be_read_just_now_is_neither_lost_nor_passed_over() {
    let world = World::new();
    world.write("a", "1");
    let set = world.turn(1, || world.write("a", "2")).unwrap();
    let snapshots = world.snapshots();
    let dir = world.dir.path().join("state/undo/t");
    // A folder can be opened and not be read, by nobody.
    let unreadable = |path: PathBuf| {
        fs::create_dir(&path).unwrap();
        path
    };
    let other = unreadable(dir.join("sets/000002.json"));
    assert!(
        matches!(snapshots.plan(set.number, false), Err(UndoError::Io { path, .. }) if path == other)
    );
    fs::remove_dir(other).unwrap();

    snapshots.before_turn(2).unwrap();
    world.write("a", "3");
    fs::rename(dir.join("open/manifest"), dir.join("open/aside")).unwrap();
    let manifest = unreadable(dir.join("open/manifest"));
    assert!(
        matches!(snapshots.after_turn(None), Err(UndoError::Io { path, .. }) if path == manifest)
    );
    fs::remove_dir(&manifest).unwrap();
    fs::rename(dir.join("open/aside"), &manifest).unwrap();
    let set = snapshots.recover().unwrap().unwrap();
    assert_eq!(set.changes.len(), 1, "nothing was lost");
}

#[test]
fn what_was_in_a_directory_that_could_not_be_read_is_not_taken_for_new() {
    use manifest::{Node, Stat, Why};
    let node = |path: &str, mode: u32, what| Node {
        path: path.as_bytes().into(),
        stat: Stat { inode: 1, size: 0, mtime_ns: 0, ctime_ns: 0, mode },
        what,
        is_racy: false,
    };
    let shut = || node("shut", 0o040_755, What::Uncovered(Why::Unreadable));
    let directory = || node("shut", 0o040_755, What::Directory);
    let inside = || node("shut/deep", 0o040_755, What::Directory);
    let beside = || node("shut-", 0o040_755, What::Directory);
    let manifest = |nodes| Manifest { begun_ns: 0, nodes };
    let place = Place::open(Path::new("/")).unwrap();
    let changes = |before, after| {
        let changes = compare::changes(&place, &manifest(before), &manifest(after));
        changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>()
    };
    let after = || vec![directory(), beside(), inside()];
    assert_eq!(changes(vec![shut()], after()), ["shut-"]);
    assert_eq!(changes(vec![directory()], after()), ["shut-", "shut/deep"]);
}

#[test]
fn a_walk_finds_the_same_with_one_thread_and_with_several() {
    let world = World::new();
    for number in 0..50 {
        world.write(format!("{}/{number}", number % 7), "");
    }
    world.write(".git/config", "");
    let walk = |expected, limit| {
        let walked = walk::walk(&world.path(""), Path::new("/"), limit, expected)?;
        let mut found: Vec<_> = walked.found.into_iter().map(|(path, _)| path).collect();
        found.sort();
        Ok::<_, UndoError>(found)
    };
    assert_eq!(walk(0, 57).unwrap(), walk(1_000_000, 57).unwrap());
    assert_eq!(walk(0, 57).unwrap().len(), 57);
    for expected in [0, 1_000_000] {
        assert!(matches!(walk(expected, 56), Err(UndoError::TooManyPaths { .. })));
    }
    fs::remove_dir_all(world.path("")).unwrap();
    assert_eq!(walk(0, 57).unwrap().len(), 0);
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
