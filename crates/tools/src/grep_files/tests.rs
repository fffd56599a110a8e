use super::*;

fn sample() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for folder in ["src", "target", ".git", ".github"] {
        std::fs::create_dir(path.join(folder)).unwrap();
    }
    for (file, content) in [
        ("src/b.rs", &b"one\ntwo needle\nthree\nfour\nneedle five\n"[..]),
        ("src/a.txt", b"Needle\r\nneedle\r\n"),
        ("target/out.rs", b"needle"),
        ("ignored.rs", b"needle"),
        (".gitignore", b"/target\nignored.rs\n"),
        (".git/config", b"needle"),
        (".github/ci.yml", b"needle\xff"),
        ("binary", b"needle\0needle"),
    ] {
        std::fs::write(path.join(file), content).unwrap();
    }
    std::os::unix::fs::symlink("src/b.rs", path.join("link.rs")).unwrap();
    dir
}

fn needle_in(dir: &Path) -> GrepFiles {
    GrepFiles {
        pattern: "needle".into(),
        include: None,
        cwd: dir.into(),
        path: ".".into(),
        limit: 100,
        context: 0,
        subject: String::new(),
    }
}

fn grep(dir: &Path, change: impl FnOnce(&mut GrepFiles)) -> String {
    grep_on(2, dir, change)
}

fn grep_on(threads: usize, dir: &Path, change: impl FnOnce(&mut GrepFiles)) -> String {
    let mut job = needle_in(dir);
    change(&mut job);
    job.search(threads).unwrap_or_else(|message| (message, String::new())).0
}

#[test]
fn matches_come_sorted_by_path_without_ignored_and_binary_files_and_links() {
    let dir = sample();
    assert_eq!(
        grep(dir.path(), |_| ()),
        ".github/ci.yml:1: needle\u{fffd}\nsrc/a.txt:2: needle\nsrc/b.rs:2: two needle\n\
         src/b.rs:5: needle five\n[4 matches in 3 files]"
    );
}

#[test]
fn a_glob_narrows_and_never_brings_ignored_files_back() {
    let dir = sample();
    assert_eq!(
        grep(dir.path(), |job| job.include = Some("*.rs".into())),
        "src/b.rs:2: two needle\nsrc/b.rs:5: needle five\n[2 matches in 1 file]"
    );
    let text = grep(dir.path(), |job| job.include = Some("!src/**".into()));
    assert_eq!(text, ".github/ci.yml:1: needle\u{fffd}\n[1 match in 1 file]");
}

#[test]
fn context_lines_are_marked_and_groups_parted() {
    let dir = sample();
    let text = grep(dir.path(), |job| {
        job.context = 1;
        job.path = "src/b.rs".into();
        job.pattern = "^(one|.*five)$".into();
    });
    assert_eq!(
        text,
        "src/b.rs:1: one\nsrc/b.rs-2- two needle\n--\nsrc/b.rs-4- four\nsrc/b.rs:5: needle five\n\
         [2 matches in 1 file]"
    );
}

#[test]
fn results_are_bounded_and_say_that_there_are_more() {
    let dir = sample();
    let text = grep(dir.path(), |job| job.limit = 2);
    assert!(text.ends_with(
        "[2 matches in 2 files, and there are more: narrow the pattern, `path` or `include`]"
    ));
    std::fs::write(
        dir.path().join("long"),
        format!("{}needle{}\n", "é".repeat(500), "x".repeat(500)),
    )
    .unwrap();
    let text = grep(dir.path(), |job| job.path = "long".into());
    assert!(
        text.starts_with("long:1: …é") && text.contains("éneedlex") && text.contains("x…\n"),
        "{text}"
    );
    assert!(text.len() < 400);
    std::fs::write(dir.path().join("many"), "needle and more text\n".repeat(5_000)).unwrap();
    let text = grep(dir.path(), |job| {
        job.path = "many".into();
        job.limit = 5_000;
    });
    assert!(text.len() < MAX_TEXT + 200 && text.contains("there are more"));
}

#[test]
fn an_invalid_pattern_is_shown_with_the_place_of_the_error() {
    let dir = sample();
    let message = grep(dir.path(), |job| job.pattern = "fn (".into());
    assert!(
        message.contains("fn (\n") && message.contains("   ^\nerror: unclosed group"),
        "{message}"
    );
    let message = grep(dir.path(), |job| job.include = Some("{a".into()));
    assert!(message.starts_with("wrong `include`: "), "{message}");
}

#[test]
fn a_pattern_that_is_huge_once_compiled_is_refused() {
    let dir = sample();
    let message = grep(dir.path(), |job| job.pattern = "x{1000}{1000}".into());
    assert!(message.starts_with("wrong `pattern`: ") && message.contains("limit"), "{message}");
}

