//! S4: every family of sockets and every way to send something.

use std::fs;
use std::io::{self, Write as _};
use std::mem::zeroed;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::attack::{Attack, attack, check, impossible, number, unless};

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s4_tcp_to_the_host", |home| TcpStream::connect(host(home, "port")?).map(drop)),
    attack("s4_tcp_to_the_host_by_ipv6", |home| {
        TcpStream::connect(format!("[::ffff:127.0.0.1]:{}", number(home, "port")?)).map(drop)
    }),
    attack("s4_tcp_by_multipath", |home| {
        const MPTCP: i32 = 262;
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, MPTCP).map_err(unsupported)?;
        connect(&socket, number(home, "port")?)
    }),
    attack("s4_tcp_with_the_first_packet", |home| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        let address = loopback(number(home, "port")?);
        send_to(&socket, &address, libc::MSG_FASTOPEN)
    }),
    attack("s4_tcp_after_another_try", |home| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
        let _ = connect(&socket, number(home, "port")?);
        let mut waited = [rustix::event::PollFd::new(&socket, rustix::event::PollFlags::OUT)];
        rustix::event::poll(&mut waited, None)?;
        // SAFETY: one byte, which outlives the call.
        check(unsafe { libc::send(socket.as_raw_fd(), b"x".as_ptr().cast(), 1, 0) as i64 })
            .map(drop)
    }),
    attack("s4_udp_connected", |home| {
        let socket = udp()?;
        socket.connect(host(home, "udp")?)?;
        socket.send(b"x")?;
        answered(&socket)
    }),
    attack("s4_udp_sent_to", |home| {
        let socket = udp()?;
        socket.send_to(b"x", host(home, "udp")?)?;
        answered(&socket)
    }),
    attack("s4_udp_as_a_message", |home| {
        let socket = udp()?;
        let mut address = loopback(number(home, "udp")?);
        let mut message = Message::to(&mut address);
        // SAFETY: the message and what it points to outlive the call.
        check(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message.header, 0) as i64 })?;
        message.done();
        answered(&socket)
    }),
    attack("s4_udp_as_many_messages", |home| {
        let socket = udp()?;
        let mut address = loopback(number(home, "udp")?);
        let message = Message::to(&mut address);
        let mut many = [libc::mmsghdr { msg_hdr: message.header, msg_len: 0 }];
        // SAFETY: the messages and what they point to outlive the call.
        check(unsafe { libc::sendmmsg(socket.as_raw_fd(), many.as_mut_ptr(), 1, 0) })?;
        answered(&socket)
    }),
    attack("s4_udp_written", |home| {
        let socket = connected(home)?;
        rustix::io::write(&socket, b"x")?;
        answered(&socket)
    }),
    attack("s4_udp_written_in_pieces", |home| {
        let socket = connected(home)?;
        rustix::io::writev(&socket, &[io::IoSlice::new(b"x"), io::IoSlice::new(b"y")])?;
        answered(&socket)
    }),
    attack("s4_udp_from_a_file", |home| {
        let (socket, file) = (connected(home)?, fs::File::open(home.join("victim"))?);
        rustix::fs::sendfile(&socket, &file, None, 4)?;
        answered(&socket)
    }),
    attack("s4_udp_from_a_pipe", |home| {
        let socket = connected(home)?;
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(b"x")?;
        let flags = rustix::pipe::SpliceFlags::empty();
        rustix::pipe::splice(&reader, None, &socket, None, 1, flags)?;
        answered(&socket)
    }),
    attack("s4_tcp_from_a_file", |home| {
        let socket = TcpStream::connect(host(home, "port")?)?;
        let file = fs::File::open(home.join("victim"))?;
        rustix::fs::sendfile(&socket, &file, None, 4).map(drop).map_err(io::Error::from)
    }),
    attack("s4_udp_by_ipv6", |home| {
        let socket = UdpSocket::bind("[::]:0").map_err(unsupported)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send_to(b"x", format!("[::ffff:127.0.0.1]:{}", number(home, "udp")?))?;
        answered(&socket)
    }),
    attack("s4_raw_ip", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP).map(drop))
        .as_root(),
    attack("s4_packets", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0x0300).map(drop)).as_root(),
    attack("s4_virtual_machines", |_| {
        socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop).map_err(unsupported)
    }),
    attack("s4_ciphers_of_the_kernel", |_| {
        socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0).map(drop).map_err(unsupported)
    }),
    attack("s4_any_other_family", |_| {
        let known = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
        let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET];
        let found = (0..64)
            .filter(|family| !known.contains(family))
            .any(|family| kinds.iter().any(|kind| socket(family, *kind, 0).is_ok()));
        if found { Ok(()) } else { Err(impossible()) }
    }),
    attack("s4_events_of_devices", |_| netlink(libc::NETLINK_KOBJECT_UEVENT)),
    attack("s4_sockets_of_others", |_| netlink(libc::NETLINK_SOCK_DIAG)),
    attack("s4_generic_netlink", |_| netlink(libc::NETLINK_GENERIC)),
    attack("s4_high_bits_of_the_family", |_| {
        // The kernel looks at the low half only.
        let family = (7_i64 << 32) | i64::from(libc::AF_NETLINK);
        // SAFETY: no memory is involved.
        let made = unsafe {
            libc::syscall(libc::SYS_socket, family, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT)
        };
        check(made).map(drop)
    }),
    attack("s4_interfaces_of_the_host", |home| {
        let names = fs::read_to_string("/proc/net/dev")?;
        let host = fs::read_to_string(home.join("interfaces"))?;
        let own = |names: &str| names.lines().skip(2).count();
        if own(&host) < 2 {
            return Err(impossible());
        }
        unless(own(&names) == own(&host))
    })
    .on_full(),
    attack("s4_submission_queue", |_| {
        let mut parameters = [0_u8; 120];
        // SAFETY: the parameters are as long as the kernel's structure.
        let made = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
        check(made).map(drop).map_err(|error| match error.raw_os_error() {
            // Switched off for everybody.
            Some(libc::EPERM) => impossible(),
            _ => error,
        })
    }),
    attack("s5_datagram", |_| std::os::unix::net::UnixDatagram::unbound().map(drop)),
    attack("s5_pair_of_datagrams", |_| std::os::unix::net::UnixDatagram::pair().map(drop)),
];

