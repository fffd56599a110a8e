//! What is found below roots, and what pointers say.

use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

const PATIENT: Patience =
    Patience { for_changed: Duration::from_secs(60), for_all: Duration::from_secs(60) };
const HURRIED: Patience = Patience { for_all: Duration::ZERO, ..PATIENT };

fn repository_at(git: &Path) {
    for part in ["objects", "refs"] {
        fs::create_dir_all(git.join(part)).unwrap();
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
}

#[test]
fn a_look_that_ends_too_early_says_so_and_has_seen_what_changed() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    repository_at(&root.join("m/.git"));
    let roots = std::slice::from_ref(&root);
    let look = below(roots, &[], i64::MAX, HURRIED, &Seen::default());
    assert_eq!((look.found, look.unseen), (BTreeSet::new(), Some(root.clone())));
    assert_eq!(look.left, roots);
    let found = BTreeSet::from([root.join("m/.git")]);
    for (since, patience) in [(0, HURRIED), (i64::MAX, PATIENT)] {
        let look = below(roots, &[], since, patience, &Seen::default());
        assert_eq!((look.found, look.unseen), (found.clone(), None));
        assert!(look.left.is_empty());
    }
}

#[test]
fn what_is_as_it_was_seen_is_not_read_again_and_what_it_points_to_is() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    repository_at(&root.join("a/.git"));
    fs::create_dir(root.join("b")).unwrap();
    fs::write(root.join("b/.git"), "gitdir: ../nowhere\n").unwrap();
    let roots = std::slice::from_ref(&root);
    let fresh = seen_below(roots, PATIENT);
    let version = |path: &Path| Version::of(&fs::symlink_metadata(path).unwrap());
    // All of it was made too shortly before.
    assert!(fresh.entries(&root, version(&root)).is_none());

    let mut seen = Seen::default();
    for directory in [&root, &root.join("a"), &root.join("a/.git"), &root.join("b")] {
        let entries = Entries::read(directory, &MARKS).unwrap();
        seen.keep(directory, version(directory), i64::MAX, &entries, false);
    }
    let look = |seen: &Seen| below(roots, &[], i64::MAX, PATIENT, seen).found;
    assert_eq!(look(&seen), BTreeSet::from([root.join("a/.git")]));
    fs::write(root.join("b/.git"), "gitdir: ../made\n").unwrap();
    repository_at(&root.join("made"));
    repository_at(&root.join("a/objects/x"));
    let all = ["a/.git", "a/objects/x", "made"].map(|git| root.join(git));
    assert_eq!(look(&seen), BTreeSet::from(all.clone()));
    assert_eq!(look(&Seen::default()), BTreeSet::from(all));
}

#[test]
fn the_links_of_a_directory_that_was_none_of_a_repository_count_once_it_is() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (git, logs) = (root.join("x"), root.join("x/logs"));
    for directory in ["x/objects", "x/refs", "x/logs"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    symlink("/elsewhere", logs.join("HEAD")).unwrap();
    let mut seen = Seen::default();
    let version = Version::of(&fs::symlink_metadata(&logs).unwrap());
    seen.keep(&logs, version, i64::MAX, &Entries::read(&logs, &MARKS).unwrap(), false);
    let look = || below(std::slice::from_ref(&root), &[], i64::MAX, PATIENT, &seen);
    assert!(look().leading.inner.is_empty());
    repository_at(&git);
    assert_eq!(look().leading.inner, BTreeSet::from([(git, logs.join("HEAD"))]));
}

#[test]
fn a_link_in_half_a_repository_counts_as_in_a_whole_one() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (git, link) = (root.join("n/.git"), root.join("n/.git/logs/HEAD"));
    fs::create_dir_all(root.join("n/.git/logs")).unwrap();
    symlink("/elsewhere", &link).unwrap();
    let look = below(std::slice::from_ref(&root), &[], 0, PATIENT, &Seen::default());
    assert_eq!(look.leading.inner, BTreeSet::from([(git, link)]));
}

#[test]
fn what_lies_where_submodules_do_may_be_half_of_one_and_a_branch_is_not() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    repository_at(&root.join(".git"));
    repository_at(&root.join(".git/modules/whole"));
    let halves = [".git/modules/a/half", ".git/modules/whole/modules/half"];
    let branches =
        [".git/refs/heads", ".git/refs/heads/modules/x", ".git/modules/whole/refs/heads"];
    for directory in halves.iter().chain(&branches) {
        fs::create_dir_all(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("config"), "").unwrap();
    }
    let look = below(std::slice::from_ref(&root), &[], 0, PATIENT, &Seen::default());
    assert_eq!(look.halves, BTreeSet::from(halves.map(|half| root.join(half))));
}