/// What is said of a call before it is asked about.
fn checked(change: impl FnOnce(&mut GrepFiles)) -> Result<(), String> {
    let mut job = needle_in(Path::new("/x"));
    change(&mut job);
    job.check()
}

#[test]
fn r19_a_pattern_and_a_glob_have_a_length_at_most_and_the_model_is_told_which() {
    let said = |length: usize| "a|".repeat(length / 2);
    assert_eq!(checked(|job| job.pattern = said(4_000)), Ok(()));
    assert_eq!(checked(|job| job.include = Some("?".repeat(4_000))), Ok(()));
    let message = checked(|job| job.pattern = said(4_002)).unwrap_err();
    assert!(message.starts_with("`pattern` is 4002 bytes long, and may be 4000: "), "{message}");
    let message = checked(|job| job.include = Some("?".repeat(4_001))).unwrap_err();
    assert!(message.starts_with("`include` is 4001 bytes long"), "{message}");
}

#[test]
fn what_is_plainly_no_pattern_is_said_before_anything_is_asked() {
    let message = checked(|job| job.pattern = "fn (".into()).unwrap_err();
    assert!(message.contains("   ^\nerror: unclosed group"), "{message}");
    assert!(checked(|job| job.pattern = "[".repeat(4_000)).is_err());
    assert!(checked(|job| job.include = Some("{a".into())).is_err());
}

#[test]
fn nothing_found_is_said() {
    let dir = sample();
    assert_eq!(grep(dir.path(), |job| job.pattern = "absent".into()), "[no matches in 5 files]");
    let message = grep(dir.path(), |job| job.path = "missing".into());
    assert!(message.ends_with("missing: no such file or directory"), "{message}");
}

/// More files than fit into the batches of all threads; every third has no match, and every 40th many.
fn many_files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..900 {
        let folder = dir.path().join(format!("{}/{}", n % 7, n % 4));
        std::fs::create_dir_all(&folder).unwrap();
        let text = match n {
            _ if n % 40 == 0 => "a needle\nor two\nneedles\n\n".repeat(n),
            _ if n % 3 == 0 => "hay\n".into(),
            _ => format!("hay {n}\nneedle {n}\nhay\n\nand a needle\n"),
        };
        std::fs::write(folder.join(n.to_string()), text).unwrap();
    }
    dir
}

#[test]
fn however_many_threads_search_the_result_is_the_same() {
    let dir = many_files();
    for (pattern, context, limit) in [
        ("needle", 0, 100),
        ("needle", 2, 7),
        ("needle", 1, 1_000),
        ("needle [0-9]+5", 0, 1_000),
        ("needle 7", 1, 1_000),
        ("nothing", 0, 1),
    ] {
        let on = |threads| {
            grep_on(threads, dir.path(), |job| {
                (job.pattern, job.context, job.limit) = (pattern.into(), context, limit);
            })
        };
        let alone = on(1);
        for threads in [2, 8] {
            assert_eq!(on(threads), alone, "{pattern}, {context} lines, {threads} threads");
        }
    }
    let all = grep(dir.path(), |job| job.pattern = "nothing".into());
    assert_eq!(all, "[no matches in 900 files]");
}

#[test]
fn a_line_of_megabytes_is_found_and_what_was_before_it_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(3 << 20);
    for name in ["a", "b"] {
        std::fs::write(dir.path().join(name), format!("needle\n{long}\n{long}needle\n")).unwrap();
    }
    std::fs::write(dir.path().join("c"), "needle").unwrap();
    let text = grep(dir.path(), |_| ());
    let places = text.lines().map(|line| line.split(' ').next().unwrap());
    assert_eq!(places.collect::<Vec<_>>(), ["a:1:", "a:3:", "b:1:", "b:3:", "c:1:", "[5"]);
}

#[test]
fn r16_a_pipe_called_an_ignore_file_does_not_hold_a_search_up() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let dir = sample();
    let pipe = |path: &str| mknodat(CWD, dir.path().join(path), FileType::Fifo, Mode::RWXU, 0);
    std::fs::create_dir(dir.path().join("odd")).unwrap();
    std::fs::write(dir.path().join("odd/file"), "needle").unwrap();
    pipe("odd/.ignore").unwrap();
    let text = grep(dir.path(), |_| ());
    assert!(text.ends_with("[4 matches in 3 files; 1 entry could not be read]"), "{text}");
    // Above what is searched, no ignore file counts then.
    pipe(".ignore").unwrap();
    let text = grep(dir.path(), |job| job.path = "target".into());
    assert_eq!(text, "target/out.rs:1: needle\n[1 match in 1 file]");
}
