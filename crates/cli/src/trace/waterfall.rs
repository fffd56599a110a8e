//! A trace drawn in the terminal: a row for each step and each call, its time as a bar on its turn's scale.

use super::model::{Call, End, Step, Trace, Turn};
use super::table::sent;
use super::units::{bytes, call_time, percent, time};
use agent_protocol::Status;
use agent_tui::view::grouped;
use agent_tui::{exact, written};

/// What a piece of a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Own,
    Connecting,
    Waiting,
    Streaming,
    Tool,
    Failed,
}

impl Phase {
    const fn look(self) -> (char, &'static str) {
        match self {
            Self::Own => ('·', "35"),
            Self::Connecting => ('░', "33"),
            Self::Waiting => ('▒', "34"),
            Self::Streaming => ('█', "36"),
            Self::Tool => ('▄', "32"),
            Self::Failed => ('▄', "31"),
        }
    }
}

const LABEL: usize = 34;
/// Of the other columns and what stands around the bar.
const NUMBERS: usize = 30;
const NARROWEST_BAR: usize = 16;

/// `width` columns, at least 80.
pub(crate) fn waterfall(trace: &Trace, width: usize, coloured: bool) -> String {
    let painter = Painter { bar: (width.max(80) - LABEL - NUMBERS).max(NARROWEST_BAR), coloured };
    let mut text = String::new();
    for turn in &trace.turns {
        text += &painter.turn(turn);
        text.push('\n');
    }
    text + &painter.summary(trace)
}

struct Painter {
    bar: usize,
    coloured: bool,
}

