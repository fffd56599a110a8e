//! `--worktree`: the thread works beside the repository, on a branch of its own.

use std::path::Path;

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

#[expect(clippy::disallowed_methods, reason = "git makes the repository")]
fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"];
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(directory).args(identity).args(arguments);
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with a commit; a model that writes a file in whatever directory it is put, and commits it.
fn scene() -> (Scene, ScriptedServer) {
    let work = "cp lib/tracked made && git add made && git -c user.name=t -c user.email=t@t commit -qm made";
    let model = ScriptedModel::new().calls("exec_command", json!({"cmd": work})).says("Done.");
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server).outside_git().unrehearsed();
    let scene = scene
        .file("lib/tracked", "as committed\n")
        .file(".gitignore", ".env\n*.log\n")
        .file(".worktreeinclude", ".env\nlib/\n")
        .file(".env", "MODE=test\n")
        .file("big.log", "")
        .file("lib/own.log", "");
    git(&scene.workspace(), &["init", "--quiet"]);
    git(&scene.workspace(), &["add", "--all"]);
    git(&scene.workspace(), &["commit", "--quiet", "-m", "first"]);
    std::fs::write(scene.workspace().join("lib/tracked"), "changed since\n").unwrap();
    (scene, server)
}

const WRITING: [&str; 3] = ["exec", "-s", "workspace-write"];

#[tokio::test]
async fn a_thread_works_beside_the_repository_on_a_branch_of_its_own() {
    let (scene, _server) = scene();
    let run = scene.run(&[&WRITING[..], &["--worktree=fix", "go"]].concat()).await.succeeded();
    let tree = scene.workspace().with_file_name("workspace.worktrees").join("fix");
    assert!(run.stderr.contains("on the new branch agent/fix"), "{}", run.stderr);
    let read = |name: &str| std::fs::read_to_string(tree.join(name)).unwrap_or_default();
    assert_eq!(read("made"), "as committed\n", "what is not committed stays behind");
    assert!(scene.read("made").is_none());
    assert_eq!(read(".env"), "MODE=test\n");
    assert!(tree.join("lib/own.log").exists() && !tree.join("big.log").exists());
    let said = git(&scene.workspace(), &["log", "--format=%s", "agent/fix"]);
    assert_eq!(said, "made\nfirst\n");
}

#[tokio::test]
async fn the_thread_begins_where_it_was_asked_from_and_finds_a_name_by_itself() {
    let (scene, _server) = scene();
    let inner = scene.workspace().join("lib");
    let inner = inner.to_str().unwrap();
    let run = scene.run(&["exec", "-C", inner, "--worktree", "--json", "go"]).await.succeeded();
    let cwd = run.events()[0]["cwd"].as_str().unwrap().to_owned();
    assert!(cwd.contains("/workspace.worktrees/") && cwd.ends_with("/lib"), "{cwd}");
}

