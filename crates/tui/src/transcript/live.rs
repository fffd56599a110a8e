//! What a thread says before it is durable: texts and outputs as far as they have come, and patches that are still being
//! written. What takes their place is in the transcript's cells.

use agent_protocol::{DeltaField, FileChange, TransportKind};

/// A command's preview keeps this much of its end, and a draft of each of its diffs.
pub(super) const MAX_TAIL: usize = 16 * 1024;

/// All that is under way, in the order it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    pub previews: Vec<Preview>,
    /// What the model was saying when the connection broke, until it says something again.
    pub broken: Vec<Preview>,
    /// Patches that the model is still writing.
    pub drafts: Vec<Draft>,
    /// How the request of the step left.
    pub sent: Option<TransportKind>,
}

/// What of an item has come so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub item_id: String,
    pub field: DeltaField,
    pub text: String,
    /// Lines that came before it, and are no longer kept.
    pub lines_before: usize,
}

/// A patch as far as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub item_id: String,
    pub call_id: Option<String>,
    /// Of each diff the end.
    pub changes: Vec<FileChange>,
}

impl Live {
    /// What has come of the item of this id, and how many lines there were before that.
    pub(super) fn said_of(&self, item_id: &str) -> (&str, usize) {
        let preview = self.previews.iter().find(|preview| preview.item_id == item_id);
        preview.map_or(("", 0), |preview| (&preview.text, preview.lines_before))
    }

    /// The model says something, or writes a patch.
    pub(super) fn is_speaking(&self) -> bool {
        let is_said = |preview: &Preview| preview.field != DeltaField::Output;
        !self.drafts.is_empty() || self.previews.iter().any(is_said)
    }

    /// The model says what it thinks.
    pub fn is_thinking(&self) -> bool {
        self.previews.iter().any(|preview| preview.field == DeltaField::Reasoning)
    }

    /// More of a text, or of an output.
    pub(super) fn say(&mut self, item_id: &str, field: DeltaField, delta: &str) {
        let at = self.previews.iter().position(|preview| preview.item_id == item_id);
        let at = at.unwrap_or_else(|| {
            if field != DeltaField::Output {
                self.broken.clear();
            }
            let (item_id, text) = (item_id.to_owned(), String::new());
            self.previews.push(Preview { item_id, field, text, lines_before: 0 });
            self.previews.len() - 1
        });
        let preview = &mut self.previews[at];
        preview.text.push_str(delta);
        if field == DeltaField::Output {
            preview.lines_before += keep_end(&mut preview.text);
        }
    }

    /// It is whole.
    pub(super) fn complete(&mut self, item_id: &str) {
        for said in [&mut self.previews, &mut self.broken] {
            said.retain(|preview| preview.item_id != item_id);
        }
    }

    /// More of a patch.
    pub(super) fn draw(
        &mut self,
        item_id: &str,
        call_id: Option<&str>,
        index: u32,
        more: &FileChange,
    ) {
        let at = self.drafts.iter().position(|draft| draft.item_id == item_id);
        let at = at.unwrap_or_else(|| {
            self.drafts.push(Draft {
                item_id: item_id.to_owned(),
                call_id: call_id.map(str::to_owned),
                changes: vec![],
            });
            self.drafts.len() - 1
        });
        let changes = &mut self.drafts[at].changes;
        match changes.get_mut(index as usize) {
            Some(change) => {
                change.grow(more.clone());
                if let Some(diff) = &mut change.diff {
                    keep_end(diff);
                }
            }
            None => changes.push(more.clone()),
        }
    }

    /// The patch of this call will not be made. Which of them it is is not known where its id came late.
    pub(super) fn refuse(&mut self, call_id: &str) {
        self.drafts.retain(|draft| draft.call_id.as_ref().is_some_and(|id| id != call_id));
    }

    /// What the model had not finished it says again, as other items.
    pub(super) fn begin_again(&mut self) {
        let is_said = |preview: &mut Preview| preview.field != DeltaField::Output;
        self.broken.extend(self.previews.extract_if(.., is_said));
        self.drafts.clear();
    }
}

/// Returns how many lines that ended.
fn keep_end(text: &mut String) -> usize {
    if text.len() <= 2 * MAX_TAIL {
        return 0;
    }
    let cut = ceil_boundary(text, text.len() - MAX_TAIL);
    text.drain(..cut).filter(|c| *c == '\n').count()
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
