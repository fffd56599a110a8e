//! What we leave behind in the workspace and in temporary directories: nothing (R7).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// What tells one state of a file from another: mode, time, and content or target.
type State = (u32, i64, i64, Vec<u8>);

/// All below a directory.
fn tree(root: &Path) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let stat = fs::symlink_metadata(&path).unwrap();
            let content = match stat.file_type() {
                kind if kind.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                }
                kind if kind.is_dir() => {
                    open.push(path.clone());
                    vec![]
                }
                _ => fs::read(&path).unwrap(),
            };
            found.insert(path, (stat.mode(), stat.mtime(), stat.mtime_nsec(), content));
        }
    }
    found
}

/// Beside what the person's own start made.
fn temporary(scene: &Scene) -> Vec<PathBuf> {
    let root = scene.workspace().parent().unwrap().join("tmp");
    fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn onlooker() -> ScriptedServer {
    let refused = "*** Begin Patch\n*** Update File: a.txt\n@@\n-not there\n+x\n*** Add File: new/deep/b\n+x\n*** End Patch";
    ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "cat a.txt; mktemp; mktemp -d; echo x > $TMPDIR/mine"})),
            (
                "exec_command",
                json!({"cmd": "git --no-optional-locks status; ls -la .git .codex", "tty": true}),
            ),
            ("read_file", json!({"file_path": "a.txt"})),
            ("list_dir", json!({"dir_path": "."})),
            ("grep_files", json!({"pattern": "one"})),
        ])
        .calls_freely("apply_patch", refused)
        .says("I only looked.")
        .says("I looked again.")
        .serve()
}

fn scene(server: &ScriptedServer) -> Scene {
    let scene = Scene::new(AGENT)
        .unrehearsed()
        .file("a.txt", "one\n")
        .file("sub/.keep", "")
        .file(".git/hooks/README", "")
        .file(".codex/config.toml", "")
        .facing(server);
    std::os::unix::fs::symlink("nowhere", scene.workspace().join("dangling")).unwrap();
    scene
}

#[tokio::test]
async fn r7_a_run_that_changed_nothing_leaves_the_tree_as_it_was_to_the_last_bit() {
    for mode in ["read-only", "workspace-write"] {
        let server = onlooker();
        let scene = scene(&server);
        let before = tree(&scene.workspace());
        scene.run(&["exec", "-s", mode, "look around"]).await.succeeded();
        assert_eq!(tree(&scene.workspace()), before, "{mode}");
        assert_eq!(temporary(&scene), [""; 0].map(PathBuf::from), "{mode}");
    }
}

#[tokio::test]
async fn r7_a_command_line_in_the_sandbox_leaves_nothing_either() {
    let scene = scene(&ScriptedModel::new().serve());
    let before = tree(&scene.workspace());
    for arguments in
        [&["sandbox", "--", "true"][..], &["sandbox", "--", "no-such-program"], &["doctor"]]
    {
        scene.run(arguments).await;
        assert_eq!(tree(&scene.workspace()), before, "{arguments:?}");
        assert_eq!(temporary(&scene), [""; 0].map(PathBuf::from), "{arguments:?}");
    }
}

#[tokio::test]
async fn r7_a_run_that_was_killed_leaves_nothing_once_the_next_has_begun() {
    let server = onlooker();
    let whole = scene(&server);
    let run = whole.run(&["exec", "--json", "-s", "workspace-write", "look"]).await.succeeded();
    let count = run.types().len();
    for event in 1..count {
        let server = onlooker();
        let scene = scene(&server);
        let before = tree(&scene.workspace());
        let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "look"]);
        run.events(event).await;
        run.signal("KILL").await;
        run.finish().await;
        scene
            .run(&["exec", "-s", "workspace-write", "resume", "--last", "go on"])
            .await
            .succeeded();
        assert_eq!(tree(&scene.workspace()), before, "after event {event}");
        assert_eq!(temporary(&scene), [""; 0].map(PathBuf::from), "after event {event}");
    }
}

#[tokio::test]
async fn r7_a_run_that_is_not_kept_leaves_no_long_output_either() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "seq 100000"}))
        .says("That was long.")
        .serve();
    let scene = scene(&server);
    scene.run(&["exec", "--ephemeral", "count"]).await.succeeded();
    let told = server.frames()[1].json["input"].to_string();
    assert!(told.contains("99999"), "the end was told");
    let threads = fs::read_dir(scene.home().join("threads")).into_iter().flatten();
    assert_eq!(threads.count(), 0, "nothing of it is kept");
    assert_eq!(temporary(&scene), [""; 0].map(PathBuf::from));
}
