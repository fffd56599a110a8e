//! The commands beside `exec`: sandbox, apply-patch, gateway, threads, diff, undo, trace, doctor, config, completions.

use std::os::unix::fs::PermissionsExt as _;

use agent_testkit::{Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

#[tokio::test]
async fn a_command_line_in_the_sandbox_has_our_streams_and_gives_its_code() {
    let scene = Scene::new(AGENT);
    let run = scene
        .run_with_input(&["sandbox", "--", "sh", "-c", "cat; echo oops >&2; exit 7"], "in\n")
        .await;
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(7), "in\n", "oops\n"));
    let run = scene.run(&["sandbox", "--", "sh", "-c", "kill -TERM $$"]).await;
    assert_eq!(run.code, Some(143));
}

#[tokio::test]
async fn a_command_line_in_the_sandbox_hears_our_signals() {
    for mode in ["workspace-write", "danger-full-access"] {
        let scene = Scene::new(AGENT);
        // Each signal it hears is a line.
        let hears = r#"say() { echo "{\"type\":\"$1\"}"; }
for name in INT HUP QUIT USR1 USR2 ALRM WINCH CONT; do trap "say $name" $name; done
trap 'say TERM; kill -KILL $!; exit 5' TERM
sleep 1000 & say ready
while :; do wait $!; done"#;
        let mut run = scene.start(&["sandbox", "-s", mode, "--", "bash", "-c", hears]);
        run.until("ready").await;
        for name in ["INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "WINCH", "CONT", "TERM"] {
            run.signal(name).await;
            run.until(name).await;
        }
        assert_eq!(run.finish().await.code, Some(5), "{mode}");
    }
}

#[tokio::test]
async fn a_command_line_in_the_sandbox_is_suspended_with_us_and_goes_on() {
    let scene = Scene::new(AGENT);
    let counts = r#"echo '{"type":"begun"}'; while [ ! -e enough ]; do :; done; exit 4"#;
    let mut run = scene.start(&["sandbox", "--", "bash", "-c", counts]);
    run.until("begun").await;
    run.signal("TSTP").await;
    let is_stopped = |status: &str| status.contains("State:\tT");
    let ours = format!("/proc/{}", run.pid());
    let count = || {
        let bash = scene.inhabitants().into_iter().filter(|process| process.contains("bash"));
        bash.filter_map(|process| process.split_once(": ").map(|(path, _)| path.to_owned())).next()
    };
    let command = count().expect("it runs");
    for process in [&ours, &command] {
        while !is_stopped(&std::fs::read_to_string(format!("{process}/status")).unwrap()) {
            tokio::task::yield_now().await;
        }
    }
    std::fs::write(scene.workspace().join("enough"), "").unwrap();
    run.signal("CONT").await;
    assert_eq!(run.finish().await.code, Some(4));
}

