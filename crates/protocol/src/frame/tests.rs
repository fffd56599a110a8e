use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::error::{until, wait_in_message};
use super::*;
use crate::{Item, Request, ResponseEvent, Settings, SettingsFields, ToolChoice, ToolSpec, Usage};

fn request(items: impl IntoIterator<Item = Item>) -> Request {
    let settings = Settings::new(SettingsFields {
        model: "m".into(),
        instructions: "i".into(),
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: None,
        text: None,
        store: false,
        include: vec!["reasoning.encrypted_content".into()],
        service_tier: None,
        prompt_cache_key: "thr".into(),
        max_output_tokens: None,
    });
    Request { settings, window: items.into_iter().collect() }
}

const BASE: &str = r#""model":"m","instructions":"i","tools":[],"tool_choice":"auto","parallel_tool_calls":true,"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"thr""#;

#[test]
fn a_full_send_carries_the_window_and_no_parent() {
    let request = request([Item::developer("a"), Item::user(&[Content::text("b")])]);
    let frame = response_create(&request, Continue::FromNothing, FrameStyle::Classic);
    assert_eq!(
        frame,
        format!(
            r#"{{"type":"response.create",{BASE},"input":[{},{}]}}"#,
            Item::developer("a").json(),
            Item::user(&[Content::text("b")]).json()
        )
    );
    assert_eq!(stateless_len(&request), frame.len() as u64);
}

use crate::Content;

