//! Where an attack takes place: a home with things worth attacking, a workspace, sockets of the host, and a process
//! of the same person that has nothing to do with any of it. Fresh for each attack.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::environment::{SECRET, SPEAKS};
use crate::local;
use crate::network::socket;
use crate::terminal::HIGH;
use crate::told;

/// Where in the home a compiler lies for who cannot reach the usual one.
const COMPILER: &str = "compiler";

/// What all places share: it belongs to the host.
pub(crate) struct Host {
    port: u16,
    udp: u16,
    socket: PathBuf,
    /// Of processes, a path a line.
    groups: String,
    /// A place with a repository, made when it is first needed.
    pub(crate) repository: OnceLock<Place>,
    _sockets: tempfile::TempDir,
    _listening: (std::net::TcpListener, UnixListener),
}

impl Host {
    pub(crate) fn new() -> Self {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = |address: std::io::Result<std::net::SocketAddr>| address.expect("one").port();
        let (tcp_port, udp_port) = (port(tcp.local_addr()), port(udp.local_addr()));
        std::thread::spawn(move || {
            let mut buffer = [0; 8];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(&buffer[..length], from);
            }
        });
        let sockets = tempfile::tempdir().expect("a directory");
        fs::set_permissions(sockets.path(), fs::Permissions::from_mode(0o755)).expect("open");
        let socket = sockets.path().join("host");
        let listening = (tcp, listen(&socket));
        Self {
            port: tcp_port,
            udp: udp_port,
            socket,
            groups: told::groups().iter().map(|group| format!("{}\n", group.display())).collect(),
            repository: OnceLock::new(),
            _sockets: sockets,
            _listening: listening,
        }
    }
}

/// Open to all.
fn listen(path: &Path) -> UnixListener {
    let listener = UnixListener::bind(path).expect("a socket");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open to all");
    listener
}

fn listen_for_packets(path: &Path) -> OwnedFd {
    let packets = socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0).expect("a socket");
    let address = local::address(path);
    let size = size_of_val(&address) as u32;
    // SAFETY: the address outlives the call, which is told its size.
    let bound = unsafe { libc::bind(packets.as_raw_fd(), (&raw const address).cast(), size) };
    assert_eq!(bound, 0, "{}", path.display());
    rustix::net::listen(&packets, 8).expect("listening");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open to all");
    packets
}

pub(crate) struct Place {
    _directory: tempfile::TempDir,
    pub(crate) home: PathBuf,
    pub(crate) workspace: PathBuf,
    user: u32,
    bystander: Child,
    /// The victim and its directory, open in whatever is started here; and, with high numbers, a file in memory and
    /// a socket.
    _inherited: [OwnedFd; 4],
    _listening: Vec<OwnedFd>,
}

