//! The listening gateway: takes connections and serves each in a task of its own, all of which end with it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_transport::Transport;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::config::{GatewayConfig, Limits, Token};
use crate::connection::{Connection, socket_config};
use crate::http::{Granted, answer};
use crate::visitors::{Acquaintance, Visitors};

/// Makes a way to the model for each lane of each connection.
pub(crate) type Upstream = Arc<dyn Fn() -> Box<dyn Transport> + Send + Sync>;

/// A client that has shown the token, and does not finish the head of a further request, is given up.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// A Responses endpoint on this machine, in front of any transport.
pub struct Gateway {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("the gateway listens on loopback addresses only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("the gateway's token is empty")]
    EmptyToken,
    #[error("the gateway cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("no randomness for the gateway's token: {0}")]
    Random(io::Error),
}

/// What all connections need.
pub(crate) struct Shared {
    pub(crate) port: u16,
    pub(crate) token: Token,
    pub(crate) models: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) upstream: Upstream,
    sockets: Arc<AtomicUsize>,
}

/// The place of one open WebSocket; given back on drop.
pub(crate) struct SocketSlot(Arc<AtomicUsize>);

impl Drop for SocketSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn socket_slot(&self) -> Option<SocketSlot> {
        let slot = SocketSlot(self.sockets.clone());
        (self.sockets.fetch_add(1, Ordering::Relaxed) < self.limits.sockets).then_some(slot)
    }
}

impl Gateway {
    /// Listens on `address`; port 0 is any free one. `upstream` is asked once for each lane of each connection and
    /// for each HTTP request.
    ///
    /// # Errors
    /// When the address is not a loopback one or cannot be had.
    pub async fn bind(
        address: SocketAddr,
        config: GatewayConfig,
        upstream: impl Fn() -> Box<dyn Transport> + Send + Sync + 'static,
    ) -> Result<Self, GatewayError> {
        if !address.ip().is_loopback() {
            return Err(GatewayError::NotLoopback(address));
        }
        let token = match config.token {
            Some(token) if token.as_str().trim().is_empty() => {
                return Err(GatewayError::EmptyToken);
            }
            Some(token) => token,
            None => Token::random().map_err(GatewayError::Random)?,
        };
        let listen = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        let shared = Shared {
            port,
            token,
            models: config.models,
            limits: config.limits,
            upstream: Arc::new(upstream),
            sockets: Arc::default(),
        };
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// The base URL for clients, such as `http://127.0.0.1:8123/v1`.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn base_url(&self) -> io::Result<String> {
        Ok(format!("http://{}/v1", self.local_addr()?))
    }

    /// # Errors
    /// When the socket has no address any more.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub fn token(&self) -> &Token {
        &self.shared.token
    }

    /// Serves until dropped; then all connections end with it.
    pub async fn serve(self) -> Infallible {
        let mut visitors = Visitors::default();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visitors.have_room() => match accepted {
                    Ok((stream, _)) => {
                        let shared = self.shared.clone();
                        visitors.add(|known| serve_connection(stream, shared, known));
                    }
                    // Out of descriptors, or a client that was gone at once: others may fare better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                Some(()) = visitors.until_one_is_over() => {}
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>, known: Acquaintance) {
    // Without it small frames wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let (grants, mut granted) = mpsc::unbounded_channel();
    let known = &known;
    let service = service_fn(|request| {
        let (shared, grants) = (shared.clone(), grants.clone());
        async move {
            let grant = move |granted| {
                let _ = grants.send(granted);
            };
            Ok::<_, Infallible>(answer(shared, request, known, grant).await)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let served = tokio::select! {
        served = serving => served,
        () = known.until_too_late(shared.limits.unknown) => return,
    };
    if served.is_ok()
        && let Ok(Granted { upgrade, slot }) = granted.try_recv()
        && let Ok(upgraded) = upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>()
    {
        let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let config = socket_config(&shared.limits);
        let socket =
            WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
        Connection::new(socket, shared.upstream.clone(), shared.limits.clone()).serve().await;
        drop(slot);
    }
}