#[test]
fn a_continuation_carries_the_parent_and_only_the_delta() {
    let request = request([Item::developer("a"), Item::developer("b")]);
    assert_eq!(
        response_create(
            &request,
            Continue::After { response_id: "resp_1", start: 1 },
            FrameStyle::Classic
        ),
        format!(
            r#"{{"type":"response.create",{BASE},"previous_response_id":"resp_1","input":[{}]}}"#,
            Item::developer("b").json()
        )
    );
    let end = Continue::After { response_id: "resp_1", start: 2 };
    assert!(response_create(&request, end, FrameStyle::Classic).ends_with(r#""input":[]}"#));
}

#[test]
fn a_running_response_is_steered_and_stopped_by_its_id() {
    let message = Item::user(&[Content::text("tabs")]);
    assert_eq!(
        response_steer("r\"1", std::slice::from_ref(&message)),
        format!(
            r#"{{"type":"response.steer","previous_response_id":"r\"1","input":[{}]}}"#,
            message.json()
        )
    );
    assert_eq!(
        response_interrupt("r1"),
        r#"{"type":"response.interrupt","response_id":"r1","mode":"discard_partial_items"}"#
    );
}

#[test]
fn a_warm_up_generates_nothing_and_http_streams() {
    let request = request([]);
    assert!(
        response_warm_up(&request, FrameStyle::Classic)
            .ends_with(r#""input":[],"generate":false}"#)
    );
    assert_eq!(
        http_body(&request, FrameStyle::Classic),
        format!(r#"{{{BASE},"input":[],"stream":true}}"#)
    );
}

#[test]
fn lean_frames_say_tools_and_instructions_once_before_the_window() {
    let mut fields = request([]).settings.fields().clone();
    fields.tools = vec![ToolSpec::Function {
        name: "t".into(),
        description: "d".into(),
        strict: false,
        parameters: serde_json::json!({}),
    }];
    let window = [Item::developer("a"), Item::developer("b")].into_iter().collect();
    let request = Request { settings: Settings::new(fields), window };
    let lean = r#""model":"m","tool_choice":"auto","parallel_tool_calls":true,"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"thr""#;
    let leading = format!(
        r#"{{"type":"additional_tools","role":"developer","tools":[{{"type":"function","name":"t","description":"d","strict":false,"parameters":{{}}}}]}},{}"#,
        Item::developer("i").json()
    );
    let [a, b] = ["a", "b"].map(|text| Item::developer(text).json().to_owned());
    assert_eq!(
        response_create(&request, Continue::FromNothing, FrameStyle::Lean),
        format!(r#"{{"type":"response.create",{lean},"input":[{leading},{a},{b}]}}"#)
    );
    let after = Continue::After { response_id: "r", start: 1 };
    assert_eq!(
        response_create(&request, after, FrameStyle::Lean),
        format!(r#"{{"type":"response.create",{lean},"previous_response_id":"r","input":[{b}]}}"#)
    );
    assert_eq!(
        http_body(&request, FrameStyle::Lean),
        format!(r#"{{{lean},"input":[{leading},{a},{b}],"stream":true}}"#)
    );
    // What another client wrote is not rearranged.
    let settings = Settings::from_json(r#"{"model":"m","instructions":"i"}"#.into()).unwrap();
    let foreign = Request { settings, ..request };
    let frame = response_create(&foreign, Continue::FromNothing, FrameStyle::Lean);
    assert!(
        frame.starts_with(r#"{"type":"response.create","model":"m","instructions":"i","input":"#)
    );
}

fn error(text: &str) -> ApiError {
    match read_server_frame(text).unwrap().event {
        ServerEvent::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_shape_of_an_error_is_read() {
    let wrapped = error(
        r#"{"type":"error","status":"429","error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"Slow.","headers":{"retry-after":"2"}}}"#,
    );
    assert_eq!((wrapped.status, wrapped.code()), (Some(429), "rate_limit_exceeded"));
    assert_eq!(wrapped.retry_after, Some(Duration::from_secs(2)));
    let flat = error(r#"{"type":"error","code":"server_error","message":"Oops","param":null}"#);
    assert_eq!((flat.status, flat.code(), &*flat.message), (None, "server_error", "Oops"));
    let alias =
        error(r#"{"type":"response.error","status_code":503,"headers":{"retry-after-ms":1500}}"#);
    assert_eq!((alias.status, alias.retry_after), (Some(503), Some(Duration::from_millis(1500))));
    let failed = error(
        r#"{"type":"response.failed","response":{"id":"r","error":{"code":"rate_limit_exceeded","message":"Please try again in 300 ms."}}}"#,
    );
    assert!(failed.after_created);
    assert_eq!(failed.retry_after, Some(Duration::from_millis(300)));
    assert!(!error(r#"{"type":"response.failed","response":{"error":null}}"#).message.is_empty());
    assert_eq!(ApiError::from_http(502, None, "<html>bad gateway").message, "<html>bad gateway");
}

#[test]
fn a_wait_is_read_wherever_and_however_it_is_stated() {
    let wait = |text: &str| error(text).retry_after.map(|wait| wait.as_secs_f64());
    let wrapped = |headers: &str| {
        wait(&format!(r#"{{"type":"error","status":429,"error":{{"headers":{headers}}}}}"#))
    };
    for (headers, seconds) in [
        (r#"{"retry-after":"2"}"#, Some(2.0)),
        (r#"{"Retry-After":"1.5"}"#, Some(1.5)),
        (r#"{"retry-after":3}"#, Some(3.0)),
        (r#"{"retry-after-ms":"250","retry-after":"9"}"#, Some(0.25)),
        (r#"{"retry-after":"Wed, 21 Oct 2015 07:28:00 GMT"}"#, Some(0.0)),
        (r#"{"retry-after":"soon"}"#, None),
        (r#"{"retry-after":["2"]}"#, None),
        ("[]", None),
    ] {
        assert_eq!(wrapped(headers), seconds, "{headers}");
        let outside = format!(r#"{{"type":"error","status":429,"headers":{headers}}}"#);
        assert_eq!(wait(&outside), seconds, "{headers}");
        let failed = format!(
            r#"{{"type":"response.failed","response":{{"error":{{"headers":{headers}}}}}}}"#
        );
        assert_eq!(wait(&failed), seconds, "{headers}");
    }
    for (message, seconds) in [
        ("Please try again in 20ms.", Some(0.02)),
        ("Try again in 1.5 seconds", Some(1.5)),
        ("TRY AGAIN IN 2m0s.", Some(120.0)),
        ("try again in a while", None),
        ("try again in 5 fortnights", None),
    ] {
        let text = format!(r#"{{"type":"error","error":{{"message":"{message}"}}}}"#);
        assert_eq!(wait(&text), seconds, "{message}");
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_450);
    assert_eq!(until("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(30)));
}

#[test]
fn a_stream_of_just_item_done_and_completed_is_enough() {
    let done = read_server_frame(
        r#"{"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":[]}}"#,
    );
    assert!(matches!(done.unwrap().event, ServerEvent::Response(ResponseEvent::ItemDone { .. })));
    let completed =
        read_server_frame(r#"{"type":"response.completed","response":{"id":"r"}}"#).unwrap();
    let ServerEvent::Response(ResponseEvent::Completed(end)) = completed.event else { panic!() };
    assert_eq!((&*end.response_id, end.usage), ("r", Usage::default()));
}

#[test]
fn what_is_unknown_is_a_value() {
    for text in [r#"{"type":"codex.rate_limits","x":[1]}"#, r#"{"type":"response.in_progress"}"#] {
        let frame = read_server_frame(text).unwrap();
        assert!(matches!(frame.event, ServerEvent::Response(ResponseEvent::Other { .. })));
    }
    assert!(read_server_frame("{}").is_err());
    assert!(read_server_frame("garbage").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC*", kind in "[a-z._]{0,20}") {
        let _ = read_server_frame(&text);
        let _ = read_server_frame(&format!(r#"{{"type":"{kind}","response":{text:?},"error":{text:?}}}"#));
        let _ = wait_in_message(&text);
        let _ = wait_in_message(&format!("try again in {text}"));
    }
}
