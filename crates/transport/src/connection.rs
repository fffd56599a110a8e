//! One socket that is open: frames in, frames out, and whether anybody is still there (protocol.md 1.6).
//! What the frames mean is `exchange.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use crate::TransportError;
use crate::alarm::Alarm;
use crate::chain::Memory;
use crate::clocks::{Clocks, Stamp};
use crate::stream::Stream;
use crate::upgrade::Upgraded;

/// C1.3: after this silence of a response under way we ask whether anybody is there …
const PING_WHILE_ACTIVE: Duration = Duration::from_secs(15);
/// … of an idle connection after this one …
const PING_WHILE_IDLE: Duration = Duration::from_secs(30);
/// … and give the answer this long.
const PONG_WITHIN: Duration = Duration::from_secs(15);
/// In the silence of a response we look this often whether the machine has slept (C1.4) …
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// … and then give the answer no longer than this.
const PONG_AFTER_SLEEP: Duration = Duration::from_secs(5);

/// Numbers the connections of one thread from 1, whatever they are used for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicU32>);

impl Counter {
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Everything that is true only of this socket lives here, and is gone with it.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: WebSocketStream<Stream>,
    /// Counts the connections of the transport from 1.
    pub(crate) number: u32,
    /// It leads to our own gateway: it takes interrupts, and a second request waits for the first.
    pub(crate) is_gateway: bool,
    pub(crate) memory: Memory,
    /// A warm-up was sent whose answer has not ended: what comes until then is not ours.
    pub(crate) ignoring: bool,
    opened: Instant,
    clocks: Clocks,
    /// When it was last known that nobody slept.
    rests_since: Stamp,
    /// When that was last looked for.
    looked: Instant,
    /// The longest wait for a text frame of a response.
    idle_limit: Duration,
    last_heard: Instant,
    last_text: Instant,
    /// Bytes that had been read when we last looked: a large frame on a slow line is a sign of life too.
    bytes_heard: u64,
    /// A ping was sent, and something must come by then.
    answer_by: Option<Instant>,
    alarm: Alarm,
}

impl Connection {
    pub(crate) fn new(
        Upgraded { socket, is_gateway }: Upgraded,
        number: u32,
        memory: Memory,
        idle_limit: Duration,
        clocks: Clocks,
    ) -> Self {
        let now = Instant::now();
        let bytes_heard = socket.get_ref().bytes_read();
        Self {
            socket,
            number,
            is_gateway,
            memory,
            ignoring: false,
            opened: now,
            rests_since: clocks.now(),
            looked: now,
            clocks,
            idle_limit,
            last_heard: now,
            last_text: now,
            bytes_heard,
            answer_by: None,
            alarm: Alarm::new(),
        }
    }

    pub(crate) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Sends one text frame, in one write.
    pub(crate) async fn send(&mut self, frame: String) -> Result<(), TransportError> {
        match timeout(self.idle_limit, self.socket.send(Message::Text(frame.into()))).await {
            Err(_) => return Err(TransportError::Idle(self.idle_limit)),
            Ok(sent) => sent.map_err(broken)?,
        }
        // The silence that matters is the one after our question.
        self.last_heard = Instant::now();
        self.last_text = self.last_heard;
        self.answer_by = None;
        self.rests_since = self.clocks.now();
        Ok(())
    }

