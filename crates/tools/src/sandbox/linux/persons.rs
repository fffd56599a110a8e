//! What the person's own programs read of their home, and run or obey: ours, git's, the shell's. A command may only see
//! it, should the home or a part of it be a writable root (S9, S10).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::links;
use super::metadata::is_below;
use crate::sandbox::SandboxPolicy;
use crate::sandbox::linked::{can_be_closed, holds_one_of, links_at};
use crate::sandbox::ours::{in_our_home, profiles_in};
use crate::sandbox::secrets::resolve;

/// Below the person's home.
const IN_HOME: &[&str] = &[
    ".gitconfig",
    ".config/git",
    ".profile",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".bash_completion",
    ".bashrc.d",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".oh-my-zsh/custom",
    ".kshrc",
    ".mkshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".inputrc",
    ".config/fish",
    ".config/nushell",
    ".config/starship.toml",
    ".config/direnv",
    ".direnvrc",
    ".config/environment.d",
    ".config/systemd",
    ".config/autostart",
    ".config/hypr",
    ".config/i3",
    ".config/plasma-workspace",
    ".config/sway",
    ".local/share/dbus-1",
    ".local/share/systemd",
    ".pam_environment",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".xsessionrc",
    ".tmux.conf",
    ".config/tmux",
    ".screenrc",
    ".vimrc",
    ".vim",
    ".gvimrc",
    ".config/nvim",
    ".emacs",
    ".emacs.el",
    ".emacs.d/early-init.el",
    ".emacs.d/init.el",
    ".emacs.d/init.elc",
    ".config/emacs/early-init.el",
    ".config/emacs/init.el",
    ".config/emacs/init.elc",
    ".gdbinit",
    ".config/gdb",
    ".lldbinit",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/env",
    ".ssh",
    ".gnupg",
    ".agents",
    ".codex",
];

/// Files and directories that nobody but the person changes. Whether they exist or not.
pub(super) fn files(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Some(home) = variable(env, "HOME") {
        paths.extend(IN_HOME.iter().map(|path| home.join(path)));
    }
    paths.extend(variable(env, "XDG_CONFIG_HOME").map(|home| home.join("git")));
    paths.extend(
        ["GIT_CONFIG_GLOBAL", "ZDOTDIR", "CODEX_HOME"]
            .map(|name| variable(env, name))
            .into_iter()
            .flatten(),
    );
    with_resolved(paths)
}

/// What the variables of commands name and those of the person, each once and in this order.
pub(super) fn of_both(
    policy: &SandboxPolicy,
    places: fn(&BTreeMap<OsString, OsString>) -> Vec<PathBuf>,
) -> Vec<PathBuf> {
    let mut all = places(&policy.env);
    let of_person = places(&policy.person).into_iter();
    let more: Vec<_> = of_person.filter(|place| !all.contains(place)).collect();
    all.extend(more);
    all
}

/// Our own homes. We write there ourselves while commands run.
pub(super) fn our_homes(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let home = variable(env, "HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let paths = [
        variable(env, "AGENT_HOME"),
        variable(env, "XDG_CONFIG_HOME").map(|home| home.join("agent")),
        variable(env, "XDG_STATE_HOME").map(|home| home.join("agent")),
        below_home(".config/agent"),
        below_home(".local/state/agent"),
    ];
    with_resolved(paths.into_iter().flatten().collect())
}

/// The one that our rollouts are in.
pub(super) fn our_state(env: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let of_xdg = || variable(env, "XDG_STATE_HOME").map(|home| home.join("agent"));
    let of_home = || variable(env, "HOME").map(|home| home.join(".local/state/agent"));
    variable(env, "AGENT_HOME").or_else(of_xdg).or_else(of_home)
}

/// What links in all these lead to below `roots`, with the links on the way there: one by one, as who keeps dotfiles in a
/// directory of their own has them.
pub(super) fn behind_links(
    env: &BTreeMap<OsString, OsString>,
    roots: &[PathBuf],
) -> BTreeSet<PathBuf> {
    let ours = our_homes(env);
    let ours = ours.iter().flat_map(|home| in_our_home(home).chain(profiles_in(home)));
    let mut open = roots.to_vec();
    open.extend(variable(env, "HOME").map(|home| resolve(&home)));
    // Who keeps the files of zsh in the home has no directory for them.
    let places = files(env).into_iter().chain(ours).filter(|place| !holds_one_of(&open, place));
    let ways = places.flat_map(|place| links_at(&place)).map(|link| links::follow(&link));
    let on_the_ways = ways.flat_map(|way| way.links.into_iter().chain([way.end]));
    on_the_ways.filter(|path| is_below(roots, path) && can_be_closed(path, &open)).collect()
}

/// The configuration of git that holds for all of the person's repositories, and everybody else's.
pub(super) fn git_configs(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let home = variable(env, "HOME");
    let mut all = configs_of_system(env);
    let paths = [
        home.as_ref().map(|home| home.join(".gitconfig")),
        home.map(|home| home.join(".config/git/config")),
        variable(env, "XDG_CONFIG_HOME").map(|home| home.join("git/config")),
        variable(env, "GIT_CONFIG_GLOBAL"),
        variable(env, "GIT_CONFIG_SYSTEM"),
    ];
    all.extend(paths.into_iter().flatten());
    all
}

/// It lies where git was built for, or beside where it is.
fn configs_of_system(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let path = env.get(OsStr::new("PATH")).map(OsString::as_os_str).unwrap_or_default();
    let beside = std::env::split_paths(path).filter(|programs| programs.join("git").exists());
    let beside = beside.filter_map(|programs| Some(programs.parent()?.join("etc/gitconfig")));
    [PathBuf::from("/etc/gitconfig")].into_iter().chain(beside).collect()
}

pub(super) fn variable(env: &BTreeMap<OsString, OsString>, name: &str) -> Option<PathBuf> {
    env.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A link counts as well as what it leads to. Most paths have a few parents in common.
fn with_resolved(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut parents = BTreeMap::new();
    let mut all = Vec::new();
    for path in paths {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let parent = parents.entry(parent.to_owned()).or_insert_with(|| resolve(parent));
        let path = parent.join(name);
        // It may lead to what is not there yet.
        if let Ok(target) = path.read_link() {
            all.push(resolve(&parent.join(target)));
        }
        all.push(path);
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_are_known_where_they_are_and_where_links_lead() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        std::fs::create_dir_all(home.join("dotfiles/config")).unwrap();
        symlink("dotfiles/bashrc", home.join(".bashrc")).unwrap();
        symlink("dotfiles/config", home.join(".config")).unwrap();
        let env = BTreeMap::from([("HOME".into(), home.clone().into())]);
        let (files, ours) = (files(&env), our_homes(&env));
        for path in [".bashrc", "dotfiles/bashrc", "dotfiles/config/fish", ".profile"] {
            assert!(files.contains(&home.join(path)), "{path}");
        }
        assert!(ours.contains(&home.join("dotfiles/config/agent")));
    }
}
