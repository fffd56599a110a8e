//! S5: the host's Unix sockets, wherever they lie and whatever they are called on the way.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::attack::{Attack, attack, check, impossible, own, unless};
use crate::network::socket;

/// Sockets of the host: `.foo.sock` in the home, `host.sock` in the workspace and there also `packets.sock`.
pub(crate) const ATTACKS: &[Attack] = &[
    attack("s5_stream_in_tmp", |home| {
        reached(&UnixStream::connect(fs::read_to_string(home.join("socket"))?)?)
    }),
    attack("s5_abstract", |home| {
        let name = fs::read(home.join("abstract"))?;
        reached(&UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?)
    }),
    // It is taken, which only who sees the machine's names is told.
    attack("s5_take_an_abstract_name", |home| {
        let name = [&[0][..], &fs::read(home.join("abstract"))?].concat();
        let (one, _other) = UnixStream::pair()?;
        let mut address =
            libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
        for (to, byte) in address.sun_path.iter_mut().zip(&name) {
            *to = byte.cast_signed();
        }
        let length = size_of::<libc::sa_family_t>() + name.len();
        // SAFETY: the address outlives the call, and is longer than is said.
        let bound = check(unsafe {
            libc::bind(one.as_raw_fd(), (&raw const address).cast(), length as u32)
        });
        unless(bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse))
    }),
    attack("s5_stream_in_a_home", |home| to(&home.join(".foo.sock"))),
    attack("s5_stream_in_the_workspace", |_| to(Path::new("host.sock"))),
    attack("s5_through_the_root_of_a_process", |home| {
        to(&Path::new("/proc/self/root")
            .join(home.strip_prefix("/").unwrap_or(home))
            .join(".foo.sock"))
    }),
    attack("s5_through_the_directory_of_a_process", |_| to(Path::new("/proc/self/cwd/host.sock"))),
    attack("s5_through_the_directory_of_a_thread", |_| {
        to(Path::new("/proc/thread-self/cwd/host.sock"))
    }),
    attack("s5_through_a_descriptor", |home| {
        let file = rustix::fs::open(
            home.join(".foo.sock"),
            rustix::fs::OFlags::PATH,
            rustix::fs::Mode::empty(),
        )?;
        to(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))
    }),
    attack("s5_through_a_link", |home| {
        symlink(home.join(".foo.sock"), own("way.sock"))?;
        to(&own("way.sock"))
    }),
    attack("s5_hard_linked", |_| {
        fs::hard_link("host.sock", "linked.sock")?;
        to(Path::new("linked.sock"))
    }),
    attack("s5_renamed", |_| {
        fs::rename("host.sock", "renamed.sock")?;
        to(Path::new("renamed.sock"))
    }),
    attack("s5_in_the_place_of_an_own_one", |_| {
        let _own = UnixListener::bind("own.sock")?;
        fs::rename("host.sock", "own.sock")?;
        to(Path::new("own.sock"))
    }),
    attack("s5_made_later", |home| {
        // Whoever runs us makes a socket when told to, and says so.
        io::stdout().write_all(b"make\n")?;
        io::stdout().flush()?;
        io::stdin().read_exact(&mut [0])?;
        to(&home.join("later.sock"))
    }),
    attack("s5_packets", |_| {
        let socket = socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0)?;
        connect(&socket, &address(Path::new("packets.sock")))?;
        reached(&UnixStream::from(socket))
    }),
    attack("s5_without_waiting", |_| {
        let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
        connect(&socket, &address(Path::new("host.sock")))?;
        reached(&UnixStream::from(socket))
    }),
    attack("s5_by_another_thread", |_| {
        std::thread::spawn(|| to(Path::new("host.sock"))).join().map_err(|_| impossible())?
    }),
    attack("s5_an_address_swapped_while_connecting", swapped_address),
    attack("s5_a_socket_swapped_while_connecting", swapped_socket),
];

fn to(path: &Path) -> io::Result<()> {
    reached(&UnixStream::connect(path)?)
}

/// Who listens at the other end is not one of us.
fn reached(stream: &UnixStream) -> io::Result<()> {
    unless(peer_of(stream.as_raw_fd())? != std::process::id().cast_signed())
}

/// The process at the other end; 0 when it is out of sight.
fn peer_of(socket: i32) -> io::Result<i32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of_val(&peer) as u32;
    // SAFETY: the kernel writes as much as it is told there is room for.
    check(unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        libc::getsockopt(socket, level, option, (&raw mut peer).cast(), &raw mut size)
    })?;
    Ok(peer.pid)
}

pub(crate) fn address(path: &Path) -> libc::sockaddr_un {
    // SAFETY: all-zero bytes are a valid address.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    for (to, from) in address.sun_path.iter_mut().zip(path.as_os_str().as_bytes()) {
        *to = from.cast_signed();
    }
    address
}

pub(crate) fn connect(socket: &OwnedFd, address: *const libc::sockaddr_un) -> io::Result<()> {
    let size = size_of::<libc::sockaddr_un>() as u32;
    // SAFETY: the address outlives the call, which is told its size.
    check(unsafe { libc::connect(socket.as_raw_fd(), address.cast(), size) }).map(drop)
}

/// An address that is allowed becomes another one between the judgement and the deed.
fn swapped_address(_: &Path) -> io::Result<()> {
    let mine = own("own.sock");
    let _mine = UnixListener::bind(&mine)?;
    let both = [address(&mine), address(Path::new("host.sock"))];
    let shared = Box::leak(Box::new(both[0]));
    let shared = &raw mut *shared as usize;
    turning(
        |turn| {
            // SAFETY: a race is what is wanted; the memory is never given back.
            unsafe { std::ptr::write_volatile(shared as *mut libc::sockaddr_un, both[turn]) };
        },
        || {
            let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
            connect(&socket, shared as *const libc::sockaddr_un)?;
            reached(&UnixStream::from(socket))
        },
    )
}

/// A socket of the internet becomes one of the host's in the same way.
fn swapped_socket(_: &Path) -> io::Result<()> {
    let web = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let slot = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let slot = slot.as_raw_fd();
    let host = address(Path::new("host.sock"));
    turning(
        |turn| {
            let local = socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
            let Ok(local) = local else { return };
            let from = if turn == 0 { web.as_raw_fd() } else { local.as_raw_fd() };
            // SAFETY: the slot is replaced by an open descriptor; nobody else owns it.
            unsafe { libc::dup2(from, slot) };
        },
        || {
            let size = size_of_val(&host) as u32;
            // SAFETY: the address outlives the call, whichever socket is there.
            check(unsafe { libc::connect(slot, (&raw const host).cast(), size) })?;
            unless(peer_of(slot)? != std::process::id().cast_signed())
        },
    )
}

/// How long a race may take to be won; unsandboxed it is won soon.
const PATIENCE: Duration = Duration::from_millis(500);

/// Tries again and again while another thread turns things.
fn turning(turn: impl Fn(usize) + Sync, attempt: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                turn(number & 1);
            }
        });
        let begun = Instant::now();
        let mut reached = false;
        while !reached && begun.elapsed() < PATIENCE {
            reached = attempt().is_ok();
        }
        over.store(true, Ordering::Relaxed);
        unless(reached)
    })
}
