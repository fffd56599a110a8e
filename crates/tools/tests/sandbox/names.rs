//! S4: names that are asked for, whereby much can be told to whoever answers. The resolver is one of our own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, ToSocketAddrs as _, UdpSocket};
use std::path::Path;

use rustix::mount::mount_bind;

use crate::attack::{Attack, attack, impossible};
use crate::network::{answered, udp};
use crate::told::apart;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s4_name_asked_for_by_the_library", |_| {
        ("told.by.its.name.test", 80).to_socket_addrs().map(drop)
    })
    .after(answer_names)
    .as_root(),
    attack("s4_name_asked_for_by_a_packet", |_| {
        let settings = fs::read_to_string("/etc/resolv.conf")?;
        let server = settings.lines().find_map(|line| line.strip_prefix("nameserver "));
        let query =
            b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04told\x04test\x00\x00\x01\x00\x01";
        let socket = udp()?;
        socket.send_to(query, (server.ok_or_else(impossible)?, 53))?;
        answered(&socket)
    })
    .after(answer_names)
    .as_root(),
];

/// An address of its own for each that tries, of this machine.
fn resolver() -> Ipv4Addr {
    let [_, second, third, last] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, second | 0x80, third, last)
}

/// Is the resolver from now on, for this process and what it starts.
fn answer_names(home: &Path) -> io::Result<()> {
    apart()?;
    let socket = UdpSocket::bind((resolver(), 53))?;
    let settings = home.join("resolv.conf");
    fs::write(&settings, format!("nameserver {}\n", resolver()))?;
    mount_bind(&settings, fs::canonicalize("/etc/resolv.conf")?)?;
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let _ = socket.send_to(&answer(&query[..length]), from);
        }
    });
    Ok(())
}

/// Whatever is asked for is this machine; of version 6 it has no address.
fn answer(query: &[u8]) -> Vec<u8> {
    const OF_VERSION_4: [u8; 4] = [0, 1, 0, 1];
    let question = query.get(12..).unwrap_or_default();
    let end = question.iter().position(|byte| *byte == 0).map_or(0, |end| end + 5);
    let question = question.get(..end).unwrap_or_default();
    let is_known = question.ends_with(&OF_VERSION_4);
    let head = [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0]].concat();
    let found = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01";
    [&head[..], question, if is_known { found } else { &[] }].concat()
}
