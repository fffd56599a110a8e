//! One request and its answer on one connection: what is sent, and what each frame of the answer means.

use std::time::Duration;

use agent_protocol::{
    ApiError, Continue, Request, ResponseEvent, SendReason, Sent, ServerEvent, SteerOutcome,
    TransportKind, read_server_frame, response_create, stateless_len,
};

use crate::answer::{Answer, Taken};
use crate::chain::{Chain, Memory};
use crate::connection::Connection;
use crate::outlet::Outlet;
use crate::{Control, Steering, TransportError};

/// While it runs it borrows the connection that its owner has taken out of its place: dropped half-way, the
/// connection is dropped with it, and with the connection the chain.
pub(crate) struct Exchange<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) request: &'a Request,
    pub(crate) control: &'a mut Control,
    pub(crate) out: &'a mut Outlet,
    /// A frame of this many bytes is not sent (C1.1).
    pub(crate) frame_limit: usize,
    /// How long the request has waited for the connection.
    pub(crate) connect: Duration,
    answer: Answer,
    /// Of the frame that was sent last.
    asked_bytes: usize,
    /// The request named a parent.
    chained: bool,
    /// The server had forgotten a parent once: it is not asked a third time.
    missed: bool,
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
    Interrupted(ResponseEvent),
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        connection: &'a mut Connection,
        request: &'a Request,
        control: &'a mut Control,
        out: &'a mut Outlet,
        frame_limit: usize,
        connect: Duration,
    ) -> Self {
        Self {
            connection,
            request,
            control,
            out,
            frame_limit,
            connect,
            answer: Answer::default(),
            asked_bytes: 0,
            chained: false,
            missed: false,
        }
    }

    /// Sends the request and yields its answer up to the terminal event, which is returned: the connection goes back
    /// to its place before anybody sees it.
    pub(crate) async fn run(mut self) -> Result<ResponseEvent, Cut> {
        self.ask().await?;
        loop {
            tokio::select! {
                biased;
                text = self.connection.next() => {
                    let text = text.map_err(|error| self.cut_by(error))?;
                    if let Some(terminal) = self.read(&text).await? {
                        return Ok(terminal);
                    }
                }
                steering = self.control.next() => self.steer(steering).await?,
            }
        }
    }

    async fn ask(&mut self) -> Result<(), Cut> {
        let (from, reason) = self.connection.memory.plan(self.request);
        let frame = response_create(self.request, from);
        let chained = matches!(from, Continue::After { .. });
        let bytes = frame.len();
        if bytes >= self.frame_limit {
            let limit = self.frame_limit as u64;
            return Err(Cut::Kept(TransportError::TooLarge { bytes: bytes as u64, limit }));
        }
        let sent = Sent {
            transport: TransportKind::Websocket,
            connection: self.connection.number,
            incremental: chained,
            reason,
            bytes_up: bytes as u64,
            bytes_stateless: if chained { stateless_len(self.request) } else { bytes as u64 },
            connect: self.connect,
        };
        self.asked_bytes = bytes;
        self.connection.send(frame).await.map_err(|error| self.cut_by(error))?;
        self.answer = Answer::default();
        self.chained = chained;
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
        self.answer.bytes_down += text.len() as u64;
        match frame.event {
            ServerEvent::Keepalive => Ok(None),
            ServerEvent::Error(error) => self.failed(error).await.map(|()| None),
            ServerEvent::Response(event) => Ok(self.passed_on(event).await),
        }
    }

    async fn passed_on(&mut self, event: ResponseEvent) -> Option<ResponseEvent> {
        match self.answer.take(event) {
            Taken::Repeated => None,
            Taken::Event(event) => {
                self.out.send(event).await;
                None
            }
            Taken::End(terminal) => {
                self.connection.memory = self.remembered(&terminal);
                Some(terminal)
            }
        }
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
        Memory::Chain(Chain::after(self.request, parent.to_owned(), self.answer.items()))
    }

    /// An error of this response. `Ok` when the request was asked again and the answer to that is what counts.
    async fn failed(&mut self, error: ApiError) -> Result<(), Cut> {
        match error.code() {
            // Protocol.md 5.4: a longer frame on the same socket, and no more ado.
            "previous_response_not_found" if self.chained && self.answer.items() == 0 => {
                self.connection.memory = Memory::Nothing(SendReason::Missed);
                self.missed = true;
                self.ask().await
            }
            "previous_response_not_found" if self.missed => {
                let message = "it misses a previous response that it was not asked for";
                Err(Cut::Lost(TransportError::Protocol(message.to_owned())))
            }
            "websocket_connection_limit_reached" => Err(Cut::Expired(TransportError::Api(error))),
            _ => {
                // The failure may have thrown the parent away (protocol.md 5.2).
                self.connection.memory = Memory::Nothing(SendReason::AfterError);
                Err(Cut::Kept(TransportError::Api(error)))
            }
        }
    }

    async fn steer(&mut self, steering: Steering) -> Result<(), Cut> {
        match steering {
            Steering::Steer(_) => {
                self.out.send(ResponseEvent::Steer(cannot_steer())).await;
                Ok(())
            }
            Steering::Interrupt => Err(Cut::Interrupted(self.answer.interrupted())),
        }
    }

    fn cut_by(&self, error: TransportError) -> Cut {
        let heard_nothing = self.answer.bytes_down == 0;
        match error {
            TransportError::Closed { code: 1009, .. } => Cut::Refused { bytes: self.asked_bytes },
            TransportError::Dropped(_) | TransportError::Closed { .. } if heard_nothing => {
                Cut::Silent(error)
            }
            _ => Cut::Lost(error),
        }
    }
}

/// The person's words come back, to be sent with the next request.
pub(crate) fn cannot_steer() -> SteerOutcome {
    SteerOutcome::Failed { message: "this response cannot be steered".to_owned() }
}

fn ends_response(event: &ServerEvent) -> bool {
    use ResponseEvent::{Completed, Incomplete};
    matches!(event, ServerEvent::Error(_) | ServerEvent::Response(Completed(_) | Incomplete { .. }))
}
