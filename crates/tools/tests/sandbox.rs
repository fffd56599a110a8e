//! Attacks on the sandbox, named after the promise each would break. Every attack has to succeed unsandboxed first, so
//! that a broken one cannot pass. This executable is its own helper, and plays the attacker too.

#![allow(clippy::print_stdout, reason = "it is its own test harness, and says what it found")]
#![allow(clippy::disallowed_methods, reason = "it is a program of its own, in a place of its own")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use agent_protocol::SandboxMode;
use agent_tools::{Exit, Tier, ToolboxConfig, probe, run_confined};

type Attack = (&'static str, fn(&Path) -> io::Result<()>);

/// `home` holds `victim` and is outside the roots; the working directory is the workspace.
const ATTACKS: &[Attack] = &[
    ("s1_write_by_path", |home| fs::write(home.join("victim"), "x")),
    ("s1_truncate", |home| {
        fs::File::options().write(true).truncate(true).open(home.join("victim")).map(drop)
    }),
    ("s1_create", |home| fs::write(home.join("new"), "x")),
    ("s1_delete", |home| fs::remove_file(home.join("victim"))),
    ("s1_make_a_directory", |home| fs::create_dir(home.join("directory"))),
    ("s1_rename_within", |home| fs::rename(home.join("victim"), home.join("moved"))),
    ("s1_symlink_there", |home| symlink("/", home.join("link"))),
    ("s1_hard_link_there", |home| fs::hard_link(home.join("victim"), home.join("linked"))),
    ("s1_through_proc", |home| {
        let file = fs::File::open(home.join("victim"))?;
        fs::write(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)), "x")
    }),
    ("s1_through_a_root_of_another", |home| {
        fs::write(
            Path::new("/proc/self/root")
                .join(home.strip_prefix("/").unwrap_or(home))
                .join("victim"),
            "x",
        )
    }),
    ("s4_tcp_to_the_host", |home| {
        let port = fs::read_to_string(home.join("port"))?;
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).map(drop)
    }),
    ("s5_stream_in_tmp", |home| {
        let path = fs::read_to_string(home.join("socket"))?;
        std::os::unix::net::UnixStream::connect(path).map(drop)
    }),
    ("s5_datagram", |_| std::os::unix::net::UnixDatagram::unbound().map(drop)),
    ("s11_read_a_secret", |home| match fs::read(home.join(".ssh/id"))? {
        text if text.is_empty() => Err(io::Error::other("empty")),
        _ => Ok(()),
    }),
];
/// Only the full tier promises these.
const ATTACKS_ON_FULL: &[Attack] = &[
    ("s2_mode", |home| fs::set_permissions(home.join("victim"), fs::Permissions::from_mode(0o777))),
    ("s2_times", |home| fs::File::open(home.join("victim"))?.set_modified(std::time::UNIX_EPOCH)),
    ("s7_see_processes", |home| {
        let pid = fs::read_to_string(home.join("pid"))?;
        fs::read_to_string(format!("/proc/{pid}/status"))?
            .contains("sandbox")
            .then_some(())
            .ok_or_else(|| io::Error::other("another"))
    }),
];
/// Allowed under `workspace-write` only.
const WRITE_AT_HOME: Attack = ("s3_write_in_the_workspace", |_| fs::write("written", "x"));

fn main() -> ExitCode {
    if let Some(code) = agent_tools::confined_main(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["try", name, home] => attack(name, Path::new(home)),
        ["confined", tier, mode, name, home] => confined(tier, mode, name, home),
        _ => suite(),
    }
}

fn attack(name: &str, home: &Path) -> ExitCode {
    let all = ATTACKS.iter().chain(ATTACKS_ON_FULL).chain([&WRITE_AT_HOME]);
    let (_, attack) = all.into_iter().find(|(known, _)| *known == name).expect("a known attack");
    ExitCode::from(if attack(home).is_ok() { 0 } else { 7 })
}