    /// The next text frame of a response under way. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, TransportError> {
        std::future::poll_fn(|context| self.poll_text(context)).await
    }

    fn poll_text(&mut self, context: &mut Context<'_>) -> Poll<Result<Utf8Bytes, TransportError>> {
        if let Poll::Ready(text) = self.poll_frames(context) {
            self.last_text = self.last_heard;
            return Poll::Ready(text);
        }
        loop {
            let silent_at = self.last_text + self.idle_limit;
            let life_at = self.answered_or_asked_at(PING_WHILE_ACTIVE);
            ready!(self.alarm.poll(context, silent_at.min(life_at).min(self.looked + LOOK_EVERY)));
            let now = Instant::now();
            if now >= silent_at {
                return Poll::Ready(Err(TransportError::Idle(self.idle_limit)));
            }
            if now >= life_at {
                self.ask_for_life(context)?;
            }
            self.look_for_sleep(context)?;
        }
    }

    /// Answers pings and sends ours while nobody asks for anything; what the server says now is for nobody. Ready
    /// when the connection is of no more use (C1.4).
    pub(crate) fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<TransportError> {
        loop {
            match self.poll_frames(context) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => break,
            }
        }
        loop {
            let due = self.answered_or_asked_at(PING_WHILE_IDLE);
            ready!(self.alarm.poll(context, due));
            if let Err(error) = self.ask_for_life(context) {
                return Poll::Ready(error);
            }
        }
    }

    /// The response is over: from now on nobody may be there to hear it die.
    pub(crate) fn rests(&mut self) {
        self.rests_since = self.clocks.now();
    }

    /// Whether nothing is known that speaks against it; looks, does not wait (C1.4).
    pub(crate) fn is_alive(&mut self) -> bool {
        !self.clocks.have_slept_since(self.rests_since)
            && self.poll_idle(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Utf8Bytes, TransportError>> {
        loop {
            let Some(message) = ready!(self.socket.poll_next_unpin(context)) else {
                return Poll::Ready(Err(TransportError::Dropped("end of stream".to_owned())));
            };
            self.last_heard = Instant::now();
            self.bytes_heard = self.socket.get_ref().bytes_read();
            self.answer_by = None;
            return Poll::Ready(match message.map_err(broken)? {
                Message::Text(text) => Ok(text),
                // tungstenite answers pings by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                Message::Close(frame) => Err(closed(frame)),
                Message::Binary(bytes) => {
                    let length = bytes.len();
                    Err(TransportError::Protocol(format!("a binary frame of {length} bytes")))
                }
            });
        }
    }

    fn answered_or_asked_at(&self, ping_after: Duration) -> Instant {
        self.answer_by.unwrap_or(self.last_heard + ping_after)
    }

    /// Who has slept in the middle of a response asks at once, and is not as patient.
    fn look_for_sleep(&mut self, context: &mut Context<'_>) -> Result<(), TransportError> {
        self.looked = Instant::now();
        let before = std::mem::replace(&mut self.rests_since, self.clocks.now());
        if !self.clocks.have_slept_since(before) {
            return Ok(());
        }
        let soon = self.looked + PONG_AFTER_SLEEP;
        match self.answer_by {
            Some(due) => {
                self.answer_by = Some(due.min(soon));
                Ok(())
            }
            None => self.ping(context, soon),
        }
    }

    /// The silence has lasted: a first time it is a reason to ask, a second time the end.
    fn ask_for_life(&mut self, context: &mut Context<'_>) -> Result<(), TransportError> {
        let bytes = self.socket.get_ref().bytes_read();
        if bytes != self.bytes_heard {
            self.bytes_heard = bytes;
            self.last_heard = Instant::now();
            self.answer_by = None;
            return Ok(());
        }
        if self.answer_by.is_some() {
            let silence = self.last_heard.elapsed().as_secs();
            return Err(TransportError::Dropped(format!("no sign of life for {silence} s")));
        }
        self.ping(context, Instant::now() + PONG_WITHIN)
    }

    fn ping(
        &mut self,
        context: &mut Context<'_>,
        answer_by: Instant,
    ) -> Result<(), TransportError> {
        self.answer_by = Some(answer_by);
        self.socket.start_send_unpin(Message::Ping(Bytes::new())).map_err(broken)?;
        // What cannot be written now is written with the next frame; if none can be, no answer comes either.
        match self.socket.poll_flush_unpin(context) {
            Poll::Ready(Err(error)) => Err(broken(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> TransportError {
    match frame {
        None => TransportError::Closed { code: 1005, reason: String::new() },
        Some(frame) => {
            // Terminals show it.
            let reason = frame.reason.chars().filter(|c| !c.is_control()).collect();
            TransportError::Closed { code: frame.code.into(), reason }
        }
    }
}

fn broken(error: Error) -> TransportError {
    match error {
        Error::Capacity(error) => TransportError::Protocol(error.to_string()),
        Error::Utf8(_) => TransportError::Protocol("text that is not UTF-8".to_owned()),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => TransportError::Dropped("end of stream".to_owned()),
        Error::Protocol(error) => TransportError::Protocol(error.to_string()),
        other => TransportError::Dropped(other.to_string()),
    }
}