const PATIENCE: Duration = Duration::from_millis(100);

fn host(home: &Path, name: &str) -> io::Result<String> {
    Ok(format!("127.0.0.1:{}", number(home, name)?))
}

pub(crate) fn udp() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn connected(home: &Path) -> io::Result<UdpSocket> {
    let socket = udp()?;
    socket.connect(host(home, "udp")?)?;
    Ok(socket)
}

/// The host sends back what it gets.
pub(crate) fn answered(socket: &UdpSocket) -> io::Result<()> {
    socket.recv(&mut [0; 8]).map(drop)
}

fn netlink(protocol: i32) -> io::Result<()> {
    socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol).map(drop).map_err(unsupported)
}

/// Not every kernel has it.
fn unsupported(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ENOPROTOOPT) => impossible(),
        _ => error,
    }
}

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: what it returns is a descriptor of ours alone.
    unsafe {
        let socket = check(libc::socket(family, kind, protocol))?;
        Ok(OwnedFd::from_raw_fd(i32::try_from(socket).unwrap_or(-1)))
    }
}

pub(crate) fn loopback(port: i32) -> libc::sockaddr_in {
    // SAFETY: all-zero bytes are a valid address.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_port = (port as u16).to_be();
    address.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
    address
}

fn connect(socket: &OwnedFd, port: i32) -> io::Result<()> {
    let address = loopback(port);
    let size = size_of_val(&address) as u32;
    // SAFETY: the address outlives the call, which is told its size.
    let code = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), size) };
    check(code).map(drop)
}

fn send_to(socket: &OwnedFd, address: &libc::sockaddr_in, flags: i32) -> io::Result<()> {
    let size = size_of_val(address) as u32;
    // SAFETY: the address and the byte outlive the call.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            b"x".as_ptr().cast(),
            1,
            flags,
            (&raw const *address).cast(),
            size,
        )
    };
    check(sent as i64).map(drop)
}

/// One byte to an address.
struct Message {
    header: libc::msghdr,
    piece: Box<libc::iovec>,
}

impl Message {
    fn to(address: &mut libc::sockaddr_in) -> Self {
        let piece = libc::iovec { iov_base: b"x".as_ptr().cast_mut().cast(), iov_len: 1 };
        let mut piece = Box::new(piece);
        // SAFETY: all-zero bytes are an empty message.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_name = (&raw mut *address).cast();
        header.msg_namelen = size_of_val(address) as u32;
        header.msg_iov = &raw mut *piece;
        header.msg_iovlen = 1;
        Self { header, piece }
    }

    fn done(&mut self) {
        self.piece.iov_len = 0;
    }
}
