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

/// What becomes of an action. `rule` is what decided, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow {
        rule: String,
    },
    Ask(Question),
    /// It may not; the model reads why.
    Deny {
        reason: String,
        rule: String,
    },
}

/// What the person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub reason: String,
    pub rule: String,
    /// What of the confinement would not hold.
    pub lifts: Option<String>,
    /// The words that a lasting rule would begin with.
    pub prefix: Option<Vec<String>>,
}

/// The rule of what the person allowed with [`Policy::remember`].
pub const FOR_THIS_THREAD: &str = "the person, for this thread";

const UNTRUSTED: &str = "approval policy untrusted";

impl Policy {
    pub fn new(approval: ApprovalPolicy, sandbox: SandboxMode, workspace: PathBuf) -> Self {
        Self { approval, sandbox, workspace, remembered: Vec::new() }
    }

    /// What becomes of `action` under what the person said so far.
    pub fn judge(&self, action: &Action) -> Verdict {
        if self.remembered.contains(&deed(action)) {
            return allow(FOR_THIS_THREAD);
        }
        match action {
            Action::Note | Action::Read { .. } => allow("changes nothing"),
            Action::Attend { input, escalated, .. } => self.judge_input(input, *escalated),
            Action::Edit { .. } => self.judge_edit(),
            Action::Run { escalated: true, justification, .. } => {
                self.judge_escalated(justification.as_deref().unwrap_or(UNEXPLAINED))
            }
            Action::Run { escalated: false, command, cwd, terminal, .. } => {
                self.judge_confined(command, cwd, *terminal)
            }
        }
    }

    /// Into a terminal anything can be typed later, a pager's `!` included.
    fn judge_confined(&self, line: &str, cwd: &Path, terminal: bool) -> Verdict {
        let untrusted = self.approval == ApprovalPolicy::Untrusted;
        if untrusted && !terminal && known_safe::only_reads(line, cwd == self.workspace) {
            return allow("known to change nothing");
        }
        self.unless_untrusted("it is not known to change nothing")
    }

    /// Whoever allowed a command to run did not see what is typed into it afterwards (S20).
    fn judge_input(&self, input: &str, escalated: bool) -> Verdict {
        match input {
            "" => allow("changes nothing"),
            CTRL_C => allow("only interrupts"),
            _ if escalated => {
                self.judge_escalated("it is typed into a command that runs outside the sandbox")
            }
            _ => self.unless_untrusted("what is typed into a command can change something"),
        }
    }

    fn judge_edit(&self) -> Verdict {
        match self.sandbox {
            SandboxMode::ReadOnly => {
                Verdict::Deny { reason: READ_ONLY.to_owned(), rule: "sandbox read-only".to_owned() }
            }
            SandboxMode::WorkspaceWrite | SandboxMode::DangerFullAccess => {
                self.unless_untrusted("it changes files")
            }
        }
    }

    fn judge_escalated(&self, reason: &str) -> Verdict {
        if self.sandbox == SandboxMode::DangerFullAccess {
            return allow("sandbox danger-full-access");
        }
        let rule = format!("approval policy {}", self.approval);
        if !self.asks_for_more() {
            return Verdict::Deny { reason: NOBODY.to_owned(), rule };
        }
        Verdict::Ask(Question {
            reason: reason.to_owned(),
            rule,
            lifts: Some(NO_SANDBOX.to_owned()),
            prefix: None,
        })
    }

    /// Whether the person may be asked for more rights than the sandbox gives.
    fn asks_for_more(&self) -> bool {
        match self.approval {
            ApprovalPolicy::Never => false,
            ApprovalPolicy::Granular(asked) => asked.sandbox_approval,
            ApprovalPolicy::OnRequest | ApprovalPolicy::Untrusted => true,
        }
    }

    fn unless_untrusted(&self, reason: &str) -> Verdict {
        if self.approval == ApprovalPolicy::Untrusted {
            let (reason, rule) = (reason.to_owned(), UNTRUSTED.to_owned());
            Verdict::Ask(Question { reason, rule, lifts: None, prefix: None })
        } else {
            allow(&format!("sandbox {}", self.sandbox))
        }
    }

