//! The list above the composer of what the word under the cursor may become: commands behind `/`, files behind `@`.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use crate::composer::TokenKind;
use crate::filter::{exact, written};
use crate::fuzzy::{FileMatch, rank};
use crate::prompts::{Origin, Prompt};
use crate::slash::TABLE;
use crate::theme::Theme;
use crate::width;

/// Rows of the list.
const ROWS: usize = 8;

/// What can be taken.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) kind: TokenKind,
    entries: Vec<Entry>,
    at: usize,
}

#[derive(Debug)]
struct Entry {
    /// What takes the place of the word.
    text: String,
    label: Line<'static>,
    says: String,
}

impl Completion {
    /// The commands that fit, if any do.
    pub(crate) fn commands(query: &str, prompts: &[Prompt]) -> Option<Self> {
        let known = TABLE.iter().map(|slash| (slash.name, slash.argument, slash.says.to_owned()));
        let kept = prompts
            .iter()
            .map(|prompt| (prompt.name.as_str(), prompt.argument_hint.as_str(), says(prompt)));
        let all: Vec<_> = known.chain(kept).collect();
        let fit = rank(query, all.iter().map(|(name, ..)| *name));
        let entry = |index: usize| {
            let (name, argument, says) = &all[index];
            let label = format!("/{name} {argument}");
            let label = Line::raw(written(label.trim_end()).into_owned());
            Entry { text: format!("/{name}"), label, says: written(says).into_owned() }
        };
        Self::of(TokenKind::Command, fit.into_iter().map(entry).collect())
    }

    /// The files that were found, if any were.
    pub(crate) fn files(found: Vec<FileMatch>, theme: &Theme) -> Option<Self> {
        let entry = |found: FileMatch| {
            let text = if found.path.contains(' ') {
                format!("'{}'", found.path)
            } else {
                found.path.clone()
            };
            Entry { text, label: marked(&found, theme), says: String::new() }
        };
        Self::of(TokenKind::File, found.into_iter().map(entry).collect())
    }

    fn of(kind: TokenKind, entries: Vec<Entry>) -> Option<Self> {
        (!entries.is_empty()).then_some(Self { kind, entries, at: 0 })
    }

    pub(crate) fn up(&mut self) {
        self.at = self.at.checked_sub(1).unwrap_or(self.entries.len() - 1);
    }

    pub(crate) fn down(&mut self) {
        self.at = (self.at + 1) % self.entries.len();
    }

    /// Nobody has gone through it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.at == 0
    }

    /// What takes the place of the word under the cursor.
    pub(crate) fn taken(&self) -> &str {
        &self.entries[self.at].text
    }

    pub(crate) fn rows(&self, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
        let first = (self.at + 1).saturating_sub(ROWS);
        let shown = &self.entries[first..self.entries.len().min(first + ROWS)];
        let label = shown.iter().map(|entry| entry.label.width()).max().unwrap_or(0) + 2;
        let row = |(index, entry): (usize, &Entry)| {
            let taken = first + index == self.at;
            let mark = if taken { "› " } else { "  " };
            let mut spans = vec![Span::styled(mark, theme.accent)];
            spans.extend(entry.label.spans.clone());
            if !entry.says.is_empty() {
                spans.push(Span::raw(" ".repeat(label - entry.label.width())));
                let room = columns.saturating_sub(label + 2);
                let says = width::shortened(&entry.says, room, theme.glyphs.ellipsis);
                spans.push(Span::styled(says, theme.dim));
            }
            let line = Line::from(spans);
            if taken { line.style(Modifier::BOLD) } else { line }
        };
        let mut rows: Vec<_> = shown.iter().enumerate().map(row).collect();
        let more = self.entries.len() - first - shown.len();
        if more > 0 {
            let text = format!("  {} {more} more", theme.glyphs.ellipsis);
            rows.push(Line::styled(text, theme.dim));
        }
        rows
    }
}

/// What a prompt is for, and whose it is where it is not the person's.
fn says(prompt: &Prompt) -> String {
    match prompt.origin {
        Origin::Person => prompt.description.clone(),
        Origin::Project => format!("the project's: {}", prompt.description),
    }
}

/// The path with the letters that were asked for standing out.
fn marked(found: &FileMatch, theme: &Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut at = 0;
    for range in &found.positions {
        spans.push(Span::raw(exact(&found.path[at..range.start]).into_owned()));
        spans.push(Span::styled(exact(&found.path[range.clone()]).into_owned(), theme.accent));
        at = range.end;
    }
    spans.push(Span::raw(exact(&found.path[at..]).into_owned()));
    Line::from(spans)
}
