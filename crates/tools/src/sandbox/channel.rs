//! Frames over a local stream socket: a length, JSON, and descriptors that travel with the first byte. Both ends
//! are our own executable.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};

/// Bytes of one frame; more is a broken peer.
const MAX_FRAME: usize = 256 << 20;
/// Descriptors that travel with one frame.
const MAX_DESCRIPTORS: usize = 3;
const LENGTH: usize = 4;
/// How often descriptors are sent once more for which there is no room in the kernel's count, and how much later.
const TRIES: usize = 20;
const LATER: Duration = Duration::from_millis(50);

/// An end that is gone is an error, and no signal. Where there is no flag for it, the signal is ignored by all of Rust.
#[cfg(not(target_os = "macos"))]
const SILENTLY: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_os = "macos")]
const SILENTLY: SendFlags = SendFlags::empty();

#[cfg(not(target_os = "macos"))]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_os = "macos")]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::empty();

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; LENGTH];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - LENGTH)
        .ok()
        .filter(|length| *length as usize <= MAX_FRAME)
        .ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, "too long for the sandbox's channel")
        })?;
    frame[..LENGTH].copy_from_slice(&length.to_ne_bytes());
    Ok(frame)
}

fn length_of(header: [u8; LENGTH]) -> io::Result<usize> {
    let length = u32::from_ne_bytes(header) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(ErrorKind::InvalidData, "an impossible frame"));
    }
    Ok(length)
}

fn send_with(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "too many descriptors for one frame"));
    }
    let mut send = || rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SILENTLY);
    match send() {
        Err(Errno::TOOMANYREFS) => with_most_files(send).map_err(|error| match error {
            Errno::TOOMANYREFS => crowded(),
            error => error.into(),
        }),
        sent => Ok(sent?),
    }
}

/// The kernel counts the descriptors that all programs of a user have sent and nobody has received, and judges each sender by its own
/// limit for open files. What is started meanwhile has the same limit, so it is not raised for good.
fn with_most_files<T>(call: impl FnOnce() -> T) -> T {
    static RAISED: Mutex<()> = Mutex::new(());
    let _alone = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let done = call();
    let _ = setrlimit(Resource::Nofile, limit);
    done
}

fn crowded() -> io::Error {
    let why = "too many descriptors are on their way between your programs, as when a command that still runs sends them and \
               nobody receives them";
    io::Error::new(ErrorKind::QuotaExceeded, why)
}

/// Whether descriptors were not sent as too many others are on their way. The other side is still there.
pub(super) fn is_crowded(error: &io::Error) -> bool {
    error.kind() == ErrorKind::QuotaExceeded
}

fn receive_with(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, CLOSED_ON_EXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
            #[cfg(target_os = "macos")]
            for descriptor in &*descriptors {
                rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
            }
        }
    }
    Ok(received.bytes)
}

/// The confined side: blocking, one thread.
pub(super) struct BlockingChannel(UnixStream);

impl BlockingChannel {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        Self(UnixStream::from(descriptor))
    }

    pub(super) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let frame = encode(message)?;
        let sent = retry(|| send_with(self.0.as_fd(), &frame, descriptors))?;
        io::Write::write_all(&mut &self.0, &frame[sent..])
    }

    /// The next frame and its descriptors; `None` when the other side is gone.
    pub(super) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut descriptors = Vec::new();
        let mut header = [0; LENGTH];
        let mut filled = 0;
        while filled < LENGTH {
            match retry(|| receive_with(self.0.as_fd(), &mut header[filled..], &mut descriptors))? {
                0 => return Ok(None),
                received => filled += received,
            }
        }
        let mut body = vec![0; length_of(header)?];
        io::Read::read_exact(&mut &self.0, &mut body)?;
        Ok(Some((serde_json::from_slice(&body)?, descriptors)))
    }
}

impl AsFd for BlockingChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The agent's side.
pub(super) struct Channel(tokio::net::UnixStream);

impl Channel {
    /// A channel and the end for the other process.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self(tokio::net::UnixStream::from_std(ours)?), theirs.into()))
    }

    pub(super) async fn send(
        &mut self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let frame = encode(message)?;
        let mut sent = self.send_first(&frame, descriptors).await;
        for _ in 0..TRIES {
            if !sent.as_ref().is_err_and(is_crowded) {
                break;
            }
            tokio::time::sleep(LATER).await;
            sent = self.send_first(&frame, descriptors).await;
        }
        self.0.write_all(&frame[sent?..]).await
    }

    async fn send_first(&self, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let socket = &self.0;
        socket.async_io(Interest::WRITABLE, || send_with(socket.as_fd(), frame, descriptors)).await
    }

    /// For short frames. One for which there is no room is not sent at all.
    ///
    /// # Errors
    /// When the other side is gone, or only a part was sent.
    pub(super) fn send_now(&self, message: &impl Serialize) -> io::Result<()> {
        let frame = encode(message)?;
        match send_with(self.0.as_fd(), &frame, &[]) {
            Ok(sent) if sent == frame.len() => Ok(()),
            Ok(_) => Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// As [`BlockingChannel::receive`]. Not cancel safe in the middle of a frame.
    pub(super) async fn receive<T: DeserializeOwned>(
        &mut self,
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut descriptors = Vec::new();
        let mut header = [0; LENGTH];
        let mut filled = 0;
        while filled < LENGTH {
            let socket = &self.0;
            let received = socket
                .async_io(Interest::READABLE, || {
                    receive_with(socket.as_fd(), &mut header[filled..], &mut descriptors)
                })
                .await;
            match received {
                Ok(0) => return Ok(None),
                Ok(received) => filled += received,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let mut body = vec![0; length_of(header)?];
        self.0.read_exact(&mut body).await?;
        Ok(Some((serde_json::from_slice(&body)?, descriptors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[tokio::test]
    async fn a_frame_arrives_whole_with_its_descriptors_however_long_it_is() {
        let (mut ours, theirs) = Channel::pair().unwrap();
        let text = "x".repeat(3 << 20);
        let other_side = std::thread::spawn(move || {
            let channel = BlockingChannel::new(theirs);
            let (text, descriptors) = channel.receive::<String>().unwrap().unwrap();
            let mut pipe = std::fs::File::from(descriptors.into_iter().next().unwrap());
            pipe.write_all(b"through the descriptor").unwrap();
            channel.send(&text.len(), &[]).unwrap();
        });
        let (reader, writer) = std::io::pipe().unwrap();
        ours.send(&text, &[writer.as_fd()]).await.unwrap();
        drop(writer);
        assert_eq!(ours.receive::<usize>().await.unwrap().unwrap().0, text.len());
        assert!(ours.receive::<usize>().await.unwrap().is_none());
        let mut said = String::new();
        { reader }.read_to_string(&mut said).unwrap();
        assert_eq!(said, "through the descriptor");
        other_side.join().unwrap();
    }
}