impl Painter {
    fn paint(&self, text: &str, code: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn turn(&self, turn: &Turn) -> String {
        let end = match &turn.end {
            End::Completed => String::new(),
            End::Failed { message, .. } => {
                self.paint(&format!(" · failed: {}", written(message)), "31")
            }
            End::Open => self.paint(" · not finished", "33"),
        };
        let title =
            self.paint(&format!("turn {}  {}", turn.turn, cut(&written(&turn.message), 60)), "1");
        let steps = match turn.steps.len() {
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        let mut text = format!("{title}\n  {} · {steps}{end}\n", time(turn.duration_ms));
        let heading = format!(
            "{:<LABEL$}{:>9} {:>7} {:>9} ▕{}▏",
            "  step",
            "up",
            "cached",
            "time",
            pad(&format!("0 … {}", time(turn.duration_ms)), self.bar)
        );
        text += &self.paint(&heading, "2");
        text.push('\n');
        for step in &turn.steps {
            text += &self.step(turn, step);
            for call in &step.calls {
                text += &self.call(turn, call);
            }
            for note in &step.notes {
                text += &self.paint(&format!("       {}\n", written(note)), "33");
            }
        }
        text + &self.paint(&format!("  {}\n", turn.shares.sentence()), "2")
    }

    fn step(&self, turn: &Turn, step: &Step) -> String {
        let report = &step.report;
        let label = pad(&cut(&format!("{:>4}  {}", report.step, sent(report)), LABEL - 1), LABEL);
        let usage = report.usage;
        let cached = if usage.input_tokens == 0 {
            "–".to_owned()
        } else {
            percent(usage.cached_input_tokens as f64, usage.input_tokens as f64)
        };
        let took = step.responded_ms() - step.start_ms;
        let connecting = step.sent_ms - report.connect_ms;
        let bar = self.bar(
            turn,
            &[
                (Phase::Own, step.start_ms, connecting),
                (Phase::Connecting, connecting, step.sent_ms),
                (Phase::Waiting, step.sent_ms, step.sent_ms + step.waiting_ms()),
                (Phase::Streaming, step.sent_ms + step.waiting_ms(), step.responded_ms()),
            ],
        );
        let label = if report.incremental { label } else { self.paint(&label, "33") };
        format!("{label}{:>9} {cached:>7} {:>9} ▕{bar}▏\n", bytes(report.bytes_up), time(took))
    }

    fn call(&self, turn: &Turn, call: &Call) -> String {
        let phase = if matches!(call.status, Status::Failed | Status::Declined) {
            Phase::Failed
        } else {
            Phase::Tool
        };
        let label = format!("       {} {}", exact(&call.tool), exact(&call.subject));
        let label = self.paint(&pad(&cut(label.trim_end(), LABEL - 1), LABEL), "2");
        let bar = self.bar(turn, &[(phase, call.start_ms, call.start_ms + call.duration_ms)]);
        let took = if call.status == Status::Declined {
            "refused".to_owned()
        } else {
            call_time(call.duration_ms)
        };
        format!("{label}{:>9} {:>7} {took:>9} ▕{bar}▏\n", "", "")
    }

    /// What lasts at all is at least one cell wide; a later phase wins the cell it shares with an earlier one.
    fn bar(&self, turn: &Turn, phases: &[(Phase, f64, f64)]) -> String {
        let scale = self.bar as f64 / turn.duration_ms.max(0.001);
        let mut cells = vec![None; self.bar];
        for &(phase, from, to) in phases.iter().filter(|(_, from, to)| to > from) {
            let first = ((from * scale) as usize).min(self.bar - 1);
            let last = ((to * scale).ceil() as usize).clamp(first + 1, self.bar);
            cells[first..last].fill(Some(phase));
        }
        let mut text = String::new();
        for run in cells.chunk_by(|a, b| a == b) {
            let look = run.first().copied().flatten().map(Phase::look);
            text += &match look {
                Some((glyph, colour)) => self.paint(&glyph.to_string().repeat(run.len()), colour),
                None => " ".repeat(run.len()),
            };
        }
        text
    }

    fn summary(&self, trace: &Trace) -> String {
        let sum = |of: fn(&Step) -> u64| trace.steps().map(of).sum::<u64>();
        let (up, stateless) =
            (sum(|step| step.report.bytes_up), sum(|step| step.report.bytes_stateless));
        let (input, cached) = (
            sum(|step| step.report.usage.input_tokens),
            sum(|step| step.report.usage.cached_input_tokens),
        );
        let saving = match stateless.saturating_sub(up) {
            0 => String::new(),
            saved => format!(", {} less", percent(saved as f64, stateless as f64)),
        };
        let full = trace.steps().filter(|step| !step.report.incremental).count();
        let legend = [
            (Phase::Own, "own"),
            (Phase::Connecting, "connecting"),
            (Phase::Waiting, "waiting for the first token"),
            (Phase::Streaming, "streaming"),
            (Phase::Tool, "tool"),
        ];
        let legend = legend.map(|(phase, name)| {
            let (glyph, colour) = phase.look();
            format!("{} {name}", self.paint(&glyph.to_string(), colour))
        });
        format!(
            "{}\n{}\nup {} where a stateless client sends {}{saving}; {full} of {} requests in full\n\
             {} of {} input tokens cached ({})\n",
            legend.join("  "),
            self.paint(&trace.shares().sentence(), "1"),
            bytes(up),
            bytes(stateless),
            trace.steps().count(),
            grouped(cached),
            grouped(input),
            percent(cached as f64, input as f64),
        )
    }
}

/// At most this many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn a_thread_as_a_person_reads_it() {
        insta::assert_snapshot!(waterfall(&sample::trace(), 100, false));
    }

    #[test]
    fn colour_changes_no_column() {
        let strip = |text: String| {
            let mut plain = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("\x1b[") {
                plain += before;
                rest = after.split_once('m').unwrap().1;
            }
            plain + rest
        };
        let trace = sample::trace();
        assert_eq!(strip(waterfall(&trace, 100, true)), waterfall(&trace, 100, false));
        for width in [0, 80, 81, 200] {
            waterfall(&trace, width, true);
        }
    }

    #[test]
    fn a_row_with_a_bar_is_as_wide_as_the_screen() {
        for width in [80, 81, 200] {
            let text = waterfall(&sample::trace(), width, false);
            let rows: Vec<_> = text.lines().filter(|row| row.ends_with('▏')).collect();
            assert!(!rows.is_empty());
            for row in rows {
                assert_eq!(agent_tui::width::of(row), width, "{row}");
            }
        }
    }

    #[test]
    fn a_thread_in_which_nothing_was_asked_has_nothing_to_show() {
        let empty = Trace::of(&sample::header(), &[]);
        assert!(waterfall(&empty, 80, false).contains("0 of 0 requests in full"));
    }
}
