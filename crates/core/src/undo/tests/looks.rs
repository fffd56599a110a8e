//! What a look at the workspace covers, and what of it is not known.

use super::*;

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
