//! What the product uses: the socket first, HTTP when there is none, and patience. What is tried again here had
//! completed nothing yet; a response that broke off later is the loop's to ask for anew (C6.2).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_protocol::{Fallback, Request, ResponseEvent, Retry, TransportKind};
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep};

use crate::adaptation::Adaptation;
use crate::answer::Answer;
use crate::connection::Counter;
use crate::http::Ask;
use crate::outlet::{self, Outlet};
use crate::steers::{CANNOT_STEER, cannot_steer};
use crate::{
    ConnectStage, Control, Endpoint, Network, ResponsesHttp, Steering, Transport, TransportChoice,
    TransportError, WebSocket,
};

/// After so many failed tries on the socket a request goes by HTTP (protocol.md 1.7).
const SOCKET_TRIES: u32 = 3;
/// A socket that could not be had is not tried again for this long.
const SOCKET_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A try that took longer than this to fail was no quick one: the next goes by HTTP.
const QUICK: Duration = Duration::from_secs(5);

/// How long a request is worth trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries after the first, as long as nothing of the response was completed.
    pub max_retries: u32,
    /// How long to go on while the model is out of reach: no connection comes about. `None` waits as long as the
    /// network is away.
    pub offline: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { max_retries: 6, offline: Some(Duration::from_secs(120)) }
    }
}

/// The socket, HTTP, and what was learned about when to use which.
pub struct Resilient {
    endpoint: Arc<Endpoint>,
    network: Network,
    socket: WebSocket,
    http: ResponsesHttp,
    adaptation: Adaptation,
    /// Until then the socket is left alone.
    socket_after: Option<Instant>,
    /// It was said that the endpoint refuses the socket.
    refusal_told: bool,
}

/// The tries of one request.
struct Trial {
    way: TransportKind,
    failures: u32,
    socket_failures: u32,
    begun: Instant,
}

/// What is to be done about a failure.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    GiveUp,
    /// The same way again, after this wait.
    Again {
        delay: Duration,
        attempt: u32,
        max: u32,
    },
    ByHttp,
}

impl Resilient {
    pub fn new(mut endpoint: Endpoint, network: Network) -> Self {
        if let Some(limit) = endpoint.patience.offline {
            endpoint.connect_timeout = endpoint.connect_timeout.min(limit);
        }
        let endpoint = Arc::new(endpoint);
        let counter = Counter::default();
        Self {
            socket: WebSocket::counting(endpoint.clone(), network.clone(), counter.clone()),
            http: ResponsesHttp::counting(endpoint.clone(), network.clone(), counter),
            endpoint,
            network,
            adaptation: Adaptation::default(),
            socket_after: None,
            refusal_told: false,
        }
    }

