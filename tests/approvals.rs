//! Who may do what: what runs without asking, what the person is asked, what their answers cover, what the log says.

use std::path::Path;
use std::time::{Duration, Instant};

use agent_core::{CompactionStyle, Limits, Log, Thread, ThreadConfig, ThreadHandle};
use agent_protocol::{
    Action, ApprovalPolicy, ChangeKind, Command, Content, Decision, Event, ItemDetails, Record,
    RuleChange, RuleEffect, RuleScope, SandboxMode, Settings, SettingsFields, Status, ToolChoice,
    TransportKind,
};
use agent_testkit::{Scene, ScriptedModel, Step};
use agent_tools::{Policy, RuleFiles, Rules, Toolbox, ToolboxConfig};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

#[tokio::test]
async fn nobody_is_there_in_exec_so_nothing_waits_and_what_would_be_asked_is_refused_with_the_reason()
 {
    let server = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "cat a.txt | head -n 1"})),
            ("exec_command", json!({"cmd": "touch made"})),
            ("exec_command", json!({"cmd": "make", "sandbox_permissions": "require_escalated"})),
        ])
        .says("Well.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "one\ntwo\n").facing(&server);
    let run = scene
        .run(&["exec", "--json", "-a", "untrusted", "-s", "workspace-write", "look"])
        .await
        .succeeded();
    let commands = run.items("command_execution");
    let end = |line: &str| {
        let is_it = |command: &&serde_json::Value| command["command"].to_string().contains(line);
        let command = commands.iter().find(is_it).unwrap();
        (command["status"].clone(), command["aggregated_output"].clone())
    };
    assert_eq!(end("cat a.txt"), (json!("completed"), json!("one\n")));
    assert_eq!(end("touch made"), (json!("declined"), json!("")));
    assert_eq!(end("'make'"), (json!("declined"), json!("")));
    assert_eq!(scene.read("made"), None);
    let told = server.frames().last().unwrap().text.clone();
    assert!(told.contains("refused, as nobody is there to be asked"), "{told}");
    assert!(!told.contains("The person"), "{told}");
    assert!(told.contains("it is not known to change nothing"), "{told}");
}

#[tokio::test]
async fn s19_a_program_of_the_project_is_not_known_by_the_name_it_has() {
    for (path, runs) in [("WORK/bin:/usr/bin:/bin", false), ("/usr/bin:/bin:WORK/bin", true)] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "cat a.txt"}))
            .says("Well.")
            .serve();
        let scene = Scene::new(AGENT).file("a.txt", "one\n").file("bin/cat", "#!/bin/sh\n");
        let path = path.replace("WORK", scene.workspace().to_str().unwrap());
        let scene = scene.env("PATH", &path).facing(&server);
        let run = scene.run(&["exec", "--json", "-a", "untrusted", "look"]).await.succeeded();
        let status = run.items("command_execution").last().unwrap()["status"].clone();
        assert_eq!(status, if runs { "completed" } else { "declined" }, "{path}");
    }
}

#[tokio::test]
async fn s19_git_is_known_to_only_read_where_the_directory_is_trusted_for_its_repository_names_programs()
 {
    for (trust, status) in [(&[][..], "declined"), (&["--trust"], "completed")] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "git status"}))
            .says("Well.")
            .serve();
        let scene = Scene::new(AGENT).facing(&server);
        let scene = scene.file(".git/config", "[core]\n\tfsmonitor = \"touch ran; false\"\n");
        let args =
            [&["exec", "--json", "-a", "untrusted", "-s", "workspace-write"], trust, &["look"]];
        let run = scene.run(&args.concat()).await.succeeded();
        assert_eq!(run.items("command_execution").last().unwrap()["status"], status);
        assert!(status == "completed" || scene.read("ran").is_none());
    }
}

#[tokio::test]
async fn every_decision_is_in_the_rollout_with_the_rule_that_made_it() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "true"}))
        .calls("exec_command", json!({"cmd": "true", "sandbox_permissions": "require_escalated"}))
        .says("Well.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "look"]).await.succeeded();
    let rollout = std::fs::read_to_string(&scene.rollouts()[0]).unwrap();
    let lines = rollout.lines().skip(1).map(|line| serde_json::from_str::<Record>(line).unwrap());
    let rules: Vec<_> = lines
        .filter_map(|record| match record.event {
            Event::ItemStarted { rule, .. } | Event::ToolRejected { rule, .. } => rule,
            _ => None,
        })
        .collect();
    assert_eq!(rules, ["sandbox read-only", "approval policy never"]);
}

