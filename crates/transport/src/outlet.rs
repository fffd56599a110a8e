//! A stream of answers written as an ordinary async function: whatever it hands to its [`Outlet`] is what the
//! stream yields. Dropping the stream drops the function where it waits, and with it all it holds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use agent_protocol::ResponseEvent;
use futures_util::Stream;
use futures_util::stream::BoxStream;

use crate::TransportError;

type Answer = Result<ResponseEvent, TransportError>;

/// The inner end. Each event is taken by the reader before the function goes on.
pub(crate) struct Outlet {
    slot: Slot,
    items_done: usize,
}

#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Answer>>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet {
    pub(crate) async fn send(&mut self, event: ResponseEvent) {
        self.items_done += usize::from(matches!(event, ResponseEvent::ItemDone { .. }));
        *self.slot.lock() = Some(Ok(event));
        // Pends once: the reader polls again only after it has emptied the slot.
        std::future::poll_fn(|_| {
            if self.slot.lock().is_none() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Items that were yielded as done: once there are any, nothing may be asked again (design: nothing runs twice).
    pub(crate) fn items_done(&self) -> usize {
        self.items_done
    }
}

/// The stream of what `write` sends, ended by its error if it has one.
pub(crate) fn stream<'a, W, F>(write: W) -> BoxStream<'a, Answer>
where
    W: FnOnce(Outlet) -> F,
    F: Future<Output = Result<(), TransportError>> + Send + 'a,
{
    let slot = Slot::default();
    let writer = write(Outlet { slot: slot.clone(), items_done: 0 });
    Box::pin(Written { writer: Some(Box::pin(writer)), slot })
}

struct Written<F> {
    writer: Option<Pin<Box<F>>>,
    slot: Slot,
}

impl<F: Future<Output = Result<(), TransportError>>> Stream for Written<F> {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        let Some(writer) = &mut self.writer else { return Poll::Ready(None) };
        match writer.as_mut().poll(context) {
            Poll::Pending => match self.slot.lock().take() {
                Some(answer) => Poll::Ready(Some(answer)),
                None => Poll::Pending,
            },
            Poll::Ready(result) => {
                self.writer = None;
                Poll::Ready(result.err().map(Err))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn other(kind: &str) -> ResponseEvent {
        ResponseEvent::Other { kind: kind.to_owned() }
    }

    #[tokio::test]
    async fn what_is_sent_is_yielded_in_order_and_the_error_comes_last() {
        let stream = stream(|mut out| async move {
            out.send(other("a")).await;
            tokio::task::yield_now().await;
            out.send(other("b")).await;
            Err(TransportError::Dropped("c".to_owned()))
        });
        let seen: Vec<String> = stream
            .map(|answer| match answer {
                Ok(ResponseEvent::Other { kind }) => kind,
                other => format!("{other:?}"),
            })
            .collect()
            .await;
        assert_eq!(seen, ["a", "b", r#"Err(Dropped("c"))"#]);
    }
}
