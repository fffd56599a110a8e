//! The agent itself is never forked: a copy of its memory, however short it lives, costs time that grows with it. What it
//! starts is started by calls that copy nothing; only the sandbox's own processes fork.

#![allow(unsafe_code, reason = "the kernel is asked to tell of each fork, which no crate here can")]

use std::io::Error;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::{Command, Output};

use agent_testkit::{Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// The kernel's `struct seccomp_notif` and `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Default)]
struct Asked {
    id: u64,
    thread: u32,
    flags: u32,
    call: [u64; 8],
}
#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const GO_ON: u32 = 1;

/// From here on each copy that this thread, or what it starts, makes of a process's memory is told of at what is
/// returned, and waits until it was heard of.
fn watch_forks() -> OwnedFd {
    const NEW_LISTENER: u32 = 1 << 3;
    const FIRST_ARGUMENT: u32 = 16;
    let step = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, k, jt, jf };
    let load = |at| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    let unless = |call: i64| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1);
    let answer = |answer| step(libc::BPF_RET | libc::BPF_K, answer, 0, 0);
    let shares = libc::CLONE_VM.cast_unsigned();
    let mut program = vec![load(0)];
    // Its flags lie in memory, where no filter can see them; everybody takes the older call then.
    program.extend([unless(libc::SYS_clone3), answer(libc::SECCOMP_RET_ERRNO | 38)]);
    #[cfg(target_arch = "x86_64")]
    program.extend([unless(libc::SYS_fork), answer(libc::SECCOMP_RET_USER_NOTIF)]);
    program.extend([
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_clone as u32, 0, 3),
        load(FIRST_ARGUMENT),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, shares, 1, 0),
        answer(libc::SECCOMP_RET_USER_NOTIF),
        answer(libc::SECCOMP_RET_ALLOW),
    ]);
    let filter =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, which outlives the call; what it returns is ours alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let listener = libc::syscall(libc::SYS_seccomp, 1, NEW_LISTENER, &raw const filter);
        assert!(listener >= 0, "{}", Error::last_os_error());
        OwnedFd::from_raw_fd(listener as i32)
    }
}

/// The processes that were copied, until nobody is left who could be.
fn copied(listener: &OwnedFd) -> Vec<u32> {
    let mut copied = Vec::new();
    loop {
        let mut waited =
            libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the structures are those that the kernel knows for the calls, and outlive them.
        unsafe {
            assert_eq!(libc::poll(&raw mut waited, 1, 60_000), 1, "{}", Error::last_os_error());
            if waited.revents & libc::POLLIN == 0 {
                return copied;
            }
            let mut asked = Asked::default();
            if libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut asked) == 0 {
                copied.push(process_of(asked.thread));
                let mut answer = Answer { id: asked.id, value: 0, error: 0, flags: GO_ON };
                libc::ioctl(listener.as_raw_fd(), SEND as _, &raw mut answer);
            }
        }
    }
}

fn process_of(thread: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.unwrap().trim().parse().unwrap()
}

/// Runs it to the end of all it started. Returns how often it was copied, and how often anything was.
fn copies_of(mut command: Command) -> (Output, usize, usize) {
    let (tell, told) = std::sync::mpsc::channel();
    let running = std::thread::spawn(move || {
        tell.send(watch_forks()).unwrap();
        let child = command.spawn().unwrap();
        (child.id(), child.wait_with_output().unwrap())
    });
    let copied = copied(&told.recv().unwrap());
    let (own, output) = running.join().unwrap();
    let own = copied.iter().filter(|process| **process == own).count();
    (output, own, copied.len())
}

#[test]
fn a_shell_that_forks_is_caught_at_it() {
    let scene = Scene::new("/bin/sh");
    let (output, own, _) = copies_of(scene.command(&["-c", "(exit 3)"]).into_std());
    assert!(output.status.code() == Some(3) && own > 0, "{output:?}, copied {own} times");
}

#[tokio::test]
async fn the_agent_is_never_forked_whatever_it_starts() {
    let patch = "*** Begin Patch\n*** Add File: new\n+x\n*** End Patch\n";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "git status; (echo from a subshell)"}))
        .calls("exec_command", json!({"cmd": "test -t 0 && echo a terminal", "tty": true}))
        .calls("exec_command", json!({"cmd": "sleep 1000", "yield_time_ms": 50}))
        .calls("apply_patch", json!({"input": patch}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server).env("SHELL", "/bin/sh");
    let command = scene.command(&["exec", "--json", "-s", "workspace-write", "go"]).into_std();
    let ran = tokio::task::spawn_blocking(|| copies_of(command)).await;
    let (output, own, all) = ran.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("from a subshell") && said.contains("a terminal"), "{said}");
    assert_eq!(scene.read("new").as_deref(), Some("x\n"));
    assert!(all > 0, "its helpers fork, and were watched");
    assert_eq!(own, 0, "the agent was forked");
}
