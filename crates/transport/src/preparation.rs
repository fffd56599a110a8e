//! A connection that is opened and warmed before anybody needs it (protocol.md 5.5): at start, and before an old
//! one is left. What goes wrong here is never shown.

use std::time::Duration;

use agent_protocol::{
    FrameStyle, Request, ResponseEvent, SendReason, ServerEvent, read_server_frame,
    response_warm_up,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::TransportError;
use crate::adaptation::style_of;
use crate::chain::{Chain, Memory};
use crate::connection::Connection;
use crate::opener::Opener;

/// C5.4: a turn waits no longer than this for a warm-up that is under way.
const WARM_UP_WITHIN: Duration = Duration::from_millis(150);

/// The task that prepares the connection and keeps it alive until it is claimed. Dropped, it is given up.
pub(crate) struct Preparation {
    orders: mpsc::UnboundedSender<Order>,
    stage: watch::Receiver<Stage>,
    task: JoinHandle<Prepared>,
}

/// `None`: the server is busy with the warm-up and takes no second request meanwhile.
type Prepared = Result<Option<Connection>, TransportError>;

enum Order {
    WarmUp(Request),
    HandOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    /// The server has been asked to prepare, and has not answered.
    Warming,
    Ready,
}

impl Preparation {
    /// Opens a connection. Must be called within a runtime.
    pub(crate) fn start(opener: Opener, reason: SendReason) -> Self {
        let (orders, incoming) = mpsc::unbounded_channel();
        let (progress, stage) = watch::channel(Stage::Opening);
        let task = tokio::spawn(prepare(opener, reason, incoming, progress));
        Self { orders, stage, task }
    }

    /// Asks the server to prepare for a request like this one.
    pub(crate) fn warm_up(&self, request: &Request) {
        let _ = self.orders.send(Order::WarmUp(request.clone()));
    }

    /// Nothing is left to wait for.
    pub(crate) fn is_ready(&self) -> bool {
        *self.stage.borrow() == Stage::Ready && !self.task.is_finished()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.task.is_finished()
    }

    /// The connection, as soon as it can take a request; `None` when it cannot soon.
    pub(crate) async fn claim(mut self) -> Prepared {
        // The end of the task ends the wait, too.
        let _ = self.stage.wait_for(|stage| *stage != Stage::Opening).await;
        let _ = timeout(WARM_UP_WITHIN, self.stage.wait_for(|stage| *stage == Stage::Ready)).await;
        let _ = self.orders.send(Order::HandOver);
        (&mut self.task).await.unwrap_or(Ok(None))
    }
}

impl Drop for Preparation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn prepare(
    opener: Opener,
    reason: SendReason,
    mut orders: mpsc::UnboundedReceiver<Order>,
    stage: watch::Sender<Stage>,
) -> Prepared {
    let host = opener.endpoint.authority();
    let opened = opener.open(reason).await;
    let mut connection = opened.inspect_err(|error| opener.network.learn_from(host, error))?;
    loop {
        if orders.is_empty() {
            stage.send_replace(Stage::Ready);
        }
        let order = tokio::select! {
            order = orders.recv() => order,
            error = std::future::poll_fn(|context| connection.poll_idle(context)) => return Err(error),
        };
        match order {
            Some(Order::WarmUp(request)) if opener.network.warms_up(host) => {
                stage.send_replace(Stage::Warming);
                let is_gateway = connection.is_gateway;
                let style = style_of(&opener.endpoint, &opener.network, &request, is_gateway);
                let mut warming = WarmUp {
                    opener: &opener,
                    connection: &mut connection,
                    request: &request,
                    style,
                };
                if warming.run(&mut orders).await? == Hurry::HandOver {
                    let queues = opener.endpoint.facts.queues || connection.is_gateway;
                    return Ok(queues.then_some(connection));
                }
            }
            Some(Order::WarmUp(_)) => {}
            Some(Order::HandOver) | None => return Ok(Some(connection)),
        }
    }
}

/// One `generate:false` on its way.
struct WarmUp<'a> {
    opener: &'a Opener,
    connection: &'a mut Connection,
    request: &'a Request,
    style: FrameStyle,
}

#[derive(PartialEq, Eq)]
enum Hurry {
    No,
    /// Somebody needs the connection now; the rest of the answer is for nobody.
    HandOver,
}

impl WarmUp<'_> {
    async fn run(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Result<Hurry, TransportError> {
        let frame = response_warm_up(self.request, self.style);
        if frame.len() >= self.opener.endpoint.facts.frame_limit {
            return Ok(Hurry::No);
        }
        self.connection.send(frame).await?;
        self.connection.ignoring = true;
        loop {
            tokio::select! {
                biased;
                text = self.connection.next() => {
                    if self.read(&text?)? {
                        self.connection.ignoring = false;
                        return Ok(Hurry::No);
                    }
                }
                // One warm-up is enough: another order to make one is dropped.
                order = orders.recv() => if !matches!(order, Some(Order::WarmUp(_))) {
                    return Ok(Hurry::HandOver);
                }
            }
        }
    }

    /// Whether the answer is over.
    fn read(&mut self, text: &str) -> Result<bool, TransportError> {
        let frame =
            read_server_frame(text).map_err(|error| TransportError::Protocol(error.to_string()))?;
        match frame.event {
            _ if frame.stream_id.is_some() => Ok(false),
            ServerEvent::Response(ResponseEvent::Completed(end)) => {
                if !end.response_id.is_empty() {
                    let chain = Chain::after(self.request, self.style, end.response_id, 0);
                    self.connection.memory = Memory::Chain(chain);
                }
                Ok(true)
            }
            ServerEvent::Response(ResponseEvent::Incomplete { .. }) => Ok(true),
            ServerEvent::Error(error) => {
                let Opener { network, endpoint, .. } = self.opener;
                network.learn_from_refusal(endpoint.authority(), &error);
                Ok(true)
            }
            ServerEvent::Response(_) | ServerEvent::Keepalive => Ok(false),
        }
    }
}
