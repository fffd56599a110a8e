//! One response under way: drives a transport and sends what comes of it as event frames.

use std::future::Future;
use std::time::Duration;

use agent_protocol::{Request, ResponseEvent};
use agent_transport::{Control, Transport, TransportError};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::error::WireError;
use crate::events::Composer;

/// How it ended. Everything but a refusal has been told to the client.
pub(crate) enum Outcome {
    /// It exists and can be continued from.
    Continuable,
    Failed,
    /// Before it was created; the client must be told (G6.2).
    Refused(WireError),
}

/// When silence is broken before the response is created: on a socket at any time; over HTTP the first frame decides
/// the status of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyKeepalive {
    Sent,
    Withheld,
}

pub(crate) struct Run<'a> {
    pub(crate) transport: &'a mut dyn Transport,
    pub(crate) request: &'a Request,
    pub(crate) composer: &'a mut Composer,
    pub(crate) frames: &'a mpsc::Sender<String>,
    pub(crate) keepalive: Duration,
    pub(crate) early: EarlyKeepalive,
}

/// The client is gone.
struct Gone;

impl Run<'_> {
    pub(crate) async fn until_end(self, interrupt: impl Future<Output = ()>) -> Outcome {
        let Self { transport, request, composer, frames, keepalive, early } = self;
        let (_wishes, mut control) = Control::channel();
        let mut stream = transport.respond(request, &mut control);
        let mut interrupt = std::pin::pin!(interrupt);
        loop {
            let event = tokio::select! {
                biased;
                () = &mut interrupt, if composer.is_created() => {
                    return match send(frames, composer.interrupted()).await {
                        Ok(()) => Outcome::Continuable,
                        Err(Gone) => Outcome::Failed,
                    };
                }
                event = stream.next() => event,
                () = tokio::time::sleep(keepalive) => {
                    if early == EarlyKeepalive::Sent || composer.is_created() {
                        let frame = composer.keepalive();
                        if send(frames, [frame]).await.is_err() {
                            return Outcome::Failed;
                        }
                    }
                    continue;
                }
            };
            let event = event.unwrap_or_else(|| {
                Err(TransportError::Dropped("the upstream ended without a last word".to_owned()))
            });
            match Self::pass_on(composer, frames, event).await {
                Ok(None) => {}
                Ok(Some(outcome)) => return outcome,
                Err(Gone) => return Outcome::Failed,
            }
        }
    }

    async fn pass_on(
        composer: &mut Composer,
        frames: &mpsc::Sender<String>,
        event: Result<ResponseEvent, TransportError>,
    ) -> Result<Option<Outcome>, Gone> {
        let (told, outcome) = match event {
            Ok(ResponseEvent::Created { model, .. }) => (composer.created(model), None),
            Ok(ResponseEvent::ItemAdded { output_index, id, kind, name, call_id }) => {
                let name = name.as_deref();
                (composer.item_added(output_index, id, &kind, name, call_id.as_deref()), None)
            }
            Ok(ResponseEvent::Delta { output_index, part, delta }) => {
                (composer.delta(output_index, part, &delta), None)
            }
            Ok(ResponseEvent::ItemDone { output_index, item }) => {
                (composer.item_done(output_index, item), None)
            }
            Ok(ResponseEvent::Completed(end)) => {
                (vec![composer.completed(&end)], Some(Outcome::Continuable))
            }
            Ok(ResponseEvent::Incomplete { reason, end }) => {
                (vec![composer.incomplete(&reason, &end)], Some(Outcome::Continuable))
            }
            // What the gateway's own client side reports of its connection concerns no client of the gateway.
            Ok(_) => (Vec::new(), None),
            Err(error) if composer.is_created() => {
                (vec![composer.failed(&WireError::from(&error))], Some(Outcome::Failed))
            }
            Err(error) => (Vec::new(), Some(Outcome::Refused(WireError::from(&error)))),
        };
        send(frames, told).await?;
        Ok(outcome)
    }
}

async fn send(
    frames: &mpsc::Sender<String>,
    told: impl IntoIterator<Item = String>,
) -> Result<(), Gone> {
    for frame in told {
        frames.send(frame).await.map_err(|_| Gone)?;
    }
    Ok(())
}