fn with_rules(scene: Scene, rules: &str) -> Scene {
    std::fs::create_dir_all(scene.home().join("rules")).unwrap();
    std::fs::write(scene.home().join("rules/mine.rules"), rules).unwrap();
    scene
}

#[tokio::test]
async fn a_rule_forbids_a_command_wherever_it_stands_and_the_model_is_told_why() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "true && bash -c 'touch made'"}))
        .says("Well.")
        .serve();
    let rule = "prefix_rule(pattern=[\"touch\"], decision=\"forbidden\", justification=\"Files are made by patches.\")";
    let scene = with_rules(Scene::new(AGENT).facing(&server), rule);
    let run = scene.run(&["exec", "--json", "--yolo", "make it"]).await.succeeded();
    let rejected = run.event("tool.rejected");
    assert_eq!(rejected["reason"], "policy");
    assert!(rejected["rule"].as_str().unwrap().ends_with("rules/mine.rules:1"), "{rejected}");
    let told = server.frames().last().unwrap().text.clone();
    assert!(told.contains("Files are made by patches."), "{told}");
    assert_eq!(scene.read("made"), None);
}

#[tokio::test]
async fn s17_a_rule_of_the_person_allows_outside_the_sandbox_what_a_rule_of_the_project_cannot() {
    let outside = |scene: &Scene| scene.home().join("made");
    let touch = |scene: &Scene| {
        let line = format!("touch '{}'", outside(scene).display());
        ScriptedModel::new()
            .calls("exec_command", json!({"cmd": line, "sandbox_permissions": "require_escalated"}))
            .says("Well.")
            .serve()
    };
    let rule = "prefix_rule(pattern=[\"touch\"])";
    let scene =
        Scene::new(AGENT).file(".codex/rules/x.rules", rule).file(".agent/rules/x.rules", rule);
    let server = touch(&scene);
    let scene = scene.facing(&server);
    let run = scene.run(&["exec", "--trust", "make it"]).await.succeeded();
    assert!(!outside(&scene).exists());
    assert!(run.stderr.contains("a project may not allow commands"), "{}", run.stderr);
    let scene = Scene::new(AGENT);
    let server = touch(&scene);
    let scene = with_rules(scene.facing(&server), rule);
    scene.run(&["exec", "make it"]).await.succeeded();
    assert!(outside(&scene).exists());
    let told = server.frames()[0].text.clone();
    assert!(told.contains("commands that begin with `touch` run outside the sandbox"), "{told}");
}

#[tokio::test]
async fn s19_a_rule_lets_out_neither_another_repository_nor_a_program_of_the_project() {
    let commit = |workdir: Option<&str>, line: &str| json!({"cmd": line, "workdir": workdir, "sandbox_permissions": "require_escalated"});
    let server = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", commit(Some("vendor/evil"), "git commit -m x")),
            ("exec_command", commit(None, "cd vendor/evil && git commit -m x")),
            ("exec_command", commit(None, "eslint x")),
        ])
        .calls("exec_command", commit(None, "git commit --dry-run"))
        .says("Well.")
        .serve();
    let hook = "#!/bin/sh\ntouch \"$HOME/ran\"\n";
    let scene = Scene::new(AGENT)
        .file("vendor/evil/HEAD", "ref: refs/heads/main\n")
        .file("vendor/evil/config", "[core]\n\tworktree = .\n")
        .file("vendor/evil/objects/.keep", "")
        .file("vendor/evil/refs/.keep", "")
        .file("vendor/evil/hooks/pre-commit", hook)
        .file("node_modules/.bin/eslint", hook);
    for program in ["vendor/evil/hooks/pre-commit", "node_modules/.bin/eslint"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scene.workspace().join(program), mode).unwrap();
    }
    let bin = scene.workspace().join("node_modules/.bin");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let rules = "prefix_rule([\"git\", \"commit\"])\nprefix_rule([\"eslint\"])";
    let scene = with_rules(scene.env("PATH", &path).facing(&server), rules);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "commit"]).await.succeeded();
    let events = run.events();
    let rejected = events.iter().filter(|event| event["type"] == "tool.rejected").count();
    // In the thread's own repository the same rule holds; there is nothing to commit.
    let ran = run.items("command_execution");
    assert_eq!((rejected, ran.len()), (3, 1), "{events:?}");
    assert!(ran[0]["command"].to_string().contains("--dry-run"), "{}", ran[0]);
}

