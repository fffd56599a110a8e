//! Who answers: a provider's settings, the key it is asked with and where that key comes from, made into an
//! [`Endpoint`]. Their table is `config/builtin.toml`; what is known of their servers is `agent-transport`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::Opened;
use agent_transport::{Credential, Endpoint, EndpointError, TransportChoice};

use crate::config::{Config, Environment, Homes, Notes};
use crate::credentials::{self, Kept};

/// What is asked of OpenAI and of providers of the person's own, unless a model is named.
pub(crate) const DEFAULT_MODEL: &str = "gpt-6-sol";

/// A provider no request can be made to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("there is no provider `{name}`; known are {}", known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("no API key for {0}")]
    NoKey(MissingKey),
    #[error("the provider `{0}` has no base URL")]
    NoBaseUrl(String),
    #[error("the provider `{0}` has no default model")]
    NoModel(String),
    #[error("the provider `{provider}` speaks `{wire_api}`, which this version does not")]
    NotSpoken { provider: String, wire_api: String },
    #[error("the provider `{provider}`: {error}")]
    Endpoint { provider: String, error: EndpointError },
}

/// Where a key was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingKey {
    /// The provider's display name.
    pub(crate) name: String,
    /// Variables, in the order they were looked up.
    pub(crate) variables: Vec<String>,
    /// The person's own words on how to get the key.
    pub(crate) instructions: Option<String>,
    /// Codex holds a ChatGPT login, which is another program's to use.
    pub(crate) has_login: bool,
}

impl std::fmt::Display for MissingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A provider as configured.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) id: String,
    /// For people: `OpenAI`.
    pub(crate) name: String,
    pub(crate) base_url: Option<String>,
    /// Where the key comes from: a variable's name, a file; none if there is no key.
    pub(crate) key_source: Option<String>,
    /// The variable of the environment that counts before all else; none where no key is asked for.
    pub(crate) key_variable: Option<String>,
    /// Tries after the first, until something of the response was completed.
    pub(crate) max_retries: Option<u64>,
    /// Roots of trust beside the platform's.
    pub(crate) ca_certificate: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
    credential: Credential,
    missing: Option<MissingKey>,
    wire_api: String,
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    choice: TransportChoice,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
}

impl Provider {
    /// Reads the provider `id` of the configuration.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn read(
        id: &str,
        config: &Config,
        homes: &Homes,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<Self, ProviderError> {
        let known = config.names(["model_providers"]);
        if !known.contains(id) {
            let known = known.into_iter().collect();
            return Err(ProviderError::Unknown { name: id.to_owned(), known });
        }
        let text = |name| config.text(["model_providers", id, name]).map(str::to_owned);
        let count = |name| config.count(["model_providers", id, name]);
        let millis = |name| count(name).map(Duration::from_millis);

        let wire_api = text("wire_api").unwrap_or_else(|| "responses".to_owned());
        if wire_api == "chat" {
            notes.tell(format!(
                "provider `{id}` is configured for Chat Completions; this version asks its Responses API instead"
            ));
        }
        let headers = headers(id, config, environment);
        let name = text("name").unwrap_or_else(|| id.to_owned());
        let key = Key::find(id, &name, config, homes, environment, notes);
        Ok(Self {
            id: id.to_owned(),
            base_url: text("base_url"),
            key_source: key.source,
            key_variable: Key::variables(id, config).first().map(|name| (*name).to_owned()),
            credential: match key.key {
                Some(key) if wire_api == "anthropic" => {
                    Credential::Header { name: "x-api-key".to_owned(), key }
                }
                Some(key) => Credential::Bearer(key),
                None => Credential::None,
            },
            missing: key.missing.filter(|_| !headers.keys().any(|name| proves_who_asks(name))),
            name,
            wire_api,
            headers,
            query: config.text_map(["model_providers", id, "query_params"]),
            choice: choice(id, config),
            connect_timeout: millis("websocket_connect_timeout_ms"),
            idle_timeout: millis("stream_idle_timeout_ms"),
            max_retries: count("stream_max_retries").or_else(|| count("request_max_retries")),
            ca_certificate: config.path(["model_providers", id, "ca_certificate"]),
            proxy: text("proxy"),
        })
    }

