//! A request for a response, read: from a `response.create` frame or the body of a `POST` (protocol.md 2.1).

use agent_protocol::{Content, Item, Settings};
use serde_json::value::RawValue;

use crate::error::WireError;
use crate::json::{Fields, Object, array};

pub(crate) struct Create {
    /// None is the default lane.
    pub(crate) lane: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) input: Vec<Item>,
    pub(crate) settings: Settings,
    /// Nothing is generated (G5.1).
    pub(crate) warm_up: bool,
    /// Asked for over HTTP: as server-sent events.
    pub(crate) stream: bool,
}

/// Fields that are the gateway's business and do not go on.
const OURS: [&str; 12] = [
    "type",
    "input",
    "previous_response_id",
    "generate",
    "stream",
    "stream_id",
    "stream_options",
    "background",
    "background_options",
    "client_metadata",
    "store",
    "include",
];

const REASONING: &str = "reasoning.encrypted_content";

impl Create {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, WireError> {
        let flag = |name: &str| fields.get(name).map(|value| value.get() == "true");
        if flag("background") == Some(true) {
            return Err(unsupported("background"));
        }
        if fields.get("conversation").is_some() {
            return Err(unsupported("conversation"));
        }
        if fields.get("model").is_none() {
            let message = "Missing required parameter: 'model'.";
            return Err(WireError::new(400, "missing_required_parameter", message).about("model"));
        }
        let settings = Settings::from_json(settings_json(fields)?)
            .map_err(|error| invalid(&format!("settings: {error}")))?;
        let prewarm = fields.get("prompt_cache_options").is_some_and(|options| {
            #[derive(serde::Deserialize)]
            struct Options {
                prewarm: bool,
            }
            serde_json::from_str(options.get()).is_ok_and(|Options { prewarm }| prewarm)
        });
        Ok(Self {
            lane: lane_name(fields)?,
            previous: text(fields, "previous_response_id")?,
            input: fields.get("input").map_or(Ok(Vec::new()), read_input)?,
            settings,
            warm_up: prewarm || flag("generate") == Some(false),
            stream: flag("stream") == Some(true),
        })
    }
}

/// The lane a frame names, whatever else is wrong with it.
pub(crate) fn lane_name(fields: &Fields<'_>) -> Result<Option<String>, WireError> {
    let valid = |name: &str| {
        (1..=256).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    match text(fields, "stream_id") {
        Ok(Some(name)) if !valid(&name) => {
            let message = "'stream_id' must have 1 to 256 characters of A-Z, a-z, 0-9, _, - and .";
            Err(WireError::new(400, "invalid_stream_id", message).about("stream_id"))
        }
        name => name,
    }
}

pub(crate) fn text(fields: &Fields<'_>, name: &str) -> Result<Option<String>, WireError> {
    let read = |value: &RawValue| serde_json::from_str(value.get());
    fields.get(name).map(read).transpose().map_err(|_| {
        WireError::new(400, "invalid_value", format!("'{name}' must be a string.")).about(name)
    })
}

/// A string is a message of the user; items may lack `type` when they are messages (G2.1).
fn read_input(value: &RawValue) -> Result<Vec<Item>, WireError> {
    if let Ok(text) = serde_json::from_str::<String>(value.get()) {
        return Ok(vec![Item::user(&[Content::text(text)])]);
    }
    let items: Vec<&RawValue> = serde_json::from_str(value.get())
        .map_err(|_| invalid("'input' must be a string or an array of items.").about("input"))?;
    let item = |(index, raw): (usize, &&RawValue)| {
        Item::from_raw((*raw).to_owned()).map_err(|error| {
            invalid(&format!("input[{index}]: {error}")).about(format!("input[{index}]"))
        })
    };
    items.iter().enumerate().map(item).collect()
}

/// What goes on, as it came; nothing is stored upstream, so reasoning must come back whole.
fn settings_json(fields: &Fields<'_>) -> Result<String, WireError> {
    let theirs = fields.iter().filter(|(name, _)| !OURS.contains(name));
    let settings = theirs.fold(Object::new(), |object, (name, value)| {
        // A name that needed escaping is none of the API's.
        if name.contains(['"', '\\']) || name.contains(char::is_control) {
            object
        } else {
            object.raw(name, value.get())
        }
    });
    let include = match fields.get("include") {
        Some(value) => serde_json::from_str::<Vec<String>>(value.get())
            .map_err(|_| invalid("'include' must be an array of strings.").about("include"))?,
        None => Vec::new(),
    };
    let include: Vec<_> =
        include.iter().map(String::as_str).filter(|name| *name != REASONING).collect();
    let include: Vec<_> = include.into_iter().chain([REASONING]).map(crate::json::quoted).collect();
    let include = array(include.iter().map(String::as_str));
    Ok(settings.raw("store", "false").raw("include", &include).finish())
}

fn invalid(message: &str) -> WireError {
    WireError::new(400, "invalid_value", message)
}

fn unsupported(name: &str) -> WireError {
    WireError::new(400, "unsupported_parameter", format!("'{name}' is not supported.")).about(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Create, WireError> {
        Create::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn settings_go_on_as_they_came_and_transport_fields_do_not() {
        let create = read(
            r#"{"type":"response.create","model":"m","stream":true,"input":"hi","client_metadata":{"a":"b"},"temperature":1e0,"store":true,"include":["x"],"tools":[{"type":"web_search"}],"brand_new":[1]}"#,
        )
        .unwrap();
        assert_eq!(
            create.settings.json(),
            r#"{"model":"m","temperature":1e0,"tools":[{"type":"web_search"}],"brand_new":[1],"store":false,"include":["x","reasoning.encrypted_content"]}"#
        );
        assert_eq!(create.input, [Item::user(&[Content::text("hi")])]);
        assert!(create.stream && !create.warm_up);
    }

    #[test]
    fn what_is_refused_says_which_parameter() {
        for (json, code, param) in [
            (r#"{"input":"x"}"#, "missing_required_parameter", "model"),
            (r#"{"model":"m","background":true}"#, "unsupported_parameter", "background"),
            (r#"{"model":"m","conversation":"c"}"#, "unsupported_parameter", "conversation"),
            (r#"{"model":"m","input":7}"#, "invalid_value", "input"),
            (r#"{"model":"m","input":[{"role":"user"},{"x":1}]}"#, "invalid_value", "input[1]"),
            (r#"{"model":"m","stream_id":""}"#, "invalid_stream_id", "stream_id"),
            (r#"{"model":"m","stream_id":"a b"}"#, "invalid_stream_id", "stream_id"),
            (r#"{"model":"m","previous_response_id":1}"#, "invalid_value", "previous_response_id"),
        ] {
            let error = read(json).err().unwrap();
            assert_eq!(
                (error.code.as_deref(), error.param.as_deref()),
                (Some(code), Some(param)),
                "{json}"
            );
        }
    }

    #[test]
    fn a_warm_up_is_asked_for_in_two_ways() {
        assert!(read(r#"{"model":"m","generate":false}"#).unwrap().warm_up);
        assert!(read(r#"{"model":"m","prompt_cache_options":{"prewarm":true}}"#).unwrap().warm_up);
        assert!(!read(r#"{"model":"m","generate":true,"background":false}"#).unwrap().warm_up);
    }
}
