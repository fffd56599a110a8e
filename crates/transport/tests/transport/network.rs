//! The way through a real network: TLS with a private CA, proxies, connections that are reset.

use std::sync::Arc;
use std::time::Duration;

use agent_transport::{Credential, Endpoint, Network, NetworkConfig, Resilient, TransportChoice};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::client::Client;
use crate::server::*;

/// A server with a certificate for `host`, and the CA (PEM) that signed it.
fn tls_server(host: &str) -> (TlsAcceptor, Vec<u8>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem().into_bytes())
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn client(base_url: &str, choice: TransportChoice, config: NetworkConfig) -> Client {
    let mut endpoint = Endpoint::new("p", base_url, Credential::None).unwrap();
    endpoint.choice = choice;
    endpoint.patience.max_retries = 0;
    Client::new(Resilient::new(endpoint, Network::new(config)))
}

#[tokio::test]
async fn s26_a_private_ca_is_trusted_when_it_is_given_and_not_before() {
    let (tls, ca) = tls_server("localhost");
    let (listener, port) = listener().await;
    let url = format!("https://localhost:{port}/v1");
    let serve = async {
        for trusted in [false, true] {
            let accepted = tls.accept(listener.accept().await.unwrap().0).await;
            assert_eq!(accepted.is_ok(), trusted);
            if let Ok(stream) = accepted {
                let mut peer = Peer::accept(stream).await;
                peer.request().await;
                peer.responds("r1", &[]).await;
            }
        }
    };
    let ask = async {
        let stranger = NetworkConfig::default();
        let lines = client(&url, TransportChoice::Websocket, stranger).says("a").await;
        let distrust = "error: cannot connect to localhost: its certificate is not trusted";
        assert!(lines[0].starts_with(distrust), "{lines:?}");
        let friend = NetworkConfig { extra_roots: ca, ..NetworkConfig::default() };
        let lines = client(&url, TransportChoice::Websocket, friend).says("a").await;
        assert_eq!(lines, ["sent on socket 1: first", "created r1", "completed r1"]);
    };
    join!(serve, ask);
}

#[tokio::test]
async fn a_private_ca_is_found_among_the_files_of_a_directory() {
    let (tls, ca) = tls_server("localhost");
    let (listener, port) = listener().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("README"), "no certificate").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(directory.path().join("broken.pem"), broken).unwrap();
    std::fs::create_dir(directory.path().join("below")).unwrap();
    std::fs::write(directory.path().join("ours.crt"), ca).unwrap();
    let gone = directory.path().join("gone");
    let extra_root_dirs = vec![gone, directory.path().to_owned()];
    let config = NetworkConfig { extra_root_dirs, ..NetworkConfig::default() };
    let serve = async {
        let stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut peer = Peer::accept(stream).await;
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let url = format!("https://localhost:{port}/v1");
    let mut client = client(&url, TransportChoice::Websocket, config);
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(lines.last().unwrap(), "completed r1");
}