#[tokio::test]
async fn nothing_is_made_where_none_can_be() {
    let (scene, server) = scene();
    for (arguments, code, why) in [
        (&["exec", "--worktree=a/b", "go"][..], 1, "cannot be the name of a work tree"),
        (&["exec", "--worktree=x", "-m", ""], 1, "model"),
        (&["exec", "--worktree", "resume", "--last", "go"], 2, "for a new thread"),
        (&["--worktree", "threads"], 2, "for a new thread"),
    ] {
        let run = scene.run(arguments).await;
        assert_eq!((run.code, run.stderr.contains(why)), (Some(code), true), "{}", run.stderr);
    }
    git(&scene.workspace(), &["branch", "agent/taken"]);
    let run = scene.run(&["exec", "--worktree=taken", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("git says: "), "{}", run.stderr);
    assert!(!scene.workspace().with_file_name("workspace.worktrees").exists());
    assert!(server.frames().is_empty());
}

#[tokio::test]
async fn outside_a_repository_there_is_none() {
    let server = ScriptedModel::new().serve();
    let scene = Scene::new(AGENT).facing(&server).outside_git();
    let run = scene.run(&["exec", "--worktree", "--skip-git-repo-check", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("is not inside a git repository"), "{}", run.stderr);
}

/// A file of the person's outside of everything, in a directory of its own.
fn outside(scene: &Scene) -> std::path::PathBuf {
    let directory = scene.workspace().with_file_name("outside");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("own"), "own\n").unwrap();
    directory
}

#[tokio::test]
async fn what_is_copied_goes_through_no_link_that_was_committed() {
    let (scene, _server) = scene();
    let (workspace, outside) = (scene.workspace(), outside(&scene));
    for (link, target) in [("note", "own"), ("new", "new"), ("directory", "")] {
        std::os::unix::fs::symlink(outside.join(target), workspace.join(link)).unwrap();
    }
    git(&workspace, &["add", "--all"]);
    git(&workspace, &["commit", "--quiet", "-m", "links"]);
    git(&workspace, &["rm", "--quiet", "note", "new", "directory"]);
    std::fs::create_dir(workspace.join("directory")).unwrap();
    let names = ["note", "new", "directory/own", "plain"];
    for name in names {
        std::fs::write(workspace.join(name), "planted\n").unwrap();
    }
    for list in [".gitignore", ".worktreeinclude"] {
        std::fs::write(workspace.join(list), names.join("\n")).unwrap();
    }
    let run = scene.run(&[&WRITING[..], &["--worktree=fix", "go"]].concat()).await.succeeded();
    assert_eq!(std::fs::read_to_string(outside.join("own")).unwrap(), "own\n");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    let tree = workspace.with_file_name("workspace.worktrees").join("fix");
    assert_eq!(std::fs::read_to_string(tree.join("plain")).unwrap(), "planted\n");
    for name in &names[..3] {
        let said = format!("note: {name} is not in the new work tree: ");
        assert!(run.stderr.contains(&said), "{name}: {}", run.stderr);
    }
}

#[tokio::test]
async fn a_link_that_was_committed_does_not_say_where_the_thread_works() {
    let (scene, _server) = scene();
    let (workspace, outside) = (scene.workspace(), outside(&scene));
    std::os::unix::fs::symlink(&outside, workspace.join("inner")).unwrap();
    git(&workspace, &["add", "--all"]);
    git(&workspace, &["commit", "--quiet", "-m", "link"]);
    git(&workspace, &["rm", "--quiet", "inner"]);
    let inner = workspace.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let inner = inner.to_str().unwrap();
    let run = scene.run(&["exec", "-C", inner, "--worktree=fix", "--json", "go"]).await.succeeded();
    let cwd = run.events()[0]["cwd"].as_str().unwrap().to_owned();
    assert!(cwd.ends_with("/workspace.worktrees/fix"), "{cwd}");
}

#[tokio::test]
async fn nothing_of_the_repositorys_settings_runs_outside_the_sandbox() {
    let (scene, _server) = scene();
    let workspace = scene.workspace();
    let ran = workspace.with_file_name("ran");
    let touch = |what: &str| format!("touch {}-{what}; cat", ran.display());
    std::fs::write(workspace.join(".gitattributes"), "lib/* filter=x\nown filter=branch\n")
        .unwrap();
    std::fs::write(workspace.join("own"), "own\n").unwrap();
    git(&workspace, &["add", "--all"]);
    git(&workspace, &["commit", "--quiet", "-m", "attributes"]);
    // Settings that hold on the new branch alone, too.
    let more = format!("[filter \"branch\"]\n\tsmudge = \"{}\"\n", touch("branch"));
    std::fs::write(workspace.join(".git/more"), more).unwrap();
    for (key, value) in [
        ("filter.x.smudge", &*touch("smudge")),
        ("filter.x.process", &touch("process")),
        ("filter.x.required", "true"),
        ("includeIf.onbranch:agent/**.path", "more"),
        ("core.hooksPath", ".git/own-hooks"),
        ("core.fsmonitor", &touch("fsmonitor")),
    ] {
        git(&workspace, &["config", key, value]);
    }
    let run = scene.run(&["exec", "--worktree=fix", "go"]).await.succeeded();
    let there = std::fs::read_dir(workspace.parent().unwrap()).unwrap();
    let made: Vec<_> = there.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!made.iter().any(|name| name.to_string_lossy().starts_with("ran-")), "{made:?}");
    let tree = workspace.with_file_name("workspace.worktrees").join("fix");
    assert_eq!(std::fs::read_to_string(tree.join("lib/tracked")).unwrap(), "changed since\n");
    assert_eq!(std::fs::read_to_string(tree.join("own")).unwrap(), "own\n");
    for filter in ["x", "branch"] {
        assert!(run.stderr.contains(&format!("the filter `{filter}` of")), "{}", run.stderr);
    }
}

