//! What the person is told of how strong the sandbox is.

#![allow(unsafe_code, reason = "the kernel is asked to refuse namespaces, which no crate here can")]

use super::*;

/// What is started by this thread from now on has no namespaces of its own to be confined in.
fn without_namespaces() {
    const ERRNO: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let step = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, k, jt, jf };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_unshare as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, ERRNO, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the kernel only reads the program, which outlives the calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter), 0);
    }
}

#[test]
fn s14_the_reduced_tier_is_said_once_in_a_thread_and_the_full_one_never() {
    const SAYS: &str = "The sandbox is the reduced one";
    let echo = || json!({"cmd": "echo ran"});
    let told = move |is_reduced: bool| {
        let model = ScriptedModel::new()
            .calls("exec_command", echo())
            .says("First.")
            .calls("exec_command", echo())
            .says("Second.");
        let (scene, _server) = scene(model);
        let named = scene.workspace().join("kube");
        let scene = scene.file("kube", "secret").env("KUBECONFIG", named.to_str().unwrap());
        if is_reduced {
            without_namespaces();
        }
        let mut screen = show(&scene, &[]);
        for (message, answer) in [("one", "First."), ("two", "Second.")] {
            screen.press(&format!("{message}<enter>"));
            screen.wait_for(answer);
            wait_until_ready(&screen);
            // The thread is opened again from its log.
            screen.press("/effort low<enter>");
            screen.wait_for("with effort low");
            wait_until_ready(&screen);
        }
        let shown = |screen: PtyScreen| {
            screen.signal(rustix::process::Signal::TERM);
            let rows = screen.finish().rows;
            [SAYS, "workspace/kube,"]
                .map(|said| rows.iter().filter(|row| row.contains(said)).count())
        };
        shown(screen)
    };
    assert_eq!(told(false), [0, 0]);
    assert_eq!(std::thread::spawn(move || told(true)).join().unwrap(), [1, 1]);
}
