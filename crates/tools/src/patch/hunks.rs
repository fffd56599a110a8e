//! Hunks applied to the lines of a file: pure. Every hunk is placed before anything is changed; what cannot be
//! placed is said with what stands there instead.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::mismatch::{Excerpt, MAX_SHOWN, Mismatch, Problem};
use super::parse::{Hunk, HunkLine, Locator};
use super::seek::{self, Places, Tolerance};
use super::shift::Shift;
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

/// How many other places of a hunk are remembered.
const MOST_OTHERS: usize = 100;
/// How many lines of the file are looked at for all hunks together: about ten seconds.
const MOST_LINES: usize = 300_000_000;

/// Applies all hunks, or none.
///
/// # Errors
/// All hunks that have no place.
pub(crate) fn apply(file: &TextFile, hunks: &[Hunk]) -> Result<Applied, Vec<Mismatch>> {
    let lines: Vec<&str> = file.lines.iter().map(|line| line.text.as_str()).collect();
    let mut search = Search::new(&lines);
    let mut placed = Vec::new();
    let mut mismatches = Vec::new();
    for (index, hunk) in hunks.iter().enumerate() {
        match search.place(hunk) {
            Ok((place, shift)) => placed.push((place, shift, index, hunk)),
            Err((problem, nearest)) => {
                let was_sought = problem != Problem::NotSought;
                mismatches.push(Mismatch { hunk: index + 1, of: hunks.len(), problem, nearest });
                if !was_sought {
                    break;
                }
            }
        }
    }
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    let notes =
        placed.iter().filter_map(|(place, _, index, _)| note(place, index + 1, &search.taken));
    let notes = notes.collect();
    // Stable: two insertions at one place keep the order of the patch, and stand before what follows there.
    placed.sort_by_key(|(place, ..)| (place.lines.start, place.lines.end));
    let mut new = Vec::with_capacity(lines.len());
    let mut next = 0;
    for (place, shift, _, hunk) in placed {
        new.extend_from_slice(&file.lines[next..place.lines.start]);
        next = place.lines.end;
        replace(file, &place, shift, hunk, &mut new);
    }
    new.extend_from_slice(&file.lines[next..]);
    Ok(Applied { file: file.with_lines(new), notes })
}

fn note(place: &Place, hunk: usize, taken: &BTreeMap<usize, usize>) -> Option<String> {
    let others = place.others.iter().filter(|start| !taken.contains_key(start));
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
fn replace(file: &TextFile, place: &Place, shift: Shift<'_>, hunk: &Hunk, new: &mut Vec<TextLine>) {
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
                let text = shift.of_line(text).unwrap_or_else(|| text.clone());
                new.push(TextLine { text, crlf: file.crlf_at(at) });
            }
        }
    }
}

/// How the added lines of a hunk that found this place are to be indented; none when it cannot be told.
fn shift<'a>(lines: &[&'a str], place: &Place, hunk: &'a Hunk) -> Option<Shift<'a>> {
    if place.tolerance < Tolerance::Indentation {
        return Some(Shift::None);
    }
    let mut there = lines[place.lines.clone()].iter();
    let (mut removed, mut kept, mut added) = (vec![], vec![], vec![]);
    for line in &hunk.lines {
        match line {
            HunkLine::Add(text) => added.push(text.as_str()),
            HunkLine::Remove(text) => removed.extend(there.next().map(|is| (*is, text.as_str()))),
            HunkLine::Context(text) => kept.extend(there.next().map(|is| (*is, text.as_str()))),
        }
    }
    Shift::of(&removed, &kept, &added)
}

struct Search<'a> {
    lines: &'a [&'a str],
    /// Behind the last line that is not blank.
    text_end: usize,
    /// What earlier hunks replace: where it ends by where it begins. No two overlap.
    taken: BTreeMap<usize, usize>,
    /// Where the next hunk is looked for first: after the one before it.
    from: usize,
    /// Lines looked at so far.
    sought: Cell<usize>,
}

type Unplaced = (Problem, Option<Excerpt>);

