//! A thread that stands at a call: which call it is, what it is about, and what can be changed of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::known::{About, Known, known};
use crate::calls::{Call, Kind};

#[expect(unsafe_code, reason = "neither std nor rustix has ptrace")]
pub(crate) fn ptrace(
    request: libc::c_uint,
    pid: i32,
    address: usize,
    data: usize,
) -> io::Result<libc::c_long> {
    // SAFETY: those who call it give addresses of buffers of theirs that are as large as the request asks for.
    let answer = unsafe { libc::ptrace(request as _, pid, address, data) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

pub(crate) fn is_poll(number: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_poll {
        return true;
    }
    number == libc::SYS_ppoll
}

/// Where a thread stands.
pub(crate) enum Stop {
    Entry { number: libc::c_long, arguments: [u64; 6] },
    Exit,
}

impl Stop {
    pub(crate) fn at(thread: i32) -> io::Result<Self> {
        // `struct ptrace_syscall_info`: what it is, the machine, two addresses, the call and its arguments.
        let mut info = [0_u64; 11];
        let (size, buffer) = (size_of_val(&info), info.as_mut_ptr() as usize);
        ptrace(libc::PTRACE_GET_SYSCALL_INFO as _, thread, size, buffer)?;
        if info[0].to_ne_bytes()[0] != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return Ok(Self::Exit);
        }
        let mut arguments = [0; 6];
        arguments.copy_from_slice(&info[4..10]);
        Ok(Self::Entry { number: info[3] as libc::c_long, arguments })
    }
}

/// What of a call can be told, when it is one that can fail.
pub(crate) fn seen(
    thread: i32,
    number: libc::c_long,
    arguments: &[u64; 6],
) -> Option<(Known, Call)> {
    let known = known(number)?;
    let about = match known.about {
        About::Nothing => String::new(),
        About::Descriptor(argument) => descriptor(thread, arguments[argument] as i32),
        #[cfg(target_arch = "x86_64")]
        About::Path(argument) => path(thread, libc::AT_FDCWD, arguments[argument]),
        About::At(argument) => path(thread, arguments[argument] as i32, arguments[argument + 1]),
    };
    let is_file = about.starts_with('/');
    let kind = match (known.kind, known.name) {
        (Kind::Open, name) => match flags(thread, name, arguments) & libc::O_CREAT {
            0 => Kind::Open,
            _ => Kind::Create,
        },
        (Kind::Lock, "fcntl") => match arguments[1] as i32 {
            libc::F_DUPFD_CLOEXEC => Kind::Descriptor,
            libc::F_SETLK | libc::F_OFD_SETLK => Kind::Lock,
            _ => return None,
        },
        (Kind::Spawn, name) => match is_thread(thread, name, arguments) {
            true => Kind::Thread,
            false => Kind::Spawn,
        },
        (Kind::Write, _) if about.starts_with("pipe:") => Kind::Say,
        (Kind::Write, _) if about.starts_with("socket:") => Kind::Send,
        (Kind::Read | Kind::Write, _) if !is_file => return None,
        (kind, _) => kind,
    };
    Some((known, Call { kind, name: known.name, about }))
}

fn flags(thread: i32, name: &str, arguments: &[u64; 6]) -> i32 {
    match name {
        "open" => arguments[1] as i32,
        "openat2" => word(thread, arguments[2]) as i32,
        _ => arguments[2] as i32,
    }
}

fn is_thread(thread: i32, name: &str, arguments: &[u64; 6]) -> bool {
    let flags = match name {
        "clone" => arguments[0],
        "clone3" => word(thread, arguments[0]),
        _ => 0,
    };
    flags & libc::CLONE_THREAD as u64 != 0
}

fn memory(thread: i32, address: u64, buffer: &mut [u8]) -> usize {
    let memory = File::open(format!("/proc/{thread}/mem"));
    memory.and_then(|memory| memory.read_at(buffer, address)).unwrap_or_default()
}

fn word(thread: i32, address: u64) -> u64 {
    let mut bytes = [0; 8];
    memory(thread, address, &mut bytes);
    u64::from_ne_bytes(bytes)
}

fn path(thread: i32, directory: i32, address: u64) -> String {
    let mut buffer = [0; 4096];
    // At the end of a page nothing may follow.
    let page = 4096 - (address % 4096) as usize;
    let mut read = memory(thread, address, &mut buffer[..page]);
    if !buffer[..read].contains(&0) {
        read += memory(thread, address + read as u64, &mut buffer[read..]);
    }
    let path = buffer[..read].split(|&byte| byte == 0).next().unwrap_or_default();
    let path = String::from_utf8_lossy(path).into_owned();
    match (path.starts_with('/'), directory) {
        (true, _) => path,
        (false, libc::AT_FDCWD) => {
            let cwd = std::fs::read_link(format!("/proc/{thread}/cwd")).unwrap_or_default();
            cwd.join(path).to_string_lossy().into_owned()
        }
        (false, directory) => format!("{}/{path}", descriptor(thread, directory)),
    }
}

fn descriptor(thread: i32, descriptor: i32) -> String {
    let target = std::fs::read_link(format!("/proc/{thread}/fd/{descriptor}"));
    target.unwrap_or_default().to_string_lossy().into_owned()
}

/// All of a thread's, as `PTRACE_GETREGSET` gives them.
pub(crate) struct Registers(libc::user_regs_struct);

const GENERAL: usize = libc::NT_PRSTATUS as usize;

impl Registers {
    #[expect(unsafe_code, reason = "they are plain numbers; libc has no other way to make them")]
    pub(crate) fn of(thread: i32) -> io::Result<Self> {
        // SAFETY: all zeros are registers.
        let mut registers = Self(unsafe { std::mem::zeroed() });
        registers.exchange(libc::PTRACE_GETREGSET, thread)?;
        Ok(registers)
    }

    pub(crate) fn put(&mut self, thread: i32) -> io::Result<()> {
        self.exchange(libc::PTRACE_SETREGSET, thread)
    }

    fn exchange(&mut self, request: libc::c_uint, thread: i32) -> io::Result<()> {
        let mut part = libc::iovec {
            iov_base: (&raw mut self.0).cast(),
            iov_len: size_of::<libc::user_regs_struct>(),
        };
        ptrace(request, thread, GENERAL, (&raw mut part) as usize).map(drop)
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// The call that was about to be made is not.
    pub(crate) fn skip(&mut self, thread: i32) -> io::Result<()> {
        self.0.orig_rax = u64::MAX;
        self.put(thread)
    }

    pub(crate) fn set_result(&mut self, result: i64) {
        self.0.rax = result as u64;
    }

    pub(crate) fn set_argument(&mut self, argument: usize, value: u64) {
        let registers = &mut self.0;
        *[&mut registers.rdi, &mut registers.rsi, &mut registers.rdx][argument] = value;
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// The call that was about to be made is not.
    pub(crate) fn skip(&mut self, thread: i32) -> io::Result<()> {
        const NT_ARM_SYSTEM_CALL: usize = 0x404;
        let mut none = -1_i32;
        let mut part = libc::iovec { iov_base: (&raw mut none).cast(), iov_len: size_of::<i32>() };
        let part = (&raw mut part) as usize;
        ptrace(libc::PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, part).map(drop)
    }

    pub(crate) fn set_result(&mut self, result: i64) {
        self.0.regs[0] = result as u64;
    }

    pub(crate) fn set_argument(&mut self, argument: usize, value: u64) {
        self.0.regs[argument] = value;
    }
}
