//! Where a model is reached, and as whom: what a front end knows of it, checked once. Nothing here connects.

use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::uri::Uri;

use crate::{Facts, Patience};

/// One Responses API endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The provider's id, for messages.
    pub provider: String,
    pub credential: Credential,
    pub choice: TransportChoice,
    /// For name lookup, TCP, proxy, TLS and upgrade together.
    pub connect_timeout: Duration,
    /// The longest silence of a response under way. Long reasoning takes minutes.
    pub idle_timeout: Duration,
    pub patience: Patience,
    /// Each request asks why the prompt cache missed since the one before, if it did (protocol.md 5.7).
    pub debug_cache: bool,
    pub facts: Facts,
    base: Base,
    headers: HeaderMap,
}

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportChoice {
    /// The socket, and HTTP where there is none.
    #[default]
    Auto,
    /// The socket or an error.
    Websocket,
    Http,
}

/// What proves who asks. Printed as `…`.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    None,
    /// `Authorization: Bearer KEY`.
    Bearer(String),
    /// The key alone in a header of this name: `api-key`, `x-api-key`.
    Header {
        name: String,
        key: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Bearer(_) | Self::Header { .. } => "…",
        })
    }
}

/// A configuration no request can be made with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("`{0}` is not a base URL; it should look like https://host/v1")]
    BaseUrl(String),
    #[error("`{0}` is not a valid header name")]
    HeaderName(String),
    #[error("the value of header `{0}` contains characters that no header may contain")]
    HeaderValue(String),
}

/// The base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As it stands in `Host`: the port only when it is not the scheme's own.
    authority: String,
    /// Path and query of `/responses`.
    path: String,
}

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// `base_url` is `http(s)://` or `ws(s)://`, the path below which `/responses` lies, perhaps a query
    /// (protocol.md 1.1). Everything else begins with its default and may be changed.
    ///
    /// # Errors
    /// When the URL is none, or the credential cannot stand in a header.
    pub fn new(
        provider: impl Into<String>,
        base_url: &str,
        credential: Credential,
    ) -> Result<Self, EndpointError> {
        let provider = provider.into();
        let base = Base::parse(base_url)?;
        let facts = Facts::of(&provider, &base.host, base.port);
        let endpoint = Self {
            provider,
            credential,
            choice: TransportChoice::Auto,
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(300),
            patience: Patience::default(),
            debug_cache: false,
            facts,
            base,
            headers: HeaderMap::new(),
        };
        endpoint.credential_header()?;
        Ok(endpoint)
    }

    /// A header for every request and upgrade, such as `OpenAI-Organization`.
    ///
    /// # Errors
    /// When name or value cannot stand in a header.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), EndpointError> {
        let (name, value) = header(name, value)?;
        self.headers.insert(name, value);
        Ok(())
    }

    /// A query parameter for every request and upgrade, such as `api-version`.
    pub fn add_query(&mut self, name: &str, value: &str) {
        self.base.path.push(if self.base.path.contains('?') { '&' } else { '?' });
        push_encoded(&mut self.base.path, name);
        self.base.path.push('=');
        push_encoded(&mut self.base.path, value);
    }

    /// `wss://host/v1/responses`.
    pub fn socket_url(&self) -> String {
        format!(
            "{}://{}{}",
            if self.base.tls { "wss" } else { "ws" },
            self.base.authority,
            self.base.path
        )
    }

    /// `https://host/v1/responses`.
    pub fn http_url(&self) -> String {
        format!(
            "{}://{}{}",
            if self.base.tls { "https" } else { "http" },
            self.base.authority,
            self.base.path
        )
    }

    /// Without port.
    pub fn host(&self) -> &str {
        &self.base.host
    }

    pub fn port(&self) -> u16 {
        self.base.port
    }

    pub(crate) fn authority(&self) -> &str {
        &self.base.authority
    }

    pub(crate) fn path(&self) -> &str {
        &self.base.path
    }

    /// Path and query of `/responses/compact`.
    pub(crate) fn compact_path(&self) -> String {
        let (path, query) = self.base.path.split_once('?').unwrap_or((&self.base.path, ""));
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{path}/compact{mark}{query}")
    }

    /// Path and query of `/models`.
    pub(crate) fn models_path(&self) -> String {
        let (path, query) = self.base.path.split_once('?').unwrap_or((&self.base.path, ""));
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}/models{mark}{query}", path.strip_suffix("/responses").unwrap_or(path))
    }

    pub(crate) fn target(&self) -> Target {
        Target { tls: self.base.tls, host: self.base.host.clone(), port: self.base.port }
    }

    /// The headers of every request: who asks, and what was configured.
    pub(crate) fn request_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        // `new` has refused a credential that is no header; one put in later and wrong is left out.
        if let Ok(Some((name, value))) = self.credential_header() {
            headers.insert(name, value);
        }
        headers
    }

    fn credential_header(&self) -> Result<Option<(HeaderName, HeaderValue)>, EndpointError> {
        match &self.credential {
            Credential::None => Ok(None),
            Credential::Bearer(key) => {
                header(AUTHORIZATION.as_str(), &format!("Bearer {}", key.trim())).map(Some)
            }
            Credential::Header { name, key } => header(name, key.trim()).map(Some),
        }
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), EndpointError> {
    let name_parsed =
        HeaderName::try_from(name).map_err(|_| EndpointError::HeaderName(name.to_owned()))?;
    let mut value =
        HeaderValue::try_from(value).map_err(|_| EndpointError::HeaderValue(name.to_owned()))?;
    // Any of them may be a secret: not printed.
    value.set_sensitive(true);
    Ok((name_parsed, value))
}

