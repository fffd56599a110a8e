//! What git may be asked without asking the person. Its options can be abbreviated and many write (`--output`) or run
//! programs (`--ext-diff`, `--open-files-in-pager`, signatures), so each is listed.

use super::options::Options;

pub(super) fn only_reads(arguments: &[&str]) -> bool {
    if arguments.iter().any(|word| names_signature(word) || !are_known_fields(word)) {
        return false;
    }
    let mut arguments = arguments;
    while let ["--no-pager" | "--no-optional-locks", rest @ ..] = arguments {
        arguments = rest;
    }
    let Some((&command, arguments)) = arguments.split_first() else { return false };
    match command {
        "status" => STATUS.read(arguments).is_some(),
        "diff" | "log" | "show" => LOG.read(arguments).is_some(),
        "blame" => BLAME.read(arguments).is_some(),
        "grep" => GREP.read(arguments).is_some(),
        "ls-files" => LS_FILES.read(arguments).is_some(),
        "rev-parse" => REV_PARSE.read(arguments).is_some(),
        "branch" => is_list_of_branches(arguments),
        "cat-file" => CAT_FILE.read(arguments).is_some(),
        "ls-tree" => LS_TREE.read(arguments).is_some(),
        "merge-base" => MERGE_BASE.read(arguments).is_some(),
        "rev-list" => REV_LIST.read(arguments).is_some(),
        "remote" => matches!(arguments, [] | ["-v" | "--verbose"]),
        "stash" | "worktree" => matches!(arguments, ["list"] | ["list", "--porcelain"]),
        "tag" => is_list_of_tags(arguments),
        _ => false,
    }
}

/// `%G…` in a format has gpg run, also behind a sign that says what separates it from the rest (`%+G…`).
fn names_signature(word: &str) -> bool {
    word.split('%').skip(1).any(|rest| rest.trim_start_matches(['+', '-', ' ']).starts_with('G'))
}

/// Of the fields `%(…)` in a format, if `word` is one; `signature` among them has gpg run.
fn are_known_fields(word: &str) -> bool {
    word.split("%(").skip(1).all(|rest| {
        let end = rest.find([':', ')', ',']);
        end.is_some_and(|end| is_known_field(&rest[..end]))
    })
}

/// `signature` is none.
fn is_known_field(name: &str) -> bool {
    let name = name.strip_prefix('*').unwrap_or(name);
    FIELDS.split_whitespace().any(|known| known == name)
}

const FIELDS: &str = "\
    HEAD ahead-behind align author authordate authoremail authorname body color committer \
    committerdate committeremail committername contents creator creatordate decorate deltabase \
    describe else end if numparent object objectname objectsize objecttype parent path push \
    refname stage subject symref tag tagger taggerdate taggeremail taggername then trailers tree \
    type upstream worktreepath \
    eolattr eolinfo objectmode";

/// What is sorted by: `-committerdate`, `version:refname`.
fn is_known_key(key: &str) -> bool {
    let key = key.strip_prefix('-').unwrap_or(key);
    let key = key.strip_prefix("version:").or_else(|| key.strip_prefix("v:")).unwrap_or(key);
    is_known_field(key.split(':').next().unwrap_or(key))
}

/// A name would be that of a branch to make, unless branches are listed.
fn is_list_of_branches(arguments: &[&str]) -> bool {
    let Some(names) = BRANCH.read(arguments) else { return false };
    let attached = arguments.iter().filter_map(|word| word.strip_prefix("--sort="));
    let apart = arguments.windows(2).filter(|pair| pair[0] == "--sort").map(|pair| pair[1]);
    if !attached.chain(apart).all(is_known_key) {
        return false;
    }
    let lists = |word: &&str| {
        let name = word.split_once('=').map_or(*word, |(name, _)| name);
        matches!(
            name,
            "--list" | "--contains" | "--no-contains" | "--merged" | "--no-merged" | "--points-at"
        )
    };
    names.is_empty() || arguments.iter().take_while(|word| **word != "--").any(lists)
}

/// A name would be that of a tag to make.
fn is_list_of_tags(arguments: &[&str]) -> bool {
    match arguments {
        [] => true,
        ["-l" | "--list", patterns @ ..] => !patterns.iter().any(|word| word.starts_with('-')),
        _ => false,
    }
}