#[tokio::test]
async fn s20_what_a_command_puts_in_the_place_of_our_executable_confines_nothing() {
    let replace = "printf '#!/bin/sh\\n: >ran\\n' >new && chmod +x new && mv new bin/agent";
    // It takes a world of its own.
    let outside = json!({"cmd": "uname", "sandbox_permissions": "require_escalated", "justification": "to see"});
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": replace}))
        .calls("exec_command", outside)
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).installed_at("bin/agent").facing(&server).unrehearsed();
    let scene = with_rules(scene, "prefix_rule([\"uname\"])");
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let ran = run.items("command_execution");
    assert!(ran.len() == 2 && ran.iter().all(|item| item["exit_code"] == 0), "{ran:?}");
    assert_eq!(scene.read("ran"), None);
}

const HOOK: &str =
    "*** Begin Patch\n*** Add File: .git/hooks/pre-commit\n+#!/bin/sh\n*** End Patch";

#[tokio::test]
async fn an_edit_of_what_the_sandbox_protects_is_refused_where_nobody_can_be_asked() {
    let server = ScriptedModel::new().calls_freely("apply_patch", HOOK).says("Well.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "hook it"]).await.succeeded();
    let rejected = run.event("tool.rejected");
    assert_eq!(rejected["reason"], "sandbox");
    assert!(rejected["message"].as_str().unwrap().contains("pre-commit"), "{rejected}");
    assert_eq!(scene.read(".git/hooks/pre-commit"), None);
}

#[tokio::test]
async fn s20_our_own_rules_and_settings_are_not_the_models_where_links_lead_into_the_workspace() {
    let patch =
        "*** Begin Patch\n*** Add File: dots/own.rules\n+prefix_rule([\"bash\"])\n*** End Patch";
    let append = "echo 'notify = [\"evil\"]' >>dots/config.toml; true";
    let server = ScriptedModel::new()
        .calls_freely("apply_patch", patch)
        .calls("exec_command", json!({"cmd": append}))
        .says("Well.")
        .serve();
    let scene = Scene::new(AGENT).file("dots/config.toml", "# own\n").facing(&server);
    std::fs::create_dir_all(scene.home().join("rules")).unwrap();
    for (link, file) in [("rules/default.rules", "own.rules"), ("config.toml", "config.toml")] {
        let file = scene.workspace().join("dots").join(file);
        std::os::unix::fs::symlink(file, scene.home().join(link)).unwrap();
    }
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "turn"]).await.succeeded();
    let rejected = run.event("tool.rejected");
    assert_eq!(rejected["rule"], "the agent's own files", "{rejected}");
    assert_eq!(scene.read("dots/own.rules"), None);
    assert_eq!(scene.read("dots/config.toml").as_deref(), Some("# own\n"));
}

/// A thread with somebody before it.
struct Asking {
    handle: ThreadHandle,
    place: tempfile::TempDir,
    heard: Vec<Record>,
}