/// Puts a link to `target` in the place of what may be at `name` in git's directory.
fn link_in_git(scene: &Scene, name: &str, target: &Path) {
    let link = scene.workspace().join(".git").join(name);
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    let _ = std::fs::rename(&link, target);
    std::os::unix::fs::symlink(target, link).unwrap();
}

#[tokio::test]
async fn s16_through_no_link_of_a_repository_that_is_not_trusted_git_writes_elsewhere() {
    for name in [
        "refs",
        "refs/heads",
        "refs/heads/agent",
        "refs/heads/agent/fix",
        "logs/refs/heads",
        "logs/refs/heads/agent",
        "logs/refs/heads/agent/fix",
        "packed-refs",
        "worktrees",
    ] {
        let (scene, server) = scene();
        let elsewhere = scene.workspace().with_file_name("elsewhere");
        link_in_git(&scene, name, &elsewhere);
        let run = scene.run(&["exec", "--worktree=fix", "go"]).await;
        assert_eq!((run.code, server.frames().len()), (Some(1), 0), "{name}: {}", run.stderr);
        let said = format!("/.git/{name} is a link, through which git would write elsewhere");
        assert!(run.stderr.contains(&said), "{name}: {}", run.stderr);
        let made = !elsewhere.join("agent").exists() && !elsewhere.join("fix").exists();
        assert!(made, "{name}: git wrote elsewhere");
        assert!(!scene.workspace().with_file_name("workspace.worktrees").exists(), "{name}");
    }
}

#[tokio::test]
async fn s16_what_a_repository_calls_the_person_is_written_nowhere() {
    let (scene, _server) = scene();
    let workspace = scene.workspace();
    for key in ["user.name", "committer.name", "user.email"] {
        git(&workspace, &["config", key, "x; touch ran"]);
    }
    git(&workspace, &["config", "core.logAllRefUpdates", "always"]);
    // One that is there already is written whatever the settings say.
    let log = workspace.join(".git/logs/refs/heads/agent/fix");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    std::fs::write(&log, "").unwrap();
    scene.run(&["exec", "--worktree=fix", "go"]).await.succeeded();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("agent <agent@localhost>") && !log.contains("touch"), "{log}");
    let own = workspace.join(".git/worktrees/fix/logs/HEAD");
    assert!(!std::fs::read_to_string(own).unwrap_or_default().contains("touch"));
}