#[tokio::test]
async fn what_cannot_be_executed_in_the_sandbox_has_the_code_a_shell_gives_it() {
    let scene = Scene::new(AGENT)
        .file("text", "exit 3\n")
        .file("closed", "#!/bin/sh\n")
        .file("orphan", "#!/no/such/interpreter\n")
        .file("foreign", "\x7fELF\0\0\0\0of another machine")
        .file("data", "\0\u{1}\u{2}\n")
        .file("directory/file", "");
    for name in ["text", "orphan", "foreign", "data"] {
        let path = scene.workspace().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Within a sandbox no namespaces are to be had, so what is confined once more is so in the reduced tier. There the
    // binary has to be in sight.
    let own = scene.workspace().join("agent");
    if std::fs::hard_link(AGENT, &own).is_err() {
        std::fs::copy(AGENT, &own).unwrap();
    }
    let in_full: &[&str] = &["sandbox", "--"];
    let in_reduced: &[&str] = &["sandbox", "--", "./agent", "sandbox", "--"];
    let named = scene.workspace().join("kube");
    let scene = scene.file("kube", "secret").env("KUBECONFIG", named.to_str().unwrap());
    let doctor = scene.run(&["sandbox", "--", "./agent", "doctor", "-s", "workspace-write"]).await;
    assert!(doctor.stdout.contains("reduced: "), "{}", doctor.stdout);
    let open = format!("commands can read {}, which lies among what they write", named.display());
    assert!(doctor.stdout.contains(&open), "{}", doctor.stdout);
    // Whatever else may forbid them here, a filter does.
    assert!(doctor.stdout.contains("A filter of system calls"), "{}", doctor.stdout);
    for sandbox in [in_full, in_reduced] {
        for (program, code, said) in [
            ("no-such-program", 127, "there is no such program"),
            ("./no-such-program", 127, "there is no such program"),
            ("text/program", 127, "there is no such program"),
            ("", 127, "there is no such program"),
            ("./closed", 126, "Permission denied"),
            ("./directory", 126, "Permission denied"),
            ("./orphan", 126, "what it names to be run by is not there"),
            ("./foreign", 126, "Exec format error"),
            ("./data", 126, "Exec format error"),
            ("./text", 3, ""),
            ("ls", 0, ""),
        ] {
            let run = scene.run(&[sandbox, &[program]].concat()).await;
            assert_eq!(run.code, Some(code), "{sandbox:?} {program}: {}", run.stderr);
            assert!(run.stderr.contains(said), "{sandbox:?} {program}: {}", run.stderr);
        }
    }
}

#[tokio::test]
async fn the_sandbox_lets_the_workspace_be_written_and_nothing_else() {
    let scene = Scene::new(AGENT);
    scene.run(&["sandbox", "--", "touch", "made"]).await.succeeded();
    assert!(scene.read("made").is_some());
    let outside = scene.home().join("outside");
    let run = scene.run(&["sandbox", "--", "touch", outside.to_str().unwrap()]).await;
    assert_ne!(run.code, Some(0));
    assert!(!outside.exists());
    let run = scene.run(&["sandbox", "-s", "read-only", "--", "touch", "made-too"]).await;
    assert_ne!(run.code, Some(0));
    assert!(scene.read("made-too").is_none());
}

#[tokio::test]
async fn a_patch_from_the_shell_is_applied_whole_or_not_at_all() {
    let scene = Scene::new(AGENT).file("a.txt", "one\ntwo\n");
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-two\n+zwei\n*** Add File: b/c.txt\n+new\n*** End Patch\n";
    let run = scene.run_with_input(&["apply-patch"], patch).await.succeeded();
    assert_eq!(run.stdout, "M a.txt\nA b/c.txt\n");
    assert_eq!(scene.read("a.txt").unwrap(), "one\nzwei\n");
    let run = scene.run_with_input(&["apply-patch"], patch).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("a.txt") && run.stderr.contains("two"), "{}", run.stderr);
}

#[tokio::test]
async fn what_calls_apply_patch_and_nothing_else_is_a_patch() {
    let patch = "*** Begin Patch\n*** Add File: NAME\n+it\n*** End Patch\n";
    let call = |name: &str| format!("apply_patch <<'EOF'\n{}EOF", patch.replace("NAME", name));
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": format!("bash -lc \"{}\"", call("a"))}))
        .calls(
            "exec_command",
            json!({"command": ["bash", "-lc", call("b")], "yield_time_ms": 1000.0}),
        )
        .calls("exec_command", json!({"cmd": format!("{}\necho after", call("c"))}))
        .calls("exec_command", json!({"command": ["sh", "-c", "echo yes | tr y Y"]}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    assert_eq!(["a", "b", "c"].map(|name| scene.read(name).is_some()), [true, true, false]);
    let answer = |step: usize| server.frames()[step].json["input"].to_string();
    assert!(answer(3).contains("a patch is sent alone") && answer(3).contains("`echo after`"));
    assert!(answer(4).contains("Yes"), "{}", answer(4));
    let run =
        scene.run_with_input(&["apply-patch"], &format!("bash -lc \"{}\"\n", call("d"))).await;
    assert_eq!(run.succeeded().stdout, "A d\n");
}

#[tokio::test]
async fn a_patch_from_the_shell_plants_nothing_that_is_run_or_obeyed_later() {
    let scene = Scene::new(AGENT);
    for path in [".git/hooks/pre-commit", ".agent/config.toml", "sub/.GIT/config"] {
        let patch = format!(
            "*** Begin Patch\n*** Add File: fine\n+x\n*** Add File: {path}\n+y\n*** End Patch\n"
        );
        let run = scene.run_with_input(&["apply-patch"], &patch).await;
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.contains(&format!("{path}: git or the agent may run")),
            "{}",
            run.stderr
        );
        assert!(scene.read(path).is_none() && scene.read("fine").is_none());
    }
}