impl Asking {
    fn start(model: ScriptedModel, approval: ApprovalPolicy) -> Self {
        let place = tempfile::tempdir().unwrap();
        let cwd = std::fs::canonicalize(place.path()).unwrap().join("work");
        std::fs::create_dir(&cwd).unwrap();
        let sandbox = SandboxMode::WorkspaceWrite;
        let rules = place.path().join("home/rules");
        let files = RuleFiles {
            always: Some(rules.join("default.rules")),
            project: Some(rules.join("projects/here.rules")),
        };
        let policy =
            Policy::new(approval, sandbox, cwd.clone()).with_rules(Rules::default(), files);
        let toolbox = Toolbox::new(ToolboxConfig {
            cwd: cwd.clone(),
            writable_roots: vec![],
            shared: vec![],
            person: std::collections::BTreeMap::new(),
            sandbox,
            network: false,
            helper: AGENT.into(),
            env: std::env::vars_os().filter(|(name, _)| name == "PATH").collect(),
            secrets: agent_tools::SecretPlaces::default(),
            secret_values: agent_tools::Secrets::default(),
            outputs_dir: place.path().join("outputs"),
            journal_dir: None,
            keep_background: false,
            login: None,
            output_tokens: None,
            freeform_patch: true,
        });
        let config = ThreadConfig {
            thread_id: agent_core::new_thread_id(),
            agent_version: "0".to_owned(),
            provider: "test".to_owned(),
            transport: TransportKind::Websocket,
            cwd,
            sandbox,
            approval_policy: approval,
            settings: Settings::new(SettingsFields {
                model: "m".to_owned(),
                instructions: String::new(),
                tools: vec![],
                tool_choice: ToolChoice::Auto,
                parallel_tool_calls: true,
                reasoning: None,
                text: None,
                store: false,
                include: vec![],
                service_tier: None,
                prompt_cache_key: String::new(),
                max_output_tokens: None,
            }),
            preamble: vec![],
            remarks: vec![],
            resumed_from: None,
            warnings: vec![],
            limits: Limits::default(),
            price: None,
            answer_check: None,
            live: false,
            sessions_outlive_turns: true,
            compaction: CompactionStyle::Trigger,
            undo: None,
            compact_at: None,
            process_started: Instant::now(),
        };
        let transport = Box::new(model.transport());
        let (thread, handle) =
            Thread::start(config, Log::Ephemeral, transport, toolbox, policy).unwrap();
        tokio::spawn(thread.run());
        let asking = Self { handle, place, heard: vec![] };
        asking.command(Command::Send(vec![Content::text("go")]));
        asking
    }

    fn command(&self, command: Command) {
        self.handle.commands.send(command).unwrap();
    }

    fn made(&self, name: &str) -> bool {
        self.place.path().join("work").join(name).exists()
    }

    /// The next question; none when the turn ends without one.
    async fn question(&mut self) -> Option<Event> {
        loop {
            let record = tokio::time::timeout(Duration::from_secs(60), self.handle.records.recv());
            let record = record.await.expect("the thread is silent").expect("the thread has ended");
            self.heard.push(record.clone());
            match record.event {
                Event::ApprovalRequested { .. } => return Some(record.event),
                event if event.is_terminal() => return None,
                _ => {}
            }
        }
    }

    async fn until(&mut self, is_it: impl Fn(&Event) -> bool) {
        loop {
            let record = tokio::time::timeout(Duration::from_secs(60), self.handle.records.recv());
            let record = record.await.expect("the thread is silent").expect("the thread has ended");
            if is_it(&record.event) {
                return;
            }
        }
    }

    fn answer(&self, question: &Event, decision: Decision) {
        let Event::ApprovalRequested { call_id, .. } = question else { panic!("{question:?}") };
        self.command(Command::Decide { call_id: call_id.clone(), decision });
    }

    /// How each command that was called for ended, in the order of their ends.
    fn ends(&self) -> Vec<(String, Status)> {
        let ended = self.heard.iter().filter_map(|record| match &record.event {
            Event::ItemCompleted { item } => match &item.details {
                ItemDetails::CommandExecution(command) => {
                    Some((command.command.clone(), command.status))
                }
                _ => None,
            },
            _ => None,
        });
        ended.collect()
    }
}

fn outside(line: &str) -> serde_json::Value {
    json!({"cmd": line, "sandbox_permissions": "require_escalated", "justification": "May I?"})
}

fn touch(path: &Path) -> serde_json::Value {
    outside(&format!("touch '{}'", path.display()))
}

#[tokio::test]
async fn what_was_allowed_for_the_thread_is_never_asked_again() {
    let again = json!({"cmd": "touch made"});
    let model = ScriptedModel::new()
        .calls_at_once([("exec_command", again.clone()), ("exec_command", again.clone())])
        .calls("exec_command", again)
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::Untrusted);
    let question = asking.question().await.unwrap();
    assert!(!asking.made("made"));
    asking.answer(&question, Decision::Thread);
    assert_eq!(asking.question().await, None);
    assert!(asking.made("made"));
    let ends = asking.ends();
    assert!(
        ends.len() == 3 && ends.iter().all(|(_, status)| *status == Status::Completed),
        "{ends:?}"
    );
}