/// Serves one CONNECT: checks what is asked, answers `status`, and connects to `port` if that is 200.
async fn proxy(listener: &TcpListener, status: &str, port: u16) -> String {
    let mut near = listener.accept().await.unwrap().0;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.unwrap());
    }
    near.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
    if status.starts_with("200") {
        let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // How the tunnel ends is for its ends to judge.
        let _ = copy_bidirectional(&mut near, &mut far).await;
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn socket_and_http_go_through_a_proxy_that_wants_a_password() {
    let (tls, ca) = tls_server("model.test");
    let (endpoint, endpoint_port) = listener().await;
    let (proxy_listener, proxy_port) = listener().await;
    let config = NetworkConfig {
        https_proxy: Some(format!("http://me:p%40ss@127.0.0.1:{proxy_port}")),
        extra_roots: ca,
        user_agent: "agent/test".to_owned(),
        ..NetworkConfig::default()
    };
    let serve = async {
        let stream = tls.accept(endpoint.accept().await.unwrap().0).await.unwrap();
        let mut peer = Peer::accept(stream).await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        drop(peer);
        let mut stream = tls.accept(endpoint.accept().await.unwrap().0).await.unwrap();
        let answer = format!("{STREAM_HEAD}\r\ndata: {}\n\n", completed("r2"));
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let carry = async {
        for _ in 0..2 {
            let asked = proxy(&proxy_listener, "200 Connection established", endpoint_port).await;
            // base64 of me:p@ss
            for line in [
                "CONNECT model.test:8443 HTTP/1.1\r\n",
                "host: model.test:8443\r\n",
                "proxy-authorization: Basic bWU6cEBzcw==\r\n",
                "user-agent: agent/test\r\n",
            ] {
                assert!(asked.contains(line), "{asked}");
            }
        }
    };
    let ask = async {
        let url = "https://model.test:8443/v1";
        let lines = client(url, TransportChoice::Auto, config.clone()).says("a").await;
        assert_eq!(lines, ["sent on socket 1: first", "created r1", "completed r1"]);
        let lines = client(url, TransportChoice::Http, config).says("a").await;
        assert_eq!(lines, ["sent on http 1: stateless", "completed r2"]);
    };
    join!(serve, carry, ask);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_and_not_asked_again() {
    let (proxy_listener, port) = listener().await;
    let config = NetworkConfig {
        http_proxy: Some(format!("http://127.0.0.1:{port}")),
        ..NetworkConfig::default()
    };
    let carry = proxy(&proxy_listener, "407 Proxy Authentication Required", 0);
    let mut client = client("http://model.test/v1", TransportChoice::Auto, config);
    let (_, lines) = join!(carry, client.says("a"));
    assert_eq!(
        lines,
        [
            "error: cannot connect to 127.0.0.1: the proxy refused: it answered CONNECT with status 407 Proxy Authentication Required"
        ]
    );
}

#[tokio::test]
async fn a_proxy_that_fails_or_keeps_silent_is_named_and_may_be_tried_again() {
    for (status, reason) in [
        ("503 Overloaded", "it answered CONNECT with status 503 Service Unavailable"),
        ("", "no answer to CONNECT in time"),
    ] {
        let (proxy_listener, port) = listener().await;
        let config = NetworkConfig {
            http_proxy: Some(format!("http://127.0.0.1:{port}")),
            ..NetworkConfig::default()
        };
        let mut endpoint = Endpoint::new("p", "http://model.test/v1", Credential::None).unwrap();
        endpoint.connect_timeout = Duration::from_millis(200);
        endpoint.patience.offline = Some(Duration::from_millis(600));
        let mut client = Client::new(Resilient::new(endpoint, Network::new(config)));
        let carry = async {
            let mut silent = Vec::new();
            loop {
                if status.is_empty() {
                    silent.push(proxy_listener.accept().await);
                } else {
                    proxy(&proxy_listener, status, 0).await;
                }
            }
        };
        let lines = tokio::select! {
            lines = client.says("a") => lines,
            () = carry => unreachable!(),
        };
        assert!(lines[0].starts_with("retry 1"), "{lines:?}");
        assert!(lines[0].contains("127.0.0.1") && lines[0].ends_with(reason), "{lines:?}");
        assert!(lines.last().unwrap().starts_with("error: cannot connect"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_proxy_may_itself_be_reached_by_tls() {
    let (tls, mut roots) = tls_server("model.test");
    let (proxy_tls, proxy_ca) = tls_server("127.0.0.1");
    roots.extend(proxy_ca);
    let (proxy_listener, proxy_port) = listener().await;
    let config = NetworkConfig {
        https_proxy: Some(format!("https://127.0.0.1:{proxy_port}")),
        extra_roots: roots,
        ..NetworkConfig::default()
    };
    let serve = async {
        let mut near = proxy_tls.accept(proxy_listener.accept().await.unwrap().0).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"CONNECT model.test:443 HTTP/1.1\r\n"));
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut peer = Peer::accept(tls.accept(near).await.unwrap()).await;
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let mut client = client("https://model.test/v1", TransportChoice::Auto, config);
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(lines, ["sent on socket 1: first", "created r1", "completed r1"]);
}

#[tokio::test]
async fn the_stage_that_failed_is_named() {
    let (listener, port) = listener().await;
    let config = NetworkConfig::default;
    let mut unknown = client("https://no-such-host.invalid/v1", TransportChoice::Auto, config());
    let lines = unknown.says("a").await;
    let said = lines.last().unwrap();
    assert!(said.contains("cannot connect to no-such-host.invalid: name lookup failed"), "{said}");
    for (scheme, stage) in [("https", "TLS failed"), ("http", "the WebSocket upgrade failed")] {
        let serve = async {
            let mut stream = listener.accept().await.unwrap().0;
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(b"SSH-2.0-no_such_server\r\n").await.unwrap();
        };
        let url = format!("{scheme}://127.0.0.1:{port}/v1");
        let mut client = client(&url, TransportChoice::Websocket, config());
        let (_, lines) = join!(serve, client.says("a"));
        let said = format!("error: cannot connect to 127.0.0.1: {stage}");
        assert!(lines[0].starts_with(&said), "{lines:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
    let config = NetworkConfig {
        http_proxy: Some("socks5://me:secret@127.0.0.1:1".to_owned()),
        ..NetworkConfig::default()
    };
    assert!(!format!("{config:?}").contains("secret"));
    let lines = client("http://model.test/v1", TransportChoice::Auto, config).says("a").await;
    assert_eq!(
        lines,
        [
            "error: cannot connect to model.test: the proxy refused: a proxy of kind `socks5` is not supported"
        ]
    );
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_middle_is_a_broken_response() {
    let (listener, port) = listener().await;
    let serve = async {
        let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
        peer.request().await;
        peer.says(done(0, &message("kept"))).await;
        let stream = peer.0.get_mut();
        stream.set_zero_linger().unwrap();
    };
    let url = format!("http://127.0.0.1:{port}/v1");
    let mut client = client(&url, TransportChoice::Auto, NetworkConfig::default());
    let (_, lines) = join!(serve, client.says("a"));
    assert!(lines[2].starts_with("error: the connection broke before"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_beta_header_is_sent_where_it_is_known() {
    for is_known in [true, false] {
        let mut endpoint = crate::client::endpoint();
        endpoint.facts.beta_header = is_known;
        let (mut client, mut server) = crate::client::pair(endpoint);
        let (asked, _) = join!(server.answers("401 No", ""), client.says("a"));
        let header = "openai-beta: responses_websockets=2026-02-06\r\n";
        assert_eq!(asked.head.contains(header), is_known, "{}", asked.head);
    }
}