    /// The key without which it cannot be asked.
    pub(crate) fn missing_key(&self) -> Option<MissingKey> {
        match self.endpoint() {
            Err(ProviderError::NoKey(missing)) => Some(missing),
            _ => None,
        }
    }

    /// Where requests go, and as whom. Nothing is sent.
    ///
    /// # Errors
    /// When the provider cannot be asked: no key, no URL, another API.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, ProviderError> {
        if !matches!(self.wire_api.as_str(), "responses" | "chat") {
            return Err(ProviderError::NotSpoken {
                provider: self.id.clone(),
                wire_api: self.wire_api.clone(),
            });
        }
        let wrong = |error| ProviderError::Endpoint { provider: self.id.clone(), error };
        let url =
            self.base_url.as_ref().ok_or_else(|| ProviderError::NoBaseUrl(self.id.clone()))?;
        let mut endpoint = Endpoint::new(&self.id, url, self.credential.clone()).map_err(wrong)?;
        if let Some(missing) = &self.missing
            && !is_loopback(endpoint.host())
        {
            return Err(ProviderError::NoKey(missing.clone()));
        }
        for (name, value) in &self.headers {
            endpoint.add_header(name, value).map_err(wrong)?;
        }
        for (name, value) in &self.query {
            endpoint.add_query(name, value);
        }
        endpoint.choice = self.choice;
        if self.choice == TransportChoice::Websocket {
            endpoint.facts.socket = true;
        }
        if let Some(retries) = self.max_retries {
            endpoint.patience.max_retries = u32::try_from(retries).unwrap_or(u32::MAX);
        }
        endpoint.connect_timeout = self.connect_timeout.unwrap_or(endpoint.connect_timeout);
        endpoint.idle_timeout = self.idle_timeout.unwrap_or(endpoint.idle_timeout);
        Ok(endpoint)
    }

    /// The model that is asked when none is named.
    pub(crate) fn default_model(&self) -> Option<String> {
        match self.id.as_str() {
            "azure" | "xai" | "anthropic" => None,
            "vercel" | "openrouter" => Some(format!("openai/{DEFAULT_MODEL}")),
            "ollama" => Some("gpt-oss:20b".to_owned()),
            "lmstudio" => Some("openai/gpt-oss-20b".to_owned()),
            _ => Some(DEFAULT_MODEL.to_owned()),
        }
    }

    /// The key travels where others on the way can read it.
    pub(crate) fn sends_key_in_the_clear(&self) -> bool {
        let plain = |url: &String| url.starts_with("http://") || url.starts_with("ws://");
        self.credential != Credential::None
            && self.base_url.as_ref().is_some_and(plain)
            && self.endpoint().is_ok_and(|endpoint| !is_loopback(endpoint.host()))
    }

    /// The key itself, so that it can be kept out of what is recorded.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.credential {
            Credential::Bearer(key) | Credential::Header { key, .. } => Some(key),
            Credential::None => None,
        }
    }
}

/// The outcome of looking for a key.
#[derive(Default)]
struct Key {
    key: Option<String>,
    source: Option<String>,
    missing: Option<MissingKey>,
}