impl Place {
    pub(crate) fn new(user: u32, host: &Host) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        let (home, workspace) = (root.join("home"), root.join("workspace"));
        for directory in
            [&workspace, &home.join(".ssh"), &home.join("clusters"), &home.join("empty")]
        {
            fs::create_dir_all(directory).expect("a directory");
        }
        let own = std::env::current_exe().expect("our executable");
        if fs::hard_link(&own, workspace.join("attacker")).is_err() {
            fs::copy(&own, workspace.join("attacker")).expect("a copy of it");
        }
        fs::write(home.join("victim"), "precious").expect("a victim");
        for secret in [".ssh/id", "clusters/one", "clusters/two", "passwords"] {
            fs::write(home.join(secret), "secret").expect("a secret");
        }
        let keeping = "[credential \"https://example.com\"]\nhelper = store --file ~/passwords\n";
        fs::write(home.join(".gitconfig"), keeping).expect("a configuration");
        let inherited = [home.join("victim"), home.clone()].map(|path| {
            let writable = path.is_file();
            let file = fs::File::options().read(true).write(writable).open(path).expect("a file");
            rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("inherited");
            OwnedFd::from(file)
        });
        let (high_file, high_socket) = high_descriptors();
        let listening = listening(&home, &workspace);
        for path in [&root, &workspace]
            .into_iter()
            .cloned()
            .chain(
                [
                    "",
                    ".ssh",
                    ".ssh/id",
                    "clusters",
                    "clusters/one",
                    "clusters/two",
                    "passwords",
                    ".gitconfig",
                    "victim",
                    "empty",
                    ".foo.sock",
                ]
                .map(|name| home.join(name)),
            )
            .chain(["host.sock", "packets.sock"].map(|name| workspace.join(name)))
        {
            let _ = chown(path, Some(user), Some(user));
        }
        let bystander = bystander(&workspace, user);
        for (name, text) in [
            ("port", host.port.to_string()),
            ("udp", host.udp.to_string()),
            ("socket", host.socket.display().to_string()),
            ("abstract", abstract_name(&home)),
            ("interfaces", fs::read_to_string("/proc/net/dev").unwrap_or_default()),
            ("bystander", bystander.id().to_string()),
            ("groups", host.groups.clone()),
            ("descriptor", inherited[0].as_raw_fd().to_string()),
            ("directory_descriptor", inherited[1].as_raw_fd().to_string()),
        ] {
            fs::write(home.join(name), text).expect("a file");
        }
        plant_foreign(&home, &workspace, user);
        let [victim, victims_directory] = inherited;
        Self {
            _directory: directory,
            home,
            workspace,
            user,
            bystander,
            _inherited: [victim, victims_directory, high_file, high_socket],
            _listening: listening,
        }
    }

    pub(crate) fn is_intact(&self) -> bool {
        fs::read(self.home.join("victim")).is_ok_and(|text| text == b"precious")
    }

    /// Starts the attacker, does what it asks for, and returns what came of it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let (said, output) = std::io::pipe().expect("a pipe");
        let mut command = self.command(&self.workspace.join("attacker"));
        command.args(arguments).arg(&self.home).stdin(Stdio::piped());
        command.stdout(output.try_clone().expect("a copy")).stderr(output);
        let mut child = command.spawn().expect("the attacker starts");
        // It holds the pipe open.
        drop(command);
        let (mut made, mut told) = (Vec::new(), child.stdin.take());
        let mut ran = Ran::default();
        for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if line == "make" {
                made.push(listen(&self.home.join("later.sock")));
                let _ = told.as_mut().map(|told| told.write_all(b"x"));
            } else {
                ran.said += &format!("{line}\n");
            }
        }
        ran.code = child.wait().expect("its end").code();
        ran
    }

    /// Another user cannot reach root's own compiler: it gets other names for its files, or copies, in the home.
    pub(crate) fn lend_compiler(&self) {
        let own = std::env::var_os("CARGO").map(PathBuf::from);
        let from = own.as_deref().and_then(Path::parent).and_then(Path::parent);
        let Some(from) = from.filter(|_| rustix::process::getuid().as_raw() != self.user) else {
            return;
        };
        let to = self.home.join(COMPILER);
        fs::create_dir(&to).expect("a directory");
        for links in [&["-al"][..], &["-a"]] {
            let mut copy = Command::new("cp");
            copy.args(links).args(["bin", "lib"]).arg(&to).current_dir(from);
            if copy.stderr(Stdio::null()).status().is_ok_and(|ended| ended.success()) {
                return;
            }
        }
    }

    /// Runs a command line in the sandbox.
    pub(crate) fn run_line(&self, tier: &str, line: &str) -> Ran {
        self.run(&["line", tier, line])
    }

    /// Runs a script as the person does it. Whether it went well shows later.
    pub(crate) fn run_unconfined(&self, script: &str) {
        let mut shell = self.command("timeout".as_ref());
        shell.args(["20", "bash", "-c", script]).env("GIT_TERMINAL_PROMPT", "0");
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.status().expect("a shell");
    }

    /// Run as the person, in the workspace.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.workspace).env("HOME", &self.home);
        command.env("PATH", search_path(&self.home));
        command.env(SECRET.0, SECRET.1).env(SPEAKS, self.workspace.join("host.sock"));
        as_user(&mut command, self.user);
        command
    }
}

