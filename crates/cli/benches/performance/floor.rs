//! The least a client of this kind can do, as a process of its own: a WebSocket frame comes, `true` is run by bash, a
//! frame goes. What the agent takes is told as a multiple of this.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::child;

/// As long as the response of the scripted model that calls for one command.
const ANSWER: usize = 3_000;
/// As long as a frame with one word of a text.
const DELTA: usize = 180;
const REQUEST: usize = 250;

/// What the floor's server sends to each client: so many answers, each to one request, then so many deltas.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) steps: usize,
    pub(crate) deltas: usize,
}

/// A server of the next client, on a thread of its own.
///
/// # Errors
/// When there is no free port.
pub(crate) fn serve(part: Part) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that leaves early fails by itself.
            let _ = answer(client, part);
        }
    });
    Ok(address)
}

fn answer(client: TcpStream, part: Part) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from = BufReader::new(client.try_clone()?);
    let mut to = client;
    read_head(&mut from)?;
    to.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    )?;
    for _ in 0..part.steps {
        read_frame(&mut from)?;
        to.write_all(&frame(ANSWER, 0))?;
    }
    read_frame(&mut from)?;
    for sent in 0..part.deltas {
        // Four at each millisecond are 4,000 a second.
        if sent % 4 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        to.write_all(&frame(DELTA, 0))?;
    }
    to.write_all(&frame(ANSWER, 0))
}

/// The floor itself.
///
/// # Errors
/// When the server is gone, or bash is.
pub(crate) fn main(address: SocketAddr, part: Part) -> io::Result<()> {
    let server = TcpStream::connect(address)?;
    server.set_nodelay(true)?;
    let mut from = BufReader::new(server.try_clone()?);
    let mut to = server;
    to.write_all(
        format!("GET / HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\n\r\n").as_bytes(),
    )?;
    read_head(&mut from)?;
    to.write_all(&frame(REQUEST, 0x80))?;
    for _ in 0..part.steps {
        read_frame(&mut from)?;
        let mut bash = child::command("bash", Path::new("/"));
        let output = bash.args(["-c", "true"]).stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            return Err(io::Error::other("bash -c true failed"));
        }
        to.write_all(&frame(REQUEST, 0x80))?;
    }
    for _ in 0..=part.deltas {
        read_frame(&mut from)?;
    }
    Ok(())
}

fn read_head(from: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// A text frame; a client's has the `mask` bit, and a key of zeros, which leaves the payload as it is.
fn frame(length: usize, mask: u8) -> Vec<u8> {
    let length_bytes = u16::try_from(length).unwrap_or(u16::MAX);
    let mut frame = vec![0x81, 126 | mask];
    frame.extend(length_bytes.to_be_bytes());
    if mask != 0 {
        frame.extend([0; 4]);
    }
    frame.resize(frame.len() + usize::from(length_bytes), b' ');
    frame
}

/// Reads what [`frame`] wrote.
fn read_frame(from: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mask = if head[1] & 0x80 == 0 { 0 } else { 4 };
    let mut payload = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) + mask];
    from.read_exact(&mut payload)
}
