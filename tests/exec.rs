//! `agent exec`: one task, its events, its answer.

use agent_protocol::ApiError;
use agent_testkit::{Refusal, Scene, ScriptedModel, Step};
use insta::assert_snapshot;
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const PATCH: &str =
    "*** Begin Patch\n*** Update File: greet.sh\n@@\n-echo hi\n+echo hello\n*** End Patch";

#[tokio::test]
async fn a_task_is_done_step_by_step_over_one_socket() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat greet.sh"}))
        .calls_freely("apply_patch", PATCH)
        .says("It greets properly now.")
        .serve();
    let scene = Scene::new(AGENT).file("greet.sh", "echo hi\n").facing(&server);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "mend the greeting"]).await;
    let run = run.succeeded();
    assert_eq!(
        run.types(),
        [
            "thread.started",
            "turn.started",
            "step.started",
            "item.started command_execution",
            "item.completed command_execution",
            "step.completed",
            "step.started",
            "item.started file_change",
            "item.completed file_change",
            "step.completed",
            "step.started",
            "item.completed agent_message",
            "step.completed",
            "turn.completed",
        ]
    );
    let command = &run.items("command_execution")[0];
    assert_eq!(command["exit_code"], 0);
    assert_eq!(command["aggregated_output"], "echo hi\n");
    assert_eq!(command["status"], "completed");
    let change = &run.items("file_change")[0]["changes"][0];
    assert_eq!((&change["kind"], &change["additions"]), (&json!("update"), &json!(1)));
    assert_eq!(scene.read("greet.sh").unwrap(), "echo hello\n");
    let turn = run.event("turn.completed");
    assert_eq!(turn["final_message"], "It greets properly now.");
    assert_eq!(turn["steps"], 3);
    assert_eq!((server.upgrades().len(), server.posts().len()), (1, 0));
}

#[tokio::test]
async fn every_event_is_numbered_and_dated() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let run = Scene::new(AGENT).facing(&server).run(&["exec", "--json", "hi"]).await.succeeded();
    for (number, event) in run.events().iter().enumerate() {
        assert_eq!(event["seq"], number);
        assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");
        assert!(event["t_ms"].is_u64(), "{event}");
    }
}

#[tokio::test]
async fn for_people_the_answer_alone_is_on_standard_output() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo one; echo two; exit 3"}))
        .calls("read_file", json!({"file_path": "greet.sh"}))
        .calls_freely("apply_patch", PATCH)
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).file("greet.sh", "echo hi\n").facing(&server);
    let run = scene.run(&["exec", "-s", "workspace-write", "mend the greeting"]).await.succeeded();
    assert_eq!(run.stdout, "Done.\n");
    assert_snapshot!(scene.normal(&run.stderr));
}

#[tokio::test]
async fn s21_what_comes_from_outside_cannot_steer_the_terminal() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "printf '\\033]0;owned\\007\\033[2Jx\\n'"}))
        .says("\u{1b}[31mred\u{202e}")
        .serve();
    let run = Scene::new(AGENT).facing(&server).run(&["exec", "go"]).await.succeeded();
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
    assert_eq!(run.stdout, "<U+001B>[31mred<U+202E>\n", "nothing of the answer vanishes");
}

#[tokio::test]
async fn calls_of_one_response_run_at_once_and_are_answered_in_their_order() {
    // Each waits for the other: one after the other they would never end.
    let meet = |mine: &str, other: &str| json!({"cmd": format!("touch {mine}; while [ ! -e {other} ]; do sleep 0.01; done; echo {mine}")});
    let server = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", meet("first", "second")),
            ("exec_command", meet("second", "first")),
            ("list_dir", json!({"dir_path": ".git"})),
        ])
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let answers = &server.frames()[1].json["input"];
    let outputs: Vec<_> =
        answers.as_array().unwrap().iter().map(|item| item["output"].to_string()).collect();
    assert!(outputs[0].contains("first") && outputs[1].contains("second"), "{outputs:?}");
    assert_eq!(outputs.len(), 3);
}

