//! What is kept on disk: what undo costs in a workspace of many files, and a list of many threads.

use std::fs;
use std::path::Path;
use std::time::Instant;

use agent_core::{Caps, Snapshots, UndoConfig, new_thread_id};
use anyhow::Context as _;

/// Bytes of a file of the workspace.
const FILE_BYTES: usize = 2_000;
/// Files that a turn changes.
const CHANGED: usize = 100;

/// Prints what a workspace of `files` files costs.
pub(crate) fn undo(files: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a scratch folder")?;
    let workspace = folder.path().join("workspace");
    let path = |number: usize| workspace.join(format!("d{}/f{number}.txt", number / 100));
    for number in 0..files {
        if number.is_multiple_of(100) {
            fs::create_dir_all(workspace.join(format!("d{}", number / 100)))?;
        }
        fs::write(path(number), content(number, "as it was"))?;
    }
    let state = folder.path().join("state");
    let snapshots = Snapshots::open(UndoConfig {
        undo_dir: state.join("undo/t"),
        state_dir: state.clone(),
        workspace: workspace.clone(),
        caps: Caps::default(),
    })?;
    let stats = time(|| {
        stat_all(&workspace);
        Ok(())
    })?;
    let first = time(|| Ok(snapshots.before_turn(1)?))?;
    snapshots.forget_turn();
    let later = time(|| Ok(snapshots.before_turn(2)?))?;
    for number in 0..CHANGED {
        fs::write(path(number * (files / CHANGED).max(1)), content(number, "changed"))?;
    }
    let after = time(|| {
        snapshots.after_turn(None)?;
        Ok(())
    })?;
    let set = snapshots.log().last_done()?.context("a change set")?;
    let undone = time(|| {
        snapshots.undo(&snapshots.plan(set.number, false)?)?;
        Ok(())
    })?;
    anyhow::ensure!(fs::read(path(0))? == content(0, "as it was"), "it was not put back");
    println!(
        "undo in a workspace of {files} files of {FILE_BYTES} bytes, {CHANGED} of them changed by a turn:\n\n\
         | | ms | to a stat of every file |\n| --- | --- | --- |\n\
         | a stat of every file (the floor) | {stats:.0} | 1.0 × |\n\
         | first look ever | {first:.0} | {:.1} × |\n\
         | look before a later turn | {later:.0} | {:.1} × |\n\
         | look after it | {after:.0} | {:.1} × |\n\
         | undo | {undone:.0} | {:.1} × |\n\n\
         kept: {:.1} MB for the workspace, {:.2} MB for the turn\n",
        first / stats,
        later / stats,
        after / stats,
        undone / stats,
        bytes_below(&state.join("shadows")) as f64 / 1e6,
        bytes_below(&state.join("threads")) as f64 / 1e6,
    );
    Ok(())
}

fn content(number: usize, word: &str) -> Vec<u8> {
    let line = format!("{word} {number}: one line among others\n");
    line.bytes().cycle().take(FILE_BYTES).collect()
}

fn time(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn stat_all(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_dir = fs::symlink_metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        if is_dir {
            stat_all(&entry.path());
        }
    }
}

fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Prints what `agent threads` costs with `count` rollouts.
pub(crate) fn threads(agent: &Path, count: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a scratch folder")?;
    let home = folder.path().join("home");
    for _ in 0..count {
        let id = new_thread_id();
        let thread = home.join("threads").join(&id);
        fs::create_dir_all(&thread)?;
        fs::write(thread.join("rollout.jsonl"), rollout(&id))?;
    }
    let list = |arguments: &[&str]| {
        time(|| {
            let mut command = crate::child::command(agent, folder.path());
            command.args(arguments).env("AGENT_HOME", &home).stdout(std::process::Stdio::null());
            crate::child::run(&mut command).map(drop).map_err(Into::into)
        })
    };
    let floor = list(&["--version"])?;
    let (first, later) = (list(&["threads"])?, list(&["threads"])?);
    println!(
        "{count} threads: `agent --version` {floor:.0} ms, `agent threads` {first:.0} ms the first time and {later:.0} ms later\n"
    );
    Ok(())
}

/// A short one.
fn rollout(id: &str) -> String {
    let header = serde_json::json!({
        "format": 1, "thread_id": id, "created_at": "2026-01-01T00:00:00.000Z", "agent_version": "0",
        "cwd": "/w", "provider": "openai", "model": "m", "instructions": "", "tools": [],
    });
    let said = serde_json::json!({
        "seq": 1, "at": "2026-01-01T00:00:00.000Z", "type": "item.completed",
        "item": {"id": "i1", "type": "user_message", "text": format!("task {id}")}, "wire": [],
    });
    format!("{header}\n{said}\n")
}
