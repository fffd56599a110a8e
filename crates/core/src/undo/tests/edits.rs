//! Whatever was edited, by whomever: a turn that is undone and done again changes nothing else.

use proptest::prelude::*;

use super::*;

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