#[tokio::test]
async fn an_edit_has_its_place_among_the_calls_of_one_response() {
    let patch = |from: &str, to: &str| json!({"input": format!("*** Begin Patch\n*** Update File: made\n@@\n-{from}\n+{to}\n*** End Patch")});
    let server = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "sleep 0.3; echo first > made"})),
            ("apply_patch", patch("first", "second")),
            ("exec_command", json!({"cmd": "cat made"})),
            ("apply_patch", patch("second", "third")),
            ("read_file", json!({"file_path": "made"})),
        ])
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let read = &run.items("command_execution");
    assert!(read.iter().any(|item| item["aggregated_output"] == "second\n"), "{read:?}");
    assert_eq!(scene.read("made").unwrap(), "third\n");
    let answers = server.frames()[1].json["input"].as_array().unwrap().clone();
    assert!(answers[4]["output"].to_string().contains("third"), "{answers:?}");
}

#[tokio::test]
async fn a_command_is_told_which_thread_it_is_of_and_what_it_may_do() {
    let show = "env | grep -E '^(AGENT|CODEX)_' | sort";
    let ids = |run: &agent_testkit::Finished| {
        let id = run.event("thread.started")["thread_id"].as_str().unwrap().to_owned();
        [format!("AGENT_SESSION_ID={id}\n"), format!("CODEX_THREAD_ID={id}\n")]
    };
    for (options, told) in [
        (
            &["-s", "read-only"][..],
            ["AGENT_SANDBOX=read-only\n", "CODEX_SANDBOX_NETWORK_DISABLED=1\n"],
        ),
        (
            &["-s", "workspace-write"],
            ["AGENT_SANDBOX=workspace-write\n", "CODEX_SANDBOX_NETWORK_DISABLED=1\n"],
        ),
        (
            &["-s", "workspace-write", "-c", "sandbox_workspace_write.network_access=true"],
            ["AGENT_SANDBOX=workspace-write\n", ""],
        ),
        (&["-s", "danger-full-access"], ["", ""]),
    ] {
        let server =
            ScriptedModel::new().calls("exec_command", json!({"cmd": show})).says("Done.").serve();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server);
        let run = scene.run(&[&["exec", "--json", "go"], options].concat()).await.succeeded();
        let [session, thread] = ids(&run);
        let expected = format!("{}{session}{}{thread}", told[0], told[1]);
        let mut expected: Vec<_> = expected.lines().collect();
        expected.sort_unstable();
        let item = &run.items("command_execution")[0];
        let mut seen: Vec<_> = item["aggregated_output"].as_str().unwrap().lines().collect();
        seen.retain(|line| !line.starts_with("AGENT_HOME"));
        assert_eq!(seen, expected, "{options:?}");
    }
}

#[tokio::test]
async fn what_a_call_gets_wrong_is_told_to_the_model_and_fails_no_turn() {
    let server = ScriptedModel::new()
        .calls("edit_everything", json!({}))
        .calls("exec_command", json!({"command": 7}))
        .calls("read_file", json!({"file_path": "gone.txt"}))
        .calls("exec_command", json!({"cmd": "exit 9"}))
        .says("I see.")
        .serve();
    let run = Scene::new(AGENT).facing(&server).run(&["exec", "--json", "go"]).await.succeeded();
    let told = |frame: usize| server.frames()[frame].json["input"][0]["output"].to_string();
    assert!(told(1).contains("unsupported call: edit_everything"), "{}", told(1));
    assert!(told(2).contains("cmd"), "{}", told(2));
    assert!(told(3).contains("gone.txt"), "{}", told(3));
    assert!(told(4).contains('9'), "{}", told(4));
    let rejected: Vec<_> =
        run.events().into_iter().filter(|event| event["type"] == "tool.rejected").collect();
    let reasons: Vec<_> = rejected.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["unknown_tool", "bad_arguments"]);
}

