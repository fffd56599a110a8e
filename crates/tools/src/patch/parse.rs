//! The text of a patch, understood: pure, and forgiving in what models get wrong in practice (wrappers, white space
//! around markers, line numbers in locators). What it would change is not looked at here.

use serde::{Deserialize, Serialize};

use super::wrapper::{Line, unwrapped};

/// The format, as a grammar the endpoint holds the model to (protocol.md 3.4). Below it stands what is accepted
/// beyond it.
pub(crate) const GRAMMAR: &str = r#"start: opening file_section+ closing
opening: "*** Begin Patch" LF
closing: "*** End Patch" LF?
file_section: new_file | removed_file | edited_file
new_file: "*** Add File: " path LF new_line+
removed_file: "*** Delete File: " path LF
edited_file: "*** Update File: " path LF renamed_to? edits?
renamed_to: "*** Move to: " path LF
edits: (locator | edit_line)+ at_eof?
locator: ("@@" | "@@ " /(.+)/) LF
edit_line: ("+" | "-" | " ") /(.*)/ LF
new_line: "+" /(.*)/ LF
at_eof: "*** End of File" LF
path: /(.+)/
%import common.LF
"#;

pub(super) const BEGIN: &str = "*** Begin Patch";
pub(super) const END: &str = "*** End Patch";
pub(super) const ADD: &str = "*** Add File:";
pub(super) const DELETE: &str = "*** Delete File:";
pub(super) const UPDATE: &str = "*** Update File:";
pub(super) const MOVE: &str = "*** Move to:";
pub(super) const END_OF_FILE: &str = "*** End of File";

/// What a patch says, in its order. Nothing of it has been compared with any file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Patch {
    pub(crate) sections: Vec<Section>,
}

/// What is to be done with one file. Paths are as the model wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Section {
    Add { path: String, content: String },
    Delete { path: String },
    Update { path: String, move_to: Option<String>, hunks: Vec<Hunk> },
}

/// Neighbouring lines and what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hunk {
    /// Lines that stand above it, from the outermost in.
    pub(crate) locators: Vec<Locator>,
    pub(crate) lines: Vec<HunkLine>,
    /// The last of its old lines is the last of the file.
    pub(crate) at_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Locator {
    pub(crate) text: String,
    /// It came with line numbers, as tools write them: a hint, which may be missing from the file.
    pub(crate) hint: bool,
}

/// Without its line end, which is the file's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HunkLine {
    Context(String),
    Remove(String),
    Add(String),
}

impl Section {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Delete { path } | Self::Update { path, .. } => path,
        }
    }
}

impl Hunk {
    /// The lines the file must have.
    pub(crate) fn old_lines(&self) -> Vec<&str> {
        let old = self.lines.iter().filter_map(|line| match line {
            HunkLine::Context(text) | HunkLine::Remove(text) => Some(text.as_str()),
            HunkLine::Add(_) => None,
        });
        old.collect()
    }
}

/// The text is no patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the patch: {message}")]
pub(crate) struct SyntaxError {
    /// Counted from 1, in the text as it was given.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Reads a patch: the grammar above, and beyond it a shell's heredoc or a Markdown fence around the patch, white
/// space around markers, an indented patch, CRLF, empty lines without a marker, `@@ -1,2 +3,4 @@` as a locator, and
/// several patches in a row.
///
/// # Errors
/// At the first line that fits nowhere. A patch without its end may have been cut off and is never used (R22).
pub(crate) fn parse(text: &str) -> Result<Patch, SyntaxError> {
    let mut parser = Parser::new(unwrapped(text)?);
    let mut sections = Vec::new();
    while let Some(line) = parser.next() {
        let marker = line.text.trim();
        if marker.is_empty() || ((marker == BEGIN || marker == END) && parser.joins_patches(marker))
        {
            continue;
        }
        let section = if let Some(path) = marker.strip_prefix(ADD) {
            Section::Add { path: line.path(path)?, content: parser.new_lines()? }
        } else if let Some(path) = marker.strip_prefix(DELETE) {
            Section::Delete { path: line.path(path)? }
        } else if let Some(path) = marker.strip_prefix(UPDATE) {
            parser.update(line, path)?
        } else {
            return Err(line.error(unexpected(marker)));
        };
        sections.push(section);
    }
    match sections.is_empty() {
        true => Err(SyntaxError { line: 1, message: "the patch names no file".into() }),
        false => Ok(Patch { sections }),
    }
}

fn unexpected(line: &str) -> String {
    let hint = if line.starts_with("--- ") || line.starts_with("diff --git") {
        ". This is a unified diff, which is not the format of a patch here"
    } else if line.starts_with("@@") || line.starts_with('+') || line.starts_with('-') {
        ". It stands below no file"
    } else {
        ""
    };
    format!(
        "`{}` is not expected here: a file begins with `{ADD} PATH`, `{DELETE} PATH` or `{UPDATE} PATH`{hint}",
        crate::files::cut(line, 200)
    )
}

struct Parser<'a> {
    lines: std::iter::Peekable<std::vec::IntoIter<Line<'a>>>,
}