    /// The person allowed this action for the rest of the thread.
    pub fn remember(&mut self, action: &Action) {
        self.remembered.push(deed(action));
    }
}

/// What would be done, whatever is said about it.
fn deed(action: &Action) -> Action {
    let mut deed = action.clone();
    if let Action::Run { justification, .. } = &mut deed {
        *justification = None;
    }
    deed
}

const CTRL_C: &str = "\u{3}";

const UNEXPLAINED: &str = "it is to run outside the sandbox; the model does not say why";

const NO_SANDBOX: &str =
    "Outside the sandbox it can change every file of yours, read your secrets and use the network.";

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
    use ApprovalPolicy::{Granular, Never, OnRequest, Untrusted};
    use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};

    fn run(escalated: bool) -> Action {
        let justification = escalated.then(|| "Fetch the packages?".to_owned());
        Action::Run {
            command: "make".into(),
            cwd: "/w".into(),
            escalated,
            justification,
            terminal: false,
        }
    }

    fn confined(command: &str, cwd: &str) -> Action {
        Action::Run {
            command: command.into(),
            cwd: cwd.into(),
            escalated: false,
            justification: None,
            terminal: false,
        }
    }

    fn typed(input: &str, escalated: bool) -> Action {
        Action::Attend { session_id: 1, input: input.into(), escalated }
    }

    fn edit() -> Action {
        Action::Edit { paths: vec!["/w/a".into()], beyond: vec![] }
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
        let nothing = agent_protocol::Granular::default();
        let more = agent_protocol::Granular { sandbox_approval: true, ..nothing };
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
            (run(true), WorkspaceWrite, Granular(nothing), "deny"),
            (run(true), WorkspaceWrite, Granular(more), "ask"),
            (run(false), WorkspaceWrite, Granular(nothing), "allow"),
            (in_a_terminal("git log"), WorkspaceWrite, Untrusted, "ask"),
            (typed("", true), WorkspaceWrite, Never, "allow"),
            (typed("\u{3}", true), WorkspaceWrite, Untrusted, "allow"),
            (typed("!rm a\n", false), WorkspaceWrite, Untrusted, "ask"),
            (typed("!rm a\n", false), WorkspaceWrite, OnRequest, "allow"),
            (typed("!rm a\n", true), WorkspaceWrite, OnRequest, "ask"),
            (typed("!rm a\n", true), WorkspaceWrite, Never, "deny"),
            (typed("!rm a\n", true), DangerFullAccess, Never, "allow"),
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

    fn in_a_terminal(command: &str) -> Action {
        Action::Run {
            command: command.into(),
            cwd: "/w".into(),
            escalated: false,
            justification: None,
            terminal: true,
        }
    }

    #[test]
    fn what_was_allowed_for_the_thread_is_not_asked_again_and_nothing_else_is_allowed_with_it() {
        let mut policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into());
        assert!(matches!(policy.judge(&run(true)), Verdict::Ask(_)));
        policy.remember(&run(true));
        assert_eq!(policy.judge(&run(true)), allow(FOR_THIS_THREAD));
        let Action::Run { command, cwd, escalated, terminal, .. } = run(true) else { panic!() };
        let justification = Some("Other words.".to_owned());
        let said_otherwise = Action::Run {
            command: command.clone(),
            cwd: cwd.clone(),
            escalated,
            justification: justification.clone(),
            terminal,
        };
        assert_eq!(policy.judge(&said_otherwise), allow(FOR_THIS_THREAD));
        for (command, cwd, terminal) in [
            (format!("{command} x"), cwd.clone(), terminal),
            (format!("{command} "), cwd.clone(), terminal),
            (format!("{command}; rm x"), cwd.clone(), terminal),
            (command.clone(), "/elsewhere".into(), terminal),
            (command.clone(), cwd.clone(), true),
        ] {
            let justification = justification.clone();
            let other = Action::Run { command, cwd, escalated, justification, terminal };
            assert!(matches!(policy.judge(&other), Verdict::Ask(_)), "{other:?}");
        }
    }
}
