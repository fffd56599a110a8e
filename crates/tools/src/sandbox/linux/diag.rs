//! Which Unix sockets listen in this network namespace, and at which files: asked of the kernel itself, as a path may
//! lead to another file by now than the one that was bound.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// The file a socket is bound to: the low half of its number, and its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) inode: u32,
    pub(super) device: (u32, u32),
}

const HEADER: usize = 16;
const MESSAGE: usize = 16;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const FILE: u16 = 1;

pub(super) fn listening() -> io::Result<Vec<Bound>> {
    let (kind, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
    let socket = socket_with(AddressFamily::NETLINK, kind, flags, Some(SOCK_DIAG))?;
    send(&socket, &question(), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if length == 0 || take(&buffer[..length], &mut found) {
            return Ok(found);
        }
    }
}

/// `struct nlmsghdr` and `struct unix_diag_req`: all that listen, with their files.
fn question() -> Vec<u8> {
    const BY_FAMILY: u16 = 20;
    const REQUEST_ALL: u16 = 0x301;
    const LISTENING: u32 = 1 << 10;
    const WITH_FILE: u32 = 2;
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let mut bytes = words(&[HEADER as u32 + 24]);
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_ALL.to_ne_bytes());
    bytes.extend(words(&[1, 0]));
    bytes.extend([libc::AF_UNIX as u8, 0, 0, 0]);
    bytes.extend(words(&[LISTENING, 0, WITH_FILE, 0, 0]));
    bytes
}

/// Takes what one datagram tells; true when it was the last.
fn take(mut bytes: &[u8], found: &mut Vec<Bound>) -> bool {
    while let Some((length, kind)) = word(bytes, 0).zip(half(bytes, 4)) {
        if kind == DONE || kind == ERROR {
            return true;
        }
        let Some(message) = bytes.get(HEADER + MESSAGE..length as usize) else { return true };
        found.extend(file_in(message));
        bytes = bytes.get(aligned(length as usize)..).unwrap_or_default();
    }
    false
}

fn file_in(mut attributes: &[u8]) -> Option<Bound> {
    while let (Some(length), Some(kind)) = (half(attributes, 0), half(attributes, 2)) {
        if kind == FILE {
            // The kernel's own form of a device number.
            let (inode, device) = (word(attributes, 4)?, word(attributes, 8)?);
            return Some(Bound { inode, device: (device >> 20, device & 0xf_ffff) });
        }
        attributes = attributes.get(aligned(usize::from(length).max(4))..)?;
    }
    None
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The device of the mount a file is on. Some file systems give their files others.
pub(super) fn device_of_mount(file: &OwnedFd) -> Option<(u32, u32)> {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let id = found.stx_mnt_id.to_string();
    let fields = mount.into_iter().find(|fields| fields.first() == Some(&id.as_str()))?;
    let (major, minor) = fields.get(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn the_file_of_a_listening_socket_is_told_whatever_its_path_is_by_now() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("first"), directory.path().join("second"));
        let _listener = UnixListener::bind(&first).unwrap();
        let silent =
            std::os::unix::net::UnixDatagram::bind(directory.path().join("silent")).unwrap();
        std::fs::rename(&first, &second).unwrap();
        let bound = |name: &str| {
            let path = directory.path().join(name);
            let inode = std::fs::metadata(&path).unwrap().ino() as u32;
            let file = rustix::fs::open(&path, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
                .unwrap();
            Bound { inode, device: device_of_mount(&file).unwrap() }
        };
        let found = listening().unwrap();
        assert!(found.contains(&bound("second")), "{found:?}");
        assert!(!found.contains(&bound("silent")), "{found:?}");
        assert!(UnixStream::connect(second).is_ok());
        drop(silent);
    }
}
