//! `cargo bench -p agent -- [--steps N] [--rounds N] [--json FILE] [--plot FILE]`: the agent against the least a client
//! can do, and over the socket against HTTP; with `--screen`, the screen alone; with `--undo FILES` and `--threads COUNT`,
//! what is kept on disk; with `--rooms COUNT`, what confinement adds to a command. docs/performance.md says what is
//! measured, and what it means.

#![allow(clippy::print_stdout, reason = "its tables are for whoever runs it")]

mod chain;
mod child;
mod figures;
mod floor;
mod gateway;
mod link;
mod plot;
mod relay;
mod rooms;
mod screen;
mod stage;
mod store;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::figures::{Figures, Runs};
use crate::floor::Part;
use crate::stage::{Client, Stage};

/// Of the long text.
const WORDS: usize = 8_000;

struct Plan {
    agent: PathBuf,
    steps: usize,
    rounds: usize,
    json: Option<PathBuf>,
    plot: Option<PathBuf>,
    /// Only undo, in a workspace of so many files.
    undo: Option<usize>,
    /// Only the list of so many threads.
    threads: Option<usize>,
    /// Only so many confined commands.
    rooms: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [mode, address, steps, deltas] = &*arguments
        && mode == "floor"
    {
        let part = Part { steps: steps.parse()?, deltas: deltas.parse()? };
        return Ok(floor::main(address.parse()?, part)?);
    }
    match &*arguments {
        [part, argv @ ..] if part == chain::FIRST => return Ok(chain::first(argv)?),
        [part, argv @ ..] if part == chain::SECOND => return Ok(chain::second(argv)?),
        _ => {}
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` runs benchmarks too, and means another thing by it.
        println!("nothing measured: this is for cargo bench");
        return Ok(());
    }
    if arguments.iter().any(|argument| argument == "--screen") {
        return screen::measure(Path::new(env!("CARGO_BIN_EXE_agent")));
    }
    let plan = Plan::read(&arguments)?;
    if plan.undo.is_none() && plan.threads.is_none() && plan.rooms.is_none() {
        return measure(&plan);
    }
    plan.undo.map_or(Ok(()), store::undo)?;
    plan.threads.map_or(Ok(()), |count| store::threads(&plan.agent, count))?;
    plan.rooms.map_or(Ok(()), |count| rooms::measure(&plan.agent, count))
}

impl Plan {
    fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self {
            agent: PathBuf::from(env!("CARGO_BIN_EXE_agent")),
            steps: 200,
            rounds: 5,
            json: None,
            plot: None,
            undo: None,
            threads: None,
            rooms: None,
        };
        let mut rest = arguments.iter().filter(|argument| *argument != "--bench");
        while let Some(name) = rest.next() {
            let value = rest.next().with_context(|| format!("{name} needs a value"))?;
            match &**name {
                "--undo" => plan.undo = Some(value.parse().context("--undo")?),
                "--threads" => plan.threads = Some(value.parse().context("--threads")?),
                "--rooms" => plan.rooms = Some(value.parse().context("--rooms")?),
                "--steps" => plan.steps = value.parse().context("--steps")?,
                "--rounds" => plan.rounds = value.parse().context("--rounds")?,
                "--json" => plan.json = Some(value.into()),
                "--plot" => plan.plot = Some(value.into()),
                "--agent" => plan.agent = value.into(),
                _ => anyhow::bail!(
                    "{name}? There are --steps, --rounds, --json, --plot, --agent, --undo, --threads, --rooms"
                ),
            }
        }
        anyhow::ensure!(plan.steps >= 2 && plan.rounds >= 1, "at least two steps and a round");
        Ok(plan)
    }
}

fn measure(plan: &Plan) -> anyhow::Result<()> {
    let all = runs(&plan.agent, plan.steps, plan.rounds)?;
    let all = Client::ALL.map(|client| Figures::of(client, &all[client as usize], WORDS));
    println!(
        "{} steps, {} rounds, clients in turn\n\n{}",
        plan.steps,
        plan.rounds,
        table::table(&all)
    );
    let [_, _, sandboxed, http] = &all;
    let link = link::Link::new(sandboxed, http).context("too few requests")?;
    println!(
        "On a simulated link, socket / HTTP, and what the socket changes:\n\n{}",
        link.table()
    );
    if let Some(path) = &plan.json {
        let clients: Vec<_> = all.iter().map(Figures::to_json).collect();
        let figures = json!({ "steps": plan.steps, "rounds": plan.rounds, "clients": clients, "link": link.to_json() });
        std::fs::write(path, format!("{figures:#}\n"))
            .with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &plan.plot {
        std::fs::write(path, plot::svg(&link)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The runs of each client. They take turns, so that what else the machine does meets all of them.
fn runs(agent: &Path, steps: usize, rounds: usize) -> anyhow::Result<[Runs; 4]> {
    let long = Stage::new(agent, Part { steps, deltas: 0 })?;
    let short = Stage::new(agent, Part { steps: 0, deltas: 0 })?;
    let text = Stage::new(agent, Part { steps: 0, deltas: WORDS })?;
    let mut all = <[Runs; 4]>::default();
    for _ in 0..rounds {
        for client in Client::ALL {
            let runs = &mut all[client as usize];
            runs.long.push(long.run(client)?);
            runs.text.push(text.run(client)?);
        }
        // A start is short, and its time varies more.
        for client in Client::ALL.repeat(4) {
            all[client as usize].short.push(short.run(client)?);
        }
    }
    Ok(all)
}
