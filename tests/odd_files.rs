//! What may lie in a workspace: pipes, sockets, devices, loops, names that are no text, trees without end. Nothing is
//! opened blindly and nothing hangs (R16).

use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use agent_tools::IgnoreRules;
use agent_tui::fuzzy::{FileIndex, walk};
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// What the model was told of its calls, in their order.
fn outputs(server: &ScriptedServer) -> Vec<String> {
    let frames = server.frames();
    let items = frames.iter().flat_map(|frame| frame.json["input"].as_array().unwrap().clone());
    let is_output = |item: &Value| item["type"].as_str().unwrap().ends_with("_call_output");
    items.filter(is_output).map(|item| item["output"].to_string()).collect()
}

/// One of each kind that is not to be opened, with a reader or writer that never comes.
fn odd(scene: &Scene) {
    scene.fifo("pipe");
    fs::create_dir_all(scene.workspace().join("deep")).unwrap();
    scene.fifo("deep/pipe");
    for (name, target) in [
        ("to-pipe", "pipe"),
        ("loop", "loop"),
        ("round/about", ".."),
        ("zero", "/dev/zero"),
        ("terminal", "/dev/tty"),
        ("dangling", "nowhere"),
    ] {
        let link = scene.workspace().join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
    }
}

#[tokio::test]
async fn r16_tools_refuse_pipes_sockets_and_devices_and_say_so() {
    let odd_ones = ["pipe", "deep/pipe", "to-pipe", "socket", "zero", "terminal", "loop"];
    let mut model = ScriptedModel::new();
    for name in odd_ones {
        model = model
            .calls("read_file", json!({"file_path": name}))
            .calls("view_image", json!({"path": name}))
            .calls("grep_files", json!({"pattern": "x", "path": name}))
            .calls("list_dir", json!({"dir_path": name}))
            .calls_freely(
                "apply_patch",
                &format!("*** Begin Patch\n*** Update File: {name}\n@@\n-a\n+b\n*** End Patch"),
            );
    }
    let server = model.says("All of them are odd.").serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    odd(&scene);
    let _socket = UnixListener::bind(scene.workspace().join("socket")).unwrap();
    scene.run(&["exec", "-s", "workspace-write", "look"]).await.succeeded();
    let outputs = outputs(&server);
    assert_eq!(outputs.len(), 5 * odd_ones.len());
    for output in outputs.iter().filter(|output| !output.contains("no match")) {
        let says_why = [
            "not a regular file",
            "no regular file",
            "is not a directory",
            "not a directory",
            "no such file",
            "ymbolic link",
            "outside",
            "permission denied",
            "approv",
            "may not be written",
            "leads nowhere",
        ];
        assert!(says_why.iter().any(|why| output.contains(why)), "{output}");
    }
}

#[tokio::test]
async fn r16_searching_and_listing_pass_odd_files_by() {
    let server = ScriptedModel::new()
        .calls("grep_files", json!({"pattern": "needle"}))
        .calls("list_dir", json!({"dir_path": ".", "depth": 9}))
        .says("Found it.")
        .serve();
    let scene =
        Scene::new(AGENT).unrehearsed().file("deep/down/hay.txt", "a needle\n").facing(&server);
    odd(&scene);
    let _socket = UnixListener::bind(scene.workspace().join("socket")).unwrap();
    // Changes are recorded around it, too.
    scene.run(&["exec", "-s", "workspace-write", "look"]).await.succeeded();
    let outputs = outputs(&server);
    assert!(
        outputs[0].contains("hay.txt:1: a needle") && outputs[0].contains("1 match in 1 file"),
        "{}",
        outputs[0]
    );
    for name in ["pipe", "socket", "loop", "about"] {
        assert!(outputs[1].contains(name), "{name}: {}", outputs[1]);
    }
}

