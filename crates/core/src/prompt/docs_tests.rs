use super::*;

/// A directory tree of `path → text`, and a search from `root` down to `cwd` in it.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, DocSearch) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("root/a/b")).unwrap();
    fs::create_dir_all(at("home")).unwrap();
    let search = DocSearch {
        homes: vec![at("our-home"), at("home")],
        directories: vec![at("root"), at("root/a"), at("root/a/b")],
        fallback_names: vec![],
        max_bytes: 32_768,
        hidden: Hidden::default(),
    };
    (dir, search)
}

fn text_of(files: &[(&str, &str)]) -> Option<String> {
    let (_dir, search) = tree(files);
    search.read().text
}

#[test]
fn which_files_are_read_and_in_which_order() {
    for (why, files, expected) in [
        ("nothing there", &[][..], None),
        (
            "one per directory, root first",
            &[("root/AGENTS.md", "r"), ("root/a/AGENTS.md", "a"), ("root/a/b/AGENTS.md", "b")],
            Some("r\n\na\n\nb"),
        ),
        (
            "an override replaces its neighbour",
            &[("root/AGENTS.md", "r"), ("root/AGENTS.override.md", "o"), ("root/a/AGENTS.md", "a")],
            Some("o\n\na"),
        ),
        (
            "the person's file stands before, trimmed",
            &[("home/AGENTS.md", "\n me \n"), ("root/AGENTS.md", "r\n")],
            Some("me\n\n--- project-doc ---\n\nr\n"),
        ),
        ("the person's file alone", &[("home/AGENTS.md", "me")], Some("me")),
        (
            "an empty override of the person's is passed over",
            &[("home/AGENTS.override.md", " \n"), ("home/AGENTS.md", "me")],
            Some("me"),
        ),
        (
            "our home counts before Codex's",
            &[("home/AGENTS.md", "codex"), ("our-home/AGENTS.md", "ours")],
            Some("ours"),
        ),
        (
            "what holds only space is skipped",
            &[("root/AGENTS.md", " \n\t\n"), ("root/a/AGENTS.md", "a")],
            Some("a"),
        ),
        ("below the working directory nothing is read", &[("root/a/b/c/AGENTS.md", "c")], None),
        (
            "other agents' files count where there is no AGENTS.md",
            &[("root/CLAUDE.md", "claude"), ("root/a/AGENTS.md", "a"), ("root/a/CLAUDE.md", "no")],
            Some("claude\n\na"),
        ),
        (
            "in their order",
            &[
                ("root/GEMINI.md", "g"),
                ("root/.claude/CLAUDE.md", "c"),
                ("root/a/.github/copilot-instructions.md", "p"),
            ],
            Some("c\n\np"),
        ),
    ] {
        assert_eq!(text_of(files).as_deref(), expected, "{why}");
    }
}

#[test]
fn configured_names_come_after_agents_md_and_before_those_of_other_agents() {
    let (_dir, mut search) = tree(&[
        ("root/TEAM.md", "team"),
        ("root/CLAUDE.md", "claude"),
        ("root/a/AGENTS.md", "a"),
        ("root/a/TEAM.md", "no"),
        ("secret.md", "no"),
    ]);
    search.fallback_names = vec!["../secret.md".into(), "/etc/passwd".into(), "TEAM.md".into()];
    assert_eq!(search.read().text.as_deref(), Some("team\n\na"));
}

#[test]
fn over_the_limit_the_nearest_files_stay_whole_and_the_farthest_is_cut_and_said() {
    let (dir, mut search) = tree(&[
        ("root/AGENTS.md", "the farthest"),
        ("root/a/AGENTS.md", "middle"),
        ("root/a/b/AGENTS.md", "near"),
    ]);
    search.max_bytes = 13;
    let docs = search.read();
    let farthest = dir.path().join("root/AGENTS.md");
    assert_eq!(
        docs.text.unwrap(),
        format!("the\n[The rest of {} was left out.]\n\nmiddle\n\nnear", farthest.display())
    );
    assert_eq!(
        docs.notes,
        [format!("{}: 3 of 12 bytes were read; project_doc_max_bytes is 13", farthest.display())]
    );
}

#[test]
fn a_file_larger_than_the_limit_is_cut_between_characters() {
    let (_dir, mut search) = tree(&[("root/a/b/AGENTS.md", "ééé"), ("root/AGENTS.md", "far")]);
    search.max_bytes = 3;
    let docs = search.read();
    let text = docs.text.unwrap();
    assert!(text.contains("\n\né\n[The rest of"), "{text}");
    assert!(!text.contains("far"), "{text}");
    assert_eq!(docs.notes.len(), 2);
}

#[test]
fn a_limit_of_zero_reads_no_file_of_the_project_but_the_persons() {
    let (_dir, mut search) = tree(&[("root/AGENTS.md", "r"), ("home/AGENTS.md", "me")]);
    search.max_bytes = 0;
    assert_eq!(search.read().text.as_deref(), Some("me"));
}

