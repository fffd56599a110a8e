//! One request and its answer on one connection: what is sent, and what each frame of the answer means.

use std::time::Duration;

use agent_protocol::{
    ApiError, Continue, FrameStyle, Item, Request, ResponseEvent, SendReason, Sent, ServerEvent,
    TransportKind, Usage, add_cache_comparison, read_server_frame, response_create,
    response_interrupt, response_steer, stateless_len,
};
use tokio::time::{Instant, sleep_until};

use crate::answer::{Answer, Taken};
use crate::chain::{Chain, Memory};
use crate::connection::Connection;
use crate::outlet::Outlet;
use crate::steers::{CANNOT_STEER, Steers, cannot_steer};
use crate::{Control, Steering, TransportError};

/// A server that was asked to stop, or that has accepted a message when its response had ended, goes on within
/// this time, or the connection is given up.
const WORD_WITHIN: Duration = Duration::from_secs(5);

/// While it runs it borrows the connection that its owner has taken out of its place: dropped half-way, the
/// connection is dropped with it, and with the connection the chain.
pub(crate) struct Exchange<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) request: &'a Request,
    pub(crate) control: &'a mut Control,
    pub(crate) out: &'a mut Outlet,
    pub(crate) terms: Terms,
    /// How long the request has waited for the connection.
    pub(crate) connect: Duration,
    /// Of the response before: the server is asked why its prompt cache missed since then (protocol.md 5.7).
    pub(crate) compare_with: Option<&'a str>,
    pub(crate) state: State,
}

/// What this endpoint takes from us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// A frame of this many bytes is not sent (C1.1).
    pub(crate) frame_limit: usize,
    pub(crate) style: FrameStyle,
    /// `response.steer` (protocol.md 2.4).
    pub(crate) steers: bool,
    /// `response.interrupt` (protocol.md 2.5).
    pub(crate) interrupts: bool,
}

/// How far it has come.
#[derive(Default)]
pub(crate) struct State {
    answer: Answer,
    /// Of the frame that was sent last.
    asked_bytes: usize,
    /// The request named a parent.
    chained: bool,
    /// The server had forgotten a parent once: it is not asked a third time.
    missed: bool,
    steers: Steers,
    /// Of responses that were steered: the terminal event tells of all.
    usage_before: Usage,
    /// The response has ended, but a message that was accepted may start a successor.
    ended: Option<ResponseEvent>,
    /// Until then something decisive must come.
    word_by: Option<Instant>,
}

/// Why there is no terminal event, and what that means for the connection.
pub(crate) enum Cut {
    /// The connection is as good as before.
    Kept(TransportError),
    /// The connection is of no more use.
    Lost(TransportError),
    /// Lost before anything of the answer came: perhaps it was dead already.
    Silent(TransportError),
    /// The server closed the connection because this frame is too large for it (C1.1).
    Refused { bytes: usize },
    /// The server wants a new connection (protocol.md 10.8).
    Expired(TransportError),
    /// We gave the response up, and with it the connection; this is its end.
    Abandoned(ResponseEvent),
}

