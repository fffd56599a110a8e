//! What a transport yields, as it stands in a recording.

use std::io;
use std::time::Duration;

use agent_protocol::{
    ApiError, DeltaPart, ErrorKind, Fallback, Item, ResponseEnd, ResponseEvent, Retry, SendReason,
    Sent, TransportKind, Usage,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::file::raw;
use super::redact::Redaction;
use crate::{ConnectStage, TransportError};

/// Something told, and when: milliseconds since the request was made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordedEvent {
    pub(super) after_ms: f64,
    pub(super) told: Told,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    Sent {
        incremental: bool,
        reason: SendReason,
        bytes_up: u64,
        bytes_stateless: u64,
        transport: TransportKind,
    },
    Retry {
        attempt: u32,
        max: u32,
        delay_ms: u64,
        kind: ErrorKind,
        message: String,
    },
    Fallback {
        from: TransportKind,
        to: TransportKind,
        reason: String,
    },
    Created {
        response_id: String,
        model: Option<String>,
    },
    ItemAdded {
        index: u32,
        id: Option<String>,
        kind: String,
        name: Option<String>,
        call_id: Option<String>,
    },
    Delta {
        index: u32,
        part: Part,
        text: String,
    },
    ItemDone {
        index: u32,
        item: Box<RawValue>,
    },
    Completed(End),
    Incomplete {
        reason: String,
        end: End,
    },
    Error(Failure),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Text,
    Refusal,
    ReasoningSummary,
    ReasoningText,
    CallInput,
    ReasoningBreak,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    response_id: String,
    usage: Usage,
    #[serde(default)]
    wants_to_continue: bool,
    #[serde(default)]
    bytes_down: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_diagnostics: Option<serde_json::Value>,
}

/// An error as far as it matters to whoever meets it again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Failure {
    Api(Said),
    Refused(Said),
    Connect {
        stage: Stage,
        host: String,
        message: String,
    },
    Dropped {
        message: String,
    },
    Closed {
        code: u16,
        reason: String,
    },
    Idle {
        ms: u64,
    },
    Protocol {
        message: String,
    },
    TooLarge {
        bytes: u64,
        limit: u64,
    },
    /// Something a recording has no word for.
    Other {
        message: String,
    },
}

/// What an endpoint said of its refusal.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    status: Option<u16>,
    code: Option<String>,
    message: String,
    retry_after_ms: Option<u64>,
    after_created: bool,
    #[serde(default)]
    request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Dns,
    Tcp,
    Proxy,
    Tls,
    Certificate,
    Upgrade,
}

impl Told {
    /// None for what only means something to whoever was there.
    pub(super) fn of(event: &ResponseEvent) -> Option<Self> {
        Some(match event.clone() {
            ResponseEvent::Sent(sent) => Self::Sent {
                incremental: sent.incremental,
                reason: sent.reason,
                bytes_up: sent.bytes_up,
                bytes_stateless: sent.bytes_stateless,
                transport: sent.transport,
            },
            ResponseEvent::Retry(retry) => Self::Retry {
                attempt: retry.attempt,
                max: retry.max,
                delay_ms: ms(retry.delay),
                kind: retry.kind,
                message: retry.message,
            },
            ResponseEvent::Fallback(Fallback { from, to, reason }) => {
                Self::Fallback { from, to, reason }
            }
            ResponseEvent::Created { response_id, model } => Self::Created { response_id, model },
            ResponseEvent::ItemAdded { output_index, id, kind, name, call_id } => {
                Self::ItemAdded { index: output_index, id, kind, name, call_id }
            }
            ResponseEvent::Delta { output_index, part, delta } => {
                Self::Delta { index: output_index, part: Part::of(part), text: delta }
            }
            ResponseEvent::ItemDone { output_index, item } => {
                Self::ItemDone { index: output_index, item: raw(item.json().to_owned()).ok()? }
            }
            ResponseEvent::Completed(end) => Self::Completed(End::of(end)),
            ResponseEvent::Incomplete { reason, end } => {
                Self::Incomplete { reason, end: End::of(end) }
            }
            ResponseEvent::Steer(_) | ResponseEvent::Other { .. } => return None,
        })
    }

    pub(super) fn of_error(error: &TransportError) -> Self {
        Self::Error(match error {
            TransportError::Api(api) => Failure::Api(Said::of(api)),
            TransportError::Refused(api) => Failure::Refused(Said::of(api)),
            TransportError::Connect { stage, host, message } => Failure::Connect {
                stage: Stage::of(*stage),
                host: host.clone(),
                message: message.clone(),
            },
            TransportError::Dropped(message) => Failure::Dropped { message: message.clone() },
            TransportError::Closed { code, reason } => {
                Failure::Closed { code: *code, reason: reason.clone() }
            }
            TransportError::Idle(limit) => Failure::Idle { ms: ms(*limit) },
            TransportError::Protocol(message) => Failure::Protocol { message: message.clone() },
            TransportError::TooLarge { bytes, limit } => {
                Failure::TooLarge { bytes: *bytes, limit: *limit }
            }
            error @ (TransportError::Unsupported(_) | TransportError::Script(_)) => {
                Failure::Other { message: error.to_string() }
            }
        })
    }

