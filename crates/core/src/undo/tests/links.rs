//! Links that a turn puts where undo looks, writes, or keeps what there was.

use super::*;

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
