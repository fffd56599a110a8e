//! A request for a response, read: from a `response.create` frame or the body of a `POST` (protocol.md 2.1).

use agent_protocol::{Content, Item, ItemKind, Settings};
use serde_json::value::RawValue;

use crate::error::WireError;
use crate::json::{Fields, Object, array};

pub(crate) struct Create {
    /// None is the default lane.
    pub(crate) lane: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) input: Vec<Item>,
    pub(crate) settings: Settings,
    /// The tools that a lean request offers as its first item (protocol.md 2.3), as they came. They stand in `settings`
    /// as well, and not in `input`: upstream is asked in the classic way, or in its own.
    pub(crate) offered: Option<Box<RawValue>>,
    /// Nothing is generated (G5.1).
    pub(crate) warm_up: bool,
    /// Asked for over HTTP: as server-sent events.
    pub(crate) stream: bool,
    says_tools: bool,
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
        let mut input = fields.get("input").map_or(Ok(Vec::new()), read_input)?;
        let offered = if fields.get("tools").is_none() { take_offered(&mut input) } else { None };
        let settings = settings_of(settings_json(fields)?)?;
        let settings = match &offered {
            Some(tools) => with_tools(&settings, tools)?,
            None => settings,
        };
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
            input,
            settings,
            offered,
            warm_up: prewarm || flag("generate") == Some(false),
            stream: flag("stream") == Some(true),
            says_tools: fields.get("tools").is_some(),
        })
    }

    /// Takes the tools of the conversation that is continued, unless this request has its own.
    pub(crate) fn inherit(&mut self, tools: Option<Box<RawValue>>) -> Result<(), WireError> {
        if let (Some(tools), None, false) = (tools, &self.offered, self.says_tools) {
            self.settings = with_tools(&self.settings, &tools)?;
            self.offered = Some(tools);
        }
        Ok(())
    }
}

/// Takes the leading `additional_tools` item out of the input; one that stands elsewhere is the model's to read there.
fn take_offered(input: &mut Vec<Item>) -> Option<Box<RawValue>> {
    #[derive(serde::Deserialize)]
    struct Offer {
        tools: Box<RawValue>,
    }
    let first = input.first()?;
    if !matches!(first.kind(), ItemKind::Other { kind } if kind == "additional_tools") {
        return None;
    }
    let Offer { tools } = serde_json::from_str(first.json()).ok()?;
    input.remove(0);
    Some(tools)
}

fn with_tools(settings: &Settings, tools: &RawValue) -> Result<Settings, WireError> {
    let json = settings.json().strip_suffix('}').unwrap_or_default();
    settings_of(format!(r#"{json},"tools":{tools}}}"#))
}

fn settings_of(json: String) -> Result<Settings, WireError> {
    Settings::from_json(json).map_err(|error| invalid(&format!("settings: {error}")))
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
    fn tools_that_are_offered_as_the_first_item_are_asked_for_upstream_in_the_classic_way() {
        let offer = r#"{"type":"additional_tools","role":"developer","tools":[{"type":"x"}]}"#;
        let first =
            format!(r#"{{"model":"m","input":[{offer},{{"role":"user","content":"hi"}}]}}"#);
        let create = read(&first).unwrap();
        assert!(create.settings.json().ends_with(r#","tools":[{"type":"x"}]}"#));
        assert_eq!(create.input.len(), 1);
        let mut next = read(r#"{"model":"m","input":[]}"#).unwrap();
        next.inherit(create.offered).unwrap();
        assert!(next.settings.json().ends_with(r#","tools":[{"type":"x"}]}"#));
        // Later in the conversation they stay where they are.
        let later =
            format!(r#"{{"model":"m","input":[{{"role":"user","content":"hi"}},{offer}]}}"#);
        assert_eq!(read(&later).unwrap().input.len(), 2);
    }

    #[test]
    fn a_warm_up_is_asked_for_in_two_ways() {
        assert!(read(r#"{"model":"m","generate":false}"#).unwrap().warm_up);
        assert!(read(r#"{"model":"m","prompt_cache_options":{"prewarm":true}}"#).unwrap().warm_up);
        assert!(!read(r#"{"model":"m","generate":true,"background":false}"#).unwrap().warm_up);
    }
}
