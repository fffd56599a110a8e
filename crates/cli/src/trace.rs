//! `agent trace`: where the time and the bytes of a thread went, read from its rollout. Pure functions from records
//! to a trace and from a trace to what is shown.

mod model;
mod page;
mod perfetto;
#[cfg(test)]
mod sample;
mod shares;
mod table;
mod units;
mod waterfall;

use std::path::{Path, PathBuf};

use crate::json_line::{json_line, json_pages};
use crate::output_file::{Links, OutputFile};
use crate::screen::Screen;
use crate::threads::ThreadArg;
pub(crate) use model::Trace;
pub(crate) use table::steps_table;

/// `agent trace`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) thread: ThreadArg,
    /// Print the trace as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write it in the Chrome trace event format, which ui.perfetto.dev opens.
    #[arg(long, value_name = "FILE")]
    pub(crate) perfetto: Option<PathBuf>,
    /// Write it as one self-contained page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Writes the files that were asked for, of the thread whose rollout this is, through no link in the `shared` directories that
/// leads out of them; what is to be printed is returned: nothing when only files were asked for.
///
/// # Errors
/// When the rollout cannot be read or a file not be written.
pub(crate) fn run(
    args: &TraceArgs,
    rollout: &Path,
    shared: &[PathBuf],
    screen: Screen,
) -> anyhow::Result<String> {
    let loaded = agent_core::read_rollout(rollout)?;
    let trace = Trace::of(&loaded.header, &loaded.records);
    let find = |path: &Option<PathBuf>| {
        path.as_deref().map(|path| OutputFile::find(path, Links::Refused, shared)).transpose()
    };
    let (perfetto, html) = (find(&args.perfetto)?, find(&args.html)?);
    if let Some(file) = perfetto {
        file.write(&json_line(&perfetto::perfetto(&trace))?)?;
    }
    if let Some(file) = html {
        file.write(&page::page(&trace))?;
    }
    if args.json {
        return Ok(json_pages(&trace)? + "\n");
    }
    if args.perfetto.is_some() || args.html.is_some() {
        return Ok(String::new());
    }
    Ok(waterfall::waterfall(&trace, screen.width, screen.coloured))
}
