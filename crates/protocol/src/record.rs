//! A line of the rollout: an event, when it happened, and the API items that came with it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Event, Item, ToolSpec};

/// The version of the rollout's format. A file of a newer one is refused untouched (R4).
pub const ROLLOUT_FORMAT: u32 = 1;

/// The first line of a rollout: what every request of the thread begins with, so that a resumed thread sends
/// the same bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`ROLLOUT_FORMAT`] of the writer.
    pub format: u32,
    pub thread_id: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub agent_version: String,
    pub cwd: std::path::PathBuf,
    pub provider: String,
    pub model: String,
    /// The thread this one was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
    pub instructions: String,
    pub tools: Vec<ToolSpec>,
}

/// What a thread publishes: written (if durable), then applied to `History`, then shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Position in the rollout, from 1; none for a live-only event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// RFC 3339 with milliseconds, UTC.
    pub at: String,
    #[serde(flatten)]
    pub event: Event,
    /// The items that enter the window with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wire: Vec<Item>,
}

/// By hand, in two passes: serde buffers the fields beside a `flatten`, and what is buffered is no longer the
/// JSON it came as.
impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Beside {
            seq: Option<u64>,
            at: String,
            #[serde(default)]
            wire: Vec<Item>,
        }
        let line = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let beside: Beside = serde_json::from_str(line.get()).map_err(D::Error::custom)?;
        let event: Event = serde_json::from_str(line.get()).map_err(D::Error::custom)?;
        Ok(Self { seq: beside.seq, at: beside.at, event, wire: beside.wire })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ItemDetails, ThreadItem};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_survives_the_log_with_its_items_byte_for_byte(
            text in "\\PC*", number in any::<f64>(), spaces in "[ \t]{0,3}"
        ) {
            let raw = format!(r#"{{{spaces}"type":{spaces}"mystery","z":{number:e},"a":{text:?}}}"#);
            prop_assume!(serde_json::from_str::<serde_json::Value>(&raw).is_ok());
            let record = Record {
                seq: Some(7),
                at: "2026-11-24T10:00:00.000Z".into(),
                event: Event::ItemCompleted {
                    item: ThreadItem {
                        id: "i1".into(),
                        details: ItemDetails::AgentMessage { text, phase: None, partial: false },
                        call_id: None,
                        step: Some(1),
                        duration_ms: None,
                    },
                },
                wire: vec![Item::from_json(&raw).unwrap()],
            };
            let line = serde_json::to_string(&record).unwrap();
            prop_assert!(line.contains(&raw));
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        }
    }
}
