//! The same conversation over HTTP (protocol.md 7): every request is the whole window, for no chain holds here
//! (C5.3), every answer a stream of server-sent events. For endpoints without a socket, requests too large for one, and those who want it so.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use agent_protocol::{
    Request, ResponseEvent, SendReason, Sent, ServerEvent, TransportKind, compact_body, http_body,
    read_compaction, read_server_frame,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::adaptation::style_of;
use crate::alarm::Alarm;
use crate::answer::{Answer, Taken};
use crate::clocks::Stamp;
use crate::connect::dial;
use crate::connection::Counter;
use crate::outlet::{self, Outlet};
use crate::sse::Sse;
use crate::steers::{CANNOT_STEER, cannot_steer};
use crate::upgrade::{MESSAGE_BYTES, api_error, common_headers};
use crate::wire::read_refusal;
use crate::{Control, Endpoint, Network, Steering, Transport, TransportError};

/// What is left of a body after its terminal event is a few bytes: not worth waiting for longer.
const REST_WITHIN: Duration = Duration::from_millis(50);

/// A transport without patience, like [`WebSocket`](crate::WebSocket). Its connection is kept for the next request.
pub struct ResponsesHttp {
    opener: Opener,
    pooled: Option<Pooled>,
    /// A connection in the making.
    opening: Option<JoinHandle<Result<Pooled, TransportError>>>,
}

/// What is asked of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// An answer, streamed.
    Respond,
    /// A shorter window, in one piece (protocol.md 5.6).
    Compact,
}

#[derive(Clone)]
struct Opener {
    endpoint: Arc<Endpoint>,
    network: Network,
    counter: Counter,
}

impl Opener {
    async fn open(self) -> Result<Pooled, TransportError> {
        let deadline = Instant::now() + self.endpoint.connect_timeout;
        let stream = dial(&self.network, &self.endpoint.target(), deadline).await?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(dropped)?;
        // Ends by itself when sender and body are gone; what goes wrong is said to them.
        tokio::spawn(async move { connection.await.ok() });
        let rests_since = self.network.clocks().now();
        Ok(Pooled { sender, rest: None, number: self.counter.next(), rests_since })
    }
}

/// A connection between two requests.
struct Pooled {
    sender: SendRequest<Full<Bytes>>,
    /// The body of the last answer, not yet read to its end: only then is the connection free.
    rest: Option<Incoming>,
    number: u32,
    rests_since: Stamp,
}

impl Pooled {
    /// Whether the next request can be sent on it.
    async fn is_free(&mut self) -> bool {
        let free = async {
            if let Some(mut rest) = self.rest.take() {
                while let Some(frame) = rest.frame().await {
                    if frame.is_err() {
                        return false;
                    }
                }
            }
            self.sender.ready().await.is_ok()
        };
        timeout(REST_WITHIN, free).await.unwrap_or(false)
    }
}

/// Why there is no terminal event.
enum Cut {
    Failed(TransportError),
    /// The connection was gone before anything of the answer came: perhaps it was dead already.
    Silent(TransportError),
}

impl ResponsesHttp {
    pub fn new(endpoint: Arc<Endpoint>, network: Network) -> Self {
        Self::counting(endpoint, network, Counter::default())
    }

    pub(crate) fn counting(endpoint: Arc<Endpoint>, network: Network, counter: Counter) -> Self {
        Self { opener: Opener { endpoint, network, counter }, pooled: None, opening: None }
    }

    /// One try; a kept connection that turns out to be dead is replaced at once.
    pub(crate) async fn attempt(
        &mut self,
        ask: Ask,
        request: &Request,
        control: &mut Control,
        out: &mut Outlet,
    ) -> Result<(), TransportError> {
        let body = Bytes::from(match ask {
            Ask::Respond => {
                let Opener { endpoint, network, .. } = &self.opener;
                http_body(request, style_of(endpoint, network, request, false))
            }
            Ask::Compact => compact_body(request),
        });
        if let Some(mut pooled) = self.kept().await
            && !self.opener.network.clocks().have_slept_since(pooled.rests_since)
            && pooled.is_free().await
        {
            match self.exchange(pooled, ask, body.clone(), Duration::ZERO, control, out).await {
                Ok(()) => return Ok(()),
                Err(Cut::Failed(error)) => return Err(error),
                Err(Cut::Silent(_)) => {}
            }
        }
        let start = Instant::now();
        let pooled = self.opener.clone().open().await?;
        match self.exchange(pooled, ask, body, start.elapsed(), control, out).await {
            Ok(()) => Ok(()),
            Err(Cut::Failed(error) | Cut::Silent(error)) => Err(error),
        }
    }

