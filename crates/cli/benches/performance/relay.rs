//! The place where time is taken: a relay before a server that notes when each request came and when its answer had
//! left. It knows nothing of what passes but which way it goes.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Bytes from the client until the server answers, and that answer until the client speaks again. The upgrade of a
/// WebSocket is one too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) asked: Instant,
    pub(crate) bytes_up: usize,
    /// When the last part of the answer was about to leave; none while nothing came.
    pub(crate) answered: Option<Instant>,
}

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    log: Log,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Exchange>>>);

impl Relay {
    /// Serves on a free port until the program ends.
    ///
    /// # Errors
    /// When there is no free port.
    pub(crate) fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let log = Log::default();
        let shared = log.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that fails shows in what the client says of it.
                let _ = connect(client, address, server, &shared);
            }
        });
        Ok(Self { address, log })
    }

    /// What passed since the last call.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        self.log.change(std::mem::take)
    }
}

fn connect(client: TcpStream, own: SocketAddr, server: SocketAddr, log: &Log) -> io::Result<()> {
    let upstream = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, upstream.try_clone()?);
    let (up, down) = (log.clone(), log.clone());
    std::thread::spawn(move || {
        let note = |bytes: &mut [u8]| {
            up.asked(bytes.len());
            rename_host(bytes, own, server);
        };
        pass(from_client, to_server, note)
    });
    std::thread::spawn(move || pass(upstream, client, |_| down.answered()));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&mut [u8])) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        note(&mut buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

/// The gateway takes requests to its own address alone. Both ports have five digits, and the head of a request is where
/// its bytes begin.
fn rename_host(bytes: &mut [u8], own: SocketAddr, server: SocketAddr) {
    let (own, server) = (own.to_string(), server.to_string());
    if own.len() == server.len()
        && let Some(at) =
            bytes.windows(own.len()).take(2048).position(|part| part == own.as_bytes())
    {
        bytes[at..at + own.len()].copy_from_slice(server.as_bytes());
    }
}

impl Log {
    fn asked(&self, bytes: usize) {
        let now = Instant::now();
        self.change(|exchanges| match exchanges.last_mut() {
            Some(last) if last.answered.is_none() => last.bytes_up += bytes,
            _ => exchanges.push(Exchange { asked: now, bytes_up: bytes, answered: None }),
        });
    }

    fn answered(&self) {
        let now = Instant::now();
        self.change(|exchanges| {
            if let Some(last) = exchanges.last_mut() {
                last.answered = Some(now);
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Exchange>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