#[tokio::test]
async fn threads_are_listed_shown_traced_and_removed() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo hi"}))
        .says("It says hi.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "say hi"]).await.succeeded();
    let listed = scene.run(&["threads"]).await.succeeded().stdout;
    assert!(listed.contains("say hi") && listed.contains("1 turn"), "{listed}");
    let shown = scene.run(&["threads", "show"]).await.succeeded().stdout;
    assert!(
        shown.contains("› say hi") && shown.contains("echo hi") && shown.contains("It says hi."),
        "{shown}"
    );
    let trace = scene.run(&["trace", "--last"]).await.succeeded().stdout;
    assert!(trace.contains("model") && trace.contains("tools"), "{trace}");
    let id = listed.split(' ').next().unwrap();
    scene.run(&["threads", "rm", id]).await.succeeded();
    assert_eq!(scene.run(&["threads"]).await.stdout, "No thread was kept yet.\n");
}

#[tokio::test]
async fn doctor_tells_what_there_is_and_fails_when_something_is_missing() {
    let server = ScriptedModel::new().serve();
    let run = Scene::new(AGENT).facing(&server).run(&["doctor"]).await.succeeded();
    for what in ["program", "model", "endpoint", "sandbox", "threads", "workspace"] {
        assert!(run.stdout.contains(what), "{what} is missing:\n{}", run.stdout);
    }
    assert!(run.stdout.contains("by WebSocket"), "{}", run.stdout);
    assert!(server.frames().is_empty(), "no model was asked anything");
    let run = Scene::new(AGENT).run(&["doctor", "--json"]).await;
    assert_eq!(run.code, Some(1));
    let bad: Vec<_> = run.events().into_iter().filter(|check| check["verdict"] == "bad").collect();
    assert_eq!(bad[0]["what"], "endpoint");
}

#[tokio::test]
async fn the_configuration_is_explained_with_where_it_comes_from() {
    let scene = Scene::new(AGENT).config("model = \"mine\"\n");
    let run = scene.run(&["config", "explain", "model"]).await.succeeded();
    assert!(
        run.stdout.starts_with("model = \"mine\"") && run.stdout.contains("config.toml"),
        "{}",
        run.stdout
    );
}

#[tokio::test]
async fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Scene::new(AGENT).run(&["completions", shell]).await.succeeded();
        assert!(run.stdout.contains("apply-patch"), "{shell}");
    }
}

#[tokio::test]
async fn what_a_thread_changed_is_shown_and_put_back() {
    const PATCH: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+eins\n*** End Patch";
    let server = ScriptedModel::new()
        .calls_freely("apply_patch", PATCH)
        .calls("exec_command", json!({"cmd": "echo two > b.txt"}))
        .says("Done.")
        .says("Nothing to do.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "one\n").facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "translate"]).await.succeeded();
    scene.run(&["exec", "-s", "workspace-write", "resume", "--last", "more?"]).await.succeeded();
    let diff = scene.run(&["diff"]).await.succeeded().stdout;
    assert!(diff.contains("-one\n+eins") && diff.contains("b.txt"), "{diff}");
    std::fs::write(scene.workspace().join("mine.txt"), "mine\n").unwrap();
    let undone = scene.run(&["undo"]).await.succeeded().stdout;
    assert!(undone.contains("a.txt") && undone.contains("b.txt"), "{undone}");
    assert_eq!(scene.read("a.txt").unwrap(), "one\n");
    assert_eq!((scene.read("b.txt"), scene.read("mine.txt").as_deref()), (None, Some("mine\n")));
    scene.run(&["undo", "--redo"]).await.succeeded();
    assert_eq!(scene.read("a.txt").unwrap(), "eins\n");
}

/// Writes a file again until its time is later than now beyond doubt: clocks of files tick slowly.
fn edit(path: &std::path::Path, text: &str) {
    let sure = std::time::SystemTime::now() + std::time::Duration::from_millis(20);
    std::fs::write(path, text).unwrap();
    while std::fs::metadata(path).unwrap().modified().unwrap() < sure {
        std::fs::write(path, text).unwrap();
    }
}

#[tokio::test]
async fn what_the_person_edits_while_the_model_writes_is_neither_undone_nor_shown_as_the_threads() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo two > b.txt; echo two > both.txt"}))
        .says("Never.")
        .serve();
    server.fail(2, 1, agent_testkit::Fault::Stall);
    let scene = Scene::new(AGENT).file("mine.txt", "one\n").file("both.txt", "one\n");
    let scene = scene.facing(&server).unrehearsed();
    let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    run.until("item.completed command_execution").await;
    for name in ["mine.txt", "both.txt", "new.txt"] {
        edit(&scene.workspace().join(name), "mine\n");
    }
    run.signal("INT").await;
    run.finish().await;
    let diff = scene.run(&["diff"]).await.succeeded().stdout;
    let others = "not shown mine.txt: it was edited while nothing of the thread ran";
    assert!(diff.contains("+two") && !diff.contains("+mine") && diff.contains(others), "{diff}");
    let undone = scene.run(&["undo"]).await;
    let kept = |name: &str| {
        undone.stdout.contains(&format!("{name}: it was edited while nothing of that turn ran"))
    };
    assert!(["mine.txt", "both.txt", "new.txt"].into_iter().all(kept), "{}", undone.stdout);
    assert_eq!(scene.read("b.txt"), None);
    for name in ["mine.txt", "both.txt", "new.txt"] {
        assert_eq!(scene.read(name).as_deref(), Some("mine\n"), "{name}");
    }
    scene.run(&["undo", "--turn", "1", "--force"]).await.succeeded();
    assert_eq!(scene.read("both.txt").as_deref(), Some("one\n"));
}

