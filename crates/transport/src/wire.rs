//! HTTP/1.1 on a connection that soon stops to be HTTP: an upgrade, or a tunnel through a proxy.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::stream::Stream;

/// Of the body of a refusal, this much is read …
const ERROR_BODY_BYTES: usize = 64 * 1024;
/// … and waited for no longer: the status alone says enough.
const ERROR_BODY_WITHIN: Duration = Duration::from_secs(2);

/// hyper's connection, driven only while something is waited for: no task is spawned for it.
pub(crate) struct Wire {
    sender: SendRequest<Empty<Bytes>>,
    connection: Connection<TokioIo<Stream>, Empty<Bytes>>,
    ended: bool,
}

/// An answer that leaves the connection HTTP.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection, ended: false })
    }

    pub(crate) async fn ask(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        carry(&mut self.connection, &mut self.ended, answer).await
    }

    /// Reads what the answer says.
    pub(crate) async fn read(&mut self, answer: Response<Incoming>) -> Refusal {
        let (parts, body) = answer.into_parts();
        let body = carry(&mut self.connection, &mut self.ended, read_refusal(body)).await;
        Refusal { status: parts.status, headers: parts.headers, body }
    }

    /// The bare stream, once the answer has ended HTTP on it, and what was already read of it.
    pub(crate) async fn into_stream(mut self) -> hyper::Result<(Stream, Bytes)> {
        if !self.ended {
            std::future::poll_fn(|context| self.connection.poll_without_shutdown(context)).await?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
    }
}

/// What a refusal says, as far as it can be had.
pub(crate) async fn read_refusal(mut body: Incoming) -> Vec<u8> {
    let mut said = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            said.extend_from_slice(&data[..data.len().min(ERROR_BODY_BYTES - said.len())]);
            if said.len() == ERROR_BODY_BYTES {
                return;
            }
        }
    };
    // What came in time is said, whether it was all or not.
    let _ = timeout(ERROR_BODY_WITHIN, reading).await;
    said
}

async fn carry<T>(
    connection: &mut Connection<TokioIo<Stream>, Empty<Bytes>>,
    ended: &mut bool,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    if !*ended {
        tokio::select! {
            biased;
            done = &mut work => return done,
            // Its error, if it has one, is also what `work` says.
            _ = std::future::poll_fn(|context| connection.poll_without_shutdown(context)) => {}
        }
        *ended = true;
    }
    work.await
}
