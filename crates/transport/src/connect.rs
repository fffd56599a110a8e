//! One connector for socket and HTTP: name lookup, TCP, proxy, TLS. Every failure names its stage.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;

use crate::endpoint::Target;
use crate::proxy::{NoTunnel, Proxy, proxy_for};
use crate::stream::Stream;
use crate::{ConnectStage, Network, TransportError};

/// The head start of each address over the next (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
/// What may lie unread in a pipe of [`Network::in_memory`].
const PIPE_BYTES: usize = 64 * 1024;

/// Connects to `target`, by `deadline` at the latest.
pub(crate) async fn dial(
    network: &Network,
    target: &Target,
    deadline: Instant,
) -> Result<Stream, TransportError> {
    let dialing = Dialing { host: &target.host, deadline };
    if let Some(server) = network.memory() {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let sent = server.send(theirs);
        sent.map_err(|_| dialing.failed(ConnectStage::Tcp, "nobody listens"))?;
        return Ok(Stream::memory(ours));
    }
    let refused = |message| dialing.failed(ConnectStage::Proxy, message);
    let proxy = proxy_for(network.config(), target).map_err(refused)?;
    let connecting = async {
        match &proxy {
            None => dialing.open(network, target).await,
            Some(proxy) => dialing.through(proxy, network, target).await,
        }
    };
    if !target.tls {
        return connecting.await;
    }
    // The roots are read while name lookup and TCP are under way; what is wrong with them is said at their stage.
    let (stream, _) = tokio::join!(connecting, network.tls());
    stream
}

/// One connection in the making.
struct Dialing<'a> {
    /// Named in errors; proved by TLS.
    host: &'a str,
    deadline: Instant,
}

impl Dialing<'_> {
    async fn open(&self, network: &Network, target: &Target) -> Result<Stream, TransportError> {
        let stream = Stream::tcp(self.tcp(target.port).await?);
        if target.tls { self.tls(network, stream).await } else { Ok(stream) }
    }

    /// What goes wrong at the proxy names the proxy.
    async fn through(
        &self,
        proxy: &Proxy,
        network: &Network,
        target: &Target,
    ) -> Result<Stream, TransportError> {
        let to_proxy = Dialing { host: &proxy.target.host, deadline: self.deadline };
        let stream = to_proxy.open(network, &proxy.target).await?;
        let agent = &network.config().user_agent;
        let stream = match timeout_at(self.deadline, proxy.tunnel(stream, target, agent)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(NoTunnel::Refused(message))) => {
                return Err(to_proxy.failed(ConnectStage::Proxy, message));
            }
            Ok(Err(NoTunnel::Failed(message))) => {
                let message = format!("through the proxy {}: {message}", to_proxy.host);
                return Err(self.failed(ConnectStage::Tcp, message));
            }
            Err(_) => {
                return Err(to_proxy.failed(ConnectStage::Tcp, "no answer to CONNECT in time"));
            }
        };
        if target.tls { self.tls(network, stream).await } else { Ok(stream) }
    }

    async fn tcp(&self, port: u16) -> Result<TcpStream, TransportError> {
        let addresses = self.addresses(port).await?;
        self.within(ConnectStage::Tcp, first_to_connect(addresses)).await
    }

    async fn addresses(&self, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let lookup = async {
            let found: Vec<_> = tokio::net::lookup_host((self.host, port)).await?.collect();
            if found.is_empty() {
                return Err(std::io::Error::other("the name has no address"));
            }
            Ok(found)
        };
        self.within(ConnectStage::Dns, lookup).await.map(alternating)
    }

    async fn tls(&self, network: &Network, stream: Stream) -> Result<Stream, TransportError> {
        let failed = |message: String| self.failed(ConnectStage::Tls, message);
        let config = network.tls().await.map_err(failed)?;
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|error| failed(error.to_string()))?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        Ok(Stream::tls(self.within(ConnectStage::Tls, connecting).await?))
    }

    async fn within<T>(
        &self,
        stage: ConnectStage,
        work: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, TransportError> {
        match timeout_at(self.deadline, work).await {
            Ok(done) => done.map_err(|error| {
                let stage =
                    if is_about_certificate(&error) { ConnectStage::Certificate } else { stage };
                self.failed(stage, error.to_string())
            }),
            Err(_) => Err(self.failed(stage, "no answer in time")),
        }
    }

    fn failed(&self, stage: ConnectStage, message: impl Into<String>) -> TransportError {
        TransportError::Connect { stage, host: self.host.to_owned(), message: message.into() }
    }
}

fn is_about_certificate(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// The families in turn, beginning with the one the resolver prefers, so that a dead one costs one stagger.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut others = others.into_iter();
    let mut mixed = Vec::new();
    for address in preferred {
        mixed.push(address);
        mixed.extend(others.next());
    }
    mixed.extend(others);
    mixed
}

/// Happy eyeballs: the next address is tried when the one before failed or took too long; the first to answer wins.
async fn first_to_connect(addresses: Vec<SocketAddr>) -> std::io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failure = std::io::Error::other("the name has no address");
    trying.extend(waiting.next().map(open));
    let mut next_start = Instant::now() + STAGGER;
    loop {
        tokio::select! {
            Some(result) = trying.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failure = error;
                    next_start = Instant::now();
                }
            },
            () = sleep_until(next_start), if waiting.len() > 0 => {
                trying.extend(waiting.next().map(open));
                next_start = Instant::now() + STAGGER;
            }
            else => return Err(failure),
        }
    }
}

async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_keepalive(true)?;
    let stream = socket.connect(address).await?;
    // A frame is one write and must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_take_turns() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"].map(parse);
        let mixed = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse);
        assert_eq!(alternating(given.to_vec()), mixed);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_living_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let living = listener.local_addr().unwrap();
        let dead = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let stream = first_to_connect(vec![dead, living]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living);
        assert!(first_to_connect(vec![dead]).await.is_err());
    }
}
