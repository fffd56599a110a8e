//! The policy: what an action is allowed to do, decided from values alone. Enforcing it is the sandbox's business.

use agent_protocol::{Action, ApprovalPolicy, SandboxMode};

/// What the person allowed for a thread.
#[derive(Clone, Debug)]
pub struct Policy {
    approval: ApprovalPolicy,
    sandbox: SandboxMode,
    remembered: Vec<Action>,
}

/// What becomes of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may, by this rule.
    Allow { rule: String },
    /// The person is asked, for this reason.
    Ask { reason: String },
    /// It may not; the model reads why.
    Deny { reason: String },
}

impl Policy {
    pub fn new(approval: ApprovalPolicy, sandbox: SandboxMode) -> Self {
        Self { approval, sandbox, remembered: Vec::new() }
    }

    pub fn judge(&self, action: &Action) -> Verdict {
        let _ = (&self.approval, &self.sandbox);
        if self.remembered.contains(action) {
            return Verdict::Allow { rule: "allowed for this thread".to_owned() };
        }
        Verdict::Allow { rule: "confined".to_owned() }
    }

    /// The person allowed this action for the rest of the thread.
    pub fn remember(&mut self, action: &Action) {
        self.remembered.push(action.clone());
    }
}
