//! `--screen`: what the screen costs on a real pseudo-terminal: to the first frame, while nothing happens, while a model
//! speaks fast, when it is interrupted, and when a thread is long.

mod interrupt;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_testkit::{Answers, PtyScreen};
use anyhow::Context as _;

use crate::child;
use crate::gateway::{self, Gateway};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// What the line of facts ends with when a turn is over.
const RUNNING: &str = "esc stops";
const PROMPT: &str = "›";

/// At 4,000 a second.
const WORDS: usize = 16_000;
const STARTS: usize = 20;
const ITEMS: usize = 2_000;
const IDLE: Duration = Duration::from_secs(10);

/// What is measured, how much it is, and how much it may be.
struct Line {
    name: &'static str,
    value: f64,
    bar: f64,
}

/// # Errors
/// When something cannot be started.
pub(crate) fn measure(agent: &Path) -> anyhow::Result<()> {
    let mut lines = starts(agent)?;
    lines.extend(idle(agent)?);
    lines.extend(streaming(agent)?);
    lines.extend(interrupt::measure(agent)?);
    lines.push(long(agent)?);
    println!("| the screen | bar | here |\n|---|---|---|");
    for Line { name, value, bar } in lines {
        let met = if value <= bar { "met" } else { "not met" };
        println!("| {name} | ≤ {bar} | {value:.2} – {met} |");
    }
    Ok(())
}

/// The agent on a terminal, and all it needs.
struct Shown {
    screen: PtyScreen,
    _gateway: Gateway,
    _scratch: tempfile::TempDir,
}

fn show(agent: &Path, script: &str) -> anyhow::Result<Shown> {
    let scratch = tempfile::Builder::new().prefix("agent-bench-").tempdir()?;
    let gateway = Gateway::start(agent, scratch.path(), script)?;
    let screen = start(agent, scratch.path(), &gateway)?;
    Ok(Shown { screen, _gateway: gateway, _scratch: scratch })
}

fn start(agent: &Path, scratch: &Path, gateway: &Gateway) -> anyhow::Result<PtyScreen> {
    let workspace: PathBuf = scratch.join("workspace");
    std::fs::create_dir_all(&workspace)?;
    let mut command = child::command(agent, &workspace);
    command
        .env("HOME", scratch)
        .env("AGENT_HOME", scratch.join("home"))
        .env("OPENAI_BASE_URL", format!("http://{}/v1", gateway.address))
        .env("AGENT_API_KEY", &gateway.token)
        .env("TERM", "xterm-256color")
        .env("XTERM_VERSION", "XTerm(390)")
        .args(["-m", "gpt-6-sol", "-s", "workspace-write"]);
    Ok(PtyScreen::start(command, COLUMNS, ROWS, Answers::all()))
}

fn ready(screen: &PtyScreen) {
    screen.wait_until("nothing runs", |screen| {
        let seen = screen.screen();
        seen.contains(PROMPT) && !seen.contains(RUNNING)
    });
}

fn starts(agent: &Path) -> anyhow::Result<Vec<Line>> {
    let scratch = tempfile::Builder::new().prefix("agent-bench-").tempdir()?;
    let gateway = Gateway::start(agent, scratch.path(), &gateway::script(0, 1))?;
    let (mut times, mut memory) = (vec![], vec![]);
    for _ in 0..STARTS {
        let began = Instant::now();
        let screen = start(agent, scratch.path(), &gateway)?;
        screen.wait_for(PROMPT);
        times.push(began.elapsed());
        // The line of facts is there when the thread is.
        screen.wait_for("gpt-6-sol");
        memory.push(memory_mib(&screen)?);
    }
    memory.sort_by(f64::total_cmp);
    Ok(vec![
        Line { name: "exec to first frame, median, ms", value: rank(&mut times, 50), bar: 20.0 },
        Line { name: "memory after the start, MiB", value: memory[STARTS / 2], bar: 20.0 },
    ])
}

