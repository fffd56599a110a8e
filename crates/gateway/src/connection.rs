//! One WebSocket of one client: its lanes, what each remembers, and what goes over the wire. Nothing of it outlives
//! the socket (protocol.md 5.8, 5.9).

use std::collections::{HashMap, VecDeque};

use agent_protocol::{Item, Request, ResponseEnd, Window, WindowLog};
use agent_transport::Transport;
use futures_util::{SinkExt, StreamExt};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use crate::config::Limits;
use crate::create::{Create, lane_name, text};
use crate::error::WireError;
use crate::events::Composer;
use crate::json::{Fields, Object, quoted};
use crate::run::{EarlyKeepalive, Outcome, Run};
use crate::server::Upstream;

/// The largest frame written; what is longer goes in several (G1.3).
const LARGEST_FRAME: usize = 15 << 20;
/// A client that takes nothing for so long is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Connection<S> {
    socket: WebSocketStream<S>,
    upstream: Upstream,
    limits: Limits,
    opened: Instant,
    lanes: HashMap<Option<String>, Lane>,
    waiting: VecDeque<Create>,
    runs: JoinSet<Ended>,
    frames: mpsc::Sender<String>,
    from_runs: mpsc::Receiver<String>,
    /// It is too old: what runs may end, nothing more is taken.
    closing: bool,
    unanswered_pings: u8,
}

/// An ordered stream of responses.
#[derive(Default)]
struct Lane {
    last: Option<Last>,
    transport: Option<Box<dyn Transport>>,
    running: Option<Running>,
}

/// The latest response: the parent of the next.
struct Last {
    id: String,
    /// Input and output, for forks; the log is there to be continued.
    window: Window,
    log: Option<WindowLog>,
    bytes: usize,
    /// Of a lean conversation: said once, in force until others are said.
    tools: Option<Box<RawValue>>,
}

struct Running {
    id: String,
    interrupt: Option<oneshot::Sender<()>>,
}

/// A conversation that one response extends.
struct Conversation {
    log: WindowLog,
    bytes: usize,
    tools: Option<Box<RawValue>>,
    /// It is the lane's own latest response that is continued: an error loses it (protocol.md 5.2).
    own_parent: bool,
}

/// What a run gives back.
struct Ended {
    lane: Option<String>,
    transport: Box<dyn Transport>,
    conversation: Conversation,
    id: String,
    outcome: Outcome,
    output: Vec<Item>,
}

/// Why the connection is over; the client has been told.
struct Over;

