//! Calls that need the person's word: asked one at a time, answered, and what an answer allows from then on.

use agent_protocol::{Decision, Event, ItemDetails, RuleScope, Status};
use agent_tools::{FOR_THIS_THREAD, Question, Verdict};

use super::{Bench, Calls, close};
use crate::asides::{self, Rules};
use crate::inbox::Inbox;
use crate::turn::Stop;

impl Calls {
    /// Puts the first question to the person.
    pub(super) fn ask(&self, bench: &mut Bench<'_>) -> Result<(), Stop> {
        let Some((call, question)) = self.asked.front() else { return Ok(()) };
        let Question { reason, rule, lifts, prefix } = question.clone();
        bench.conversation.publish(Event::ApprovalRequested {
            call_id: call.call.call_id.clone(),
            action: call.prepared.action.clone(),
            reason,
            rule: Some(rule),
            lifts,
            prefix,
        })?;
        Ok(())
    }

    /// Acts on the decisions that have come.
    pub(crate) fn decide(&mut self, bench: &mut Bench<'_>, inbox: &mut Inbox) -> Result<(), Stop> {
        self.see_to_asides(bench, inbox)?;
        while let Some(decision) =
            self.asked.front().and_then(|(call, _)| inbox.take_decision(&call.call.call_id))
        {
            let Some((call, question)) = self.asked.pop_front() else { return Ok(()) };
            let rule = match &decision {
                Decision::Once => ONCE.to_owned(),
                Decision::Thread => {
                    bench.policy.remember(&call.prepared.action);
                    FOR_THIS_THREAD.to_owned()
                }
                Decision::Project { prefix } => keep(bench, RuleScope::Project, &question, prefix)?,
                Decision::Always { prefix } => keep(bench, RuleScope::Always, &question, prefix)?,
                Decision::Deny { unattended: false, .. } => "the person".to_owned(),
                Decision::Deny { unattended: true, .. } => "nobody is there to be asked".to_owned(),
            };
            bench.conversation.publish(Event::ApprovalResolved {
                call_id: call.call.call_id.clone(),
                decision: decision.clone(),
                rule: Some(rule),
            })?;
            match decision {
                Decision::Once
                | Decision::Thread
                | Decision::Project { .. }
                | Decision::Always { .. } => self.start(bench, call)?,
                Decision::Deny { message, unattended } => {
                    let text = refusal(message.as_deref(), unattended);
                    let number = call.number;
                    close(bench.conversation, &call.call, call.item, Status::Declined, &text)?;
                    self.is_over(bench, number)?;
                }
            }
            self.start_allowed(bench)?;
            self.ask(bench)?;
        }
        Ok(())
    }

    /// What the person asks beside the conversation; by a new rule it may answer a question, too.
    pub(crate) fn see_to_asides(
        &mut self,
        bench: &mut Bench<'_>,
        inbox: &mut Inbox,
    ) -> Result<(), Stop> {
        let Bench { conversation, toolbox, policy, .. } = bench;
        if asides::see_to(conversation, toolbox, policy, inbox)? == Rules::AsBefore {
            return Ok(());
        }
        let asked = |calls: &Self| calls.asked.front().map(|(call, _)| call.call.call_id.clone());
        let before = asked(self);
        self.start_allowed(bench)?;
        if asked(self) != before { self.ask(bench) } else { Ok(()) }
    }

    /// What was just allowed is not asked for again, also when the call came before the answer.
    fn start_allowed(&mut self, bench: &mut Bench<'_>) -> Result<(), Stop> {
        for (call, question) in std::mem::take(&mut self.asked) {
            let Verdict::Allow { rule } = bench.policy.judge(&call.prepared.action) else {
                self.asked.push_back((call, question));
                continue;
            };
            let call_id = call.call.call_id.clone();
            let decision = Decision::Thread;
            bench.conversation.publish(Event::ApprovalResolved {
                call_id,
                decision,
                rule: Some(rule),
            })?;
            self.start(bench, call)?;
        }
        Ok(())
    }
}

/// What the model reads.
fn refusal(message: Option<&str>, unattended: bool) -> String {
    match (message, unattended) {
        (None, false) => "The person refused this call; it did not run.".to_owned(),
        (Some(message), false) => {
            format!("The person refused this call; it did not run. They said: {message}")
        }
        (message, true) => format!(
            "This call was refused, as nobody is there to be asked; it did not run. {}",
            message.unwrap_or_default()
        ),
    }
}

const ONCE: &str = "the person, this once";

/// Makes a lasting rule of an answer; where it cannot be kept the call alone is allowed, and the person is told.
fn keep(
    bench: &mut Bench<'_>,
    scope: RuleScope,
    question: &Question,
    prefix: &[String],
) -> Result<String, Stop> {
    let kept = if question.prefix.as_deref() == Some(prefix) {
        bench.policy.keep(scope, prefix)
    } else {
        Err(std::io::Error::other("it is not the rule that was offered"))
    };
    match kept {
        Ok(rule) => Ok(rule),
        Err(error) => {
            let message =
                format!("The rule could not be kept, so this call alone is allowed: {error}");
            bench.conversation.publish_item(ItemDetails::Error { message }, vec![])?;
            Ok(ONCE.to_owned())
        }
    }
}
