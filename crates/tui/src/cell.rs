//! How each kind of cell looks, as lines of the width it is given. Everything goes through the terminal filter here, so
//! that no caller can forget it: what was written as such, what was run byte for byte, what was printed as it printed.

mod calls;
mod command;
mod patch;
pub mod reasoning;

use std::path::Path;

use agent_protocol::{ItemDetails, Status, ThreadItem, Todo};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use crate::filter::{exact, exact_name, written};
use crate::theme::Theme;
use crate::transcript::{Cell, Notice, together};
use crate::{markdown, width, wrap};

pub(crate) use command::{bare, is_stopped, lines_printed, shown_line};
pub use patch::draft;
pub use reasoning::Fold;

const TIGHT_ROWS: usize = 2;
const MESSAGE_ROWS: usize = 20;
const REASON_ROWS: usize = 6;

/// How much of a cell is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Of long outputs and patches a part.
    Brief,
    /// A smaller part: several are under way, and all are to be seen.
    Tight,
    Whole,
}

impl Detail {
    fn rows(self, brief: usize) -> usize {
        match self {
            Self::Brief => brief,
            Self::Tight => brief.min(TIGHT_ROWS),
            Self::Whole => usize::MAX,
        }
    }
}

/// How cells are to look.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub columns: usize,
    pub detail: Detail,
    pub theme: &'a Theme,
    /// Of what the model thinks.
    pub fold: Fold,
    /// Paths below it are shown as it sees them.
    pub cwd: &'a Path,
    /// As many as there are where something may still change; without end where it is kept.
    pub rows: Option<usize>,
}

/// What is known of a call while it is under way, and of one that was stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress<'a> {
    /// The end of what it has printed.
    pub tail: &'a str,
    /// Lines that came before that.
    pub lines_before: usize,
    pub elapsed_ms: Option<u64>,
    /// It waits for the person's word.
    pub waits: bool,
    /// Of several that wait, the question is about this one.
    pub is_asked: bool,
}

/// The lines of `cell`, an empty one first.
pub fn lines(cell: &Cell, progress: &Progress<'_>, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let body = match cell {
        Cell::Notice(Notice::Said(text)) => block(theme.glyphs.bullet, text, theme.dim, columns),
        Cell::Notice(Notice::Failed(text)) => block("!", text, theme.removed, columns),
        Cell::Notice(Notice::Refused(text)) => {
            let rows = block(theme.glyphs.bullet, text, theme.dim, columns);
            beginning(rows, look)
        }
        Cell::Item(item) => of_item(item, progress, look),
    };
    std::iter::once(Line::default()).chain(body).collect()
}

/// The lines of `cells`: several calls of a step as one, where not all of each is shown, and what only looks at
/// something close together.
pub fn all<'a>(
    cells: &'a [Cell],
    before: Option<&Cell>,
    progress: impl Fn(&'a ThreadItem) -> Progress<'a>,
    look: &Look<'_>,
) -> Vec<Line<'static>> {
    let mut before = before;
    let mut lines = Vec::new();
    let mut rest = cells;
    while let Some(first) = rest.first() {
        let count = if look.detail == Detail::Whole { 1 } else { together(rest) };
        let (shown, after) = rest.split_at(count);
        if count > 1 {
            lines.push(Line::default());
            lines.extend(calls::lines(shown, &progress, look));
        } else {
            let close = before.is_some_and(only_looks) && only_looks(first);
            let progress = match first {
                Cell::Item(item) => progress(item),
                Cell::Notice(_) => Progress::default(),
            };
            lines.extend(self::lines(first, &progress, look).into_iter().skip(usize::from(close)));
        }
        (before, rest) = (shown.last(), after);
    }
    lines
}

fn only_looks(cell: &Cell) -> bool {
    matches!(cell, Cell::Item(item) if matches!(item.details, ItemDetails::ToolCall { .. }))
}

fn of_item(item: &ThreadItem, progress: &Progress<'_>, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    match &item.details {
        ItemDetails::UserMessage { text } => said(text, look),
        ItemDetails::AgentMessage { text, .. } => message(text, columns, theme),
        ItemDetails::Reasoning { text } => reasoning::lines(text, look),
        ItemDetails::CommandExecution(command) => {
            command::lines(command, item.duration_ms, progress, look)
        }
        ItemDetails::FileChange { changes, status } => patch::lines(changes, *status, look),
        ItemDetails::McpToolCall { server, tool, status, .. } => {
            call(&exact(&format!("{server}.{tool}")), *status, columns, theme)
        }
        ItemDetails::WebSearch { query, .. } => {
            block(theme.glyphs.bullet, &format!("Searched the web: {query}"), theme.dim, columns)
        }
        ItemDetails::TodoList { items } => plan(items, columns, theme),
        ItemDetails::ToolCall { tool, subject, summary, status } => {
            call(&tool_call(tool, subject, summary, *status), *status, columns, theme)
        }
        ItemDetails::Error { message } => block("!", message, theme.accent, columns),
    }
}

/// Each picture has a mark below what was said with it; one that has its label in that needs none.
fn named_once(text: &str) -> &str {
    let labels = text.matches("[image ").count();
    (0..labels).fold(text, |text, _| text.strip_suffix("\n[image]").unwrap_or(text))
}