pub(crate) fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(64 << 10)
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(socket: WebSocketStream<S>, upstream: Upstream, limits: Limits) -> Self {
        let (frames, from_runs) = mpsc::channel(64);
        Self {
            socket,
            upstream,
            limits,
            opened: Instant::now(),
            lanes: HashMap::new(),
            waiting: VecDeque::new(),
            runs: JoinSet::new(),
            frames,
            from_runs,
            closing: false,
            unanswered_pings: 0,
        }
    }

    /// Serves the client until it leaves or must.
    pub(crate) async fn serve(mut self) {
        let mut pings = tokio::time::interval_at(self.opened + self.limits.ping, self.limits.ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if self.closing && self.runs.is_empty() {
                return self.close(CloseCode::Away, "this connection is too old").await;
            }
            let done = tokio::select! {
                message = self.socket.next() => self.hear(message).await,
                Some(frame) = self.from_runs.recv() => self.pass_on(Some(frame), None).await,
                Some(ended) = self.runs.join_next(), if !self.runs.is_empty() => match ended {
                    Ok(ended) => self.end(ended).await,
                    Err(_) => return self.close(CloseCode::Error, "a response ended badly").await,
                },
                _ = pings.tick() => self.ping().await,
            };
            if let Err(Over) = done {
                return;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, SocketError>>) -> Result<(), Over> {
        self.unanswered_pings = 0;
        match message {
            Some(Ok(Message::Text(text))) => match self.take(&text).await {
                Err((lane, error)) => self.say(Some(error.frame(lane.as_deref()))).await,
                Ok(told) => self.say(told).await,
            },
            Some(Ok(Message::Binary(_))) => {
                self.close(CloseCode::Unsupported, "text frames only").await;
                Err(Over)
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.write(std::iter::empty()).await
            }
            Some(Err(SocketError::Capacity(_))) => {
                self.close(CloseCode::Size, "the message is too large").await;
                Err(Over)
            }
            Some(Err(SocketError::Utf8(_))) => {
                self.close(CloseCode::Invalid, "not UTF-8").await;
                Err(Over)
            }
            Some(Err(SocketError::Protocol(_))) => {
                self.close(CloseCode::Protocol, "").await;
                Err(Over)
            }
            // Clients that end by dropping TCP end as well as any (protocol.md 1.6).
            None | Some(Ok(Message::Close(_)) | Err(_)) => Err(Over),
        }
    }

    /// Acts on one client event. The error belongs to the lane beside it.
    async fn take(&mut self, text: &str) -> Result<Option<String>, (Option<String>, WireError)> {
        let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| {
            (
                None,
                WireError::new(
                    400,
                    "invalid_json",
                    format!("The frame is not a JSON object: {error}"),
                ),
            )
        })?;
        let lane = lane_name(&fields).map_err(|error| (None, error))?;
        let kind = self::text(&fields, "type").ok().flatten().unwrap_or_default();
        match &*kind {
            "response.create" => {
                let create = Create::read(&fields).map_err(|error| (lane.clone(), error))?;
                self.enqueue(create).map_err(|error| (lane, error))?;
                self.start_waiting().await;
                Ok(None)
            }
            "response.interrupt" => Ok(self.interrupt(&fields)),
            "response.steer" => Ok(Some(steer_failed(&fields))),
            _ => {
                let message = format!("Unknown event type '{kind}'.");
                Err((lane, WireError::new(400, "unknown_event_type", message).about("type")))
            }
        }
    }

    fn enqueue(&mut self, create: Create) -> Result<(), WireError> {
        if self.opened.elapsed() >= self.limits.age {
            self.closing = true;
            let minutes = self.limits.age.as_secs() / 60;
            let message = format!(
                "Responses websocket connection limit reached ({minutes} minutes). Create a new websocket connection to continue."
            );
            return Err(WireError::new(400, "websocket_connection_limit_reached", message));
        }
        if self.waiting.len() >= self.limits.waiting {
            let message = "Too many requests wait on this connection.";
            return Err(WireError::new(429, "rate_limit_exceeded", message));
        }
        if !self.lanes.contains_key(&create.lane) {
            let named = self.lanes.keys().filter(|lane| lane.is_some()).count();
            if create.lane.is_some() && named >= self.limits.lanes {
                let message = format!("A connection has at most {} streams.", self.limits.lanes);
                let error = WireError::new(400, "websocket_stream_limit_reached", message);
                return Err(error.about("stream_id"));
            }
            self.lanes.insert(create.lane.clone(), Lane::default());
        }
        self.waiting.push_back(create);
        Ok(())
    }

    /// Begins what may begin: one response a lane, so many a connection.
    async fn start_waiting(&mut self) {
        while self.runs.len() < self.limits.in_flight {
            let is_free = |create: &Create| {
                self.lanes.get(&create.lane).is_none_or(|lane| lane.running.is_none())
            };
            let Some(next) = self.waiting.iter().position(is_free) else { return };
            let Some(create) = self.waiting.remove(next) else { return };
            let lane = create.lane.clone();
            if let Err(error) = self.start(create) {
                // A failure here ends the connection at its next read or write.
                let _ = self.say(Some(error.frame(lane.as_deref()))).await;
            }
        }
    }

    fn start(&mut self, mut create: Create) -> Result<(), WireError> {
        let mut conversation = self.conversation(&create.lane, create.previous.as_deref())?;
        create.inherit(conversation.tools.take())?;
        let Create { lane: name, previous, input, settings, offered, warm_up, .. } = create;
        conversation.tools = offered;
        for item in input {
            conversation.push(item);
        }
        let others = self.lanes.iter().filter(|(other, _)| **other != name);
        let remembered: usize =
            others.filter_map(|(_, lane)| Some(lane.last.as_ref()?.bytes)).sum();
        let lane = self.lanes.entry(name.clone()).or_default();
        if remembered + conversation.bytes > self.limits.window {
            lane.forget(&conversation);
            let message =
                "The conversations of this connection are larger than the gateway remembers.";
            return Err(WireError::new(413, "context_too_large", message));
        }
        let request = Request { settings: settings.clone(), window: conversation.log.window() };
        if request.window.is_empty() && !warm_up {
            let message = "Missing required parameter: 'input'.";
            return Err(WireError::new(400, "missing_required_parameter", message).about("input"));
        }
        let composer = Composer::new(name.clone(), previous, settings);
        let mut transport = lane.transport.take().unwrap_or_else(|| (self.upstream)());
        let (interrupt, interrupted) = oneshot::channel();
        let id = composer.response_id().to_owned();
        lane.running = Some(Running { id, interrupt: Some(interrupt) });
        let (frames, keepalive) = (self.frames.clone(), self.limits.keepalive);
        self.runs.spawn(async move {
            let mut composer = composer;
            let outcome = if warm_up {
                warm_up_locally(&mut *transport, &request, &mut composer, &frames).await
            } else {
                let run = Run {
                    transport: &mut *transport,
                    request: &request,
                    composer: &mut composer,
                    frames: &frames,
                    keepalive,
                    early: EarlyKeepalive::Sent,
                };
                run.until_end(async {
                    if interrupted.await.is_err() {
                        std::future::pending().await
                    }
                })
                .await
            };
            if let Outcome::Refused(error) = &outcome {
                let _ = frames.send(error.frame(composer.lane())).await;
            }
            let id = composer.response_id().to_owned();
            Ended {
                lane: name,
                transport,
                conversation,
                id,
                outcome,
                output: composer.into_output(),
            }
        });
        Ok(())
    }

    /// What the request continues: nothing, the lane's latest response, or, as a fork, that of another lane.
    fn conversation(
        &mut self,
        name: &Option<String>,
        previous: Option<&str>,
    ) -> Result<Conversation, WireError> {
        let Some(previous) = previous else {
            return Ok(Conversation {
                log: WindowLog::default(),
                bytes: 0,
                tools: None,
                own_parent: false,
            });
        };
        if let Some(last) = self.lanes.get_mut(name).and_then(|lane| lane.last.as_mut())
            && last.id == previous
            && let Some(log) = last.log.take()
        {
            let (bytes, tools) = (last.bytes, last.tools.clone());
            return Ok(Conversation { log, bytes, tools, own_parent: true });
        }
        let lasts = self.lanes.values().filter_map(|lane| lane.last.as_ref());
        let Some(parent) = lasts.into_iter().find(|last| last.id == previous) else {
            let message = format!(
                "Previous response with id {} not found.",
                quoted(previous).replace('"', "'")
            );
            return Err(WireError::new(400, "previous_response_not_found", message)
                .about("previous_response_id"));
        };
        let mut log = WindowLog::default();
        parent.window.iter().cloned().for_each(|item| log.push(item));
        let (bytes, tools) = (parent.bytes, parent.tools.clone());
        Ok(Conversation { log, bytes, tools, own_parent: false })
    }

    async fn end(&mut self, ended: Ended) -> Result<(), Over> {
        // Its last frames may still wait; they come before anything of the next response on its lane.
        self.say(None).await?;
        let Ended { lane, transport, mut conversation, id, outcome, output } = ended;
        let lane = self.lanes.entry(lane).or_default();
        lane.running = None;
        lane.transport = Some(transport);
        match outcome {
            Outcome::Continuable => {
                for item in output {
                    conversation.push(item);
                }
                let Conversation { log, bytes, tools, .. } = conversation;
                lane.last = Some(Last { id, window: log.window(), log: Some(log), bytes, tools });
            }
            Outcome::Failed | Outcome::Refused(_) => lane.forget(&conversation),
        }
        self.start_waiting().await;
        Ok(())
    }

    /// Stops a running response; its run answers (G2.2).
    fn interrupt(&mut self, fields: &Fields<'_>) -> Option<String> {
        let id = self::text(fields, "response_id").ok().flatten().unwrap_or_default();
        let running = self.lanes.values_mut().filter_map(|lane| lane.running.as_mut());
        let stop = running
            .into_iter()
            .find(|running| running.id == id)
            .and_then(|running| running.interrupt.take());
        match stop {
            Some(stop) => {
                let _ = stop.send(());
                None
            }
            // Not an `error` event: that would end another response in the eyes of a client.
            None => {
                let error = Object::of_type("invalid_request_error")
                    .text("code", "response_not_active")
                    .text("message", "No such response is under way.");
                let event = Object::of_type("response.interrupt.failed").text("response_id", &id);
                Some(event.raw("error", &error.finish()).finish())
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Over> {
        if !self.runs.is_empty() {
            return Ok(());
        }
        if self.unanswered_pings >= 2 {
            self.close(CloseCode::Away, "no answer to pings").await;
            return Err(Over);
        }
        self.unanswered_pings += 1;
        self.write([Message::Ping(Vec::new().into())]).await
    }

    /// Writes `last`, behind all that the runs have said so far.
    async fn say(&mut self, last: Option<String>) -> Result<(), Over> {
        self.pass_on(None, last).await
    }

    async fn pass_on(&mut self, first: Option<String>, last: Option<String>) -> Result<(), Over> {
        let mut messages: Vec<_> = first.into_iter().flat_map(text_messages).collect();
        while let Ok(frame) = self.from_runs.try_recv() {
            messages.extend(text_messages(frame));
        }
        messages.extend(last.into_iter().flat_map(text_messages));
        self.write(messages).await
    }

    async fn write(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), Over> {
        let socket = &mut self.socket;
        let write = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        match timeout(WRITE_PATIENCE, write).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }

    /// Says goodbye, and reads on for a moment: a socket closed with unread bytes in it is reset, and the goodbye lost.
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.runs.abort_all();
        let goodbye = async {
            let frame = CloseFrame { code, reason: reason.into() };
            let _ = self.socket.close(Some(frame)).await;
            let _ = self.socket.get_mut().shutdown().await;
            let mut sink = vec![0; 64 << 10];
            while matches!(self.socket.get_mut().read(&mut sink).await, Ok(1..)) {}
        };
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }
}

impl Lane {
    /// A continuation that failed loses its parent; a fork or a fresh start leaves the lane as it was.
    fn forget(&mut self, failed: &Conversation) {
        if failed.own_parent {
            self.last = None;
        }
    }
}

impl Conversation {
    fn push(&mut self, item: Item) {
        self.bytes += item.json().len();
        self.log.push(item);
    }
}

/// Answers without generating anything; an upstream with a connection of its own prepares it (G5.1).
async fn warm_up_locally(
    transport: &mut dyn Transport,
    request: &Request,
    composer: &mut Composer,
    frames: &mpsc::Sender<String>,
) -> Outcome {
    transport.warm_up(request);
    let mut told = composer.created(None);
    told.push(composer.completed(&ResponseEnd::default()));
    for frame in told {
        if frames.send(frame).await.is_err() {
            return Outcome::Failed;
        }
    }
    Outcome::Continuable
}

/// The input comes back to the client, to be sent with its next request (G4.3).
fn steer_failed(fields: &Fields<'_>) -> String {
    let raw = |name: &str| fields.get(name).map_or("null", |value| value.get());
    let steer = Object::new()
        .raw("previous_response_id", raw("previous_response_id"))
        .raw("input", raw("input"))
        .finish();
    let error = Object::of_type("invalid_request_error")
        .text("code", "steering_not_supported")
        .text("message", "This endpoint cannot steer a running response.")
        .finish();
    Object::of_type("response.steer.failed")
        .raw("steer", &steer)
        .raw("error", &error)
        .number("sequence_number", 0)
        .finish()
}

fn text_messages(text: String) -> Vec<Message> {
    if text.len() <= LARGEST_FRAME {
        return vec![Message::text(text)];
    }
    let bytes = bytes::Bytes::from(text);
    let pieces = bytes.len().div_ceil(LARGEST_FRAME);
    (0..pieces)
        .map(|piece| {
            let start = piece * LARGEST_FRAME;
            let end = bytes.len().min(start + LARGEST_FRAME);
            let kind = if piece == 0 { Data::Text } else { Data::Continue };
            let frame =
                Frame::message(bytes.slice(start..end), OpCode::Data(kind), piece + 1 == pieces);
            Message::Frame(frame)
        })
        .collect()
}
