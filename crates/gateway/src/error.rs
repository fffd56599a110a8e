//! An error as a client of the gateway gets it, in the three forms of protocol.md 6.1, and how one of the upstream
//! becomes one (G6.1–G6.3).

use std::time::Duration;

use agent_protocol::{ApiError, ErrorKind};
use agent_transport::TransportError;

use crate::json::Object;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    /// Whole seconds: other clients read nothing else.
    pub(crate) retry_after: Option<u64>,
}

/// What a client that is told to wait, but not how long, waits.
const USUAL_WAIT: u64 = 2;

impl WireError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self {
            status,
            kind: kind.to_owned(),
            code: Some(code.to_owned()),
            message: message.into(),
            param: None,
            retry_after: (status == 429).then_some(USUAL_WAIT),
        }
    }

    pub(crate) fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The `error` event of a socket: always wrapped, with a numeric status (G6.1).
    pub(crate) fn frame(&self, lane: Option<&str>) -> String {
        let headers = self.headers();
        let mut error = self.body_fields();
        if let Some(headers) = &headers {
            error = error.raw("headers", headers);
        }
        let mut frame = Object::of_type("error").number("status", self.status.into());
        if let Some(lane) = lane {
            frame = frame.text("stream_id", lane);
        }
        frame = frame.raw("error", &error.finish());
        if let Some(headers) = &headers {
            frame = frame.raw("headers", headers);
        }
        frame.finish()
    }

    /// The body of an HTTP answer.
    pub(crate) fn body(&self) -> String {
        Object::new().raw("error", &self.body_fields().finish()).finish()
    }

    /// The `error` of a failed response. An overload is called otherwise here, for Codex gives up on its usual code
    /// when it comes this way; a stated wait is also said in words, where it is looked for.
    pub(crate) fn failure(&self) -> String {
        let code = match self.code.as_deref() {
            Some("server_is_overloaded" | "overloaded") | None => "server_error",
            Some(code) => code,
        };
        let message = match self.retry_after {
            Some(seconds) if !self.message.to_lowercase().contains("try again in") => {
                format!("{} Please try again in {seconds}s.", self.message)
            }
            _ => self.message.clone(),
        };
        let mut error = Object::new().text("code", code).text("message", &message);
        if let Some(headers) = self.headers() {
            error = error.raw("headers", &headers);
        }
        error.finish()
    }

    fn body_fields(&self) -> Object {
        Object::of_type(&self.kind)
            .optional("code", self.code.as_deref())
            .text("message", &self.message)
            .optional("param", self.param.as_deref())
    }

    fn headers(&self) -> Option<String> {
        self.retry_after
            .map(|seconds| Object::new().text("retry-after", &seconds.to_string()).finish())
    }
}

impl From<&TransportError> for WireError {
    fn from(error: &TransportError) -> Self {
        let message = error.to_string();
        match error {
            TransportError::Api(error) => Self::of_upstream(error),
            TransportError::Connect { .. } | TransportError::Dropped(_) => {
                Self::new(502, "upstream_unreachable", message)
            }
            TransportError::Idle(_) => Self::new(504, "upstream_timeout", message),
            TransportError::TooLarge { .. } => Self::new(413, "context_too_large", message),
            TransportError::Script(_) => Self::new(400, "script_mismatch", message),
            _ => Self::new(502, "upstream_protocol_error", message),
        }
    }
}

impl WireError {
    fn of_upstream(error: &ApiError) -> Self {
        let overloaded = matches!(error.code(), "server_is_overloaded" | "overloaded");
        let status = match error.status {
            // The client cannot mend our credentials, and would go on trying (G6.3).
            Some(401 | 403) => return Self::new(400, "upstream_auth_error", error.message.clone()),
            Some(529) => 503,
            Some(status @ 400..=599) => status,
            _ if overloaded => 503,
            _ => match TransportError::Api(error.clone()).kind() {
                ErrorKind::RateLimit | ErrorKind::Quota => 429,
                ErrorKind::Server => 500,
                _ => 400,
            },
        };
        let new = Self::new(status, "", error.message.clone());
        Self {
            code: error.code.clone(),
            kind: error.kind.clone().unwrap_or(new.kind),
            param: error.param.clone(),
            retry_after: error.retry_after.map(whole_seconds).or(new.retry_after),
            ..new
        }
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_upstream_become_what_other_clients_understand() {
        let api = |status, code: &str, retry_after| {
            let code = (!code.is_empty()).then(|| code.to_owned());
            TransportError::Api(ApiError { status, code, retry_after, ..ApiError::default() })
        };
        let half = Some(Duration::from_millis(1500));
        for (error, status, code, retry_after) in [
            (api(Some(401), "invalid_api_key", None), 400, "upstream_auth_error", None),
            (api(Some(403), "", None), 400, "upstream_auth_error", None),
            (api(Some(429), "rate_limit_exceeded", None), 429, "rate_limit_exceeded", Some(2)),
            (api(Some(429), "rate_limit_exceeded", half), 429, "rate_limit_exceeded", Some(2)),
            (api(Some(529), "overloaded", None), 503, "overloaded", None),
            (api(None, "server_is_overloaded", None), 503, "server_is_overloaded", None),
            (api(Some(404), "model_not_found", None), 404, "model_not_found", None),
            (api(None, "context_length_exceeded", None), 400, "context_length_exceeded", None),
            (TransportError::Script("x".into()), 400, "script_mismatch", None),
            (TransportError::Dropped("x".into()), 502, "upstream_unreachable", None),
            (TransportError::Idle(Duration::from_secs(1)), 504, "upstream_timeout", None),
        ] {
            let wire = WireError::from(&error);
            assert_eq!(
                (wire.status, wire.code.as_deref(), wire.retry_after),
                (status, Some(code), retry_after),
                "{error:?}"
            );
        }
    }

    #[test]
    fn the_forms_of_an_error() {
        let error = WireError::new(429, "rate_limit_exceeded", "Slow.");
        assert_eq!(
            error.frame(Some("a")),
            r#"{"type":"error","status":429,"stream_id":"a","error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"Slow.","param":null,"headers":{"retry-after":"2"}},"headers":{"retry-after":"2"}}"#
        );
        assert_eq!(
            error.failure(),
            r#"{"code":"rate_limit_exceeded","message":"Slow. Please try again in 2s.","headers":{"retry-after":"2"}}"#
        );
        assert_eq!(
            WireError::new(400, "x", "Y").about("input").body(),
            r#"{"error":{"type":"invalid_request_error","code":"x","message":"Y","param":"input"}}"#
        );
    }
}
