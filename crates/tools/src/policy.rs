//! The policy: what an action is allowed to do, decided from values alone. Enforcing it is the sandbox's business.

mod known_safe;
mod shell;

use std::path::{Path, PathBuf};

use agent_protocol::{Action, ApprovalPolicy, SandboxMode};

/// What the person allowed for a thread.
#[derive(Clone, Debug)]
pub struct Policy {
    approval: ApprovalPolicy,
    sandbox: SandboxMode,
    /// Where the thread works.
    workspace: PathBuf,
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
    pub fn new(approval: ApprovalPolicy, sandbox: SandboxMode, workspace: PathBuf) -> Self {
        Self { approval, sandbox, workspace, remembered: Vec::new() }
    }

    /// What becomes of `action` under what the person said so far.
    pub fn judge(&self, action: &Action) -> Verdict {
        if self.remembered.contains(action) {
            return allow("allowed for this thread");
        }
        match action {
            Action::Note | Action::Read { .. } | Action::Attend { .. } => allow("changes nothing"),
            Action::Edit { .. } => self.judge_edit(),
            Action::Run { escalated: true, justification, .. } => {
                self.judge_escalated(justification.as_deref())
            }
            Action::Run { escalated: false, command, cwd, .. } => self.judge_confined(command, cwd),
        }
    }

    fn judge_confined(&self, line: &str, cwd: &Path) -> Verdict {
        let untrusted = self.approval == ApprovalPolicy::Untrusted;
        if untrusted && known_safe::only_reads(line, cwd == self.workspace) {
            return allow("known to change nothing");
        }
        self.unless_untrusted("it is not known to change nothing", "confined")
    }

    fn judge_edit(&self) -> Verdict {
        match self.sandbox {
            SandboxMode::ReadOnly => Verdict::Deny { reason: READ_ONLY.to_owned() },
            SandboxMode::WorkspaceWrite | SandboxMode::DangerFullAccess => {
                self.unless_untrusted("it changes files", "confined")
            }
        }
    }

    fn judge_escalated(&self, justification: Option<&str>) -> Verdict {
        match (self.sandbox, self.approval) {
            (SandboxMode::DangerFullAccess, _) => allow("nothing is confined"),
            (_, ApprovalPolicy::Never) => Verdict::Deny { reason: NOBODY.to_owned() },
            _ => Verdict::Ask {
                reason: justification
                    .unwrap_or("it is to run outside the sandbox; the model does not say why")
                    .to_owned(),
            },
        }
    }

    fn unless_untrusted(&self, reason: &str, rule: &str) -> Verdict {
        if self.approval == ApprovalPolicy::Untrusted {
            Verdict::Ask { reason: reason.to_owned() }
        } else {
            allow(rule)
        }
    }

    /// The person allowed this action for the rest of the thread.
    pub fn remember(&mut self, action: &Action) {
        self.remembered.push(action.clone());
    }
}

const READ_ONLY: &str = "The sandbox is read-only: no file may change, so nothing was done. Do not try another way; \
                         answer with what you would change. The person can allow edits by starting the agent with \
                         `-s workspace-write`.";

const NOBODY: &str = "Nothing runs outside the sandbox here, and nobody can be asked. Find a way inside it, or say \
                      what you could not do and why.";

fn allow(rule: &str) -> Verdict {
    Verdict::Allow { rule: rule.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApprovalPolicy::{Never, OnRequest, Untrusted};
    use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};

    fn run(escalated: bool) -> Action {
        let justification = escalated.then(|| "Fetch the packages?".to_owned());
        Action::Run { command: "make".into(), cwd: "/w".into(), escalated, justification }
    }

    fn confined(command: &str, cwd: &str) -> Action {
        Action::Run {
            command: command.into(),
            cwd: cwd.into(),
            escalated: false,
            justification: None,
        }
    }

    fn edit() -> Action {
        Action::Edit { paths: vec!["/w/a".into()] }
    }

    fn verdict(action: &Action, sandbox: SandboxMode, approval: ApprovalPolicy) -> &'static str {
        match Policy::new(approval, sandbox, "/w".into()).judge(action) {
            Verdict::Allow { .. } => "allow",
            Verdict::Ask { .. } => "ask",
            Verdict::Deny { .. } => "deny",
        }
    }

    #[test]
    fn what_is_allowed_asked_and_denied() {
        for (action, sandbox, approval, expected) in [
            (Action::Note, ReadOnly, Untrusted, "allow"),
            (Action::Read { path: "/etc/hosts".into() }, ReadOnly, Untrusted, "allow"),
            (run(false), ReadOnly, Never, "allow"),
            (run(false), WorkspaceWrite, OnRequest, "allow"),
            (run(false), WorkspaceWrite, Untrusted, "ask"),
            (confined("git status | head", "/w"), ReadOnly, Untrusted, "allow"),
            (confined("git status | head", "/w/sub"), ReadOnly, Untrusted, "ask"),
            (confined("ls -la", "/elsewhere"), WorkspaceWrite, Untrusted, "allow"),
            (confined("ls; make", "/w"), DangerFullAccess, Untrusted, "ask"),
            (run(true), WorkspaceWrite, OnRequest, "ask"),
            (run(true), WorkspaceWrite, Untrusted, "ask"),
            (run(true), WorkspaceWrite, Never, "deny"),
            (run(true), DangerFullAccess, Never, "allow"),
            (edit(), ReadOnly, OnRequest, "deny"),
            (edit(), WorkspaceWrite, Never, "allow"),
            (edit(), WorkspaceWrite, Untrusted, "ask"),
            (edit(), DangerFullAccess, OnRequest, "allow"),
        ] {
            assert_eq!(
                verdict(&action, sandbox, approval),
                expected,
                "{action:?} {sandbox} {approval}"
            );
        }
    }

    #[test]
    fn what_was_allowed_for_the_thread_is_not_asked_again_and_nothing_else_is_allowed_with_it() {
        let mut policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into());
        let asked = Verdict::Ask { reason: "Fetch the packages?".to_owned() };
        assert_eq!(policy.judge(&run(true)), asked);
        policy.remember(&run(true));
        assert!(matches!(policy.judge(&run(true)), Verdict::Allow { .. }));
        let Action::Run { cwd, escalated, justification, .. } = run(true) else { panic!() };
        let other = Action::Run { command: "make x".into(), cwd, escalated, justification };
        assert_eq!(policy.judge(&other), asked);
    }
}