#[tokio::test]
async fn s16_another_common_directory_is_looked_at_where_git_sees_it() {
    let (scene, server) = scene();
    let (workspace, outside) = (scene.workspace(), outside(&scene));
    let git_dir = workspace.join(".git");
    std::fs::create_dir(workspace.join("common")).unwrap();
    for name in ["objects", "refs", "config"] {
        std::fs::rename(git_dir.join(name), workspace.join("common").join(name)).unwrap();
    }
    std::fs::write(git_dir.join("commondir"), "../common\n").unwrap();
    std::fs::create_dir(git_dir.join("refs")).unwrap();
    std::os::unix::fs::symlink(&outside, workspace.join("common/refs/heads/agent")).unwrap();
    let run = scene.run(&["exec", "--worktree=fix", "go"]).await;
    assert_eq!((run.code, server.frames().len()), (Some(1), 0), "{}", run.stderr);
    assert!(run.stderr.contains("/common/refs/heads/agent is a link"), "{}", run.stderr);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn a_trusted_repository_may_share_its_files_by_links() {
    for name in ["refs", "logs", "packed-refs"] {
        let (scene, _server) = scene();
        git(&scene.workspace(), &["pack-refs"]);
        link_in_git(&scene, name, &scene.workspace().with_file_name("shared"));
        let run = scene.run(&["exec", "--trust", "--worktree=fix", "go"]).await.succeeded();
        assert!(run.stderr.contains("on the new branch agent/fix"), "{name}: {}", run.stderr);
    }
}

#[tokio::test]
async fn the_persons_own_filters_go_on_also_where_the_repository_has_others_of_their_name() {
    let (scene, _server) = scene();
    let workspace = scene.workspace();
    std::fs::write(workspace.join(".gitattributes"), "lib/* filter=x\n").unwrap();
    git(&workspace, &["add", "--all"]);
    git(&workspace, &["commit", "--quiet", "-m", "attributes"]);
    git(&workspace, &["config", "filter.x.smudge", "false"]);
    let own = workspace.with_file_name("own-config");
    std::fs::write(&own, "[filter \"x\"]\n\tsmudge = tr a-z A-Z\n\trequired\n").unwrap();
    let scene = scene.env("GIT_CONFIG_GLOBAL", own.to_str().unwrap());
    scene.run(&["exec", "--worktree=fix", "go"]).await.succeeded();
    let tree = workspace.with_file_name("workspace.worktrees").join("fix");
    // What was changed since is committed with the rest here.
    assert_eq!(std::fs::read_to_string(tree.join("lib/tracked")).unwrap(), "CHANGED SINCE\n");
}

#[tokio::test]
async fn s20_a_git_of_the_project_is_not_the_persons() {
    let (scene, _server) = scene();
    let scene = scene.shadowing("git");
    let run = scene.run(&["exec", "--worktree=fix", "go"]).await.succeeded();
    assert!(run.stderr.contains("on the new branch agent/fix"), "{}", run.stderr);
    assert!(scene.read("ran-git").is_none());
}

#[tokio::test]
async fn s20_a_configuration_of_the_project_is_not_the_persons() {
    let (scene, _server) = scene();
    let workspace = scene.workspace();
    std::fs::write(workspace.join(".gitattributes"), "lib/* filter=x\n").unwrap();
    git(&workspace, &["add", "--all"]);
    git(&workspace, &["commit", "--quiet", "-m", "attributes"]);
    let scene = scene.file("config", "[filter \"x\"]\n\tsmudge = tr a-z A-Z\n");
    let config = workspace.join("config");
    let scene = scene.env("GIT_CONFIG_GLOBAL", config.to_str().unwrap());
    scene.run(&["exec", "--worktree=fix", "go"]).await.succeeded();
    let tree = workspace.with_file_name("workspace.worktrees").join("fix");
    assert_eq!(std::fs::read_to_string(tree.join("lib/tracked")).unwrap(), "changed since\n");
}

#[tokio::test]
async fn of_a_work_tree_that_cannot_be_checked_out_nothing_is_left() {
    let (scene, server) = scene();
    let workspace = scene.workspace();
    let blob = git(&workspace, &["rev-parse", "HEAD:lib/tracked"]);
    let (directory, name) = blob.trim().split_at(2);
    std::fs::remove_file(workspace.join(".git/objects").join(directory).join(name)).unwrap();
    let run = scene.run(&["exec", "--worktree=fix", "go"]).await;
    assert_eq!((run.code, server.frames().len()), (Some(1), 0), "{}", run.stderr);
    assert!(run.stderr.contains("git says: "), "{}", run.stderr);
    assert!(!workspace.with_file_name("workspace.worktrees").join("fix").exists());
    assert_eq!(git(&workspace, &["branch", "--list", "agent/*"]), "");
}