#[tokio::test]
async fn r16_names_with_line_ends_and_without_meaning_are_shown_as_one_line() {
    let server = ScriptedModel::new()
        .calls("list_dir", json!({"dir_path": "."}))
        .calls("grep_files", json!({"pattern": "needle"}))
        .calls(
            "exec_command",
            json!({"cmd": "cat *.txt | sort -u; for f in *.txt; do echo new > \"$f\"; done"}),
        )
        .says("Odd names.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let names: [&[u8]; 4] = [b"line\nend.txt", b"\xff\xfe.txt", b"\x1b[31mred.txt", b"-rf .txt"];
    let paths = names.map(|name| scene.workspace().join(OsStr::from_bytes(name)));
    for path in &paths {
        fs::write(path, "needle\n").unwrap();
    }
    scene.run(&["exec", "-s", "workspace-write", "look"]).await.succeeded();
    let outputs = outputs(&server);
    assert!(outputs[0].contains("line\u{fffd}end.txt"), "{}", outputs[0]);
    assert!(outputs[1].contains("4 matches in 4 files"), "{}", outputs[1]);
    for output in &outputs {
        assert!(!output.contains("\\u001b") && !output.contains("line\\nend"), "{output}");
    }
    // What happened to them can be undone as well.
    scene.run(&["undo"]).await.succeeded();
    for path in &paths {
        assert_eq!(fs::read_to_string(path).unwrap(), "needle\n", "{}", path.display());
    }
}

/// So many folders within each other; paths that long can only be walked step by step.
fn dig(root: &Path, depth: usize) {
    let mut here = fs::File::open(root).unwrap();
    for _ in 0..depth {
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::mkdirat(&here, "d", mode).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        here = rustix::fs::openat(&here, "d", flags, rustix::fs::Mode::empty()).unwrap().into();
    }
    rustix::fs::openat(
        &here,
        "bottom",
        rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY,
        rustix::fs::Mode::from_raw_mode(0o644),
    )
    .unwrap();
}

/// What cannot be removed by a path: from the bottom up, each moved to the top first.
fn fill_in(root: &Path) {
    let (top, inner) = (root.join("d"), root.join("inner"));
    while top.exists() {
        let _ = fs::remove_file(top.join("bottom"));
        let goes_on = fs::rename(top.join("d"), &inner).is_ok();
        fs::remove_dir(&top).unwrap();
        if goes_on {
            fs::rename(&inner, &top).unwrap();
        }
    }
}

#[tokio::test]
async fn r16_a_tree_ten_thousand_folders_deep_holds_nothing_up() {
    let server = ScriptedModel::new()
        .calls("grep_files", json!({"pattern": "needle"}))
        .calls("list_dir", json!({"dir_path": ".", "depth": 10_000}))
        .calls("exec_command", json!({"cmd": "echo here > here"}))
        .says("Deep.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    dig(&scene.workspace(), 10_000);
    let run = scene.run(&["exec", "-s", "workspace-write", "look"]).await;
    fill_in(&scene.workspace());
    run.succeeded();
    assert_eq!(outputs(&server).len(), 3);
    assert_eq!(scene.read("here").unwrap(), "here\n");
}

#[tokio::test]
async fn r16_a_pipe_called_an_ignore_file_holds_nothing_up() {
    let server = ScriptedModel::new()
        .calls("grep_files", json!({"pattern": "needle"}))
        .calls("exec_command", json!({"cmd": "echo here > here"}))
        .says("Found it.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().file("hay", "needle\n").facing(&server);
    fs::create_dir_all(scene.workspace().join("deep")).unwrap();
    scene.fifo("deep/.gitignore");
    scene.run(&["exec", "-s", "workspace-write", "look"]).await.succeeded();
    let outputs = outputs(&server);
    assert!(outputs[0].contains("1 match in 1 file; 1 entry could not be read"), "{}", outputs[0]);
    assert_eq!(scene.read("here").unwrap(), "here\n");
}

#[tokio::test]
async fn r16_a_pipe_that_the_command_line_names_is_refused_and_one_of_the_shell_is_read() {
    let server = ScriptedModel::new().says("{}").serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.fifo("pipe");
    for args in [
        &["exec", "--output-schema", "pipe", "hi"][..],
        &["exec", "--replay", "pipe", "hi"],
        &["exec", "-i", "pipe", "hi"],
        &["replay", "pipe"],
        &["gateway", "--script", "pipe"],
        &["threads", "import", "--from", "codex", "pipe"],
    ] {
        let run = scene.run(args).await;
        let said = run.stdout + &run.stderr;
        assert!(said.contains("regular file"), "{args:?}: {said}");
    }
    assert_eq!(server.frames().len(), 0);
    let args = ["exec", "--output-schema", "/dev/stdin", "--", "hi"];
    scene.run_with_input(&args, r#"{"type": "object"}"#).await.succeeded();
    assert!(server.frames()[0].text.contains("codex_output_schema"));
}

/// Empty files, since it is their number that counts; names of one, which takes some systems a tenth of the time.
fn fill(folder: &Path, files: usize) {
    fs::create_dir_all(folder).unwrap();
    let first = folder.join("0");
    fs::File::create(&first).unwrap();
    for file in 1..files {
        fs::hard_link(&first, folder.join(file.to_string())).unwrap();
    }
}

/// What is offered for what was typed behind an `@`.
fn offered(root: &Path, typed: &str) -> (usize, Vec<String>) {
    let mut index = FileIndex::default();
    let rules = IgnoreRules::below(root).unwrap();
    let is_seen = move |path: &Path, is_directory: bool| rules.sees(path, is_directory);
    walk(root, is_seen, |paths| {
        index.add(paths);
        ControlFlow::Continue(())
    });
    let found = index.search(typed, 50).into_iter().map(|found| found.path);
    (index.len(), found.collect())
}

#[tokio::test]
async fn r16_tens_of_thousands_of_files_hold_no_work_up() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo here > here"}))
        .says("Many.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    for folder in 0..30 {
        fill(&scene.workspace().join(format!("many/{folder}")), 1_000);
    }
    scene.run(&["exec", "-s", "workspace-write", "work"]).await.succeeded();
    assert_eq!(scene.read("here").unwrap(), "here\n");
}

#[tokio::test]
async fn r16_a_hundred_thousand_files_hold_nothing_up_and_none_is_lost() {
    const FOLDERS: usize = 50;
    const EACH: usize = 2_000;
    let server = ScriptedModel::new()
        .calls("grep_files", json!({"pattern": "needle"}))
        .calls("grep_files", json!({"pattern": "absent"}))
        .calls("list_dir", json!({"dir_path": ".", "depth": 9}))
        .says("Many.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let many = scene.workspace().join("many");
    (0..FOLDERS).for_each(|folder| fill(&many.join(folder.to_string()), EACH));
    fs::write(many.join("9/zuletzt"), "needle\n").unwrap();
    odd(&scene);
    let _socket = UnixListener::bind(scene.workspace().join("socket")).unwrap();
    let (known, found) = offered(&scene.workspace(), "zultzt");
    // With the folders `many`, `deep`, `round` and those in `many`; two pipes, a socket, six links.
    assert_eq!(
        (known, found),
        (FOLDERS * EACH + 1 + FOLDERS + 3 + 9, vec!["many/9/zuletzt".into()])
    );
    scene.run(&["exec", "look"]).await.succeeded();
    let outputs = outputs(&server);
    assert!(outputs[0].contains("many/9/zuletzt:1: needle"), "{}", outputs[0]);
    assert!(outputs[0].contains("1 match in 1 file]"), "{}", outputs[0]);
    assert!(outputs[1].contains("[no matches in 100001 files]"), "{}", outputs[1]);
    assert!(outputs[2].contains("entries 1-200 of "), "{}", outputs[2]);
    assert!(outputs[2].len() < 40_000 && outputs[2].contains("there are more"), "{}", outputs[2]);
}
