//! Which models an endpoint says it has, and how much goes into the window of each. Many say the first, few the second,
//! and none has to.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::connect::dial;
use crate::upgrade::{api_error, common_headers};
use crate::wire::read_refusal;
use crate::{Endpoint, Network, TransportError};

/// The longest lists there are have some hundreds of entries.
const MOST_BYTES: usize = 8 << 20;

/// Where the tokens of the window stand: of OpenRouter, vLLM, LM Studio, llama.cpp, LiteLLM, Mistral and others.
const WINDOWS: [&str; 13] = [
    "/context_window",
    "/context_length",
    "/max_model_len",
    "/max_context_length",
    "/max_input_tokens",
    "/loaded_context_length",
    "/top_provider/context_length",
    "/limits/context",
    "/limit/context",
    "/capabilities/limits/max_prompt_tokens",
    "/capabilities/limits/max_context_window_tokens",
    "/meta/n_ctx",
    "/meta/n_ctx_train",
];

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A model, as its endpoint lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub name: String,
    /// Tokens.
    pub window: Option<u64>,
}

impl Entry {
    /// Of several numbers the smallest: what a model could take is more than what is loaded, or left for its input.
    fn model(self) -> Model {
        let Self { id, rest } = self;
        let rest = Value::Object(rest);
        let said = WINDOWS.iter().filter_map(|path| rest.pointer(path)?.as_u64());
        Model { window: said.filter(|tokens| *tokens > 0).min(), name: id }
    }
}

fn read(list: &[u8]) -> Result<Vec<Model>, TransportError> {
    let list: List = serde_json::from_slice(list)
        .map_err(|error| TransportError::Protocol(format!("no list of models: {error}")))?;
    Ok(list.data.into_iter().map(Entry::model).collect())
}

/// Asks `GET /models`, beside `/responses`, over a connection of its own. In the order of the answer.
///
/// # Errors
/// When the endpoint cannot be reached, refuses, or says something else.
pub async fn models(endpoint: &Endpoint, network: &Network) -> Result<Vec<Model>, TransportError> {
    let deadline = Instant::now() + endpoint.connect_timeout;
    let stream = dial(network, &endpoint.target(), deadline).await?;
    let lost = |error: hyper::Error| TransportError::Dropped(error.to_string());
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(lost)?;
    // Ends by itself when sender and body are gone.
    tokio::spawn(async move { connection.await.ok() });
    let mut request = http::Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = endpoint.models_path().parse().unwrap_or_default();
    *request.headers_mut() = common_headers(endpoint, &network.config().user_agent);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let (parts, body) = sender.send_request(request).await.map_err(lost)?.into_parts();
    if !parts.status.is_success() {
        let error = api_error(parts.status, &parts.headers, &read_refusal(body).await);
        return Err(TransportError::Api(error));
    }
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let body = body.map_err(|error| TransportError::Dropped(error.to_string()))?.to_bytes();
    read(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_a_model_is_what_its_endpoint_says_wherever_it_says_it() {
        let window = |rest: &str| {
            let list = format!(r#"{{"object":"list","data":[{{"id":"m"{rest}}}]}}"#);
            read(list.as_bytes()).unwrap().remove(0).window
        };
        for (rest, expected) in [
            ("", None),
            (r#","context_window":0"#, None),
            (r#","context_length":"many""#, None),
            (r#","context_window":131072"#, Some(131_072)),
            (r#","max_model_len":32768"#, Some(32_768)),
            (r#","max_context_length":131072,"loaded_context_length":8192"#, Some(8_192)),
            (
                r#","context_length":1048576,"top_provider":{"context_length":131072}"#,
                Some(131_072),
            ),
            (r#","context_window":400000,"max_input_tokens":272000"#, Some(272_000)),
            (r#","limits":{"context":200000}"#, Some(200_000)),
            (r#","meta":{"n_ctx_train":131072,"n_ctx":4096}"#, Some(4_096)),
        ] {
            assert_eq!(window(rest), expected, "{rest}");
        }
    }
}
