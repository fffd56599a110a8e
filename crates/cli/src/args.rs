//! The command line as typed. What it means together with the configuration is `settings.rs`; what is then done is
//! not known here.

mod exec;
mod flags;

use std::net::SocketAddr;
use std::path::PathBuf;

use agent_protocol::SandboxMode;
use clap::{Parser, Subcommand, ValueEnum};

use crate::execpolicy::ExecpolicyCommand;
use crate::threads::ThreadsArgs;
use crate::trace::TraceArgs;
use crate::trust::TrustArgs;
use crate::undo::{DiffArgs, UndoArgs};

pub(crate) use exec::{
    ExecArgs, ExecCommand, ExecOptions, ExecRun, ExitCodes, FailOn, Limits, ReviewArgs, Stdin,
    ThreadChoice,
};
pub(crate) use flags::{ConfigFlags, Flags, ModelFlags, PermissionFlags, ReachFlags};

/// A terminal coding agent whose whole loop runs over one WebSocket.
#[derive(Clone, Debug, Parser)]
#[command(name = "agent", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    /// What to do first, in a conversation on the screen.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    #[command(flatten)]
    pub(crate) flags: Flags,
    /// Show an image to the model, with what is said first; several with commas or by repeating.
    #[arg(short, long = "image", value_name = "FILE", value_delimiter = ',', num_args = 1)]
    pub(crate) images: Vec<PathBuf>,
    /// Work in a new work tree beside the repository, on a new branch `agent/NAME`.
    #[arg(long, value_name = "NAME", require_equals = true)]
    #[expect(clippy::option_option, reason = "the flag may come without a name")]
    pub(crate) worktree: Option<Option<String>>,
    /// Take the whole terminal, with scrolling of its own, instead of the rows below what was there.
    #[arg(long)]
    pub(crate) alt_screen: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What is to be done.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Give the agent one task, without questions, then exit.
    #[command(visible_alias = "e")]
    Exec(Box<ExecArgs>),
    /// Go on with an earlier thread, on the screen.
    Resume(OpenArgs),
    /// Begin a new thread with all of an earlier one, on the screen.
    Fork(OpenArgs),
    /// Watch the whole thing work on this machine, with a scripted model; needs no key and no network.
    Demo(DemoArgs),
    /// Play a recording made with `exec --record`, without a network.
    Replay(ReplayArgs),
    /// Run a command line under the sandbox; the exit code is the command's.
    Sandbox(SandboxArgs),
    /// Apply a patch read from standard input; exit code 0 when done, 1 with the reason when refused.
    ApplyPatch(ApplyPatchArgs),
    /// Serve the Responses API, over WebSocket and HTTP, in front of a provider or a scripted model.
    Gateway(GatewayArgs),
    /// List the threads kept on this machine, show, name, remove or import them.
    Threads(ThreadsArgs),
    /// Show where the time and the bytes of a thread went.
    Trace(TraceArgs),
    /// Show what a thread changed.
    Diff(DiffArgs),
    /// Put back the files that the last turn of a thread changed.
    Undo(UndoArgs),
    /// Show what this machine offers: key, endpoint, sandbox.
    Doctor(DoctorArgs),
    /// Trust a directory, with its own configuration as it is now.
    Trust(TrustArgs),
    /// Look into the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the rules about a command.
    #[command(subcommand)]
    Execpolicy(ExecpolicyCommand),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// `agent resume` and `agent fork`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OpenArgs {
    /// Its id, the beginning of its id, or its name; if not given, you choose from a list. With --last this is the prompt.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// What to do first.
    #[arg(value_name = "PROMPT", conflicts_with = "last")]
    prompt: Option<String>,
    /// The last thread of this directory.
    #[arg(long)]
    pub(crate) last: bool,
    /// Those of all directories.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

impl OpenArgs {
    /// Its id, the beginning of it, or its name.
    pub(crate) fn thread(&self) -> Option<&str> {
        self.id.as_deref().filter(|_| !self.last)
    }

    /// What is said in it first.
    pub(crate) fn prompt(&self) -> Option<&str> {
        if self.last { self.id.as_deref() } else { self.prompt.as_deref() }
    }
}

/// `agent demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DemoArgs {
    /// Show it on the screen, where you are asked once and can interrupt.
    #[arg(long, conflicts_with_all = ["json", "color"])]
    pub(crate) tui: bool,
    /// With --tui: take the whole terminal.
    #[arg(long, requires = "tui")]
    pub(crate) alt_screen: bool,
    /// Print what happens as JSON, one event per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the sample workspace and say where it is.
    #[arg(long)]
    pub(crate) keep: bool,
    /// When to use colour.
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<Color>,
}

/// `agent replay`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Run the tools in a copy of this directory; the working directory if not given.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// How far commands and edits reach; as recorded if not given, but never without a sandbox.
    #[arg(short, long, value_name = "MODE", value_parser = flags::sandbox_mode())]
    pub(crate) sandbox: Option<SandboxMode>,
    /// Play the tools' outputs back too; nothing is run.
    #[arg(long)]
    pub(crate) stub_tools: bool,
    /// How fast the model speaks.
    #[arg(long, value_name = "SPEED", value_enum, default_value = "fastest")]
    pub(crate) speed: ReplaySpeed,
    /// Print what happens as JSON, one event per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to use colour.
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<Color>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplaySpeed {
    /// As it was recorded.
    Original,
    Fastest,
}

/// `agent sandbox`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SandboxArgs {
    /// The command and its arguments, after `--`.
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) argv: Vec<std::ffi::OsString>,
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
}

