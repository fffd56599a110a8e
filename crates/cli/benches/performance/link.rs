//! The same two clients on a link to a real model: computed, from what was measured on loopback and the assumptions
//! that stand here and below the table.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::figures::Figures;
use crate::table::row;

const ROUND_TRIP: f64 = 40.0;
const FIRST_TOKEN: f64 = 150.0;
const TOKENS_PER_MS: f64 = 0.2;
/// Round trips before the first request can leave: TCP and TLS 1.3, and of a socket its upgrade.
const HTTP_SHAKES: f64 = 2.0;
const SOCKET_SHAKES: f64 = 3.0;
/// What a step brings: the model writes a call, the tool answers it.
const STEP_TOKENS: f64 = 60.0;
const OUTPUT_BYTES: f64 = 4_000.0;
/// Milliseconds the server takes for each byte it has not seen on this connection: four bytes a token, 62,500 tokens a
/// second.
const UNIT: f64 = 0.004;

pub(crate) const COSTS: [f64; 4] = [0.0, 0.5, 1.0, 2.0];
pub(crate) const STEPS: [usize; 3] = [5, 20, 50];

/// What the link needs to know of a client.
struct Client {
    shakes: f64,
    turnaround: f64,
    first: f64,
    /// Of a later request, and how much longer each is than the one before.
    later: f64,
    growth: f64,
}

pub(crate) struct Link {
    socket: Client,
    http: Client,
}

impl Link {
    /// None of less than three requests each.
    pub(crate) fn new(socket: &Figures, http: &Figures) -> Option<Self> {
        let growth = |figures: &Figures| {
            let (first, last) = (figures.bytes_up.get(1)?, figures.bytes_up.last()?);
            let between = figures.bytes_up.len() - 2;
            (between > 0).then(|| (*last as f64 - *first as f64) / between as f64)
        };
        let client = |figures: &Figures, shakes, grows: f64| {
            Some(Client {
                shakes,
                turnaround: figures.turnaround,
                first: figures.bytes_of(1)? as f64,
                later: figures.bytes_of(2)? as f64 + OUTPUT_BYTES,
                growth: (growth(figures)? + grows).max(0.0),
            })
        };
        Some(Self {
            socket: client(socket, SOCKET_SHAKES, 0.0)?,
            http: client(http, HTTP_SHAKES, OUTPUT_BYTES)?,
        })
    }

    /// Seconds over the socket and over HTTP; `cost` in milliseconds a byte.
    fn seconds(&self, calls: usize, cost: f64) -> [f64; 2] {
        [&self.socket, &self.http].map(|client| client.total(calls, cost) / 1000.0)
    }

    /// The share of time the socket saves, in percent.
    pub(crate) fn saved(&self, calls: usize, cost_units: f64) -> f64 {
        let [socket, http] = self.seconds(calls, cost_units * UNIT);
        (1.0 - socket / http) * 100.0
    }

    /// The cost, in microseconds a byte, from which a run of so many calls saves `percent`; none below 1 ms.
    fn needed(&self, calls: usize, percent: f64) -> Option<f64> {
        let mut cost = 0.0;
        while cost < 1000.0 {
            let [socket, http] = self.seconds(calls, cost / 1000.0);
            if (1.0 - socket / http) * 100.0 >= percent {
                return Some(cost);
            }
            cost += 0.1;
        }
        None
    }

    pub(crate) fn table(&self) -> String {
        let mut text =
            row("cost per unseen byte", STEPS.map(|calls| format!("{calls} calls")).into_iter());
        text += &row("---", STEPS.map(|_| "---".to_owned()).into_iter());
        for units in COSTS {
            let cells = STEPS.map(|calls| {
                let [socket, http] = self.seconds(calls, units * UNIT);
                format!("{socket:.1} s / {http:.1} s, {:+.0} %", -self.saved(calls, units))
            });
            text += &row(&format!("{units} × {:.0} µs", UNIT * 1000.0), cells.into_iter());
        }
        for calls in STEPS {
            let needed = self
                .needed(calls, 40.0)
                .map_or("never".to_owned(), |us| format!("from {us:.1} µs a byte on"));
            let _ = writeln!(text, "\n40 % less time with {calls} calls: {needed}.");
        }
        text + "\n" + &assumptions().join("\n") + "\n"
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows = COSTS.iter().flat_map(|&units| {
            STEPS.map(|calls| {
                let [socket, http] = self.seconds(calls, units * UNIT);
                json!({ "calls": calls, "cost_us_per_byte": units * UNIT * 1000.0, "socket_s": socket, "http_s": http })
            })
        });
        Value::Array(rows.collect())
    }
}

impl Client {
    /// Milliseconds of a run with so many tool calls, a step each, and a last step that answers.
    fn total(&self, calls: usize, cost: f64) -> f64 {
        let unseen = |step: usize| match step {
            0 => self.first,
            later => self.later + self.growth * (later - 1) as f64,
        };
        let steps = (0..=calls).map(|step| {
            ROUND_TRIP + FIRST_TOKEN + STEP_TOKENS / TOKENS_PER_MS + cost * unseen(step)
        });
        self.shakes * ROUND_TRIP + steps.sum::<f64>() + self.turnaround * calls as f64
    }
}

/// A sentence each.
pub(crate) fn assumptions() -> [String; 4] {
    [
        format!("Assumed: {ROUND_TRIP:.0} ms round trip, {FIRST_TOKEN:.0} ms to the first token, {:.0} tokens/s; handshakes of {SOCKET_SHAKES:.0} round trips for the socket,", TOKENS_PER_MS * 1000.0),
        format!("{HTTP_SHAKES:.0} for HTTP, once a run each; {STEP_TOKENS:.0} tokens and {OUTPUT_BYTES:.0} bytes of tool output a step; commands take no time; bandwidth is free."),
        format!("The server takes {:.0} µs (× the factor) for each byte it has not seen on this connection, what the best prompt cache", UNIT * 1000.0),
        "leaves of the 19 µs that an H200 takes (docs/performance.md). Measured: the client's turnaround, the bytes of its requests.".to_owned(),
    ]
}
