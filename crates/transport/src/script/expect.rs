//! What a step asks of the request it answers.

use agent_protocol::{Item, ItemKind, Request, Role};
use serde::Deserialize;

use super::Script;
use super::position::output_of;

/// The request a step is written for. Every part that is empty is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub model: Option<String>,
    /// The reasoning effort.
    pub effort: Option<String>,
    pub instructions: Option<Expected>,
    /// The latest message of the person.
    pub user: Option<Expected>,
    /// All developer messages together.
    pub developer: Option<Expected>,
    /// The tools offered, among others.
    pub tools: Vec<String>,
    /// Outputs of earlier calls, by the label of the call.
    pub output: std::collections::BTreeMap<String, Expected>,
    /// How many items the whole conversation has.
    pub items: Option<usize>,
}

/// What is expected of a text. From TOML also a string or an array of strings: all it must contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Expected {
    pub equals: Option<String>,
    pub contains: Vec<String>,
    pub lacks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    All(Vec<String>),
    Whole(Whole),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whole {
    equals: Option<String>,
    contains: Several,
    lacks: Several,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    All(Vec<String>),
}

impl Default for Several {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Several {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::All(texts) => texts,
        }
    }
}

impl From<Written> for Expected {
    fn from(written: Written) -> Self {
        match written {
            Written::One(text) => Self { contains: vec![text], ..Self::default() },
            Written::All(contains) => Self { contains, ..Self::default() },
            Written::Whole(Whole { equals, contains, lacks }) => {
                Self { equals, contains: contains.into_vec(), lacks: lacks.into_vec() }
            }
        }
    }
}

impl Expected {
    pub fn containing(text: &str) -> Self {
        Self { contains: vec![text.to_owned()], ..Self::default() }
    }

    fn check(&self, what: &str, found: &str) -> Result<(), String> {
        let failed = |verb: &str, text: &str| {
            Err(format!("expected {what} to {verb} {text:?}, but it is {:?}", excerpt(found)))
        };
        if let Some(text) = &self.equals
            && text != found
        {
            return failed("be", text);
        }
        if let Some(text) = self.contains.iter().find(|text| !found.contains(&***text)) {
            return failed("contain", text);
        }
        match self.lacks.iter().find(|text| found.contains(&***text)) {
            Some(text) => failed("lack", text),
            None => Ok(()),
        }
    }
}

impl Expect {
    /// Says what is not as expected.
    pub(crate) fn check(&self, script: &Script, request: &Request) -> Result<(), String> {
        let fields = request.settings.fields();
        exactly("the model", self.model.as_ref(), Some(&fields.model))?;
        let effort = fields.reasoning.as_ref().and_then(|reasoning| reasoning.effort.as_ref());
        exactly("the effort", self.effort.as_ref(), effort)?;
        if let Some(expected) = self.items
            && expected != request.window.len()
        {
            let found = request.window.len();
            return Err(format!("expected a conversation of {expected} items, but it has {found}"));
        }
        if let Some(expected) = &self.instructions {
            expected.check("the instructions", &fields.instructions)?;
        }
        if let Some(expected) = &self.user {
            expected.check("the latest user message", latest_user_text(request).unwrap_or(""))?;
        }
        if let Some(expected) = &self.developer {
            let texts: Vec<_> = request.window.iter().filter_map(developer_text).collect();
            expected.check("the developer messages", &texts.join("\n"))?;
        }
        if !self.tools.is_empty() {
            let offered = offered_tools(request);
            if let Some(missing) = self.tools.iter().find(|tool| !offered.contains(tool)) {
                return Err(format!("expected the tool `{missing}`, but offered are {offered:?}"));
            }
        }
        for (label, expected) in &self.output {
            let Some(found) = output_of(script, label, request) else {
                return Err(format!("expected an output of the call `{label}`, but there is none"));
            };
            expected.check(&format!("the output of `{label}`"), &found)?;
        }
        Ok(())
    }
}

fn exactly(what: &str, expected: Option<&String>, found: Option<&String>) -> Result<(), String> {
    match expected {
        Some(expected) if Some(expected) != found => {
            let found = found.map_or("none", String::as_str);
            Err(format!("expected {what} to be `{expected}`, but it is `{found}`"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn latest_user_text(request: &Request) -> Option<&str> {
    let window = &request.window;
    (0..window.len()).rev().find_map(|index| match window.from(index).next().map(Item::kind) {
        Some(ItemKind::Message { role: Role::User, text, .. }) => Some(&**text),
        _ => None,
    })
}

fn developer_text(item: &Item) -> Option<&str> {
    match item.kind() {
        ItemKind::Message { role: Role::Developer | Role::System, text, .. } => Some(text),
        _ => None,
    }
}

/// The names of all tools, from the settings and from `additional_tools` items, inside namespaces too.
fn offered_tools(request: &Request) -> Vec<String> {
    #[derive(Deserialize)]
    struct Offer {
        tools: Option<Vec<Tool>>,
    }
    #[derive(Deserialize)]
    struct Tool {
        name: Option<String>,
        tools: Option<Vec<Self>>,
    }
    fn names(tools: Vec<Tool>, into: &mut Vec<String>) {
        for tool in tools {
            into.extend(tool.name);
            names(tool.tools.unwrap_or_default(), into);
        }
    }
    let items = request.window.iter().filter(
        |item| matches!(item.kind(), ItemKind::Other { kind } if kind == "additional_tools"),
    );
    let mut offered = Vec::new();
    for json in items.map(Item::json).chain([request.settings.json()]) {
        if let Ok(Offer { tools: Some(tools) }) = serde_json::from_str(json) {
            names(tools, &mut offered);
        }
    }
    offered
}

/// Enough of a text to see what it is.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS: usize = 600;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