#[test]
fn a_pointer_that_leads_nowhere_counts_if_it_is_new() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let [link, file, shared] = ["link", "file", "shared"].map(|tree| root.join(tree).join(".git"));
    for pointer in [&link, &file, &shared] {
        fs::create_dir(pointer.parent().unwrap()).unwrap();
    }
    symlink("../nowhere", &link).unwrap();
    fs::write(&file, "gitdir: ../nowhere\n").unwrap();
    fs::write(root.join("other"), "").unwrap();
    fs::hard_link(root.join("other"), &shared).unwrap();
    let unknowable = |since| {
        let look = below(std::slice::from_ref(&root), &[], since, PATIENT, &Seen::default());
        look.leading.unknowable
    };
    assert_eq!(unknowable(0), BTreeSet::from([link, file, shared]));
    assert_eq!(unknowable(i64::MAX), BTreeSet::new());
}

#[test]
fn a_link_leads_to_a_repository_that_lies_anywhere_below_its_end() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let git = root.join("v/a/data");
    repository_at(&git);
    fs::create_dir(root.join("other")).unwrap();
    for (name, to) in
        [("to", "v/a/data"), ("above", "v"), ("within", "v/a/data/refs"), ("not", "other")]
    {
        symlink(to, root.join(name)).unwrap();
    }
    let linked =
        below(std::slice::from_ref(&root), &[], 0, PATIENT, &Seen::default()).leading.linked;
    let links = ["above", "to", "within"].map(|name| (git.clone(), root.join(name)));
    assert_eq!(linked, BTreeSet::from(links));
}

#[test]
fn what_git_takes_for_no_head_makes_no_repository() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let git = root.join("a/.git");
    repository_at(&git);
    let look = || below(std::slice::from_ref(&root), &[], i64::MAX, PATIENT, &Seen::default());
    let id = "0123456789abcdef0123456789abcdef01234567";
    for head in ["ref: refs/heads/x", "ref:\trefs/x\n", id, &format!("{id}ff\n")] {
        fs::write(git.join("HEAD"), head).unwrap();
        assert_eq!(look().found, BTreeSet::from([git.clone()]), "{head}");
    }
    let late = format!("ref:{}refs/heads/x", " ".repeat(300));
    for none in ["", "none", "ref: heads/x", "ref:\u{c}refs/heads/x", &late, &id[1..]] {
        fs::write(git.join("HEAD"), none).unwrap();
        let look = look();
        assert_eq!((look.found.len(), look.halves), (0, BTreeSet::from([git.clone()])), "{none}");
    }
    for (to, is_head) in [("refs/heads/x", true), ("config", false)] {
        fs::remove_file(git.join("HEAD")).unwrap();
        symlink(to, git.join("HEAD")).unwrap();
        assert_eq!(look().found.contains(&git), is_head, "{to}");
    }
    fs::remove_file(git.join("HEAD")).unwrap();
    fs::create_dir(git.join("HEAD")).unwrap();
    assert!(look().found.is_empty());
}

#[test]
fn a_repository_shares_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (git, shared) = (root.join("a/.git"), root.join("shared"));
    fs::create_dir_all(&git).unwrap();
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("commondir"), "../../shared").unwrap();
    let is_found = || {
        let look = below(std::slice::from_ref(&root), &[], 0, PATIENT, &Seen::default());
        look.found.contains(&git)
    };
    fs::create_dir_all(shared.join("objects")).unwrap();
    fs::write(shared.join("refs"), "").unwrap();
    assert!(!is_found());
    fs::remove_file(shared.join("refs")).unwrap();
    fs::create_dir(shared.join("refs")).unwrap();
    assert!(is_found());
    fs::set_permissions(shared.join("refs"), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(is_found(), "somebody else may enter it");
}

#[test]
fn objects_are_not_looked_into_until_another_repository_is_among_them() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (git, objects) = (root.join(".git"), root.join(".git/objects/ab"));
    repository_at(&git);
    fs::create_dir(&objects).unwrap();
    let look = |seen: &Seen| below(std::slice::from_ref(&root), &[], i64::MAX, PATIENT, seen).found;
    let mut seen = Seen::default();
    let version = Version::of(&fs::symlink_metadata(&objects).unwrap());
    seen.keep(&objects, version, i64::MAX, &Entries::default(), true);
    assert_eq!(look(&seen), BTreeSet::from([git.clone()]));
    repository_at(&objects);
    assert_eq!(look(&seen), BTreeSet::from([git, objects]));
}

#[test]
fn repositories_are_found_where_no_other_repository_would_have_them() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let inner = ["objects", "refs", "logs", "hooks", "info", "rr-cache", "lfs", "objects/ab"];
    repository_at(&root);
    let mut wanted = BTreeSet::from([root.clone()]);
    for place in inner {
        repository_at(&root.join(place).join("x"));
        wanted.insert(root.join(place).join("x"));
    }
    assert_eq!(
        below(std::slice::from_ref(&root), &[], i64::MAX, PATIENT, &Seen::default()).found,
        wanted
    );
}

