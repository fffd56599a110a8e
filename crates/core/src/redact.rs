//! Secrets known by value never enter the conversation: they are taken out of tool output before it is recorded, so
//! that what is sent and what is logged are the same bytes (S23). Items of the provider are never altered.

use agent_protocol::{Content, ItemDetails};
use agent_tools::ToolOutput;

/// Shorter values would be found everywhere.
const SHORTEST: usize = 8;

const MARK: &str = "[secret removed]";

/// The values that must not appear. Prints none of them.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Values of fewer than 8 bytes are left out.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<_> =
            values.into_iter().filter(|value| value.len() >= SHORTEST).collect();
        // The longest first: one may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    pub(crate) fn remove_from(&self, output: &mut ToolOutput) {
        for part in &mut output.content {
            if let Content::Text { text } = part {
                self.remove(text);
            }
        }
        match &mut output.details {
            ItemDetails::CommandExecution(command) => self.remove(&mut command.aggregated_output),
            ItemDetails::FileChange { changes, .. } => {
                changes
                    .iter_mut()
                    .filter_map(|change| change.diff.as_mut())
                    .for_each(|diff| self.remove(diff));
            }
            ItemDetails::ToolCall { summary, .. } => self.remove(summary),
            _ => {}
        }
    }

    pub(crate) fn remove(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(secret) {
                *text = text.replace(secret, MARK);
            }
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_longest_first_and_short_values_stay() {
        let secrets =
            Secrets::new(["sk-123456".to_owned(), "sk-123456789".to_owned(), "abc".to_owned()]);
        let mut text = "key=sk-123456789, other=sk-123456, abc".to_owned();
        secrets.remove(&mut text);
        assert_eq!(text, "key=[secret removed], other=[secret removed], abc");
        assert_eq!(format!("{secrets:?}"), "2 secrets");
    }
}
