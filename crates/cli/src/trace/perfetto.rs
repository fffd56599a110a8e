//! A trace in the Chrome trace event format, which Perfetto and `chrome://tracing` open. One track for the turns, one
//! for the model, one for ourselves, and as many for tools as ran at once.

use serde_json::{Value, json};

use super::model::{Step, Trace};
use super::table::sent;

const TURNS: u64 = 1;
const MODEL: u64 = 2;
const OWN: u64 = 3;
const FIRST_TOOL: u64 = 4;

pub(crate) fn perfetto(trace: &Trace) -> Value {
    let mut events = vec![named("process_name", 0, &format!("agent {}", trace.thread_id))];
    let mut lanes = Lanes::default();
    for turn in &trace.turns {
        let start = turn.start_ms;
        let name = format!("turn {}: {}", turn.turn, turn.message);
        events.push(span(TURNS, &name, "turn", start, turn.duration_ms, json!({"end": turn.end})));
        for step in &turn.steps {
            events.extend(phases(step, start));
            for call in &step.calls {
                let lane =
                    lanes.take(start + call.start_ms, start + call.start_ms + call.duration_ms);
                let args = json!({"subject": call.subject, "call_id": call.call_id, "status": call.status});
                let start = start + call.start_ms;
                events.push(span(
                    FIRST_TOOL + lane,
                    &call.tool,
                    "tool",
                    start,
                    call.duration_ms,
                    args,
                ));
            }
        }
    }
    let tracks =
        [(TURNS, "turns".to_owned()), (MODEL, "model".to_owned()), (OWN, "agent".to_owned())];
    let tools = (0..lanes.busy_until.len() as u64)
        .map(|lane| (FIRST_TOOL + lane, format!("tools {}", lane + 1)));
    events.extend(
        tracks.into_iter().chain(tools).map(|(track, name)| named("thread_name", track, &name)),
    );
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn phases(step: &Step, turn_start: f64) -> Vec<Value> {
    let report = &step.report;
    let at = |ms: f64| turn_start + ms;
    let args = json!({
        "sent": sent(report),
        "response_id": report.response_id,
        "bytes_up": report.bytes_up,
        "bytes_stateless": report.bytes_stateless,
        "bytes_down": report.bytes_down,
        "connection": report.connection,
        "usage": report.usage,
    });
    let waiting = step.waiting_ms();
    let connecting = step.sent_ms - report.connect_ms;
    let all = [
        (OWN, "own", step.start_ms, report.overhead_ms, json!({})),
        (
            MODEL,
            "connecting",
            connecting,
            report.connect_ms,
            json!({"connection": report.connection}),
        ),
        (MODEL, "step", step.sent_ms, report.total_ms, args),
        (MODEL, "waiting for the first token", step.sent_ms, waiting, json!({})),
        (MODEL, "streaming", step.sent_ms + waiting, report.total_ms - waiting, json!({})),
    ];
    let lasting = all.into_iter().filter(|(.., duration, _)| *duration > 0.0);
    lasting
        .map(|(track, name, start, duration, args)| {
            let name =
                if name == "step" { format!("step {}", report.step) } else { name.to_owned() };
            span(track, &name, "step", at(start), duration, args)
        })
        .collect()
}

/// Microseconds, as the format has it.
fn span(
    track: u64,
    name: &str,
    category: &str,
    start_ms: f64,
    duration_ms: f64,
    args: Value,
) -> Value {
    let us = |ms: f64| (ms * 1e3).round();
    json!({
        "name": name, "cat": category, "ph": "X", "pid": 1, "tid": track,
        "ts": us(start_ms), "dur": us(duration_ms), "args": args,
    })
}

fn named(what: &str, track: u64, name: &str) -> Value {
    json!({"name": what, "ph": "M", "pid": 1, "tid": track, "args": {"name": name}})
}

/// Spans that overlap must not share a track.
#[derive(Default)]
struct Lanes {
    busy_until: Vec<f64>,
}

impl Lanes {
    fn take(&mut self, from: f64, to: f64) -> u64 {
        let free = self.busy_until.iter().position(|until| *until <= from);
        let lane = free.unwrap_or_else(|| {
            self.busy_until.push(0.0);
            self.busy_until.len() - 1
        });
        self.busy_until[lane] = to;
        lane as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;
    use std::collections::HashMap;

    #[test]
    fn spans_of_one_track_nest_or_follow_one_another() {
        let trace = perfetto(&sample::trace());
        let mut tracks: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
        for event in
            trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X")
        {
            let (start, duration) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
            tracks
                .entry(event["tid"].as_u64().unwrap())
                .or_default()
                .push((start, start + duration));
        }
        assert_eq!(tracks.len(), 5, "turns, model, own and two tools at once");
        for (track, spans) in tracks {
            for (index, a) in spans.iter().enumerate() {
                for b in &spans[index + 1..] {
                    let apart = a.1 <= b.0 + 1.0 || b.1 <= a.0 + 1.0;
                    let nested = a.0 <= b.0 + 1.0 && b.1 <= a.1 + 1.0;
                    assert!(apart || nested, "track {track}: {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_events_are_as_the_format_has_them() {
        let trace = perfetto(&sample::trace());
        let first = &trace["traceEvents"].as_array().unwrap()[..4];
        insta::assert_snapshot!(serde_json::to_string_pretty(first).unwrap());
    }
}