impl<'a> Search<'a> {
    fn new(lines: &'a [&'a str]) -> Self {
        let text_end = lines.iter().rposition(|line| !line.trim().is_empty());
        let text_end = text_end.map_or(0, |last| last + 1);
        Self { lines, text_end, taken: BTreeMap::new(), from: 0, sought: Cell::new(0) }
    }

    fn place<'h>(&mut self, hunk: &'h Hunk) -> Result<(Place, Shift<'h>), Unplaced>
    where
        'a: 'h,
    {
        if self.sought.get() > MOST_LINES {
            return Err((Problem::NotSought, None));
        }
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
        let Range { start, end } = place.lines;
        let shift = shift(self.lines, &place, hunk)
            .ok_or_else(|| (Problem::Indentation(start), self.excerpt(start, end - start)))?;
        self.from = end;
        let taken = self.taken.entry(start).or_default();
        *taken = end.max(*taken);
        Ok((place, shift))
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
        let free = |pattern: &[&str], start: usize| {
            self.is_free(start..start + pattern.len(), hunk.at_end)
        };
        let ahead = |tolerance, pattern: &[&str]| {
            let start = self.first(pattern, tolerance, from, |start| free(pattern, start))?;
            let others = if hunk.locators.is_empty() && self.sought.get() < MOST_LINES / 2 {
                let mut places = Places::new(self.lines, pattern, tolerance, 0);
                let fit = places.by_ref().filter(|other| *other != start && free(pattern, *other));
                let others = fit.take(MOST_OTHERS).collect();
                self.count(places.looked_at());
                others
            } else {
                vec![]
            };
            Some(Place { lines: start..start + pattern.len(), tolerance, others })
        };
        let anywhere = |tolerance, pattern: &[&str]| {
            let start = self.first(pattern, tolerance, 0, |start| free(pattern, start))?;
            let again = self.first(pattern, tolerance, start + 1, |start| free(pattern, start));
            let lines = start..start + pattern.len();
            again.is_none().then_some(Place { lines, tolerance, others: vec![] })
        };
        let each = |find: &dyn Fn(Tolerance, &[&str]) -> Option<Place>| {
            let tolerances = Tolerance::ALL.into_iter();
            tolerances
                .flat_map(|tolerance| variants().map(move |old| (tolerance, old)))
                .find_map(|(t, old)| find(t, old))
        };
        each(&ahead).or_else(|| each(&anywhere))
    }

    /// The first place from `from` on that fits.
    fn first(
        &self,
        pattern: &[&str],
        tolerance: Tolerance,
        from: usize,
        fits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut places = Places::new(self.lines, pattern, tolerance, from);
        let found = places.by_ref().find(|start| fits(*start));
        self.count(places.looked_at());
        found
    }

    fn count(&self, lines: usize) {
        self.sought.set(self.sought.get().saturating_add(lines));
    }

    fn is_free(&self, lines: Range<usize>, at_end: bool) -> bool {
        // Of those that begin before its end the last one ends last.
        let before = self.taken.range(..lines.end).next_back();
        before.is_none_or(|(_, end)| *end <= lines.start) && (!at_end || self.text_end <= lines.end)
    }

    fn explain(&self, hunk: &Hunk, old: &[&str], located: Option<usize>) -> Unplaced {
        let from = located.unwrap_or(0);
        if hunk.at_end {
            let mut each = Tolerance::ALL.into_iter();
            let found = each.find_map(|tolerance| self.first(old, tolerance, 0, |_| true));
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
        // Nothing is added.
        assert_eq!(text("  a\n    b\n", "-a\n-b"), "");
        // Tabs for spaces, and the other way round.
        assert_eq!(
            text("all:\n\techo a\n", " all:\n-    echo a\n+    echo c\n+        deeper"),
            "all:\n\techo c\n\t\tdeeper\n"
        );
        assert_eq!(
            text("all:\n\techo a\n", " all:\n     echo a\n+    echo c"),
            "all:\n\techo a\n\techo c\n"
        );
        assert_eq!(text("if x:\n    y\n", "-\ty\n+\tz\n+\t\tw"), "if x:\n    z\n        w\n");
    }

    #[test]
    fn where_it_cannot_be_told_how_lines_are_indented_the_hunk_is_refused() {
        assert_eq!(
            patched("  a\n    b\n", "-a\n-b\n+c").unwrap_err(),
            "its lines stand at line 1 with another indentation, which does not tell how the added lines are to be \
             indented: write all of them as the file has them\nThe file has:\n1\t  a\n2\t    b"
        );
        let mixed = "def f():\n\ta\n    b\n";
        assert!(patched(mixed, "-    a\n-    b\n+    c").is_err());
    }

    #[test]
    fn a_long_search_in_a_file_of_equal_lines_ends() {
        let file = "aaaa\n".repeat(300_000);
        let body = "-aaaa\n".repeat(3_000) + "-b";
        assert!(patched(&file, &body).unwrap_err().contains("these lines are not in the file"));
        let many = vec!["-aaaa\n+c"; 2_000].join("\n@@\n");
        assert!(patched(&file, &many).unwrap().0.starts_with("c\nc\n"));
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
