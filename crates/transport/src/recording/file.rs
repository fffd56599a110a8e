//! The file of a recording: one JSON object a line, self-contained. A last line that was cut off is left out.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use agent_protocol::{Item, ItemKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::RecordedEvent;

/// A file of a newer one is refused.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first line.
    Recording {
        format: u32,
        about: Box<RawValue>,
    },
    Request(Asked),
    /// Of the request before it.
    Event(RecordedEvent),
}

/// A request, by what the one before it did not say.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) number: u32,
    pub(super) settings_digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Box<RawValue>>,
    /// So many items at the beginning are those of the request before.
    pub(super) kept: usize,
    pub(super) items: Vec<RecordedItem>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RecordedItem {
    /// Of the item as it was sent, secrets included.
    pub(super) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Box<RawValue>>,
}

/// A recording, read.
#[derive(Debug)]
pub struct Recorded {
    pub(super) name: String,
    about: serde_json::Value,
    pub(super) requests: Vec<RecordedRequest>,
}

/// One request and what was told of its answer.
#[derive(Debug)]
pub struct RecordedRequest {
    pub(super) settings: String,
    pub(super) window: Vec<RecordedItem>,
    pub(super) events: Vec<RecordedEvent>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("{}: line {line} is not part of a recording: {message}", path.display())]
    Damaged { path: PathBuf, line: usize, message: String },
    #[error("{} is of format {format}; this version reads up to {FORMAT}", path.display())]
    TooNew { path: PathBuf, format: u32 },
}

impl Recorded {
    /// What is in the file at `path`, which holds this text.
    ///
    /// # Errors
    /// When it is no recording, or of a newer format.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, RecordingError> {
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines = text[..whole].split(|&byte| byte == b'\n').enumerate();
        let mut recorded: Option<Self> = None;
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let damaged = |message: String| RecordingError::Damaged {
                path: path.to_owned(),
                line: index + 1,
                message,
            };
            let line: Line =
                serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
            match (line, &mut recorded) {
                (Line::Recording { format, .. }, None) if format > FORMAT => {
                    return Err(RecordingError::TooNew { path: path.to_owned(), format });
                }
                (Line::Recording { about, .. }, None) => {
                    recorded = Some(Self {
                        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                        about: serde_json::from_str(about.get()).unwrap_or_default(),
                        requests: Vec::new(),
                    });
                }
                (Line::Request(asked), Some(recorded)) => recorded.ask(asked).map_err(damaged)?,
                (Line::Event(event), Some(recorded)) => match recorded.requests.last_mut() {
                    Some(request) => request.events.push(event),
                    None => return Err(damaged("an event without a request".to_owned())),
                },
                _ => return Err(damaged("it is out of place".to_owned())),
            }
        }
        let empty = || RecordingError::Damaged {
            path: path.to_owned(),
            line: 1,
            message: "it is empty".to_owned(),
        };
        recorded.ok_or_else(empty)
    }

    fn ask(&mut self, asked: Asked) -> Result<(), String> {
        let last = self.requests.last();
        let settings = match (asked.settings, last) {
            (Some(settings), _) => settings.get().to_owned(),
            (None, Some(last)) => last.settings.clone(),
            (None, None) => return Err("the first request has no settings".to_owned()),
        };
        let before = last.map_or(&[][..], |last| &last.window);
        let kept = before.get(..asked.kept).ok_or("it keeps more items than there were")?;
        let window = kept.iter().cloned().chain(asked.items).collect();
        self.requests.push(RecordedRequest { settings, window, events: Vec::new() });
        Ok(())
    }

    /// What was said of the run when it was recorded.
    pub fn about(&self) -> &serde_json::Value {
        &self.about
    }

    /// How often the model was asked.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The outputs of all calls as the model was told them, items of the API, by the call's id. For whoever does not run
    /// the tools again.
    pub fn outputs(&self) -> HashMap<String, Item> {
        let items = self.requests.iter().flat_map(|request| &request.window);
        let items = items.filter_map(|item| Item::from_raw(item.item.clone()?).ok());
        let outputs = items.filter_map(|item| match item.kind() {
            ItemKind::ToolOutput { call_id } => Some((call_id.clone(), item)),
            _ => None,
        });
        outputs.collect()
    }
}

/// The first 16 hex digits of its SHA-256.
pub(super) fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn raw(json: String) -> io::Result<Box<RawValue>> {
    Ok(RawValue::from_string(json)?)
}
