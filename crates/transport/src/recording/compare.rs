//! A request held against the one that was recorded: the first difference, in words a person can act on.

use agent_protocol::{Item, ItemKind, Request, Role};
use serde_json::Value;
use similar::TextDiff;

use super::file::{RecordedItem, RecordedRequest, digest};
use super::replay::Comparison;

/// Lines of a difference that are shown.
const MOST_LINES: usize = 40;

/// What differs first, if anything does.
pub(super) fn difference(
    recorded: &RecordedRequest,
    request: &Request,
    how: &Comparison,
) -> Option<String> {
    if how.strict {
        let now = how.redaction.json(request.settings.json());
        if now != recorded.settings {
            return Some(format!(
                "its settings differ\n{}",
                lines(&pretty(&recorded.settings), &pretty(&now))
            ));
        }
    }
    let was = recorded
        .window
        .iter()
        .enumerate()
        .filter(|(_, item)| how.strict || !is_ours(item.item.as_deref()));
    let now = request.window.iter().filter(|item| how.strict || !is_said_by_us(item));
    let (mut was, mut now) = (was, now);
    loop {
        match (was.next(), now.next()) {
            (None, None) => return None,
            (Some((index, was)), Some(now)) => {
                if let Some(difference) = item(was, now, how) {
                    return Some(format!(
                        "item {} ({}) differs\n{difference}",
                        index + 1,
                        name(now)
                    ));
                }
            }
            (Some((index, was)), None) => {
                let item = was.item.as_ref().map_or(was.digest.as_str(), |item| item.get());
                return Some(format!("item {} is missing: {}", index + 1, excerpt(item)));
            }
            (None, Some(now)) => {
                return Some(format!(
                    "it has an item more, {}: {}",
                    name(now),
                    excerpt(now.json())
                ));
            }
        }
    }
}

fn item(was: &RecordedItem, now: &Item, how: &Comparison) -> Option<String> {
    if was.digest == digest(now.json()) {
        return None;
    }
    let Some(was) = &was.item else { return Some("  its content is another".to_owned()) };
    let (was, now) = (how.normal(was.get()), how.normal(now.json()));
    (was != now).then(|| lines(&readable(&was), &readable(&now)))
}

/// Facts about the surroundings, which no two runs share.
fn is_ours(item: Option<&serde_json::value::RawValue>) -> bool {
    item.is_some_and(|item| Item::from_raw(item.to_owned()).is_ok_and(|item| is_said_by_us(&item)))
}

fn is_said_by_us(item: &Item) -> bool {
    matches!(item.kind(), ItemKind::Message { role: Role::Developer | Role::System, .. })
}

fn name(item: &Item) -> String {
    match item.kind() {
        ItemKind::Message { role: Role::User, .. } => "a message of the person".to_owned(),
        ItemKind::Message { .. } => "a message".to_owned(),
        ItemKind::ToolCall(call) => format!("a call of {}", call.name),
        ItemKind::ToolOutput { call_id } => format!("the output of {call_id}"),
        ItemKind::Reasoning { .. } => "reasoning".to_owned(),
        _ => "an item".to_owned(),
    }
}

impl Comparison {
    /// The item without what differs from run to run though nothing is different.
    fn normal(&self, json: &str) -> Value {
        let json = self.redaction.json(json);
        let mut value: Value = serde_json::from_str(&json).unwrap_or(Value::String(json));
        if !self.strict {
            self.normalise(&mut value);
        }
        value
    }

    fn normalise(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for (from, to) in self.aliases.iter().filter(|(from, _)| !from.is_empty()) {
                    *text = text.replace(from, to);
                }
                *text = without_thread(&without_times(text));
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.normalise(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.normalise(value)),
            _ => {}
        }
    }
}

/// Every number that is followed by a unit of time becomes `#`.
fn without_times(text: &str) -> String {
    const UNITS: [&str; 9] = ["seconds", "second", "secs", "sec", "ms", "µs", "us", "ns", "s"];
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        out.push_str(before);
        let end = number.find(|c| !is_number(c)).unwrap_or(number.len());
        let after = &number[end..];
        let spaced = after.strip_prefix(' ').unwrap_or(after);
        let is_time = UNITS.iter().any(|unit| {
            let beyond = spaced.strip_prefix(unit).map(|beyond| beyond.chars().next());
            beyond
                .is_some_and(|next| next.is_none_or(|next| !next.is_alphanumeric() && next != '_'))
        });
        let glued = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        out.push_str(if is_time && !glued { "#" } else { &number[..end] });
        rest = after;
    }
    out + rest
}

/// The folder of a thread, where long outputs are kept, is another one in each run.
fn without_thread(text: &str) -> String {
    const FOLDER: &str = "/threads/";
    const ID: usize = 36;
    let mut parts = text.split(FOLDER);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_id = part
            .get(..ID)
            .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
        out.push_str(FOLDER);
        out.push_str(if is_id { "{thread}" } else { "" });
        out.push_str(if is_id { &part[ID..] } else { part });
    }
    out
}

/// The text that an item is about, if it is about one; else its JSON.
fn readable(value: &Value) -> String {
    let text =
        ["output", "arguments", "input"].iter().find_map(|field| value.get(*field)?.as_str());
    let content = || {
        let parts = value.get("content")?.as_array()?;
        let texts: Vec<_> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
        (texts.len() == parts.len()).then(|| texts.join("\n"))
    };
    let text = text.map(str::to_owned).or_else(content);
    text.unwrap_or_else(|| serde_json::to_string_pretty(value).unwrap_or_default())
}

fn pretty(json: &str) -> String {
    let value: Option<Value> = serde_json::from_str(json).ok();
    value
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| json.to_owned())
}

/// What was recorded with `-`, what is asked now with `+`.
fn lines(was: &str, now: &str) -> String {
    let diff = TextDiff::from_lines(was, now);
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(2).missing_newline_hint(false).to_string();
    let mut shown: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("@@"))
        .map(|line| format!("  {line}"))
        .collect();
    if shown.is_empty() {
        shown = vec![format!("  - {}", excerpt(was)), format!("  + {}", excerpt(now))];
    }
    let more = shown.len().saturating_sub(MOST_LINES);
    shown.truncate(MOST_LINES);
    if more > 0 {
        shown.push(format!("  … and {more} more lines"));
    }
    shown.join("\n")
}

pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_no_difference_and_other_numbers_are() {
        for (text, normal) in [
            ("Wall time: 0.0123 seconds", "Wall time: # seconds"),
            ("took 12ms, 3 s and 4.5s", "took #ms, # s and #s"),
            ("exit code 1", "exit code 1"),
            ("3 sheep, 2 strings, h2s, 10 m", "3 sheep, 2 strings, h2s, 10 m"),
            ("finished in 0.00s; 3 passed", "finished in #s; 3 passed"),
            ("1", "1"),
        ] {
            assert_eq!(without_times(text), normal);
        }
    }

    #[test]
    fn the_folder_of_a_thread_is_no_difference() {
        let path = "/s/threads/01a21bac-cc23-7054-8def-6692ae5aa89e/outputs/a.txt /threads/x";
        assert_eq!(without_thread(path), "/s/threads/{thread}/outputs/a.txt /threads/x");
    }
}
