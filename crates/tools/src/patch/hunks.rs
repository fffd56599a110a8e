//! Hunks applied to the lines of a file: pure. Every hunk is placed before anything is changed; what cannot be
//! placed is said with what stands there instead.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::mismatch::{Excerpt, MAX_SHOWN, Mismatch, Problem, Sought};
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

/// Where a hunk goes: the lines of the file that are its kept and removed ones, and how they were found.
struct Place {
    lines: Range<usize>,
    tolerance: Tolerance,
    /// Starts of other places that fit as well and that no locator rules out.
    others: Vec<usize>,
}

/// What a hunk changes there: its lines from the first that is not kept to the last, and those of the file for them.
struct Change<'a> {
    lines: &'a [HunkLine],
    old: Range<usize>,
}

impl<'a> Change<'a> {
    fn of(hunk: &'a Hunk, start: usize) -> Self {
        let is_kept = |line: &HunkLine| matches!(line, HunkLine::Context(_));
        let first = hunk.lines.iter().take_while(|line| is_kept(line)).count();
        let last = hunk.lines.iter().rposition(|line| !is_kept(line));
        let lines = &hunk.lines[first..last.map_or(first, |last| last + 1)];
        let old = lines.iter().filter(|line| !matches!(line, HunkLine::Add(_))).count();
        Self { lines, old: start + first..start + first + old }
    }
}

struct Placed<'a> {
    place: Place,
    change: Change<'a>,
    shift: Shift<'a>,
    /// Of the hunk, counted from 1.
    number: usize,
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
    for (number, hunk) in (1..).zip(hunks) {
        match search.place(hunk) {
            Ok((place, change, shift)) => placed.push(Placed { place, change, shift, number }),
            Err((problem, nearest)) => {
                let was_sought = problem != Problem::NotSought;
                mismatches.push(Mismatch { hunk: number, of: hunks.len(), problem, nearest });
                if !was_sought {
                    break;
                }
            }
        }
    }
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    let starts: BTreeSet<_> = placed.iter().map(|placed| placed.place.lines.start).collect();
    let notes =
        placed.iter().filter_map(|Placed { place, number, .. }| note(place, *number, &starts));
    let notes = notes.collect();
    // Stable: two insertions at one place keep the order of the patch, and stand before what follows there.
    placed.sort_by_key(|Placed { change, .. }| (change.old.start, change.old.end));
    let mut new = Vec::with_capacity(lines.len());
    let mut next = 0;
    for Placed { change, shift, .. } in placed {
        new.extend_from_slice(&file.lines[next..change.old.start]);
        next = change.old.end;
        replace(file, &change, shift, &mut new);
    }
    new.extend_from_slice(&file.lines[next..]);
    Ok(Applied { file: file.with_lines(new), notes })
}

/// `starts` are the places of all hunks: another hunk may have one that would have fitted.
fn note(place: &Place, hunk: usize, starts: &BTreeSet<usize>) -> Option<String> {
    let others = place.others.iter().filter(|start| !starts.contains(start));
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

/// Puts in what a hunk makes of the lines it changes. Those it keeps between them stay as the file has them.
fn replace(file: &TextFile, change: &Change<'_>, shift: Shift<'_>, new: &mut Vec<TextLine>) {
    let mut at = change.old.start;
    for line in change.lines {
        match line {
            HunkLine::Context(_) => {
                new.push(file.lines[at].clone());
                at += 1;
            }
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
    /// What earlier hunks change: where it ends by where it begins. No two overlap. What they only keep is free.
    taken: BTreeMap<usize, usize>,
    /// Where the next hunk is looked for first: after the one before it.
    from: usize,
    /// And then: after what that one changes, so that both may have the lines that it keeps there.
    near: usize,
    /// Lines looked at so far.
    sought: Cell<usize>,
}

type Unplaced = (Problem, Option<Excerpt>);

impl<'a> Search<'a> {
    fn new(lines: &'a [&'a str]) -> Self {
        let text_end = lines.iter().rposition(|line| !line.trim().is_empty());
        let text_end = text_end.map_or(0, |last| last + 1);
        Self { lines, text_end, taken: BTreeMap::new(), from: 0, near: 0, sought: Cell::new(0) }
    }

    fn place<'h>(&mut self, hunk: &'h Hunk) -> Result<(Place, Change<'h>, Shift<'h>), Unplaced>
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
        let change = Change::of(hunk, start);
        (self.from, self.near) = (end, change.old.end);
        if !change.lines.is_empty() {
            let taken = self.taken.entry(change.old.start).or_default();
            *taken = change.old.end.max(*taken);
        }
        Ok((place, change, shift))
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
        let shorter = without_blank_end(hunk, old);
        let variants = || [Some(old), shorter].into_iter().flatten();
        let free = |pattern: &[&str], start: usize| {
            self.is_free(start..start + pattern.len(), hunk.at_end)
        };
        let from = |from: usize, tolerance, pattern: &[&str]| {
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
        let ahead = |tolerance, pattern: &[&str]| match located {
            Some(located) => from(located, tolerance, pattern),
            None => {
                from(self.from, tolerance, pattern).or_else(|| from(self.near, tolerance, pattern))
            }
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
        let places = self.places(old);
        if let Some(first) = places.first().copied() {
            let lines = |start: usize| start..start + old.len();
            if hunk.at_end && places.iter().all(|start| lines(*start).end < self.text_end) {
                let end = self.lines.len().saturating_sub(3);
                return (Problem::NotAtEnd(first), self.excerpt(end, 3));
            }
            let free = places.iter().copied().filter(|start| self.is_free(lines(*start), false));
            let free: Vec<usize> = free.collect();
            let problem =
                if free.is_empty() { Problem::Taken(first) } else { Problem::Several(free) };
            return (problem, None);
        }
        let from = located.unwrap_or(0);
        let nearest = seek::nearest(&self.lines[from..], old).map(|first| from + first);
        let nearest = nearest.or_else(|| seek::nearest(self.lines, old));
        let differs = nearest.and_then(|first| self.first_difference(first, old));
        // Of what is too long to be shown, what is about the difference.
        let before = differs.unwrap_or_default().saturating_sub(MAX_SHOWN / 2);
        let before = before.min(old.len().saturating_sub(MAX_SHOWN));
        let problem = Problem::NoLines(Sought {
            lines: old.iter().skip(before).take(MAX_SHOWN).map(|line| (*line).to_owned()).collect(),
            before,
            after: old.len().saturating_sub(before + MAX_SHOWN),
            differs: nearest.zip(differs).map(|(first, line)| first + line),
        });
        (problem, nearest.and_then(|first| self.excerpt(first + before, old.len() - before)))
    }

    /// The first of these lines that is another there.
    fn first_difference(&self, start: usize, old: &[&str]) -> Option<usize> {
        let there = self.lines.get(start..)?;
        there.iter().zip(old).position(|(is, line)| !Tolerance::Punctuation.same(is, line))
    }

    /// Where these lines stand, free or not, as much alike as any do.
    fn places(&self, old: &[&str]) -> Vec<usize> {
        let alike = |tolerance| {
            let mut places = Places::new(self.lines, old, tolerance, 0);
            let starts: Vec<usize> = places.by_ref().take(MOST_OTHERS).collect();
            self.count(places.looked_at());
            (!starts.is_empty()).then_some(starts)
        };
        Tolerance::ALL.into_iter().find_map(alike).unwrap_or_default()
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
mod tests;
