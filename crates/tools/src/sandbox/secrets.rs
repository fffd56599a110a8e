//! Files that hold secrets: unreadable to commands by default (S11), where programs keep them and where variables say
//! that they are. Paths only; who hides them is each system's own part.

mod table;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::account::field_of_account;
use serde::{Deserialize, Serialize};
use table::{IN_HOME, IN_OUR_HOMES, NAMED, OF_THE_SYSTEM, PARTS_OF_HOME};

/// Where secrets are, whether they exist or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretPlaces {
    /// Where programs keep them in the person's home, and the system.
    pub(super) kept: Vec<PathBuf>,
    /// Where variables say that they are, or git's configuration does.
    pub(super) named: Vec<PathBuf>,
}

impl SecretPlaces {
    pub(super) fn iter(&self) -> impl Iterator<Item = &PathBuf> {
        self.kept.iter().chain(&self.named)
    }

    /// Whether this is one of them, or lies in one.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.iter().any(|place| path.starts_with(place))
    }

    /// Whether whatever hides these hides the others, too.
    pub(crate) fn covers(&self, others: &Self) -> bool {
        others.iter().all(|other| self.iter().any(|place| other.starts_with(place)))
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.named.extend(other.named);
    }
}

/// Where secrets are: what programs keep in the person's home, and what their `variables` name, also those that no
/// command gets. `roots` are the working directory and the other directories that commands may write to.
pub fn secret_places(variables: &BTreeMap<OsString, OsString>, roots: &[PathBuf]) -> SecretPlaces {
    let mut kept: Vec<PathBuf> = OF_THE_SYSTEM.iter().map(PathBuf::from).collect();
    let absolute = |name: &str| {
        variables.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    if let Some(home) = absolute("HOME") {
        kept.extend(in_home().map(|path| home.join(path)));
    }
    for home in ["AGENT_HOME", "CODEX_HOME"].into_iter().filter_map(absolute) {
        kept.extend(IN_OUR_HOMES.iter().map(|name| home.join(name)));
    }
    // Who has no `HOME`, or another one for now, has secrets in their own all the same.
    if let Some(home) = home_of_account() {
        let in_home = in_home().map(|path| home.join(path));
        kept.extend(in_home.filter(|place| can_be_hidden(place, roots)));
    }
    SecretPlaces { kept: each_once(kept), named: each_once(named(variables, roots).collect()) }
}

pub(super) fn each_once(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths.dedup();
    paths
}

fn in_home() -> impl Iterator<Item = PathBuf> {
    let ours = IN_OUR_HOMES.iter().map(|name| Path::new(".config/agent").join(name));
    IN_HOME.iter().map(PathBuf::from).chain(ours)
}

fn named<'a>(
    variables: &'a BTreeMap<OsString, OsString>,
    roots: &'a [PathBuf],
) -> impl Iterator<Item = PathBuf> + use<'a> {
    let of_variable = |(name, value): (&OsString, &'a OsString)| {
        let below = below(&name.to_string_lossy().to_ascii_uppercase());
        let at = if below.is_empty() { vec![] } else { values(value) };
        at.into_iter().flat_map(move |at| {
            let places: Vec<_> = below.iter().map(|below| at.join(below)).collect();
            places
        })
    };
    let working = roots.first().map_or(Path::new("/"), PathBuf::as_path);
    let places = variables.iter().flat_map(of_variable).map(|place| {
        // Without the `/` that joining nothing leaves.
        working.join(place).components().collect::<PathBuf>()
    });
    places.filter(|place| can_be_hidden(place, roots))
}

/// What is secret below what a variable of this name names.
fn below(name: &str) -> Vec<PathBuf> {
    let named = NAMED.iter().filter(|(known, _)| *known == name);
    let named = named.flat_map(|(_, below)| below.iter().map(PathBuf::from));
    let part = PARTS_OF_HOME.iter().filter(|(known, _)| *known == name);
    let part = part.flat_map(|(_, part)| {
        in_home().filter_map(move |path| path.strip_prefix(part).ok().map(Path::to_owned))
    });
    named.chain(part).collect()
}

/// The paths in the value of a variable: some name several, others one with a `:` in it or with a kind before that.
fn values(value: &OsStr) -> Vec<PathBuf> {
    let mut values: Vec<_> = std::env::split_paths(value).collect();
    values.push(value.into());
    values.retain(|value| !value.as_os_str().is_empty());
    values
}

/// Devices are no secrets, as in `NETRC=/dev/null`. A place that holds the working directory cannot be closed, and what is
/// not there in one that commands write to is what they make.
pub(super) fn can_be_hidden(place: &Path, roots: &[PathBuf]) -> bool {
    let place = resolve(place);
    let is_devices = ["/dev", "/proc", "/sys"].iter().any(|kernels| place.starts_with(kernels));
    let is_there = place.exists();
    let stays = |root: &PathBuf| {
        let root = resolve(root);
        root.starts_with(&place) || (place.starts_with(&root) && !is_there)
    };
    !is_devices && !roots.iter().any(stays)
}

