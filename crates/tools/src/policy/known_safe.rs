//! Which command lines are known to only read (S19): every command of theirs is on a list, with every option. What a
//! program can do beyond the list is not looked for; the list says what it may be asked, never what it may not.

mod git;
mod options;

use std::path::Path;

pub(super) use options::Options;

/// Of each of a line's `commands`, whether it does nothing but read, whatever the files are that it reads. They run in
/// `known` if the repository there is the person's own or trusted; of another one git may run what its configuration
/// names (`core.fsmonitor`, filters).
pub(crate) fn only_read(commands: &[Vec<String>], known: Option<&Path>) -> Vec<bool> {
    let mut git_is_known = known.is_some();
    let stays = |words: &[String]| {
        let to = words.get(1).map(Path::new).filter(|to| to.is_absolute() && words.len() == 2);
        to.is_some() && to == known
    };
    let only_reads = |words: &Vec<String>| {
        let Some((name, arguments)) = words.split_first() else { return false };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        git_is_known &= name != "cd" || stays(words);
        match name.as_str() {
            "git" => git_is_known && git::only_reads(&arguments),
            name => command_only_reads(name, &arguments),
        }
    };
    commands.iter().map(only_reads).collect()
}

/// Whether the command neither changes nor reads anything but what it is handed by a pipe, so that it is as good outside
/// the sandbox.
pub(crate) fn touches_nothing(words: &[String]) -> bool {
    let Some((name, arguments)) = words.split_first() else { return false };
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let reads = |options: &Options, operands: usize| {
        options.read(&arguments).is_some_and(|read| read.len() == operands)
    };
    match name.as_str() {
        "cd" | "echo" | "false" | "pwd" | "true" => true,
        "head" | "tail" => reads(&SOME_LINES, 0),
        "wc" => reads(&COUNTS, 0),
        "grep" => reads(&LINES_WITH, 1),
        _ => false,
    }
}

/// Of `head` and `tail`, without `-f`, which does not end.
const SOME_LINES: Options = Options {
    flags: "0123456789qv",
    valued: "cn",
    attached: "",
    long_flags: "quiet silent verbose",
    long_valued: "bytes lines",
};

const COUNTS: Options = Options {
    flags: "Lclmw",
    valued: "",
    attached: "",
    long_flags: "bytes chars lines max-line-length words",
    long_valued: "",
};

/// Of grep: one operand is the pattern then, and no option has a pattern or reads files.
const LINES_WITH: Options = Options {
    flags: "0123456789EFGPabchinoqsvwx",
    valued: "ABCm",
    attached: "",
    long_flags: "\
        basic-regexp byte-offset color colour count extended-regexp fixed-strings ignore-case \
        invert-match line-number line-regexp only-matching perl-regexp quiet silent text \
        word-regexp",
    long_valued: "after-context before-context context max-count",
};

/// The first programs are listed whole: none of their options writes, runs or connects.
fn command_only_reads(name: &str, arguments: &[&str]) -> bool {
    match name {
        "basename" | "cat" | "cd" | "cmp" | "comm" | "cut" | "df" | "dirname" | "du" | "echo"
        | "false" | "head" | "id" | "ls" | "nl" | "paste" | "pwd" | "readlink" | "realpath"
        | "seq" | "sha1sum" | "sha256sum" | "sha512sum" | "stat" | "tac" | "tail" | "tr"
        | "true" | "uname" | "wc" | "which" | "whoami" => true,
        "command" => matches!(arguments, ["-v" | "-V", ..]),
        "printf" => arguments.first().is_some_and(|format| is_format(format)),
        "[" => arguments.split_last().is_some_and(|(last, test)| *last == "]" && is_test(test)),
        "test" => is_test(arguments),
        "date" => DATE.read(arguments).is_some_and(|set| set.iter().all(|a| a.starts_with('+'))),
        "diff" => DIFF.read(arguments).is_some(),
        "file" => FILE.read(arguments).is_some(),
        "find" => arguments.iter().all(|word| is_harmless_in_find(word)),
        "grep" | "egrep" | "fgrep" => GREP.read(arguments).is_some(),
        "rg" => RG.read(arguments).is_some(),
        "sed" => is_print_of_lines(arguments),
        "sort" => SORT.read(arguments).is_some(),
        "uniq" => is_uniq(arguments),
        _ => false,
    }
}

/// In `test -v 'a[$(…)]'` bash runs what stands in the brackets, in some versions in numbers too.
fn is_test(arguments: &[&str]) -> bool {
    arguments.iter().all(|word| !word.contains(['[', '$', '`']) && !matches!(*word, "-v" | "-R"))
}

/// Of conversions those that only print: `%n` sets a variable.
fn is_format(format: &str) -> bool {
    const FLAGS: &str = "-+ #0'";
    const CONVERSIONS: &str = "%bcdiouxXqsfFeEgG";
    let is_printed = |rest: &str| {
        let rest = rest.trim_start_matches(|c| FLAGS.contains(c));
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.starts_with(|c| CONVERSIONS.contains(c))
    };
    // Of two signs in a row the second is a conversion.
    let plain = format.replace("%%", "");
    !format.starts_with('-') && plain.split('%').skip(1).all(is_printed)
}