fn idle(agent: &Path) -> anyhow::Result<Vec<Line>> {
    let shown = show(agent, &gateway::script(0, 1))?;
    ready(&shown.screen);
    shown.screen.wait_for("gpt-6-sol");
    // The connection is made by now, and with it the warm-up is over.
    std::thread::sleep(Duration::from_secs(2));
    let (before, written) = (ticks(&shown.screen)?, shown.screen.log().len());
    std::thread::sleep(IDLE);
    let after = ticks(&shown.screen)?;
    Ok(vec![
        Line { name: "CPU ticks in 10 s without anything to do", value: after - before, bar: 0.0 },
        Line {
            name: "bytes written in that time",
            value: (shown.screen.log().len() - written) as f64,
            bar: 0.0,
        },
    ])
}

fn streaming(agent: &Path) -> anyhow::Result<Vec<Line>> {
    let mut shown = show(agent, &gateway::script(0, WORDS))?;
    let screen = &mut shown.screen;
    ready(screen);
    let (cpu, written) = (cpu(screen)?, screen.log().len());
    screen.press("go<enter>");
    screen.wait_for(RUNNING);
    let mut echoes = vec![];
    while screen.screen().contains(RUNNING) {
        for (key, expected) in [("x", "› x"), ("<bs>", "› ")] {
            let began = Instant::now();
            screen.press(key);
            screen.wait_until("the key", |screen| {
                let seen = screen.screen();
                let row = seen.lines().rev().find(|row| row.starts_with(PROMPT));
                row.is_some_and(|row| row == expected.trim_end())
            });
            echoes.push(began.elapsed());
        }
        // Nobody types faster.
        std::thread::sleep(Duration::from_millis(40));
    }
    ready(screen);
    let cpu = self::cpu(screen)? - cpu;
    let written = screen.log().len() - written;
    let text: usize = screen.scrollback().iter().map(String::len).sum();
    let keys = echoes.len();
    println!("{keys} keys while {WORDS} tokens came, {text} bytes of text, {written} written\n");
    Ok(vec![
        Line {
            name: "CPU per token at 4,000 a second, ms",
            value: cpu.as_secs_f64() * 1000.0 / WORDS as f64,
            bar: 0.1,
        },
        Line {
            name: "bytes written per byte of text",
            value: written as f64 / text as f64,
            bar: 6.0,
        },
        Line { name: "key to echo meanwhile, median, ms", value: rank(&mut echoes, 50), bar: 16.0 },
        Line {
            name: "key to echo meanwhile, 99 of 100, ms",
            value: rank(&mut echoes, 99),
            bar: 16.0,
        },
    ])
}

fn long(agent: &Path) -> anyhow::Result<Line> {
    let mut shown = show(agent, &gateway::script(ITEMS, 1))?;
    ready(&shown.screen);
    shown.screen.press("go<enter>");
    shown.screen.wait_for(RUNNING);
    let until = Instant::now() + Duration::from_secs(300);
    while shown.screen.screen().contains(RUNNING) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let memory = memory_mib(&shown.screen)?;
    Ok(Line { name: "memory after 2,000 commands, MiB", value: memory, bar: 40.0 })
}

/// The time that so many of a hundred take at most, in milliseconds.
fn rank(times: &mut [Duration], of_hundred: usize) -> f64 {
    times.sort();
    let at = (times.len() * of_hundred / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

fn of_process(screen: &PtyScreen, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{}/{file}", screen.pid().as_raw_nonzero());
    std::fs::read_to_string(&path).with_context(|| path.clone())
}

fn memory_mib(screen: &PtyScreen) -> anyhow::Result<f64> {
    let status = of_process(screen, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// A hundredth of a second each.
fn ticks(screen: &PtyScreen) -> anyhow::Result<f64> {
    let stat = of_process(screen, "stat")?;
    let fields = stat.rsplit_once(") ").context("the name ends")?.1;
    let fields: Vec<_> = fields.split(' ').collect();
    Ok(fields[11].parse::<f64>()? + fields[12].parse::<f64>()?)
}

/// Of all its threads, to the nanosecond.
fn cpu(screen: &PtyScreen) -> anyhow::Result<Duration> {
    let tasks = format!("/proc/{}/task", screen.pid().as_raw_nonzero());
    let mut total = Duration::ZERO;
    for task in std::fs::read_dir(tasks)? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let nanoseconds = text.split(' ').next().unwrap_or_default().parse()?;
        total += Duration::from_nanos(nanoseconds);
    }
    Ok(total)
}
