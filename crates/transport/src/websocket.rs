//! The product's heart: one socket, reused for every step; each sends only what the server does not have yet.

use std::sync::Arc;
use std::time::Duration;

use agent_protocol::{Request, SendReason};
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use crate::chain::Memory;
use crate::connect::dial;
use crate::connection::{Connection, Counter};
use crate::exchange::{Cut, Exchange};
use crate::idle::Idle;
use crate::outlet::{self, Outlet};
use crate::upgrade::upgrade;
use crate::{Control, Endpoint, Network, Transport, TransportError};

/// A transport without patience: it opens the connection it needs, and what fails is the caller's to try again.
/// It takes its connection out of its place while a response is under way and puts it back just before it yields
/// the terminal event, so a response given up half-way costs its connection.
pub struct WebSocket {
    endpoint: Arc<Endpoint>,
    network: Network,
    idle: Idle,
    counter: Counter,
    /// Why the first request on the next connection will be a full send.
    next_reason: SendReason,
    /// Lowered when the server refuses a message that passed the gate (protocol.md 11, U13).
    frame_limit: usize,
}

impl WebSocket {
    pub fn new(endpoint: Arc<Endpoint>, network: Network) -> Self {
        Self::counting(endpoint, network, Counter::default())
    }

    pub(crate) fn counting(endpoint: Arc<Endpoint>, network: Network, counter: Counter) -> Self {
        Self {
            frame_limit: endpoint.facts.frame_limit,
            endpoint,
            network,
            idle: Idle::default(),
            counter,
            next_reason: SendReason::First,
        }
    }

    /// One try. A connection that turns out to be dead or too old before anything of the answer came is replaced
    /// at once: that is nobody's failure.
    pub(crate) async fn attempt(
        &mut self,
        request: &Request,
        control: &mut Control,
        out: &mut Outlet,
    ) -> Result<(), TransportError> {
        let (mut connection, mut connect) = match self.idle.take() {
            Some(connection) => (connection, Duration::ZERO),
            None => self.open().await?,
        };
        loop {
            let exchange =
                Exchange::new(&mut connection, request, control, out, self.frame_limit, connect);
            let reused = connect.is_zero();
            let cut = match exchange.run().await {
                Ok(terminal) => {
                    self.idle.put(connection);
                    out.send(terminal).await;
                    return Ok(());
                }
                Err(cut) => cut,
            };
            match cut {
                Cut::Kept(error) => {
                    self.idle.put(connection);
                    return Err(error);
                }
                Cut::Interrupted(end) => {
                    out.send(end).await;
                    return Ok(());
                }
                Cut::Silent(_) if reused => {}
                Cut::Expired(_) if reused => self.next_reason = SendReason::Rotated,
                Cut::Silent(error) | Cut::Expired(error) | Cut::Lost(error) => return Err(error),
            }
            (connection, connect) = self.open().await?;
        }
    }

    /// A new connection, and how long it took.
    async fn open(&mut self) -> Result<(Connection, Duration), TransportError> {
        let start = Instant::now();
        let deadline = start + self.endpoint.connect_timeout;
        let stream = dial(&self.network, &self.endpoint.target(), deadline).await?;
        let agent = &self.network.config().user_agent;
        let socket = upgrade(stream, &self.endpoint, agent, deadline).await?;
        let number = self.counter.next();
        // Whatever comes after this connection comes because it was lost.
        let memory =
            Memory::Nothing(std::mem::replace(&mut self.next_reason, SendReason::AfterError));
        let connection = Connection::new(socket, number, memory, self.endpoint.idle_timeout);
        Ok((connection, start.elapsed()))
    }
}

impl Transport for WebSocket {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<agent_protocol::ResponseEvent, TransportError>> {
        outlet::stream(|mut out| async move { self.attempt(request, control, &mut out).await })
    }

    fn warm_up(&mut self, _request: &Request) {}
}