#[tokio::test]
async fn s20_a_command_runs_in_the_directory_that_was_shown_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let remove = json!({
        "cmd": "rm -f x", "workdir": "way/..", "sandbox_permissions": "require_escalated",
    });
    let model = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "mkdir -p sub/deep; touch sub/x; ln -s sub/deep way"}))
        .calls("exec_command", remove)
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    let question = asking.question().await.unwrap();
    let Event::ApprovalRequested { action, .. } = &question else { panic!() };
    let Action::Run { cwd, .. } = action else { panic!("{action:?}") };
    let sub = asking.place.path().canonicalize().unwrap().join("work/sub");
    assert_eq!(*cwd, sub);
    // It is exchanged while the person reads.
    std::fs::write(place.join("x"), "").unwrap();
    std::fs::rename(&sub, sub.with_file_name("old")).unwrap();
    std::os::unix::fs::symlink(&place, &sub).unwrap();
    asking.answer(&question, Decision::Once);
    assert_eq!(asking.question().await, None);
    assert!(place.join("x").exists() && asking.made("old/x"));
    let output = asking.heard.iter().find_map(|record| match &record.event {
        Event::ItemCompleted { item } => match &item.details {
            ItemDetails::CommandExecution(command) if command.status == Status::Failed => {
                Some(command.aggregated_output.clone())
            }
            _ => None,
        },
        _ => None,
    });
    let output = output.unwrap();
    assert!(output.contains("is not the directory any more that was asked about"), "{output}");
}

#[tokio::test]
async fn s20_an_approval_covers_exactly_what_was_shown_and_nothing_beside_it() {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = (place.path().join("one"), place.path().join("two"));
    let both = outside(&format!("touch '{}'; touch '{}'", one.display(), two.display()));
    let model = ScriptedModel::new()
        .calls("exec_command", touch(&one))
        .calls("exec_command", both)
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    let first = asking.question().await.unwrap();
    let Event::ApprovalRequested { reason, rule, lifts, .. } = &first else { panic!() };
    assert_eq!((reason.as_str(), rule.as_deref()), ("May I?", Some("approval policy on-request")));
    assert!(lifts.as_ref().unwrap().contains("network"), "{lifts:?}");
    asking.answer(&first, Decision::Thread);
    let second = asking.question().await.expect("more was asked for than was allowed");
    assert!(one.exists());
    asking.answer(&second, Decision::deny(None));
    assert_eq!(asking.question().await, None);
    assert!(!two.exists());
    let statuses: Vec<_> = asking.ends().into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, [Status::Completed, Status::Declined]);
}

#[tokio::test]
async fn a_lasting_answer_is_a_rule_in_the_persons_own_file_and_never_asked_again() {
    let test = |number: u32| json!({"cmd": format!("mkdir d{number}")});
    let model = ScriptedModel::new()
        .calls_at_once([("exec_command", json!({"cmd": "mkdir -p d0"})), ("exec_command", test(1))])
        .calls("exec_command", json!({"cmd": "mkdir -p d2"}))
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::Untrusted);
    let first = asking.question().await.unwrap();
    let Event::ApprovalRequested { prefix, .. } = &first else { panic!() };
    let prefix = prefix.clone().expect("a rule is offered");
    assert_eq!(prefix, ["mkdir", "-p", "d0"]);
    asking.answer(&first, Decision::Always { prefix });
    let second = asking.question().await.unwrap();
    let Event::ApprovalRequested { prefix, .. } = &second else { panic!() };
    let prefix = prefix.clone().unwrap();
    assert_eq!(prefix, ["mkdir", "d1"]);
    asking.answer(&second, Decision::Project { prefix });
    let third = asking.question().await.expect("no rule begins like that");
    let stolen = Decision::Always { prefix: vec!["mkdir".to_owned()] };
    asking.answer(&third, stolen);
    assert_eq!(asking.question().await, None);
    assert!(asking.made("d0") && asking.made("d1") && asking.made("d2"));
    let rules = |name: &str| std::fs::read_to_string(asking.place.path().join(name)).unwrap();
    let always = rules("home/rules/default.rules");
    assert!(
        always.contains("prefix_rule(pattern=[\"mkdir\", \"-p\", \"d0\"], decision=\"allow\")"),
        "{always}"
    );
    assert!(!always.contains("[\"mkdir\"]"), "that rule was not offered: {always}");
    assert!(rules("home/rules/projects/here.rules").contains("\"d1\""));
    let said = asking.heard.iter().any(|record| {
        matches!(&record.event, Event::ItemCompleted { item } if matches!(&item.details,
            ItemDetails::Error { message } if message.contains("not the rule that was offered")))
    });
    assert!(said, "the person is told");
}