/// Accounts that are not in the usual file are asked for by the system's library, which listens to `HOME` first.
fn home_of_account() -> Option<PathBuf> {
    let home = field_of_account(5).map(PathBuf::from).or_else(std::env::home_dir);
    home.filter(|home| home.is_absolute() && home != Path::new("/"))
}

/// All of `places`, and what they lead to; each only once.
pub(super) fn paths(places: &SecretPlaces) -> Vec<PathBuf> {
    let mut known = HashMap::new();
    let all = places.iter().flat_map(|path| [path.clone(), resolve_from(path, &mut known)]);
    each_once(all.collect())
}

/// As [`resolve`] does. Most of many paths have few directories in common, which are `known` then.
fn resolve_from(path: &Path, known: &mut HashMap<PathBuf, PathBuf>) -> PathBuf {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return resolve(path);
    };
    let directory = match known.get(parent) {
        Some(directory) => directory.clone(),
        None => {
            let directory = resolve_from(parent, known);
            known.insert(parent.to_owned(), directory.clone());
            directory
        }
    };
    let here = directory.join(name);
    match here.read_link() {
        Ok(_) => here.canonicalize().unwrap_or(here),
        Err(_) => here,
    }
}

/// Follows links as far as the path exists.
pub(super) fn resolve(path: &Path) -> PathBuf {
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

    fn hidden(variables: &[(&str, &str)], roots: &[&Path]) -> Vec<PathBuf> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let roots: Vec<_> = roots.iter().map(|root| root.to_path_buf()).collect();
        paths(&secret_places(&variables.collect(), &roots))
    }

    #[test]
    fn many_places_lead_where_each_of_them_does() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        std::fs::create_dir_all(root.join("a/b/c")).unwrap();
        std::fs::write(root.join("a/file"), "").unwrap();
        for (target, link) in
            [("a/b", "to_b"), ("../b", "a/b/self"), ("nowhere", "lost"), ("round", "round")]
        {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let places = [
            "a/b/c",
            "a/b/none/below",
            "to_b/c",
            "to_b/none",
            "to_b",
            "a/b/self/c/x",
            "lost",
            "lost/x",
            "round",
            "round/x",
            "a/file/x",
            "a/../to_b/c",
            "a/none/../b",
            "to_b/..",
            "to_b/../x",
            ".",
            "./a/./b",
            "",
        ];
        let mut known = HashMap::new();
        for place in places.iter().chain(&places) {
            let path = root.join(place);
            assert_eq!(resolve_from(&path, &mut known), resolve(&path), "{place}");
        }
        for path in ["/", "relative", ""].map(Path::new) {
            assert_eq!(resolve_from(path, &mut known), resolve(path), "{path:?}");
        }
    }

    #[test]
    fn a_secret_behind_a_link_is_hidden_where_it_really_is() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("dotfiles/ssh")).unwrap();
        std::os::unix::fs::symlink("dotfiles/ssh", home.path().join(".ssh")).unwrap();
        let paths = hidden(&[("HOME", home.path().to_str().unwrap())], &[]);
        let home = home.path().canonicalize().unwrap();
        assert!(paths.contains(&home.join("dotfiles/ssh")));
        assert!(paths.contains(&home.join(".netrc")));
    }

    #[test]
    fn what_programs_keep_in_the_home_is_hidden_in_few_directories() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let paths = hidden(&[("HOME", home.to_str().unwrap())], &[]);
        for kept in [
            ".aws/credentials",
            ".aliyun/config.json",
            ".bundle/config",
            ".cache/huggingface/token",
            ".circleci/cli.yml",
            ".cloudflared/cert.pem",
            ".config/BraveSoftware/Brave-Browser/Default/Cookies",
            ".config/Bitwarden CLI/data.json",
            ".config/configstore/firebase-tools.json",
            ".config/configstore/snyk.json",
            ".config/argocd/config",
            ".config/cloudflared/cert.pem",
            ".config/kaggle/kaggle.json",
            ".config/NuGet/NuGet.Config",
            ".config/pnpm/auth.ini",
            ".config/pnpm/rc",
            ".config/solana/id.json",
            ".bunfig.toml",
            ".claude/projects/a/b.jsonl",
            ".codex/sessions/a.jsonl",
            ".condarc",
            ".jfrog/jfrog-cli.conf.v6",
            ".local/share/gem/credentials",
            ".local/share/uv/credentials/credentials.toml",
            ".msmtprc",
            ".talos/config",
            ".tsh/keys/a",
            ".config/helm/registry/config.json",
            ".config/microsoft-edge/Default/Cookies",
            ".config/ngrok/ngrok.yml",
            ".config/nix/access-tokens.conf",
            ".config/nix/nix.conf",
            ".config/openstack/clouds.yaml",
            ".config/pip/pip.conf",
            ".config/pypoetry/auth.toml",
            ".config/vivaldi/Default/Cookies",
            ".databrickscfg",
            ".fly/config.yml",
            ".huggingface/token",
            ".kaggle/kaggle.json",
            ".local/share/atuin/history.db",
            ".local/share/com.vercel.cli/auth.json",
            ".ngrok2/ngrok.yml",
            ".nix-channels",
            ".node_repl_history",
            ".oci/config",
            ".pip/pip.conf",
            ".pulumi/credentials.json",
            ".sbt/.credentials",
            ".snowflake/connections.toml",
            ".sqlite_history",
            ".subversion/auth/svn.simple/a",
            ".thunderbird/a/logins.json",
            ".viminfo",
            ".yarnrc",
            ".yarnrc.yml",
            ".zhistory",
            "snap/firefox/common/.mozilla/firefox/a/cookies.sqlite",
        ] {
            assert!(paths.iter().any(|path| home.join(kept).starts_with(path)), "{kept}");
        }
        // Each directory in which one lies is looked at before every command.
        let parents: std::collections::BTreeSet<_> =
            paths.iter().filter(|path| path.starts_with(&home)).map(|path| path.parent()).collect();
        assert!(parents.len() < 50, "{}", parents.len());
    }

    #[test]
    fn what_variables_name_is_hidden_each_of_several_and_whatever_their_case() {
        for (name, value, expected) in [
            ("KUBECONFIG", "/k/a:/k/b", "/k/a"),
            ("KUBECONFIG", "/k/a:/k/b", "/k/b"),
            ("XDG_CONFIG_HOME", "/x", "/x/gh"),
            ("XDG_CONFIG_HOME", "/x", "/x/git/credentials"),
            ("XDG_CONFIG_HOME", "/x", "/x/agent/auth.json"),
            ("XDG_DATA_HOME", "/x", "/x/keyrings"),
            ("CARGO_HOME", "/c", "/c/credentials.toml"),
            ("CARGO_HOME", "/c", "/c/credentials"),
            ("DOCKER_CONFIG", "/d", "/d/config.json"),
            ("CLOUDSDK_CONFIG", "/g", "/g"),
            ("PGPASSFILE", "/p:q", "/p:q"),
            ("NETRC", "/n", "/n"),
            ("NPM_CONFIG_USERCONFIG", "/n", "/n"),
            ("npm_config_userconfig", "/n", "/n"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/a", "/a"),
            ("AWS_CONFIG_FILE", "/a", "/a"),
            ("GNUPGHOME", "/g/", "/g"),
            ("AZURE_CONFIG_DIR", "/a", "/a"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/g", "/g"),
            ("CODEX_HOME", "/c", "/c/auth.json"),
            ("XDG_CACHE_HOME", "/x", "/x/huggingface/token"),
            ("XDG_CONFIG_HOME", "/x", "/x/Bitwarden CLI"),
            ("HF_HOME", "/h", "/h/token"),
            ("HF_TOKEN_PATH", "/h", "/h"),
            ("KRB5_KTNAME", "FILE:/k", "/k"),
            ("KRB5CCNAME", "DIR:/k", "/k"),
            ("PIP_CONFIG_FILE", "/p", "/p"),
            ("OCI_CLI_CONFIG_FILE", "/o", "/o"),
            ("ANSIBLE_VAULT_PASSWORD_FILE", "/a", "/a"),
            ("DATABRICKS_CONFIG_FILE", "/d", "/d"),
            ("WGETRC", "/g", "/g"),
            ("NIX_USER_CONF_FILES", "/n/a:/n/b", "/n/b"),
            ("XDG_CONFIG_HOME", "/x", "/x/helm/registry"),
        ] {
            let hidden = hidden(&[(name, value)], &[Path::new("/w")]);
            assert!(hidden.contains(&expected.into()), "{name}={value}: {expected}");
        }
    }

    #[test]
    fn what_is_no_secret_or_would_be_made_by_commands_is_left() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::write(root.join("kube"), "").unwrap();
        for (value, is_hidden) in [
            (Path::new("/dev/null"), false),
            (Path::new("/"), false),
            (&root, false),
            (&root.join("none"), false),
            (&root.join("kube"), true),
        ] {
            let named = hidden(&[("KUBECONFIG", value.to_str().unwrap())], &[&root]);
            assert_eq!(named.contains(&value.to_owned()), is_hidden, "{}", value.display());
        }
        let named = hidden(&[("KUBECONFIG", "gone:kube")], &[&root]);
        assert!(named.contains(&root.join("kube")) && !named.contains(&root.join("gone")));
    }

    #[test]
    fn without_a_home_or_with_another_the_one_of_the_account_is_hidden() {
        let Some(home) = home_of_account() else {
            return eprintln!("not run: the account has no home");
        };
        for variables in [&[][..], &[("HOME", "")], &[("HOME", "/elsewhere")]] {
            assert!(hidden(variables, &[]).contains(&home.join(".ssh")), "{variables:?}");
        }
    }
}
