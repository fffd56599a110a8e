//! Searching a pager: what is found of which text, which hit one is at, and how it stands out. A text that was broken at
//! the edge is searched as one, so that it is found whatever the window's width.

use std::ops::Range;

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::joined::{MAX_JOINED, are_joined, folded, hits};
use super::text::Text;
use super::{Pager, Way};
use crate::composer::ComposerOutcome;
use crate::filter::written;
use crate::key::{KeyCode, KeyEvent};
use crate::overlay::Around;
use crate::view::count;
use crate::width;

/// What is searched, and what was found.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) query: String,
    /// The rows where hits begin, of rows that stay as they are.
    kept: Vec<usize>,
    /// So many rows stay as they are, and were searched.
    searched: usize,
    /// Of rows that may still change.
    live: Vec<usize>,
    /// The hit one is at.
    at: Option<usize>,
}

impl Search {
    /// The rows are others than they were.
    pub(super) fn begin_again(&mut self) {
        self.kept.clear();
        self.searched = 0;
    }

    /// Looks at the rows that were added, and at those that may still change.
    pub(super) fn look(&mut self, rows: &[Line<'_>], live: &[Line<'_>], columns: usize) {
        let needle = folded(&self.query);
        let begins = |rows: &[Line<'_>], before: usize| {
            let hits = hits(&rows.iter().collect::<Vec<_>>(), &needle, columns).into_iter();
            hits.filter_map(|hit| hit.first().map(|part| before + part.row)).collect::<Vec<_>>()
        };
        self.kept.extend(begins(&rows[self.searched..], self.searched));
        self.searched = rows.len();
        self.live = begins(live, rows.len());
        self.at = self.at.filter(|at| *at < self.len());
    }

    /// The same of a text, which stays as it is until the search begins again.
    pub(super) fn look_at_text(&mut self, text: &Text) {
        if self.searched != text.len() {
            self.kept = text.hits(&self.query);
            self.searched = text.len();
            self.at = self.at.filter(|at| *at < self.len());
        }
    }

    /// One has gone to a hit, and not away from it.
    pub(super) fn is_at_hit(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn go_away(&mut self) {
        self.at = None;
    }

    fn len(&self) -> usize {
        self.kept.len() + self.live.len()
    }

    fn row(&self, at: usize) -> Option<usize> {
        self.kept.iter().chain(&self.live).nth(at).copied()
    }

    /// The first hit from this row on.
    fn from(&self, row: usize) -> usize {
        let before = |rows: &[usize]| rows.partition_point(|begins| *begins < row);
        before(&self.kept) + before(&self.live)
    }
}

impl Pager {
    /// What a key does to what is being searched.
    pub(super) fn ask(&mut self, key: KeyEvent) {
        let Some(field) = &mut self.asking else { return };
        if key.code == KeyCode::Esc || (key.code, key.modifiers.ctrl) == (KeyCode::Char('c'), true)
        {
            self.asking = None;
        } else if field.handle(key) == ComposerOutcome::Send {
            self.search = Search { query: field.take().text(), ..Search::default() };
            self.asking = None;
            let top = self.top;
            self.find(Way::Forward);
            self.at_end &= self.top == top;
        }
    }

    /// Looks for what is searched in what was added.
    pub(super) fn look(&mut self) {
        match self.body.text() {
            Some(text) => self.search.look_at_text(text),
            None => self.search.look(&self.lines, &self.live.lines, self.columns),
        }
    }