#[tokio::test]
async fn an_edit_of_what_the_sandbox_protects_is_asked_for_with_what_would_be_lifted() {
    for (decision, written) in [(Decision::Once, true), (Decision::deny(None), false)] {
        let model = ScriptedModel::new().calls_freely("apply_patch", HOOK).says("Done.");
        let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
        let question = asking.question().await.unwrap();
        let Event::ApprovalRequested { lifts, .. } = &question else { panic!() };
        assert!(lifts.as_ref().unwrap().contains(".git/hooks/pre-commit"), "{lifts:?}");
        assert!(!asking.made(".git/hooks/pre-commit"));
        asking.answer(&question, decision);
        assert_eq!(asking.question().await, None);
        assert_eq!(asking.made(".git/hooks/pre-commit"), written);
    }
}

#[tokio::test]
async fn s20_what_is_typed_into_a_command_outside_the_sandbox_is_asked_for_too() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("typed");
    let shell = json!({
        "cmd": "sh", "tty": true, "yield_time_ms": 50,
        "sandbox_permissions": "require_escalated",
    });
    let typed = json!({"session_id": 1, "chars": format!("touch '{}'\n", path.display())});
    let model =
        ScriptedModel::new().calls("exec_command", shell).calls("write_stdin", typed).says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    let question = asking.question().await.unwrap();
    asking.answer(&question, Decision::Once);
    let question = asking.question().await.expect("nobody has seen what is typed");
    asking.answer(&question, Decision::deny(Some("No.".to_owned())));
    assert_eq!(asking.question().await, None);
    assert!(!path.exists());
}

#[tokio::test]
async fn s20_an_edit_allowed_for_the_thread_is_exactly_the_patch_that_was_shown() {
    let hook = "*** Update File: .git/hooks/pre-commit\n-#!/bin/sh\n+touch /tmp/never";
    let changed = format!("*** Begin Patch\n{hook}\n*** End Patch");
    let gone = "*** Begin Patch\n*** Delete File: .git/hooks/pre-commit\n*** End Patch";
    let model = ScriptedModel::new()
        .calls_freely("apply_patch", HOOK)
        .calls_freely("apply_patch", &changed)
        .calls_freely("apply_patch", gone)
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    let diffs = |question: &Event| {
        let Event::ApprovalRequested { action: Action::Edit { changes, .. }, .. } = question else {
            panic!("{question:?}")
        };
        let diffs = changes.iter().map(|change| (change.kind, change.diff.clone().unwrap()));
        diffs.collect::<Vec<_>>()
    };
    let first = asking.question().await.unwrap();
    let added = "@@ -0,0 +1,1 @@\n+#!/bin/sh\n".to_owned();
    assert_eq!(diffs(&first), [(ChangeKind::Add, added)]);
    asking.answer(&first, Decision::Thread);
    let second = asking.question().await.expect("the same file, and another patch");
    let updated = "@@ @@\n-#!/bin/sh\n+touch /tmp/never\n".to_owned();
    assert_eq!(diffs(&second), [(ChangeKind::Update, updated)]);
    asking.answer(&second, Decision::deny(None));
    let third = asking.question().await.expect("the same file, and it would go");
    assert_eq!(diffs(&third), [(ChangeKind::Delete, String::new())]);
    asking.answer(&third, Decision::deny(None));
    assert_eq!(asking.question().await, None);
    let hook = asking.place.path().join("work/.git/hooks/pre-commit");
    assert_eq!(std::fs::read_to_string(hook).unwrap(), "#!/bin/sh\n");
}

