//! The product's heart: one socket, reused for every step; each sends only what the server does not have yet.

use std::sync::Arc;
use std::time::Duration;

use agent_protocol::{Request, ResponseEvent, SendReason, stateless_len};
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use crate::adaptation::{can_be_steered, style_of};
use crate::connection::{Connection, Counter};
use crate::exchange::{Cut, Exchange, State, Terms};
use crate::idle::Idle;
use crate::opener::Opener;
use crate::outlet::{self, Outlet};
use crate::preparation::Preparation;
use crate::{Control, Endpoint, Network, Transport, TransportError};

/// A transport without patience: it opens the connection it needs, and what fails is the caller's to try again.
/// It takes its connection out of its place while a response is under way and puts it back just before it yields
/// the terminal event, so a response given up half-way costs its connection.
pub struct WebSocket {
    opener: Opener,
    idle: Idle,
    /// The next connection, opened and warmed in the background.
    preparation: Option<Preparation>,
    /// Why the first request on the next connection will be a full send.
    next_reason: SendReason,
    /// Lowered when the server refuses a message that passed the gate (protocol.md 11, U13).
    frame_limit: usize,
    /// The last response, if the endpoint is to be asked about its cache.
    compare_with: Option<String>,
}

impl WebSocket {
    pub fn new(endpoint: Arc<Endpoint>, network: Network) -> Self {
        Self::counting(endpoint, network, Counter::default())
    }

    pub(crate) fn counting(endpoint: Arc<Endpoint>, network: Network, counter: Counter) -> Self {
        Self {
            frame_limit: endpoint.facts.frame_limit,
            opener: Opener { endpoint, network, counter },
            idle: Idle::default(),
            preparation: None,
            next_reason: SendReason::First,
            compare_with: None,
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
        self.fits(request)?;
        let start = Instant::now();
        let (mut connection, mut is_used) = self.take(request).await?;
        let mut connect = start.elapsed();
        loop {
            let terms = self.terms(request, connection.is_gateway);
            let exchange = Exchange {
                connection: &mut connection,
                request,
                control: &mut *control,
                out: &mut *out,
                terms,
                connect,
                compare_with: self.compare_with.as_deref(),
                state: State::default(),
            };
            let cut = match exchange.run().await {
                Ok(terminal) => {
                    self.remember(&terminal);
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
                Cut::Abandoned(end) => {
                    out.send(end).await;
                    return Ok(());
                }
                Cut::Refused { bytes } => {
                    self.frame_limit = bytes;
                    let (bytes, limit) = (bytes as u64, bytes as u64);
                    return Err(TransportError::TooLarge { bytes, limit });
                }
                Cut::Silent(_) if is_used => {}
                Cut::Expired(_) if is_used => self.next_reason = SendReason::Rotated,
                Cut::Silent(error) | Cut::Expired(error) | Cut::Lost(error) => return Err(error),
            }
            let start = Instant::now();
            (connection, is_used) = self.replacement().await?;
            connect = start.elapsed();
        }
    }

    /// Nothing is connected for a request that could only be sent whole and is too large for that (C1.1).
    fn fits(&self, request: &Request) -> Result<(), TransportError> {
        let (bytes, limit) = (stateless_len(request), self.frame_limit as u64);
        let may_be_chained = self.preparation.is_some() || self.idle.peek(|_| ()).is_some();
        if bytes < limit || may_be_chained {
            Ok(())
        } else {
            Err(TransportError::TooLarge { bytes, limit })
        }
    }

    fn terms(&self, request: &Request, is_gateway: bool) -> Terms {
        let Opener { endpoint, network, .. } = &self.opener;
        Terms {
            frame_limit: self.frame_limit,
            style: style_of(endpoint, network, request, is_gateway),
            steers: endpoint.facts.steers && can_be_steered(&request.settings.fields().model),
            interrupts: endpoint.facts.interrupts || is_gateway,
        }
    }

    fn remember(&mut self, terminal: &ResponseEvent) {
        if let (true, ResponseEvent::Completed(end)) = (self.opener.endpoint.debug_cache, terminal)
        {
            self.compare_with = Some(end.response_id.clone());
        }
    }

    /// Opens the next connection in the background. Must be called within a runtime.
    pub(crate) fn connect(&mut self) {
        if self.preparation.as_ref().is_none_or(Preparation::has_failed) {
            self.preparation = Some(Preparation::start(self.opener.clone(), self.next_reason));
        }
    }

    /// Opens the next connection in the background and warms it for a request like this one.
    pub(crate) fn prepare(&mut self, request: &Request) {
        self.connect();
        if let Some(preparation) = &self.preparation {
            preparation.warm_up(request);
        }
    }

    pub(crate) fn is_prepared(&self) -> bool {
        self.preparation.as_ref().is_some_and(Preparation::is_ready)
    }

    pub(crate) fn preparation_has_failed(&self) -> bool {
        self.preparation.as_ref().is_some_and(Preparation::has_failed)
    }

    /// A connection for this request, and whether it has been waiting, and so may be dead: the one at hand, unless
    /// another is ready to take its place.
    async fn take(&mut self, request: &Request) -> Result<(Connection, bool), TransportError> {
        let Some(connection) = self.idle.take() else {
            return self.replacement().await;
        };
        if self.is_prepared() {
            if let Ok(next) = self.replacement().await {
                return Ok(next);
            }
        } else if connection.age() >= self.leaves_at(request) {
            self.next_reason = SendReason::Rotated;
            self.prepare(request);
        }
        Ok((connection, true))
    }

    /// The age from which on a connection is left before this request (design: rarely within a turn, since a new
    /// connection may miss the prompt cache).
    fn leaves_at(&self, request: &Request) -> Duration {
        let facts = &self.opener.endpoint.facts;
        let last = request.window.from(request.window.len().saturating_sub(1)).next();
        let is_within_turn = last.is_some_and(|item| item.answers().is_some());
        if is_within_turn { facts.rotate_between_steps } else { facts.rotate_between_turns }
    }

    /// The connection that was prepared, else a new one.
    async fn replacement(&mut self) -> Result<(Connection, bool), TransportError> {
        let prepared = match self.preparation.take() {
            // One that failed while nobody waited for it says nothing about now.
            Some(preparation) if !preparation.has_failed() => preparation.claim().await?,
            _ => None,
        };
        let alive = prepared.and_then(|mut it| it.is_alive().then_some(it));
        let found = match alive {
            Some(connection) => (connection, true),
            None => (self.opener.open(self.next_reason).await?, false),
        };
        // Whatever comes after this connection comes because it was lost.
        self.next_reason = SendReason::AfterError;
        Ok(found)
    }
}

impl Transport for WebSocket {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        outlet::stream(|mut out| async move { self.attempt(request, control, &mut out).await })
    }

    fn warm_up(&mut self, request: &Request) {
        match self.idle.peek(Connection::age) {
            None => self.prepare(request),
            Some(age) if age >= self.leaves_at(request) => {
                self.next_reason = SendReason::Rotated;
                self.prepare(request);
            }
            Some(_) => {}
        }
    }
}
