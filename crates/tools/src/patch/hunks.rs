//! Hunks applied to the lines of a file: pure. Every hunk is placed before anything is changed; what cannot be
//! placed is said with what stands there instead.

use std::ops::Range;

use super::mismatch::{Excerpt, MAX_SHOWN, Mismatch, Problem};
use super::parse::{Hunk, HunkLine, Locator};
use super::seek::{self, Tolerance};
use super::text::{TextFile, TextLine};

/// A file with its hunks applied.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) file: TextFile,
    /// What was overlooked to place a hunk, for the model.
    pub(crate) notes: Vec<String>,
}

/// Where a hunk goes: the lines of the file it replaces, and how they were found.
struct Place {
    lines: Range<usize>,
    tolerance: Tolerance,
    /// Starts of other places that fit as well and that no locator rules out.
    others: Vec<usize>,
}

/// Applies all hunks, or none.
///
/// # Errors
/// All hunks that have no place.
pub(crate) fn apply(file: &TextFile, hunks: &[Hunk]) -> Result<Applied, Vec<Mismatch>> {
    let lines: Vec<&str> = file.lines.iter().map(|line| line.text.as_str()).collect();
    let mut search = Search { lines: &lines, taken: Vec::new(), from: 0 };
    let mut placed = Vec::new();
    let mut mismatches = Vec::new();
    for (index, hunk) in hunks.iter().enumerate() {
        match search.place(hunk) {
            Ok(place) => placed.push((place, index, hunk)),
            Err((problem, nearest)) => {
                mismatches.push(Mismatch { hunk: index + 1, of: hunks.len(), problem, nearest });
            }
        }
    }
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    let notes = placed.iter().filter_map(|(place, index, _)| note(place, index + 1, &search.taken));
    let notes = notes.collect();
    // Stable: two insertions at one place keep the order of the patch, and stand before what follows there.
    placed.sort_by_key(|(place, ..)| (place.lines.start, place.lines.end));
    let mut new = Vec::with_capacity(lines.len());
    let mut next = 0;
    for (place, _, hunk) in placed {
        new.extend_from_slice(&file.lines[next..place.lines.start]);
        next = place.lines.end;
        replace(file, &place, hunk, &mut new);
    }
    new.extend_from_slice(&file.lines[next..]);
    Ok(Applied { file: file.with_lines(new), notes })
}

fn note(place: &Place, hunk: usize, taken: &[Range<usize>]) -> Option<String> {
    let others =
        place.others.iter().filter(|start| !taken.iter().any(|taken| taken.start == **start));
    let others: Vec<_> = others.map(|start| (start + 1).to_string()).take(5).collect();
    let line = place.lines.start + 1;
    match (place.tolerance.overlooked(), others.is_empty()) {
        (None, true) => None,
        (Some(what), true) => {
            Some(format!("hunk {hunk} was found at line {line} by overlooking {what}"))
        }
        (_, false) => Some(format!(
            "hunk {hunk} was applied at line {line}, but also fits at line {}: check that this was the one",
            others.join(", ")
        )),
    }
}

/// Puts in what a hunk makes of its lines. Those it keeps stay as the file has them.
fn replace(file: &TextFile, place: &Place, hunk: &Hunk, new: &mut Vec<TextLine>) {
    let shift = Shift::of(file, place, hunk);
    let mut at = place.lines.start;
    for line in &hunk.lines {
        match line {
            // Blank lines at the end of a hunk may have been left out of the place.
            HunkLine::Context(_) if at < place.lines.end => {
                new.push(file.lines[at].clone());
                at += 1;
            }
            HunkLine::Context(_) => {}
            HunkLine::Remove(_) => at += 1,
            HunkLine::Add(text) => {
                new.push(TextLine { text: shift.of_line(text), crlf: file.crlf_at(at) })
            }
        }
    }
}

