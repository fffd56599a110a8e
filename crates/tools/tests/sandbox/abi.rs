//! S1, S4, S7, S8 by the calls of 32-bit programs, which a 64-bit one makes by `int 0x80`: other numbers, same kernel.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::attack::{Attack, attack, check, impossible, number};
use crate::network::loopback;

/// The numbers of 32-bit x86.
const OPEN: u32 = 5;
const GETPID: u32 = 20;
const MOUNT: u32 = 21;
const PTRACE: u32 = 26;
const UMOUNT2: u32 = 52;
const SOCKETCALL: u32 = 102;
const KEYCTL: u32 = 288;
const UNSHARE: u32 = 310;
const SOCKET: u32 = 359;
const CONNECT: u32 = 362;
const IO_URING_SETUP: u32 = 425;

const INET: u32 = libc::AF_INET.cast_unsigned();
const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s1_write_by_a_32_bit_call", |home| {
        let path = low(&text(&home.join("victim"))?)?;
        call(OPEN, [path.address(), libc::O_WRONLY.cast_unsigned(), 0, 0, 0]).map(drop)
    }),
    attack("s4_tcp_by_32_bit_calls", |home| {
        let (address, size) = host(home)?;
        let socket = call(SOCKET, [INET, STREAM, 0, 0, 0])?;
        call(CONNECT, [socket, address.address(), size, 0, 0]).map(drop)
    }),
    attack("s4_tcp_by_the_one_32_bit_call_of_all_sockets", |home| {
        const TO_SOCKET: u32 = 1;
        const TO_CONNECT: u32 = 3;
        let (address, size) = host(home)?;
        let one = |what: u32, arguments: [u32; 3]| {
            let arguments = low(&arguments.map(u32::to_ne_bytes).concat())?;
            call(SOCKETCALL, [what, arguments.address(), 0, 0, 0])
        };
        let socket = one(TO_SOCKET, [INET, STREAM, 0])?;
        one(TO_CONNECT, [socket, address.address(), size]).map(drop)
    }),
    attack("s4_submission_queue_by_a_32_bit_call", |_| {
        let parameters = low(&[0; 120])?;
        call(IO_URING_SETUP, [4, parameters.address(), 0, 0, 0]).map(drop).map_err(|error| {
            match error.raw_os_error() {
                // Switched off for everybody.
                Some(libc::EPERM) => impossible(),
                _ => error,
            }
        })
    }),
    attack("s7_trace_by_a_32_bit_call", |home| {
        let bystander = number(home, "bystander")?.cast_unsigned();
        call(PTRACE, [libc::PTRACE_SEIZE, bystander, 0, 0, 0]).map(drop)
    }),
    attack("s8_key_by_a_32_bit_call", |_| {
        call(KEYCTL, [0, (-4_i32).cast_unsigned(), 0, 0, 0]).map(drop)
    }),
    attack("s8_user_namespace_by_a_32_bit_call", |_| {
        call(UNSHARE, [libc::CLONE_NEWUSER.cast_unsigned(), 0, 0, 0, 0]).map(drop)
    }),
    attack("s8_mount_by_a_32_bit_call", |home| {
        let (kind, on) = (low(b"tmpfs\0")?, low(&text(home)?)?);
        call(MOUNT, [kind.address(), on.address(), kind.address(), 0, 0])?;
        call(UMOUNT2, [on.address(), libc::MNT_DETACH.cast_unsigned(), 0, 0, 0]).map(drop)
    })
    .as_root(),
];

fn text(path: &Path) -> io::Result<Vec<u8>> {
    Ok(std::ffi::CString::new(path.as_os_str().as_bytes())?.into_bytes_with_nul())
}

fn host(home: &Path) -> io::Result<(Low, u32)> {
    let address = loopback(number(home, "port")?);
    let size = size_of_val(&address);
    // SAFETY: an address is plain bytes.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const address).cast::<u8>(), size) };
    Ok((low(bytes)?, size as u32))
}

/// Bytes where 32 bits reach, to the end of this process.
struct Low(*mut u8);

impl Low {
    fn address(&self) -> u32 {
        self.0 as usize as u32
    }
}

#[cfg(target_arch = "x86_64")]
fn low(bytes: &[u8]) -> io::Result<Low> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
    assert!(bytes.len() <= 4096, "more than a page");
    // SAFETY: a new page, which nothing else knows of, and into which the bytes fit.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
        check(page as i64)?;
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), page.cast(), bytes.len());
        Ok(Low(page.cast()))
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn low(_: &[u8]) -> io::Result<Low> {
    Err(impossible())
}

fn call(number: u32, arguments: [u32; 5]) -> io::Result<u32> {
    if !is_to_be_had()? {
        return Err(impossible());
    }
    let said = interrupt(number, arguments);
    if (-4095..0).contains(&said) {
        return Err(io::Error::from_raw_os_error(-said));
    }
    Ok(said.cast_unsigned())
}

/// A kernel without 32-bit programs ends whoever makes such a call.
fn is_to_be_had() -> io::Result<bool> {
    let mut status = 0;
    // SAFETY: the child makes one call that changes nothing, and ends.
    unsafe {
        let child = check(libc::fork())? as i32;
        if child == 0 {
            interrupt(GETPID, [0; 5]);
            libc::_exit(0);
        }
        check(libc::waitpid(child, &raw mut status, 0))?;
    }
    Ok(libc::WIFEXITED(status))
}

#[cfg(target_arch = "x86_64")]
fn interrupt(number: u32, arguments: [u32; 5]) -> i32 {
    let [first, second, third, fourth, fifth] = arguments;
    let said: i32;
    // SAFETY: what the arguments point to outlives the call; the register that the compiler keeps for itself is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, r12",
            "int 0x80",
            "xchg rbx, r12",
            inlateout("eax") number => said,
            inlateout("r12") u64::from(first) => _,
            in("ecx") second,
            in("edx") third,
            in("esi") fourth,
            in("edi") fifth,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    said
}

#[cfg(not(target_arch = "x86_64"))]
fn interrupt(_: u32, _: [u32; 5]) -> i32 {
    -libc::ENOSYS
}
