//! A recording, played as a model: each request is answered as it was, if it is the request that was recorded.

use std::time::Duration;

use agent_protocol::{Item, Request, ResponseEnd, ResponseEvent, SteerOutcome};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::Instant;

use super::compare::{difference, excerpt};
use super::event::RecordedEvent;
use super::file::Recorded;
use super::redact::Redaction;
use crate::{Control, Steering, Transport, TransportError};

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// As it was.
    Original,
    #[default]
    Fastest,
}

/// What counts as the same request.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Settings, and what we say of the surroundings, must be the same too, to the byte; else neither counts, and
    /// neither does how long something took.
    pub strict: bool,
    /// Texts that stand for others in both: `("/tmp/run-17", "{workspace}")`.
    pub aliases: Vec<(String, String)>,
    /// Of the values that were taken out when it was recorded.
    pub redaction: Redaction,
}

#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    pub speed: Speed,
    pub comparison: Comparison,
}

/// The model of a recording.
#[derive(Debug)]
pub struct Replay {
    recorded: Recorded,
    options: ReplayOptions,
    asked: usize,
}

impl Replay {
    pub const fn new(recorded: Recorded, options: ReplayOptions) -> Self {
        Self { recorded, options, asked: 0 }
    }

    pub const fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// The requests of the recording that were not made.
    pub fn left(&self) -> usize {
        self.recorded.requests.len().saturating_sub(self.asked)
    }
}

impl Transport for Replay {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        let number = self.asked + 1;
        let name = &self.recorded.name;
        let Some(recorded) = self.recorded.requests.get(self.asked) else {
            let last = request.window.len().checked_sub(1);
            let last = last
                .and_then(|last| request.window.from(last).next())
                .map_or("nothing", Item::json);
            let message = format!(
                "the recording {name} ends after {} requests, but the model was asked again; the conversation ends with {}",
                self.asked,
                excerpt(last)
            );
            return stream::iter([Err(TransportError::Script(message))]).boxed();
        };
        if let Some(difference) = difference(recorded, request, &self.options.comparison) {
            let message =
                format!("request {number} is not the one of the recording {name}: {difference}");
            return stream::iter([Err(TransportError::Script(message))]).boxed();
        }
        self.asked = number;
        let playing = Playing {
            events: recorded.events.iter(),
            speed: self.options.speed,
            control,
            begun: Instant::now(),
            is_over: false,
        };
        stream::unfold(playing, |mut playing| async move {
            let event = playing.next().await?;
            Some((event, playing))
        })
        .boxed()
    }

    /// What was recorded of it is an answer like any other.
    fn compact<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        self.respond(request, control)
    }

    fn warm_up(&mut self, _request: &Request) {}
}

struct Playing<'a> {
    events: std::slice::Iter<'a, RecordedEvent>,
    speed: Speed,
    control: &'a mut Control,
    begun: Instant,
    is_over: bool,
}

impl Playing<'_> {
    async fn next(&mut self) -> Option<Result<ResponseEvent, TransportError>> {
        if self.is_over {
            return None;
        }
        let Some(event) = self.events.next() else {
            self.is_over = true;
            // Whoever recorded it gave this response up, or the program was ended.
            return Some(Err(TransportError::Dropped(
                "the recording of this response ends here".to_owned(),
            )));
        };
        let due = match self.speed {
            Speed::Fastest => self.begun,
            Speed::Original => {
                self.begun + Duration::from_secs_f64(event.after_ms.clamp(0.0, 3.6e6) / 1e3)
            }
        };
        tokio::select! {
            biased;
            wish = self.control.next() => Some(Ok(self.obey(wish))),
            () = tokio::time::sleep_until(due) => Some(self.play(event)),
        }
    }

    fn play(&mut self, event: &RecordedEvent) -> Result<ResponseEvent, TransportError> {
        self.is_over = event.told.is_last();
        event.told.play()
    }

    fn obey(&mut self, wish: Steering) -> ResponseEvent {
        match wish {
            Steering::Interrupt => {
                self.is_over = true;
                ResponseEvent::Incomplete {
                    reason: "interrupted".to_owned(),
                    end: ResponseEnd::default(),
                }
            }
            Steering::Steer(items) => ResponseEvent::Steer(SteerOutcome::Failed {
                items,
                message: "a recording cannot be steered".to_owned(),
            }),
        }
    }
}
