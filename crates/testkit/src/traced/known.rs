//! The calls of Linux that can be made to fail, by their numbers.

use crate::calls::Kind;

/// Where among its arguments a call says what it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    Nothing,
    Descriptor(usize),
    /// A path, from the working directory. Younger machines have no such calls.
    #[cfg(target_arch = "x86_64")]
    Path(usize),
    /// A descriptor of a directory, and behind it a path from there.
    At(usize),
}

/// A call of the system as it is known by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: About,
    /// The argument that says how many bytes, or parts.
    pub(crate) count: Option<usize>,
}

pub(crate) fn known(number: libc::c_long) -> Option<Known> {
    #[cfg(target_arch = "x86_64")]
    use About::Path;
    use About::{At, Descriptor, Nothing};
    let (name, kind, about, count) = match number {
        libc::SYS_statx => ("statx", Kind::Look, At(0), None),
        libc::SYS_newfstatat => ("newfstatat", Kind::Look, At(0), None),
        libc::SYS_readlinkat => ("readlinkat", Kind::Look, At(0), None),
        libc::SYS_faccessat2 => ("faccessat2", Kind::Look, At(0), None),
        libc::SYS_openat => ("openat", Kind::Open, At(0), None),
        libc::SYS_openat2 => ("openat2", Kind::Open, At(0), None),
        libc::SYS_mkdirat => ("mkdirat", Kind::Folder, At(0), None),
        libc::SYS_read => ("read", Kind::Read, Descriptor(0), Some(2)),
        libc::SYS_pread64 => ("pread64", Kind::Read, Descriptor(0), Some(2)),
        libc::SYS_getdents64 => ("getdents64", Kind::List, Descriptor(0), None),
        libc::SYS_write => ("write", Kind::Write, Descriptor(0), Some(2)),
        libc::SYS_pwrite64 => ("pwrite64", Kind::Write, Descriptor(0), Some(2)),
        libc::SYS_writev => ("writev", Kind::Write, Descriptor(0), Some(2)),
        libc::SYS_sendto => ("sendto", Kind::Send, Descriptor(0), Some(2)),
        libc::SYS_ftruncate => ("ftruncate", Kind::Cut, Descriptor(0), None),
        libc::SYS_fsync => ("fsync", Kind::Sync, Descriptor(0), None),
        libc::SYS_fdatasync => ("fdatasync", Kind::Sync, Descriptor(0), None),
        libc::SYS_renameat2 => ("renameat2", Kind::Rename, At(0), None),
        libc::SYS_renameat => ("renameat", Kind::Rename, At(0), None),
        libc::SYS_linkat => ("linkat", Kind::Rename, At(0), None),
        libc::SYS_symlinkat => ("symlinkat", Kind::Rename, At(1), None),
        libc::SYS_unlinkat => ("unlinkat", Kind::Remove, At(0), None),
        libc::SYS_fchmod => ("fchmod", Kind::Attribute, Descriptor(0), None),
        libc::SYS_fchown => ("fchown", Kind::Attribute, Descriptor(0), None),
        libc::SYS_flock => ("flock", Kind::Lock, Descriptor(0), None),
        libc::SYS_fcntl => ("fcntl", Kind::Lock, Descriptor(0), None),
        libc::SYS_socket => ("socket", Kind::Descriptor, Nothing, None),
        libc::SYS_socketpair => ("socketpair", Kind::Descriptor, Nothing, None),
        libc::SYS_pipe2 => ("pipe2", Kind::Descriptor, Nothing, None),
        libc::SYS_eventfd2 => ("eventfd2", Kind::Descriptor, Nothing, None),
        libc::SYS_epoll_create1 => ("epoll_create1", Kind::Descriptor, Nothing, None),
        libc::SYS_clone => ("clone", Kind::Spawn, Nothing, None),
        libc::SYS_clone3 => ("clone3", Kind::Spawn, Nothing, None),
        libc::SYS_connect => ("connect", Kind::Connect, Descriptor(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink => ("readlink", Kind::Look, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => ("open", Kind::Open, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir => ("mkdir", Kind::Folder, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename => ("rename", Kind::Rename, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link => ("link", Kind::Rename, Path(1), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_symlink => ("symlink", Kind::Rename, Path(1), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink => ("unlink", Kind::Remove, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rmdir => ("rmdir", Kind::Remove, Path(0), None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork => ("vfork", Kind::Spawn, Nothing, None),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork => ("fork", Kind::Spawn, Nothing, None),
        _ => return None,
    };
    Some(Known { name, kind, about, count })
}
