//! The bytes of a connection, whatever they pass through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Counts what is read.
#[derive(Debug)]
pub(crate) struct Stream {
    pipe: Pipe,
    bytes_read: u64,
}

/// An enum, not a trait object: reading a token costs no indirection.
#[derive(Debug)]
enum Pipe {
    Tcp(TcpStream),
    /// Over TCP, or over TLS to a proxy.
    Tls(Box<TlsStream<Stream>>),
    Memory(DuplexStream),
}

impl Stream {
    pub(crate) const fn tcp(stream: TcpStream) -> Self {
        Self::over(Pipe::Tcp(stream))
    }

    pub(crate) fn tls(stream: TlsStream<Self>) -> Self {
        Self::over(Pipe::Tls(Box::new(stream)))
    }

    pub(crate) const fn memory(stream: DuplexStream) -> Self {
        Self::over(Pipe::Memory(stream))
    }

    const fn over(pipe: Pipe) -> Self {
        Self { pipe, bytes_read: 0 }
    }

    pub(crate) const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

macro_rules! delegate {
    ($pipe:expr, $stream:ident => $call:expr) => {
        match $pipe {
            Pipe::Tcp($stream) => $call,
            Pipe::Tls($stream) => $call,
            Pipe::Memory($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = delegate!(&mut self.pipe, stream => Pin::new(stream).poll_read(context, buffer));
        self.bytes_read += (buffer.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(&mut self.pipe, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(&mut self.pipe, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(&mut self.pipe, stream => Pin::new(stream).poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(&mut self.pipe, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        delegate!(&self.pipe, stream => stream.is_write_vectored())
    }
}
