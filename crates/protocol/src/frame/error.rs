//! Errors of the API, in all their shapes, and the waits they ask for (protocol.md 6).

use std::time::{Duration, SystemTime};

/// An error as the API reports it, whatever its shape (protocol.md 6.1, C6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub status: Option<u16>,
    pub code: Option<String>,
    /// `error.type`, such as `invalid_request_error`.
    pub kind: Option<String>,
    pub message: String,
    pub param: Option<String>,
    /// The wait the server asks for (protocol.md 6.4).
    pub retry_after: Option<Duration>,
    pub request_id: Option<String>,
    /// It came as `response.failed`: the response had begun.
    pub after_created: bool,
}

impl ApiError {
    /// Reads the JSON body of an HTTP error answer; text that is not one becomes the message.
    pub fn from_http(status: u16, retry_after: Option<Duration>, body: &str) -> Self {
        let mut error = Self { status: Some(status), retry_after, ..Self::default() };
        match serde_json::from_str::<serde_json::Value>(body) {
            Ok(value) if value["error"].is_object() => error.take(&value["error"]),
            Ok(value) => error.take(&value),
            Err(_) => {}
        }
        if error.message.is_empty() {
            error.message = match body.trim() {
                "" => format!("the server answered with status {status} and no explanation"),
                text => text.chars().take(500).collect(),
            };
        }
        error
    }

    /// Adds what `value` says; what it does not say stays.
    pub(super) fn take(&mut self, value: &serde_json::Value) {
        if let Some(text) = value.as_str() {
            self.message = text.to_owned();
        }
        let text =
            |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let status = |name: &str| match &value[name] {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        };
        self.status = status("status").or(status("status_code")).or(self.status);
        self.code = text("code").or(self.code.take());
        self.kind = text("type").or(self.kind.take());
        self.param = text("param").or(self.param.take());
        if let Some(message) = text("message") {
            self.message = message;
        }
        let header = |name: &str| header(value["headers"].as_object()?, name);
        self.retry_after =
            stated_wait(header).or(self.retry_after).or_else(|| wait_in_message(&self.message));
        self.request_id = header("x-request-id").or(self.request_id.take());
    }

    /// The code, or the type that stands for one.
    pub fn code(&self) -> &str {
        self.code.as_deref().or(self.kind.as_deref()).unwrap_or_default()
    }
}

/// A header that came as JSON: its name in any case, its value a text or a number.
fn header(headers: &serde_json::Map<String, serde_json::Value>, name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The wait stated by headers: `retry-after-ms`, else `retry-after` in seconds, perhaps with a fraction, or as a date
/// (protocol.md 6.4).
pub fn stated_wait(header: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let number = |name: &str| {
        header(name)?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)
    };
    number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or_else(|| until(&header("retry-after")?, SystemTime::now()))
}

/// A date that has passed is no wait.
pub(super) fn until(date: &str, now: SystemTime) -> Option<Duration> {
    let then = httpdate::parse_http_date(date.trim()).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

/// `try again in 1.5s` in a message (protocol.md 6.4).
pub(super) fn wait_in_message(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let rest = lower[lower.find("try again in")? + "try again in".len()..].trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number: f64 = rest[..digits].parse().ok()?;
    let unit = rest[digits..].trim_start();
    let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
    let seconds = match &unit[..letters] {
        "ms" | "millisecond" | "milliseconds" => number / 1000.0,
        "s" | "second" | "seconds" => number,
        "m" | "minute" | "minutes" => number * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}
