use super::*;

use std::path::Path;

use agent_protocol::{
    CallForm, Content, Item, ItemKind, Settings, SettingsFields, ToolCall, ToolChoice, Window,
};

use crate::{Control, Script, Scripted, Steering};

const SCRIPT: &str = r#"name = "look"

[[step]]
think = "Let me look."
[[step.call]]
tool = "exec_command"
arguments = { cmd = "ls" }
call_id = "call_1"

[[step]]
say = "There is one file."
"#;

fn settings(instructions: &str) -> Settings {
    Settings::new(SettingsFields {
        model: "m".into(),
        instructions: instructions.into(),
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: None,
        text: None,
        store: false,
        include: vec![],
        service_tier: None,
        prompt_cache_key: "k".into(),
        max_output_tokens: None,
    })
}

fn user(text: &str) -> Item {
    Item::user(&[Content::text(text)])
}

fn output(call_id: &str, text: &str) -> Item {
    let call = ToolCall {
        call_id: call_id.into(),
        name: String::new(),
        namespace: None,
        form: CallForm::Function,
        input: String::new(),
    };
    Item::output(&call, &[Content::text(text)])
}

/// What came of one request: the items of the answer, or the error's words.
async fn ask(transport: &mut dyn Transport, request: &Request) -> Result<Vec<Item>, String> {
    let (_sender, mut control) = Control::channel();
    let mut events = transport.respond(request, &mut control);
    let mut items = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(ResponseEvent::ItemDone { item, .. }) => items.push(item),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(items)
}

/// A conversation of two requests; `change` has the second one's say.
struct Talk {
    facts: &'static str,
    task: &'static str,
    output: &'static str,
    instructions: &'static str,
}

const TALK: Talk = Talk {
    facts: "The directory is /tmp/one. Today is Monday.",
    task: "What is here?",
    output: "Wall time: 0.01 seconds\nOutput:\nfile\n",
    instructions: "Be brief.",
};

impl Talk {
    async fn held_with(&self, transport: &mut dyn Transport) -> Result<Vec<Item>, String> {
        let settings = settings(self.instructions);
        let mut items = vec![Item::developer(self.facts), user(self.task)];
        for _ in 0..2 {
            let request = Request {
                settings: settings.clone(),
                window: items.iter().cloned().collect::<Window>(),
            };
            let answer = ask(transport, &request).await?;
            let calls = answer
                .iter()
                .filter_map(Item::as_call)
                .map(|call| output(&call.call_id, self.output));
            let outputs: Vec<_> = calls.collect();
            items.extend(answer);
            items.extend(outputs);
        }
        Ok(items)
    }
}

struct Scene {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    said: Vec<Item>,
}

impl Scene {
    /// The conversation as the scripted model leads it, recorded.
    async fn recorded(talk: &Talk, secrets: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.recording");
        let model = Scripted::new(Script::parse(SCRIPT).unwrap());
        let redaction = Redaction::new(secrets.iter().map(|secret| (*secret).to_owned()));
        let about = serde_json::json!({"cwd": "/tmp/one"});
        let mut recording =
            Recording::begin(Box::new(model), File::create_new(&path).unwrap(), &about, redaction)
                .unwrap();
        let said = talk.held_with(&mut recording).await.unwrap();
        Self { _dir: dir, path, said }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }

    fn replay(&self, options: ReplayOptions) -> Replay {
        Replay::new(load(&self.path).unwrap(), options)
    }
}

fn load(path: &Path) -> Result<Recorded, RecordingError> {
    Recorded::parse(path, &std::fs::read(path).unwrap())
}

fn strict() -> ReplayOptions {
    ReplayOptions {
        comparison: Comparison { strict: true, ..Comparison::default() },
        ..ReplayOptions::default()
    }
}

#[tokio::test]
async fn a_recording_says_again_what_was_said() {
    let scene = Scene::recorded(&TALK, &[]).await;
    for options in [ReplayOptions::default(), strict()] {
        let mut replay = scene.replay(options);
        assert_eq!(TALK.held_with(&mut replay).await.unwrap(), scene.said);
        assert_eq!(replay.left(), 0);
    }
    let recorded = load(&scene.path).unwrap();
    assert_eq!((recorded.len(), recorded.about()["cwd"].as_str()), (2, Some("/tmp/one")));
    assert_eq!(recorded.outputs().get("call_1"), Some(&output("call_1", TALK.output)));
    assert_eq!(recorded.outputs().get("call_2"), None);
    assert_eq!(scene.text().matches("What is here?").count(), 1, "an item stands in the file once");
}

#[tokio::test]
async fn what_differs_from_run_to_run_is_no_difference_unless_it_is_to_be() {
    let scene = Scene::recorded(&TALK, &[]).await;
    let later = Talk {
        facts: "The directory is /tmp/two. Today is Tuesday.",
        output: "Wall time: 12.5 seconds\nOutput:\nfile\n",
        instructions: "Be very brief.",
        ..TALK
    };
    let said = later.held_with(&mut scene.replay(ReplayOptions::default())).await.unwrap();
    assert_eq!(said.len(), scene.said.len());
    let error = later.held_with(&mut scene.replay(strict())).await.unwrap_err();
    assert!(
        error.contains(
            "request 1 is not the one of the recording run.recording: its settings differ"
        ),
        "{error}"
    );
    assert!(error.contains("Be brief.") && error.contains("Be very brief."), "{error}");
}

