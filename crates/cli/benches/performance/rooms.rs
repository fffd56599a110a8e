//! What confinement adds to a command: a plain spawn, one that goes through as many processes as a room has and no sandbox,
//! a command whose room was built before, be it expected there or not, and one that waits for it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use agent_tools::measuring::Rooms;
use anyhow::Context as _;

use crate::chain::Chain;
use crate::child;
use crate::figures::quantile;
use crate::stage;

const COMMAND: [&str; 3] = ["bash", "-c", "true"];

/// For what the last command left behind to be gone, and for a room to be built.
const REST: Duration = Duration::from_millis(20);
/// Of a repository whose directories are not read anew after each command, as they have been there for long.
const AGE: Duration = Duration::from_secs(3);
/// What a model needs to write the arguments of such a call, at 1,000 tokens a second.
const WRITING: Duration = Duration::from_millis(20);

/// Milliseconds until it is over.
#[derive(Default)]
struct Times {
    plain: Vec<f64>,
    chain: Vec<f64>,
    expected: Vec<f64>,
    /// Where what git would run is looked at after each command.
    in_repository: Vec<f64>,
    ready: Vec<f64>,
    waiting: Vec<f64>,
}

/// Prints what `count` commands of each kind cost; they take turns.
pub(crate) fn measure(agent: &Path, count: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a scratch folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let repository = stage::repository(folder.path())?;
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty)?;
    std::thread::sleep(AGE);
    let times = runtime.block_on(times(agent, &empty, &repository, count))?;
    let Times { plain, chain, expected, in_repository, ready, waiting } = times;
    let [plain, chain, expected, in_repository, ready, waiting] =
        [plain, chain, expected, in_repository, ready, waiting].map(|times| quantile(times, 0.5));
    let building = waiting - ready;
    println!(
        "{count} commands (`bash -c true`) of each kind, in turn, median:\n\n\
         | | ms | over a plain spawn |\n| --- | --- | --- |\n\
         | plain spawn | {plain:.2} | |\n\
         | through two processes, no sandbox | {chain:.2} | {:.2} |\n\
         | its room was ready, its call being written | {expected:.2} | {:.2} |\n\
         | the same in a repository | {in_repository:.2} | {:.2} |\n\
         | its room was ready | {ready:.2} | {:.2} |\n\
         | its room had to be built | {waiting:.2} | {:.2} |\n\n\
         A command waits {building:.2} ms for its room to be built.\n",
        chain - plain,
        expected - plain,
        in_repository - plain,
        ready - plain,
        waiting - plain,
    );
    Ok(())
}

async fn times(
    agent: &Path,
    workspace: &Path,
    repository: &Path,
    count: usize,
) -> anyhow::Result<Times> {
    let rooms = Rooms::new(agent.to_owned(), workspace.canonicalize()?, environment()).await?;
    let of_repository =
        Rooms::new(agent.to_owned(), repository.canonicalize()?, environment()).await?;
    let mut times = Times::default();
    for _ in 0..count {
        tokio::time::sleep(REST).await;
        times.plain.push(plain(workspace)?);
        let chain = Chain::ready(workspace, &COMMAND, |command| {
            command.env_clear().envs(environment());
        })?;
        tokio::time::sleep(REST).await;
        times.chain.push(milliseconds(chain.run()?.1));
        tokio::time::sleep(REST).await;
        times.waiting.push(milliseconds(rooms.run(&COMMAND).await?));
        rooms.prepare().await;
        tokio::time::sleep(REST).await;
        times.ready.push(milliseconds(rooms.run(&COMMAND).await?));
        times.expected.push(expected(&rooms).await?);
        times.in_repository.push(expected(&of_repository).await?);
    }
    Ok(times)
}

async fn expected(rooms: &Rooms) -> anyhow::Result<f64> {
    rooms.prepare().await;
    tokio::time::sleep(REST).await;
    rooms.expect();
    tokio::time::sleep(WRITING).await;
    Ok(milliseconds(rooms.run(&COMMAND).await?))
}

fn plain(workspace: &Path) -> anyhow::Result<f64> {
    let [program, rest @ ..] = COMMAND;
    let mut command = child::command(program, workspace);
    command.env_clear().envs(environment());
    let cost = child::run(command.args(rest).stdout(Stdio::null()).stderr(Stdio::null()))?;
    Ok(milliseconds(cost.began.elapsed()))
}

/// As a terminal sets it, as far as a shell looks at it when it starts.
fn environment() -> BTreeMap<OsString, OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let set = |name: &str, value: &str| (name.into(), value.into());
    let others = [set("HOME", "/"), set("SHELL", "/bin/bash"), set("LANG", "C.UTF-8")];
    others.into_iter().chain([("PATH".into(), path)]).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