const STATUS: Options = Options {
    flags: "sbvz",
    valued: "",
    attached: "u",
    long_flags: "\
        ahead-behind branch column find-renames ignored long no-ahead-behind no-column \
        no-renames porcelain renames short show-stash untracked-files verbose",
    long_valued: "",
};

const LOG: Options = Options {
    flags: "0123456789EFPRabcimpqrstuwz",
    valued: "GLSUn",
    attached: "BCM",
    long_flags: "\
        abbrev abbrev-commit all all-match author-date-order binary branches cached cc check \
        color color-moved color-words combined-all-paths date-order decorate dirstat exit-code \
        find-copies find-renames first-parent fixed-strings follow format full-history \
        full-index function-context graph histogram ignore-all-space ignore-blank-lines \
        ignore-cr-at-eol ignore-space-at-eol ignore-space-change invert-grep left-right \
        merge-base merges minimal name-only name-status no-abbrev no-abbrev-commit no-color \
        no-decorate no-ext-diff no-index no-merges no-notes no-patch no-prefix no-relative \
        no-renames no-textconv numstat oneline patch patch-with-raw patch-with-stat patience \
        perl-regexp pickaxe-all pickaxe-regex pretty quiet raw regexp-ignore-case relative \
        relative-date remotes reverse shortstat simplify-by-decoration source staged stat \
        summary tags text topo-order word-diff",
    long_valued: "\
        after author before committer date diff-algorithm diff-filter grep inter-hunk-context \
        max-count since skip unified until word-diff-regex",
};

const BLAME: Options = Options {
    flags: "bcefklnpstw",
    valued: "L",
    attached: "CM",
    long_flags: "\
        color-by-age color-lines line-porcelain porcelain root show-email show-name \
        show-number show-stats",
    long_valued: "date since",
};

/// Without `-O`, which runs a pager.
const GREP: Options = Options {
    flags: "0123456789EFGHILPachilnopqrvwz",
    valued: "ABCefm",
    attached: "",
    long_flags: "\
        all-match and basic-regexp break cached color column count extended-regexp \
        files-with-matches files-without-match fixed-strings full-name function-context \
        heading ignore-case invert-match line-number name-only no-color no-index no-recursive \
        no-textconv not null only-matching or perl-regexp quiet recursive show-function text \
        untracked word-regexp",
    long_valued: "after-context before-context context max-count max-depth threads",
};

const LS_FILES: Options = Options {
    flags: "cdfikmostuvz",
    valued: "xX",
    attached: "",
    long_flags: "\
        abbrev cached debug deduplicate deleted directory eol error-unmatch exclude-standard \
        full-name ignored killed modified no-empty-directory others sparse \
        stage unmerged",
    long_valued: "exclude exclude-from exclude-per-directory format with-tree",
};

const REV_PARSE: Options = Options {
    flags: "q",
    valued: "",
    attached: "",
    long_flags: "\
        abbrev-ref absolute-git-dir all branches git-common-dir git-dir is-bare-repository \
        is-inside-git-dir is-inside-work-tree is-shallow-repository quiet remotes short \
        show-cdup show-object-format show-prefix show-superproject-working-tree show-toplevel \
        symbolic symbolic-full-name tags verify",
    long_valued: "git-path",
};

/// Without `--textconv` and `--filters`, which run programs.
const CAT_FILE: Options =
    Options { flags: "epst", valued: "", attached: "", long_flags: "", long_valued: "" };

const LS_TREE: Options = Options {
    flags: "dlrtz",
    valued: "",
    attached: "",
    long_flags: "abbrev full-name full-tree long name-only name-status object-only",
    long_valued: "format",
};

const REV_LIST: Options = Options {
    flags: "0123456789",
    valued: "n",
    attached: "",
    long_flags: "\
        all branches cherry-pick count date-order first-parent left-right merges no-merges objects \
        remotes reverse tags topo-order",
    long_valued: "after author before grep max-count since skip until",
};

const MERGE_BASE: Options = Options {
    flags: "a",
    valued: "",
    attached: "",
    long_flags: "all fork-point independent is-ancestor octopus",
    long_valued: "",
};

/// Without `-l`: of old it made a log.
const BRANCH: Options = Options {
    flags: "airv",
    valued: "",
    attached: "",
    long_flags: "\
        abbrev all color column contains ignore-case list merged no-abbrev no-color no-column \
        no-contains no-merged omit-empty points-at remotes show-current verbose",
    long_valued: "format sort",
};