#[tokio::test]
async fn the_first_difference_is_shown_readably() {
    let scene = Scene::recorded(&TALK, &[]).await;
    let other = Talk { output: "Wall time: 9 seconds\nOutput:\nother file\n", ..TALK };
    let error = other.held_with(&mut scene.replay(ReplayOptions::default())).await.unwrap_err();
    assert_eq!(
        error,
        "request 2 is not the one of the recording run.recording: item 5 (the output of call_1) differs\n   \
         Wall time: # seconds\n   Output:\n  -file\n  +other file"
    );
    let other = Talk { task: "What is there?", ..TALK };
    let error = other.held_with(&mut scene.replay(ReplayOptions::default())).await.unwrap_err();
    assert_eq!(
        error,
        "request 1 is not the one of the recording run.recording: item 2 (a message of the person) differs\n  \
         -What is here?\n  +What is there?"
    );
}

#[tokio::test]
async fn an_alias_stands_for_what_is_called_otherwise_here() {
    let here = Talk { output: "/tmp/one/file", ..TALK };
    let scene = Scene::recorded(&here, &[]).await;
    let there = Talk { output: "/home/ci/file", ..TALK };
    assert!(there.held_with(&mut scene.replay(ReplayOptions::default())).await.is_err());
    let aliases = ["/tmp/one", "/home/ci"].map(|path| (path.to_owned(), "{workspace}".to_owned()));
    let comparison = Comparison { aliases: aliases.into(), ..Comparison::default() };
    let options = ReplayOptions { comparison, ..ReplayOptions::default() };
    assert!(there.held_with(&mut scene.replay(options)).await.is_ok());
}

#[tokio::test]
async fn asked_for_more_than_was_recorded_it_fails_and_says_so() {
    let scene = Scene::recorded(&TALK, &[]).await;
    let mut replay = scene.replay(ReplayOptions::default());
    let said = TALK.held_with(&mut replay).await.unwrap();
    let request = Request {
        settings: settings(""),
        window: said.into_iter().chain([user("And now?")]).collect(),
    };
    let error = ask(&mut replay, &request).await.unwrap_err();
    assert!(error.contains("ends after 2 requests") && error.contains("And now?"), "{error}");
}

#[tokio::test]
async fn secrets_are_never_written_and_the_recording_still_plays() {
    let (key, quoted) = ("sk-1234/5678", "pass\"word\nnext");
    let talk =
        Talk { output: "key=sk-1234/5678 pass\"word\nnext", task: "Use sk-1234/5678", ..TALK };
    let scene = Scene::recorded(&talk, &[key, quoted, "short"]).await;
    let text = scene.text();
    for form in [key, "sk-1234", "5678", "pass", "word"] {
        assert!(!text.contains(form), "{form} in {text}");
    }
    let redaction = Redaction::new([key.to_owned(), quoted.to_owned()]);
    assert_eq!(format!("{redaction:?}"), "Redaction(…)");
    let comparison = Comparison { strict: true, redaction, ..Comparison::default() };
    let options = ReplayOptions { comparison, ..ReplayOptions::default() };
    assert!(talk.held_with(&mut scene.replay(options)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn it_is_played_as_fast_as_it_was_or_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slow");
    let script = SCRIPT.replacen("[[step]]", "[pace]\nfirst_token_ms = 1500\n[[step]]", 1);
    let script = Script::parse(&script).unwrap_or_else(|error| panic!("{error}"));
    let model = Box::new(Scripted::new(script));
    let mut recording = Recording::begin(
        model,
        File::create_new(&path).unwrap(),
        &serde_json::Value::Null,
        Redaction::default(),
    )
    .unwrap();
    TALK.held_with(&mut recording).await.unwrap();
    for (speed, least, most) in [(Speed::Original, 3_000, 3_100), (Speed::Fastest, 0, 1)] {
        let options = ReplayOptions { speed, ..ReplayOptions::default() };
        let begun = Instant::now();
        TALK.held_with(&mut Replay::new(load(&path).unwrap(), options)).await.unwrap();
        let took = begun.elapsed().as_millis();
        assert!((least..=most).contains(&took), "{speed:?} took {took} ms");
    }
}

#[tokio::test]
async fn an_interrupt_ends_a_response_that_is_played() {
    let scene = Scene::recorded(&TALK, &[]).await;
    let mut replay =
        scene.replay(ReplayOptions { speed: Speed::Original, ..ReplayOptions::default() });
    let (sender, mut control) = Control::channel();
    sender.send(Steering::Interrupt);
    let window = [Item::developer(TALK.facts), user(TALK.task)].into_iter().collect();
    let request = Request { settings: settings(TALK.instructions), window };
    let events: Vec<_> = replay.respond(&request, &mut control).collect().await;
    assert!(
        matches!(&events[..], [Ok(ResponseEvent::Incomplete { reason, .. })] if reason == "interrupted")
    );
}

#[test]
fn a_file_cut_at_any_byte_is_a_shorter_recording_or_none() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let scene = runtime.block_on(Scene::recorded(&TALK, &[]));
    let whole = std::fs::read(&scene.path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&scene.path, &whole[..cut]).unwrap();
        assert_eq!(load(&scene.path).is_ok(), cut > first, "cut at {cut}");
    }
    std::fs::write(&scene.path, "{\"recording\":{\"format\":99,\"about\":{}}}\n").unwrap();
    assert!(matches!(load(&scene.path), Err(RecordingError::TooNew { format: 99, .. })));
}

#[tokio::test]
async fn a_response_that_was_given_up_breaks_off_where_it_did() {
    let scene = Scene::recorded(&TALK, &[]).await;
    let text = scene.text();
    let cut: String =
        text.split_inclusive('\n').filter(|line| !line.contains("completed")).collect();
    std::fs::write(&scene.path, cut).unwrap();
    let error = TALK.held_with(&mut scene.replay(ReplayOptions::default())).await.unwrap_err();
    assert!(error.contains("the recording of this response ends here"), "{error}");
    assert!(matches!(scene.said[2].kind(), ItemKind::Reasoning { .. }));
}