#[tokio::test]
async fn git_works_in_the_sandbox_and_nothing_that_it_runs_later_can_be_planted() {
    let scene = Scene::new(AGENT).file("a.txt", "one\n").file(".git/hooks/README", "");
    let git = "git -c user.name=n -c user.email=e@x";
    let work = format!(
        "git add a.txt && {git} commit -qm one && git branch side && echo two > a.txt && git diff --quiet; \
         {git} stash -q && git status --short && git log --format=%s"
    );
    let run = scene.run(&["sandbox", "--", "sh", "-c", &work]).await.succeeded();
    assert_eq!(run.stdout, "one\n", "{}", run.stderr);
    let plant = "echo 'touch planted' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; \
                 git config core.pager 'touch planted'; git config core.fsmonitor 'touch planted'";
    scene.run(&["sandbox", "--", "sh", "-c", plant]).await;
    assert_eq!(scene.read(".git/hooks/pre-commit"), None);
    let config = scene.read(".git/config").unwrap();
    assert!(!config.contains("planted"), "{config}");
    // The same outside the sandbox, so that the test could fail.
    scene.run(&["sandbox", "-s", "danger-full-access", "--", "sh", "-c", plant]).await;
    assert!(scene.read(".git/config").unwrap().contains("planted"));
}

#[tokio::test]
async fn s10_what_shells_start_with_is_kept_also_from_commands_that_are_told_of_no_home() {
    let scene = Scene::new(AGENT).file(".bashrc", "# mine\n");
    let scene = scene.config("[shell_environment_policy]\ninherit = \"none\"\n");
    let home = scene.workspace();
    let scene = scene.env("HOME", home.to_str().unwrap());
    let change =
        ["sandbox", "-s", "workspace-write", "--", "/bin/sh", "-c", "echo >>.bashrc; echo $HOME"];
    let run = scene.run(&change).await;
    assert_eq!(run.stdout, "\n");
    assert_eq!(scene.read(".bashrc").as_deref(), Some("# mine\n"));
}

/// Says the size of its terminal, and again when it is told of another; then it is over.
const SAYS_ITS_SIZE: &str =
    "trap 'stty size; kill $!; wait; exit' WINCH; stty size; touch ready; sleep 100 & wait";