#[tokio::test]
async fn read_only_is_the_default_and_says_how_to_write() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo x > made; echo x > /tmp/made-by-a-test"}))
        .calls_freely("apply_patch", PATCH)
        .says("I may not.")
        .serve();
    let scene = Scene::new(AGENT).file("greet.sh", "echo hi\n").facing(&server);
    scene.run(&["exec", "go"]).await.succeeded();
    assert_eq!(scene.read("made"), None);
    assert_eq!(scene.read("greet.sh").unwrap(), "echo hi\n");
    let told = server.frames()[2].json["input"][0]["output"].to_string();
    assert!(told.contains("read-only") && told.contains("workspace-write"), "{told}");
}

#[tokio::test]
async fn s23_a_server_that_names_our_key_is_quoted_without_it() {
    const PASSWORD: &str = "hunter2-x";
    let key = ScriptedModel::new().serve().token();
    let message = format!("what is {key}, and {PASSWORD}?");
    let busy = ApiError { status: Some(503), message: message.clone(), ..ApiError::default() };
    let failed = ApiError { code: Some(key.to_owned()), ..busy.clone() };
    let failed = ApiError { status: Some(400), ..failed };
    let model = ScriptedModel::new().step(Step::new().refuses(busy));
    let server = model.step(Step::new().refuses(failed)).serve();
    let scene = Scene::new(AGENT).facing(&server).env("SSHPASS", PASSWORD).unrehearsed();
    let run = scene.run(&["exec", "--json", "go"]).await;
    assert_eq!(run.code, Some(1));
    let quoted = "what is [secret removed], and [secret removed]?";
    assert!(run.event("transport.retry")["message"].as_str().unwrap().contains(quoted));
    let error = &run.event("turn.failed")["error"];
    assert!(error["message"].as_str().unwrap().contains(quoted), "{error}");
    assert_eq!(error["provider_code"], "[secret removed]");
    let body = json!({"error": {"message": message, "code": "invalid_api_key"}}).to_string();
    server.refuse_upgrade(Refusal::status(401).body(&body));
    let doctor = scene.run(&["doctor"]).await;
    assert!(doctor.stdout.contains(quoted), "{}", doctor.stdout);
    let rollout = std::fs::read_to_string(&scene.rollouts()[0]).unwrap();
    let said = [&run.stdout, &run.stderr, &doctor.stdout, &doctor.stderr, &rollout];
    assert!(said.iter().all(|text| !text.contains(key) && !text.contains(PASSWORD)), "{said:?}");
}

#[tokio::test]
async fn s23_nothing_of_ours_gets_into_a_core_dump() {
    let model = ScriptedModel::new();
    let model = model.calls("exec_command", json!({"cmd": "prlimit --core -o SOFT --noheadings"}));
    let server = model.says("Done.").serve();
    let scene = Scene::new(AGENT).facing(&server).after("ulimit -Sc $(ulimit -Hc)");
    // What is not confined takes the limit over from us, and may raise it. A program of the machine's that takes dumps is not
    // run at 1, and at 0 it is.
    let run = scene.run(&["exec", "--json", "-s", "danger-full-access", "go"]).await.succeeded();
    let limit = &run.items("command_execution")[0]["aggregated_output"];
    assert_eq!(limit.as_str().map(str::trim), Some("1"));
}

#[tokio::test]
async fn the_network_is_closed_to_commands() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' 127.0.0.1 $PORT && echo REACHED"}))
        .says("Closed.")
        .serve();
    let port = server.address().port().to_string();
    let scene = Scene::new(AGENT).facing(&server).env("PORT", &port);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let command = &run.items("command_execution")[0];
    assert_ne!(command["exit_code"], 0, "{command}");
    assert!(!command["aggregated_output"].as_str().unwrap().contains("REACHED"));
    // And the same outside the sandbox, so that the test could fail.
    let open = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' 127.0.0.1 $PORT && echo REACHED"}))
        .says("Open.")
        .serve();
    let port = open.address().port().to_string();
    let scene = Scene::new(AGENT).facing(&open).env("PORT", &port);
    let run = scene.run(&["exec", "--json", "--yolo", "go"]).await.succeeded();
    assert!(run.items("command_execution")[0].to_string().contains("REACHED"));
}

