//! Which models an endpoint says it has. Many say so, none has to.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::Instant;

use crate::connect::dial;
use crate::upgrade::{api_error, common_headers};
use crate::wire::read_refusal;
use crate::{Endpoint, Network, TransportError};

/// The longest lists there are have some hundreds of entries.
const MOST_BYTES: usize = 8 << 20;

#[derive(Deserialize)]
struct List {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// Asks `GET /models`, beside `/responses`, over a connection of its own. In the order of the answer.
///
/// # Errors
/// When the endpoint cannot be reached, refuses, or says something else.
pub async fn models(endpoint: &Endpoint, network: &Network) -> Result<Vec<String>, TransportError> {
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
    let list: List = serde_json::from_slice(&body)
        .map_err(|error| TransportError::Protocol(format!("no list of models: {error}")))?;
    Ok(list.data.into_iter().map(|model| model.id).collect())
}
