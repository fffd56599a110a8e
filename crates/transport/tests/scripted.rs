//! The scripted model: what a script says, which step answers which request, and how it fails.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_protocol::{
    ApiError, Content, DeltaPart, ErrorKind, Item, Request, ResponseEvent, Settings,
    SettingsFields, ToolChoice, ToolSpec,
};
use agent_transport::{
    Control, Expect, Expected, Script, Scripted, Steering, Step, Transport, TransportError,
};
use futures_util::StreamExt;
use serde_json::json;

const TWO_CALLS: &str = r#"
name = "two calls"

[[step]]
name = "look"
think = "I look first."
say = "I will look."

[[step.call]]
tool = "exec_command"
as = "list"
arguments = { cmd = "ls" }

[[step.call]]
tool = "apply_patch"
input = """
*** Begin Patch
*** End Patch
"""

[[step]]
expect.output.list = "Cargo.toml"
say = "Done."
"#;

/// A conversation, as a client leads it.
struct Client {
    model: Scripted,
    items: Vec<Item>,
    tools: Vec<ToolSpec>,
    key: &'static str,
}

type Answer = Vec<Result<ResponseEvent, TransportError>>;

impl Client {
    fn of(script: Script) -> Self {
        Self { model: Scripted::new(script), items: vec![user("go")], tools: vec![], key: "thread" }
    }