impl Base {
    fn parse(url: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::BaseUrl(url.to_owned());
        let uri: Uri = url.trim().parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(wrong()),
        };
        let shown_host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let own_port = if tls { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(own_port);
        let authority =
            if port == own_port { shown_host.to_owned() } else { format!("{shown_host}:{port}") };
        let mut path = uri.path().trim_end_matches('/').to_owned() + "/responses";
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        let host = shown_host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Ok(Self { tls, host, port, authority, path })
    }
}

/// Percent-encoded as a query takes it.
fn push_encoded(path: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(byte.into());
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new("p", url, Credential::None).unwrap()
    }

    #[test]
    fn a_base_url_becomes_the_urls_of_socket_and_http() {
        for (base, socket, http) in [
            (
                "https://api.openai.com/v1",
                "wss://api.openai.com/v1/responses",
                "https://api.openai.com/v1/responses",
            ),
            (
                "https://api.openai.com/v1/",
                "wss://api.openai.com/v1/responses",
                "https://api.openai.com/v1/responses",
            ),
            (
                "http://127.0.0.1:8123/v1",
                "ws://127.0.0.1:8123/v1/responses",
                "http://127.0.0.1:8123/v1/responses",
            ),
            ("wss://api.x.ai/v1", "wss://api.x.ai/v1/responses", "https://api.x.ai/v1/responses"),
            ("ws://[::1]:80", "ws://[::1]/responses", "http://[::1]/responses"),
            (
                "https://r.openai.azure.com/openai/v1?api-version=preview",
                "wss://r.openai.azure.com/openai/v1/responses?api-version=preview",
                "https://r.openai.azure.com/openai/v1/responses?api-version=preview",
            ),
        ] {
            let endpoint = endpoint(base);
            assert_eq!((&*endpoint.socket_url(), &*endpoint.http_url()), (socket, http));
        }
        assert_eq!(endpoint("ws://[::1]:80").target().host, "::1");
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for url in ["", "api.openai.com/v1", "ftp://x/v1", "https://", "/v1"] {
            let refused = Endpoint::new("p", url, Credential::None).unwrap_err();
            assert_eq!(refused, EndpointError::BaseUrl(url.to_owned()));
        }
    }

    #[test]
    fn query_parameters_are_added_encoded() {
        let mut endpoint = endpoint("https://h/v1?a=b");
        endpoint.add_query("api version", "1&2");
        assert_eq!(endpoint.path(), "/v1/responses?a=b&api%20version=1%262");
        assert_eq!(endpoint.compact_path(), "/v1/responses/compact?a=b&api%20version=1%262");
    }

    #[test]
    fn a_key_is_never_printed() {
        let mut endpoint =
            Endpoint::new("p", "https://h/v1", Credential::Bearer("sk-secret".to_owned())).unwrap();
        endpoint.add_header("x-extra", "sk-secret").unwrap();
        assert!(!format!("{endpoint:?}").contains("sk-secret"));
        assert!(!format!("{:?}", endpoint.request_headers()).contains("sk-secret"));
        assert_eq!(endpoint.request_headers()["authorization"], "Bearer sk-secret");
        let broken = Credential::Bearer("a\nb".to_owned());
        assert!(matches!(
            Endpoint::new("p", "https://h/v1", broken),
            Err(EndpointError::HeaderValue(_))
        ));
    }
}
