//! Why a response could not be had: a variant per decision a caller can make. The words people read are its
//! `Display`; the hint beside them is the binary's.

use std::time::Duration;

use agent_protocol::{ApiError, ErrorKind};

use crate::delay::backoff;

/// A longer stated wait is an error, so that nobody hangs (protocol.md 6.4).
const LONGEST_STATED_WAIT: Duration = Duration::from_secs(120);

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The endpoint answered, with an error (protocol.md 6).
    #[error("{}", describe(.0))]
    Api(ApiError),
    /// No connection came about.
    #[error("cannot connect to {host}: {stage}: {message}")]
    Connect { stage: ConnectStage, host: String, message: String },
    /// The endpoint answered the WebSocket upgrade with something else (protocol.md 1.7).
    #[error("the endpoint refused the WebSocket upgrade: {}", describe(.0))]
    Refused(ApiError),
    /// The connection broke while a response was under way.
    #[error("the connection broke before the response was complete: {0}")]
    Dropped(String),
    /// The server closed the connection while a response was under way.
    #[error("the server closed the connection: {}", describe_close(*code, reason))]
    Closed { code: u16, reason: String },
    /// Nothing came for this long.
    #[error("nothing came from the model for {} s", .0.as_secs())]
    Idle(Duration),
    /// The server sent what no server may send.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// The request is larger than anything this endpoint takes.
    #[error("the request of {bytes} bytes is larger than the {limit} bytes this endpoint takes")]
    TooLarge { bytes: u64, limit: u64 },
    /// This way to a model does not offer it.
    #[error("the model's endpoint offers no {0}")]
    Unsupported(&'static str),
    /// The scripted or recorded model was asked something its script does not say.
    #[error("{0}")]
    Script(String),
}

/// The step of connecting that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectStage {
    Dns,
    Tcp,
    /// It was reached, but wants nothing of us.
    Proxy,
    Tls,
    /// TLS was spoken, but nobody we trust has signed for the host.
    Certificate,
    Upgrade,
}

impl std::fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "name lookup failed",
            Self::Tcp => "no TCP connection",
            Self::Proxy => "the proxy refused",
            Self::Tls => "TLS failed",
            Self::Certificate => "its certificate is not trusted",
            Self::Upgrade => "the WebSocket upgrade failed",
        })
    }
}

fn describe(error: &ApiError) -> String {
    let mut text = error.message.clone();
    let code = error.code();
    match (error.status, code) {
        (Some(status), "") => text += &format!(" (status {status})"),
        (Some(status), code) => text += &format!(" (status {status}, {code})"),
        (None, "") => {}
        (None, code) => text += &format!(" ({code})"),
    }
    if let Some(id) = &error.request_id {
        text += &format!(" [request {id}]");
    }
    text
}

fn describe_close(code: u16, reason: &str) -> String {
    if reason.is_empty() { format!("code {code}") } else { format!("code {code}, {reason}") }
}

/// What the server says with a close code (protocol.md 1.6).
fn kind_of_close(code: u16) -> ErrorKind {
    match code {
        1008 => ErrorKind::BadRequest,
        1009 => ErrorKind::ContextOverflow,
        4402 => ErrorKind::Quota,
        _ => ErrorKind::Network,
    }
}

