//! What may be asked of a response while it runs. Who asks, and when, is the loop's business.

use agent_protocol::Item;
use tokio::sync::mpsc;

/// One wish.
#[derive(Clone, Debug)]
pub enum Steering {
    /// Messages of the person, to be heard by the running response where the server can (protocol.md 2.4).
    Steer(Vec<Item>),
    /// Stop the response and keep its completed items, without losing the chain where the server can (2.5).
    Interrupt,
}

/// The transport's end: read while a response runs.
#[derive(Debug)]
pub struct Control(mpsc::UnboundedReceiver<Steering>);

/// The loop's end.
#[derive(Clone, Debug)]
pub struct ControlSender(mpsc::UnboundedSender<Steering>);

impl Control {
    pub fn channel() -> (ControlSender, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (ControlSender(sender), Self(receiver))
    }

    /// Forgets what was wished of a response that is over: it must not reach the next one.
    pub fn clear(&mut self) {
        while self.0.try_recv().is_ok() {}
    }

    /// The next wish that is there already.
    pub(crate) fn try_next(&mut self) -> Option<Steering> {
        self.0.try_recv().ok()
    }

    /// The next wish; pends for ever when nobody can wish any more. Cancel safe.
    pub async fn next(&mut self) -> Steering {
        match self.0.recv().await {
            Some(steering) => steering,
            None => std::future::pending().await,
        }
    }
}

impl ControlSender {
    /// Lost when no response runs.
    pub fn send(&self, steering: Steering) {
        let _ = self.0.send(steering);
    }
}
