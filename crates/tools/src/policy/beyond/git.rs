//! What arguments of git run. What it finds in another repository on this machine is a program too: that has hooks and
//! a configuration of its own.

use super::is_option;
use crate::policy::known_safe::Options;
use crate::policy::places::Places;

pub(super) fn runs_something_else(words: &[String], from: usize, places: &Places) -> bool {
    let (arguments, rest) = (&words[1..], words.get(from..).unwrap_or(&[]));
    // Another repository, or another configuration, says what git runs.
    let is_known = |word: &&String| matches!(word.as_str(), "--no-pager" | "--no-optional-locks");
    let before = arguments.iter().take_while(|word| word.starts_with('-')).count();
    let may_be_rest = from <= before + 1;
    if may_be_rest && !arguments[..before].iter().all(|word| is_known(&word)) {
        return true;
    }
    let Some(command) = arguments.get(before) else { return false };
    if may_be_rest && !STAYS.split_whitespace().any(|known| known == command) {
        return true;
    }
    let (long, letters) = options_of(command);
    if rest.iter().any(|word| is_option(word, OPTIONS, letters) || is_option(word, long, "")) {
        return true;
    }
    let after = before + 2;
    let said = words.get(after..from).unwrap_or(&[]);
    let rest = &words[after.max(from).min(words.len())..];
    if names_a_file(command, rest) || operands_do_more(command, rest) {
        return true;
    }
    Connecting::of(command).is_some_and(|connecting| connecting.leads_near(said, rest, places))
}

/// Subcommands that, but for the options below, neither run what their arguments say nor write at a place that these
/// name. Of the others a rule has to say that it means them: so it is with an alias and a `git-foo` in `PATH`, and with
/// what a newer version brings. None is in here that a version in use may lack, as an alias could have its name.
///
/// Not `mv` and `hash-object`, which go through links; nor what makes a file or a work tree where it is told.
const STAYS: &str = "\
    add am annotate apply archive blame branch cat-file check-attr check-ignore check-mailmap \
    check-ref-format checkout checkout-index cherry cherry-pick clean clone commit commit-graph commit-tree \
    count-objects describe diff diff-files diff-index diff-tree fetch fmt-merge-msg for-each-ref \
    format-patch fsck gc grep init log ls-files ls-remote ls-tree merge merge-base merge-tree mktag mktree \
    name-rev notes pack-refs patch-id prune prune-packed pull push range-diff read-tree rebase \
    reflog remote repack replace rerere reset restore rev-list rev-parse revert rm shortlog show \
    show-branch show-index show-ref sparse-checkout stage stash status stripspace submodule switch \
    symbolic-ref tag unpack-file unpack-objects update-index update-ref update-server-info var \
    verify-commit verify-pack verify-tag version write-tree";

/// Of all subcommands.
const OPTIONS: &str = "\
    config exec ext-diff extcmd no-index open-files-in-pager output pathspec-from-file receive-pack repo \
    separate-git-dir strategy template upload-pack";

/// Of one: names and letters.
fn options_of(command: &str) -> (&'static str, &'static str) {
    match command {
        "am" => ("directory", ""),
        "annotate" | "blame" => ("contents ignore-revs-file", ""),
        "apply" => ("build-fake-ancestor directory unsafe-paths", ""),
        "archive" => ("add-file remote", "o"),
        "check-mailmap" => ("mailmap-file", ""),
        "checkout-index" => ("prefix", ""),
        "clone" => ("", "cu"),
        "cherry-pick" | "merge" | "pull" | "revert" => ("", "s"),
        "commit-graph" => ("object-dir", ""),
        // A suffix may go up again.
        "format-patch" => ("description-file output-directory signature-file suffix", ""),
        "gc" | "repack" => ("expire-to filter-to", ""),
        "grep" => ("", "O"),
        "ls-remote" => ("", "u"),
        "read-tree" => ("index-output", ""),
        "rebase" => ("", "sx"),
        "sparse-checkout" => ("rules-file", ""),
        _ => ("", ""),
    }
}