impl TransportError {
    /// Whether the same request may succeed later (protocol.md 6.2).
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(_) | Self::Refused(_) | Self::Closed { .. } => matches!(
                self.kind(),
                ErrorKind::RateLimit | ErrorKind::Server | ErrorKind::Network | ErrorKind::Timeout
            ),
            Self::Connect { stage, .. } => {
                !matches!(stage, ConnectStage::Certificate | ConnectStage::Proxy)
            }
            Self::Dropped(_) | Self::Idle(_) => true,
            Self::Protocol(_) | Self::TooLarge { .. } | Self::Unsupported(_) | Self::Script(_) => {
                false
            }
        }
    }

    /// The status of an endpoint that answers, but does not speak the WebSocket protocol, or not to us
    /// (protocol.md 1.7).
    pub(crate) fn status_without_socket(&self) -> Option<u16> {
        let Self::Refused(error) = self else { return None };
        // 501 is no trouble of the server: it is what it cannot do.
        let says_more =
            |status| matches!(status, 401 | 402 | 403 | 408 | 409 | 425 | 429 | 500 | 502..);
        error.status.filter(|status| !says_more(*status))
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Api(error) | Self::Refused(error) => kind_of(error),
            Self::Closed { code, .. } => kind_of_close(*code),
            Self::Connect { .. } | Self::Dropped(_) => ErrorKind::Network,
            Self::Idle(_) => ErrorKind::Timeout,
            Self::Protocol(_) => ErrorKind::Server,
            Self::TooLarge { .. } => ErrorKind::ContextOverflow,
            Self::Unsupported(_) => ErrorKind::BadRequest,
            Self::Script(_) => ErrorKind::Internal,
        }
    }

    /// What the endpoint itself said, whichever way it was asked.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) | Self::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// The wait the server asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.api()?.retry_after
    }

    /// How long to wait before try `attempt` (from 1) after this: as long as the server says, else longer each time.
    /// `None` when another try is not worth it, or not worth so long a wait.
    pub fn wait_before(&self, attempt: u32) -> Option<Duration> {
        let may_be_tried = self.is_retryable() && self.long_wait().is_none();
        may_be_tried.then(|| self.retry_after().unwrap_or_else(|| backoff(attempt)))
    }

    /// A stated wait that nobody keeps.
    pub(crate) fn long_wait(&self) -> Option<Duration> {
        self.retry_after().filter(|wait| *wait > LONGEST_STATED_WAIT)
    }
}

/// The table of protocol.md 6.2: by code where there is one, else by status.
fn kind_of(error: &ApiError) -> ErrorKind {
    match error.code() {
        "context_length_exceeded" | "context_too_large" => ErrorKind::ContextOverflow,
        "insufficient_quota"
        | "usage_limit_reached"
        | "usage_not_included"
        | "billing_hard_limit_reached" => ErrorKind::Quota,
        "rate_limit_exceeded" | "slow_down" | "rate_limit_error" => ErrorKind::RateLimit,
        "server_is_overloaded" | "overloaded" | "server_error" => ErrorKind::Server,
        "invalid_api_key" | "upstream_auth_error" => ErrorKind::Auth,
        "model_not_found"
        | "invalid_prompt"
        | "cyber_policy"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "data_residency_mismatch"
        | "unsupported_parameter"
        | "unknown_parameter"
        | "invalid_value"
        | "missing_required_parameter" => ErrorKind::BadRequest,
        _ => match error.status {
            Some(401 | 403) => ErrorKind::Auth,
            Some(402) => ErrorKind::Quota,
            Some(408) => ErrorKind::Timeout,
            Some(413) => ErrorKind::ContextOverflow,
            Some(429) => ErrorKind::RateLimit,
            Some(409 | 425 | 500..) => ErrorKind::Server,
            Some(_) => ErrorKind::BadRequest,
            // In `response.failed` an unknown code, or none, is the server's trouble.
            None => ErrorKind::Server,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again() {
        let api = |status: Option<u16>, code: &str| {
            let code = (!code.is_empty()).then(|| code.to_owned());
            TransportError::Api(ApiError { status, code, ..ApiError::default() })
        };
        for (status, code, retryable) in [
            (Some(400), "", false),
            (Some(401), "", false),
            (Some(404), "model_not_found", false),
            (Some(408), "", true),
            (Some(409), "", true),
            (Some(422), "", false),
            (Some(429), "", true),
            (Some(429), "insufficient_quota", false),
            (Some(500), "", true),
            (Some(529), "", true),
            (None, "server_is_overloaded", true),
            (None, "context_length_exceeded", false),
            (None, "brand_new_code", true),
        ] {
            assert_eq!(api(status, code).is_retryable(), retryable, "{status:?} {code}");
        }
    }

    #[test]
    fn a_wait_is_as_stated_and_nobody_keeps_too_long_a_one() {
        let after = |seconds: Option<u64>, status| {
            let retry_after = seconds.map(Duration::from_secs);
            let error = ApiError { status: Some(status), retry_after, ..ApiError::default() };
            TransportError::Api(error).wait_before(1)
        };
        assert_eq!(after(Some(120), 429), Some(Duration::from_secs(120)));
        assert_eq!(after(Some(121), 429), None);
        assert_eq!(after(Some(1), 400), None, "not worth another try");
        assert!(after(None, 500).is_some_and(|wait| wait < Duration::from_secs(1)));
    }
}