#[tokio::test]
async fn s15_a_server_that_one_command_starts_is_reached_by_the_next() {
    const SERVE: &str = r#"
import socket, threading
def serve(server):
    while True: server.accept()[0].sendall(b'served')
servers = [socket.create_server(('127.0.0.1', 0)), socket.socket(socket.AF_UNIX)]
servers[1].bind('/tmp/own.sock'); servers[1].listen()
for server in servers: threading.Thread(target=serve, args=(server,)).start()
open('port', 'w').write(str(servers[0].getsockname()[1]))
"#;
    const ASK: &str = r#"
import socket
port = int(open('port').read())
for family, address in [(socket.AF_INET, ('127.0.0.1', port)), (socket.AF_UNIX, '/tmp/own.sock')]:
    client = socket.socket(family); client.connect(address); print(client.recv(9).decode(), end=' ')
"#;
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "python3 serve.py", "yield_time_ms": 250}))
        .calls("exec_command", json!({"cmd": "python3 ask.py && echo both"}))
        .says("Both are served.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().file("serve.py", SERVE).file("ask.py", ASK);
    let scene = scene.facing(&server);
    let python = scene.run(&["sandbox", "--", "python3", "--version"]).await;
    let doctor = scene.run(&["doctor", "-s", "workspace-write"]).await;
    if python.code != Some(0) || doctor.stdout.contains("reduced: ") {
        return println!("not run: there is no python3, or no full sandbox");
    }
    // Whoever opens it waits for the other one.
    scene.fifo("port");
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let asked = run.items("command_execution").into_iter().last().unwrap();
    assert_eq!(asked["aggregated_output"], "served served both\n");
}

#[tokio::test]
async fn the_model_says_how_large_a_terminal_is_and_changes_it_later() {
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({"cmd": SAYS_ITS_SIZE, "tty": true, "rows": 33, "cols": 111, "yield_time_ms": 50}),
        )
        .calls("exec_command", json!({"cmd": "until [ -e ready ]; do :; done"}))
        .calls("write_stdin", json!({"session_id": 1, "cols": 77, "yield_time_ms": 60_000}))
        .says("It was told.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let sent: String = server.frames().iter().map(|frame| frame.json.to_string()).collect();
    assert!(sent.contains("33 111") && sent.contains("33 77"), "{sent}");
}

#[test]
fn a_terminal_of_the_models_is_as_large_as_the_persons_and_changes_with_it() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": SAYS_ITS_SIZE, "tty": true, "yield_time_ms": 60_000}))
        .says("It was told.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "workspace-write", "go"], 90, 30);
    screen.wait_for("30 90");
    screen.wait_until("it can be told", |_| scene.read("ready").is_some());
    screen.resize(100, 25);
    screen.wait_for("25 100");
    screen.wait_for("It was told.");
    screen.press("<c-c><c-c>");
    screen.finish().gave_the_terminal_back();
}

#[tokio::test]
async fn the_rules_are_asked_about_a_command_without_running_it() {
    let scene = Scene::new(AGENT)
        .file("my.rules", "prefix_rule(pattern=[\"git\", \"push\"], decision=\"prompt\")\n")
        .file("more.rules", "prefix_rule([\"touch\"], decision=\"forbidden\", justification=\"No.\")\nnetwork_rule(host=\"x.org\", protocol=\"https\", decision=\"allow\")\n")
        .file("bad.rules", "prefix_rule(pattern=[])\n");
    let files = ["execpolicy", "check", "--rules", "my.rules", "-r", "more.rules"];
    fn check<'a>(files: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
        [files, command].concat()
    }
    let run = scene.run(&check(&files, &["--", "touch", "made", "-x"])).await.succeeded();
    assert_eq!(
        run.events()[0],
        json!({"decision": "forbidden", "matchedRules": [{"prefixRuleMatch": {
            "matchedPrefix": ["touch"], "decision": "forbidden", "justification": "No.",
            "rule": format!("{}:1", scene.workspace().join("more.rules").display()),
        }}]})
    );
    assert!(run.stderr.contains("network_rule in line 2 is not honoured"), "{}", run.stderr);
    assert_eq!(scene.read("made"), None);
    // A whole line as the model writes it, and no `--` where it is not needed.
    let run = scene.run(&check(&files, &["ls && git push"])).await.succeeded();
    assert_eq!(run.events()[0]["decision"], "prompt");
    let run = scene.run(&check(&files, &["git", "status", "--short"])).await.succeeded();
    assert_eq!(run.stdout, "{\"matchedRules\":[]}\n");
    for (file, said) in [("bad.rules", "bad.rules:1:1"), ("none.rules", "no such file")] {
        let run = scene.run(&["execpolicy", "check", "--rules", file, "--", "ls"]).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert_eq!(scene.run(&["execpolicy", "check"]).await.code, Some(2));
}