#[test]
fn what_leads_away_from_among_the_objects_is_found() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    for (directory, file) in [("ab", ".git"), ("cd", "commondir"), ("ef", "commondir")] {
        fs::create_dir_all(root.join("objects").join(directory)).unwrap();
        fs::write(root.join("objects").join(directory).join(file), "gitdir: ../../made").unwrap();
    }
    fs::write(root.join("objects/cd/HEAD"), "ref: refs/heads/main\n").unwrap();
    repository_at(&root.join("made"));
    let look = below(std::slice::from_ref(&root), &[], i64::MAX, PATIENT, &Seen::default());
    let wanted = ["made", "objects/cd"].map(|git| root.join(git));
    assert_eq!(look.found, BTreeSet::from(wanted));
    assert_eq!(look.pointed, BTreeSet::from([(root.join("made"), root.join("objects/ab"))]));
}

#[test]
fn a_closed_directory_of_ones_own_is_said_however_old_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (closed, roots) = (root.join("closed"), std::slice::from_ref(&root));
    fs::create_dir_all(closed.join("within")).unwrap();
    for mode in [0o311, 0o600] {
        fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
        let look = below(roots, &[], i64::MAX, PATIENT, &Seen::default());
        // Nothing is closed to root.
        let unseen = (!getuid().is_root()).then(|| closed.clone());
        assert_eq!(look.unseen, unseen, "{mode:o}");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_pointer_is_read_as_git_reads_it() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let odd = root.join(OsStr::from_bytes(b"e\xff"));
    fs::create_dir(&odd).unwrap();
    fs::create_dir(root.join("sub")).unwrap();
    let long = [b"gitdir: ../e\xff".to_vec(), vec![b'\n'; 12_000]].concat();
    fs::write(root.join("file"), &long).unwrap();
    fs::write(root.join("sub/.git"), &long).unwrap();
    assert_eq!(pointed_to(&root.join("sub"), &root.join("sub/.git")), Some(odd.clone()));
    fs::remove_file(root.join("sub/.git")).unwrap();
    symlink("../file", root.join("sub/.git")).unwrap();
    assert_eq!(pointed_to(&root.join("sub"), &root.join("sub/.git")), Some(odd));
}

#[test]
fn a_common_directory_counts_only_if_it_knows_the_worktree() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let (tree, stranger, common) =
        (place.join("tree"), place.join("stranger"), place.join("main/.git"));
    let git = common.join("worktrees/tree");
    for directory in [&tree, &stranger, &git, &common.join("objects"), &common.join("refs")] {
        fs::create_dir_all(directory).unwrap();
    }
    fs::write(common.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("commondir"), "../..\n").unwrap();
    fs::write(git.join("gitdir"), format!("{}/.git\n", tree.display())).unwrap();
    for tree in [&tree, &stranger] {
        fs::write(tree.join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
    }
    assert_eq!(common_of_worktree(&tree), Some(common));
    assert_eq!(common_of_worktree(&stranger), None);
    assert_eq!(common_of_worktree(&place), None);
}

#[test]
fn repositories_are_found_by_whatever_name_and_through_whatever_points_to_them() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let outside = tempfile::tempdir().unwrap();
    for git in ["a/.git", "bare", "deep/1/2/3/4/5/6/.git", "a/.git/modules/x/y"] {
        repository_at(&root.join(git));
    }
    for worktree in ["a/.git/worktrees/w", "odd/store"] {
        fs::create_dir_all(root.join(worktree)).unwrap();
        fs::write(root.join(worktree).join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(root.join(worktree).join("commondir"), "../elsewhere\n").unwrap();
    }
    let of_elsewhere = ["odd/elsewhere/objects", "odd/elsewhere/refs"];
    for plain in ["plain/objects", "pointing", "linked", "target"].into_iter().chain(of_elsewhere) {
        fs::create_dir_all(root.join(plain)).unwrap();
    }
    fs::write(root.join("pointing/.git"), "gitdir: ../target\n").unwrap();
    symlink(outside.path(), root.join("linked/.git")).unwrap();
    let look = below(std::slice::from_ref(&root), &[], 0, PATIENT, &Seen::default());
    let found: Vec<_> = look
        .found
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    assert_eq!(
        found,
        [
            "a/.git",
            "a/.git/modules/x/y",
            "a/.git/worktrees/w",
            "bare",
            "deep/1/2/3/4/5/6/.git",
            "odd/elsewhere",
            "odd/store",
            "target",
        ]
    );
}
