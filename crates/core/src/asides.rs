//! What the person asks beside the conversation: processes to end, what waits to have back, rules to see and change, a
//! terminal of another size. It is seen to at once, whatever else is under way. What the person is to know of the sandbox
//! is said with it.

use agent_protocol::{Event, ItemDetails, RuleChange};
use agent_tools::{Policy, Reaped, Toolbox};

use crate::calls;
use crate::conversation::Conversation;
use crate::inbox::Inbox;
use crate::rollout::RolloutError;

/// Whether what may be done is another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    AsBefore,
    Changed,
}

/// Does all that has come.
pub(crate) fn see_to(
    conversation: &mut Conversation,
    toolbox: &Toolbox,
    policy: &mut Policy,
    inbox: &mut Inbox,
) -> Result<Rules, RolloutError> {
    if let Some((rows, columns)) = inbox.take_size() {
        toolbox.resize(rows, columns);
    }
    for pid in inbox.take_stops() {
        calls::stop(conversation, toolbox, pid)?;
    }
    for Reaped { pid, command, reason } in inbox.take_ended() {
        conversation.publish(Event::ProcessReaped { pid, command, reason })?;
    }
    for what in inbox.take_returned() {
        conversation.publish(Event::WaitingReturned { what })?;
    }
    if let Some(message) = toolbox.take_weakness() {
        conversation.publish_item(ItemDetails::Error { message }, vec![])?;
    }
    let mut rules = Rules::AsBefore;
    for change in inbox.take_rule_changes() {
        let is_change = change != RuleChange::Show;
        let failed = policy.change(change).err().map(|error| error.to_string());
        if is_change && failed.is_none() {
            rules = Rules::Changed;
        }
        conversation.publish(Event::RulesListed { rules: policy.shown_rules(), failed })?;
    }
    Ok(rules)
}
