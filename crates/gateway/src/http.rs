//! The HTTP side: which path and method is what, the upgrade, `POST /v1/responses` whole or as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use agent_protocol::Request as ModelRequest;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::upgrade::OnUpgrade;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::create::Create;
use crate::error::WireError;
use crate::events::Composer;
use crate::guard;
use crate::json::{Fields, Object, array};
use crate::run::{EarlyKeepalive, Outcome, Run};
use crate::server::{Shared, SocketSlot};
use crate::visitors::Acquaintance;

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// An upgrade that was granted: the socket to be, and its place among the open ones.
pub(crate) struct Granted {
    pub(crate) upgrade: OnUpgrade,
    pub(crate) slot: SocketSlot,
}

/// Answers one request; that it shows the token is made known, and an upgrade that is granted is given to `grant`.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
    known: &Acquaintance,
    grant: impl FnOnce(Granted),
) -> Answer {
    let admitted = guard::admit(request.uri(), request.headers(), shared.port, &shared.token);
    let answer = match admitted.inspect(|()| known.make()) {
        Err(error) => Err(error),
        Ok(()) => match route(request.uri().path()) {
            Some(Route::Responses) if request.method() == Method::POST => {
                create(&shared, request).await
            }
            Some(Route::Responses) if request.method() == Method::GET => {
                upgrade(&shared, &mut request).map(|(answer, granted)| {
                    grant(granted);
                    answer
                })
            }
            Some(Route::Models) if request.method() == Method::GET => Ok(models(&shared)),
            Some(_) => Err(WireError::new(
                405,
                "method_not_allowed",
                "This path does not take this method.",
            )),
            None => Err(WireError::new(404, "not_found", "No such path.")),
        },
    };
    let mut answer = answer.unwrap_or_else(|error| refusal(&error));
    // Errors that people report quote it (G1.2).
    let id = format!("req_{}", uuid::Uuid::now_v7().simple());
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert("x-request-id", id);
    }
    answer
}

enum Route {
    Responses,
    Models,
}

fn route(path: &str) -> Option<Route> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match path.strip_prefix("/openai/v1").or(path.strip_prefix("/v1")).unwrap_or(path) {
        "/responses" => Some(Route::Responses),
        "/models" => Some(Route::Models),
        _ => None,
    }
}

/// Tells our own client what no public endpoint promises: lean frames for every model, interrupts.
const OURSELVES: header::HeaderName = header::HeaderName::from_static("x-agent-gateway");

fn upgrade(
    shared: &Shared,
    request: &mut Request<Incoming>,
) -> Result<(Answer, Granted), WireError> {
    let headers = request.headers();
    let wanted = has_token(headers, header::UPGRADE, "websocket")
        && has_token(headers, header::CONNECTION, "upgrade");
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let (true, Some(key), Some(b"13")) = (wanted, key, version) else {
        let message = "This path speaks WebSocket (version 13), or takes a POST.";
        return Err(WireError::new(426, "upgrade_required", message));
    };
    let accept = derive_accept_key(key.as_bytes());
    let slot = shared.socket_slot().ok_or_else(|| {
        WireError::new(429, "rate_limit_exceeded", "Too many connections are open.")
    })?;
    let mut answer = Response::new(full(String::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(OURSELVES, HeaderValue::from_static("1"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((answer, Granted { upgrade: hyper::upgrade::on(request), slot }))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn models(shared: &Shared) -> Answer {
    let model = |name: &String| {
        Object::new()
            .text("id", name)
            .text("object", "model")
            .number("created", 0)
            .text("owned_by", "agent")
            .finish()
    };
    let models: Vec<_> = shared.models.iter().map(model).collect();
    let list =
        Object::new().text("object", "list").raw("data", &array(models.iter().map(String::as_str)));
    json_answer(StatusCode::OK, list.finish())
}

async fn create(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Answer, WireError> {
    let body = Limited::new(request.into_body(), shared.limits.message).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => WireError::new(413, "context_too_large", "The body is too large."),
        None => WireError::new(400, "invalid_json", "The body broke off."),
    })?;
    let body = body.to_bytes();
    let fields: Fields<'_> = serde_json::from_slice(&body).map_err(|error| {
        WireError::new(400, "invalid_json", format!("The body is not a JSON object: {error}"))
    })?;
    let create = Create::read(&fields)?;
    if let Some(previous) = &create.previous {
        // What a connection remembers belongs to a socket (C5.3).
        let message = format!("Previous response with id '{previous}' not found.");
        return Err(WireError::new(400, "previous_response_not_found", message)
            .about("previous_response_id"));
    }
    let stream = create.stream;
    let mut response = Running::start(shared, create);
    let Some(first) = response.frames.recv().await else { return Err(response.refusal().await) };
    if stream {
        response.first = Some(first);
        let mut answer = Response::new(response.boxed_unsync());
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(answer);
    }
    let mut last = first;
    while let Some(frame) = response.frames.recv().await {
        last = frame;
    }
    whole(&last)
}

/// The answer that is not streamed, from the last event of one that is.
fn whole(last: &str) -> Result<Answer, WireError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        response: &'a RawValue,
    }
    match serde_json::from_str::<Event<'_>>(last) {
        Ok(Event { response }) => Ok(json_answer(StatusCode::OK, response.get().to_owned())),
        Err(_) => Err(WireError::new(500, "server_error", "The response broke off.")),
    }
}

/// A response under way for a client over HTTP; ends when it is dropped. As a body: its events.
struct Running {
    frames: mpsc::Receiver<String>,
    first: Option<String>,
    task: JoinHandle<Outcome>,
}

impl Running {
    fn start(shared: &Arc<Shared>, create: Create) -> Self {
        let (sender, frames) = mpsc::channel(64);
        let shared = shared.clone();
        let task = tokio::spawn(async move {
            let Create { input, settings, .. } = create;
            let request =
                ModelRequest { settings: settings.clone(), window: input.into_iter().collect() };
            let run = Run {
                transport: &mut *(shared.upstream)(),
                request: &request,
                composer: &mut Composer::new(None, None, settings),
                frames: &sender,
                keepalive: shared.limits.keepalive,
                early: EarlyKeepalive::Withheld,
            };
            run.until_end(std::future::pending()).await
        });
        Self { frames, first: None, task }
    }

    /// Why no event came.
    async fn refusal(&mut self) -> WireError {
        match (&mut self.task).await {
            Ok(Outcome::Refused(error)) => error,
            _ => WireError::new(500, "server_error", "The response broke off."),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Body for Running {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match self.first.take() {
            Some(first) => Some(first),
            None => std::task::ready!(self.frames.poll_recv(context)),
        };
        Poll::Ready(frame.map(|json| Ok(Frame::data(sse(&json).into()))))
    }
}

fn sse(json: &str) -> String {
    #[derive(Deserialize)]
    struct Event<'a> {
        r#type: &'a str,
    }
    let kind = serde_json::from_str::<Event<'_>>(json).map_or("message", |event| event.r#type);
    format!("event: {kind}\ndata: {json}\n\n")
}

fn refusal(error: &WireError) -> Answer {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = json_answer(status, error.body());
    let headers = answer.headers_mut();
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    match status {
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    answer
}

fn json_answer(status: StatusCode, json: String) -> Answer {
    let mut answer = Response::new(full(json));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn full(text: String) -> UnsyncBoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(text)).boxed_unsync()
}