    /// Goes to the next hit or the one before, from the last one unless one has gone away from it; beyond the end it begins
    /// anew.
    pub(super) fn find(&mut self, way: Way) {
        self.look();
        let page = self.top..self.top + self.page;
        let search = &mut self.search;
        let here = search.at.filter(|at| search.row(*at).is_some_and(|row| page.contains(&row)));
        let last = search.len().checked_sub(1);
        let at = match (way, here) {
            (Way::Forward, Some(at)) => at + 1,
            (Way::Forward, None) => search.from(page.start),
            (Way::Back, Some(at)) => at.checked_sub(1).unwrap_or(usize::MAX),
            (Way::Back, None) => search.from(page.start).checked_sub(1).unwrap_or(usize::MAX),
        };
        search.at = last.map(|last| match way {
            Way::Forward if at > last => 0,
            Way::Forward => at,
            Way::Back => at.min(last),
        });
        if let Some(row) = search.at.and_then(|at| search.row(at)) {
            self.top = row;
        }
    }

    /// What was at the top is at row `top` now, and what was found as far from it as before.
    pub(super) fn found_moved(&mut self, top: usize) {
        let found = self.search.at.and_then(|at| self.search.row(at));
        self.search.begin_again();
        if let Some(row) = found {
            self.look();
            let at = self.search.from((row + top).saturating_sub(self.top));
            self.search.at = (at < self.search.len()).then_some(at);
        }
        self.top = top;
    }

    /// What came of the search.
    pub(super) fn outcome(&self, around: &Around<'_>) -> Option<String> {
        let search = &self.search;
        if search.query.is_empty() {
            return None;
        }
        let said = match (search.at, search.len()) {
            (_, 0) => "not found: ".to_owned(),
            (Some(at), of) => format!("n N: {} of {of}, ", at + 1),
            (None, of) => format!("n N: {}, ", count(of, "hit")),
        };
        let room = around.columns.saturating_sub(width::of(&said));
        let mark = around.theme.glyphs.ellipsis;
        Some(format!("{said}{}", width::shortened(&written(&search.query), room, mark)))
    }

    /// The rows that are seen, with what is searched standing out.
    pub(super) fn page_rows(&self) -> Vec<Line<'static>> {
        if let Some(text) = self.body.text() {
            let rows = text.rows(self.top..self.top + self.page, &self.search.query).into_iter();
            return rows.map(|(line, marks)| marked(&line, &marks)).collect();
        }
        let all: Vec<_> = self.lines.iter().chain(&self.live.lines).collect();
        let end = (self.top + self.page).min(all.len());
        let needle = folded(&self.search.query);
        // What is seen may be a part of a text.
        let goes_on = |row: &usize| *row > 0 && are_joined(all[*row - 1], all[*row], self.columns);
        let before = (1..=self.top).rev().take(MAX_JOINED).take_while(goes_on).count();
        let after = (end..all.len()).take(MAX_JOINED).take_while(goes_on).count();
        let rows = &all[self.top - before..end + after];
        let mut marks = vec![Vec::new(); rows.len()];
        let parts = hits(rows, &needle, self.columns).into_iter().flatten();
        parts.for_each(|part| marks[part.row].push(part.bytes));
        let seen = rows.iter().zip(&marks).skip(before).take(end - self.top);
        seen.map(|(line, marks)| marked(line, marks)).collect()
    }
}

/// The line, with these parts of it standing out.
fn marked(line: &Line<'static>, parts: &[Range<usize>]) -> Line<'static> {
    if parts.is_empty() {
        return line.clone();
    }
    let mut spans = Vec::new();
    let mut at = 0;
    for span in &line.spans {
        for (offset, c) in span.content.char_indices() {
            let is_hit = parts.iter().any(|part| part.contains(&(at + offset)));
            let style =
                if is_hit { span.style.add_modifier(Modifier::REVERSED) } else { span.style };
            spans.push(Span::styled(c.to_string(), style));
        }
        at += span.content.len();
    }
    joined(spans, line)
}

/// Neighbours of one style as one span, or a letter would lose the marks that belong to it.
fn joined(spans: Vec<Span<'static>>, line: &Line<'static>) -> Line<'static> {
    let mut all: Vec<Span<'static>> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if last.style == span.style => last.content.to_mut().push_str(&span.content),
            _ => all.push(span),
        }
    }
    Line::from(all).style(line.style)
}
