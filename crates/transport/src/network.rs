//! What all connections of the process share: how to get out, whom to trust, and what was learned about hosts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_protocol::ApiError;
use rustls::ClientConfig;
use tokio::io::DuplexStream;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::Instant;

use crate::clocks::Clocks;
use crate::{TransportError, tls};

/// How long a host that refused the upgrade is not asked again (protocol.md 1.7).
const REFUSAL_HOLDS: Duration = Duration::from_secs(600);

/// As meant: whoever reads the environment fills it in.
#[derive(Clone, Default)]
pub struct NetworkConfig {
    /// URL of the proxy for endpoints with TLS, such as `http://user:password@proxy:3128`.
    pub https_proxy: Option<String>,
    /// The same for endpoints without.
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy: names, domains, addresses, `*`, separated by commas.
    pub no_proxy: String,
    /// Certificates (PEM, any number) trusted beside the platform's.
    pub extra_roots: Vec<u8>,
    /// Directories with files of such certificates; what in them is none is passed by.
    pub extra_root_dirs: Vec<PathBuf>,
    /// `User-Agent` of every request.
    pub user_agent: String,
}

impl std::fmt::Debug for NetworkConfig {
    /// Proxy URLs may carry a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |proxy: &Option<String>| proxy.as_ref().map(|_| "…");
        f.debug_struct("NetworkConfig")
            .field("https_proxy", &shown(&self.https_proxy))
            .field("http_proxy", &shown(&self.http_proxy))
            .field("no_proxy", &self.no_proxy)
            .field("extra_roots", &self.extra_roots.len())
            .field("extra_root_dirs", &self.extra_root_dirs)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// The way out, shared by all transports of the process: cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct Network(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: NetworkConfig,
    /// Made for the first connection that needs it: reading the platform's roots takes milliseconds.
    tls: OnceCell<Arc<ClientConfig>>,
    hosts: Mutex<HashMap<String, Host>>,
    clocks: Clocks,
    /// Instead of the network.
    memory: Option<mpsc::UnboundedSender<DuplexStream>>,
}

/// What was learned about a host.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    /// It does not speak the WebSocket protocol, as far as we know until then.
    refusal: Option<Refusal>,
    /// It does not know `generate:false`.
    no_warm_up: bool,
    /// It does not read lean frames.
    classic: bool,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    until: Instant,
    status: u16,
}

impl Network {
    pub fn new(config: NetworkConfig) -> Self {
        Self::with_memory(config, None)
    }

    /// No network at all: every connection is one end of a pipe in memory, the other end comes out of `server`.
    /// For tests, which can then pause the clock.
    pub fn in_memory() -> (Self, mpsc::UnboundedReceiver<DuplexStream>) {
        let (sender, server) = mpsc::unbounded_channel();
        (Self::with_memory(NetworkConfig::default(), Some(sender)), server)
    }

    fn with_memory(
        config: NetworkConfig,
        memory: Option<mpsc::UnboundedSender<DuplexStream>>,
    ) -> Self {
        Self(Arc::new(Shared {
            config,
            tls: OnceCell::new(),
            hosts: Mutex::default(),
            clocks: Clocks::default(),
            memory,
        }))
    }

    /// As if the machine had slept for so long. For tests.
    pub fn sleeps_for(&self, duration: Duration) {
        self.0.clocks.put_forward(duration);
    }

    pub(crate) fn clocks(&self) -> &Clocks {
        &self.0.clocks
    }

    pub(crate) fn config(&self) -> &NetworkConfig {
        &self.0.config
    }

    pub(crate) fn memory(&self) -> Option<&mpsc::UnboundedSender<DuplexStream>> {
        self.0.memory.as_ref()
    }

    /// # Errors
    /// What is wrong with the roots, as a sentence.
    pub(crate) async fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        let make = || async {
            let NetworkConfig { extra_roots, extra_root_dirs, .. } = self.0.config.clone();
            let make = move || tls::client_config(&extra_roots, &extra_root_dirs);
            let made = tokio::task::spawn_blocking(make).await;
            made.map_err(|error| error.to_string())?
        };
        self.0.tls.get_or_try_init(make).await.cloned()
    }

    /// Remembers what a failure to open a socket says about the host.
    pub(crate) fn learn_from(&self, host: &str, error: &TransportError) {
        if let Some(status) = error.status_without_socket() {
            let refusal = Refusal { until: Instant::now() + REFUSAL_HOLDS, status };
            self.with(host, |host| host.refusal = Some(refusal));
        }
    }

    /// The status with which `host` has refused the upgrade in the last minutes.
    pub(crate) fn refusal(&self, host: &str) -> Option<u16> {
        let refusal = self.with(host, |host| host.refusal)?;
        (Instant::now() < refusal.until).then_some(refusal.status)
    }

    /// Remembers what a refused request says about the host; true when the same request would now be another.
    pub(crate) fn learn_from_refusal(&self, host: &str, error: &ApiError) -> bool {
        let names = |name: &str| {
            let param = error.param.as_deref().is_some_and(|param| param.contains(name));
            matches!(error.status, Some(400 | 422)) && (param || error.message.contains(name))
        };
        if names("generate") {
            self.with(host, |host| host.no_warm_up = true);
        }
        names("additional_tools")
            && self.with(host, |host| !std::mem::replace(&mut host.classic, true))
    }

    pub(crate) fn is_classic(&self, host: &str) -> bool {
        self.with(host, |host| host.classic)
    }

    pub(crate) fn warms_up(&self, host: &str) -> bool {
        self.with(host, |host| !host.no_warm_up)
    }

    fn with<T>(&self, host: &str, look: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        look(hosts.entry(host.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_for_ten_minutes_and_for_its_host_alone() {
        let network = Network::new(NetworkConfig::default());
        let refused = |status| {
            let error = ApiError { status: Some(status), ..ApiError::default() };
            TransportError::Refused(error)
        };
        network.learn_from("a", &refused(426));
        network.learn_from("b", &refused(503));
        let refusals = |network: &Network| ["a", "b", "c"].map(|host| network.refusal(host));
        assert_eq!(refusals(&network.clone()), [Some(426), None, None]);
        tokio::time::advance(REFUSAL_HOLDS).await;
        assert_eq!(refusals(&network), [None; 3]);
    }
}
