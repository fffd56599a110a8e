//! S12: secrets of the agent's environment, wherever a command might still find them. Which variables commands get is
//! the binary's business, and tried in `tests/secrets.rs`.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::attack::{Attack, attack, number, unless};

/// In the environment of whoever runs the attack, and of the bystander.
pub(crate) const SECRET: (&str, &str) = ("AGENT_ATTACKED_TOKEN", "7d1a-tell-nobody");

/// A variable that names a socket which speaks for the person.
pub(crate) const SPEAKS: &str = "SSH_AUTH_SOCK";

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s12_own_environment", |_| unless(std::env::var_os(SECRET.0).is_some())),
    attack("s12_own_environment_through_proc", |_| holds_secret(Path::new("/proc/self/environ"))),
    attack("s12_environment_of_a_child", |_| {
        let child = Command::new("env").stdin(Stdio::null()).stderr(Stdio::null()).output()?;
        unless(is_in(&child.stdout))
    }),
    attack("s12_environment_of_any_process", |_| {
        unless(processes()?.any(|process| holds_secret(&process.join("environ")).is_ok()))
    }),
    attack("s12_environment_of_any_thread", |_| {
        let threads = processes()?.filter_map(|process| fs::read_dir(process.join("task")).ok());
        let mut threads = threads.flatten().flatten().map(|entry| entry.path());
        unless(threads.any(|thread| holds_secret(&thread.join("environ")).is_ok()))
    }),
    attack("s12_environment_of_the_agent", |home| {
        holds_secret(Path::new(&format!("/proc/{}/environ", number(home, "agent")?)))
    })
    .on_terminal(),
    attack("s12_environment_of_the_parent", |home| {
        // Unsandboxed, the agent is who tries it.
        let parent = std::os::unix::process::parent_id();
        let agent = number(home, "agent")?;
        let own = std::process::id().cast_signed() == agent;
        let asked = if own { agent } else { parent.cast_signed() };
        fs::read(format!("/proc/{asked}/environ")).and_then(|text| unless(is_in(&text)))
    })
    .on_terminal(),
    attack("s12_memory_of_the_agent", |home| {
        fs::File::open(format!("/proc/{}/mem", number(home, "agent")?)).map(drop)
    })
    .on_terminal(),
    attack("s12_a_socket_that_speaks_for_the_person", |_| {
        let path = std::env::var_os(SPEAKS).ok_or(io::ErrorKind::NotFound)?;
        UnixStream::connect(path).map(drop)
    }),
];

fn processes() -> io::Result<impl Iterator<Item = std::path::PathBuf>> {
    let all = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    Ok(all.filter(|path| path.join("task").exists()))
}

fn holds_secret(path: &Path) -> io::Result<()> {
    unless(is_in(&fs::read(path)?))
}

fn is_in(text: &[u8]) -> bool {
    text.windows(SECRET.1.len()).any(|part| part == SECRET.1.as_bytes())
}