#[tokio::test]
async fn without_files_the_rules_that_hold_here_are_asked() {
    let scene = Scene::new(AGENT);
    let rules = scene.home().with_file_name(".codex").join("rules");
    std::fs::create_dir_all(&rules).unwrap();
    let text = "prefix_rule([\"ls\"])\nnetwork_rule(host=\"x.org\", protocol=\"https\", decision=\"allow\")\n";
    std::fs::write(rules.join("default.rules"), text).unwrap();
    let run = scene.run(&["execpolicy", "check", "--pretty", "ls", "-l"]).await.succeeded();
    assert!(run.stdout.starts_with("{\n  \"decision\": \"allow\""), "{}", run.stdout);
    assert!(run.stderr.contains("default.rules: network_rule in line 2"), "{}", run.stderr);
}

#[tokio::test]
async fn a_thread_that_another_process_works_on_is_left_to_it_and_that_one_is_named() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "until [ -e go-on ]; do :; done"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut first = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    first.until("item.started command_execution").await;
    let id = scene.run(&["threads"]).await.stdout.split(' ').next().unwrap().to_owned();
    for args in [&["exec", "resume", "--last", "more"][..], &["threads", "rm", &id]] {
        let run = scene.run(args).await;
        assert_eq!(run.code, Some(1), "{args:?}");
        let holder = if cfg!(target_os = "linux") {
            format!("process {} works on", first.pid())
        } else {
            "another process works on".to_owned()
        };
        assert!(run.stderr.contains(&holder), "{}", run.stderr);
    }
    std::fs::write(scene.workspace().join("go-on"), "").unwrap();
    first.finish().await.succeeded();
    scene.run(&["threads", "rm", &id]).await.succeeded();
}

#[tokio::test]
async fn s21_a_trace_in_a_file_steers_no_terminal_that_shows_the_file() {
    const ODD: &str = "\u{1b}]0;T\u{7}\u{9b}2J\u{202e}\u{200b}\u{e0041}";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": format!("echo '{ODD}'")}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", &format!("go {ODD}")]).await.succeeded();
    let files = ["--perfetto", "trace.json", "--html", "trace.html"];
    scene.run(&[&["trace", "--last"], &files[..]].concat()).await.succeeded();
    for name in ["trace.json", "trace.html"] {
        let text = scene.read(name).unwrap();
        let raw = text.chars().find(|c| ODD.contains(*c) && !c.is_ascii_graphic());
        assert_eq!(raw, None, "{name}: {text}");
    }
    let page = scene.read("trace.html").unwrap();
    assert!(page.contains("&lt;U+001B&gt;]0;T&lt;U+0007&gt;&lt;U+009B&gt;2J"), "{page}");
    let trace: serde_json::Value =
        serde_json::from_str(&scene.read("trace.json").unwrap()).unwrap();
    assert!(trace.to_string().contains("\u{202e}"), "it is the same JSON");
}

#[tokio::test]
async fn s1_a_trace_is_written_through_no_link() {
    let server = ScriptedModel::new().says("Done.").serve();
    let scene = Scene::new(AGENT).file("trace.json", "old").facing(&server);
    scene.run(&["exec", "go"]).await.succeeded();
    let own = scene.home().with_file_name("own");
    std::fs::write(&own, "own").unwrap();
    let link = scene.workspace().join("trace.html");
    std::os::unix::fs::symlink(&own, &link).unwrap();
    let files = ["--last", "--perfetto", "trace.json", "--html", "trace.html"];
    let trace: Vec<_> = ["trace"].into_iter().chain(files).collect();
    let run = scene.run(&trace).await;
    assert_eq!(run.code, Some(1));
    let said = format!("cannot write trace.html: it is a link to {}", own.display());
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "own");
    assert_eq!(scene.read("trace.json").unwrap(), "old", "nothing is written where not all can be");
    std::fs::remove_file(link).unwrap();
    std::os::unix::fs::symlink(scene.home(), scene.workspace().join("build")).unwrap();
    let run = scene.run(&["trace", "--last", "--html", "build/trace.html"]).await;
    assert!(run.stderr.contains("build is a link to"), "{}", run.stderr);
    assert!(!scene.home().join("trace.html").exists());
    scene.run(&trace).await.succeeded();
    assert!(scene.read("trace.html").unwrap().contains("<html"));
    assert!(scene.read("trace.json").unwrap().contains("traceEvents"));
}