    /// Opens the connection in the background. Must be called within a runtime.
    pub(crate) fn connect(&mut self) {
        if self.pooled.is_none() && self.opening.is_none() {
            self.opening = Some(tokio::spawn(self.opener.clone().open()));
        }
    }

    /// The connection of the last request, or one that was opened early.
    async fn kept(&mut self) -> Option<Pooled> {
        match (self.pooled.take(), self.opening.take()) {
            (Some(pooled), _) => Some(pooled),
            // One that could not be opened says nothing about now.
            (None, Some(opening)) => opening.await.ok()?.ok(),
            (None, None) => None,
        }
    }

    fn keep(&mut self, mut pooled: Pooled) {
        pooled.rests_since = self.opener.network.clocks().now();
        self.pooled = Some(pooled);
    }

    async fn exchange(
        &mut self,
        mut pooled: Pooled,
        ask: Ask,
        body: Bytes,
        connect: Duration,
        control: &mut Control,
        out: &mut Outlet,
    ) -> Result<(), Cut> {
        let bytes = body.len() as u64;
        let answer = pooled.sender.send_request(self.request(ask, body));
        let sent = Sent {
            transport: TransportKind::HttpSse,
            connection: pooled.number,
            incremental: false,
            reason: SendReason::Stateless,
            bytes_up: bytes,
            bytes_stateless: bytes,
            connect,
        };
        out.send(ResponseEvent::Sent(sent)).await;
        let idle_limit = self.opener.endpoint.idle_timeout;
        let mut waiting = std::pin::pin!(timeout(idle_limit, answer));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut waiting => break answer,
                steering = control.next() => match steering {
                    Steering::Steer(messages) => {
                        out.send(cannot_steer(messages, CANNOT_STEER)).await;
                    }
                    Steering::Interrupt => {
                        out.send(Answer::default().interrupted()).await;
                        return Ok(());
                    }
                }
            }
        };
        let answer = answer
            .map_err(|_| Cut::Failed(TransportError::Idle(idle_limit)))?
            .map_err(|error| Cut::Silent(dropped(error)))?;
        if ask == Ask::Compact {
            let events = timeout(idle_limit, compacted(answer)).await;
            let events = events.map_err(|_| Cut::Failed(TransportError::Idle(idle_limit)))?;
            let events = events.map_err(Cut::Failed)?;
            self.keep(pooled);
            for event in events {
                out.send(event).await;
            }
            return Ok(());
        }
        let mut stream = EventStream {
            body: refused_or_streaming(answer).await.map_err(Cut::Failed)?,
            sse: Sse::default(),
            answer: Answer::default(),
            idle_limit,
            last_heard: Instant::now(),
            alarm: Alarm::new(),
        };
        let ended = stream.run(control, out).await;
        while let Some(wish) = control.try_next() {
            if let Steering::Steer(messages) = wish {
                out.send(cannot_steer(messages, CANNOT_STEER)).await;
            }
        }
        match ended.map_err(Cut::Failed)? {
            End::Terminal(event) => {
                pooled.rest = Some(stream.body);
                self.keep(pooled);
                out.send(event).await;
            }
            End::Interrupted(event) => out.send(event).await,
        }
        Ok(())
    }

    fn request(&self, ask: Ask, body: Bytes) -> http::Request<Full<Bytes>> {
        let Opener { endpoint, network, .. } = &self.opener;
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        // `Endpoint::new` has parsed it; a query added later is encoded.
        *request.uri_mut() = match ask {
            Ask::Respond => endpoint.path().parse(),
            Ask::Compact => endpoint.compact_path().parse(),
        }
        .unwrap_or_default();
        let mut headers = common_headers(endpoint, &network.config().user_agent);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static(match ask {
                Ask::Respond => "text/event-stream",
                Ask::Compact => "application/json",
            }),
        );
        *request.headers_mut() = headers;
        request
    }
}

impl Transport for ResponsesHttp {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        outlet::stream(|mut out| async move {
            self.attempt(Ask::Respond, request, control, &mut out).await
        })
    }

    fn warm_up(&mut self, _request: &Request) {}
}

/// The body, when it is a stream of events; else the error that it says.
async fn refused_or_streaming(answer: Response<Incoming>) -> Result<Incoming, TransportError> {
    let (parts, body) = answer.into_parts();
    if parts.status.is_success() && !is_json(&parts.headers) {
        return Ok(body);
    }
    let error = api_error(parts.status, &parts.headers, &read_refusal(body).await);
    if parts.status.is_success() {
        let message = format!("an answer in one piece instead of a stream: {}", error.message);
        return Err(TransportError::Protocol(message));
    }
    Err(TransportError::Api(error))
}

