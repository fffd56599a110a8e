//! One connection between a client under test and the gateway: everything passes through unchanged and is recorded,
//! until a fault is due.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

use crate::fault::{EXPIRED, FORGOTTEN, Fault, Refusal};
use crate::frames::{Reader, close, unmasked};
use crate::wire::{ClientFrame, Post, Upgrade, Wire};

/// The connection is over, by a fault or in the ordinary way.
pub(crate) struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

type Step = Result<(), Over>;

pub(crate) struct Relay {
    number: usize,
    wire: Arc<Wire>,
    gateway: SocketAddr,
    from_client: Incoming,
    to_client: Mutex<Outgoing>,
}

/// The client's bytes, up to where the connection is to be cut.
struct Incoming {
    half: OwnedReadHalf,
    buffer: Vec<u8>,
    left: Option<usize>,
}

struct Outgoing {
    /// None after a reset.
    half: Option<OwnedWriteHalf>,
    wire: Arc<Wire>,
    left: Option<usize>,
    stalled: bool,
}

impl Relay {
    pub(crate) async fn serve(client: TcpStream, gateway: SocketAddr, wire: Arc<Wire>) {
        let _ = client.set_nodelay(true);
        let number = wire.change(|state| {
            state.connections += 1;
            state.connections
        });
        let cut = |cuts: &[(usize, usize)]| {
            cuts.iter().find(|(connection, _)| *connection == number).map(|(_, bytes)| *bytes)
        };
        let (left_up, left_down) = wire.look(|state| (cut(&state.cuts_up), cut(&state.cuts_down)));
        let (from_client, to_client) = client.into_split();
        let relay = Self {
            number,
            gateway,
            from_client: Incoming { half: from_client, buffer: Vec::new(), left: left_up },
            to_client: Mutex::new(Outgoing {
                half: Some(to_client),
                wire: wire.clone(),
                left: left_down,
                stalled: false,
            }),
            wire,
        };
        let _ = relay.run().await;
    }

    async fn run(mut self) -> Step {
        let mut gateway: Option<TcpStream> = None;
        loop {
            let head = self.from_client.head(&self.wire).await?;
            let request = Head::read(&head).ok_or(Over)?;
            let is_upgrade = request
                .header("upgrade")
                .is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
            let stream = match &mut gateway {
                Some(stream) => stream,
                none => none.insert(TcpStream::connect(self.gateway).await?),
            };
            stream.set_nodelay(true)?;
            if is_upgrade {
                if let Some(stream) = self.upgrade(&request, gateway.take().ok_or(Over)?).await? {
                    return self.pump(stream).await;
                }
            } else {
                self.exchange(&request, stream).await?;
            }
        }
    }

