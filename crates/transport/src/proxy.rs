//! Proxies: whether a host is reached through one, and the tunnel through it (CONNECT, for sockets and HTTP alike;
//! protocol.md 1.4).

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::Uri;
use http::{Method, Request};
use http_body_util::Empty;

use crate::NetworkConfig;
use crate::endpoint::Target;
use crate::stream::Stream;
use crate::wire::Wire;

/// One proxy, as its URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) target: Target,
    /// Value of `Proxy-Authorization`.
    authorization: Option<String>,
}

/// Why there is no tunnel.
pub(crate) enum NoTunnel {
    /// The proxy does not want to: it will not change its mind.
    Refused(String),
    /// It could not.
    Failed(String),
}

/// The proxy through which `target` is reached.
///
/// # Errors
/// When the configured URL is none we can use.
pub(crate) fn proxy_for(config: &NetworkConfig, target: &Target) -> Result<Option<Proxy>, String> {
    let configured = if target.tls { &config.https_proxy } else { &config.http_proxy };
    match configured.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(_) if is_loopback(&target.host) || is_excluded(&config.no_proxy, target) => Ok(None),
        Some(url) => Proxy::parse(url).map(Some),
    }
}

impl Proxy {
    fn parse(url: &str) -> Result<Self, String> {
        // `host:port` alone is meant as http, as everywhere.
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        // The URL may carry a password: it is not repeated.
        let uri: Uri = full.parse().map_err(|_| "its URL cannot be read".to_owned())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            scheme => {
                return Err(format!(
                    "a proxy of kind `{}` is not supported",
                    scheme.unwrap_or_default()
                ));
            }
        };
        let authority = uri.authority().ok_or("its URL names no host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("its URL names no host".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        Ok(Self {
            target: Target { tls, host: host.to_owned(), port },
            authorization: login
                .map(|login| format!("Basic {}", BASE64_STANDARD.encode(decoded(login)))),
        })
    }

    /// Asks for a tunnel to `target` over `stream`, a connection to the proxy.
    pub(crate) async fn tunnel(
        &self,
        stream: Stream,
        target: &Target,
        user_agent: &str,
    ) -> Result<Stream, NoTunnel> {
        let failed = |error: hyper::Error| NoTunnel::Failed(error.to_string());
        let mut wire = Wire::over(stream).await.map_err(failed)?;
        let answer = wire.ask(self.request(target, user_agent)).await.map_err(failed)?;
        let status = answer.status();
        if status.is_success() {
            let (stream, read) = wire.into_stream().await.map_err(failed)?;
            if !read.is_empty() {
                return Err(NoTunnel::Failed(
                    "it sent bytes of its own into the tunnel".to_owned(),
                ));
            }
            return Ok(stream);
        }
        let message = format!("it answered CONNECT with status {status}");
        Err(if status.is_client_error() {
            NoTunnel::Refused(message)
        } else {
            NoTunnel::Failed(message)
        })
    }

    fn request(&self, target: &Target, user_agent: &str) -> Request<Empty<bytes::Bytes>> {
        let Target { host, port, .. } = target;
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::CONNECT;
        // Host and port come out of a parsed URL.
        *request.uri_mut() = authority.parse().unwrap_or_default();
        let texts = [
            (HOST, Some(authority.as_str())),
            (USER_AGENT, Some(user_agent).filter(|agent| !agent.is_empty())),
            (PROXY_AUTHORIZATION, self.authorization.as_deref()),
        ];
        for (name, text) in texts {
            if let Some(Ok(value)) = text.map(HeaderValue::from_str) {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }
}

/// Percent-decoded.
fn decoded(login: &str) -> Vec<u8> {
    let bytes = login.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digits =
            bytes.get(index + 1..index + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (bytes[index], digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 3;
            }
            (byte, _) => {
                out.push(byte);
                index += 1;
            }
        }
    }
    out
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `NO_PROXY`: `*`, names with all below them, addresses, ranges of addresses; each perhaps with a port.
fn is_excluded(no_proxy: &str, target: &Target) -> bool {
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return is_in_range(entry, address) || entry == format!("{address}:{}", target.port);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, port.parse::<u16>().ok()),
            None => (entry, None),
        };
        let name = name.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        let is_below = target
            .host
            .strip_suffix(&*name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        !name.is_empty() && is_below && port.is_none_or(|port| port == target.port)
    })
}

/// Whether `entry` is this address, or a range (`10.0.0.0/8`) that contains it.
fn is_in_range(entry: &str, address: IpAddr) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(network), Some(length)) = (network.trim_matches(['[', ']']).parse::<IpAddr>(), length)
    else {
        return false;
    };
    // As numbers of 128 bits, all of which count but the ones behind the prefix.
    let (network, address, bits) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let free: u32 = bits - length.min(bits);
    (network ^ address).checked_shr(free).unwrap_or_default() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target { tls: true, host: host.to_owned(), port }
    }

    #[test]
    fn a_proxy_url_is_read_as_other_programs_read_it() {
        for (url, tls, host, port, login) in [
            ("http://proxy:3128", false, "proxy", 3128, None),
            ("proxy:3128", false, "proxy", 3128, None),
            ("https://proxy", true, "proxy", 443, None),
            ("http://[::1]:1/", false, "::1", 1, None),
            ("http://a%40b:p:w@proxy", false, "proxy", 80, Some("a@b:p:w")),
        ] {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!(proxy.target, Target { tls, host: host.to_owned(), port }, "{url}");
            let expected = login.map(|login| format!("Basic {}", BASE64_STANDARD.encode(login)));
            assert_eq!(proxy.authorization, expected, "{url}");
        }
        for url in ["socks5://proxy:1080", "http://", "http://user:secret@"] {
            assert!(!Proxy::parse(url).unwrap_err().contains("secret"));
        }
    }

    #[test]
    fn hosts_are_excluded_by_name_domain_address_range_and_port() {
        for (no_proxy, host, excluded) in [
            ("", "api.openai.com", false),
            ("*", "api.openai.com", true),
            ("openai.com", "api.openai.com", true),
            (".openai.com", "api.openai.com", true),
            ("*.openai.com", "api.openai.com", true),
            ("OpenAI.com", "api.openai.com", true),
            ("pi.openai.com", "api.openai.com", false),
            ("x, api.openai.com:443", "api.openai.com", true),
            ("api.openai.com:80", "api.openai.com", false),
            (":443", "api.openai.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.1.2.3", false),
            ("::/0", "fd12::1", true),
        ] {
            assert_eq!(is_excluded(no_proxy, &target(host, 443)), excluded, "{no_proxy} {host}");
        }
    }

    #[test]
    fn the_scheme_of_the_endpoint_chooses_and_this_machine_needs_none() {
        let config =
            NetworkConfig { https_proxy: Some("p:1".to_owned()), ..NetworkConfig::default() };
        let reached = |host: &str, tls| {
            proxy_for(&config, &Target { tls, ..target(host, 443) })
                .unwrap()
                .map(|proxy| proxy.target.host)
        };
        assert_eq!(reached("api.openai.com", true).as_deref(), Some("p"));
        assert_eq!(reached("api.openai.com", false), None);
        assert_eq!(reached("127.0.0.1", true), None);
        assert_eq!(reached("localhost", true), None);
    }
}