#[tokio::test]
async fn s23_secrets_reach_neither_commands_nor_the_model_nor_the_rollout() {
    const KEY: &str = "sk-test-0123456789abcdef";
    const PASSWORD: &str = "hunter2-x";
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({"cmd": "env | grep -v _ID=; cat leaked; echo ${DATABASE_URL#*me:}"}),
        )
        .says("Nothing.")
        .serve();
    let scene = Scene::new(AGENT)
        .file("leaked", &format!("the key is {KEY}\n"))
        .facing(&server)
        .env("MY_SERVICE_TOKEN", KEY)
        .env("SSHPASS", PASSWORD)
        .env("DATABASE_URL", &format!("postgres://me:{PASSWORD}@localhost/a"));
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let rollout = std::fs::read_to_string(&scene.rollouts()[0]).unwrap();
    for (place, text) in [
        ("model", server.frames()[1].text.as_str()),
        ("rollout", &rollout),
        ("events", &run.stdout),
    ] {
        assert!(!text.contains(KEY) && !text.contains("MY_SERVICE_TOKEN"), "{place}: {text}");
        assert!(!text.contains(PASSWORD) && !text.contains("SSHPASS"), "{place}: {text}");
        assert!(text.contains("postgres://[secret removed]@localhost/a"), "{place}: {text}");
        assert!(!text.contains(server.token()), "{place}: {text}");
    }
}

#[tokio::test]
async fn a_model_that_says_there_is_more_to_come_is_asked_again() {
    let server = ScriptedModel::new()
        .step(Step::new().says("First I think.").and_goes_on())
        .says("Now I am done.")
        .serve();
    let run = Scene::new(AGENT).facing(&server).run(&["exec", "--json", "go"]).await.succeeded();
    assert_eq!(run.event("turn.completed")["final_message"], "Now I am done.");
    assert_eq!(server.frames().len(), 2);
}

#[tokio::test]
async fn a_model_that_always_says_there_is_more_to_come_is_asked_twenty_times() {
    let more = Step::new().says("More to come.").and_goes_on().repeated(50);
    let server = ScriptedModel::new().step(more).serve();
    Scene::new(AGENT).facing(&server).run(&["exec", "go"]).await.succeeded();
    assert_eq!(server.frames().len(), 21);
}

#[tokio::test]
async fn an_endpoint_without_sockets_is_asked_over_http_in_the_same_run() {
    let server =
        ScriptedModel::new().calls("exec_command", json!({"cmd": "echo hi"})).says("Done.").serve();
    server.refuse_upgrade(Refusal::status(426));
    let run = Scene::new(AGENT).facing(&server).run(&["exec", "--json", "go"]).await.succeeded();
    let fallback = run.event("transport.fallback");
    assert_eq!((&fallback["from"], &fallback["to"]), (&json!("websocket"), &json!("http_sse")));
    assert_eq!(server.posts().len(), 2);
}

#[tokio::test]
async fn http_can_be_asked_for() {
    let server = ScriptedModel::new().says("Done.").serve();
    let scene = Scene::new(AGENT)
        .config("[model_providers.openai]\ntransport = \"http\"\n")
        .facing(&server);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert_eq!((server.upgrades().len(), server.posts().len()), (0, 1));
    assert_eq!(run.event("thread.started")["transport"], "http_sse");
}

#[tokio::test]
async fn the_last_message_is_written_where_it_is_asked_for_and_no_stale_one_stays() {
    let server = ScriptedModel::new().says("The answer.").serve();
    let scene = Scene::new(AGENT).file("answer.txt", "old").facing(&server);
    scene.run(&["exec", "-o", "answer.txt", "go"]).await.succeeded();
    assert_eq!(scene.read("answer.txt").unwrap(), "The answer.");
    let gone = Scene::new(AGENT)
        .file("answer.txt", "old")
        .env("AGENT_API_KEY", "k")
        .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let run = gone.run(&["exec", "-o", "answer.txt", "--network-timeout", "1", "go"]).await;
    assert_eq!((run.code, gone.read("answer.txt")), (Some(1), None));
}

