//! Where the hooks, files and programs lie that a configuration names, so that they can be guarded (S9): each by all the
//! links that lead to it, and by its end.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::command_line::Word;
use super::holding::Holding;
use super::links::Ways;
use super::repositories;
use super::repository::Repository;
use super::state::{State, read_through};

/// Bytes of a configuration outside the roots.
const MAX_CONFIG: u64 = 16 << 20;

/// What git looks for among hooks.
pub(super) const HOOKS: &[&str] = &[
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-merge",
    "pre-push",
    "post-rewrite",
    "post-checkout",
    "pre-auto-gc",
    "sendemail-validate",
    "fsmonitor-watchman",
    "post-index-change",
    "reference-transaction",
    "push-to-checkout",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
    "p4-changelist",
    "p4-prepare-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
];

/// The first of them git starts only where somebody works.
pub(super) const OF_WORK: &[&str] = HOOKS.split_at(12).0;

/// Where something may be named.
pub(super) struct Here<'a> {
    pub(super) roots: &'a [PathBuf],
    pub(super) repositories: &'a [Repository],
    /// Git directories, be they outside the roots, with where their files are.
    pub(super) trees: &'a BTreeSet<(PathBuf, PathBuf)>,
}

impl Here<'_> {
    pub(super) fn named(&self, everywhere: &Holding) -> Named {
        let mut named = Named::default();
        self.roots.iter().for_each(|root| named.ways.add_plain(root));
        // There may be a repository here by the time.
        self.roots.iter().for_each(|root| named.add(everywhere, root));
        self.repositories.iter().flat_map(Repository::links).for_each(|link| named.add_link(link));
        let known = self.repositories.iter().map(|known| &known.git);
        let gits: BTreeSet<_> = known.chain(self.trees.iter().map(|(git, _)| git)).collect();
        for git in gits {
            let own = self.holding_in(git, everywhere.home.as_deref());
            for tree in self.trees_of(git, &own) {
                named.add(everywhere, &tree);
                named.add(&own, &tree);
            }
            named.add_hooks(everywhere, git);
            named.add_hooks(&own, git);
        }
        named
    }

    /// What holds in one repository by itself.
    fn holding_in(&self, git: &Path, home: Option<&Path>) -> Holding {
        let common = repositories::common_directory(git).unwrap_or_else(|| git.to_owned());
        let paths = BTreeSet::from([
            common.join("config"),
            common.join("config.worktree"),
            git.join("config.worktree"),
        ]);
        let texts: Vec<_> = paths
            .iter()
            .filter_map(|path| {
                let text = match self.repositories.iter().find_map(|known| known.config(path)) {
                    Some(State::File { bytes, .. }) => Cow::Borrowed(&**bytes),
                    Some(State::Absent) => return None,
                    _ => Cow::Owned(read_through(path, MAX_CONFIG)?),
                };
                Some((text, path.parent().unwrap_or(path)))
            })
            .collect();
        Holding::of_repository(texts.iter().map(|(text, beside)| (&**text, *beside)), home)
    }

    /// Where git starts programs for a repository.
    fn trees_of(&self, git: &Path, own: &Holding) -> BTreeSet<PathBuf> {
        let mut trees: BTreeSet<_> = own.trees.iter().map(|tree| own.path(git, tree)).collect();
        let pointed = self.trees.iter().filter(|(known, _)| known == git);
        trees.extend(pointed.map(|(_, tree)| tree.clone()));
        trees.extend(repositories::tree_of_worktree(git));
        if git.ends_with(".git") {
            trees.extend(git.parent().map(Path::to_owned));
        }
        if trees.is_empty() {
            trees.insert(git.to_owned());
        }
        trees
    }
}

/// What is named, as it is named.
#[derive(Default)]
pub(super) struct Named {
    /// Directories of hooks.
    hooks: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
    /// Those that mean a file only if there is one.
    names: BTreeSet<PathBuf>,
    ways: Ways,
}

impl Named {
    /// What holds where git starts programs in `tree`.
    fn add(&mut self, holding: &Holding, tree: &Path) {
        self.files.extend(holding.files.iter().cloned());
        self.add_hooks(holding, tree);
        for word in &holding.programs {
            match word {
                Word::Path(path) => self.files.insert(holding.path(tree, path)),
                Word::Name(name) => self.names.insert(holding.path(tree, name)),
            };
        }
    }

    /// Those for what is pushed here start in the git directory.
    fn add_hooks(&mut self, holding: &Holding, directory: &Path) {
        let named = holding.hooks.iter().filter(|value| !value.is_empty());
        self.hooks.extend(named.map(|value| holding.path(directory, value)));
        for value in &holding.templates {
            let template = holding.path(directory, value);
            self.hooks.insert(template.join("hooks"));
            self.files.insert(template.join("config"));
        }
    }

    /// One of a repository's own files, or its directory of hooks.
    fn add_link(&mut self, link: &Path) {
        let links = if link.ends_with("hooks") { &mut self.hooks } else { &mut self.files };
        links.insert(link.to_owned());
    }

    /// All that leads to what is named, and that itself; whether it is there or not.
    pub(super) fn paths(self) -> BTreeSet<PathBuf> {
        let (mut ways, mut paths) = (self.ways, BTreeSet::new());
        let mut files = self.files;
        files.extend(self.names.into_iter().filter(|path| path.is_file()));
        for directory in self.hooks {
            let way = ways.follow(&directory);
            paths.extend(way.links);
            let hooks = HOOKS.iter().map(|name| way.end.join(name));
            if fs::symlink_metadata(&way.end).is_ok() {
                files.extend(hooks);
            } else {
                paths.extend(hooks);
            }
        }
        for file in files {
            let way = ways.follow(&file);
            paths.extend(way.links);
            paths.insert(way.end);
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_the_repository_around_a_root_names_in_it_is_found() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let root = place.join("part");
        fs::create_dir_all(root.join("hooks")).unwrap();
        fs::create_dir_all(place.join(".git")).unwrap();
        symlink("real", root.join("hooks/pre-push")).unwrap();
        let text = "[core]\nhooksPath = part/hooks\nfsmonitor = part/mon --x\neditor = e\n\
            [init]\ntemplateDir = part/template\n";
        fs::write(place.join(".git/config"), text).unwrap();
        let trees = BTreeSet::from([repositories::around(&root).unwrap()]);
        let roots = [root.clone()];
        let here = Here { roots: &roots, repositories: &[], trees: &trees };
        let paths = here.named(&Holding::default()).paths();
        let wanted = ["hooks/pre-commit", "hooks/pre-push", "hooks/real", "mon", "template/config"];
        for path in wanted.map(|name| root.join(name)) {
            assert!(paths.contains(&path), "{}", path.display());
        }
        assert!(!paths.contains(&place.join("e")));
    }
}