impl<'a> Parser<'a> {
    fn new(lines: Vec<Line<'a>>) -> Self {
        Self { lines: lines.into_iter().peekable() }
    }

    fn next(&mut self) -> Option<Line<'a>> {
        self.lines.next()
    }

    /// The next line of a hunk. An indented marker is a context line there.
    fn next_of_hunk(&mut self) -> Option<Line<'a>> {
        self.lines.next_if(|line| !is_marker(line.text))
    }

    /// Whether one patch ends here and another begins.
    fn joins_patches(&mut self, marker: &str) -> bool {
        while self.lines.next_if(|line| line.text.trim().is_empty()).is_some() {}
        marker == BEGIN || self.lines.peek().is_some_and(|line| line.text.trim() == BEGIN)
    }

    /// The content of a new file.
    fn new_lines(&mut self) -> Result<String, SyntaxError> {
        let mut content = String::new();
        let mut blank = 0;
        while let Some(line) = self.lines.next_if(|line| !is_marker(line.text.trim_start())) {
            if let Some(text) = line.text.strip_prefix('+') {
                content.extend(std::iter::repeat_n('\n', blank));
                content.push_str(text);
                content.push('\n');
                blank = 0;
            } else if line.text.trim().is_empty() {
                blank += 1;
            } else {
                return Err(line.error("each line of a new file begins with `+`"));
            }
        }
        Ok(content)
    }

    fn update(&mut self, line: Line<'a>, path: &str) -> Result<Section, SyntaxError> {
        let path = line.path(path)?;
        let moved = self.lines.next_if(|line| line.text.trim().starts_with(MOVE));
        let move_to = match moved {
            Some(line) => Some(line.path(line.text.trim().strip_prefix(MOVE).unwrap_or_default())?),
            None => None,
        };
        let hunks = self.hunks()?;
        if hunks.is_empty() && move_to.is_none() {
            return Err(line.error(format!("nothing follows that would change `{path}`")));
        }
        Ok(Section::Update { path, move_to, hunks })
    }

    fn hunks(&mut self) -> Result<Vec<Hunk>, SyntaxError> {
        self.skip_diff_header();
        let mut hunks = Vec::new();
        let mut hunk = Hunk::default();
        let mut began = None;
        loop {
            let line = match self.lines.next_if(|line| line.text.trim() == END_OF_FILE) {
                Some(line) => Some(line),
                None => self.next_of_hunk(),
            };
            let Some(line) = line else { break };
            if line.text.trim() == END_OF_FILE {
                // It closes a hunk, also one that only adds.
                hunk.at_end = true;
                close(&mut hunk, &mut hunks);
            } else if let Some(text) = line.text.strip_prefix("@@") {
                if !hunk.lines.is_empty() {
                    close(&mut hunk, &mut hunks);
                }
                began = Some(line);
                hunk.locators.extend(locator(text));
            } else if !line.text.starts_with("\\ No newline") {
                hunk.lines.push(hunk_line(line)?);
            }
        }
        if hunk.lines.iter().all(is_blank_context) {
            if let (Some(line), Some(locator)) = (began, hunk.locators.last()) {
                return Err(line.error(format!("no lines follow `@@ {}`", locator.text)));
            }
        } else {
            close(&mut hunk, &mut hunks);
        }
        Ok(hunks)
    }

    /// `--- a/x` and `+++ b/x`, which some put above the first hunk.
    fn skip_diff_header(&mut self) {
        let mut ahead = self.lines.clone();
        let starts =
            |line: Option<Line<'_>>, mark| line.is_some_and(|line| line.text.starts_with(mark));
        if starts(ahead.next(), "--- ")
            && starts(ahead.next(), "+++ ")
            && starts(ahead.next(), "@@")
        {
            self.lines.next();
            self.lines.next();
        }
    }
}

fn close(hunk: &mut Hunk, hunks: &mut Vec<Hunk>) {
    let hunk = std::mem::take(hunk);
    if !hunk.lines.iter().all(is_blank_context) {
        hunks.push(hunk);
    }
}

fn is_blank_context(line: &HunkLine) -> bool {
    matches!(line, HunkLine::Context(text) if text.trim().is_empty())
}

pub(super) fn is_marker(text: &str) -> bool {
    text.starts_with("***")
        && [BEGIN, END, ADD, DELETE, UPDATE, MOVE, END_OF_FILE]
            .iter()
            .any(|marker| text.starts_with(marker))
}

