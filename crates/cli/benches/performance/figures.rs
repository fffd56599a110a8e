//! What many runs of one client come to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Client, Run};

/// How many steps at either end are compared.
const END: usize = 20;
/// The steps whose requests are shown.
pub(crate) const SHOWN: [usize; 5] = [1, 10, 50, 100, 200];

/// Times in milliseconds.
pub(crate) struct Figures {
    pub(crate) client: Client,
    pub(crate) start: f64,
    pub(crate) turnaround: f64,
    pub(crate) p95: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) cpu_per_step: f64,
    /// Of a thousand words of text.
    pub(crate) cpu_of_text: f64,
    pub(crate) peak_mib: f64,
    /// Of each request, in order.
    pub(crate) bytes_up: Vec<usize>,
}

/// The runs of one client.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) long: Vec<Run>,
    /// Without any step.
    pub(crate) short: Vec<Run>,
    /// A long text and no step.
    pub(crate) text: Vec<Run>,
}

impl Figures {
    /// `words` is the length of the texts.
    pub(crate) fn of(client: Client, runs: &Runs, words: usize) -> Self {
        let turnarounds: Vec<Vec<f64>> = runs.long.iter().map(turnarounds).collect();
        let of = |part: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<f64> {
            turnarounds.iter().flat_map(|run| part(run)).collect()
        };
        let all = of(&|run| run.to_vec());
        let steps = turnarounds.iter().map(Vec::len).sum::<usize>().max(1);
        let starts = runs.short.iter().map(|run| {
            run.requests.first().map_or(f64::NAN, |first| {
                millis(first.asked.saturating_duration_since(run.cost.began))
            })
        });
        let cpu =
            |runs: &[Run]| -> Vec<f64> { runs.iter().map(|run| millis(run.cost.cpu)).collect() };
        let peak = runs.long.iter().map(|run| run.cost.peak_kib).max().unwrap_or_default();
        Self {
            client,
            start: quantile(starts.collect(), 0.5),
            turnaround: quantile(all.clone(), 0.5),
            p95: quantile(all, 0.95),
            first: quantile(of(&|run| run[..END.min(run.len())].to_vec()), 0.5),
            last: quantile(of(&|run| run[run.len().saturating_sub(END)..].to_vec()), 0.5),
            cpu_per_step: cpu(&runs.long).iter().sum::<f64>() / steps as f64,
            cpu_of_text: (quantile(cpu(&runs.text), 0.5) - quantile(cpu(&runs.short), 0.5))
                * 1000.0
                / words as f64,
            peak_mib: peak as f64 / 1024.0,
            bytes_up: runs
                .long
                .last()
                .map(|run| run.requests.iter().map(|request| request.bytes_up).collect())
                .unwrap_or_default(),
        }
    }

    /// The bytes of the request of step `step`, counted from 1.
    pub(crate) fn bytes_of(&self, step: usize) -> Option<usize> {
        self.bytes_up.get(step.checked_sub(1)?).copied()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "client": self.client.name(),
            "start_ms": self.start,
            "turnaround_ms": { "median": self.turnaround, "p95": self.p95, "first_20": self.first, "last_20": self.last },
            "cpu_per_step_ms": self.cpu_per_step,
            "cpu_per_1000_deltas_ms": self.cpu_of_text,
            "peak_rss_mib": self.peak_mib,
            "bytes_up": self.bytes_up,
        })
    }
}

/// From the end of each answer to the next request.
fn turnarounds(run: &Run) -> Vec<f64> {
    let between = run.requests.windows(2).filter_map(|pair| {
        Some(millis(pair[1].asked.saturating_duration_since(pair[0].answered?)))
    });
    between.collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1)) as f64 * share;
    values.get(at.round() as usize).copied().unwrap_or(f64::NAN)
}