/// `sed -n 3p`, `sed -n '3,9p;20,$p'`: of all that sed can do.
pub(crate) fn is_print_of_lines(arguments: &[&str]) -> bool {
    let (["-n", "-e", script, files @ ..] | ["-n", script, files @ ..]) = arguments else {
        return false;
    };
    script.split(';').all(is_print_of_range) && files.iter().all(|file| !file.starts_with('-'))
}

fn is_print_of_range(command: &str) -> bool {
    let Some(lines) = command.trim_matches(' ').strip_suffix('p') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match lines.split_once(',') {
        None => lines == "$" || is_number(lines),
        Some((first, last)) => is_number(first) && (last == "$" || is_number(last)),
    }
}

/// A second file would be written. Where options must come first, an option after a file is one.
fn is_uniq(arguments: &[&str]) -> bool {
    let files = UNIQ.read(arguments);
    files.is_some_and(|files| {
        files.is_empty() || (files.len() == 1 && files.last() == arguments.last())
    })
}

fn is_harmless_in_find(word: &str) -> bool {
    let Some(option) = word.strip_prefix('-') else { return true };
    let is_number = option.starts_with(|c: char| c.is_ascii_digit());
    is_number || FIND.split_whitespace().any(|known| known == option)
}

const FIND: &str = "\
    H L P a amin and atime cmin ctime daystart depth empty executable false follow group \
    ilname iname inum ipath iregex iwholename links lname ls maxdepth mindepth mmin mount \
    mtime name newer newermt nogroup not nouser o or path perm print print0 printf prune \
    quit readable regex regextype samefile size true type user wholename writable xdev xtype";

/// Without `-s`; what is no format would be the time to set.
const DATE: Options = Options {
    flags: "uR",
    valued: "dr",
    attached: "I",
    long_flags: "iso-8601 rfc-email universal utc",
    long_valued: "date reference rfc-3339",
};

/// Without `-l`, which runs `pr`.
const DIFF: Options = Options {
    flags: "BENTabcdeinpqrstuwyZ",
    valued: "CFILUWXx",
    attached: "",
    long_flags: "\
        brief color context ignore-all-space ignore-blank-lines ignore-case \
        ignore-space-change minimal new-file recursive report-identical-files side-by-side \
        strip-trailing-cr suppress-common-lines text unified",
    long_valued: "exclude exclude-from ignore-matching-lines label width",
};

/// Some programs of that name also unpack, filter and page.
const GREP: Options = Options {
    flags: "0123456789EFGHILPRTVZabchilnoqrsvwx",
    valued: "ABCDdefm",
    attached: "",
    long_flags: "\
        basic-regexp byte-offset color colour count dereference-recursive extended-regexp \
        files-with-matches files-without-match fixed-strings ignore-case initial-tab \
        invert-match line-number line-regexp no-filename no-messages null only-matching \
        perl-regexp quiet recursive silent text version with-filename word-regexp",
    long_valued: "\
        after-context before-context binary-files context devices directories exclude \
        exclude-dir exclude-from file include label max-count regexp",
};

/// Without `-C`, which compiles its lists of signatures, and `-z`, which runs what unpacks.
const FILE: Options = Options {
    flags: "bhikLNr",
    valued: "",
    attached: "",
    long_flags: "brief dereference mime mime-encoding mime-type no-dereference",
    long_valued: "",
};

/// Without `--pre`, `--hostname-bin` and `-z`, which run programs.
const RG: Options = Options {
    flags: "0.FHILNPSUVabchilnopqsuvwx",
    valued: "ABCEMTdefgjmrt",
    attached: "",
    long_flags: "\
        byte-offset case-sensitive column count count-matches files files-with-matches \
        files-without-match fixed-strings follow heading hidden ignore-case invert-match json \
        line-number line-regexp multiline multiline-dotall no-config no-filename no-heading \
        no-ignore no-ignore-parent no-ignore-vcs no-line-number no-messages null only-matching \
        pcre2 pretty quiet smart-case stats text trim type-list unrestricted version vimgrep \
        with-filename word-regexp",
    long_valued: "\
        after-context before-context color colors context encoding engine file glob iglob \
        max-columns max-count max-depth max-filesize regexp replace sort sortr threads type \
        type-not",
};

/// Without `-o`, `-T`, and `--compress-program`.
const SORT: Options = Options {
    flags: "CMRVbcdfghimnrsuz",
    valued: "kt",
    attached: "",
    long_flags: "\
        check dictionary-order general-numeric-sort human-numeric-sort ignore-case \
        ignore-leading-blanks month-sort numeric-sort reverse stable unique version-sort \
        zero-terminated",
    long_valued: "field-separator key",
};

const UNIQ: Options = Options {
    flags: "Dcdiuz",
    valued: "fsw",
    attached: "",
    long_flags: "all-repeated count group ignore-case repeated unique zero-terminated",
    long_valued: "check-chars skip-chars skip-fields",
};

#[cfg(test)]
mod tests;
