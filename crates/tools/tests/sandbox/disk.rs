//! S9 where nothing more can be written: on a disk that a command has filled, and beyond a limit of the person's. What it
//! planted does not stay, and nothing of the person's is lost.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::attack::check;
use crate::place::{Host, Place};
use crate::{FAILED, IMPOSSIBLE, Outcome, WORKED, agent};

/// All are scripts for bash, run on a disk of two megabytes.
pub(crate) struct Disk {
    pub(crate) name: &'static str,
    /// Done by the person.
    before: &'static str,
    script: &'static str,
    /// Goes well only where the command's plant does not grow; `$said` is what the command line said.
    check: &'static str,
    /// Bytes of a file, by the limit of the person's shell.
    limit: Option<u64>,
}

const fn disk(
    name: &'static str,
    before: &'static str,
    script: &'static str,
    check: &'static str,
) -> Disk {
    Disk { name, before, script, check, limit: None }
}

const BEFORE: &str = "git init -q -b main .; git config user.name own";
const FILL: &str = "head -c 100M /dev/zero >fill";

pub(crate) const DISKS: &[Disk] = &[
    disk(
        "s9_configuration_on_a_full_disk",
        BEFORE,
        "git config core.fsmonitor ./evil",
        r#"
        test -z "$(git config core.fsmonitor)"; test "$(git config user.name)" = own
        grep -q 'put back .*config' "$said"; grep -q 'fsmonitor = ./evil' "$said"
    "#,
    ),
    disk(
        "s9_hook_on_a_full_disk",
        "git init -q .; printf 'own hook, and a long one' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
        "printf evil >.git/hooks/pre-commit",
        "grep own .git/hooks/pre-commit; test -x .git/hooks/pre-commit",
    ),
    disk(
        "s9_configuration_behind_a_link_on_a_full_disk",
        BEFORE,
        "cp .git/config c; git config -f c core.fsmonitor ./evil; ln -sf ../c .git/config",
        r#"test -z "$(git config core.fsmonitor)"; grep -q 'could not put back .*config' "$said"; grep -q 'name = own' "$said""#,
    ),
    Disk {
        limit: Some(0),
        ..disk(
            "s9_configuration_beyond_a_limit",
            "git init -q .; git config user.name own; cp .git/config .git/c; git config -f .git/c core.fsmonitor ./evil",
            "mv -f .git/c .git/config",
            r#"test -z "$(git config core.fsmonitor)"; test "$(git config user.name)" = own; grep fsmonitor .git/config.aside-*"#,
        )
    },
];

impl Disk {
    pub(crate) fn works(&self, user: u32, host: &Host) -> Option<i32> {
        Place::new(user, host).run(&["disk", "none", self.name]).code
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let ran = Place::new(user, host).run(&["disk", tier, self.name]);
        match ran.code {
            Some(FAILED) => Outcome::Held,
            code => Outcome::Trouble(format!("({tier}) {code:?}\n{}", ran.said)),
        }
    }
}

/// Whether what is planted grows.
pub(crate) fn plays(name: &str, tier: &str, home: &Path) -> i32 {
    let disk = DISKS.iter().find(|disk| disk.name == name).expect("a known disk");
    if let Err(error) = enter_small_disk() {
        println!("{error}");
        return IMPOSSIBLE;
    }
    let said = home.join("said");
    bash(disk.before, &said);
    let script = match disk.limit {
        Some(_) => disk.script.to_owned(),
        None => format!("{}\n{FILL}", disk.script),
    };
    if tier == "none" {
        bash(&script, &said);
    } else {
        let mut attacker = Command::new("./attacker");
        attacker.args(["limited", &disk.limit.unwrap_or(u64::MAX).to_string(), tier, &script]);
        let output = attacker.arg(home).stdin(Stdio::null()).output();
        fs::write(&said, output.expect("the attacker starts").stderr).expect("a file");
    }
    if bash(&format!("set -e\n{}", disk.check), &said) {
        return FAILED;
    }
    println!("{}", fs::read_to_string(&said).unwrap_or_default());
    WORKED
}

/// The agent under attack, in a shell with a limit.
pub(crate) fn runs_limited(limit: &str, tier: &str, line: &str, home: &str) -> i32 {
    let current = limit.parse().ok().filter(|limit| *limit != u64::MAX);
    setrlimit(Resource::Fsize, Rlimit { current, maximum: None }).expect("a limit");
    agent::runs_line(tier, line, home)
}

fn bash(script: &str, said: &Path) -> bool {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("said", said).stdin(Stdio::null()).stdout(Stdio::null());
    bash.stderr(Stdio::null()).status().expect("a shell").success()
}

/// In namespaces of this process's own.
fn enter_small_disk() -> io::Result<()> {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if user != 0 {
        // SAFETY: no memory is involved, and this process has one thread.
        check(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    // SAFETY: no memory is involved, and this process has one thread.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let disk = std::env::current_dir()?.join("disk");
    fs::create_dir(&disk)?;
    mount(c"none", Path::new("/"), libc::MS_REC | libc::MS_PRIVATE, c"")?;
    mount(c"tmpfs", &disk, 0, c"size=2m,mode=755")?;
    std::env::set_current_dir(&disk)?;
    std::os::unix::fs::symlink("../attacker", "attacker")
}

fn mount(kind: &std::ffi::CStr, at: &Path, flags: u64, options: &std::ffi::CStr) -> io::Result<()> {
    let at = CString::new(at.as_os_str().as_encoded_bytes())?;
    // SAFETY: all strings outlive the call.
    let code = unsafe {
        libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
    };
    check(code).map(drop)
}