impl Exchange<'_> {
    /// Sends the request and yields its answer up to the terminal event, which is returned: the connection goes back
    /// to its place before anybody sees it.
    pub(crate) async fn run(mut self) -> Result<ResponseEvent, Cut> {
        let result = self.converse().await;
        while let Some(wish) = self.control.try_next() {
            if let Steering::Steer(messages) = wish {
                self.state.steers.wait(messages);
            }
        }
        let unapplied = match &result {
            Ok(_) => "the response had ended",
            Err(_) => "the response broke off",
        };
        if let Some(returned) = self.state.steers.return_all(unapplied) {
            self.out.send(returned).await;
        }
        result
    }

    async fn converse(&mut self) -> Result<ResponseEvent, Cut> {
        self.ask().await?;
        loop {
            let word_by = self.state.word_by;
            tokio::select! {
                // First what is rare: frames may come without a pause.
                biased;
                steering = self.control.next() => self.wish(steering).await?,
                text = self.connection.next() => {
                    let text = text.map_err(|error| self.cut_by(error))?;
                    if let Some(terminal) = self.read(&text).await? {
                        return Ok(terminal);
                    }
                }
                () = at(word_by), if word_by.is_some() => {
                    let end = self.state.ended.take();
                    return Err(Cut::Abandoned(end.unwrap_or_else(|| self.state.answer.interrupted())));
                }
            }
        }
    }

    async fn ask(&mut self) -> Result<(), Cut> {
        let (from, reason) = self.connection.memory.plan(self.request, self.terms.style);
        let mut frame = response_create(self.request, from, self.terms.style);
        if let Some(id) = self.compare_with {
            add_cache_comparison(&mut frame, id);
        }
        let chained = matches!(from, Continue::After { .. });
        let bytes = frame.len();
        if bytes >= self.terms.frame_limit {
            let limit = self.terms.frame_limit as u64;
            return Err(Cut::Kept(TransportError::TooLarge { bytes: bytes as u64, limit }));
        }
        let sent = Sent {
            transport: TransportKind::Websocket,
            connection: self.connection.number,
            incremental: chained,
            reason,
            bytes_up: bytes as u64,
            bytes_stateless: stateless_len(self.request),
            connect: self.connect,
        };
        self.state.asked_bytes = bytes;
        self.connection.send(frame).await.map_err(|error| self.cut_by(error))?;
        self.state.answer = Answer::default();
        self.state.chained = chained;
        self.out.send(ResponseEvent::Sent(sent)).await;
        Ok(())
    }

    /// The terminal event, if `text` is one.
    async fn read(&mut self, text: &str) -> Result<Option<ResponseEvent>, Cut> {
        let frame = read_server_frame(text).map_err(|error| {
            Cut::Lost(TransportError::Protocol(format!("a frame that is no event: {error}")))
        })?;
        if frame.stream_id.is_some() {
            return Ok(None); // Of another lane; we use the nameless one.
        }
        if self.connection.ignoring {
            self.connection.ignoring = !ends_response(&frame.event);
            return Ok(None);
        }
        self.state.answer.hear(text.len()).map_err(Cut::Lost)?;
        match frame.event {
            ServerEvent::Keepalive => Ok(None),
            ServerEvent::Error(error) => self.failed(error).await.map(|()| None),
            ServerEvent::Response(ResponseEvent::Steer(outcome)) => {
                let outcome = self.state.steers.hear(outcome);
                self.out.send(ResponseEvent::Steer(outcome)).await;
                Ok(self.settled().await)
            }
            ServerEvent::Response(event) => self.pass_on(event).await,
        }
    }

    async fn pass_on(&mut self, event: ResponseEvent) -> Result<Option<ResponseEvent>, Cut> {
        let is_created = matches!(event, ResponseEvent::Created { .. });
        match self.state.answer.take(event) {
            Taken::Repeated => Ok(None),
            Taken::Event(event) => {
                if is_created {
                    self.begin_successor().await;
                }
                self.out.send(event).await;
                if is_created {
                    for messages in self.state.steers.take_waiting() {
                        self.steer(messages).await?;
                    }
                }
                Ok(None)
            }
            Taken::End(end) => {
                self.state.ended = Some(end);
                Ok(self.settled().await)
            }
        }
    }

    /// A second response in the same stream: what was accepted has entered the window before it.
    async fn begin_successor(&mut self) {
        let Some(ended) = self.state.ended.take() else { return };
        self.state.word_by = None;
        if let ResponseEvent::Completed(end) | ResponseEvent::Incomplete { end, .. } = ended {
            self.state.usage_before += end.usage;
        }
        if let Some(applied) = self.state.steers.apply() {
            self.out.send(applied).await;
        }
    }

    /// The terminal event, when the response has ended and no message is left that may start a successor.
    async fn settled(&mut self) -> Option<ResponseEvent> {
        let ended = self.state.ended.as_ref()?;
        let steered =
            matches!(ended, ResponseEvent::Incomplete { reason, .. } if reason == "steered");
        // Messages that were accepted wait for the outputs of calls; the server puts them before those.
        if !steered
            && !self.state.steers.are_unanswered()
            && self.state.answer.has_calls()
            && let Some(applied) = self.state.steers.apply()
        {
            self.out.send(applied).await;
        }
        if steered || !self.state.steers.are_settled() {
            self.state.word_by = Some(Instant::now() + WORD_WITHIN);
            return None;
        }
        let mut end = self.state.ended.take()?;
        self.connection.memory = self.remembered(&end);
        if let ResponseEvent::Completed(end) | ResponseEvent::Incomplete { end, .. } = &mut end {
            end.usage += self.state.usage_before;
        }
        Some(end)
    }

    /// What the server remembers once the response has ended so.
    fn remembered(&self, terminal: &ResponseEvent) -> Memory {
        let parent = match terminal {
            ResponseEvent::Completed(end) => &end.response_id,
            // `response.cancelled` is not of this API: whether its response can be continued is unknown.
            ResponseEvent::Incomplete { reason, end } if reason != "cancelled" => &end.response_id,
            _ => "",
        };
        if parent.is_empty() {
            return Memory::Nothing(SendReason::AfterError);
        }
        let items = self.state.answer.items() + self.state.steers.applied();
        Memory::Chain(Chain::after(self.request, self.terms.style, parent.to_owned(), items))
    }

    /// An error of this response. `Ok` when the response goes on, or was asked for again.
    async fn failed(&mut self, error: ApiError) -> Result<(), Cut> {
        let is_new = self.state.answer.items() == 0;
        match error.code() {
            // Protocol.md 5.4: a longer frame on the same socket, and no more ado.
            "previous_response_not_found" if self.state.chained && is_new => {
                self.connection.memory = Memory::Nothing(SendReason::Missed);
                self.state.missed = true;
                self.ask().await
            }
            "previous_response_not_found" if self.state.missed => {
                let message = "it misses a previous response that it was not asked for";
                Err(Cut::Lost(TransportError::Protocol(message.to_owned())))
            }
            "websocket_connection_limit_reached" => Err(Cut::Expired(TransportError::Api(error))),
            // The server does not know our wish; the response goes on without it.
            _ if error.param.as_deref() == Some("type") && !error.after_created => {
                if let Some(returned) = self.state.steers.return_all(&error.message) {
                    self.out.send(returned).await;
                }
                match self.state.word_by {
                    Some(_) => Err(Cut::Abandoned(self.state.answer.interrupted())),
                    None => Ok(()),
                }
            }
            _ => {
                // The failure may have thrown the parent away (protocol.md 5.2).
                self.connection.memory = Memory::Nothing(SendReason::AfterError);
                Err(Cut::Kept(TransportError::Api(error)))
            }
        }
    }

    async fn wish(&mut self, steering: Steering) -> Result<(), Cut> {
        let is_running = !self.state.answer.response_id.is_empty() && self.state.ended.is_none();
        match steering {
            Steering::Steer(messages) if !self.terms.steers => {
                self.out.send(cannot_steer(messages, CANNOT_STEER)).await;
                Ok(())
            }
            Steering::Steer(messages) if is_running => self.steer(messages).await,
            Steering::Steer(messages) => {
                self.state.steers.wait(messages);
                Ok(())
            }
            Steering::Interrupt if is_running && self.terms.interrupts => {
                self.state.word_by = Some(Instant::now() + WORD_WITHIN);
                let frame = response_interrupt(&self.state.answer.response_id);
                self.connection.send(frame).await.map_err(|error| self.cut_by(error))
            }
            Steering::Interrupt => Err(Cut::Abandoned(self.state.answer.interrupted())),
        }
    }

    async fn steer(&mut self, messages: Vec<Item>) -> Result<(), Cut> {
        let frame = response_steer(&self.state.answer.response_id, &messages);
        self.state.steers.sent(messages);
        self.connection.send(frame).await.map_err(|error| self.cut_by(error))
    }

    fn cut_by(&self, error: TransportError) -> Cut {
        let heard_nothing = self.state.answer.bytes_down == 0;
        match error {
            TransportError::Closed { code: 1009, .. } => {
                Cut::Refused { bytes: self.state.asked_bytes }
            }
            TransportError::Dropped(_) | TransportError::Closed { .. } if heard_nothing => {
                Cut::Silent(error)
            }
            _ => Cut::Lost(error),
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn ends_response(event: &ServerEvent) -> bool {
    use ResponseEvent::{Completed, Incomplete};
    matches!(event, ServerEvent::Error(_) | ServerEvent::Response(Completed(_) | Incomplete { .. }))
}