/// Options by which a subcommand reads or writes a file, where their letters stand among others that take a value.
struct Naming {
    /// Of them `-` is what the command is handed.
    long: &'static str,
    letters: &'static str,
    /// What is behind one of these in its word is a value: `-mFix` names no file.
    valued: &'static str,
}

fn naming(command: &str) -> Option<Naming> {
    let (long, letters, valued) = match command {
        "annotate" | "blame" => ("", "S", "CLM"),
        "commit" => ("file", "Ft", "CScmu"),
        "commit-tree" => ("", "F", "Smp"),
        "fmt-merge-msg" => ("file", "F", "m"),
        "format-patch" => ("", "o", ""),
        "grep" => ("", "f", "ABCem"),
        "merge" => ("file", "F", "SXm"),
        "notes" => ("file", "F", "Ccm"),
        "tag" => ("file", "F", "mnu"),
        _ => return None,
    };
    Some(Naming { long, letters, valued })
}

fn names_a_file(command: &str, rest: &[String]) -> bool {
    let Some(naming) = naming(command) else { return false };
    rest.iter().enumerate().any(|(at, word)| {
        let next = rest.get(at + 1).map(String::as_str);
        naming.file_in(word, next).is_some_and(|file| file != "-")
    })
}

impl Naming {
    /// The file that `word` names, or has `next` name.
    fn file_in<'a>(&self, word: &'a str, next: Option<&'a str>) -> Option<&'a str> {
        if is_option(word, self.long, "") {
            let attached = word.split_once('=').map(|(_, file)| file);
            return Some(attached.or(next).unwrap_or(""));
        }
        let cluster = word.strip_prefix('-')?;
        // Text that only begins like an option (`- Fixes …`) is the value of one.
        let is_over =
            |letter: char| !letter.is_ascii_alphanumeric() || self.valued.contains(letter);
        let at = cluster.find(|letter| is_over(letter) || self.letters.contains(letter))?;
        let (letter, behind) = cluster[at..].split_at_checked(1)?;
        let attached = Some(behind).filter(|behind| !behind.is_empty());
        self.letters.contains(letter).then(|| attached.or(next).unwrap_or(""))
    }
}

/// What the subcommand is told without an option.
fn operands_do_more(command: &str, rest: &[String]) -> bool {
    let says = |known: &str| rest.iter().any(|word| word == known);
    match command {
        "bisect" => says("run"),
        "bundle" => says("create"),
        "submodule" => says("foreach"),
        // Of two files one of which is elsewhere.
        "diff" => rest.iter().any(|word| is_elsewhere(word)),
        "init" => {
            let words: Vec<_> = rest.iter().map(String::as_str).collect();
            INIT.read(&words).is_none_or(|all| all.iter().any(|word| is_elsewhere(word)))
        }
        _ => false,
    }
}

/// Whether its letters lead out of the directory in which it is said.
fn is_elsewhere(word: &str) -> bool {
    word.starts_with(['/', '~']) || word.split('/').any(|part| part == "..")
}

/// A subcommand that connects to a repository: its options, as one that is not known may take the word behind it, and
/// which of its operands is the repository then could not be told.
struct Connecting {
    options: Options,
    repositories: Repositories,
}

enum Repositories {
    Cloned,
    First,
    /// With `--multiple` each.
    FirstOrAll,
    OfRemote,
    OfSubmodule,
}

impl Connecting {
    fn of(command: &str) -> Option<Self> {
        let (options, repositories) = match command {
            "clone" => (CLONE, Repositories::Cloned),
            "fetch" => (FETCH, Repositories::FirstOrAll),
            "ls-remote" => (LS_REMOTE, Repositories::First),
            "pull" => (PULL, Repositories::First),
            "push" => (PUSH, Repositories::First),
            "remote" => (REMOTE, Repositories::OfRemote),
            "submodule" => (SUBMODULE, Repositories::OfSubmodule),
            _ => return None,
        };
        Some(Self { options, repositories })
    }