    async fn persist(
        &mut self,
        ask: Ask,
        request: &Request,
        control: &mut Control,
        out: &mut Outlet,
    ) -> Result<(), TransportError> {
        let adapted = self.adaptation.adapt(request);
        let way = match ask {
            Ask::Respond => self.way(&adapted),
            Ask::Compact => TransportKind::HttpSse,
        };
        let begun = Instant::now();
        let mut trial = Trial { way, failures: 0, socket_failures: 0, begun };
        self.tell_of_refusal(out).await;
        loop {
            let adapted = self.adaptation.adapt(request);
            let tried = match trial.way {
                TransportKind::Websocket => self.socket.attempt(&adapted, control, out).await,
                _ => self.http.attempt(ask, &adapted, control, out).await,
            };
            let Err(error) = tried else { return Ok(()) };
            if out.items_done() > 0 {
                return Err(with_long_wait(error));
            }
            if let Some(kind) = self.learn_from(&error, request, &adapted) {
                out.send(ResponseEvent::Other { kind }).await;
                continue;
            }
            match self.judge(&error, &mut trial) {
                Verdict::GiveUp => return Err(with_long_wait(error)),
                Verdict::ByHttp => {
                    trial.way = TransportKind::HttpSse;
                    self.refusal_told |= error.status_without_socket().is_some();
                    out.send(by_http(error.to_string())).await;
                }
                Verdict::Again { delay, attempt, max } => {
                    let (kind, message) = (error.kind(), error.to_string());
                    out.send(ResponseEvent::Retry(Retry { attempt, max, delay, kind, message }))
                        .await;
                    if interrupted(delay, control, out).await {
                        out.send(Answer::default().interrupted()).await;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What is left out of the next try, which costs nobody's patience.
    fn learn_from(
        &mut self,
        error: &TransportError,
        request: &Request,
        sent: &Request,
    ) -> Option<String> {
        let TransportError::Api(error) = error else { return None };
        if self.network.learn_from_refusal(self.endpoint.authority(), error) {
            return Some("agent.without additional_tools".to_owned());
        }
        let name = self.adaptation.learn_from(error, request, sent)?;
        Some(format!("agent.without {name}"))
    }

    fn way(&mut self, request: &Request) -> TransportKind {
        if self.may_have_socket() && self.socket_is_back(request) {
            TransportKind::Websocket
        } else {
            TransportKind::HttpSse
        }
    }

    fn may_have_socket(&self) -> bool {
        match self.endpoint.choice {
            TransportChoice::Http => false,
            TransportChoice::Websocket => true,
            TransportChoice::Auto => {
                self.endpoint.facts.socket
                    && self.network.refusal(self.endpoint.authority()).is_none()
            }
        }
    }

    /// A socket that could not be had is tried again in the background, so that no request waits for it.
    fn socket_is_back(&mut self, request: &Request) -> bool {
        match self.socket_after {
            None => true,
            Some(after) if Instant::now() < after => false,
            Some(_) if self.socket.is_prepared() => {
                self.socket_after = None;
                true
            }
            Some(_) => {
                if self.socket.preparation_has_failed() {
                    self.socket_after = Some(Instant::now() + SOCKET_AGAIN_AFTER);
                }
                self.socket.prepare(request);
                false
            }
        }
    }

    /// Opens the connection in the background, before the first request is known. Must be called within a runtime.
    pub fn connect(&mut self) {
        if self.may_have_socket() { self.socket.connect() } else { self.http.connect() }
    }

    /// A refusal in the background is news to the person, too; once.
    async fn tell_of_refusal(&mut self, out: &mut Outlet) {
        let refusal = match self.endpoint.choice {
            TransportChoice::Auto => self.network.refusal(self.endpoint.authority()),
            TransportChoice::Websocket | TransportChoice::Http => None,
        };
        if let (Some(status), false) = (refusal, self.refusal_told) {
            let reason = format!("the endpoint refused the WebSocket upgrade (status {status})");
            out.send(by_http(reason)).await;
        }
        self.refusal_told = refusal.is_some();
    }

    fn judge(&mut self, error: &TransportError, trial: &mut Trial) -> Verdict {
        trial.failures += 1;
        let on_socket = trial.way == TransportKind::Websocket;
        if on_socket && self.endpoint.choice == TransportChoice::Auto {
            trial.socket_failures += 1;
            match error {
                TransportError::Refused(refusal) => match refusal.status {
                    Some(401 | 402) => return Verdict::GiveUp,
                    // Some firewalls block only upgrades; what the endpoint itself thinks, HTTP will say.
                    Some(403) => return Verdict::ByHttp,
                    _ if error.status_without_socket().is_some() => {
                        self.network.learn_from(self.endpoint.authority(), error);
                        return Verdict::ByHttp;
                    }
                    _ => {}
                },
                TransportError::TooLarge { .. } => return Verdict::ByHttp,
                _ => {}
            }
            // What the server says it will say by HTTP too, and a network that is away is away for both.
            let is_ours_to_bypass = error.is_retryable()
                && !matches!(error, TransportError::Api(_))
                && !is_offline(error);
            // Who swallows upgrades lets one wait as long as one likes.
            let is_slow =
                matches!(error, TransportError::Connect { .. }) && trial.begun.elapsed() > QUICK;
            if is_ours_to_bypass && (is_slow || trial.socket_failures >= self.socket_tries(error)) {
                self.socket_after = Some(Instant::now() + SOCKET_AGAIN_AFTER);
                return Verdict::ByHttp;
            }
        }
        let Some(delay) = error.wait_before(trial.failures) else { return Verdict::GiveUp };
        let Patience { max_retries, offline } = self.endpoint.patience;
        if matches!(error, TransportError::Connect { .. })
            && offline.is_some_and(|limit| trial.begun.elapsed() + delay > limit)
        {
            return Verdict::GiveUp;
        }
        let max = if is_offline(error) { 0 } else { max_retries };
        if max > 0 && trial.failures > max || max_retries == 0 {
            return Verdict::GiveUp;
        }
        Verdict::Again { delay, attempt: trial.failures, max }
    }

    /// A throttled upgrade is worth waiting for; a lost one is not.
    fn socket_tries(&self, error: &TransportError) -> u32 {
        match error {
            TransportError::Refused(refusal) if refusal.status == Some(429) => 6,
            _ => SOCKET_TRIES.min(self.endpoint.patience.max_retries + 1),
        }
    }
}

impl Transport for Resilient {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        outlet::stream(|mut out| async move {
            self.persist(Ask::Respond, request, control, &mut out).await
        })
    }

    fn compact<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        outlet::stream(|mut out| async move {
            self.persist(Ask::Compact, request, control, &mut out).await
        })
    }

    fn warm_up(&mut self, request: &Request) {
        let request = self.adaptation.adapt(request).into_owned();
        if self.way(&request) == TransportKind::Websocket {
            self.socket.warm_up(&request);
        }
    }
}

/// Whoever reads of a wait that nobody keeps should know how long it is.
fn with_long_wait(error: TransportError) -> TransportError {
    let wait = error.long_wait();
    match (error, wait) {
        (TransportError::Api(mut api), Some(wait)) => {
            api.message += &format!(" The server asks to wait for {} s.", wait.as_secs());
            TransportError::Api(api)
        }
        (error, _) => error,
    }
}

fn by_http(reason: String) -> ResponseEvent {
    let (from, to) = (TransportKind::Websocket, TransportKind::HttpSse);
    ResponseEvent::Fallback(Fallback { from, to, reason })
}

/// The network is away, rather than the server. A port of this machine where nobody listens is no such case.
fn is_offline(error: &TransportError) -> bool {
    let TransportError::Connect { stage: ConnectStage::Dns | ConnectStage::Tcp, host, .. } = error
    else {
        return false;
    };
    let address = host.parse::<IpAddr>();
    host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
}

/// Waits; true when the person does not want to wait.
async fn interrupted(delay: Duration, control: &mut Control, out: &mut Outlet) -> bool {
    let mut waiting = std::pin::pin!(sleep(delay));
    loop {
        tokio::select! {
            () = &mut waiting => return false,
            steering = control.next() => match steering {
                Steering::Steer(messages) => {
                        out.send(cannot_steer(messages, CANNOT_STEER)).await;
                    },
                Steering::Interrupt => return true,
            }
        }
    }
}