#[test]
fn a_claude_file_brings_what_it_imports_from_the_project() {
    let (dir, search) = tree(&[
        ("root/CLAUDE.md", "See @docs/style.md and @../outside.txt and @missing."),
        ("root/docs/style.md", "Tabs. @more.md"),
        ("root/docs/more.md", "More. @style.md"),
        ("outside.txt", "private"),
    ]);
    let docs = search.read();
    let root = dir.path().canonicalize().unwrap().join("root");
    assert_eq!(
        docs.text.unwrap(),
        format!(
            "See @docs/style.md and @../outside.txt and @missing.\n\n\
             Contents of {0}/docs/style.md:\n\nTabs. @more.md\n\n\
             Contents of {0}/docs/more.md:\n\nMore. @style.md",
            root.display()
        )
    );
    assert_eq!(docs.notes.len(), 1);
    assert!(docs.notes[0].contains("@../outside.txt leads out of the project"));
}

#[cfg(unix)]
#[test]
fn a_link_may_lead_to_another_document_but_not_to_a_private_file() {
    use std::os::unix::fs::symlink;
    let (dir, search) =
        tree(&[("shared/rules.md", "shared"), ("id_rsa", "private"), ("root/a/REAL.md", "real")]);
    let at = |path: &str| dir.path().join(path);
    symlink(at("shared/rules.md"), at("root/AGENTS.md")).unwrap();
    symlink("REAL.md", at("root/a/AGENTS.md")).unwrap();
    symlink(at("id_rsa"), at("root/a/b/AGENTS.md")).unwrap();
    let docs = search.read();
    assert_eq!(docs.text.as_deref(), Some("shared\n\nreal"));
    assert_eq!(docs.notes.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_document_in_a_hidden_directory_is_not_read_but_where_agents_have_theirs() {
    use std::os::unix::fs::symlink;
    for (target, is_read) in [
        ("root/.claude/rules.md", true),
        ("root/a/.cursor/rules/x.mdc", true),
        ("root/.cursorrules", true),
        ("root/.claude/settings.local.json", false),
        ("root/.codex/auth.json", false),
        ("root/.git/config", false),
        ("root/a/.notes/private.md", false),
        (".agents/shared.md", true),
        (".notes/private.md", false),
        (".notes/.claude/private.md", false),
    ] {
        let (dir, search) = tree(&[(target, "text"), ("root/a/b/CLAUDE.md", "See @../../import")]);
        let at = |path: &str| dir.path().join(path);
        symlink(at(target), at("root/AGENTS.md")).unwrap();
        symlink(at(target), at("root/import")).unwrap();
        let docs = search.read();
        let text = docs.text.unwrap();
        assert_eq!(text.starts_with("text"), is_read, "{target}: {text}");
        assert_eq!(
            text.ends_with("text"),
            is_read && target.starts_with("root"),
            "{target}: {text}"
        );
        assert_eq!(docs.notes.is_empty(), is_read && target.starts_with("root"), "{target}");
    }
}

#[cfg(unix)]
#[test]
fn a_project_in_a_hidden_directory_has_its_documents() {
    let (dir, mut search) =
        tree(&[(".work/root/AGENTS.md", "here"), (".work/shared.md", "shared")]);
    search.directories = vec![dir.path().join(".work/root")];
    assert_eq!(search.read().text.as_deref(), Some("here"));
    std::fs::remove_file(dir.path().join(".work/root/AGENTS.md")).unwrap();
    std::os::unix::fs::symlink("../shared.md", dir.path().join(".work/root/AGENTS.md")).unwrap();
    assert_eq!(search.read().text.as_deref(), Some("shared"));
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_directory_of_that_name_is_not_opened() {
    let (dir, search) = tree(&[("root/a/AGENTS.md", "a")]);
    fs::create_dir(dir.path().join("root/AGENTS.md")).unwrap();
    std::os::unix::net::UnixListener::bind(dir.path().join("root/a/b/AGENTS.md")).unwrap();
    assert_eq!(search.read().text.as_deref(), Some("a"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_document_that_is_exchanged_for_a_link_meanwhile_brings_no_private_file() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};
    let (dir, search) = tree(&[
        ("id_rsa", "private"),
        ("root/AGENTS.md", "public"),
        ("root/a/CLAUDE.md", "See @more"),
        ("root/a/more", "more"),
    ]);
    let at = |path: &str| dir.path().join(path);
    std::os::unix::fs::symlink(at("id_rsa"), at("root/link")).unwrap();
    std::os::unix::fs::symlink(at("id_rsa"), at("root/other")).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for (one, other) in [("root/AGENTS.md", "root/link"), ("root/a/more", "root/other")]
                {
                    let flags = RenameFlags::EXCHANGE;
                    renameat_with(CWD, at(one), CWD, at(other), flags).unwrap();
                }
            }
        });
        let read =
            (0..2_000).find_map(|_| search.read().text.filter(|text| text.contains("private")));
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(read, None);
    });
}

#[test]
fn of_many_imports_that_are_not_read_a_few_are_named_and_the_others_counted() {
    let names: String = (0..40).map(|number| format!("@../{} @../0 ", number % 20)).collect();
    let outside: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    let mut files: Vec<_> = outside.iter().map(|name| (name.as_str(), "")).collect();
    files.push(("root/CLAUDE.md", &names));
    let (_dir, search) = tree(&files);
    let notes = search.read().notes;
    assert_eq!(notes.len(), 6, "{notes:?}");
    assert!(notes[4].contains("@../4 leads out of the project"), "{notes:?}");
    assert!(notes[5].ends_with("CLAUDE.md: not read either: 15 more of its imports"), "{notes:?}");
}
