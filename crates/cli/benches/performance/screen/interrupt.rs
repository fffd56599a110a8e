//! From Esc to the frame that says that it was stopped: while an answer streams, and while a command runs.

use std::path::Path;
use std::time::{Duration, Instant};

use agent_testkit::PtyScreen;

use super::{Line, RUNNING, WORDS, rank, ready, show};

/// How often each is stopped.
const ROUNDS: usize = 100;
const BAR_MS: f64 = 100.0;

/// A terminal that knows no better sends this for the key: it may be the beginning of another one.
const ESC: &[u8] = b"\x1b";

/// # Errors
/// When something cannot be started.
pub(super) fn measure(agent: &Path) -> anyhow::Result<Vec<Line>> {
    let pace = "pace = { first_token_ms = 0, tokens_per_second = 4000 }";
    let answer = format!(
        "name = \"answers\"\n[[step]]\nrepeat = {ROUNDS}\nsay = {{ tokens = {WORDS} }}\n{pace}\n"
    );
    let command = format!(
        "name = \"commands\"\n[[step]]\nrepeat = {ROUNDS}\n[[step.call]]\ntool = \"exec_command\"\n\
         arguments = {{ cmd = \"echo begun {{{{n}}}}; sleep 1000\" }}\n"
    );
    let mut answers = stops(agent, &answer, |screen, _| {
        screen.wait_until("it writes", |screen| screen.screen().contains("writing, "));
    })?;
    let mut commands = stops(agent, &command, |screen, round| {
        let printed = format!("  begun {round}");
        screen
            .wait_until("it has begun", |screen| screen.screen().lines().any(|row| row == printed));
    })?;
    let line = |name, value| Line { name, value, bar: BAR_MS };
    Ok(vec![
        line("esc to stopped, while an answer streams, median, ms", rank(&mut answers, 50)),
        line("esc to stopped, while an answer streams, worst of 100, ms", rank(&mut answers, 100)),
        line("esc to stopped, while a command runs, median, ms", rank(&mut commands, 50)),
        line("esc to stopped, while a command runs, worst of 100, ms", rank(&mut commands, 100)),
    ])
}

/// Stops each turn as soon as it is `under_way`, and says how long each took to stop.
fn stops(
    agent: &Path,
    script: &str,
    under_way: impl Fn(&PtyScreen, usize),
) -> anyhow::Result<Vec<Duration>> {
    let mut shown = show(agent, script)?;
    let screen = &mut shown.screen;
    ready(screen);
    let mut times = vec![];
    for round in 1..=ROUNDS {
        screen.press("go<enter>");
        under_way(screen, round);
        let began = Instant::now();
        screen.send(ESC);
        screen.wait_until("it is stopped", |screen| {
            let seen = screen.screen();
            // That of this turn: half a frame lacks the row of what runs, too.
            seen.rfind("Stopped.") > seen.rfind("▌ go") && !seen.contains(RUNNING)
        });
        times.push(began.elapsed());
    }
    Ok(times)
}