    fn request(&self) -> Request {
        let settings = Settings::new(SettingsFields {
            model: "scripted".into(),
            instructions: "Work.".into(),
            tools: self.tools.clone(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            reasoning: None,
            text: None,
            store: false,
            include: vec![],
            service_tier: None,
            prompt_cache_key: self.key.into(),
            max_output_tokens: None,
        });
        Request { settings, window: self.items.iter().cloned().collect() }
    }

    /// Asks, without keeping what is answered.
    async fn ask(&mut self) -> Answer {
        let (_sender, mut control) = Control::channel();
        let request = self.request();
        self.model.respond(&request, &mut control).collect().await
    }

    /// Asks and answers all calls with `output`.
    async fn step(&mut self, output: &str) -> Answer {
        let answer = self.ask().await;
        self.items.extend(items(&answer));
        self.answer_calls(&items(&answer), output);
        answer
    }

    fn answer_calls(&mut self, items: &[Item], output: &str) {
        let calls = items.iter().filter_map(Item::as_call);
        self.items.extend(calls.map(|call| Item::output(call, &[Content::text(output)])));
    }
}

fn user(text: &str) -> Item {
    Item::user(&[Content::text(text)])
}

fn parse(toml: &str) -> Script {
    Script::parse(toml).unwrap()
}

fn items(answer: &Answer) -> Vec<Item> {
    let item = |event: &Result<ResponseEvent, TransportError>| match event {
        Ok(ResponseEvent::ItemDone { item, .. }) => Some(item.clone()),
        _ => None,
    };
    answer.iter().filter_map(item).collect()
}

fn text_of(answer: &Answer) -> String {
    let delta = |event: &Result<ResponseEvent, TransportError>| match event {
        Ok(ResponseEvent::Delta { part: DeltaPart::Text, delta, .. }) => Some(delta.clone()),
        _ => None,
    };
    answer.iter().filter_map(delta).collect()
}

fn script_error(answer: &Answer) -> String {
    match answer.as_slice() {
        [Err(TransportError::Script(message))] => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_step_is_one_response_with_its_items_in_order() {
    let mut client = Client::of(parse(TWO_CALLS));
    let answer = client.step("Cargo.toml").await;
    let kinds: Vec<_> = items(&answer)
        .iter()
        .map(|item| serde_json::from_str::<serde_json::Value>(item.json()).unwrap())
        .map(|item| item["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call", "custom_tool_call"]);
    let call = items(&answer)[2].as_call().unwrap().clone();
    assert_eq!((&*call.name, &*call.input), ("exec_command", r#"{"cmd":"ls"}"#));
    assert_eq!(items(&answer)[3].as_call().unwrap().input, "*** Begin Patch\n*** End Patch\n");
    assert_eq!(text_of(&answer), "I will look.");
    assert!(matches!(answer[1], Ok(ResponseEvent::Created { .. })));
    assert!(matches!(answer.last(), Some(Ok(ResponseEvent::Completed(_)))));
    assert_eq!(text_of(&client.step("").await), "Done.");
}

#[tokio::test]
async fn an_expectation_that_fails_says_where_and_what_was_found() {
    let mut client = Client::of(parse(TWO_CALLS));
    client.step("no such file").await;
    let message = script_error(&client.ask().await);
    assert_eq!(
        message,
        "script “two calls”, step 2 (line 21): expected the output of `list` to contain \"Cargo.toml\", but it is \"no such file\""
    );
}

#[tokio::test]
async fn a_model_asked_more_than_its_script_says_fails() {
    let mut client = Client::of(Script::new("short", [Step::new().says("Hello.")]));
    client.step("").await;
    client.items.push(user("more"));
    let answer = client.ask().await;
    assert!(
        script_error(&answer).starts_with("script “short” ends after step 1, but"),
        "{answer:?}"
    );
    let Some(Err(error)) = answer.first() else { panic!() };
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Internal, false));
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_again() {
    let mut client = Client::of(parse(TWO_CALLS));
    let first = client.ask().await;
    let again = client.ask().await;
    assert_eq!(items(&first), items(&again));
}

#[tokio::test]
async fn after_a_cut_only_what_the_client_lacks_is_said() {
    let mut client = Client::of(parse(TWO_CALLS));
    let all = items(&client.ask().await);
    for kept in 0..all.len() {
        client.items.truncate(1);
        client.items.extend_from_slice(&all[..kept]);
        client.answer_calls(&all[..kept], "Cargo.toml");
        assert_eq!(items(&client.ask().await), all[kept..], "{kept} items were kept");
    }
}

#[tokio::test]
async fn a_response_cut_after_its_last_item_is_only_completed() {
    let mut client = Client::of(Script::new("short", [Step::new().says("Hello.")]));
    let all = items(&client.ask().await);
    client.items.extend(all);
    let answer = client.ask().await;
    assert!(items(&answer).is_empty());
    assert!(matches!(answer.last(), Some(Ok(ResponseEvent::Completed(_)))));
}

#[tokio::test]
async fn a_person_who_says_something_after_an_interrupt_gets_the_next_step() {
    let steps =
        [Step::new().calls("a", json!({})).calls("b", json!({})), Step::new().says("As you like.")];
    let mut client = Client::of(Script::new("two", steps));
    let all = items(&client.ask().await);
    client.items.push(all[0].clone());
    client.answer_calls(&all[..1], "aborted");
    client.items.push(user("stop that"));
    assert_eq!(text_of(&client.ask().await), "As you like.");
    // Nothing at all of the interrupted response was kept.
    client.items = vec![user("go"), user("stop that")];
    assert_eq!(text_of(&client.ask().await), "As you like.");
}

#[tokio::test]
async fn a_refusal_is_given_once() {
    let error = ApiError {
        status: Some(429),
        code: Some("rate_limit_exceeded".into()),
        ..ApiError::default()
    };
    let mut client =
        Client::of(Script::new("busy", [Step::new().refuses(error), Step::new().says("Hello.")]));
    let answer = client.ask().await;
    assert!(
        matches!(answer.as_slice(), [Ok(ResponseEvent::Sent(_)), Err(TransportError::Api(error))] if error.status == Some(429))
    );
    assert_eq!(text_of(&client.ask().await), "Hello.");
    client.key = "another thread";
    assert!(matches!(client.ask().await.last(), Some(Err(TransportError::Api(_)))));
}

#[tokio::test]
async fn a_stream_can_break_in_an_item_or_after_it() {
    let steps = [
        Step::new().calls("a", json!({})).says("half a sent").is_cut_in_the_last_item(),
        Step::new().says("A whole sentence.").and_goes_on(),
        Step::new().says("And more.").is_cut(),
        Step::new().says("The end."),
    ];
    let mut client = Client::of(Script::new("broken", steps));
    let answer = client.step("ok").await;
    assert_eq!(items(&answer).len(), 1);
    assert!(matches!(answer.last(), Some(Err(TransportError::Dropped(_)))));
    let answer = client.step("").await;
    let Some(Ok(ResponseEvent::Completed(end))) = answer.last() else { panic!("{answer:?}") };
    assert!(end.wants_to_continue);
    assert_eq!(text_of(&client.step("").await), "And more.");
    assert_eq!(text_of(&client.step("").await), "The end.");
}

#[tokio::test]
async fn a_client_that_keeps_no_ids_is_followed_too() {
    let mut client = Client::of(parse(TWO_CALLS));
    client.step("Cargo.toml").await;
    let done = client.ask().await;
    assert_eq!(text_of(&done), "Done.");
    let mut client = Client::of(Script::new(
        "chat",
        ["One.", "Two.", "Three."].map(|text| Step::new().says(text)),
    ));
    let said = |text: &str| {
        Item::from_json(&json!({"role": "assistant", "content": text}).to_string()).unwrap()
    };
    client.items.extend([said("One."), user("go on"), said("Two."), user("go on")]);
    assert_eq!(text_of(&client.ask().await), "Three.");
}

#[tokio::test]
async fn a_repeated_step_counts_and_costs_no_lines() {
    let script = parse(
        r#"
        name = "bench"
        [[step]]
        repeat = 1000
        call = [{ tool = "exec_command", arguments = { cmd = "echo {{n}}" } }]
        [[step]]
        say = { tokens = 50 }
        "#,
    );
    assert_eq!(script.len(), 1001);
    let mut client = Client::of(script);
    for n in 1..=1000 {
        let answer = client.step("ok").await;
        assert_eq!(items(&answer)[0].as_call().unwrap().input, format!(r#"{{"cmd":"echo {n}"}}"#));
    }
    let answer = client.step("").await;
    let Some(Ok(ResponseEvent::Completed(end))) = answer.last() else { panic!("{answer:?}") };
    assert_eq!(end.usage.output_tokens, 50);
}

#[tokio::test]
async fn a_word_of_an_output_is_taken_into_a_later_call() {
    let script = parse(
        r#"
        name = "session"
        [[step]]
        call = [{ tool = "exec_command", as = "start", arguments = { cmd = "cat" } }]
        [[step]]
        take.session = { from = "start", after = "session ID" }
        call = [{ tool = "write_stdin", arguments = { session_id = "{{session}}", chars = "to {{session}}\n" } }]
        "#,
    );
    let mut client = Client::of(script);
    client.step("Process running with session ID 7\n").await;
    let answer = client.step("").await;
    assert_eq!(items(&answer)[0].as_call().unwrap().input, r#"{"session_id":7,"chars":"to 7\n"}"#);
}

#[tokio::test]
async fn free_input_becomes_an_argument_where_the_tool_is_a_function() {
    let mut client = Client::of(parse(TWO_CALLS));
    client.tools = vec![ToolSpec::Function {
        name: "apply_patch".into(),
        description: String::new(),
        strict: false,
        parameters: json!({}),
    }];
    let answer = client.ask().await;
    let call = items(&answer)[3].as_call().unwrap().clone();
    assert_eq!(call.input, r#"{"input":"*** Begin Patch\n*** End Patch\n"}"#);
}

#[tokio::test]
async fn the_whole_request_can_be_expected() {
    let expect = |change: fn(&mut Expect)| {
        let mut expect =
            Expect { model: Some("scripted".into()), items: Some(1), ..Expect::default() };
        change(&mut expect);
        expect
    };
    let cases: [(Expect, &str); 7] = [
        (expect(|_| ()), ""),
        (
            expect(|expect| expect.model = Some("gpt".into())),
            "expected the model to be `gpt`, but it is `scripted`",
        ),
        (
            expect(|expect| expect.effort = Some("high".into())),
            "expected the effort to be `high`, but it is `none`",
        ),
        (
            expect(|expect| expect.items = Some(2)),
            "expected a conversation of 2 items, but it has 1",
        ),
        (
            expect(|expect| expect.tools = vec!["grep".into()]),
            "expected the tool `grep`, but offered are []",
        ),
        (
            expect(|expect| expect.user = Some(Expected::containing("stop"))),
            "expected the latest user message to contain \"stop\", but it is \"go\"",
        ),
        (
            expect(|expect| {
                expect.instructions =
                    Some(Expected { lacks: vec!["Work".into()], ..Expected::default() })
            }),
            "expected the instructions to lack \"Work\", but it is \"Work.\"",
        ),
    ];
    for (expect, message) in cases {
        let mut client = Client::of(Script::new("x", [Step::new().says("ok").expecting(expect)]));
        let answer = client.ask().await;
        if message.is_empty() {
            assert_eq!(text_of(&answer), "ok");
        } else {
            assert_eq!(script_error(&answer), format!("script “x”, step 1: {message}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_come_at_the_stated_pace() {
    let script = parse(
        r#"
        name = "slow"
        pace = { first_token_ms = 500, tokens_per_second = 100 }
        [[step]]
        say = { tokens = 200 }
        "#,
    );
    let mut client = Client::of(script.clone());
    let start = tokio::time::Instant::now();
    client.ask().await;
    let taken = start.elapsed();
    assert!(
        (Duration::from_millis(2500)..Duration::from_millis(2520)).contains(&taken),
        "{taken:?}"
    );
    let mut client = Client::of(script.without_delays());
    let start = tokio::time::Instant::now();
    client.ask().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_response_and_the_items_stay() {
    let steps = [Step::new().says("One.").waits(Duration::from_secs(60)).says("Two.")];
    let mut model = Scripted::new(Script::new("slow", steps));
    let request = Client::of(Script::new("", [])).request();
    let (sender, mut control) = Control::channel();
    let mut answer = model.respond(&request, &mut control);
    let mut got = Vec::new();
    while let Some(event) = answer.next().await {
        if matches!(event, Ok(ResponseEvent::ItemDone { .. })) {
            sender.send(Steering::Interrupt);
        }
        got.push(event);
    }
    assert_eq!(items(&got).len(), 1);
    assert!(
        matches!(got.last(), Some(Ok(ResponseEvent::Incomplete { reason, .. })) if reason == "interrupted")
    );
}

#[test]
fn what_is_wrong_with_a_script_is_said_with_its_line() {
    let step = |rest: &str| format!("name = \"x\"\n\n[[step]]\n{rest}\n");
    for (script, line, message) in [
        ("name = \"x\"".to_owned(), 1, "a script without any [[step]]"),
        (step("sya = \"x\""), 4, "unknown field `sya`"),
        (step("say = 1 2"), 4, "must be quoted"),
        (step("repeat = 0"), 3, "`repeat` is 0"),
        (step("expect.output.t = \"x\""), 3, "no earlier call is named `t` by `as`"),
        (
            step("call = [{ tool = \"t\", as = \"a\" }, { tool = \"t\", as = \"a\" }]"),
            3,
            "two calls are named `a`",
        ),
        (
            step("call = [{ tool = \"t\", input = \"a\", arguments = {} }]"),
            3,
            "both `arguments` and `input`",
        ),
        (step("item = [{ raw = \"[]\" }]"), 3, "`raw` is not an item"),
        (step("say = \"x\"\nitem = [{ say = \"y\" }]"), 3, "a step has either"),
        (step("end_turn = false\nincomplete = \"x\""), 3, "a step ends in one way"),
        (
            step("say = \"x\"\nrefuse = { status = 500 }"),
            3,
            "a step that refuses cannot say anything",
        ),
    ] {
        let error = Script::parse(&script).unwrap_err();
        assert_eq!(error.line, line, "{script}: {error}");
        assert!(error.message.contains(message), "{script}: {error}");
    }
}

#[tokio::test]
async fn a_call_without_output_is_refused_as_the_api_refuses_it() {
    let mut client = Client::of(parse(TWO_CALLS));
    let all = items(&client.ask().await);
    client.items.extend(all);
    let answer = client.ask().await;
    let [Err(TransportError::Api(error))] = answer.as_slice() else { panic!("{answer:?}") };
    assert_eq!(
        (error.status, error.message.as_str()),
        (Some(400), "No tool output found for function call call_1_2.")
    );
}

#[test]
fn every_script_of_the_repository_can_be_played() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let scripts = std::fs::read_dir(fixtures.join("scripts")).unwrap();
    let mut paths: Vec<_> = scripts.map(|entry| entry.unwrap().path()).collect();
    paths.push(fixtures.join("demo/script.toml"));
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(error) = Script::parse(&text) {
            panic!("{}: {error}", path.display());
        }
    }
}

/// The scripts in `docs/script.md` are what its readers begin with.
#[test]
fn the_scripts_of_the_documentation_can_be_played() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/script.md");
    let text = std::fs::read_to_string(docs).unwrap();
    let scripts: Vec<_> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(scripts.len(), 2);
    for script in scripts {
        let name = if script.starts_with("name") { "" } else { "name = \"x\"\n" };
        if let Err(error) = Script::parse(&format!("{name}{script}")) {
            panic!("{error} in {script}");
        }
    }
}