    pub(super) fn redacted(self, redaction: &Redaction) -> io::Result<Self> {
        let json = redaction.json(&serde_json::to_string(&self)?);
        Ok(serde_json::from_str(&json)?)
    }

    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Completed(_) | Self::Incomplete { .. } | Self::Error(_))
    }

    /// As it is told again.
    pub(super) fn play(&self) -> Result<ResponseEvent, TransportError> {
        Ok(match self {
            Self::Sent { incremental, reason, bytes_up, bytes_stateless, .. } => {
                ResponseEvent::Sent(Sent {
                    transport: TransportKind::Replay,
                    connection: 0,
                    incremental: *incremental,
                    reason: *reason,
                    bytes_up: *bytes_up,
                    bytes_stateless: *bytes_stateless,
                    connect: Duration::ZERO,
                })
            }
            Self::Retry { attempt, max, delay_ms, kind, message } => ResponseEvent::Retry(Retry {
                attempt: *attempt,
                max: *max,
                delay: Duration::from_millis(*delay_ms),
                kind: *kind,
                message: message.clone(),
            }),
            Self::Fallback { from, to, reason } => {
                ResponseEvent::Fallback(Fallback { from: *from, to: *to, reason: reason.clone() })
            }
            Self::Created { response_id, model } => {
                ResponseEvent::Created { response_id: response_id.clone(), model: model.clone() }
            }
            Self::ItemAdded { index, id, kind, name, call_id } => ResponseEvent::ItemAdded {
                output_index: *index,
                id: id.clone(),
                kind: kind.clone(),
                name: name.clone(),
                call_id: call_id.clone(),
            },
            Self::Delta { index, part, text } => ResponseEvent::Delta {
                output_index: *index,
                part: part.played(),
                delta: text.clone(),
            },
            Self::ItemDone { index, item } => {
                let item = Item::from_raw(item.clone()).map_err(|error| {
                    TransportError::Script(format!("the recording holds no item: {error}"))
                })?;
                ResponseEvent::ItemDone { output_index: *index, item }
            }
            Self::Completed(end) => ResponseEvent::Completed(end.played()),
            Self::Incomplete { reason, end } => {
                ResponseEvent::Incomplete { reason: reason.clone(), end: end.played() }
            }
            Self::Error(failure) => return Err(failure.played()),
        })
    }
}

impl Part {
    const fn of(part: DeltaPart) -> Self {
        match part {
            DeltaPart::Text => Self::Text,
            DeltaPart::Refusal => Self::Refusal,
            DeltaPart::ReasoningSummary => Self::ReasoningSummary,
            DeltaPart::ReasoningText => Self::ReasoningText,
            DeltaPart::CallInput => Self::CallInput,
            DeltaPart::ReasoningBreak => Self::ReasoningBreak,
        }
    }

    const fn played(self) -> DeltaPart {
        match self {
            Self::Text => DeltaPart::Text,
            Self::Refusal => DeltaPart::Refusal,
            Self::ReasoningSummary => DeltaPart::ReasoningSummary,
            Self::ReasoningText => DeltaPart::ReasoningText,
            Self::CallInput => DeltaPart::CallInput,
            Self::ReasoningBreak => DeltaPart::ReasoningBreak,
        }
    }
}

impl End {
    fn of(end: ResponseEnd) -> Self {
        Self {
            response_id: end.response_id,
            usage: end.usage,
            wants_to_continue: end.wants_to_continue,
            bytes_down: end.bytes_down,
            cache_diagnostics: end.cache_diagnostics,
        }
    }

    fn played(&self) -> ResponseEnd {
        ResponseEnd {
            response_id: self.response_id.clone(),
            usage: self.usage,
            wants_to_continue: self.wants_to_continue,
            bytes_down: self.bytes_down,
            cache_diagnostics: self.cache_diagnostics.clone(),
        }
    }
}

impl Failure {
    fn played(&self) -> TransportError {
        match self {
            Self::Api(said) => TransportError::Api(said.played()),
            Self::Refused(said) => TransportError::Refused(said.played()),
            Self::Connect { stage, host, message } => TransportError::Connect {
                stage: stage.played(),
                host: host.clone(),
                message: message.clone(),
            },
            Self::Dropped { message } => TransportError::Dropped(message.clone()),
            Self::Closed { code, reason } => {
                TransportError::Closed { code: *code, reason: reason.clone() }
            }
            Self::Idle { ms } => TransportError::Idle(Duration::from_millis(*ms)),
            Self::Protocol { message } => TransportError::Protocol(message.clone()),
            Self::TooLarge { bytes, limit } => {
                TransportError::TooLarge { bytes: *bytes, limit: *limit }
            }
            Self::Other { message } => TransportError::Script(message.clone()),
        }
    }
}

impl Said {
    fn of(api: &ApiError) -> Self {
        Self {
            status: api.status,
            code: api.code.clone(),
            message: api.message.clone(),
            retry_after_ms: api.retry_after.map(ms),
            after_created: api.after_created,
            request_id: api.request_id.clone(),
        }
    }

    fn played(&self) -> ApiError {
        ApiError {
            status: self.status,
            code: self.code.clone(),
            message: self.message.clone(),
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            after_created: self.after_created,
            request_id: self.request_id.clone(),
            ..ApiError::default()
        }
    }
}

impl Stage {
    const fn of(stage: ConnectStage) -> Self {
        match stage {
            ConnectStage::Dns => Self::Dns,
            ConnectStage::Tcp => Self::Tcp,
            ConnectStage::Proxy => Self::Proxy,
            ConnectStage::Tls => Self::Tls,
            ConnectStage::Certificate => Self::Certificate,
            ConnectStage::Upgrade => Self::Upgrade,
        }
    }

    const fn played(self) -> ConnectStage {
        match self {
            Self::Dns => ConnectStage::Dns,
            Self::Tcp => ConnectStage::Tcp,
            Self::Proxy => ConnectStage::Proxy,
            Self::Tls => ConnectStage::Tls,
            Self::Certificate => ConnectStage::Certificate,
            Self::Upgrade => ConnectStage::Upgrade,
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
