//! The flags that every command understands.

use std::path::PathBuf;

use agent_protocol::{ApprovalPolicy, SandboxMode};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The flags every command understands; given before the command or after it, where they mean something.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    #[command(flatten)]
    pub(crate) permission: PermissionFlags,
}

/// Where settings come from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigFlags {
    /// Set a configuration key, as in `-c model_reasoning_effort=high`; the value is TOML, else a string.
    #[arg(short = 'c', long = "config", value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) overrides: Vec<Assignment>,
    /// Use the settings of `PROFILE.config.toml` above those of the configuration file.
    #[arg(short, long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Work in this directory.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Trust this directory's own configuration for this run.
    #[arg(long)]
    pub(crate) trust: bool,
    /// Treat unknown and retired configuration keys as errors.
    #[arg(long)]
    pub(crate) strict_config: bool,
    /// Do not read your configuration file.
    #[arg(long)]
    pub(crate) ignore_user_config: bool,
    /// Switch a feature on: `features.FEATURE = true`.
    #[arg(long, value_name = "FEATURE", hide = true)]
    pub(crate) enable: Vec<String>,
    /// Switch a feature off: `features.FEATURE = false`.
    #[arg(long, value_name = "FEATURE", hide = true)]
    pub(crate) disable: Vec<String>,
}

/// Which model answers.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelFlags {
    /// The model to ask.
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// openai, azure, xai, vercel, openrouter, anthropic, ollama, lmstudio, or one of your configuration.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Ask the provider with each request why its prompt cache missed, if it did; shown in `step.completed`.
    #[arg(long)]
    pub(crate) debug_cache: bool,
    /// Use a model server on this machine.
    #[arg(long)]
    pub(crate) oss: bool,
    /// Which one.
    #[arg(long, value_name = "NAME", value_parser = ["ollama", "lmstudio"])]
    pub(crate) local_provider: Option<String>,
}

/// How far it may go.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Permissions")]
pub(crate) struct PermissionFlags {
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
    /// When you are asked; nobody is in `exec`, so what would need a question is refused there.
    #[arg(short = 'a', long = "ask-for-approval", value_name = "POLICY", value_parser = approval_policy())]
    pub(crate) approval: Option<ApprovalPolicy>,
    /// No sandbox, no questions: only where the machine itself is the sandbox.
    #[arg(long = "dangerously-bypass-approvals-and-sandbox", visible_alias = "yolo")]
    #[arg(conflicts_with_all = ["sandbox", "full_auto"])]
    pub(crate) bypass: bool,
    /// Retired: the same as `--sandbox workspace-write`.
    #[arg(long, hide = true, conflicts_with = "sandbox")]
    pub(crate) full_auto: bool,
}

/// What the sandbox leaves open.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Permissions")]
pub(crate) struct ReachFlags {
    /// How far commands and edits reach.
    #[arg(short, long, value_name = "MODE", value_parser = sandbox_mode())]
    pub(crate) sandbox: Option<SandboxMode>,
    /// Let commands and edits write below this directory too.
    #[arg(long = "add-dir", value_name = "DIR")]
    pub(crate) add_dirs: Vec<PathBuf>,
}

/// `-c key=value`, still as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Flags {
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            config: self.config.over(outer.config),
            model: self.model.over(outer.model),
            permission: self.permission.over(outer.permission),
        }
    }
}

impl ConfigFlags {
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            overrides: joined(outer.overrides, self.overrides),
            profile: self.profile.or(outer.profile),
            directory: self.directory.or(outer.directory),
            trust: self.trust || outer.trust,
            strict_config: self.strict_config || outer.strict_config,
            ignore_user_config: self.ignore_user_config || outer.ignore_user_config,
            enable: joined(outer.enable, self.enable),
            disable: joined(outer.disable, self.disable),
        }
    }
}

impl ModelFlags {
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            model: self.model.or(outer.model),
            provider: self.provider.or(outer.provider),
            debug_cache: self.debug_cache || outer.debug_cache,
            oss: self.oss || outer.oss,
            local_provider: self.local_provider.or(outer.local_provider),
        }
    }
}

impl PermissionFlags {
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            reach: ReachFlags {
                sandbox: self.reach.sandbox.or(outer.reach.sandbox),
                add_dirs: joined(outer.reach.add_dirs, self.reach.add_dirs),
            },
            approval: self.approval.or(outer.approval),
            bypass: self.bypass || outer.bypass,
            full_auto: self.full_auto || outer.full_auto,
        }
    }
}

pub(super) fn joined<T>(mut first: Vec<T>, then: Vec<T>) -> Vec<T> {
    first.extend(then);
    first
}

pub(super) fn sandbox_mode() -> impl TypedValueParser<Value = SandboxMode> {
    PossibleValuesParser::new(["read-only", "workspace-write", "danger-full-access"])
        .try_map(|text| text.parse::<SandboxMode>())
}

/// `on-failure` is retired and means `on-request`.
fn approval_policy() -> impl TypedValueParser<Value = ApprovalPolicy> {
    PossibleValuesParser::new([
        clap::builder::PossibleValue::new("untrusted"),
        clap::builder::PossibleValue::new("on-request").alias("on-failure"),
        clap::builder::PossibleValue::new("never"),
    ])
    .try_map(|text| match text.as_str() {
        "on-failure" => Ok(ApprovalPolicy::OnRequest),
        text => text.parse(),
    })
}

fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok(Assignment { key: key.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err("it must be KEY=VALUE, as in `-c model=\"gpt-6-sol\"`".to_owned()),
    }
}
