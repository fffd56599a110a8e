//! How each kind of cell looks, as lines of the width it is given. What a model or a command printed goes through the
//! terminal filter here, so that no caller can forget it.

use std::path::Path;

use agent_protocol::{
    ChangeKind, CommandExecution, FileChange, ItemDetails, Status, ThreadItem, Todo,
};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use crate::filter::plain;
use crate::theme::Theme;
use crate::transcript::{Cell, Notice};
use crate::wrap::Styled;
use crate::{diff, markdown, width, wrap};

/// Rows of a command's output, and of a patch, that the transcript shows.
const OUTPUT_ROWS: usize = 6;
const DIFF_ROWS: usize = 40;
const TIGHT_ROWS: usize = 2;
/// Rows of a patch while it is written.
const DRAFT_ROWS: usize = 12;
const DRAFT_FILES: usize = 8;
const REASONING_ROWS: usize = 3;
const MESSAGE_ROWS: usize = 20;

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
    /// Paths below it are shown as it sees them.
    pub cwd: &'a Path,
}

/// The lines of `cell`, an empty one first; `tail` is what a running command has printed.
pub fn lines(cell: &Cell, tail: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let body = match cell {
        Cell::Notice(Notice::Said(text)) => block(theme.glyphs.bullet, text, theme.dim, columns),
        Cell::Notice(Notice::Failed(text)) => block("!", text, theme.removed, columns),
        Cell::Item(item) => of_item(item, tail, look),
    };
    std::iter::once(Line::default()).chain(body).collect()
}

/// The lines of `cells`, where calls that only look at something stand close together.
pub fn all<'a>(
    cells: &'a [Cell],
    before: Option<&Cell>,
    tail: impl Fn(&'a Cell) -> &'a str,
    look: &Look<'_>,
) -> Vec<Line<'static>> {
    let mut before = before;
    let mut lines = Vec::new();
    for cell in cells {
        let close = before.is_some_and(only_looks) && only_looks(cell);
        lines.extend(self::lines(cell, tail(cell), look).into_iter().skip(usize::from(close)));
        before = Some(cell);
    }
    lines
}

fn only_looks(cell: &Cell) -> bool {
    matches!(cell, Cell::Item(item) if matches!(item.details, ItemDetails::ToolCall { .. }))
}

fn of_item(item: &ThreadItem, tail: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    match &item.details {
        ItemDetails::UserMessage { text } => said(text, look),
        ItemDetails::AgentMessage { text, .. } => message(text, columns, theme),
        ItemDetails::Reasoning { text } => reasoning(text, look),
        ItemDetails::CommandExecution(command) => {
            self::command(command, item.duration_ms, tail, look)
        }
        ItemDetails::FileChange { changes, status } => patch(changes, *status, look),
        ItemDetails::McpToolCall { server, tool, status, .. } => {
            call(&format!("{server}.{tool}"), *status, columns, theme)
        }
        ItemDetails::WebSearch { query, .. } => {
            block(theme.glyphs.bullet, &format!("Searched the web: {query}"), theme.dim, columns)
        }
        ItemDetails::TodoList { items } => plan(items, columns, theme),
        ItemDetails::ToolCall { tool, subject, summary, status } => {
            let text = tool_call(tool, subject, summary, *status);
            call(&text, *status, columns, theme)
        }
        ItemDetails::Error { message } => block("!", message, theme.accent, columns),
    }
}

/// What the person said; what was pasted may be long.
fn said(text: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let rows = look.detail.rows(MESSAGE_ROWS);
    let end = text.match_indices('\n').nth(rows.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let style = Modifier::BOLD.into();
    let mut lines = block(theme.glyphs.quote, &text[..end], style, columns);
    let hidden = text[end..].trim().lines().count();
    if hidden > 0 {
        let text = format!("  {} {hidden} more lines; ctrl-t shows them", theme.glyphs.ellipsis);
        lines.push(Line::styled(text, theme.dim));
    }
    lines
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
    let mut text = format!("{word} {subject}");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !summary.is_empty() {
        text = format!("{}: {summary}", text.trim_end());
    }
    text
}

/// What the model thinks, as far as it says so. Its beginning tells what it is about.
fn reasoning(text: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let style = theme.dim.add_modifier(Modifier::ITALIC);
    let mut lines = block(theme.glyphs.bullet, &text.replace("**", ""), style, columns);
    let rows = look.detail.rows(REASONING_ROWS);
    if lines.len() > rows {
        lines.truncate(rows);
        let text = format!("  {} ctrl-t shows all of it", theme.glyphs.ellipsis);
        lines.push(Line::styled(text, theme.dim));
    }
    lines
}

/// The command line without the shell that runs it, if it is one of ours.
pub(crate) fn bare(command: &str) -> String {
    let inner = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh"]
        .iter()
        .find_map(|shell| command.strip_prefix(shell)?.strip_prefix(" -c '")?.strip_suffix('\''));
    inner.map_or_else(|| command.to_owned(), |inner| inner.replace(r"'\''", "'"))
}

/// As seen from the working directory.
fn shown_path<'a>(path: &'a Path, look: &Look<'_>) -> std::path::Display<'a> {
    path.strip_prefix(look.cwd).ok().filter(|path| *path != Path::new("")).unwrap_or(path).display()
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
        let (mark, style) = match (todo.completed, todo.in_progress) {
            (true, _) => ("[x]", theme.dim),
            (false, true) => ("[>]", theme.accent),
            (false, false) => ("[ ]", Style::new()),
        };
        block(mark, &todo.text, style, columns)
    });
    rows.collect()
}

