//! Opens sockets to one endpoint; cheap to clone, so that it can be done in the background.

use std::sync::Arc;

use agent_protocol::SendReason;
use tokio::time::Instant;

use crate::chain::Memory;
use crate::connect::dial;
use crate::connection::{Connection, Counter};
use crate::upgrade::upgrade;
use crate::{Endpoint, Network, TransportError};

/// Opens a socket and closes it again: whether the endpoint can be had, and takes us for who we are. Nothing is asked
/// of a model.
///
/// # Errors
/// As the first request would fail: `Connect` with the stage, or `Refused`.
pub async fn try_socket(endpoint: Endpoint, network: Network) -> Result<(), TransportError> {
    let opener = Opener { endpoint: Arc::new(endpoint), network, counter: Counter::default() };
    opener.open(SendReason::First).await.map(drop)
}

#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) network: Network,
    pub(crate) counter: Counter,
}

impl Opener {
    /// A new connection, on which the first request is a full send for `reason`.
    pub(crate) async fn open(&self, reason: SendReason) -> Result<Connection, TransportError> {
        let deadline = Instant::now() + self.endpoint.connect_timeout;
        let stream = dial(&self.network, &self.endpoint.target(), deadline).await?;
        let agent = &self.network.config().user_agent;
        let upgraded = upgrade(stream, &self.endpoint, agent, deadline).await?;
        let memory = Memory::Nothing(reason);
        let (number, idle_limit) = (self.counter.next(), self.endpoint.idle_timeout);
        let clocks = self.network.clocks().clone();
        Ok(Connection::new(upgraded, number, memory, idle_limit, clocks))
    }
}