#[tokio::test]
async fn s20_what_may_be_typed_into_one_command_may_not_be_typed_into_a_later_one() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("typed");
    let begun = |line: &str| {
        json!({
            "cmd": line, "tty": true, "yield_time_ms": 50,
            "sandbox_permissions": "require_escalated",
        })
    };
    let text = format!("touch '{}'\n", path.display());
    let typed = |session: u32, text: &str| json!({"session_id": session, "chars": text});
    let model = ScriptedModel::new()
        .calls("exec_command", begun("cat"))
        .calls("write_stdin", typed(1, &text))
        .calls("write_stdin", typed(1, "\u{4}"))
        // Waits for its end.
        .calls("write_stdin", typed(1, ""))
        .calls("exec_command", begun("sh"))
        .calls("write_stdin", typed(1, &text))
        .calls("write_stdin", typed(2, &text))
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    for (shown, decision) in [
        (None, Decision::Once),
        (Some("cat"), Decision::Thread),
        (Some("cat"), Decision::Once),
        (None, Decision::Once),
        (Some("sh"), Decision::deny(None)),
    ] {
        let question = asking.question().await.expect("nobody has seen this");
        let Event::ApprovalRequested { action, .. } = &question else { panic!() };
        let into = match action {
            Action::Attend { command, pid, .. } => {
                assert!(pid.is_some());
                command.as_deref()
            }
            _ => None,
        };
        assert_eq!(into, shown);
        asking.answer(&question, decision);
    }
    assert_eq!(asking.question().await, None);
    assert!(!path.exists());
}

/// What the thread answers when its rules are to be changed, after the person's `change`.
async fn changed(asking: &mut Asking, change: RuleChange) -> (Vec<String>, Option<String>) {
    asking.command(Command::Rules(change));
    loop {
        let record = asking.handle.records.recv().await.expect("the thread has ended");
        asking.heard.push(record.clone());
        if let Event::RulesListed { rules, failed } = record.event {
            return (rules.into_iter().map(|rule| rule.words).collect(), failed);
        }
    }
}

fn put(scope: RuleScope, effect: RuleEffect, words: &str) -> RuleChange {
    RuleChange::Put { old: None, scope, effect, words: words.to_owned() }
}

#[tokio::test]
async fn a_rule_made_while_a_question_waits_answers_it_and_holds_for_what_comes() {
    let model = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "mkdir one"}))
        .calls("exec_command", json!({"cmd": "mkdir two"}))
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::Untrusted);
    asking.question().await.unwrap();
    let no_words = changed(&mut asking, put(RuleScope::Always, RuleEffect::Allow, " ")).await;
    assert!(no_words.0.is_empty() && no_words.1.unwrap().contains("no word is given"));
    assert!(!asking.made("one"));
    let made = changed(&mut asking, put(RuleScope::Project, RuleEffect::Allow, "mkdir")).await;
    assert_eq!(made, (vec!["mkdir".to_owned()], None));
    assert_eq!(asking.question().await, None, "nothing else is asked");
    assert!(asking.made("one") && asking.made("two"));
    let by = asking.heard.iter().filter_map(|record| match &record.event {
        Event::ApprovalResolved { rule, .. } => rule.clone(),
        _ => None,
    });
    let by = by.collect::<Vec<_>>();
    assert!(by.len() == 1 && by[0].ends_with("projects/here.rules:2"), "{by:?}");
}

/// Beside what it is asked for here, the thread has said and heard nothing.
#[tokio::test]
async fn who_stops_the_shortening_of_a_conversation_is_told_that_it_stays() {
    let model = ScriptedModel::new()
        .says("Done.")
        .step(Step::new().waits(Duration::from_secs(600)).says("Late."));
    let mut asking = Asking::start(model, ApprovalPolicy::Untrusted);
    assert_eq!(asking.question().await, None);
    asking.command(Command::Compact);
    asking.until(|event| matches!(event, Event::StepStarted { .. })).await;
    asking.command(Command::Interrupt);
    asking.until(|event| *event == Event::ContextKept { stopped: true }).await;
}

#[tokio::test]
async fn a_window_that_is_found_out_later_is_shortened_before_the_next_step() {
    let model = ScriptedModel::new()
        .calls("exec_command", outside("true"))
        .step(Step::new().yields(r#"{"type":"compaction","encrypted_content":"all of it"}"#))
        .says("Done.");
    let mut asking = Asking::start(model, ApprovalPolicy::OnRequest);
    let question = asking.question().await.unwrap();
    asking.command(Command::CompactAt(1));
    asking.answer(&question, Decision::Once);
    asking.until(|event| matches!(event, Event::ContextCompacted { .. })).await;
    assert_eq!(asking.question().await, None);
}