#[tokio::test]
async fn a_device_stays_one_and_what_cannot_be_written_is_said_before_anything_is_sent() {
    let server = ScriptedModel::new().says("The answer.").serve();
    let scene = Scene::new(AGENT).file("folder/real", "old").facing(&server);
    for (path, problem) in [("folder", "is a directory"), ("no/such/file", "no directory no/such")]
    {
        let run = scene.run(&["exec", "-o", path, "go"]).await;
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    }
    assert!(server.frames().is_empty());
    // Links, so that no device of the machine is lost should this fail.
    let at = scene.workspace();
    for (link, to) in [("../nowhere", "/dev/null"), ("link", "folder/real")] {
        std::os::unix::fs::symlink(to, at.join(link)).unwrap();
        scene.run(&["exec", "-o", link, "go"]).await.succeeded();
        assert!(at.join(link).is_symlink(), "{link}");
    }
    assert_eq!(scene.read("folder/real").unwrap(), "The answer.");
}

#[tokio::test]
async fn no_command_says_where_the_last_message_goes() {
    let own = "folder/../../outside/own";
    for (command, lands) in [
        (format!("ln -sf $PWD/{own} out/answer"), "out/answer"),
        ("rm -f out/answer; mkfifo out/answer".to_owned(), "out/answer"),
        ("mv out moved; ln -s ../outside out".to_owned(), "moved/answer"),
    ] {
        let model = ScriptedModel::new().calls("exec_command", json!({"cmd": command}));
        let server = model.says("The answer.").serve();
        let scene = Scene::new(AGENT).file("out/answer", "old").file("folder/x", "");
        let scene = scene.facing(&server).unrehearsed();
        let outside = scene.workspace().with_file_name("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("own"), "own").unwrap();
        let path = "out/answer";
        scene.run(&["exec", "-s", "workspace-write", "-o", path, "go"]).await.succeeded();
        assert_eq!(scene.read(lands).as_deref(), Some("The answer."), "{command}");
        assert!(scene.workspace().join(lands).symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read_to_string(outside.join("own")).unwrap(), "own", "{command}");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1, "{command}");
    }
}

#[tokio::test]
async fn s1_no_link_that_a_command_may_have_made_leads_the_last_message_away() {
    let server = ScriptedModel::new().says("The answer.").serve();
    let scene = Scene::new(AGENT).file("folder/real", "").facing(&server).unrehearsed();
    let (workspace, beside) = (scene.workspace(), scene.workspace().with_file_name("beside"));
    std::fs::create_dir(&beside).unwrap();
    std::fs::write(beside.join("own"), "own").unwrap();
    let beside = beside.to_str().unwrap();
    let own = format!("{beside}/own");
    for (link, to) in [
        ("out", beside),
        ("own", &own),
        ("null", "/dev/null"),
        ("hooks", ".git"),
        ("none", "no/where"),
        ("near", "folder"),
        ("../far", beside),
        ("../here", workspace.to_str().unwrap()),
    ] {
        std::os::unix::fs::symlink(to, workspace.join(link)).unwrap();
    }
    let paths = ["out/new", "own", "null", "hooks/config", "none/new", "../here/out/new"];
    for path in paths.into_iter().chain(["folder/../out/new", "near/../out/own"]) {
        let run = scene.run(&["exec", "-o", path, "go"]).await;
        assert_eq!(run.code, Some(1), "{path}");
        let says = ["a command may have made it; name that itself", "there is no directory none"];
        assert!(says.iter().any(|why| run.stderr.contains(why)), "{path}: {}", run.stderr);
    }
    assert!(server.frames().is_empty());
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "own");
    assert_eq!(std::fs::read_dir(beside).unwrap().count(), 1);
    // The person's own links lead where they want, and so does what they say.
    let direct = format!("{beside}/direct");
    for path in ["near/a", "../far/b", "../here/near/c", "../beside/d", &direct] {
        scene.run(&["exec", "-o", path, "go"]).await.succeeded();
        assert_eq!(std::fs::read_to_string(workspace.join(path)).unwrap(), "The answer.");
    }
}

