//! Descriptors 0 to 2 of a command, and its terminal if it is to have one.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::sandbox::message::{Input, WindowSize};

/// Descriptors 0 to 2 of the command.
pub(super) struct Stdio {
    pub(super) descriptors: [OwnedFd; 3],
    /// The agent's end of the terminal, when there is one.
    pub(super) master: Option<OwnedFd>,
}

impl Stdio {
    pub(super) fn open(input: Input, given: Vec<OwnedFd>) -> std::io::Result<Self> {
        let missing = || std::io::Error::other("descriptors are missing");
        let mut given = given.into_iter();
        let mut next = || given.next().ok_or_else(missing);
        match input {
            // Opened here: a descriptor from outside would lead out of the mounts, to be changed by its owner.
            Input::Empty => {
                let null = File::open("/dev/null")?.into();
                Ok(Self { descriptors: [null, next()?, next()?], master: None })
            }
            Input::Given => Ok(Self { descriptors: [next()?, next()?, next()?], master: None }),
            Input::Terminal(size) => Self::terminal(size),
        }
    }

    /// Made here, so that the terminal has a name in this room.
    fn terminal(size: WindowSize) -> std::io::Result<Self> {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        rustix::termios::tcsetwinsize(
            &terminal,
            Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 },
        )?;
        let (input, output) = (terminal.try_clone()?, terminal.try_clone()?);
        Ok(Self { descriptors: [input, output, terminal], master: Some(master) })
    }
}