/// How a process ended, and what it printed.
#[derive(Default)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.bystander.stdin.take());
        let _ = self.bystander.wait();
        let made = fs::read_to_string(self.home.join(told::MADE_GROUPS)).unwrap_or_default();
        made.lines().for_each(|group| drop(fs::remove_dir(group)));
    }
}

/// Left open in whatever is started here.
fn high_descriptors() -> (OwnedFd, OwnedFd) {
    let memory = rustix::fs::memfd_create("secret", rustix::fs::MemfdFlags::CLOEXEC);
    let (socket, _) = std::os::unix::net::UnixStream::pair().expect("two sockets");
    (at_high_number(&memory.expect("a file in memory")), at_high_number(&socket.into()))
}

fn at_high_number(descriptor: &OwnedFd) -> OwnedFd {
    // SAFETY: what it returns is a descriptor of ours alone.
    unsafe {
        let copy = libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD, HIGH);
        assert!(copy >= HIGH, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(copy)
    }
}

/// `foreign` in the workspace is another name of a file in the home that is somebody else's, and anybody may write.
fn plant_foreign(home: &Path, workspace: &Path, user: u32) {
    let foreign = home.join("foreign");
    fs::write(&foreign, "precious").expect("a file");
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o666)).expect("open to all");
    let _ = chown(&foreign, Some(user ^ 1), Some(user ^ 1));
    fs::hard_link(&foreign, workspace.join("foreign")).expect("another name");
}

fn abstract_name(home: &Path) -> String {
    format!("agent-attacked{}", home.display()).replace('/', "-")
}

fn listening(home: &Path, workspace: &Path) -> Vec<OwnedFd> {
    let name = SocketAddr::from_abstract_name(abstract_name(home)).expect("a name");
    vec![
        listen(&home.join(".foo.sock")).into(),
        listen(&workspace.join("host.sock")).into(),
        listen_for_packets(&workspace.join("packets.sock")),
        UnixListener::bind_addr(&name).expect("a name of its own").into(),
    ]
}

/// With the compiler itself before whatever finds it by the home, which here is another.
fn search_path(home: &Path) -> std::ffi::OsString {
    let own = std::env::var_os("CARGO").map(PathBuf::from);
    let own = own.and_then(|cargo| cargo.parent().map(Path::to_owned));
    let own = [home.join(COMPILER).join("bin")].into_iter().chain(own);
    let path = std::env::var_os("PATH").unwrap_or("/usr/bin:/bin".into());
    std::env::join_paths(own.chain(std::env::split_paths(&path))).unwrap_or(path)
}

fn as_user(command: &mut Command, user: u32) {
    if rustix::process::getuid().is_root() {
        command.uid(user).gid(user);
    }
}

/// Stands by until its standard input ends.
fn bystander(workspace: &Path, user: u32) -> Child {
    let mut command = Command::new(workspace.join("attacker"));
    command.arg("stand").stdin(Stdio::piped()).stdout(Stdio::piped()).env(SECRET.0, SECRET.1);
    // Of its own group, so that nothing else is met with it.
    command.process_group(0);
    as_user(&mut command, user);
    let mut child = command.spawn().expect("a bystander");
    let mut ready = [0];
    child.stdout.take().expect("its output").read_exact(&mut ready).expect("it stands");
    child
}

/// The bystander's whole life: it owns some shared memory, too.
pub(crate) fn stand() {
    let pid = std::process::id();
    let name = format!("/dev/shm/agent-{pid}");
    let _ = fs::write(&name, "private");
    // SAFETY: no memory is involved.
    let segment =
        unsafe { libc::shmget(pid.cast_signed(), 8, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    let _ = std::io::stdout().write_all(b"x").and_then(|()| std::io::stdout().flush());
    let _ = std::io::stdin().read(&mut [0]);
    let _ = fs::remove_file(&name);
    // SAFETY: no memory is involved.
    unsafe { libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()) };
}