/// What the person said; what was pasted may be long.
fn said(text: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let text = named_once(text);
    let rows = look.detail.rows(MESSAGE_ROWS);
    let end = text.match_indices('\n').nth(rows.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let style = Modifier::BOLD.into();
    let mut lines = block(theme.glyphs.quote, &text[..end], style, columns);
    let hidden = text[end..].trim().lines().count();
    if hidden > 0 {
        let text = format!(
            "  {} {}; ctrl-t shows them",
            theme.glyphs.ellipsis,
            crate::view::count(hidden, "more line")
        );
        lines.push(Line::styled(text, theme.dim));
    }
    lines
}

/// Of many rows the first, and how many more there are.
fn beginning(mut rows: Vec<Line<'static>>, look: &Look<'_>) -> Vec<Line<'static>> {
    let most = look.detail.rows(REASON_ROWS);
    let hidden = rows.len().saturating_sub(most);
    if hidden > 0 {
        rows.truncate(most);
        let count = crate::view::count(hidden, "more row");
        let text = format!("  {} {count}; ctrl-t shows them", look.theme.glyphs.ellipsis);
        rows.push(Line::styled(text, look.theme.dim));
    }
    rows
}

/// What a tool does in words, when it is done and while it does it.
pub(crate) fn verb(tool: &str) -> (&str, &str) {
    match tool {
        "read_file" => ("Read", "reading"),
        "list_dir" => ("Listed", "listing"),
        "grep_files" => ("Searched", "searching"),
        "view_image" => ("Looked at", "looking at"),
        "write_stdin" => ("Went on with", "going on with"),
        other => (other, other),
    }
}

fn tool_call(tool: &str, subject: &str, summary: &str, status: Status) -> String {
    let (done, doing) = verb(tool);
    let word = if status == Status::InProgress { doing } else { done };
    let mut text = exact(&format!("{word} {subject}")).into_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !summary.is_empty() {
        text = format!("{}: {summary}", text.trim_end());
    }
    text
}

/// As seen from the working directory.
fn shown_path(path: &Path, look: &Look<'_>) -> String {
    let below = path.strip_prefix(look.cwd).ok().filter(|path| *path != Path::new(""));
    exact_name(&below.unwrap_or(path).display().to_string()).into_owned()
}

/// What the model says, as Markdown.
pub fn message(text: &str, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    markdown::render(text, columns, theme).lines
}

/// Where parts of the lines of `cell` lead.
pub fn links(cell: &Cell, columns: usize, theme: &Theme) -> Vec<markdown::Link> {
    let Cell::Item(item) = cell else { return vec![] };
    let ItemDetails::AgentMessage { text, .. } = &item.details else { return vec![] };
    let links = markdown::render(text, columns, theme).links.into_iter();
    // The first line is empty.
    links.map(|link| markdown::Link { line: link.line + 1, ..link }).collect()
}

/// The plan as a checklist.
pub fn plan(items: &[Todo], columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let rows = items.iter().flat_map(|todo| {
        let (mark, style) = step_mark(todo, theme);
        block(mark, &todo.text, style, columns)
    });
    rows.collect()
}

/// The same in at most `rows`: the step under way with those around it, in a row each, and which of how many it is.
pub fn plan_within(
    items: &[Todo],
    columns: usize,
    rows: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let under_way = items.iter().position(|todo| todo.in_progress);
    let next = || items.iter().position(|todo| !todo.completed);
    let current = under_way.or_else(next).unwrap_or(items.len().saturating_sub(1));
    let first = current.saturating_sub(rows.saturating_sub(1) / 2);
    let first = first.min(items.len().saturating_sub(rows));
    let row = |(at, todo): (usize, &Todo)| {
        let (mark, style) = step_mark(todo, theme);
        let of = format!(" ({} of {})", at + 1, items.len());
        let of = if at == current { of } else { String::new() };
        let text = written(todo.text.trim()).replace('\n', " ");
        let text = width::expand_tabs(&text, 0);
        let room = columns.saturating_sub(mark.len() + 1 + of.len());
        let text = width::shortened(&text, room, theme.glyphs.ellipsis);
        Line::styled(format!("{mark} {text}{of}"), style)
    };
    items.iter().enumerate().skip(first).take(rows).map(row).collect()
}

fn step_mark(todo: &Todo, theme: &Theme) -> (&'static str, Style) {
    match (todo.completed, todo.in_progress) {
        (true, _) => ("[x]", theme.dim),
        (false, true) => ("[>]", theme.accent),
        (false, false) => ("[ ]", Style::new()),
    }
}

fn call(text: &str, status: Status, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let style =
        if matches!(status, Status::Failed | Status::Declined) { theme.removed } else { theme.dim };
    block(theme.glyphs.bullet, text, style, columns)
}

/// `text` beside a mark, wrapped.
fn block(mark: &str, text: &str, style: Style, columns: usize) -> Vec<Line<'static>> {
    let text = written(text);
    let indent = mark.chars().count() + 1;
    let mut lines = Vec::new();
    for row in text.trim_end().lines() {
        let row = Line::styled(width::expand_tabs(row, 0).into_owned(), style);
        for wrapped in wrap::wrap(&row, columns.saturating_sub(indent).max(1)) {
            let lead = if lines.is_empty() { format!("{mark} ") } else { " ".repeat(indent) };
            let mut spans = vec![Span::styled(lead, style)];
            spans.extend(wrapped.spans);
            lines.push(Line::from(spans).style(style));
        }
    }
    lines
}

#[cfg(test)]
mod tests;
