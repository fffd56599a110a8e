//! The side of the loop: asks, and writes down what comes back as short lines.

use std::sync::{Arc, Mutex};

use agent_protocol::{
    Item, ItemKind, Request, ResponseEvent, SendReason, Settings, SettingsFields, SteerOutcome,
    ToolChoice, TransportKind, WindowLog,
};
use agent_transport::{
    Control, ControlSender, Credential, Endpoint, Network, Resilient, Transport, TransportError,
};
use futures_util::StreamExt;

use crate::server::Server;

/// A transport, the conversation it is asked about, and the line to it while it runs.
pub(crate) struct Client {
    pub(crate) transport: Resilient,
    pub(crate) log: WindowLog,
    pub(crate) settings: Settings,
    control: Control,
    pub(crate) steering: ControlSender,
    pub(crate) lines: Lines,
}

/// What has been seen so far; shared, so that a test can look while a response runs.
pub(crate) type Lines = Arc<Mutex<Vec<String>>>;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::new("test", "http://model.test/v1", Credential::Bearer("key".to_owned())).unwrap()
}

/// A client of `endpoint` and the server it will reach.
pub(crate) fn pair(endpoint: Endpoint) -> (Client, Server) {
    let (network, connections) = Network::in_memory();
    (Client::new(Resilient::new(endpoint, network)), Server::new(connections))
}

pub(crate) fn settings(model: &str) -> Settings {
    Settings::new(SettingsFields {
        model: model.to_owned(),
        instructions: "Be brief.".to_owned(),
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: None,
        text: None,
        store: false,
        include: vec!["reasoning.encrypted_content".to_owned()],
        service_tier: None,
        prompt_cache_key: "thread".to_owned(),
        max_output_tokens: None,
    })
}

impl Client {
    pub(crate) fn new(transport: Resilient) -> Self {
        let (steering, control) = Control::channel();
        let (log, lines) = (WindowLog::default(), Lines::default());
        Self { transport, log, settings: settings("m"), control, steering, lines }
    }

    pub(crate) fn request(&self) -> Request {
        Request { settings: self.settings.clone(), window: self.log.window() }
    }

    /// Adds a message of the person and asks for an answer.
    pub(crate) async fn says(&mut self, text: &str) -> Vec<String> {
        self.log.push(Item::user(&[agent_protocol::Content::text(text)]));
        self.asks().await
    }

    /// Asks, adds the items that are done to the conversation, and returns what was seen.
    pub(crate) async fn asks(&mut self) -> Vec<String> {
        self.lines.lock().unwrap().clear();
        let request = self.request();
        let mut answer = self.transport.respond(&request, &mut self.control);
        while let Some(event) = answer.next().await {
            match &event {
                Ok(ResponseEvent::ItemDone { item, .. }) => self.log.push(item.clone()),
                Ok(ResponseEvent::Steer(SteerOutcome::Applied { items })) => {
                    items.iter().for_each(|item| self.log.push(item.clone()));
                }
                _ => {}
            }
            self.lines.lock().unwrap().push(line(&event));
        }
        self.lines.lock().unwrap().clone()
    }

    /// Asks and gives up after the first `count` events.
    pub(crate) async fn asks_and_drops_after(&mut self, count: usize) -> Vec<String> {
        let request = self.request();
        let answer = self.transport.respond(&request, &mut self.control);
        answer.take(count).map(|event| line(&event)).collect().await
    }
}

fn line(event: &Result<ResponseEvent, TransportError>) -> String {
    match event {
        Err(error) => format!("error: {error}"),
        Ok(ResponseEvent::Sent(sent)) => {
            let way = match sent.transport {
                TransportKind::Websocket => "socket",
                TransportKind::HttpSse => "http",
                TransportKind::Replay => "replay",
            };
            let reason = match sent.reason {
                SendReason::Chained => "chained",
                SendReason::First => "first",
                SendReason::Rotated => "rotated",
                SendReason::Missed => "missed",
                SendReason::SettingsChanged => "settings changed",
                SendReason::HistoryRewritten => "history rewritten",
                SendReason::AfterError => "after error",
                SendReason::Stateless => "stateless",
            };
            assert_eq!(sent.incremental, sent.reason == SendReason::Chained);
            // An id of a parent, or the wrapping of lean items, may come on top.
            assert!(sent.bytes_up <= sent.bytes_stateless + 200, "{sent:?}");
            format!("sent on {way} {}: {reason}", sent.connection)
        }
        Ok(ResponseEvent::Retry(retry)) => {
            format!("retry {} of {}: {}", retry.attempt, retry.max, retry.message)
        }
        Ok(ResponseEvent::Fallback(fallback)) => format!("fallback: {}", fallback.reason),
        Ok(ResponseEvent::Created { response_id, .. }) => format!("created {response_id}"),
        Ok(ResponseEvent::ItemAdded { output_index, kind, .. }) => {
            format!("added {output_index} {kind}")
        }
        Ok(ResponseEvent::Delta { output_index, delta, .. }) => {
            format!("delta {output_index} {delta}")
        }
        Ok(ResponseEvent::ItemDone { item, .. }) => match item.kind() {
            ItemKind::ToolCall(call) => format!("call {}", call.call_id),
            ItemKind::Message { text, .. } => format!("message {text}"),
            other => format!("item {other:?}"),
        },
        Ok(ResponseEvent::Steer(outcome)) => match outcome {
            SteerOutcome::Accepted => "steer accepted".to_owned(),
            SteerOutcome::Pending => "steer pending".to_owned(),
            SteerOutcome::Applied { items } => format!("steer applied {}", texts(items)),
            SteerOutcome::Failed { items, message } => {
                format!("steer failed {}: {message}", texts(items))
            }
        },
        Ok(ResponseEvent::Other { kind }) => format!("other {kind}"),
        Ok(ResponseEvent::Completed(end)) => format!("completed {}", end.response_id),
        Ok(ResponseEvent::Incomplete { reason, end }) => {
            format!("incomplete {}: {reason}", end.response_id)
        }
    }
}

fn texts(items: &[Item]) -> String {
    let text = |item: &Item| match item.kind() {
        ItemKind::Message { text, .. } => text.clone(),
        other => format!("{other:?}"),
    };
    items.iter().map(text).collect()
}