    /// Passes the handshake on; the socket to the gateway when it was granted.
    async fn upgrade(
        &mut self,
        request: &Head,
        mut stream: TcpStream,
    ) -> Result<Option<TcpStream>, Over> {
        let refusal = self
            .wire
            .change(|state| (!state.refusals.is_empty()).then(|| state.refusals.remove(0)));
        let record = |status| Upgrade {
            connection: self.number,
            path: request.path.clone(),
            headers: request.headers.clone(),
            status,
        };
        if let Some(refusal) = refusal {
            self.wire.change(|state| state.upgrades.push(record(refusal.status)));
            self.to_client.lock().await.write(refusal.to_http().as_bytes()).await?;
            return Err(Over);
        }
        stream.write_all(request.to_gateway(self.gateway).as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await?);
        }
        let status =
            std::str::from_utf8(&answer).ok().and_then(|head| head.get(9..12)?.parse().ok());
        let status = status.ok_or(Over)?;
        let incognito = self.wire.change(|state| {
            state.upgrades.push(record(status));
            state.incognito
        });
        if incognito {
            let head = String::from_utf8_lossy(&answer).replace("x-agent-gateway: 1\r\n", "");
            answer = head.into_bytes();
        }
        self.to_client.lock().await.write(&answer).await?;
        if status == 101 {
            return Ok(Some(stream));
        }
        let length = content_length(&answer);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        self.to_client.lock().await.write(&body).await?;
        Ok(None)
    }

    /// One request over plain HTTP and its answer.
    async fn exchange(&mut self, request: &Head, stream: &mut TcpStream) -> Step {
        let length =
            request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = self.from_client.exactly(length, &self.wire).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let is_get = request.method == "GET";
        let refusal = self.wire.change(|state| {
            if is_get {
                state.gets += 1;
                let models = state.models.as_deref();
                return models.map(|models| Refusal::status(200).body(models));
            }
            state.posts.push(Post {
                connection: self.number,
                method: request.method.clone(),
                path: request.path.clone(),
                headers: request.headers.clone(),
                json: serde_json::from_str(&text).unwrap_or_default(),
                body: text,
            });
            (!state.post_refusals.is_empty()).then(|| state.post_refusals.remove(0))
        });
        if let Some(refusal) = refusal {
            self.to_client.lock().await.write(refusal.to_http().as_bytes()).await?;
            return Err(Over);
        }
        stream.write_all(request.to_gateway(self.gateway).as_bytes()).await?;
        stream.write_all(&body).await?;
        let mut answer = Answer::default();
        let mut bytes = vec![0; 64 << 10];
        while !answer.is_whole() {
            let read = stream.read(&mut bytes).await?;
            if read == 0 {
                return Err(Over);
            }
            answer.push(&bytes[..read]);
            self.to_client.lock().await.write(&bytes[..read]).await?;
        }
        Ok(())
    }

    /// Both directions of a WebSocket, until one ends.
    async fn pump(self, gateway: TcpStream) -> Step {
        let Self { number, wire, mut from_client, to_client, .. } = self;
        let (mut from_gateway, mut to_gateway) = gateway.into_split();
        // Of this connection: the create that is being answered, and the events of its answer so far.
        let answering = std::sync::Mutex::new((0, 0));
        let moment = |change: &dyn Fn(&mut (usize, usize))| {
            let mut answering = answering.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            change(&mut answering);
            *answering
        };
        let up = async {
            let mut reader = Reader::default();
            reader.push(&std::mem::take(&mut from_client.buffer));
            loop {
                while let Some(unit) = reader.next() {
                    let faults = unit.text.map_or_else(Vec::new, |text| {
                        wire.change(|state| {
                            let json: serde_json::Value =
                                serde_json::from_str(&text).unwrap_or_default();
                            let counts =
                                json["type"] == "response.create" && json["generate"] != false;
                            state.frames.push(ClientFrame { connection: number, text, json });
                            if !counts {
                                return Vec::new();
                            }
                            state.creates += 1;
                            let create = state.creates;
                            moment(&|answering| *answering = (create, 0));
                            state.due(create, 0)
                        })
                    });
                    let swallowed = faults
                        .iter()
                        .any(|fault| matches!(fault, Fault::ForgetChain | Fault::Expire));
                    to_client.lock().await.suffer(faults).await?;
                    if !swallowed {
                        to_gateway.write_all(&unit.bytes).await?;
                    }
                }
                let bytes = from_client.some(&wire).await?;
                reader.push(&bytes);
            }
        };
        let down = async {
            let mut reader = Reader::default();
            let mut bytes = vec![0; 64 << 10];
            loop {
                let read = from_gateway.read(&mut bytes).await?;
                if read == 0 {
                    return Err::<(), _>(Over);
                }
                reader.push(&bytes[..read]);
                while let Some(unit) = reader.next() {
                    let mut to_client = to_client.lock().await;
                    to_client.write(&unit.bytes).await?;
                    if let Some(text) = unit.text {
                        let (create, event) = moment(&|answering| answering.1 += 1);
                        let faults = wire.change(|state| {
                            state.events.push(text);
                            state.due(create, event)
                        });
                        to_client.suffer(faults).await?;
                    }
                }
            }
        };
        tokio::select! {
            over = up => over,
            over = down => over,
        }
    }
}

