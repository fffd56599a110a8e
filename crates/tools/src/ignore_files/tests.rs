//! What is left out, beside the crate whose walks do so themselves; and what is odd where an ignore file would be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use ignore::WalkBuilder;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
}

fn below(root: &Path, walk: &mut WalkBuilder) -> BTreeSet<String> {
    let paths = walk.build().flatten().map(|entry| entry.into_path());
    let paths = paths.filter_map(|path| Some(path.strip_prefix(root).ok()?.to_str()?.to_owned()));
    paths.filter(|path| !path.is_empty()).collect()
}

/// All below it that is seen.
fn seen(root: &Path) -> BTreeSet<String> {
    let rules = IgnoreRules::below(root).unwrap();
    let mut walk = WalkBuilder::new(root);
    walk.standard_filters(false).filter_entry(move |entry| {
        let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
        !is_store(entry.path()) && rules.fate_of(entry.path(), is_directory) == Fate::Seen
    });
    below(root, &mut walk)
}

/// The same by the crate's own walk.
fn seen_by_crate(root: &Path) -> BTreeSet<String> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).git_global(false).filter_entry(|entry| !is_store(entry.path()));
    below(root, &mut walk)
}

/// What becomes of a directory in which `change` was made.
fn after(change: impl FnOnce(&Path)) -> Fate {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("in");
    fs::create_dir(&directory).unwrap();
    let rules = IgnoreRules::below(scratch.path()).unwrap();
    change(&directory);
    let fate = rules.fate_of(&directory, true);
    // The same file closes a root.
    assert_eq!(IgnoreRules::below(&directory).is_err(), fate == Fate::Closed);
    fate
}

fn pattern() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("a"),
        Just("b"),
        Just("*.c"),
        Just("d"),
        Just("*"),
        Just("**/b"),
        Just("a/**")
    ];
    let lines = (prop::bool::weighted(0.3), any::<bool>(), name, any::<bool>(), any::<bool>());
    lines.prop_map(|(keeps, is_rooted, name, is_below, is_directory)| {
        let [keeps, rooted, end] = [(keeps, "!"), (is_rooted, "/"), (is_directory, "/")]
            .map(|(it, text)| if it { text } else { "" });
        let below = if is_below { "d/" } else { "" };
        format!("{keeps}{rooted}{below}{name}{end}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_out_is_what_the_walks_of_the_crate_leave_out(
        rules in prop::collection::vec(
            (
                prop::sample::select(vec!["", "d/", "d/a/", "a/"]),
                prop::sample::select(vec![".gitignore", ".ignore", ".git/info/exclude"]),
                prop::collection::vec(pattern(), 1..4),
            ),
            0..6,
        ),
        below in prop::sample::select(vec!["", "d", "d/a"]),
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("w");
        for directory in ["", "a", "d", "d/a", "d/a/d", "b"] {
            for file in ["a", "b", "x.c", ".c"] {
                let path = root.join(directory).join(file);
                if !path.exists() && path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
                    let _ = fs::write(path, "");
                }
            }
        }
        fs::create_dir_all(root.join(".git/info")).unwrap();
        for (directory, name, lines) in rules {
            let file = root.join(directory).join(name);
            // A name may be a file's already.
            if fs::create_dir_all(file.parent().unwrap()).is_ok() {
                fs::write(file, lines.concat()).unwrap();
            }
        }
        let root = root.join(below);
        if root.is_dir() {
            prop_assert_eq!(seen(&root), seen_by_crate(&root));
        }
    }
}

#[test]
fn a_repository_hears_what_is_around_it_only_from_files_that_are_not_of_git() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    // As in a home that is a repository of dotfiles.
    write(
        root,
        &[(".gitignore", "*\n"), (".ignore", "b\n"), ("p/.git/HEAD", ""), ("p/a", ""), ("p/b", "")],
    );
    assert_eq!(seen(&root.join("p")), BTreeSet::from(["a".to_owned()]));
    fs::remove_dir_all(root.join("p/.git")).unwrap();
    assert_eq!(seen(&root.join("p")), BTreeSet::new());
}

#[test]
fn a_root_that_is_a_link_has_the_rules_of_where_it_leads() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    write(root, &[("w/.gitignore", "/in/a\n"), ("w/in/a", ""), ("w/in/b", "")]);
    symlink(root.join("w/in"), root.join("link")).unwrap();
    assert_eq!(seen(&root.join("link")), BTreeSet::from(["b".to_owned()]));
}

