//! Searching a pager: to which row it goes, which of how many that is, and how it stands out.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::{Pager, Way};
use crate::composer::ComposerOutcome;
use crate::filter::written;
use crate::key::{KeyCode, KeyEvent};
use crate::overlay::Around;
use crate::width;

/// A row with what is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    row: usize,
    /// Which it is, from 1, of how many.
    number: usize,
    of: usize,
}

impl Pager {
    /// What a key does to what is being searched.
    pub(super) fn ask(&mut self, key: KeyEvent) {
        let Some(field) = &mut self.asking else { return };
        if key.code == KeyCode::Esc || (key.code, key.modifiers.ctrl) == (KeyCode::Char('c'), true)
        {
            self.asking = None;
        } else if field.handle(key) == ComposerOutcome::Send {
            self.query = field.take().text();
            self.asking = None;
            self.hit = None;
            let top = self.top;
            self.find(top, Way::Forward);
            self.at_end &= self.top == top;
        }
    }

    /// Goes to the first hit from row `from` on, or before it; beyond the end it begins anew.
    pub(super) fn find(&mut self, from: usize, way: Way) {
        let rows = self.hits();
        let before = rows.partition_point(|row| *row < from);
        let last = rows.len().saturating_sub(1);
        let at = match way {
            Way::Forward if before > last => 0,
            Way::Forward => before,
            Way::Back => before.checked_sub(1).unwrap_or(last),
        };
        self.hit = hit(&rows, at);
        if let Some(hit) = self.hit {
            self.top = hit.row;
        }
    }

    /// What was at the top is at row `top` now, and what was found as far from it as before.
    pub(super) fn found_moved(&mut self, top: usize) {
        if let Some(Hit { row, .. }) = self.hit {
            let row = (row + top).saturating_sub(self.top);
            let rows = self.hits();
            self.hit = hit(&rows, rows.partition_point(|hit| *hit < row));
        }
        self.top = top;
    }

    /// The rows with what is searched.
    fn hits(&self) -> Vec<usize> {
        let query = self.query.to_lowercase();
        if query.is_empty() {
            return Vec::new();
        }
        let holds = |line: &Line<'_>| line.to_string().to_lowercase().contains(&query);
        let rows = self.lines.iter().enumerate().filter(|(_, line)| holds(line));
        rows.map(|(row, _)| row).collect()
    }

    /// Where the search goes on: from the last hit, unless one has gone away from it.
    pub(super) fn found_row(&self) -> usize {
        let here = self.hit.filter(|hit| (self.top..self.top + self.page).contains(&hit.row));
        here.map_or(self.top, |hit| hit.row)
    }

    /// What came of the search.
    pub(super) fn outcome(&self, around: &Around<'_>) -> Option<String> {
        if self.query.is_empty() {
            return None;
        }
        let said = match self.hit {
            Some(Hit { number, of, .. }) => format!("n N: {number} of {of}, "),
            None => "not found: ".to_owned(),
        };
        let room = around.columns.saturating_sub(width::of(&said));
        let mark = around.theme.glyphs.ellipsis;
        Some(format!("{said}{}", width::shortened(&written(&self.query), room, mark)))
    }
}

fn hit(rows: &[usize], at: usize) -> Option<Hit> {
    rows.get(at).map(|row| Hit { row: *row, number: at + 1, of: rows.len() })
}

/// The line, with what was searched standing out.
pub(super) fn marked(line: &Line<'static>, query: &str) -> Line<'static> {
    let text = line.to_string();
    // Lower case may be longer than what it stands for: then only its own letters are marked.
    let lower = text.to_lowercase();
    let (haystack, needle) = if lower.len() == text.len() {
        (lower, query.to_lowercase())
    } else {
        (text, query.to_owned())
    };
    let hits: Vec<_> = if needle.is_empty() {
        Vec::new()
    } else {
        haystack.match_indices(&needle).map(|(at, hit)| at..at + hit.len()).collect()
    };
    if hits.is_empty() {
        return line.clone();
    }
    let mut spans = Vec::new();
    let mut at = 0;
    for span in &line.spans {
        for (offset, c) in span.content.char_indices() {
            let is_hit = hits.iter().any(|hit| hit.contains(&(at + offset)));
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
