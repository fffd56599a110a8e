//! The steps of a run as a table: what each sent and why, and where its time went. The waterfall is `waterfall.rs`.

use agent_protocol::{SendReason, StepCompleted};

use super::units::{bytes, percent, time};

const HEADINGS: [&str; 8] =
    ["step", "sent", "up", "stateless", "first token", "model", "tools", "own"];

/// Columns of words; all others are numbers and stand to the right.
const WORDS: [usize; 1] = [1];

/// A line per step and one of totals: what was sent and why, payload bytes up beside those a client without
/// connection state would have sent, time to the first token, until the response was complete, in tools (summed over
/// calls), and our own. Ends with a line break.
pub(crate) fn steps_table(steps: &[StepCompleted], coloured: bool) -> String {
    let mut rows: Vec<[String; 8]> = steps.iter().map(row).collect();
    rows.push(totals(steps));
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or_default()
    });
    let mut text = String::new();
    let last = rows.len() - 1;
    text += &styled(&line(&HEADINGS.map(str::to_owned), &widths), "2", coloured);
    for (index, row) in rows.iter().enumerate() {
        let line = line(row, &widths);
        let is_full = steps.get(index).is_some_and(|step| !step.incremental);
        text += &match (index == last, is_full) {
            (true, _) => styled(&line, "1", coloured),
            (false, true) => styled(&line, "33", coloured),
            (false, false) => styled(&line, "", coloured),
        };
    }
    text
}

fn line(cells: &[String; 8], widths: &[usize; 8]) -> String {
    let cells = cells.iter().enumerate().map(|(column, cell)| {
        let width = widths[column];
        if WORDS.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn styled(line: &str, code: &str, coloured: bool) -> String {
    if coloured && !code.is_empty() {
        format!("\x1b[{code}m{line}\x1b[0m\n")
    } else {
        format!("{line}\n")
    }
}

fn row(step: &StepCompleted) -> [String; 8] {
    [
        step.step.to_string(),
        sent(step),
        bytes(step.bytes_up),
        bytes(step.bytes_stateless),
        step.ttft_ms.map_or_else(|| "–".to_owned(), time),
        time(step.total_ms),
        if step.tool_ms > 0.0 { time(step.tool_ms) } else { "–".to_owned() },
        time(step.overhead_ms),
    ]
}

fn totals(steps: &[StepCompleted]) -> [String; 8] {
    let sum = |of: fn(&StepCompleted) -> f64| steps.iter().map(of).sum::<f64>();
    let up: u64 = steps.iter().map(|step| step.bytes_up).sum();
    let stateless: u64 = steps.iter().map(|step| step.bytes_stateless).sum();
    let full = steps.iter().filter(|step| !step.incremental).count();
    let saved = stateless.saturating_sub(up) as f64;
    let saving = if saved > 0.0 {
        format!(", {} less", percent(saved, stateless as f64))
    } else {
        String::new()
    };
    [
        "total".to_owned(),
        format!("{full} of {} in full{saving}", steps.len()),
        bytes(up),
        bytes(stateless),
        String::new(),
        time(sum(|step| step.total_ms)),
        time(sum(|step| step.tool_ms)),
        time(sum(|step| step.overhead_ms)),
    ]
}

/// What a step sent, and why it was everything if it was.
pub(super) fn sent(step: &StepCompleted) -> String {
    let broken = if step.broken { ", broken off" } else { "" };
    if step.incremental {
        return format!("what is new{broken}");
    }
    format!("everything: {}{broken}", why(step.reason))
}

/// Why a request carried the whole conversation.
pub(super) fn why(reason: SendReason) -> &'static str {
    match reason {
        SendReason::Chained => "nothing was known to the server",
        SendReason::First => "first request",
        SendReason::Rotated => "a fresh connection took over",
        SendReason::Missed => "the server had forgotten",
        SendReason::SettingsChanged => "the settings changed",
        SendReason::HistoryRewritten => "the history was rewritten",
        SendReason::AfterError => "after an error",
        SendReason::Stateless => "no state is kept over HTTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn a_table_shows_each_step_and_what_the_connection_saved() {
        insta::assert_snapshot!(steps_table(&sample::steps(), false), @r"
         step  sent                             up  stateless  first token   model   tools      own
            1  everything: first request   12.3 kB    12.3 kB       200 ms  900 ms       –   7.2 ms
            2  what is new                   420 B    14.1 kB       200 ms  900 ms  160 ms  0.60 ms
            3  what is new, broken off       388 B    15.8 kB            –  900 ms       –  0.60 ms
            4  everything: after an error  15.9 kB    15.9 kB       200 ms  1.43 s       –  0.60 ms
            5  what is new                   512 B    18.0 kB       200 ms  900 ms       –  0.60 ms
        total  2 of 5 in full, 61 % less   29.6 kB    76.1 kB               5.03 s  160 ms   9.6 ms
        ");
    }

    #[test]
    fn colour_changes_no_width() {
        let plain = steps_table(&sample::steps(), false);
        let coloured = steps_table(&sample::steps(), true);
        let stripped = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m"]
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }
}