/// By how much a patch is indented too little or too much. Only removed lines tell: they have the marker that added
/// lines have, while context lines often come with one space too few.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shift<'a> {
    None,
    In(&'a str),
    Out(&'a str),
}

impl<'a> Shift<'a> {
    fn of(file: &'a TextFile, place: &Place, hunk: &'a Hunk) -> Self {
        if place.tolerance < Tolerance::Indentation {
            return Self::None;
        }
        let old = hunk.lines.iter().filter(|line| !matches!(line, HunkLine::Add(_)));
        let removed =
            old.zip(&file.lines[place.lines.clone()]).filter_map(|(old, line)| match old {
                HunkLine::Remove(text) if !text.trim().is_empty() => {
                    Some((indent(&line.text), indent(text)))
                }
                _ => None,
            });
        let mut shifts =
            removed.map(|(is, said)| match (is.strip_suffix(said), said.strip_suffix(is)) {
                (Some(""), _) => Self::None,
                (Some(more), _) => Self::In(more),
                (None, Some(more)) => Self::Out(more),
                (None, None) => Self::None,
            });
        let first = shifts.next().unwrap_or(Self::None);
        let all = shifts.all(|shift| shift == first);
        let added = hunk.lines.iter().filter_map(|line| match line {
            HunkLine::Add(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        });
        let fits = |text: &String| !matches!(first, Self::Out(more) if !text.starts_with(more));
        if all && added.into_iter().all(fits) { first } else { Self::None }
    }

    fn of_line(self, text: &str) -> String {
        match self {
            Self::In(more) if !text.trim().is_empty() => format!("{more}{text}"),
            Self::Out(more) => text.strip_prefix(more).unwrap_or(text).to_owned(),
            _ => text.to_owned(),
        }
    }
}

fn indent(text: &str) -> &str {
    &text[..text.len() - text.trim_start().len()]
}

struct Search<'a> {
    lines: &'a [&'a str],
    /// What earlier hunks replace.
    taken: Vec<Range<usize>>,
    /// Where the next hunk is looked for first: after the one before it.
    from: usize,
}

type Unplaced = (Problem, Option<Excerpt>);

impl Search<'_> {
    fn place(&mut self, hunk: &Hunk) -> Result<Place, Unplaced> {
        let located = self.locate(&hunk.locators)?;
        let old = hunk.old_lines();
        let place = if old.is_empty() {
            // Below the line that was named, else at the end of the file.
            let end = self.lines.len();
            let at = if hunk.at_end { end } else { located.map_or(end, |index| index + 1) };
            if !self.is_free(at..at, false) {
                return Err((Problem::InTaken(at), None));
            }
            Place { lines: at..at, tolerance: Tolerance::Exact, others: vec![] }
        } else {
            self.find(hunk, &old, located).ok_or_else(|| self.explain(hunk, &old, located))?
        };
        self.from = place.lines.end;
        self.taken.push(place.lines.clone());
        Ok(place)
    }

    /// The line named by the innermost locator.
    fn locate(&self, locators: &[Locator]) -> Result<Option<usize>, Unplaced> {
        let mut found = None;
        for locator in locators {
            let from = found.map_or(self.from, |index| index + 1);
            let again =
                || found.is_none().then(|| seek::locate(self.lines, &locator.text, 0)).flatten();
            match seek::locate(self.lines, &locator.text, from).or_else(again) {
                Some(index) => found = Some(index),
                None if locator.hint => {}
                None => {
                    let nearest = seek::nearest(self.lines, &[&locator.text]);
                    let problem = Problem::NoLocator(locator.text.clone());
                    return Err((problem, nearest.and_then(|first| self.excerpt(first, 1))));
                }
            }
        }
        Ok(found)
    }

    /// The first place from the locator or the last hunk on; else, when there is but one, any other place.
    fn find(&self, hunk: &Hunk, old: &[&str], located: Option<usize>) -> Option<Place> {
        let from = located.unwrap_or(self.from);
        let shorter = without_blank_end(hunk, old);
        let variants = || [Some(old), shorter].into_iter().flatten();
        let fits = |pattern: &[&str], tolerance| -> Vec<usize> {
            let places = seek::places(self.lines, pattern, tolerance);
            places
                .filter(|start| self.is_free(*start..start + pattern.len(), hunk.at_end))
                .collect()
        };
        let ahead = |tolerance, pattern: &[&str]| {
            let mut starts = fits(pattern, tolerance);
            let at = starts.iter().position(|start| *start >= from)?;
            let start = starts.remove(at);
            let others = if hunk.locators.is_empty() { starts } else { vec![] };
            Some(Place { lines: start..start + pattern.len(), tolerance, others })
        };
        let anywhere = |tolerance, pattern: &[&str]| match fits(pattern, tolerance)[..] {
            [start] => {
                Some(Place { lines: start..start + pattern.len(), tolerance, others: vec![] })
            }
            _ => None,
        };
        let each = |find: &dyn Fn(Tolerance, &[&str]) -> Option<Place>| {
            let tolerances = Tolerance::ALL.into_iter();
            tolerances
                .flat_map(|tolerance| variants().map(move |old| (tolerance, old)))
                .find_map(|(t, old)| find(t, old))
        };
        each(&ahead).or_else(|| each(&anywhere))
    }

    fn is_free(&self, lines: Range<usize>, at_end: bool) -> bool {
        let apart = |taken: &Range<usize>| taken.end <= lines.start || lines.end <= taken.start;
        let ends = || self.lines[lines.end..].iter().all(|line| line.trim().is_empty());
        self.taken.iter().all(apart) && (!at_end || ends())
    }

    fn explain(&self, hunk: &Hunk, old: &[&str], located: Option<usize>) -> Unplaced {
        let from = located.unwrap_or(0);
        if hunk.at_end {
            let found =
                Tolerance::ALL.into_iter().find_map(|t| seek::places(self.lines, old, t).next());
            if let Some(start) = found {
                let end = self.lines.len().saturating_sub(3);
                return (Problem::NotAtEnd(start), self.excerpt(end, 3));
            }
        }
        let nearest = seek::nearest(&self.lines[from..], old).map(|first| from + first);
        let nearest = nearest.or_else(|| seek::nearest(self.lines, old));
        let problem = Problem::NoLines(old.iter().map(|line| (*line).to_owned()).collect());
        (problem, nearest.and_then(|first| self.excerpt(first, old.len())))
    }

    /// The lines from `first` on, and a few around them.
    fn excerpt(&self, first: usize, count: usize) -> Option<Excerpt> {
        let first = first.saturating_sub(1);
        let last = first.saturating_add(count.min(MAX_SHOWN) + 3).min(self.lines.len());
        let lines = self.lines.get(first..last)?;
        Some(Excerpt { first, lines: lines.iter().map(|line| (*line).to_owned()).collect() })
    }
}