    /// `said` are the arguments that the rule says itself.
    fn leads_near(&self, said: &[String], rest: &[String], places: &Places) -> bool {
        if rest.iter().any(|word| is_plainly_near(word)) {
            return true;
        }
        let Some(operands) = self.operands(rest) else { return true };
        let said_operands = self.operands(said);
        let says_repository = said_operands.as_ref().is_some_and(|said| !said.is_empty());
        if !says_repository && self.asks_for_remotes() && places.may_have_remotes_in_files() {
            return true;
        }
        let Some(said_operands) = said_operands else {
            return operands.iter().any(|word| is_near(word, places));
        };
        let all = [said_operands.as_slice(), operands.as_slice()].concat();
        let is_multiple = said.iter().chain(rest).any(|word| is_multiple(word));
        let is_near = |(at, word): (usize, &&str)| {
            at >= said_operands.len()
                && match self.repositories {
                    Repositories::Cloned | Repositories::First => at == 0 && is_near(word, places),
                    Repositories::FirstOrAll => (at == 0 || is_multiple) && is_near(word, places),
                    Repositories::OfRemote => is_near_of_remote(&all, at, places),
                    Repositories::OfSubmodule => is_near_of_submodule(&all, at),
                }
        };
        all.iter().enumerate().any(is_near)
    }

    /// Whether a name, or none, may be that of a remote.
    fn asks_for_remotes(&self) -> bool {
        !matches!(self.repositories, Repositories::Cloned | Repositories::OfSubmodule)
    }

    /// None when an option is not known.
    fn operands<'a>(&self, words: &'a [String]) -> Option<Vec<&'a str>> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.options.read(&words)
    }
}

fn is_multiple(word: &str) -> bool {
    word == "--multiple" || (word.starts_with('-') && !word.starts_with("--") && word.contains('m'))
}

/// `remote add NAME ADDRESS`: what is no repository yet may be one when git connects to it.
fn is_near_of_remote(operands: &[&str], at: usize, places: &Places) -> bool {
    match operands[0] {
        "add" | "set-url" if at >= 2 => !is_address(operands[at]),
        "add" | "set-url" => false,
        _ => at > 0 && is_near(operands[at], places),
    }
}

/// `submodule add ADDRESS [PATH]`, `submodule set-url PATH ADDRESS`.
fn is_near_of_submodule(operands: &[&str], at: usize) -> bool {
    let is_repository = matches!((operands[0], at), ("add", 1) | ("set-url", 2..));
    is_repository && !is_address(operands[at])
}

/// Wherever it stands; a clone may go to a folder, but not out of where it is made. A transport with `::` is a program.
fn is_plainly_near(word: &str) -> bool {
    word.contains("::")
        || word.starts_with(['.', '/', '~'])
        || word.starts_with("file:")
        || word.split('/').skip(1).any(|part| part == "..")
}

/// Whether the repository `word` may be on this machine: all but an address and the name of a remote, and these, too,
/// where there is something of that name. `clone` looks for that first, the others when there is no such remote.
fn is_near(word: &str, places: &Places) -> bool {
    let is_name = !word.contains(['/', ':']);
    !(is_name || is_address(word))
        || places.may_hold(word)
        || places.may_hold(&format!("{word}.git"))
        || places.may_hold(&format!("{word}.bundle"))
}

/// `SCHEME://…` or `HOST:PATH`. A scheme that git does not know itself is a program.
fn is_address(word: &str) -> bool {
    if word.starts_with('-') || word.contains("::") {
        return false;
    }
    match word.split_once("://") {
        Some((scheme, _)) => SCHEMES.contains(&scheme),
        None => word.split_once(':').is_some_and(|(host, _)| !host.contains('/')),
    }
}