impl Key {
    /// Looks where this provider's key may be. `CODEX_API_KEY` and Codex's file hold OpenAI keys and are shown to
    /// nobody else; `AGENT_API_KEY` is for whoever is asked, but never before the provider's own. What we keep is for one
    /// provider each, and stands behind what the person says for a run.
    fn find(
        id: &str,
        name: &str,
        config: &Config,
        homes: &Homes,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Self {
        let variables = Self::variables(id, config);
        let openai = takes_openai(id, config);
        for variable in &variables {
            if let Some(key) = environment.var(variable) {
                return Self::found(key.trim().to_owned(), (*variable).to_owned());
            }
        }
        if let Some(token) = config.text(["model_providers", id, "experimental_bearer_token"]) {
            return Self::found(token.to_owned(), "experimental_bearer_token".to_owned());
        }
        if !variables.is_empty()
            && let Some(home) = &homes.agent
        {
            let file = credentials::file(home).display().to_string();
            match credentials::find(home, id) {
                Kept::Key(key) => return Self::found(key, file),
                Kept::Exposed => notes.tell(format!(
                    "the key in {file} is ignored: others can read it; chmod 600 it, and think of getting another key"
                )),
                Kept::Nothing => {}
            }
        }
        let mut has_login = false;
        if openai && let Some(home) = &homes.codex {
            let path = home.join("auth.json");
            let stored = CodexAuth::read(&path);
            if let Some(key) = stored.key {
                return Self::found(key, path.display().to_string());
            }
            has_login = stored.has_login;
        }
        let missing = (!variables.is_empty()).then(|| MissingKey {
            name: name.to_owned(),
            variables: variables.iter().map(|name| (*name).to_owned()).collect(),
            instructions: config
                .text(["model_providers", id, "env_key_instructions"])
                .map(str::to_owned),
            has_login,
        });
        Self { missing, ..Self::default() }
    }

    /// Where it may be in the environment, what counts most first.
    fn variables<'a>(id: &str, config: &'a Config) -> Vec<&'a str> {
        let own = config.text(["model_providers", id, "env_key"]);
        let mut variables = match (takes_openai(id, config), own) {
            (true, own) => vec!["AGENT_API_KEY", "CODEX_API_KEY", own.unwrap_or("OPENAI_API_KEY")],
            (false, Some(own)) => vec![own, "AGENT_API_KEY"],
            (false, None) => vec![],
        };
        variables.dedup();
        variables
    }

    fn found(key: String, source: String) -> Self {
        Self { key: Some(key), source: Some(source), ..Self::default() }
    }
}

/// Keys of OpenAI are meant for it.
fn takes_openai(id: &str, config: &Config) -> bool {
    config.flag(["model_providers", id, "requires_openai_auth"]) == Some(true)
}

/// What Codex keeps: its API key is read, its login is left alone (conventions.md 10).
#[derive(Default)]
struct CodexAuth {
    key: Option<String>,
    has_login: bool,
}

impl CodexAuth {
    fn read(path: &Path) -> Self {
        let text = Opened::open(path).and_then(|opened| opened.text(Opened::BY_HAND)).ok();
        let stored: serde_json::Value =
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let key = stored["OPENAI_API_KEY"].as_str().map(str::trim).filter(|key| !key.is_empty());
        Self { key: key.map(str::to_owned), has_login: stored["tokens"].is_object() }
    }
}

fn headers(id: &str, config: &Config, environment: &Environment) -> BTreeMap<String, String> {
    let mut headers = config.text_map(["model_providers", id, "http_headers"]);
    for (header, variable) in config.text_map(["model_providers", id, "env_http_headers"]) {
        if let Some(value) = environment.var(&variable) {
            headers.insert(header, value.to_owned());
        }
    }
    if config.text(["model_providers", id, "wire_api"]) == Some("anthropic") {
        headers.entry("anthropic-version".to_owned()).or_insert_with(|| "2023-06-01".to_owned());
    }
    headers
}

fn proves_who_asks(header: &str) -> bool {
    ["authorization", "api-key", "x-api-key"].contains(&header.to_ascii_lowercase().as_str())
}

fn choice(id: &str, config: &Config) -> TransportChoice {
    match config.text(["model_providers", id, "transport"]) {
        Some("websocket") => TransportChoice::Websocket,
        Some("http") => TransportChoice::Http,
        Some(_) => TransportChoice::Auto,
        // Codex's key: false is a no, true and unset are found out by trying.
        None => match config.flag(["model_providers", id, "supports_websockets"]) {
            Some(false) => TransportChoice::Http,
            _ => TransportChoice::Auto,
        },
    }
}

/// Whether nothing leaves this machine on the way to `host`.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
