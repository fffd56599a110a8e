//! The command line as typed. What it means together with the configuration is `settings.rs`; what is then done is
//! not known here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use agent_protocol::{ApprovalPolicy, SandboxMode};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

use crate::execpolicy::ExecpolicyCommand;
use crate::threads::ThreadsArgs;
use crate::trace::TraceArgs;
use crate::undo::{DiffArgs, UndoArgs};

/// A terminal coding agent whose whole loop runs over one WebSocket.
#[derive(Clone, Debug, Parser)]
#[command(name = "agent", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    /// What to do first, in a conversation on the screen.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    #[command(flatten)]
    pub(crate) flags: Flags,
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
    /// Look into the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the rules about a command.
    #[command(subcommand)]
    Execpolicy(ExecpolicyCommand),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

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

/// `agent resume` and `agent fork`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OpenArgs {
    /// Its id, the beginning of its id, or its name; if not given, you choose from a list.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The last thread of this directory.
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    /// Those of all directories.
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `agent exec`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ExecArgs {
    /// The task; `-`, or none with piped input, reads it from standard input.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    #[command(flatten)]
    pub(crate) options: ExecOptions,
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<ExecCommand>,
}

/// What `agent exec` can do beside starting a thread.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ExecCommand {
    /// Go on with an earlier thread.
    Resume(Box<ResumeArgs>),
    /// Begin a new thread with all of an earlier one, which stays as it is.
    Fork(Box<ResumeArgs>),
    /// Have changes reviewed; nothing is changed.
    Review(Box<ReviewArgs>),
}

/// `agent exec resume` and `agent exec fork`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ResumeArgs {
    /// The thread's id; with --last this is the prompt.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// What to do next; `-` reads it from standard input.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    /// The newest thread of this directory and provider.
    #[arg(long)]
    pub(crate) last: bool,
    /// With --last: of any directory.
    #[arg(long, requires = "last")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) options: ExecOptions,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `agent exec review`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ReviewArgs {
    /// What to review, in your own words.
    #[arg(value_name = "PROMPT", conflicts_with_all = ["uncommitted", "base", "commit"])]
    pub(crate) prompt: Option<String>,
    /// All changes that are not committed: staged, unstaged, and new files. This is the default.
    #[arg(long, conflicts_with_all = ["base", "commit"])]
    pub(crate) uncommitted: bool,
    /// The changes since this branch.
    #[arg(long, value_name = "BRANCH", conflicts_with = "commit")]
    pub(crate) base: Option<String>,
    /// The changes of this commit.
    #[arg(long, value_name = "SHA")]
    pub(crate) commit: Option<String>,
    /// What the commit says it is.
    #[arg(long, requires = "commit")]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) options: ExecOptions,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// The options of `agent exec` and its subcommands.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ExecOptions {
    /// Print what happens as JSON, one event per line.
    #[arg(long, visible_alias = "experimental-json")]
    pub(crate) json: bool,
    /// With --json: only the events and fields that Codex prints.
    #[arg(long, requires = "json")]
    pub(crate) json_compat: bool,
    /// With --json: print what the model says and commands print while it comes.
    #[arg(long, requires = "json")]
    pub(crate) stream: bool,
    /// Write the last message to this file.
    #[arg(short, long = "output-last-message", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// A JSON Schema that the last message must fit.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_schema: Option<PathBuf>,
    /// Show an image to the model; several with commas or by repeating.
    #[arg(short, long = "image", value_name = "FILE", value_delimiter = ',', num_args = 1)]
    pub(crate) images: Vec<PathBuf>,
    /// Work outside a git repository too.
    #[arg(long)]
    pub(crate) skip_git_repo_check: bool,
    /// Keep no record of this thread.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Do not read rule files.
    #[arg(long, hide = true)]
    pub(crate) ignore_rules: bool,
    /// When to use colour.
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<Color>,
    /// What to do with piped standard input when there is a prompt.
    #[arg(long, value_name = "HOW", value_enum)]
    pub(crate) stdin: Option<Stdin>,
    /// Write what is asked and answered to this file, to be played again; secrets are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Let the model of a recording answer; a request that differs from the recorded one is an error.
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub(crate) replay: Option<PathBuf>,
    /// Leave running what commands have started in the background, instead of ending it.
    #[arg(long)]
    pub(crate) keep_background: bool,
    /// Stop when whoever reads standard output has gone.
    #[arg(long)]
    pub(crate) die_on_epipe: bool,
    /// `fine` tells kinds of failure apart: 3 auth, 4 quota, 5 network, 6 limit, 7 schema, 8 sandbox.
    #[arg(long, value_name = "SET", value_enum)]
    pub(crate) exit_codes: Option<ExitCodes>,
    /// Fail when a tool failed, or when the answer does not fit the schema.
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Where a run ends by itself.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// End after this many requests to the model.
    #[arg(long, value_name = "N")]
    pub(crate) max_steps: Option<u32>,
    /// End after this many seconds.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) max_seconds: Option<Duration>,
    /// End after this many tokens, in and out.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// End when this turn has cost so many US dollars, by the prices of the configuration.
    #[arg(long, value_name = "X", value_parser = dollars)]
    pub(crate) max_usd: Option<f64>,
    /// Give up when the model cannot be reached for this many seconds; 120 if not given.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) network_timeout: Option<Duration>,
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