fn hunk_line(line: Line<'_>) -> Result<HunkLine, SyntaxError> {
    let text = line.text.strip_suffix('\r').unwrap_or(line.text);
    let rest = || text[1..].to_owned();
    match text.as_bytes().first() {
        None => Ok(HunkLine::Context(String::new())),
        Some(b' ') => Ok(HunkLine::Context(rest())),
        Some(b'-') => Ok(HunkLine::Remove(rest())),
        Some(b'+') => Ok(HunkLine::Add(rest())),
        // A context line whose marker was forgotten: no other line begins with a tab.
        Some(b'\t') => Ok(HunkLine::Context(text.to_owned())),
        Some(_) => Err(line
            .error("each line of a hunk begins with a space (kept), `-` (removed) or `+` (added)")),
    }
}

/// What follows `@@`; none when there is nothing to find.
pub(super) fn locator(text: &str) -> Option<Locator> {
    let text = text.trim();
    let (text, hint) = match numbered(text) {
        Some(heading) => (heading, true),
        None => (text.strip_suffix("@@").unwrap_or(text), false),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| Locator { text: text.to_owned(), hint })
}

/// The heading of `-12,5 +12,6 @@ heading`.
fn numbered(text: &str) -> Option<&str> {
    let (range, heading) = text.split_once("@@").unwrap_or((text, ""));
    let (old, new) = range.trim().split_once(' ')?;
    let is_range = |range: &str, sign| {
        let numbers = range.strip_prefix(sign)?;
        numbers.chars().all(|c| c.is_ascii_digit() || c == ',').then_some(())
    };
    is_range(old, '-').and(is_range(new.trim(), '+')).map(|()| heading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A patch in short: one line a section, one a locator, one a hunk line.
    fn short(text: &str) -> String {
        let patch = match parse(text) {
            Ok(patch) => patch,
            Err(error) => return error.to_string(),
        };
        let mut out = Vec::new();
        for section in patch.sections {
            match section {
                Section::Add { path, content } => out.push(format!("add {path} {content:?}")),
                Section::Delete { path } => out.push(format!("delete {path}")),
                Section::Update { path, move_to, hunks } => {
                    let to = move_to.map(|to| format!(" to {to}")).unwrap_or_default();
                    out.push(format!("update {path}{to}"));
                    for hunk in hunks {
                        let end = if hunk.at_end { " $" } else { "" };
                        let locators = hunk
                            .locators
                            .iter()
                            .map(|l| format!(" {}{}", l.text, if l.hint { "?" } else { "" }));
                        out.push(format!("@{}{end}", locators.collect::<String>()));
                        out.extend(hunk.lines.iter().map(|line| match line {
                            HunkLine::Context(text) => format!("={text}"),
                            HunkLine::Remove(text) => format!("-{text}"),
                            HunkLine::Add(text) => format!("+{text}"),
                        }));
                    }
                }
            }
        }
        out.join("\n")
    }

    fn body(body: &str) -> String {
        short(&format!("*** Begin Patch\n{body}\n*** End Patch"))
    }

    #[test]
    fn each_kind_of_section_is_read() {
        assert_eq!(
            body(
                "*** Add File: a b.txt\n+one\n+\n+ two\n*** Delete File: c\n*** Update File: d\n*** Move to: e\n\
                 @@ class A\n@@ fn b\n keep\n-old\n+new\n@@\n+more\n*** End of File"
            ),
            "add a b.txt \"one\\n\\n two\\n\"\ndelete c\nupdate d to e\n@ class A fn b\n=keep\n-old\n+new\n@ $\n+more"
        );
    }

    #[test]
    fn a_first_hunk_needs_no_locator_and_a_move_no_hunk() {
        assert_eq!(body("*** Update File: a\n-x\n+y"), "update a\n@\n-x\n+y");
        assert_eq!(body("*** Update File: a\n*** Move to: b"), "update a to b");
        assert_eq!(body("*** Add File: empty"), "add empty \"\"");
    }

    #[test]
    fn what_is_wrapped_around_a_patch_is_taken_off() {
        let patch = "*** Begin Patch\n*** Delete File: a\n*** End Patch";
        for wrapped in [
            format!("\n\n  {patch}  \n\n"),
            format!("<<'EOF'\n{patch}\nEOF\n"),
            format!("<<EOF\n{patch}\nEOF"),
            format!("apply_patch <<-\"PATCH\"\n{patch}\n PATCH"),
            format!("```diff\n{patch}\n```"),
            format!("```\napply_patch << 'EOF'\n{patch}\nEOF\n```\n"),
            patch.replace('\n', "\r\n"),
            patch.replace("***", "  ***"),
            patch.replace("Patch\n", "Patch \t\n"),
        ] {
            assert_eq!(short(&wrapped), "delete a", "{wrapped}");
        }
    }

    #[test]
    fn an_indented_patch_is_read_as_if_it_were_not() {
        assert_eq!(
            short("  *** Begin Patch\n  *** Update File: a\n  @@\n    x\n\n  -y\n  *** End Patch"),
            "update a\n@\n= x\n=\n-y"
        );
    }

    #[test]
    fn patches_in_a_row_are_one() {
        let one = "*** Begin Patch\n*** Delete File: a\n*** End Patch\n";
        assert_eq!(short(&format!("{one}\n{}", one.replace("a\n", "b\n"))), "delete a\ndelete b");
    }

    #[test]
    fn carriage_returns_of_the_transport_go_and_those_of_a_new_file_stay() {
        assert_eq!(
            short("*** Begin Patch\r\n*** Add File: a\r\n+x\r\n*** End Patch\r\n"),
            "add a \"x\\n\""
        );
        assert_eq!(body("*** Add File: a\n+x\r"), "add a \"x\\r\\n\"");
        assert_eq!(body("*** Update File: a\n-x\r\n+y\r"), "update a\n@\n-x\n+y");
    }

    #[test]
    fn blank_lines_without_a_marker_are_blank_lines() {
        assert_eq!(
            body("*** Add File: a\n+x\n\n+y\n\n*** Delete File: b"),
            "add a \"x\\n\\ny\\n\"\ndelete b"
        );
        assert_eq!(body("*** Update File: a\n x\n\n-y\n"), "update a\n@\n=x\n=\n-y\n=");
        assert_eq!(body("*** Update File: a\n\tx\n-y"), "update a\n@\n=\tx\n-y");
    }

    #[test]
    fn habits_of_unified_diffs_are_understood() {
        assert_eq!(
            body(
                "*** Update File: a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@ fn x()\n-y\n\\ No newline at end of file\n+z"
            ),
            "update a\n@ fn x()?\n-y\n+z"
        );
        assert_eq!(body("*** Update File: a\n@@ -1 +1 @@\n-y"), "update a\n@\n-y");
        assert_eq!(body("*** Update File: a\n@@ fn x @@\n-y"), "update a\n@ fn x\n-y");
        // A removed SQL comment is no header.
        assert_eq!(body("*** Update File: a\n--- x\n+-- y"), "update a\n@\n--- x\n+-- y");
    }

    #[test]
    fn markers_inside_of_lines_are_text() {
        assert_eq!(
            body("*** Update File: a\n *** End Patch\n-*** Begin Patch\n+*** Add File: x"),
            "update a\n@\n=*** End Patch\n-*** Begin Patch\n+*** Add File: x"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, expected) in [
            ("", "line 1 of the patch: it is empty; a patch begins with `*** Begin Patch`"),
            ("hello", "line 1 of the patch: a patch begins with `*** Begin Patch`"),
            (
                "*** Begin Patch\n*** Add File: a\n+x",
                "line 3 of the patch: a patch ends with `*** End Patch`; this one may have been cut off",
            ),
            (
                "*** Begin Patch",
                "line 1 of the patch: a patch ends with `*** End Patch`; this one may have been cut off",
            ),
            ("*** Begin Patch\n*** End Patch", "line 1 of the patch: the patch names no file"),
            (
                "*** Begin Patch\n*** Add File: a\nx\n*** End Patch",
                "line 3 of the patch: each line of a new file begins with `+`",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n*** End Patch",
                "line 2 of the patch: nothing follows that would change `a`",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n@@ fn x\n*** End Patch",
                "line 3 of the patch: no lines follow `@@ fn x`",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch",
                "line 4 of the patch: each line of a hunk begins with a space (kept), `-` (removed) or `+` (added)",
            ),
            (
                "*** Begin Patch\n*** Delete File:\n*** End Patch",
                "line 2 of the patch: the path is missing",
            ),
        ] {
            assert_eq!(short(text), expected);
        }
        assert!(body("--- a/x\n+++ b/x").contains("This is a unified diff"));
        assert!(body("*** Delete File: a\n-x").contains("It stands below no file"));
        assert!(body("*** Rename File: a").contains("a file begins with `*** Add File: PATH`"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_mixture_of_markers_makes_the_parser_panic(
            lines in prop::collection::vec(
                prop_oneof![
                    Just(BEGIN), Just(END), Just("*** Add File: a"), Just("*** Update File: b"), Just(MOVE),
                    Just("*** Delete File: c"), Just(END_OF_FILE), Just("@@"), Just("@@ x"), Just("@@ -1 +1 @@"),
                    Just("+"), Just("-x"), Just(" "), Just(""), Just("\t"), Just("é"), Just("  *** End Patch\r"),
                    Just("```"), Just("<<EOF"), Just("EOF"),
                ],
                0..30,
            )
        ) {
            let _ = parse(&lines.join("\n"));
            let _ = parse(&format!("{BEGIN}\n{}\n{END}", lines.join("\n")));
        }
    }
}
