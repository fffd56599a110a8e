//! A connection that is cut after any byte, in either direction: the conversation ends as if it had not been, and
//! nothing that ran runs twice (C6.2).

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, endpoint, pair};
use crate::server::*;

/// A pipe that breaks once so many bytes have gone through it.
struct Cut {
    pipe: DuplexStream,
    reads_left: usize,
    writes_left: usize,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 1024];
        let room = self.reads_left.min(buffer.remaining()).min(bytes.len());
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut bytes = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.pipe).poll_read(context, &mut bytes))?;
        self.reads_left -= bytes.filled().len();
        buffer.put_slice(bytes.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = self.writes_left.min(bytes.len());
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(Pin::new(&mut self.pipe).poll_write(context, &bytes[..room]))?;
        self.writes_left -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

/// A model that calls `a` and `b`, and is done when it has seen both outputs. It remembers what a connection
/// remembers, and refuses a conversation that no server takes.
async fn model(pipe: Cut) -> Option<()> {
    let mut socket = tokio_tungstenite::accept_async(pipe).await.ok()?;
    let (mut window, mut latest): (Vec<Value>, Option<String>) = (vec![], None);
    for number in 0.. {
        let Message::Text(text) = socket.next().await?.ok()? else { continue };
        let request: Value = serde_json::from_str(&text).unwrap();
        match request["previous_response_id"].as_str() {
            Some(parent) => assert_eq!(Some(parent), latest.as_deref()),
            None => window.clear(),
        }
        window.extend(request["input"].as_array().unwrap().iter().cloned());
        let count = |kind: &str, id: &str| {
            let of_kind = window.iter().filter(|item| item["type"] == kind);
            of_kind.filter(|item| item["call_id"] == id).count()
        };
        let mut items = vec![];
        for id in ["a", "b"] {
            let (calls, outputs) = (count("function_call", id), count("function_call_output", id));
            assert!(calls == outputs && calls <= 1, "{window:?}");
            if calls == 0 {
                items.push(call(id));
            }
        }
        let is_said = window.iter().any(|item| item["role"] == "assistant");
        if items.is_empty() && !is_said {
            items.push(message("Done."));
        }
        let id = format!("r{number}");
        for event in response(&id, &items) {
            socket.send(Message::text(event.to_string())).await.ok()?;
        }
        window.extend(items);
        latest = Some(id);
    }
    None
}

/// What the loop does: answers the calls it has seen, once, and asks until nothing is called for.
async fn turn(client: &mut Client) -> Vec<String> {
    let (mut done, mut unanswered) = (Vec::new(), Vec::new());
    let mut lines = client.says("go").await;
    for _ in 0..9 {
        for line in &lines {
            if let Some(id) = line.strip_prefix("call ") {
                unanswered.push(id.to_owned());
                done.push(line.clone());
            } else if line.starts_with("message") {
                done.push(line.clone());
            }
        }
        let is_complete = lines.last().unwrap().starts_with("completed");
        if is_complete && unanswered.is_empty() {
            return done;
        }
        unanswered.drain(..).for_each(|id| client.log.push(output(&id)));
        lines = client.asks().await;
    }
    panic!("no end: {lines:?}");
}

/// Plays the conversation with a first connection that is cut; false when the cut came too late to matter.
async fn survives(reads_left: usize, writes_left: usize) -> bool {
    let (mut client, mut server) = pair(endpoint());
    let connections = Cell::new(0);
    let serve = async {
        connections.set(1);
        model(Cut { pipe: server.connection().await, reads_left, writes_left }).await;
        loop {
            let pipe = server.connection().await;
            connections.set(connections.get() + 1);
            model(Cut { pipe, reads_left: usize::MAX, writes_left: usize::MAX }).await;
        }
    };
    let done = tokio::select! {
        done = turn(&mut client) => done,
        () = serve => unreachable!(),
    };
    assert_eq!(
        done,
        ["call a", "call b", "message Done."],
        "cut after {reads_left} or {writes_left}"
    );
    connections.get() > 1
}

#[tokio::test(start_paused = true)]
async fn r17_a_cut_after_any_byte_of_the_server_changes_nothing() {
    let mut count = 0;
    while survives(usize::MAX, count).await {
        count += 1;
    }
    assert!(count > 500, "{count}");
}

#[tokio::test(start_paused = true)]
async fn r17_a_cut_after_any_byte_of_the_client_changes_nothing() {
    let mut count = 0;
    while survives(count, usize::MAX).await {
        count += 1;
    }
    assert!(count > 500, "{count}");
}