#[test]
fn the_list_of_a_repository_is_found_where_its_pointer_leads() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    write(
        root,
        &[
            ("w/.git", "gitdir: ../git/of tree\n"),
            ("w/a", ""),
            ("w/b", ""),
            ("git/of tree/commondir", "..\n"),
            ("git/info/exclude", "\u{feff}a\r\n"),
        ],
    );
    assert_eq!(seen(&root.join("w")), BTreeSet::from(["b".to_owned()]));
}

#[test]
fn r16_only_ignore_files_that_end_are_read() {
    let own = tempfile::NamedTempFile::new().unwrap();
    for (target, expected) in [
        (own.path(), Fate::Seen),
        (Path::new("nowhere"), Fate::Seen),
        (Path::new("/dev/null"), Fate::Closed),
        (Path::new("/dev/zero"), Fate::Closed),
        (Path::new("/"), Fate::Seen),
    ] {
        for name in [".gitignore", ".ignore"] {
            assert_eq!(
                after(|dir| symlink(target, dir.join(name)).unwrap()),
                expected,
                "{target:?}"
            );
        }
    }
    assert_eq!(after(|dir| fs::write(dir.join(".gitignore"), "").unwrap()), Fate::Seen);
    assert_eq!(after(|dir| pipe(&dir.join(".gitignore"))), Fate::Closed);
    let long =
        |dir: &Path| fs::File::create(dir.join(".ignore")).unwrap().set_len(MOST + 1).unwrap();
    assert_eq!(after(long), Fate::Closed);
}

#[cfg(target_os = "linux")]
#[test]
fn r16_files_of_the_kernel_are_no_ignore_files() {
    for target in ["/proc/self/pagemap", "/proc/self/environ"] {
        assert_eq!(
            after(|dir| symlink(target, dir.join(".ignore")).unwrap()),
            Fate::Closed,
            "{target}"
        );
    }
}

#[test]
fn r16_what_a_pointer_to_a_repository_leads_to_is_no_pipe() {
    let scratch = tempfile::tempdir().unwrap();
    let git = scratch.path().join("git");
    fs::create_dir_all(git.join("of/info")).unwrap();
    let pointed = |dir: &Path| {
        fs::write(dir.join(".git"), format!("gitdir: {}\n", git.join("of").display())).unwrap()
    };
    assert_eq!(after(pointed), Fate::Seen);
    for name in ["of/commondir", "of/info/exclude"] {
        pipe(&git.join(name));
        assert_eq!(after(pointed), Fate::Closed, "{name}");
        fs::remove_file(git.join(name)).unwrap();
    }
    assert_eq!(
        after(|dir| symlink("/dev/zero", dir.join(".git")).unwrap()),
        Fate::Seen,
        "it points nowhere"
    );
}

/// What takes the place of an ignore file while it is being looked at is not waited for.
#[test]
fn r16_a_pipe_that_comes_and_goes_holds_nothing_up() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("in");
    fs::create_dir(&directory).unwrap();
    let (file, pipes, own) =
        (directory.join(".gitignore"), scratch.path().join("pipe"), scratch.path().join("own"));
    pipe(&pipes);
    fs::write(&own, "a\n").unwrap();
    symlink(&own, &file).unwrap();
    std::thread::scope(|scope| {
        let exchanging = scope.spawn(|| {
            for target in [&pipes, &own].into_iter().cycle().take(20_000) {
                let _ = fs::remove_file(scratch.path().join("next"));
                symlink(target, scratch.path().join("next")).unwrap();
                fs::rename(scratch.path().join("next"), &file).unwrap();
            }
        });
        let rules = IgnoreRules::below(scratch.path()).unwrap();
        while !exchanging.is_finished() {
            assert_ne!(rules.fate_of(&directory, true), Fate::Ignored);
        }
    });
}

#[test]
fn r11_patterns_beyond_what_a_repository_has_close_their_directory() {
    let of = |pattern: &str, count: usize| pattern.repeat(count);
    for (text, expected) in [
        (of("?b\n", MOST_WEIGHT / 5), Fate::Seen),
        (of("?b\n", MOST_WEIGHT / 5 + 1), Fate::Closed),
        (of("*.o\n", MOST_WEIGHT), Fate::Seen),
        (of("name\n", MOST_WEIGHT + 1), Fate::Closed),
    ] {
        assert_eq!(after(|dir| fs::write(dir.join(".gitignore"), text).unwrap()), expected);
    }
    // Of all its directories together.
    let scratch = tempfile::tempdir().unwrap();
    let rules = IgnoreRules::below(scratch.path()).unwrap();
    let fates = ["a", "b"].map(|name| {
        write(scratch.path(), &[(&format!("{name}/.ignore"), &of("x\n", MOST_WEIGHT / 2 + 1))]);
        rules.fate_of(&scratch.path().join(name), true)
    });
    assert_eq!(fates, [Fate::Seen, Fate::Closed]);
}