/// `-c key=value`, still as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

/// What becomes of piped standard input beside a prompt (exec-json.md 12.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stdin {
    /// Added to the prompt if it comes at once, else later as a further message.
    #[default]
    Auto,
    /// Wait for all of it.
    Require,
    /// Never read it.
    Ignore,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExitCodes {
    /// 0 done, 1 failed, 2 wrong usage.
    #[default]
    Plain,
    /// A code for each kind of failure.
    Fine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    ToolError,
    Schema,
}

/// `agent exec` as meant: which thread, which prompt, which options.
#[derive(Clone, Debug)]
pub(crate) struct ExecRun {
    pub(crate) thread: ThreadChoice,
    /// The thread itself is left as it is.
    pub(crate) forks: bool,
    /// As typed; `-` and none stand for standard input.
    pub(crate) prompt: Option<String>,
    pub(crate) options: ExecOptions,
}

/// The thread a run goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThreadChoice {
    New,
    /// The one of this id.
    Resume(String),
    /// The newest of this directory and provider.
    ResumeLast,
    /// The newest of any directory.
    ResumeLastAnywhere,
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
            | Command::Replay(ReplayArgs { directory, .. }) => {
                let config = ConfigFlags { directory: directory.clone(), ..Default::default() };
                Flags { config, ..Flags::default() }.over(outer)
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

impl Command {
    /// A person sits before it.
    pub(crate) fn is_interactive(command: Option<&Self>) -> bool {
        matches!(command, None | Some(Self::Resume(_) | Self::Fork(_)))
    }
}

impl ExecArgs {
    /// What the run is, wherever its options were written.
    pub(crate) fn run(&self) -> ExecRun {
        let new = |prompt: Option<String>, options: ExecOptions| ExecRun {
            thread: ThreadChoice::New,
            forks: false,
            prompt,
            options,
        };
        let (resume, forks) = match &self.command {
            None => return new(self.prompt.clone(), self.options.clone()),
            Some(ExecCommand::Review(review)) => {
                let options = review.options.clone().over(self.options.clone());
                return new(Some(review.task()), options);
            }
            Some(ExecCommand::Resume(resume)) => (resume, false),
            Some(ExecCommand::Fork(fork)) => (fork, true),
        };
        let options = resume.options.clone().over(self.options.clone());
        let (thread, prompt) = match (&resume.id, &resume.prompt, resume.last) {
            // With --last a single word is the prompt.
            (id, prompt, true) => {
                let choice = if resume.all {
                    ThreadChoice::ResumeLastAnywhere
                } else {
                    ThreadChoice::ResumeLast
                };
                (choice, prompt.clone().or_else(|| id.clone()))
            }
            (Some(id), prompt, false) => (ThreadChoice::Resume(id.clone()), prompt.clone()),
            (None, prompt, false) => (ThreadChoice::ResumeLast, prompt.clone()),
        };
        ExecRun { thread, forks, prompt, options }
    }
}

impl ReviewArgs {
    /// The task in words.
    pub(crate) fn task(&self) -> String {
        let what = match (&self.prompt, &self.base, &self.commit) {
            (Some(prompt), _, _) => prompt.clone(),
            (None, Some(base), _) => format!(
                "Review the changes of this branch since it left `{base}`: `git diff \"$(git merge-base {base} HEAD)\"`."
            ),
            (None, None, Some(commit)) => {
                let title = self.title.as_ref().map(|title| format!(" (“{title}”)"));
                let title = title.unwrap_or_default();
                format!("Review the commit {commit}{title}: `git show {commit}`.")
            }
            (None, None, None) => "Review the changes that are not committed: `git status --short`, `git diff HEAD`, and \
                                   the files git does not know yet."
                .to_owned(),
        };
        format!("{what}\n\n{REVIEW}")
    }
}

/// How a review is done and reported.
const REVIEW: &str = "\
Read enough of the code around the changes to judge them; change nothing. Report what the author would want to mend \
before merging: wrong results, crashes, lost data, security holes, broken interfaces, missing tests for new behaviour. \
Leave out matters of taste and whatever was there before. For each finding give file and line, what goes wrong and with \
which input, and how sure you are; the gravest first. If there is nothing, say so in one sentence.";

impl Flags {
    fn over(self, outer: Self) -> Self {
        Self {
            config: self.config.over(outer.config),
            model: self.model.over(outer.model),
            permission: self.permission.over(outer.permission),
        }
    }
}

impl ConfigFlags {
    fn over(self, outer: Self) -> Self {
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
    fn over(self, outer: Self) -> Self {
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
    fn over(self, outer: Self) -> Self {
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

impl ExecOptions {
    fn over(self, outer: Self) -> Self {
        Self {
            json: self.json || outer.json,
            json_compat: self.json_compat || outer.json_compat,
            stream: self.stream || outer.stream,
            output: self.output.or(outer.output),
            output_schema: self.output_schema.or(outer.output_schema),
            images: joined(outer.images, self.images),
            skip_git_repo_check: self.skip_git_repo_check || outer.skip_git_repo_check,
            ephemeral: self.ephemeral || outer.ephemeral,
            ignore_rules: self.ignore_rules || outer.ignore_rules,
            color: self.color.or(outer.color),
            stdin: self.stdin.or(outer.stdin),
            record: self.record.or(outer.record),
            replay: self.replay.or(outer.replay),
            keep_background: self.keep_background || outer.keep_background,
            die_on_epipe: self.die_on_epipe || outer.die_on_epipe,
            exit_codes: self.exit_codes.or(outer.exit_codes),
            fail_on: joined(outer.fail_on, self.fail_on),
            limits: self.limits.over(outer.limits),
        }
    }
}

impl Limits {
    fn over(self, outer: Self) -> Self {
        Self {
            max_steps: self.max_steps.or(outer.max_steps),
            max_seconds: self.max_seconds.or(outer.max_seconds),
            max_tokens: self.max_tokens.or(outer.max_tokens),
            max_usd: self.max_usd.or(outer.max_usd),
            network_timeout: self.network_timeout.or(outer.network_timeout),
        }
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|amount: &f64| amount.is_finite() && *amount > 0.0)
        .ok_or_else(|| "it must be an amount of US dollars".to_owned())
}

fn joined<T>(mut first: Vec<T>, then: Vec<T>) -> Vec<T> {
    first.extend(then);
    first
}

fn sandbox_mode() -> impl TypedValueParser<Value = SandboxMode> {
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

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it must be a number of seconds".to_owned())
}

#[cfg(test)]
mod tests;
