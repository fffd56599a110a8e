//! `agent exec` and its subcommands as typed, and the run they mean.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::flags::joined;
use super::{Color, Flags};

/// `agent exec`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ExecArgs {
    /// The task; `-`, or none with piped input, reads it from standard input.
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    /// Work in a new work tree beside the repository, on a new branch `agent/NAME`.
    #[arg(long, value_name = "NAME", require_equals = true)]
    #[expect(clippy::option_option, reason = "the flag may come without a name")]
    pub(crate) worktree: Option<Option<String>>,
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

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it must be a number of seconds".to_owned())
}
