//! `agent trust`: says that a directory is trusted, or is not, where there is no screen to be asked on.

use std::fmt::Write as _;
use std::path::PathBuf;

use agent_tui::effect::TrustAnswer;
use agent_tui::exact_name;
use anyhow::Context as _;

use crate::config::{ConfigError, Project};

/// `agent trust`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TrustArgs {
    /// Whether it is.
    #[arg(value_name = "ANSWER", value_enum, default_value_t)]
    pub(crate) answer: Answer,
    /// In it, the project is looked for as for a run; the working directory if not given.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Answer {
    #[default]
    Yes,
    No,
}

/// Remembers the answer about what `look` finds, and says what counts then.
///
/// # Errors
/// When it cannot be remembered, or the person's configuration says otherwise.
pub(crate) fn run(
    args: &TrustArgs,
    look: impl Fn() -> Result<(Project, Option<PathBuf>), ConfigError>,
) -> anyhow::Result<String> {
    let (project, state) = look()?;
    let state = state.context("there is no home directory, so nothing can be remembered")?;
    let answer = match args.answer {
        Answer::Yes => TrustAnswer::All,
        Answer::No => TrustAnswer::Nothing,
    };
    project.remember(&state, answer).context("cannot remember it")?;
    // What holds is what the next run finds.
    let (project, _) = look()?;
    let directory = exact_name(&project.directory().display().to_string()).into_owned();
    let is_trusted = project.is_trusted();
    anyhow::ensure!(
        is_trusted == (args.answer == Answer::Yes),
        "this is remembered, but `projects.\"…\".trust_level` of your configuration stands above it: {directory} is {}",
        if is_trusted { "trusted" } else { "untrusted" }
    );
    if !is_trusted {
        return Ok(format!("{directory} is not trusted.\n"));
    }
    let mut said = format!("{directory} is trusted.");
    let names = project.names();
    said.push_str(if names.is_empty() {
        " It has no configuration of its own.\n"
    } else {
        " Of its own configuration this counts, as it is now:\n"
    });
    for name in names {
        let _ = writeln!(said, "  {}", exact_name(name));
    }
    if let Some(line) = project.not_used() {
        let _ = writeln!(said, "note: {line}");
    }
    Ok(said)
}
