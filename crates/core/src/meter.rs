//! The clocks of a step and of a turn: where the time and the bytes went. Only measuring; nothing is decided here.

use std::time::{Duration, Instant};

use agent_protocol::{
    Network, ResponseEnd, ResponseEvent, SendReason, Sent, StepCompleted, Timing, TransportKind,
    Usage,
};

pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Watches one step.
#[derive(Debug)]
pub(crate) struct StepMeter {
    step: u32,
    model: String,
    response_id: String,
    /// When the previous step was over, or the turn began.
    idle_since: Instant,
    sent_at: Option<Instant>,
    sent: Option<Sent>,
    first_byte: Option<Instant>,
    queued: Option<Instant>,
    unqueued: Option<Instant>,
    first_token: Option<Instant>,
    ended: Option<Instant>,
    end: ResponseEnd,
    bytes_up: u64,
    tool_time: Duration,
}

impl StepMeter {
    pub(crate) fn new(step: u32, model: &str, idle_since: Instant) -> Self {
        Self {
            step,
            model: model.to_owned(),
            response_id: String::new(),
            idle_since,
            sent_at: None,
            sent: None,
            first_byte: None,
            queued: None,
            unqueued: None,
            first_token: None,
            ended: None,
            end: ResponseEnd::default(),
            bytes_up: 0,
            tool_time: Duration::ZERO,
        }
    }

    pub(crate) fn observe(&mut self, event: &ResponseEvent) {
        let now = Instant::now();
        match event {
            ResponseEvent::Sent(sent) => {
                self.bytes_up += sent.bytes_up;
                self.sent = Some(sent.clone());
                self.sent_at = Some(now);
                return;
            }
            ResponseEvent::Retry(_) | ResponseEvent::Fallback(_) => return,
            ResponseEvent::Created { response_id, model } => {
                self.response_id.clone_from(response_id);
                if let Some(model) = model {
                    self.model.clone_from(model);
                }
            }
            ResponseEvent::Other { kind } if kind == "response.queued" => {
                self.queued.get_or_insert(now);
                self.first_byte.get_or_insert(now);
                return;
            }
            ResponseEvent::Delta { .. } | ResponseEvent::ItemDone { .. } => {
                self.first_token.get_or_insert(now);
            }
            ResponseEvent::Completed(end) | ResponseEvent::Incomplete { end, .. } => {
                if !end.response_id.is_empty() {
                    self.response_id.clone_from(&end.response_id);
                }
                self.end = end.clone();
                self.ended = Some(now);
            }
            _ => {}
        }
        if self.queued.is_some() {
            self.unqueued.get_or_insert(now);
        }
        self.first_byte.get_or_insert(now);
    }

    /// The response is over, with or without a terminal event.
    pub(crate) fn response_over(&mut self) {
        self.ended.get_or_insert_with(Instant::now);
    }

    pub(crate) fn tool_took(&mut self, took: Duration) {
        self.tool_time += took;
    }

    /// The step is over.
    pub(crate) fn report(&self, broken: bool) -> StepCompleted {
        let sent_at = self.sent_at.unwrap_or(self.idle_since);
        let since_sent = |at: Option<Instant>| {
            at.map_or(Duration::ZERO, |at| at.saturating_duration_since(sent_at))
        };
        let connect = self.sent.as_ref().map_or(Duration::ZERO, |sent| sent.connect);
        StepCompleted {
            step: self.step,
            response_id: self.response_id.clone(),
            model: self.model.clone(),
            transport: self.sent.as_ref().map_or(TransportKind::Websocket, |sent| sent.transport),
            connection: self.sent.as_ref().map_or(0, |sent| sent.connection),
            bytes_up: self.bytes_up,
            bytes_down: self.end.bytes_down,
            bytes_stateless: self.sent.as_ref().map_or(0, |sent| sent.bytes_stateless),
            incremental: self.sent.as_ref().is_some_and(|sent| sent.incremental),
            reason: self.sent.as_ref().map_or(SendReason::First, |sent| sent.reason),
            connect_ms: ms(connect),
            ttfb_ms: ms(since_sent(self.first_byte)),
            queue_ms: self.queued.map(|from| {
                ms(self
                    .unqueued
                    .or(self.ended)
                    .map_or(Duration::ZERO, |to| to.saturating_duration_since(from)))
            }),
            ttft_ms: self.first_token.map(|at| ms(since_sent(Some(at)))),
            total_ms: ms(since_sent(self.ended)),
            tool_wait_ms: ms(self.ended.map_or(Duration::ZERO, |ended| ended.elapsed())),
            tool_ms: ms(self.tool_time),
            overhead_ms: ms(sent_at
                .saturating_duration_since(self.idle_since)
                .saturating_sub(connect)),
            usage: self.end.usage,
            cache_diagnostics: self.end.cache_diagnostics.clone(),
            broken,
        }
    }
}

/// Adds the steps of one turn up.
#[derive(Debug)]
pub(crate) struct TurnMeter {
    began: Instant,
    pub(crate) steps: u32,
    pub(crate) usage: Usage,
    pub(crate) timing: Timing,
    pub(crate) network: Network,
    connection: u32,
}

impl TurnMeter {
    /// `process_started` is none for all turns but the first of a process.
    pub(crate) fn new(process_started: Option<Instant>) -> Self {
        let timing = Timing {
            startup_ms: process_started.map_or(0.0, |started| ms(started.elapsed())),
            ..Timing::default()
        };
        let network = Network {
            transport: TransportKind::Websocket,
            connects: 0,
            reconnects: 0,
            bytes_up: 0,
            bytes_down: 0,
        };
        Self {
            began: Instant::now(),
            steps: 0,
            usage: Usage::default(),
            timing,
            network,
            connection: 0,
        }
    }

    pub(crate) fn add(&mut self, step: &StepCompleted) {
        self.steps += 1;
        self.usage += step.usage;
        if self.steps == 1 {
            self.timing.startup_ms += step.overhead_ms + step.connect_ms;
            self.timing.first_byte_ms = step.ttfb_ms;
        }
        self.timing.model_ms += step.total_ms;
        self.timing.tool_ms += step.tool_ms;
        self.timing.overhead_ms += step.overhead_ms;
        self.network.transport = step.transport;
        self.network.bytes_up += step.bytes_up;
        self.network.bytes_down += step.bytes_down;
        if step.connection > self.connection {
            let new = step.connection - self.connection;
            self.network.connects += new;
            self.network.reconnects += if self.connection == 0 { new - 1 } else { new };
            self.connection = step.connection;
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_waited_in_a_queue_says_how_long() {
        let step = |kinds: &[&str]| {
            let mut meter = StepMeter::new(1, "m", Instant::now());
            for kind in kinds {
                meter.observe(&ResponseEvent::Other { kind: (*kind).to_owned() });
            }
            meter.response_over();
            meter
        };
        assert_eq!(step(&["response.in_progress"]).report(false).queue_ms, None);
        let mut waited = step(&["response.queued", "response.queued", "response.in_progress"]);
        assert!(waited.report(false).queue_ms.is_some());
        waited.unqueued = waited.queued.map(|queued| queued + Duration::from_millis(1500));
        assert_eq!(waited.report(false).queue_ms, Some(1500.0));
        // It never began.
        let broken = step(&["response.queued"]);
        assert_eq!(broken.report(true).queue_ms.map(|ms| ms < 1000.0), Some(true));
    }
}