/// `agent apply-patch`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ApplyPatchArgs {
    /// Below which the files are; the working directory if not given.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

/// `agent gateway`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GatewayArgs {
    /// The loopback address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Answer from this script instead of a provider.
    #[arg(long, value_name = "FILE", conflicts_with = "provider")]
    pub(crate) script: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
}

/// `agent doctor`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `agent config`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is in effect, which file and line it comes from, and what it overrode.
    Explain(ExplainArgs),
}

/// `agent config explain`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A key, or the beginning of one as in `model_providers.openai`; all keys if not given.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

/// A single word that is almost a command was meant as one.
#[derive(Debug, thiserror::Error)]
#[error("there is no command `{word}`; did you mean `agent {near}`?")]
pub(crate) struct NearCommand {
    word: String,
    near: String,
}

impl Args {
    /// `exec --ignore-rules`.
    pub(crate) fn ignores_rules(&self) -> bool {
        let Some(Command::Exec(exec)) = &self.command else { return false };
        let inner = match &exec.command {
            Some(ExecCommand::Resume(resume) | ExecCommand::Fork(resume)) => Some(&resume.options),
            Some(ExecCommand::Review(review)) => Some(&review.options),
            None => None,
        };
        exec.options.ignore_rules || inner.is_some_and(|options| options.ignore_rules)
    }

    /// The work tree that is asked for, by its name if it has one.
    ///
    /// # Errors
    /// When no new thread is to begin in it.
    pub(crate) fn worktree(&self) -> Result<Option<Option<&str>>, clap::Error> {
        use clap::CommandFactory as _;
        let (of_exec, is_new) = match &self.command {
            None => (None, true),
            Some(Command::Exec(exec)) => (exec.worktree.as_ref(), exec.command.is_none()),
            Some(_) => (None, false),
        };
        let asked = of_exec.or(self.worktree.as_ref());
        if asked.is_some() && !is_new {
            let why = "`--worktree` is for a new thread: with `agent` alone or `agent exec`";
            return Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, why));
        }
        Ok(asked.map(Option::as_deref))
    }

    /// The same in another directory, a work tree that was made.
    pub(crate) fn within(&self, directory: PathBuf) -> Self {
        let mut args = self.clone();
        args.flags.config.directory = Some(directory);
        if let Some(Command::Exec(exec)) = &mut args.command {
            exec.flags.config.directory = None;
        }
        args
    }

    /// # Errors
    /// When what is to be sent to the model was more likely meant as a command.
    pub(crate) fn check_prompt(&self) -> Result<(), NearCommand> {
        use clap::CommandFactory as _;
        let word = self.prompt.as_deref().unwrap_or_default();
        let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let command = Self::command();
        let names = command.get_subcommands().map(clap::Command::get_name);
        let near = names
            .map(|name| (strsim::damerau_levenshtein(name, word), name))
            .filter(|(distance, name)| is_word && *distance <= 1 + name.len() / 5)
            .min();
        match near {
            Some((_, near)) => Err(NearCommand { word: word.to_owned(), near: near.to_owned() }),
            None => Ok(()),
        }
    }

    /// The flags in effect: those after the command over those before it; lists are joined in that order.
    pub(crate) fn all_flags(&self) -> Flags {
        let outer = self.flags.clone();
        let Some(command) = &self.command else { return outer };
        match command {
            Command::Exec(exec) => {
                let flags = exec.flags.clone().over(outer);
                match &exec.command {
                    Some(ExecCommand::Resume(resume) | ExecCommand::Fork(resume)) => {
                        resume.flags.clone().over(flags)
                    }
                    Some(ExecCommand::Review(review)) => review.flags.clone().over(flags),
                    None => flags,
                }
            }
            Command::Sandbox(SandboxArgs { config, reach, .. }) => {
                let permission = PermissionFlags { reach: reach.clone(), ..Default::default() };
                let inner = Flags { config: config.clone(), permission, ..Flags::default() };
                inner.over(outer)
            }
            Command::Gateway(GatewayArgs { config, model, .. }) => {
                let inner =
                    Flags { config: config.clone(), model: model.clone(), ..Flags::default() };
                inner.over(outer)
            }
            Command::Resume(OpenArgs { flags, .. })
            | Command::Fork(OpenArgs { flags, .. })
            | Command::Doctor(DoctorArgs { flags, .. })
            | Command::Config(ConfigCommand::Explain(ExplainArgs { flags, .. })) => {
                flags.clone().over(outer)
            }
            Command::ApplyPatch(ApplyPatchArgs { directory })
            | Command::Trust(TrustArgs { directory, .. }) => within(directory).over(outer),
            Command::Replay(ReplayArgs { directory, sandbox, .. }) => {
                let reach = ReachFlags { sandbox: *sandbox, ..Default::default() };
                let permission = PermissionFlags { reach, ..Default::default() };
                Flags { permission, ..within(directory) }.over(outer)
            }
            Command::Demo(_)
            | Command::Threads(_)
            | Command::Trace(_)
            | Command::Diff(_)
            | Command::Undo(_)
            | Command::Execpolicy(_)
            | Command::Completions { .. } => outer,
        }
    }
}

fn within(directory: &Option<PathBuf>) -> Flags {
    let config = ConfigFlags { directory: directory.clone(), ..Default::default() };
    Flags { config, ..Flags::default() }
}

impl Command {
    /// A person sits before it.
    pub(crate) fn is_interactive(command: Option<&Self>) -> bool {
        matches!(command, None | Some(Self::Resume(_) | Self::Fork(_)))
    }
}

#[cfg(test)]
mod tests;
