//! The scripted model on a real socket: a gateway with a relay before it that records and, when told to, fails.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use agent_gateway::{Gateway, GatewayConfig, Limits, Token};
use agent_transport::{Script, Scripted, Transport};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::fault::{Fault, Refusal};
use crate::relay::Relay;
use crate::wire::{ClientFrame, Planned, Post, Upgrade, Wire};

const TOKEN: &str = "scripted-server-token";

/// A Responses endpoint on a free loopback port, on a thread of its own, so that any test can use it. Ends on drop.
pub struct ScriptedServer {
    address: SocketAddr,
    wire: Arc<Wire>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// # Panics
    /// When no loopback port can be had.
    pub fn start(script: Script) -> Self {
        Self::start_within(script, Limits::default())
    }

    /// # Panics
    /// When no loopback port can be had.
    pub fn start_within(script: Script, limits: Limits) -> Self {
        let wire = Arc::new(Wire::default());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let shared = wire.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime needs two descriptors and little memory");
            runtime.block_on(serve(Scripted::new(script), limits, shared, &tell, stopped));
        });
        let address = told.recv().expect("the server's thread says its address or panics");
        Self { address, wire, stop: Some(stop), thread: Some(thread) }
    }

    /// Such as `http://127.0.0.1:8123/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// Every text frame of every client so far.
    pub fn frames(&self) -> Vec<ClientFrame> {
        self.wire.look(|state| state.frames.clone())
    }

    /// Every event sent so far, as it was written.
    pub fn events(&self) -> Vec<String> {
        self.wire.look(|state| state.events.clone())
    }

    pub fn upgrades(&self) -> Vec<Upgrade> {
        self.wire.look(|state| state.upgrades.clone())
    }

    /// Every request over plain HTTP so far that was no `GET`.
    pub fn posts(&self) -> Vec<Post> {
        self.wire.look(|state| state.posts.clone())
    }

    /// TCP connections so far.
    pub fn connections(&self) -> usize {
        self.wire.look(|state| state.connections)
    }

    /// All bytes up and down so far, with handshakes and frame headers.
    pub fn bytes(&self) -> (u64, u64) {
        self.wire.look(|state| (state.bytes_up, state.bytes_down))
    }

    /// Waits until the clients have sent so many text frames.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub fn wait_for_frames(&self, count: usize) {
        self.wire.wait_until(&format!("{count} frames"), |state| state.frames.len() >= count);
    }

    /// How often it was asked which models there are.
    pub fn times_asked_for_models(&self) -> usize {
        self.wire.look(|state| state.gets)
    }

    /// Waits until it is asked which models there are.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub fn wait_until_asked_for_models(&self) {
        self.wire.wait_until("a question for models", |state| state.gets > 0);
    }

    /// Waits until an event that contains `text` was sent.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub fn wait_for_event(&self, text: &str) {
        let happened = |event: &String| event.contains(text);
        self.wire.wait_until(&format!("an event with {text:?}"), |state| {
            state.events.iter().any(happened)
        });
    }

    /// From now on it does not say that it is our own gateway: clients treat it like any endpoint.
    #[must_use]
    pub fn incognito(self) -> Self {
        self.wire.change(|state| state.incognito = true);
        self
    }

    /// Refuses the next upgrade that is not refused yet.
    pub fn refuse_upgrade(&self, refusal: Refusal) {
        self.wire.change(|state| state.refusals.push(refusal));
    }

    /// Refuses the next request over plain HTTP that is not refused yet.
    pub fn refuse_post(&self, refusal: Refusal) {
        self.wire.change(|state| state.post_refusals.push(refusal));
    }

    /// Answers this when it is asked which models there are.
    pub fn list_models(&self, list: &str) {
        self.wire.change(|state| state.models = Some(list.to_owned()));
    }

    /// Lets `fault` happen behind event `event` of the answer to create `create`, both counted from 1 (warm-ups do not
    /// count); event 0 is the create itself, before the gateway sees it. On sockets only.
    pub fn fail(&self, create: usize, event: usize, fault: Fault) {
        self.wire.change(|state| state.faults.push(Planned { create, event, fault }));
    }

    /// Cuts TCP connection `connection`, counted from 1, after so many bytes to the client.
    pub fn cut_down_after(&self, connection: usize, bytes: usize) {
        self.wire.change(|state| state.cuts_down.push((connection, bytes)));
    }

    /// Cuts TCP connection `connection`, counted from 1, after so many bytes from the client.
    pub fn cut_up_after(&self, connection: usize, bytes: usize) {
        self.wire.change(|state| state.cuts_up.push((connection, bytes)));
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed; a second one here would only hide it.
            let _ = thread.join();
        }
    }
}

async fn serve(
    model: Scripted,
    limits: Limits,
    wire: Arc<Wire>,
    tell: &mpsc::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = GatewayConfig {
        token: Some(Token::new(TOKEN)),
        models: vec!["scripted".to_owned()],
        limits,
    };
    let upstream = move || Box::new(model.clone()) as Box<dyn Transport>;
    let gateway = Gateway::bind(any, config, upstream).await.expect("a free loopback port");
    let behind = gateway.local_addr().expect("it listens");
    let front = TcpListener::bind(any).await.expect("a free loopback port");
    let _ = tell.send(front.local_addr().expect("it listens"));
    let relays = async {
        let mut relays = JoinSet::new();
        loop {
            tokio::select! {
                Ok((client, _)) = front.accept() => {
                    relays.spawn(Relay::serve(client, behind, wire.clone()));
                }
                Some(_) = relays.join_next() => {}
            }
        }
    };
    tokio::select! {
        _ = gateway.serve() => {}
        () = relays => {}
        _ = stopped => {}
    }
}
