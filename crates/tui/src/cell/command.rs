//! How a command looks: its line, the end of what it printed, and what came of it.

use agent_protocol::{CommandExecution, Status};
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};

use super::{Detail, Look, Progress, block};
use crate::filter::{exact, plain};
use crate::theme::Theme;
use crate::view::{count, duration};
use crate::width;
use crate::wrap::{self, Styled};

/// Rows of its output that the transcript shows.
pub(super) const OUTPUT_ROWS: usize = 6;

/// The command line without the shell that runs it, if it is one of ours.
pub(crate) fn bare(command: &str) -> String {
    let inner = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh"]
        .iter()
        .find_map(|shell| command.strip_prefix(shell)?.strip_prefix(" -c '")?.strip_suffix('\''));
    inner.map_or_else(|| command.to_owned(), |inner| inner.replace(r"'\''", "'"))
}

/// The same as a person is to see it: what was run is all there, however it would look on a terminal.
pub(crate) fn shown_line(command: &str) -> String {
    exact(&bare(command)).into_owned()
}

/// One that stands for itself.
pub(super) fn lines(
    command: &CommandExecution,
    duration_ms: Option<u64>,
    progress: &Progress<'_>,
    look: &Look<'_>,
) -> Vec<Line<'static>> {
    let Look { columns, detail, theme, .. } = *look;
    let mut lines = block("$", &shown_line(&command.command), Style::new(), columns);
    // An empty row stands before it.
    let room = look.rows.map_or(usize::MAX, |rows| rows.saturating_sub(1));
    keep_beginning(&mut lines, room.div_ceil(2).max(1), look);
    let room = room.saturating_sub(lines.len());
    let mut most = detail.rows(OUTPUT_ROWS).min(room);
    let marks = most > 1 || room > 1;
    if marks && most == room && last_rows(command, progress, most).0 > 0 {
        most -= 1;
    }
    let (hidden, rows) = last_rows(command, progress, most);
    if hidden > 0 && marks && detail != Detail::Whole {
        let text = format!(
            "{} {} before; ctrl-o shows them",
            theme.glyphs.ellipsis,
            count(hidden, "line")
        );
        lines.extend(wrap::wrap(&Line::from(format!("  {text}")).style(theme.dim), columns));
    }
    lines.extend(rows.iter().flat_map(|row| output_row(row, columns, detail, theme)));
    if let Some(outcome) = outcome(command, duration_ms, progress, theme) {
        lines.extend(wrap::wrap(&Line::from(vec![Span::raw("  "), outcome]), columns));
    }
    lines
}

/// Of a command line that is longer than `rows` as much as fits, and a mark that there is more.
fn keep_beginning(lines: &mut Vec<Line<'static>>, rows: usize, look: &Look<'_>) {
    if lines.len() <= rows {
        return;
    }
    lines.truncate(rows);
    let mark = look.theme.glyphs.ellipsis;
    if let Some(last) = lines.last_mut() {
        *last = Line::raw(width::shortened(&format!("{last}{mark}"), look.columns, mark));
    }
}

/// All that is known of its output.
fn printed<'a>(command: &'a CommandExecution, progress: &Progress<'a>) -> &'a str {
    let output = match command.status {
        Status::InProgress => progress.tail,
        _ => &command.aggregated_output,
    };
    output.trim_end()
}

/// What came of it; none while it is under way.
pub(super) fn outcome(
    command: &CommandExecution,
    duration_ms: Option<u64>,
    progress: &Progress<'_>,
    theme: &Theme,
) -> Option<Span<'static>> {
    let took = duration_ms.map(|ms| format!(" in {}", duration(ms))).unwrap_or_default();
    let (text, style) = match (command.status, command.exit_code, command.signal) {
        (Status::InProgress, ..) => return None,
        (Status::Declined, ..) => ("not run".to_owned(), theme.removed),
        _ if command.timed_out => (format!("timed out{took}"), theme.removed),
        (_, _, Some(signal)) => (format!("ended by signal {signal}{took}"), theme.removed),
        (_, Some(0), _) => (format!("done{took}"), theme.dim),
        (_, Some(code), _) => (format!("exit code {code}{took}"), theme.removed),
        (Status::Completed, None, _) => ("goes on in the background".to_owned(), theme.dim),
        (_, None, _) if is_stopped(command, duration_ms) => {
            let after = progress.elapsed_ms.map(|ms| format!(" after {}", duration(ms)));
            (format!("stopped{}", after.unwrap_or_default()), theme.dim)
        }
        (_, None, _) => (format!("failed{took}"), theme.removed),
    };
    Some(Span::styled(text, style))
}

/// Its turn ended before it did: nobody has seen what came of it, nor measured it.
pub(crate) fn is_stopped(command: &CommandExecution, duration_ms: Option<u64>) -> bool {
    command.status == Status::Failed
        && (command.exit_code, command.signal, duration_ms) == (None, None, None)
}

/// So many of the last rows of what it printed, made harmless, and how many there are before them.
pub(super) fn last_rows(
    command: &CommandExecution,
    progress: &Progress<'_>,
    rows: usize,
) -> (usize, Vec<String>) {
    let output = printed(command, progress);
    // Nothing that is filtered goes beyond the end of its line.
    let begin = match rows.checked_sub(1) {
        Some(others) => output.rmatch_indices('\n').nth(others).map_or(0, |(at, _)| at + 1),
        None => output.len(),
    };
    let shown: Vec<_> = plain(&output[begin..]).lines().map(str::to_owned).collect();
    let lines = match command.status {
        Status::InProgress => progress.lines_before + output.lines().count(),
        _ => lines_printed(command),
    };
    (lines - shown.len().min(lines), shown)
}

/// How many lines it printed, those among them that are only in the file.
pub(crate) fn lines_printed(command: &CommandExecution) -> usize {
    let known = || command.aggregated_output.trim_end().lines().count();
    let counted = command.lines.and_then(|lines| usize::try_from(lines).ok());
    counted.unwrap_or_else(known)
}

/// A row of output as it is shown: one that is long is cut where only a part is shown anyway.
pub(super) fn output_row(
    row: &str,
    columns: usize,
    detail: Detail,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let row = width::expand_tabs(row, 0);
    let room = columns.saturating_sub(2);
    let line = |text: String| Line::from(vec![Span::raw("  "), Span::styled(text, theme.dim)]);
    match detail {
        Detail::Whole if row.is_empty() => vec![Line::default()],
        Detail::Whole => {
            let row = Styled::new(&row, theme.dim);
            row.cut(room).into_iter().map(|part| line(row.as_str()[part].to_owned())).collect()
        }
        _ if row.is_empty() => vec![],
        _ => vec![line(width::shortened(&row, room, theme.glyphs.ellipsis))],
    }
}