/// The pattern without blank lines at its end: they often stand for the gap between two sections of a patch.
fn without_blank_end<'a>(hunk: &Hunk, old: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let blank =
        |line: &&HunkLine| matches!(line, HunkLine::Context(text) if text.trim().is_empty());
    let blanks = hunk.lines.iter().rev().take_while(blank).count();
    (0 < blanks && blanks < old.len()).then(|| &old[..old.len() - blanks])
}

#[cfg(test)]
mod tests {
    use super::super::parse::{self, Section};
    use super::*;
    use proptest::prelude::*;

    fn hunks(body: &str) -> Vec<Hunk> {
        let text = format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch");
        match parse::parse(&text).unwrap().sections.remove(0) {
            Section::Update { hunks, .. } => hunks,
            other => panic!("{other:?}"),
        }
    }

    fn patched(file: &str, body: &str) -> Result<(String, Vec<String>), String> {
        match apply(&TextFile::parse(file), &hunks(body)) {
            Ok(applied) => Ok((applied.file.to_text(), applied.notes)),
            Err(mismatches) => {
                Err(mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    /// The new text, where nothing had to be overlooked.
    fn cleanly(file: &str, body: &str) -> String {
        let (text, notes) = patched(file, body).unwrap();
        assert_eq!(notes, [""; 0]);
        text
    }

    #[test]
    fn lines_are_replaced_removed_and_added() {
        for (file, body, expected) in [
            ("a\nb\nc\n", "@@\n a\n-b\n+B\n+b\n c", "a\nB\nb\nc\n"),
            ("a\nb\nc\n", "-b", "a\nc\n"),
            ("a\nb\n", " a\n+x\n b", "a\nx\nb\n"),
            ("a\n", "-a", ""),
            ("", "+a", "a\n"),
            // Without old lines: at the end, or below the line that is named.
            ("a\nb\n", "@@\n+c", "a\nb\nc\n"),
            ("fn a() {\n}\n", "@@ fn a() {\n+    x();", "fn a() {\n    x();\n}\n"),
            ("a\nb\na\n", "-a\n+c\n*** End of File", "a\nb\nc\n"),
            ("a\nb\n", "@@ a\n+c\n*** End of File", "a\nb\nc\n"),
            ("a\nb\n", " a\n-b\n@@\n+c", "a\nc\n"),
            ("h\na\n", "-a\n@@ h\n+b", "h\nb\n"),
        ] {
            assert_eq!(cleanly(file, body), expected, "{body}");
        }
    }

    #[test]
    fn hunks_are_placed_one_after_the_other() {
        assert_eq!(
            cleanly("a\nx\nb\nx\nc\nx\n", "@@ a\n-x\n+1\n@@ b\n-x\n+2"),
            "a\n1\nb\n2\nc\nx\n"
        );
        assert_eq!(cleanly("x\nx\nx\n", "-x\n+1\n@@\n-x\n+2\n@@\n-x\n+3"), "1\n2\n3\n");
        // In another order than in the file, where each fits one place only.
        assert_eq!(cleanly("a\nb\nc\n", "-c\n+C\n@@\n-a\n+A"), "A\nb\nC\n");
    }

    #[test]
    fn locators_find_the_right_one_of_equal_lines() {
        let file = "class A:\n  def f():\n    pass\nclass B:\n  def f():\n    pass\n";
        let expected = "class A:\n  def f():\n    pass\nclass B:\n  def f():\n    done\n";
        let edit = "-    pass\n+    done";
        for locators in
            ["@@ class B:\n@@ def f():", "@@ class B", "@@ class B:", "@@ -4,3 +4,3 @@ class B:"]
        {
            assert_eq!(cleanly(file, &format!("{locators}\n{edit}")), expected, "{locators}");
        }
        // The line named may also be the first of the hunk.
        assert_eq!(
            cleanly(file, &format!("@@ class B:\n class B:\n   def f():\n{edit}")),
            expected
        );
        // A second hunk below the same line, and a tool's heading that is not in the file.
        assert_eq!(cleanly("h\na\nb\n", "@@ h\n-a\n+A\n@@ h\n-b\n+B"), "h\nA\nB\n");
        assert_eq!(cleanly("a\n", "@@ -1 +1 @@ gone\n-a\n+b"), "b\n");
    }

    #[test]
    fn what_differs_in_space_or_punctuation_is_found_and_kept_as_the_file_has_it() {
        for (file, body, expected, note) in [
            ("keep \t\nold \n", " keep\n-old\n+new", "keep \t\nnew\n", "white space at line ends"),
            ("\tkeep\n\told\n", "   keep\n-\told\n+\tnew", "\tkeep\n\tnew\n", "indentation"),
            (
                "// “a” – b\nx\n",
                " // \"a\" - b\n-x\n+y",
                "// “a” – b\ny\n",
                "typographic punctuation",
            ),
        ] {
            let (text, notes) = patched(file, body).unwrap();
            assert_eq!(text, expected, "{body}");
            assert_eq!(notes, [format!("hunk 1 was found at line 1 by overlooking {note}")]);
        }
    }

    #[test]
    fn a_patch_indented_too_little_or_too_much_is_indented_like_the_file() {
        let text = |file, body| patched(file, body).unwrap().0;
        assert_eq!(
            text("    if x:\n      y\n", "-if x:\n-  y\n+if z:\n+\n+  w"),
            "    if z:\n\n      w\n"
        );
        assert_eq!(text("a\n  b\n", "-    a\n-      b\n+    c\n+      d"), "c\n  d\n");
        // No single shift explains it: lines are added as they are.
        assert_eq!(text("  a\n    b\n", "-a\n-b\n+c"), "c\n");
        assert_eq!(text("\ta\n", "-    a\n+    b"), "    b\n");
    }

    #[test]
    fn line_ends_bom_and_a_missing_final_newline_stay() {
        for (file, body, expected) in [
            ("a\r\nb\r\n", " a\n-b\n+c\n+d", "a\r\nc\r\nd\r\n"),
            ("a\r\nb", "-b\n+c\n+d", "a\r\nc\r\nd"),
            ("a\nb\r\nc\n", "-b\n+x", "a\nx\r\nc\n"),
            ("\u{feff}a\nb\n", "-a\n+c", "\u{feff}c\nb\n"),
            ("a\nb", " a\n-b", "a"),
            ("a", "@@\n+b", "a\nb"),
        ] {
            assert_eq!(cleanly(file, body), expected, "{file:?} {body:?}");
        }
    }

    #[test]
    fn blank_lines_at_the_end_of_a_hunk_need_not_be_in_the_file() {
        assert_eq!(cleanly("a\nb\n", " a\n-b\n+c\n\n"), "a\nc\n");
        assert_eq!(cleanly("a\n\nb\n", " a\n\n-b\n+c\n"), "a\n\nc\n");
    }

    #[test]
    fn a_place_that_was_one_of_several_is_said() {
        let (text, notes) = patched("x\ny\nx\n", "-x\n+z").unwrap();
        assert_eq!(text, "z\ny\nx\n");
        assert_eq!(
            notes,
            ["hunk 1 was applied at line 1, but also fits at line 3: check that this was the one"]
        );
    }

    #[test]
    fn what_has_no_place_is_said_with_the_nearest_lines() {
        let file = "fn one() {\n    work();\n}\n\nfn two() {\n    work(1);\n}\n";
        assert_eq!(
            patched(file, "@@\n fn two() {\n-    work(2);\n+    work(3);").unwrap_err(),
            "these lines are not in the file:\nfn two() {\n    work(2);\n\
             The nearest lines of the file are:\n4\t\n5\tfn two() {\n6\t    work(1);\n7\t}"
        );
        assert_eq!(
            patched(file, "-fn one() {\n+fn two() {\n@@ fn three() {\n-}").unwrap_err(),
            "hunk 2 of 2: no line is `fn three() {`, as `@@` says\n\
             The nearest lines of the file are:\n1\tfn one() {\n2\t    work();\n3\t}\n4\t"
        );
        assert_eq!(
            patched(file, "-fn one() {\n*** End of File").unwrap_err(),
            "the lines stand at line 1, not at the end of the file as `*** End of File` says\n\
             The file ends with:\n4\t\n5\tfn two() {\n6\t    work(1);\n7\t}"
        );
        assert_eq!(
            patched("a\n", "-something else").unwrap_err(),
            "these lines are not in the file:\nsomething else\nNothing in the file is like it: read it again."
        );
    }

    #[test]
    fn lines_are_not_added_in_the_middle_of_another_hunk() {
        assert_eq!(
            patched("a\nb\nc\n", "-a\n-b\n c\n@@ a\n+x").unwrap_err(),
            "hunk 2 of 2: it adds lines at line 2, in the middle of what an earlier hunk changes: make them one hunk"
        );
    }

    #[test]
    fn all_hunks_without_a_place_are_said_at_once() {
        let message = patched("a\n", "-x\n@@\n-a\n@@\n-y").unwrap_err();
        assert!(message.contains("hunk 1 of 3") && message.contains("hunk 3 of 3"), "{message}");
    }

    /// A file, and the same with some lines changed, as hunks with one line of context.
    fn edits() -> impl Strategy<Value = (Vec<String>, Vec<Option<Vec<String>>>)> {
        prop::collection::vec(
            ("[a-c ]{0,3}", prop::option::weighted(0.3, prop::collection::vec("[a-d]{0,2}", 0..3))),
            1..12,
        )
        .prop_map(|mut lines| {
            // So that there is something to change.
            lines.insert(0, ("first".into(), Some(vec!["1".into()])));
            lines.into_iter().unzip()
        })
    }

    proptest! {
        /// The oracle: whole-file hunks cannot be misplaced, so the result is known by construction.
        #[test]
        fn a_hunk_over_the_whole_file_gives_what_its_lines_say((old, edits) in edits(), newline in any::<bool>()) {
            // A last line that is empty and has no line end is no line.
            let newline = newline || old.last().unwrap().is_empty();
            let mut body = String::from("@@");
            let mut new = Vec::new();
            for (line, edit) in old.iter().zip(&edits) {
                match edit {
                    None => {
                        body.push_str(&format!("\n {line}"));
                        new.push(line.clone());
                    }
                    Some(lines) => {
                        body.push_str(&format!("\n-{line}"));
                        for line in lines {
                            body.push_str(&format!("\n+{line}"));
                            new.push(line.clone());
                        }
                    }
                }
            }
            let end = if newline { "\n" } else { "" };
            let file = format!("{}{end}", old.join("\n"));
            let text = patched(&file, &body).unwrap().0;
            let expected = if new.is_empty() { String::new() } else { format!("{}{end}", new.join("\n")) };
            prop_assert_eq!(text, expected);
        }

        #[test]
        fn a_change_and_its_reverse_give_the_file_back(
            lines in prop::collection::vec("[a-z]{6}[ -~]{0,20}", 3..12),
            at in 0_usize..100,
            added in prop::collection::vec("[A-Z]{6}[ -~]{0,20}", 1..4),
            crlf in any::<bool>(),
        ) {
            let mut unique = lines.clone();
            unique.sort();
            unique.dedup();
            prop_assume!(unique.len() == lines.len());
            let end = if crlf { "\r\n" } else { "\n" };
            let file = lines.iter().map(|line| format!("{line}{end}")).collect::<String>();
            let old = &lines[at % lines.len()];
            let minus = |lines: &[String]| lines.iter().map(|line| format!("-{line}")).collect::<Vec<_>>().join("\n");
            let plus = |lines: &[String]| minus(lines).replace("\n-", "\n+").replacen('-', "+", 1);
            let one = std::slice::from_ref(old);
            let there = patched(&file, &format!("{}\n{}", minus(one), plus(&added))).unwrap().0;
            prop_assert_ne!(&there, &file);
            let back = patched(&there, &format!("{}\n{}", minus(&added), plus(one))).unwrap().0;
            prop_assert_eq!(back, file);
        }

        /// The oracle is a diff tool: lines are unique, so that there is one place for each hunk.
        #[test]
        fn the_difference_of_two_files_turns_one_into_the_other(
            kinds in prop::collection::vec(0_u8..5, 1..40),
            // Without lines around it, an insertion goes to the end: line numbers say nothing.
            context in 1_usize..4,
            crlf in any::<bool>(),
            newline in any::<bool>(),
        ) {
            // A file without a single line end would not tell how its lines end.
            let (mut old, mut new) = (vec!["head".to_owned(), "goes".to_owned()], vec!["head".to_owned()]);
            for (index, kind) in kinds.iter().enumerate() {
                match kind {
                    0 => old.push(format!("  old line {index}")),
                    1 => new.push(format!("new line {index}")),
                    _ => {
                        old.push(format!("line {index} {{"));
                        new.push(format!("line {index} {{"));
                    }
                }
            }
            let end = if crlf { "\r\n" } else { "\n" };
            let join = |lines: &[String]| {
                let last = if newline && !lines.is_empty() { end } else { "" };
                format!("{}{last}", lines.join(end))
            };
            let (old, new) = (join(&old), join(&new));
            let diff = similar::TextDiff::from_lines(&old, &new);
            let diff = diff.unified_diff().context_radius(context).to_string();
            let applied = patched(&old, diff.trim_end_matches('\n'));
            prop_assert_eq!(applied.map(|(text, _)| text), Ok(new));
        }

        #[test]
        fn no_file_and_no_hunks_make_it_panic(
            file in "([ab \r\u{feff}é]{0,3}\n?){0,8}",
            body in prop::collection::vec("(@@ ?[ab]?|[-+ ][ab ]{0,2}|\\*\\*\\* End of File)", 1..8),
        ) {
            let text = format!("*** Begin Patch\n*** Update File: f\n{}\n*** End Patch", body.join("\n"));
            if let Ok(mut patch) = parse::parse(&text)
                && let Section::Update { hunks, .. } = patch.sections.remove(0)
            {
                match apply(&TextFile::parse(&file), &hunks) {
                    Ok(applied) => drop(applied.file.to_text()),
                    Err(mismatches) => prop_assert!(!mismatches.is_empty() && !mismatches[0].to_string().is_empty()),
                }
            }
        }
    }
}
