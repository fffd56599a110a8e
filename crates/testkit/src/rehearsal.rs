//! Every run of `agent exec` that a test makes is recorded, and played again in its scene as it was before: the rollout
//! must be the same. What a run is, and what it is asked for, is `scene.rs`'s business.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// The scene as it was before a run, and where the run is recorded.
pub(crate) struct Rehearsal {
    /// Holds what the scene does not hold now: `before` until it is played, then what the run left.
    root: TempDir,
    recording: PathBuf,
    args: Vec<String>,
}

/// Flags that make a run another one when it is played: it is a replay itself, keeps no rollout, or is about the
/// network that a replay does without.
const NOT_PLAYED: [&str; 7] = [
    "--record",
    "--replay",
    "--ephemeral",
    "--help",
    "--network-timeout",
    "--max-seconds",
    "--transport",
];

impl Rehearsal {
    /// None when the run is not one of a model: another command, or one that cannot be played.
    pub(crate) fn before(scene: &Path, args: &[&str]) -> Option<Self> {
        let exec = args.iter().position(|arg| *arg == "exec" || *arg == "e")?;
        let is_played = args.iter().all(|arg| {
            let name = arg.split('=').next().unwrap_or_default();
            !NOT_PLAYED.contains(&name)
        });
        if !is_played || args[exec..].contains(&"--") {
            return None;
        }
        let root = tempfile::Builder::new().prefix("agent-play-").tempdir().ok()?;
        copy(scene, &root.path().join("aside")).ok()?;
        let recording = root.path().join("run.rec");
        Some(Self { root, recording, args: args.iter().map(|arg| (*arg).to_owned()).collect() })
    }

    /// The arguments of the run that is recorded.
    pub(crate) fn recorded(&self) -> Vec<String> {
        self.with("--record")
    }

    /// The arguments of the run that plays it.
    pub(crate) fn played(&self) -> Vec<String> {
        self.with("--replay")
    }

    fn with(&self, flag: &str) -> Vec<String> {
        let mut args = self.args.clone();
        let exec = args.iter().position(|arg| arg == "exec" || arg == "e").unwrap_or_default();
        let recording = self.recording.to_string_lossy().into_owned();
        args.splice(exec + 1..exec + 1, [flag.to_owned(), recording]);
        args
    }

    /// Something was asked of a model.
    pub(crate) fn was_recorded(&self) -> bool {
        let text = fs::read_to_string(&self.recording).unwrap_or_default();
        text.lines().count() > 1
    }

    /// Puts the scene back to where it was before the run; a second time, to where it was after it.
    pub(crate) fn exchange(&self, scene: &Path) -> std::io::Result<()> {
        let (aside, spare) = (self.root.path().join("aside"), self.root.path().join("spare"));
        fs::rename(scene, &spare)?;
        fs::rename(&aside, scene)?;
        fs::rename(&spare, &aside)
    }

    /// To be asked between the two exchanges.
    ///
    /// # Panics
    /// When the rollouts differ.
    pub(crate) fn compare(&self, scene: &Path) {
        let (recorded, played) = (outlines(&self.root.path().join("aside")), outlines(scene));
        assert!(
            recorded == played,
            "the recording of `agent {}`, played again, gives another rollout.\nrecorded: {}\nplayed: {}",
            self.args.join(" "),
            only_in(&recorded, &played),
            only_in(&played, &recorded),
        );
    }
}

fn only_in(these: &[String], those: &[String]) -> String {
    let only: Vec<_> = these.iter().filter(|line| !those.contains(line)).cloned().collect();
    only.join("\n")
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, kind) =
            (entry.as_ref().map(fs::DirEntry::path), entry.as_ref().map(fs::DirEntry::file_type));
        let (Ok(path), Ok(Ok(kind))) = (entry, kind) else { continue };
        let target = to.join(path.file_name().unwrap_or_default());
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

/// Every record of every rollout without what differs from run to run. Calls of one step end in any order.
fn outlines(scene: &Path) -> Vec<String> {
    let threads = fs::read_dir(scene.join("home/agent/threads")).into_iter().flatten().flatten();
    let texts =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("rollout.jsonl")).ok());
    let outline = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap_or_default();
        without_the_run(&mut value);
        value.to_string()
    };
    let mut lines: Vec<_> =
        texts.flat_map(|text| text.lines().map(outline).collect::<Vec<_>>()).collect();
    lines.sort();
    lines
}

/// Of the run, not of the conversation: clocks, ids, the wire.
const OF_THE_RUN: [&str; 24] = [
    "at",
    "seq",
    "id",
    "thread_id",
    "created_at",
    "resumed_from",
    "forked_from",
    "session_path",
    "response_id",
    "transport",
    "connection",
    "bytes_up",
    "bytes_down",
    "bytes_stateless",
    "incremental",
    "reason",
    "network",
    "timing",
    "request_id",
    "http_status",
    "provider_code",
    "pid",
    "process_id",
    "cache_diagnostics",
];

fn without_the_run(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_THE_RUN.contains(&&**name) && !name.ends_with("_ms"));
            fields.values_mut().for_each(without_the_run);
        }
        Value::Array(values) => {
            values.iter_mut().for_each(without_the_run);
        }
        Value::String(text) => {
            *text = crate::scene::normal_numbers(&without_threads(text));
        }
        _ => {}
    }
}

/// Ids of threads: a new one in each run.
fn without_threads(text: &str) -> String {
    let mut parts = text.split("/threads/");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "/threads/" + part.get(36..).unwrap_or(part))
}
