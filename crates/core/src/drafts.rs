//! Patches while the model writes them, for who watches: live only, so no fold depends on them.

use agent_protocol::{Event, ResponseEvent};
use agent_tools::{PatchPreview, PreviewedChange};

use crate::calls::Bench;
use crate::rollout::RolloutError;

/// The calls of a response that are being written and can be seen already, by output index (C4.2).
#[derive(Default)]
pub(crate) struct Drafts(Vec<Draft>);

struct Draft {
    output_index: u32,
    item_id: String,
    call_id: Option<String>,
    preview: PatchPreview,
}

impl Drafts {
    /// Follows the beginning of a call.
    pub(crate) fn begin(&mut self, bench: &mut Bench<'_>, event: &ResponseEvent) {
        let ResponseEvent::ItemAdded { output_index, name: Some(name), call_id, .. } = event else {
            return;
        };
        let Some(preview) = bench.toolbox.preview(name) else { return };
        self.0.retain(|draft| draft.output_index != *output_index);
        self.0.push(Draft {
            output_index: *output_index,
            item_id: bench.conversation.new_item_id(),
            call_id: call_id.clone(),
            preview,
        });
    }

    /// Shows what is new in a call's input.
    pub(crate) fn delta(
        &mut self,
        bench: &mut Bench<'_>,
        output_index: u32,
        delta: &str,
    ) -> Result<(), RolloutError> {
        let Some(draft) = self.0.iter_mut().find(|draft| draft.output_index == output_index) else {
            return Ok(());
        };
        for PreviewedChange { index, change } in draft.preview.push(delta) {
            let (item_id, call_id) = (draft.item_id.clone(), draft.call_id.clone());
            bench.conversation.publish(Event::PatchDelta { item_id, call_id, index, change })?;
        }
        Ok(())
    }

    /// The call is complete, or will never be: the id it was shown under.
    pub(crate) fn end(&mut self, output_index: u32) -> Option<String> {
        let at = self.0.iter().position(|draft| draft.output_index == output_index)?;
        Some(self.0.remove(at).item_id)
    }

    /// The response is asked for again, and all of it comes anew.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
