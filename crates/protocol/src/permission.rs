//! What a call would do and under which rules it may: the words shared by the policy, the person and the log.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FileChange;

/// How far commands and edits reach (threat-model.md 2). It comes from the person, never from the model or
/// the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Nothing is writable but private temporary space.
    #[default]
    ReadOnly,
    /// The workspace and the temporary directories are writable.
    WorkspaceWrite,
    /// No confinement at all.
    DangerFullAccess,
}

/// When the person is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// For everything not known to be read-only.
    Untrusted,
    /// When the model asks for more rights than the sandbox gives.
    #[default]
    OnRequest,
    /// Never: what would need a question is refused.
    Never,
    /// As on request, for the kinds of questions that are on; the others are refused.
    Granular(Granular),
}

/// Which kinds of questions are asked. What a file does not say is off, as in Codex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Granular {
    /// For more rights than the sandbox gives.
    pub sandbox_approval: bool,
    /// That a rule says to ask.
    pub rules: bool,
    pub mcp_elicitations: bool,
    pub request_permissions: bool,
    pub skill_approval: bool,
}

macro_rules! spelled {
    ($type:ident { $($variant:ident = $text:literal),+ } $($other:ident = $name:literal)?) => {
        impl $type {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ $(Self::$other(_) => $name)? }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is not one of: {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

spelled!(SandboxMode {
    ReadOnly = "read-only",
    WorkspaceWrite = "workspace-write",
    DangerFullAccess = "danger-full-access"
});
spelled!(ApprovalPolicy { Untrusted = "untrusted", OnRequest = "on-request", Never = "never" } Granular = "granular");

/// What a call would do: judged by the policy and shown to the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Run a command line with a shell.
    Run {
        command: String,
        cwd: PathBuf,
        /// The model asks to run it outside the sandbox.
        #[serde(default)]
        escalated: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        justification: Option<String>,
        /// It gets a terminal, into which anything can be typed later.
        #[serde(default, skip_serializing_if = "is_false")]
        terminal: bool,
    },
    /// Talk to a command that is running already.
    Attend {
        session_id: u32,
        /// The command's line, as the model wrote it, and its process; absent when there is no such session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        /// What is typed; empty to wait for more output.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        input: String,
        /// The command runs outside the sandbox.
        #[serde(default, skip_serializing_if = "is_false")]
        escalated: bool,
    },
    /// Change files; absolute paths.
    Edit {
        paths: Vec<PathBuf>,
        /// Those of them that the sandbox would not let be written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beyond: Vec<PathBuf>,
        /// All of what would be done to them, in the patch's order and however long it is. Lines of a file that is
        /// there already have no numbers: it is looked at only when the patch is applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<FileChange>,
    },
    /// Look at a file or below a directory; an absolute path.
    Read { path: PathBuf },
    /// Touches nothing outside the thread.
    Note,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What the person answers to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Once,
    /// For the rest of this thread: exactly what was shown.
    Thread,
    /// In this project: every command that begins with these words, which are those that were offered.
    Project {
        prefix: Vec<String>,
    },
    /// Everywhere: every command that begins with these words, which are those that were offered.
    Always {
        prefix: Vec<String>,
    },
    Deny {
        /// What the person says to the model instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// No person was there to be asked.
        #[serde(default, skip_serializing_if = "is_false")]
        unattended: bool,
    },
}

impl Decision {
    /// The person says no, and perhaps what to do instead.
    pub fn deny(message: Option<String>) -> Self {
        Self::Deny { message, unattended: false }
    }
}

/// What a rule about commands says of those that begin as it does; the strictest is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    Allow,
    Prompt,
    Forbidden,
}

/// How far a rule reaches, and with that where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// Until the thread ends; in no file.
    Thread,
    Project,
    Always,
}

/// A rule that holds for a thread, for the person to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShownRule {
    pub effect: RuleEffect,
    /// What commands begin with: `npm run (build|lint)`.
    pub words: String,
    /// None: it is in a file that is not ours, and stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<RuleScope>,
    pub at: RulePlace,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

/// Where a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum RulePlace {
    File {
        path: PathBuf,
        line: usize,
    },
    Thread {
        number: usize,
    },
    /// What was allowed for the thread, and nothing that only begins like it.
    Answer {
        number: usize,
    },
}

/// What the person does with the rules. A rule is known by what it was when it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// Nothing: they are only to be seen.
    Show,
    /// Makes a rule, instead of `old` if there is one.
    Put {
        old: Option<ShownRule>,
        scope: RuleScope,
        effect: RuleEffect,
        /// What commands begin with, as in a shell.
        words: String,
    },
    Remove(ShownRule),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_spelled_as_people_have_them_in_their_files() {
        assert_eq!("workspace-write".parse(), Ok(SandboxMode::WorkspaceWrite));
        assert_eq!(ApprovalPolicy::OnRequest.to_string(), "on-request");
        assert_eq!(
            "loose".parse::<SandboxMode>(),
            Err("`loose` is not one of: read-only, workspace-write, danger-full-access".to_owned())
        );
    }
}
