//! Files that hold secrets: unreadable to commands by default (S11). Paths only; who hides them is each system's
//! own part.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Below the person's home directory.
const IN_HOME: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker/config.json",
    ".docker/run",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/git/credentials",
    ".config/op",
    ".config/rclone",
    ".config/sops",
    ".config/containers/auth.json",
    ".config/hub",
    ".config/doctl",
    ".config/heroku",
    ".config/github-copilot",
    ".config/google-chrome",
    ".config/chromium",
    ".mozilla",
    ".git-credentials",
    ".netrc",
    "_netrc",
    ".authinfo",
    ".authinfo.gpg",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".nuget/NuGet/NuGet.Config",
    ".terraform.d/credentials.tfrc.json",
    ".terraformrc",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".s3cfg",
    ".boto",
    ".vault-token",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".pki",
    ".bash_history",
    ".zsh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".claude/.credentials.json",
    ".claude.json",
    ".gemini/oauth_creds.json",
    ".local/share/opencode/auth.json",
    ".codex/auth.json",
];

/// Below any home of ours or of the agents whose configuration we read.
const IN_OUR_HOMES: &[&str] =
    &["auth.json", "credentials.json", ".credentials.json", "history.jsonl"];

const OF_THE_SYSTEM: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
];

/// All of them, resolved, whether they exist or not; each only once.
pub(super) fn paths(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let variable =
        |name: &str| env.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute());
    let mut paths: Vec<PathBuf> = OF_THE_SYSTEM.iter().map(PathBuf::from).collect();
    if let Some(home) = variable("HOME") {
        paths.extend(IN_HOME.iter().map(|path| home.join(path)));
        paths.extend(IN_OUR_HOMES.iter().map(|name| home.join(".config/agent").join(name)));
    }
    for (name, below) in [("AGENT_HOME", ""), ("CODEX_HOME", ""), ("XDG_CONFIG_HOME", "agent")] {
        let Some(home) = variable(name) else { continue };
        paths.extend(IN_OUR_HOMES.iter().map(|name| home.join(below).join(name)));
    }
    for (name, file) in [("GNUPGHOME", ""), ("AWS_SHARED_CREDENTIALS_FILE", ""), ("KUBECONFIG", "")]
    {
        paths.extend(
            variable(name).map(|path| if file.is_empty() { path } else { path.join(file) }),
        );
    }
    let mut resolved: Vec<_> =
        paths.iter().flat_map(|path| [path.clone(), resolve(path)]).collect();
    resolved.sort();
    resolved.dedup();
    resolved
}

/// Follows links as far as the path exists.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_behind_a_link_is_hidden_where_it_really_is() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("dotfiles/ssh")).unwrap();
        std::os::unix::fs::symlink("dotfiles/ssh", home.path().join(".ssh")).unwrap();
        let env = BTreeMap::from([("HOME".into(), home.path().into())]);
        let paths = paths(&env);
        let home = home.path().canonicalize().unwrap();
        assert!(paths.contains(&home.join("dotfiles/ssh")));
        assert!(paths.contains(&home.join(".netrc")));
    }
}