impl Incoming {
    /// Some bytes, at least one.
    async fn some(&mut self, wire: &Wire) -> Result<Vec<u8>, Over> {
        if self.left == Some(0) {
            return Err(Over);
        }
        let mut bytes = vec![0; self.left.unwrap_or(64 << 10).min(64 << 10)];
        let read = self.half.read(&mut bytes).await?;
        if read == 0 {
            return Err(Over);
        }
        bytes.truncate(read);
        self.left = self.left.map(|left| left - read);
        wire.change(|state| state.bytes_up += read as u64);
        Ok(bytes)
    }

    async fn head(&mut self, wire: &Wire) -> Result<Vec<u8>, Over> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(self.buffer.drain(..end + 4).collect());
            }
            let bytes = self.some(wire).await?;
            self.buffer.extend(bytes);
        }
    }

    async fn exactly(&mut self, length: usize, wire: &Wire) -> Result<Vec<u8>, Over> {
        while self.buffer.len() < length {
            let bytes = self.some(wire).await?;
            self.buffer.extend(bytes);
        }
        Ok(self.buffer.drain(..length).collect())
    }
}

impl Outgoing {
    async fn write(&mut self, bytes: &[u8]) -> Step {
        if self.stalled {
            return Ok(());
        }
        let whole = self.left.is_none_or(|left| bytes.len() <= left);
        let bytes = if whole { bytes } else { &bytes[..self.left.unwrap_or(0)] };
        self.half.as_mut().ok_or(Over)?.write_all(bytes).await?;
        self.left = self.left.map(|left| left - bytes.len());
        self.wire.change(|state| state.bytes_down += bytes.len() as u64);
        if whole { Ok(()) } else { Err(Over) }
    }

    async fn suffer(&mut self, faults: Vec<Fault>) -> Step {
        for fault in faults {
            match fault {
                Fault::Cut => return Err(Over),
                Fault::Reset => {
                    let half = self.half.take().ok_or(Over)?;
                    half.as_ref().set_zero_linger()?;
                    // Dropped, it would say goodbye first.
                    half.forget();
                    return Err(Over);
                }
                Fault::Stall => self.stalled = true,
                Fault::Delay(time) => tokio::time::sleep(time).await,
                Fault::Close(code) => {
                    self.write(&close(code)).await?;
                    return Err(Over);
                }
                Fault::Text(text) => self.write(&unmasked(1, text.as_bytes())).await?,
                Fault::Binary(bytes) => self.write(&unmasked(2, &bytes)).await?,
                Fault::Bytes(bytes) => self.write(&bytes).await?,
                Fault::ForgetChain => self.write(&unmasked(1, FORGOTTEN.as_bytes())).await?,
                Fault::Expire => {
                    self.write(&unmasked(1, EXPIRED.as_bytes())).await?;
                    self.write(&close(1001)).await?;
                    return Err(Over);
                }
            }
        }
        Ok(())
    }
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    /// As it was written, for the gateway.
    written: Vec<(String, String)>,
    /// With names in lower case, for the test.
    headers: Vec<(String, String)>,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(bytes).ok()?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let written: Vec<_> = request
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), text(header.value)))
            .collect();
        let headers =
            written.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        Some(Self {
            method: request.method?.to_owned(),
            path: request.path?.to_owned(),
            written,
            headers,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value)
    }

    /// The same, with the gateway's own address as host: it takes no other.
    fn to_gateway(&self, gateway: SocketAddr) -> String {
        let line = |(name, value): &(String, String)| {
            if name.eq_ignore_ascii_case("host") {
                format!("host: {gateway}\r\n")
            } else {
                format!("{name}: {value}\r\n")
            }
        };
        let headers: String = self.written.iter().map(line).collect();
        format!("{} {} HTTP/1.1\r\n{headers}\r\n", self.method, self.path)
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.unwrap_or(0)
}

/// Finds the end of an answer among its bytes.
#[derive(Default)]
struct Answer(Vec<u8>);

impl Answer {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn is_whole(&self) -> bool {
        let Some(end) = self.0.windows(4).position(|window| window == b"\r\n\r\n") else {
            return false;
        };
        let (head, body) = self.0.split_at(end + 4);
        let chunked =
            String::from_utf8_lossy(head).to_lowercase().contains("transfer-encoding: chunked");
        if chunked { body.ends_with(b"0\r\n\r\n") } else { body.len() >= content_length(head) }
    }
}
