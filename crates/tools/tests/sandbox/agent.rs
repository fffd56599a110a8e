//! The agent under attack, as far as it matters here: what it runs for the model, in the sandbox of a tier.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_protocol::{CallForm, Content, SandboxMode, ToolCall};
use agent_tools::{
    Exit, Prepared, SecretPlaces, Tier, Toolbox, ToolboxConfig, probe, run_confined,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{IMPOSSIBLE, WORKED, attack_of};

pub(crate) fn config(mode: &str, home: &Path) -> ToolboxConfig {
    let cwd = std::env::current_dir().expect("a working directory");
    ToolboxConfig {
        sandbox: if mode == "read-only" {
            SandboxMode::ReadOnly
        } else {
            SandboxMode::WorkspaceWrite
        },
        env: BTreeMap::from([
            ("HOME".into(), cwd.join(home).into()),
            ("KUBECONFIG".into(), kubeconfig(&cwd.join(home))),
            ("GOOGLE_APPLICATION_CREDENTIALS".into(), cwd.join("credentials.json").into()),
            ("PATH".into(), std::env::var_os("PATH").unwrap_or("/usr/bin:/bin".into())),
        ]),
        person: BTreeMap::new(),
        secrets: SecretPlaces::default(),
        secret_values: agent_tools::Secrets::default(),
        writable_roots: vec![],
        shared: vec![],
        network: false,
        login: None,
        outputs_dir: cwd.clone(),
        journal_dir: None,
        keep_background: false,
        output_tokens: None,
        freeform_patch: true,
        helper: cwd.join("attacker"),
        cwd,
    }
}

/// Two files, as people have it who work with several clusters.
fn kubeconfig(home: &Path) -> OsString {
    std::env::join_paths(["clusters/one", "clusters/two"].map(|name| home.join(name)))
        .expect("two paths")
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Finds out whether there is this tier.
pub(crate) fn probes(tier: &str, home: &str) -> i32 {
    leave_only(tier);
    runtime().block_on(async {
        let found = probe(&config("workspace-write", Path::new(home))).await.expect("a sandbox");
        assert!(all_forgotten().await, "a helper ended and nobody waited for it");
        let wanted = if tier == "reduced" { Tier::Reduced } else { Tier::Full };
        if found.tier != wanted {
            println!("{:?}", found.reasons);
            return IMPOSSIBLE;
        }
        WORKED
    })
}

pub(crate) fn runs_attack(tier: &str, mode: &str, name: &str, home: &str) -> i32 {
    let own = std::env::current_dir().expect("a directory").join("attacker");
    let attack = attack_of(name);
    (attack.before)(Path::new(home)).expect("what was done without a sandbox");
    runs(tier, mode, home, attack.added, &[own.into(), "try".into(), name.into(), home.into()])
}

pub(crate) fn runs_line(tier: &str, line: &str, home: &str) -> i32 {
    runs(tier, "workspace-write", home, &[], &["bash", "-c", line].map(OsString::from))
}

fn runs(tier: &str, mode: &str, home: &str, added: &[&str], argv: &[OsString]) -> i32 {
    leave_only(tier);
    let mut config = config(mode, Path::new(home));
    config.writable_roots.extend(added.iter().map(PathBuf::from));
    let ran = runtime().block_on(run_confined(&config, argv));
    match ran.expect("a command") {
        Exit::Code(code) => code,
        Exit::Signal(_) => 99,
    }
}

/// What a call of a tool would do.
pub(crate) fn prepared(toolbox: &Toolbox, tool: &str, input: &str) -> Result<Prepared, String> {
    let call = ToolCall {
        call_id: "call".into(),
        name: tool.into(),
        namespace: None,
        form: CallForm::Custom,
        input: input.into(),
    };
    toolbox.prepare(&call).map_err(|rejection| rejection.message)
}

/// What the model reads of it; an error when it was no success.
pub(crate) async fn performed(prepared: Prepared) -> Result<String, String> {
    let output = prepared.perform(agent_tools::Progress::channel().0).await;
    let texts = output.content.iter().map(|part| match part {
        Content::Text { text } => text.as_str(),
        Content::Image { .. } => "",
    });
    let text = texts.collect();
    if output.success { Ok(text) } else { Err(text) }
}

/// Whether no child is left soon, not even in the system's table.
async fn all_forgotten() -> bool {
    let mut ended = signal(SignalKind::child()).expect("signals");
    let children = || std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let waiting = async {
        while !children().is_empty() {
            ended.recv().await;
            // Whoever waits for it has heard the same.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.is_ok()
}

/// Makes this the best tier that is to be had.
pub(crate) fn leave_only(tier: &str) {
    if tier == "reduced" {
        // As a container does it.
        refuse(&[Refused::all(libc::SYS_unshare)], libc::EPERM);
    }
}

/// System calls that this process and all it starts are not to make.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    call: i64,
    /// Only when the first argument has one of these bits.
    bits: u32,
}

impl Refused {
    pub(crate) const fn all(call: i64) -> Self {
        Self { call, bits: 0 }
    }

    pub(crate) const fn with(call: i64, bits: u32) -> Self {
        Self { call, bits }
    }
}

pub(crate) fn refuse(refused: &[Refused], errno: i32) {
    const FIRST_ARGUMENT: u32 = 16;
    let step = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, k, jt, jf };
    let load = |at| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    let answer = |answer| step(libc::BPF_RET | libc::BPF_K, answer, 0, 0);
    let no = libc::SECCOMP_RET_ERRNO | errno.cast_unsigned();
    let mut program = vec![];
    for Refused { call, bits } in refused {
        program.push(load(0));
        if *bits == 0 {
            program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, 0, 1));
        } else {
            program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, 0, 3));
            program.push(load(FIRST_ARGUMENT));
            program.push(step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, *bits, 0, 1));
        }
        program.push(answer(no));
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    rustix::thread::set_no_new_privs(true).expect("no_new_privs");
    let filter =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, which outlives the call.
    assert_eq!(unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &raw const filter) }, 0);
}
