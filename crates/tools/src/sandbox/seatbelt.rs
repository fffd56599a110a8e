//! The profile for macOS's `sandbox-exec`, as a text: it is made and tested everywhere. What starts commands under it
//! is `macos.rs`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use agent_protocol::SandboxMode;

use super::{SandboxPolicy, secrets};

/// By its whole path: what a search path would find instead may be anybody's.
const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// Always there. No file can be written but to harmless devices, and nothing outside the sandbox be seen or signalled.
const BASE: &str = r#"(version 1)
(deny default)
(allow process-exec)
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow user-preference-read)
(allow ipc-posix-sem)
(allow pseudo-tty)
(allow file-read*)
(allow file-write-data file-ioctl
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom")
  (literal "/dev/dtracehelper") (literal "/dev/ptmx") (literal "/dev/tty") (regex "^/dev/ttys[0-9]+$"))
(allow mach-lookup
  (global-name "com.apple.bsd.dirhelper")
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.opendirectoryd.membership"))
"#;

/// With the network allowed: all of it, names and certificates too.
const NETWORK: &str = r#"(allow system-socket)
(allow network-outbound (remote ip))
(allow network-inbound (local ip))
(allow network-bind (local ip))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.SystemConfiguration.DNSConfiguration")
  (global-name "com.apple.trustd.agent"))
"#;

/// Of a git directory, wherever it lies below a root: what git would run or obey. All of the settings, too: here nobody
/// looks afterwards which of them changed.
const OF_GIT: &[&str] = &[
    "hooks",
    "info/attributes",
    "config",
    "config.worktree",
    "commondir",
    "gitdir",
    "gitweb",
    "pid",
    "svn/.caches",
];

/// Of a root: what we would obey.
const OF_PROJECT: &[&str] = &[".agent", ".agents", ".codex"];

/// What runs `argv` under the policy. Only `temporary` is writable beside the roots.
pub(crate) fn command_line(
    policy: &SandboxPolicy,
    temporary: &Path,
    argv: &[OsString],
) -> Vec<OsString> {
    let profile = profile(policy, temporary, &secrets::paths(&policy.secrets));
    let head = [PROGRAM.into(), "-p".into(), profile.into(), "--".into()];
    head.into_iter().chain(argv.iter().cloned()).collect()
}

/// Later rules count more than earlier ones.
fn profile(policy: &SandboxPolicy, temporary: &Path, hidden: &[PathBuf]) -> String {
    let mut text = BASE.to_owned();
    text += &format!("(allow file-write* (subpath {}))\n", quoted(&shown(temporary)));
    if policy.mode == SandboxMode::WorkspaceWrite {
        for root in &policy.writable_roots {
            text += &writable(root);
        }
    }
    if policy.network {
        text += NETWORK;
    }
    for secret in hidden {
        let secret = quoted(&shown(secret));
        text += &format!("(deny file-read* file-write* (literal {secret}) (subpath {secret}))\n");
    }
    text
}

/// Files there may be called as they like: the file system takes `.GIT` for `.git`.
fn writable(root: &Path) -> String {
    let start = if root == Path::new("/") { String::new() } else { escaped(&shown(root)) };
    let git: Vec<_> = OF_GIT.iter().map(|name| any_case(name)).collect();
    let project: Vec<_> = OF_PROJECT.iter().map(|name| any_case(name)).collect();
    let dot_git = any_case(".git");
    let inner = format!("({}|{})", any_case("modules"), any_case("worktrees"));
    let protected = [
        format!("^{start}/(.*/)?{dot_git}/({inner}/(.*/)?)?({})(/.*)?$", git.join("|")),
        format!("^{start}/({})(/.*)?$", project.join("|")),
    ];
    let protected = protected.map(|regex| format!("\n  (require-not (regex {}))", quoted(&regex)));
    let root = quoted(&shown(root));
    let unmoved = quoted(&format!("^{start}/{dot_git}$"));
    // What is no directory only says where a repository lies, and that may be anywhere.
    let pointing = quoted(&format!("^{start}/(.*/)?{dot_git}$"));
    format!(
        "(allow file-write* (require-all (subpath {root}){}))\n\
         (deny file-write-unlink (regex {unmoved}))\n\
         (deny file-write-create (require-all (regex {pointing})\n  \
         (require-any (vnode-type REGULAR-FILE) (vnode-type SYMLINK))))\n",
        protected.concat()
    )
}

/// A path that is no text cannot be named in a profile; what stands for it matches nothing.
fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// As a string of the profile's language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As a regular expression that means just this.
fn escaped(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}

/// The same, whatever its case: the language has no flag for that.
fn any_case(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        match c.is_ascii_alphabetic() {
            true => regex.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']),
            false => regex.push_str(&escaped(&c.to_string())),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn policy(mode: SandboxMode, network: bool) -> SandboxPolicy {
        SandboxPolicy {
            mode,
            writable_roots: vec!["/Users/a/it (new)".into(), "/Users/a/\"quoted\"".into()],
            network,
            env: BTreeMap::new(),
            person: BTreeMap::new(),
            secrets: crate::sandbox::SecretPlaces::default(),
            tier: None,
        }
    }

    fn text(mode: SandboxMode, network: bool) -> String {
        profile(
            &policy(mode, network),
            Path::new("/private/tmp/agent-x"),
            &["/Users/a/.ssh".into()],
        )
    }

    #[test]
    fn a_workspace_is_writable_but_for_what_would_run_later() {
        insta::assert_snapshot!(text(SandboxMode::WorkspaceWrite, false));
    }

    #[test]
    fn with_the_network_names_and_certificates_are_to_be_had() {
        insta::assert_snapshot!(text(SandboxMode::ReadOnly, true));
    }

    #[test]
    fn what_is_protected_is_so_in_any_case_and_depth() {
        let profile = text(SandboxMode::WorkspaceWrite, false);
        let line = profile.lines().find(|line| line.contains("[hH][oO]")).unwrap();
        let regex = line.split('"').nth(1).unwrap().replace("\\\\", "\\");
        let regex = grep_regex::RegexMatcher::new(&regex).unwrap();
        let is_protected = |path: &str| {
            use grep_matcher::Matcher as _;
            regex.is_match(format!("/Users/a/it (new)/{path}").as_bytes()).unwrap()
        };
        for path in [
            ".git/hooks",
            ".git/hooks/pre-commit",
            ".GIT/Hooks/x",
            "sub/.git/info/attributes",
            ".git/modules/x/hooks/y",
            ".git/worktrees/w/commondir",
            ".git/config",
            ".git/gitweb/lighttpd",
            ".git/svn/.caches/x",
        ] {
            assert!(is_protected(path), "{path}");
        }
        for path in
            ["hooks/x", "config", "pid", ".git/index", ".gitignore", ".git/refs/heads/hooks"]
        {
            assert!(!is_protected(path), "{path}");
        }
    }

    #[test]
    fn the_command_follows_unchanged() {
        let argv = ["echo".into(), "-p x".into()];
        let line = command_line(&policy(SandboxMode::ReadOnly, false), Path::new("/t"), &argv);
        assert_eq!(
            (&line[0], &line[1], &line[3..]),
            (&PROGRAM.into(), &"-p".into(), &["--".into(), argv[0].clone(), argv[1].clone()][..])
        );
    }
}