fn confined(tier: &str, mode: &str, name: &str, home: &str) -> ExitCode {
    if tier == "reduced" {
        forbid_namespaces();
    }
    let cwd = std::env::current_dir().expect("a working directory");
    let helper = cwd.join("attacker");
    let config = ToolboxConfig {
        sandbox: if mode == "read-only" {
            SandboxMode::ReadOnly
        } else {
            SandboxMode::WorkspaceWrite
        },
        env: BTreeMap::from([
            ("HOME".into(), home.into()),
            ("PATH".into(), "/usr/bin:/bin".into()),
        ]),
        writable_roots: vec![],
        network: false,
        outputs_dir: cwd.clone(),
        journal_dir: None,
        keep_background: false,
        output_tokens: None,
        freeform_patch: false,
        helper: helper.clone(),
        cwd,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let found = probe(&config).await.expect("a sandbox");
        let wanted = if tier == "reduced" { Tier::Reduced } else { Tier::Full };
        if found.tier != wanted {
            println!("not run: {:?}", found.reasons);
            return ExitCode::from(9);
        }
        let argv = [helper.into(), "try".into(), name.into(), home.into()];
        match run_confined(&config, &argv).await.expect("a command") {
            Exit::Code(code) => ExitCode::from(u8::try_from(code).unwrap_or(99)),
            Exit::Signal(_) => ExitCode::from(99),
        }
    })
}

/// As a container does it.
#[allow(unsafe_code)]
fn forbid_namespaces() {
    let step = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, k, jt, jf };
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_unshare as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, refused, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    rustix::thread::set_no_new_privs(true).expect("no_new_privs");
    let filter = libc::sock_fprog { len: 4, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, which outlives the call.
    assert_eq!(unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &raw const filter) }, 0);
}

/// A home with things worth attacking and a workspace, fresh for each attack.
struct Place {
    _directory: tempfile::TempDir,
    home: PathBuf,
    workspace: PathBuf,
    user: u32,
}

impl Place {
    fn new(user: u32, port: u16, socket: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        let (home, workspace) = (root.join("home"), root.join("workspace"));
        fs::create_dir_all(home.join(".ssh")).expect("a home");
        fs::create_dir_all(&workspace).expect("a workspace");
        let own = std::env::current_exe().expect("our executable");
        if fs::hard_link(&own, workspace.join("attacker")).is_err() {
            fs::copy(&own, workspace.join("attacker")).expect("a copy of it");
        }
        for (name, text) in [
            ("victim", "precious".to_owned()),
            (".ssh/id", "secret".to_owned()),
            ("port", port.to_string()),
            ("socket", socket.display().to_string()),
            ("pid", std::process::id().to_string()),
        ] {
            fs::write(home.join(name), text).expect("a file");
        }
        for path in [
            &root,
            &home,
            &workspace,
            &home.join(".ssh"),
            &home.join("victim"),
            &home.join(".ssh/id"),
        ] {
            let _ = std::os::unix::fs::chown(path, Some(user), Some(user));
        }
        Self { _directory: directory, home, workspace, user }
    }

    fn run(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = Command::new(self.workspace.join("attacker"));
        command.args(arguments).arg(&self.home).current_dir(&self.workspace);
        if rustix::process::getuid().is_root() {
            command.uid(self.user).gid(self.user);
        }
        command.status().expect("the attacker starts").code()
    }
}

fn suite() -> ExitCode {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let sockets = tempfile::tempdir().expect("a directory");
    fs::set_permissions(sockets.path(), fs::Permissions::from_mode(0o755)).expect("open to all");
    let socket = sockets.path().join("host");
    let _host = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("open to all");
    let own = rustix::process::getuid().as_raw();
    let users = if own == 0 { vec![0, 65534] } else { vec![own] };
    let (mut failed, mut held) = (0, 0);
    for user in users {
        for tier in ["full", "reduced"] {
            for mode in ["workspace-write", "read-only"] {
                let on_full = ATTACKS_ON_FULL.iter().filter(|_| tier == "full");
                let more = [WRITE_AT_HOME];
                for (name, _) in ATTACKS.iter().chain(on_full).chain(&more) {
                    let free = Place::new(user, port, &socket).run(&["try", name]);
                    // The full tier has Unix datagrams refused by its filter as well.
                    let place = Place::new(user, port, &socket);
                    let code = place.run(&["confined", tier, mode, name]);
                    let intact =
                        fs::read(place.home.join("victim")).is_ok_and(|text| text == b"precious");
                    let allowed = *name == WRITE_AT_HOME.0 && mode == "workspace-write";
                    let expected = if allowed { Some(0) } else { Some(7) };
                    if code == Some(9) {
                        continue;
                    }
                    if free == Some(0) && code == expected && intact {
                        held += 1;
                    } else {
                        failed += 1;
                        println!(
                            "{name} ({tier}, {mode}, user {user}): free {free:?}, confined {code:?}, intact {intact}"
                        );
                    }
                }
            }
        }
    }
    println!("sandbox: {held} held, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || held == 0))
}