#[tokio::test]
async fn what_is_a_directory_at_the_end_is_no_place_for_the_last_message() {
    let model = ScriptedModel::new();
    let model = model.calls("exec_command", json!({"cmd": "rm answer; mkdir answer"}));
    let server = model.says("The answer.").serve();
    let scene = Scene::new(AGENT).file("answer", "old").facing(&server).unrehearsed();
    let run = scene.run(&["exec", "-s", "workspace-write", "-o", "answer", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("it is a directory now"), "{}", run.stderr);
    assert!(std::fs::read_dir(scene.workspace()).unwrap().count() <= 2, "nothing half done stays");
}

#[tokio::test]
async fn a_pipe_gets_the_last_message_when_somebody_reads_and_nobody_waits_for_one() {
    let server = ScriptedModel::new().says("The answer.").serve();
    let scene = Scene::new(AGENT).facing(&server).unrehearsed();
    scene.fifo("pipe");
    let run = scene.run(&["exec", "-o", "pipe", "go"]).await;
    assert_eq!((run.code, server.frames().len()), (Some(1), 0));
    assert!(run.stderr.contains("nobody reads from it"), "{}", run.stderr);
    let path = scene.workspace().join("pipe");
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let mut reader =
        std::fs::File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap());
    scene.run(&["exec", "-o", "pipe", "go"]).await.succeeded();
    let mut read = String::new();
    std::io::Read::read_to_string(&mut reader, &mut read).unwrap();
    assert_eq!(read, "The answer.");
}

#[tokio::test]
async fn the_limit_of_seconds_ends_a_command_and_a_silent_model_alike() {
    let sleeps = ScriptedModel::new().calls("exec_command", json!({"cmd": "sleep 100"}));
    let is_silent =
        ScriptedModel::new().step(Step::new().says("Two words.").at_tokens_per_second(0.01));
    for (model, items) in [(sleeps, 1), (is_silent, 0)] {
        let server = model.serve();
        let scene = Scene::new(AGENT).facing(&server);
        let run = scene
            .run(&["exec", "--json", "--max-seconds", "0.5", "--exit-codes", "fine", "go"])
            .await;
        assert_eq!(run.code, Some(6));
        assert_eq!(run.event("turn.failed")["error"]["kind"], "budget");
        assert_eq!(run.event("budget")["kind"], "seconds");
        let failed = run.items("command_execution");
        assert_eq!(failed.len(), items);
        assert!(failed.iter().all(|item| item["status"] == "failed"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_limit_ends_the_turn_and_says_so() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "true"}))
        .calls("exec_command", json!({"cmd": "true"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run =
        scene.run(&["exec", "--json", "--max-steps", "2", "--exit-codes", "fine", "go"]).await;
    assert_eq!(run.code, Some(6));
    assert_eq!(run.event("turn.failed")["error"]["kind"], "budget");
    assert_eq!(server.frames().len(), 2);
}

#[tokio::test]
async fn s20_a_program_of_the_project_is_told_of_no_turn() {
    let server = ScriptedModel::new().says("Done.").serve();
    let scene = Scene::new(AGENT).facing(&server).shadowing("of-the-project");
    let scene = scene.config("notify = [\"of-the-project\"]\n");
    let run = scene.run(&["exec", "go"]).await.succeeded();
    assert!(run.stderr.contains("`notify` could not be started"), "{}", run.stderr);
    assert!(scene.read("ran-of-the-project").is_none());
}

#[tokio::test]
async fn the_persons_program_is_told_of_a_turn_that_is_over() {
    let server = ScriptedModel::new().says("Done.").serve();
    // The program is not waited for: what a second run puts in order it might still use.
    let scene = Scene::new(AGENT).facing(&server).unrehearsed();
    let told = scene.workspace().join("told");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &told, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let config =
        format!("notify = [\"sh\", \"-c\", 'printf %s \"$1\" > {}', \"sh\"]\n", told.display());
    let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(told).unwrap());
    let scene = scene.config(&config);
    scene.run(&["exec", "go"]).await.succeeded();
    let told: Value = serde_json::from_str(&reading.await.unwrap()).unwrap();
    assert_eq!(told["type"], "agent-turn-complete");
    assert_eq!(told["input-messages"], json!(["go"]));
    assert_eq!(told["last-assistant-message"], "Done.");
}