const SCHEMES: &[&str] = &["ftp", "ftps", "git", "git+ssh", "http", "https", "ssh", "ssh+git"];

const INIT: Options = Options {
    flags: "q",
    valued: "b",
    attached: "",
    long_flags: "bare quiet shared",
    long_valued: "initial-branch object-format ref-format",
};

const PUSH: Options = Options {
    flags: "46dfnquv",
    valued: "o",
    attached: "",
    long_flags: "\
        all atomic branches delete dry-run follow-tags force force-if-includes force-with-lease \
        ipv4 ipv6 mirror no-atomic no-follow-tags no-force-with-lease no-progress \
        no-recurse-submodules no-signed no-thin no-verify porcelain progress prune quiet \
        set-upstream signed tags thin verbose verify",
    long_valued: "push-option recurse-submodules",
};

const FETCH: Options = Options {
    flags: "46Pafkmnpqtuv",
    valued: "jo",
    attached: "",
    long_flags: "\
        all append atomic auto-gc auto-maintenance dry-run force ipv4 ipv6 keep multiple \
        no-auto-gc no-auto-maintenance no-progress no-prune no-recurse-submodules \
        no-show-forced-updates no-tags no-write-fetch-head porcelain prefetch progress prune \
        prune-tags quiet recurse-submodules refetch set-upstream show-forced-updates tags \
        unshallow update-head-ok update-shallow verbose write-commit-graph write-fetch-head",
    long_valued: "\
        deepen depth filter jobs negotiation-tip refmap server-option shallow-exclude \
        shallow-since",
};

const PULL: Options = Options {
    flags: "46afknpqtv",
    valued: "X",
    attached: "Sjr",
    long_flags: "\
        all allow-unrelated-histories append autostash commit dry-run edit ff ff-only force \
        gpg-sign ipv4 ipv6 jobs keep log no-autostash no-commit no-edit no-ff no-gpg-sign no-log \
        no-progress no-rebase no-recurse-submodules no-signoff no-squash no-stat no-tags \
        no-verify no-verify-signatures progress prune quiet rebase recurse-submodules \
        set-upstream show-forced-updates signoff squash stat tags unshallow update-shallow \
        verbose verify verify-signatures",
    long_valued: "\
        cleanup deepen depth negotiation-tip refmap shallow-exclude shallow-since \
        strategy-option",
};

const CLONE: Options = Options {
    flags: "46lnqsv",
    valued: "bjo",
    attached: "",
    long_flags: "\
        also-filter-submodules bare checkout ipv4 ipv6 local mirror no-checkout no-hardlinks \
        no-local no-progress no-reject-shallow no-shallow-submodules no-single-branch no-tags \
        progress quiet recurse-submodules recursive reject-shallow remote-submodules shared \
        shallow-submodules single-branch sparse tags verbose",
    long_valued: "\
        branch depth filter jobs origin ref-format revision server-option shallow-exclude \
        shallow-since",
};

const LS_REMOTE: Options = Options {
    flags: "bhqt",
    valued: "o",
    attached: "",
    long_flags: "branches exit-code get-url heads quiet refs symref tags",
    long_valued: "server-option sort",
};

const REMOTE: Options = Options {
    flags: "adfnpv",
    valued: "mt",
    attached: "",
    long_flags: "\
        add all auto delete dry-run fetch mirror no-tags progress prune push query tags verbose",
    long_valued: "master track",
};

const SUBMODULE: Options = Options {
    flags: "Nfq",
    valued: "bj",
    attached: "",
    long_flags: "\
        all cached checkout default dry-run files force init merge no-fetch no-recommend-shallow \
        no-single-branch progress quiet rebase recommend-shallow recursive remote single-branch \
        summary",
    long_valued: "branch depth filter jobs name ref-format",
};