/// The new window, item by item, and the end.
async fn compacted(answer: Response<Incoming>) -> Result<Vec<ResponseEvent>, TransportError> {
    let (parts, body) = answer.into_parts();
    if !parts.status.is_success() {
        let body = read_refusal(body).await;
        return Err(TransportError::Api(api_error(parts.status, &parts.headers, &body)));
    }
    let body = Limited::new(body, MESSAGE_BYTES).collect().await;
    let body = body.map_err(|error| TransportError::Dropped(error.to_string()))?.to_bytes();
    let (items, mut end) = std::str::from_utf8(&body)
        .map_err(|error| error.to_string())
        .and_then(|text| read_compaction(text).map_err(|error| error.to_string()))
        .map_err(|error| TransportError::Protocol(format!("no shorter conversation: {error}")))?;
    end.bytes_down = body.len() as u64;
    let done = items.into_iter().zip(0..);
    let done = done.map(|(item, output_index)| ResponseEvent::ItemDone { output_index, item });
    Ok(done.chain([ResponseEvent::Completed(end)]).collect())
}

/// Some servers stream without saying so, but none streams `application/json`.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/json"))
}

/// The events of one answer.
struct EventStream {
    body: Incoming,
    sse: Sse,
    answer: Answer,
    idle_limit: Duration,
    last_heard: Instant,
    alarm: Alarm,
}

enum End {
    Terminal(ResponseEvent),
    /// By us: what follows in the body is not read.
    Interrupted(ResponseEvent),
}

impl EventStream {
    async fn run(
        &mut self,
        control: &mut Control,
        out: &mut Outlet,
    ) -> Result<End, TransportError> {
        loop {
            tokio::select! {
                // First what is rare: bytes may come without a pause.
                biased;
                steering = control.next() => match steering {
                    Steering::Steer(messages) => {
                        out.send(cannot_steer(messages, CANNOT_STEER)).await;
                    }
                    Steering::Interrupt => return Ok(End::Interrupted(self.answer.interrupted())),
                },
                bytes = self.bytes() => {
                    let Some(bytes) = bytes? else {
                        return Err(TransportError::Dropped("end of stream".to_owned()));
                    };
                    self.answer.hear(bytes.len())?;
                    self.sse.push(&bytes);
                    if let Some(end) = self.read(out).await? {
                        return Ok(End::Terminal(end));
                    }
                }
            }
        }
    }

    /// Yields the events that are complete; the terminal one is returned.
    async fn read(&mut self, out: &mut Outlet) -> Result<Option<ResponseEvent>, TransportError> {
        loop {
            let data =
                self.sse.next().map_err(|error| TransportError::Protocol(error.to_string()))?;
            let Some(data) = data else { return Ok(None) };
            if data == "[DONE]" {
                return Err(TransportError::Dropped(
                    "[DONE] before the end of the response".to_owned(),
                ));
            }
            if data.trim().is_empty() {
                continue;
            }
            let frame = read_server_frame(data).map_err(|error| {
                TransportError::Protocol(format!("data that is no event: {error}"))
            })?;
            let event = match frame.event {
                ServerEvent::Keepalive => continue,
                ServerEvent::Error(error) => return Err(TransportError::Api(error)),
                ServerEvent::Response(event) => event,
            };
            match self.answer.take(event) {
                Taken::Event(event) => out.send(event).await,
                Taken::Repeated => {}
                Taken::End(end) => return Ok(Some(end)),
            }
        }
    }

    /// The next bytes of the body, `None` at its end. Cancel safe.
    async fn bytes(&mut self) -> Result<Option<Bytes>, TransportError> {
        std::future::poll_fn(|context| {
            while let Poll::Ready(frame) = std::pin::Pin::new(&mut self.body).poll_frame(context) {
                self.last_heard = Instant::now();
                match frame {
                    None => return Poll::Ready(Ok(None)),
                    Some(Err(error)) => return Poll::Ready(Err(dropped(error))),
                    // Trailers say nothing to us.
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Poll::Ready(Ok(Some(bytes)));
                        }
                    }
                }
            }
            self.alarm
                .poll(context, self.last_heard + self.idle_limit)
                .map(|()| Err(TransportError::Idle(self.idle_limit)))
        })
        .await
    }
}

fn dropped(error: hyper::Error) -> TransportError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    TransportError::Dropped(format!("{error}{}", cause.unwrap_or_default()))
}
