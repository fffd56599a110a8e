//! How a patch looks, and one that is still being written.

use agent_protocol::{ChangeKind, FileChange, Status};
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};

use super::{Look, block, shown_path};
use crate::filter::exact;
use crate::view::count;
use crate::{diff, width};

/// Rows that the transcript shows.
const DIFF_ROWS: usize = 40;
/// Rows of a patch while it is written.
pub(super) const DRAFT_ROWS: usize = 12;
pub(super) const DRAFT_FILES: usize = 8;

pub(super) fn lines(changes: &[FileChange], status: Status, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, detail, theme, .. } = *look;
    let mut lines = Vec::new();
    for change in changes {
        let path = shown_path(&change.path, look);
        let mut text = format!("{} {path}", verb(change, status));
        if let Some(to) = &change.move_path {
            text.push_str(&format!(" {} {}", theme.glyphs.arrow, shown_path(to, look)));
        }
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

fn verb(change: &FileChange, status: Status) -> &'static str {
    match (status, change.kind) {
        (Status::InProgress, _) => "Changing",
        (Status::Failed, _) => "Could not change",
        (Status::Declined, _) => "Did not change",
        (Status::Completed, ChangeKind::Add) => "Added",
        (Status::Completed, ChangeKind::Delete) => "Deleted",
        (Status::Completed, ChangeKind::Update) if change.move_path.is_some() => "Moved",
        (Status::Completed, ChangeKind::Update) => "Changed",
    }
}

/// The lines of a patch that is still being written, an empty one first: of its last file the end.
pub fn draft(changes: &[FileChange], look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let mut lines = vec![Line::default()];
    let before = changes.len().saturating_sub(DRAFT_FILES);
    if before > 0 {
        let text = format!("{} {} before", theme.glyphs.ellipsis, count(before, "file"));
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
    let rows = look.rows.map_or(DRAFT_ROWS, |rows| rows.saturating_sub(lines.len()));
    let rows = rows.clamp(1, DRAFT_ROWS);
    // The first lines of a diff that is long have gone already.
    let from = diff.rmatch_indices('\n').nth(rows).map_or(0, |(at, _)| at + 1);
    for row in diff[from..].lines().filter(|row| !row.starts_with("@@")) {
        let style = match row.as_bytes().first() {
            Some(b'+') => theme.added,
            Some(b'-') => theme.removed,
            _ => theme.dim,
        };
        let row = exact(row);
        let row = crate::width::expand_tabs(&row, 0);
        let row = width::head(&row, columns.saturating_sub(4)).to_owned();
        lines.push(Line::from(vec![Span::raw("    "), Span::styled(row, style)]));
    }
    lines
}
