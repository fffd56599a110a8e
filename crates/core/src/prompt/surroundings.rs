//! Facts about the machine and the run, as the model reads them. They are passed in: nothing is looked up here.

use std::fmt;
use std::path::PathBuf;

use agent_protocol::{ApprovalPolicy, SandboxMode};

/// Where and under which rules the agent works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    pub cwd: PathBuf,
    /// What runs command lines: `bash`.
    pub shell: String,
    /// `linux x86_64`.
    pub os: String,
    /// Of the person's time zone: `2026-11-24`.
    pub date: String,
    pub sandbox: SandboxMode,
    /// Commands may use the network.
    pub network: bool,
    pub approval: ApprovalPolicy,
    /// How commands begin that the person's rules let run outside the sandbox.
    pub allowed: Vec<String>,
    /// Writable beside the working directory.
    pub writable_roots: Vec<PathBuf>,
    pub git: Option<GitFacts>,
}

/// What is known of the repository without asking git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitFacts {
    /// Of the work tree.
    pub root: PathBuf,
    /// `branch main`, `detached at 1f2e3d4`.
    pub head: Option<String>,
    /// `rebase`, `merge`: begun and not finished.
    pub under_way: Option<String>,
}

/// Rules that are named; more would only cost.
const MOST_RULES: usize = 40;

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Surroundings of this thread:")?;
        writeln!(f, "- Working directory: {}", self.cwd.display())?;
        writeln!(f, "- System: {}; command lines run in {}", self.os, self.shell)?;
        writeln!(f, "- Sandbox: {}", self.sandbox_rule())?;
        writeln!(f, "- Network: {}", self.network_rule())?;
        writeln!(f, "- Approvals: {}", approval_rule(self.approval))?;
        if let Some(allowed) = self.allowed_rule() {
            writeln!(f, "- Rules: {allowed}")?;
        }
        match &self.git {
            None => writeln!(f, "- Git: not in a repository")?,
            Some(git) => {
                write!(f, "- Git: repository {}", git.root.display())?;
                if let Some(head) = &git.head {
                    write!(f, ", {head}")?;
                }
                if let Some(operation) = &git.under_way {
                    write!(f, ", a {operation} is under way")?;
                }
                writeln!(f, " when the thread began")?;
            }
        }
        write!(f, "- Date: {}", self.date)
    }
}

impl Surroundings {
    fn sandbox_rule(&self) -> String {
        match self.sandbox {
            SandboxMode::ReadOnly => {
                "read-only. You can read files and run commands, but nothing can be changed: a write fails.".into()
            }
            SandboxMode::WorkspaceWrite => {
                let mut rule = "workspace-write. Commands and edits can write in the working directory".to_owned();
                for root in &self.writable_roots {
                    rule += &format!(", {}", root.display());
                }
                rule + " and the temporary directory; everywhere else a write fails."
            }
            SandboxMode::DangerFullAccess => {
                "danger-full-access. Nothing is confined: take care outside the working directory.".into()
            }
        }
    }

    fn network_rule(&self) -> &'static str {
        if self.network || self.sandbox == SandboxMode::DangerFullAccess {
            "commands can use it."
        } else {
            "off. Commands cannot reach it: downloads and package installs fail."
        }
    }

    /// None where there is no sandbox to be outside of, or nothing is allowed.
    fn allowed_rule(&self) -> Option<String> {
        if self.allowed.is_empty() || self.sandbox == SandboxMode::DangerFullAccess {
            return None;
        }
        let named: Vec<_> =
            self.allowed.iter().take(MOST_RULES).map(|words| format!("`{words}`")).collect();
        Some(format!(
            "the person lets commands that begin with {} run outside the sandbox without a question; if one needs \
             that, call it with sandbox_permissions \"require_escalated\", alone on its line.",
            named.join(", ")
        ))
    }
}

/// What the model is told of who is asked, and about what.
pub fn approval_rule(policy: ApprovalPolicy) -> &'static str {
    match policy {
        ApprovalPolicy::Never => {
            "never. Nobody can be asked: what the rules forbid is refused, so find another way or say what is missing."
        }
        ApprovalPolicy::Granular(asked) if !asked.sandbox_approval => {
            "never for more than the sandbox gives: what needs it is refused, so find another way or say what is missing."
        }
        ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) => {
            "on-request. A command that needs more than the sandbox gives may ask for it, with a one-sentence reason."
        }
        ApprovalPolicy::Untrusted => {
            "untrusted. The person is asked before anything that is not plainly read-only."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_told_where_it_is_and_what_it_may_do() {
        let mut facts = Surroundings {
            cwd: "/repo".into(),
            shell: "bash".into(),
            os: "linux x86_64".into(),
            date: "2026-11-24".into(),
            sandbox: SandboxMode::WorkspaceWrite,
            network: false,
            approval: ApprovalPolicy::Never,
            allowed: vec![],
            writable_roots: vec!["/data".into()],
            git: Some(GitFacts {
                root: "/repo".into(),
                head: Some("branch main".into()),
                under_way: Some("rebase".into()),
            }),
        };
        assert_eq!(
            facts.to_string(),
            "Surroundings of this thread:\n\
             - Working directory: /repo\n\
             - System: linux x86_64; command lines run in bash\n\
             - Sandbox: workspace-write. Commands and edits can write in the working directory, /data and the temporary directory; everywhere else a write fails.\n\
             - Network: off. Commands cannot reach it: downloads and package installs fail.\n\
             - Approvals: never. Nobody can be asked: what the rules forbid is refused, so find another way or say what is missing.\n\
             - Git: repository /repo, branch main, a rebase is under way when the thread began\n\
             - Date: 2026-11-24"
        );
        facts.allowed = vec!["cargo test".into(), "git (fetch|pull)".into()];
        assert!(facts.to_string().contains(
            "- Rules: the person lets commands that begin with `cargo test`, `git (fetch|pull)` run outside"
        ));
        facts.sandbox = SandboxMode::DangerFullAccess;
        assert!(!facts.to_string().contains("Rules"));
        facts.git = None;
        assert!(facts.to_string().contains("- Network: commands can use it.\n"));
        assert!(facts.to_string().contains("- Git: not in a repository\n"));
    }
}