fn command(
    command: &CommandExecution,
    duration_ms: Option<u64>,
    tail: &str,
    look: &Look<'_>,
) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let mut lines = block("$", &bare(&command.command), Style::new(), columns);
    let output =
        if command.status == Status::InProgress { tail } else { &command.aggregated_output };
    lines.extend(output_tail(output, look));
    let took =
        duration_ms.map(|ms| format!(" in {}", crate::view::duration(ms))).unwrap_or_default();
    let outcome = match (command.status, command.exit_code, command.signal) {
        (Status::InProgress, ..) => return lines,
        (Status::Declined, ..) => Span::styled("not run: you said no", theme.removed),
        (_, _, Some(signal)) => {
            Span::styled(format!("ended by signal {signal}{took}"), theme.removed)
        }
        (_, Some(0), _) => Span::styled(format!("done{took}"), theme.dim),
        (_, Some(code), _) => Span::styled(format!("exit code {code}{took}"), theme.removed),
        (Status::Completed, None, _) => Span::styled("goes on in the background", theme.dim),
        (_, None, _) => Span::styled(format!("failed{took}"), theme.removed),
    };
    lines.extend(wrap::wrap(&Line::from(vec![Span::raw("  "), outcome]), columns));
    lines
}

/// The last rows of what was printed, and how many lines there are before them.
fn output_tail(output: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, detail, theme, .. } = *look;
    let output = plain(output.trim_end());
    let rows: Vec<_> = output.lines().collect();
    let hidden = rows.len().saturating_sub(detail.rows(OUTPUT_ROWS));
    let mut lines = Vec::new();
    if hidden > 0 {
        let text = format!("{} {hidden} lines before; ctrl-t shows them", theme.glyphs.ellipsis);
        lines.extend(wrap::wrap(&Line::from(format!("  {text}")).style(theme.dim), columns));
    }
    for row in &rows[hidden..] {
        let row = crate::width::expand_tabs(row, 0);
        let room = columns.saturating_sub(2);
        let row = Styled::new(&row, theme.dim);
        // A long row is cut where only a part is shown anyway.
        let parts =
            row.cut(room).into_iter().take(if detail == Detail::Whole { usize::MAX } else { 1 });
        for part in parts {
            let mut spans = vec![Span::raw("  ")];
            spans.extend(row.spans(part));
            lines.push(Line::from(spans));
        }
    }
    lines
}

fn patch(changes: &[FileChange], status: Status, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, detail, theme, .. } = *look;
    let mut lines = Vec::new();
    for change in changes {
        let path = shown_path(&change.path, look).to_string();
        let verb = match status {
            Status::InProgress => "Changing",
            Status::Completed => "Changed",
            Status::Failed => "Could not change",
            Status::Declined => "Did not change",
        };
        let mut text = format!("{verb} {path}");
        if let (Some(added), Some(removed)) = (change.additions, change.deletions) {
            text.push_str(&format!(" (+{added} -{removed})"));
        }
        lines.extend(block(theme.glyphs.bullet, &text, Style::new(), columns));
        if let Some(unified) = &change.diff {
            lines.extend(diff::render_file(&path, unified, columns, detail.rows(DIFF_ROWS), theme));
        }
    }
    lines
}

/// The lines of a patch that is still being written, an empty one first: of its last file the end.
pub fn draft(changes: &[FileChange], look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let mut lines = vec![Line::default()];
    let before = changes.len().saturating_sub(DRAFT_FILES);
    if before > 0 {
        let text = format!("{} {before} files before", theme.glyphs.ellipsis);
        lines.extend(block(theme.glyphs.bullet, &text, theme.dim, columns));
    }
    for change in &changes[before..] {
        let verb = match change.kind {
            ChangeKind::Delete => "Deleting",
            ChangeKind::Add | ChangeKind::Update => "Writing",
        };
        let mut text = format!("{verb} {}", shown_path(&change.path, look));
        if let Some(to) = &change.move_path {
            text.push_str(&format!(" {} {}", theme.glyphs.arrow, shown_path(to, look)));
        }
        if let (Some(added @ 1..), Some(removed)) | (Some(added), Some(removed @ 1..)) =
            (change.additions, change.deletions)
        {
            text.push_str(&format!(" (+{added} -{removed})"));
        }
        lines.extend(block(theme.glyphs.bullet, &text, theme.dim, columns));
    }
    let Some(last) = changes.last() else { return lines };
    let diff = last.diff.as_deref().unwrap_or_default();
    // The first lines of a diff that is long have gone already.
    let from = diff.rmatch_indices('\n').nth(DRAFT_ROWS).map_or(0, |(at, _)| at + 1);
    for row in diff[from..].lines().filter(|row| !row.starts_with("@@")) {
        let style = match row.as_bytes().first() {
            Some(b'+') => theme.added,
            Some(b'-') => theme.removed,
            _ => theme.dim,
        };
        let row = plain(row);
        let row = crate::width::expand_tabs(&row, 0);
        let row = width::head(&row, columns.saturating_sub(4)).to_owned();
        lines.push(Line::from(vec![Span::raw("    "), Span::styled(row, style)]));
    }
    lines
}

fn call(text: &str, status: Status, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let style =
        if matches!(status, Status::Failed | Status::Declined) { theme.removed } else { theme.dim };
    block(theme.glyphs.bullet, text, style, columns)
}

/// `text` beside a mark, wrapped.
fn block(mark: &str, text: &str, style: Style, columns: usize) -> Vec<Line<'static>> {
    let text = plain(text.trim_end());
    let indent = mark.chars().count() + 1;
    let mut lines = Vec::new();
    for row in text.lines() {
        let row = Line::styled(crate::width::expand_tabs(row, 0).into_owned(), style);
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
