//! `agent execpolicy check`: what the rules say of a command, which is not run.

use std::path::{Path, PathBuf};

use agent_tools::{RuleError, Rules};

use crate::json_line::{json_line, json_pages};

/// `agent execpolicy`.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ExecpolicyCommand {
    /// Print as JSON what the rules say of a command, and which of them match; nothing is run.
    Check(CheckArgs),
}

/// `agent execpolicy check`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CheckArgs {
    /// A file of rules, instead of those that hold here; several by repeating.
    #[arg(short, long = "rules", value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Print it on several lines.
    #[arg(long)]
    pub(crate) pretty: bool,
    /// As Codex has it; here the rules always decide which programs may be called by their path.
    #[arg(long, hide = true)]
    pub(crate) resolve_host_executables: bool,
    /// The command and its arguments; a single one is a whole command line, as the model writes it.
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) argv: Vec<String>,
}

/// A file that was named and cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusableRules {
    #[error(transparent)]
    Wrong(#[from] RuleError),
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
}

/// The rules of the files, all together.
///
/// # Errors
/// At the first thing that is wrong with one of them.
pub(crate) fn read(files: &[PathBuf], cwd: &Path) -> Result<Rules, UnusableRules> {
    let mut all = Rules::default();
    for file in files {
        let file = cwd.join(file);
        if !file.exists() {
            return Err(UnusableRules::Missing(file));
        }
        let (rules, errors) = Rules::read(&file);
        if let Some(error) = errors.into_iter().next() {
            return Err(error.into());
        }
        all.extend(rules);
    }
    Ok(all)
}

/// What is to be printed.
///
/// # Errors
/// Never in practice: the answer is JSON.
pub(crate) fn check(args: &CheckArgs, rules: &Rules, cwd: &Path) -> serde_json::Result<String> {
    let line = match &args.argv[..] {
        [line] => line.clone(),
        words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    let check = rules.check(&line, cwd);
    let json = if args.pretty { json_pages(&check) } else { json_line(&check) };
    Ok(json? + "\n")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
