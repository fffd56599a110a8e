//! Calls of one step as one cell: commands beside each other where there is room, below one another where not; those
//! that only look at files a row each. Which calls belong together the transcript says.

use agent_protocol::{CommandExecution, ItemDetails, Status, ThreadItem};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::command::{self, OUTPUT_ROWS};
use super::{Look, Progress, block, tool_call};
use crate::filter::written;
use crate::theme::Theme;
use crate::transcript::Cell;
use crate::{view, width, wrap};

/// A command beside others has at least this much.
const LEAST_COLUMNS: usize = 36;
const INDENT: usize = 2;
const GAP: usize = 2;
/// Rows of output in all, of those that stand below one another.
const ROWS: usize = 12;
/// What is said of a command under way has about this much beside it.
const ELAPSED_COLUMNS: usize = 6;

/// The lines of `cells`, which are of one kind.
pub(super) fn lines<'a>(
    cells: &'a [Cell],
    progress: impl Fn(&'a ThreadItem) -> Progress<'a>,
    look: &Look<'_>,
) -> Vec<Line<'static>> {
    let items = cells.iter().filter_map(|cell| match cell {
        Cell::Item(item) => Some(&**item),
        Cell::Notice(_) => None,
    });
    let command = |item: &'a ThreadItem| match &item.details {
        ItemDetails::CommandExecution(command) => {
            Some(Call { command, took: item.duration_ms, progress: progress(item) })
        }
        _ => None,
    };
    let calls: Vec<_> = items.clone().filter_map(command).collect();
    if calls.is_empty() { looks(&items.collect::<Vec<_>>(), look) } else { commands(&calls, look) }
}

/// Calls that only look at files.
fn looks(items: &[&ThreadItem], look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, theme, .. } = *look;
    let row = |item: &&ThreadItem| {
        let ItemDetails::ToolCall { tool, subject, summary, status } = &item.details else {
            return vec![];
        };
        let (state, style) = match status {
            Status::InProgress => (State::Running, theme.dim),
            Status::Completed => (State::Done, theme.dim),
            Status::Failed | Status::Declined => (State::Failed, theme.removed),
        };
        let text = written(&tool_call(tool, subject, summary, *status)).replace('\n', " ");
        let room = columns.saturating_sub(2 * INDENT).max(1);
        let rows = match state {
            // Why it failed is read whole.
            State::Failed => wrap::wrap(&Line::styled(text, style), room),
            _ => {
                vec![Line::styled(width::shortened(&text, room, theme.glyphs.ellipsis), style)]
            }
        };
        signed(rows, state, theme).into_iter().map(|line| indented(line, INDENT)).collect()
    };
    let is_live = items.iter().any(|item| {
        matches!(&item.details, ItemDetails::ToolCall { status, .. } if *status == Status::InProgress)
    });
    let mut lines = heading(if is_live { "Exploring" } else { "Explored" }, look);
    let room = look.rows.map_or(usize::MAX, |rows| rows.saturating_sub(2));
    let before = if items.len() > room { items.len() - room.saturating_sub(1) } else { 0 };
    if before > 0 {
        lines.push(mark(&format!("{before} before"), look));
    }
    lines.extend(items[before..].iter().flat_map(row));
    lines
}

/// One of several commands.
struct Call<'a> {
    command: &'a CommandExecution,
    took: Option<u64>,
    progress: Progress<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For the person's word.
    Waiting,
    Running,
    /// It goes on, while its call is over.
    InBackground,
    Done,
    Failed,
    /// With its turn.
    Stopped,
    Declined,
}

impl State {
    fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

impl Call<'_> {
    fn state(&self) -> State {
        match (self.command.status, self.command.exit_code, self.command.signal) {
            (Status::InProgress, ..) if self.progress.waits => State::Waiting,
            (Status::InProgress, ..) => State::Running,
            (Status::Declined, ..) => State::Declined,
            _ if self.command.timed_out => State::Failed,
            (_, Some(0), None) => State::Done,
            (Status::Completed, None, None) => State::InBackground,
            _ if command::is_stopped(self.command, self.took) => State::Stopped,
            _ => State::Failed,
        }
    }

    /// What came of it, or what goes on.
    fn says(&self, theme: &Theme) -> Option<Span<'static>> {
        let took = self.took.map(view::duration);
        let (text, style) = match (self.state(), self.command.exit_code) {
            (State::Waiting, _) if self.progress.is_asked => {
                ("asked about below".to_owned(), theme.accent)
            }
            (State::Waiting, _) => ("waits for your answer".to_owned(), theme.accent),
            (State::Running, _) => (view::elapsed(self.progress.elapsed_ms?), theme.dim),
            // The sign says the rest.
            (State::Done, _) => (took.unwrap_or_else(|| "done".to_owned()), theme.dim),
            (State::Failed, Some(code)) if !self.command.timed_out => {
                let took = took.map(|took| format!(", {took}")).unwrap_or_default();
                (format!("exit code {code}{took}"), theme.removed)
            }
            _ => return command::outcome(self.command, self.took, &self.progress, theme),
        };
        Some(Span::styled(text, style))
    }

    /// The command line and its output need no more than this.
    fn fits(&self, columns: usize, rows: usize, look: &Look<'_>) -> bool {
        let line = command::shown_line(&self.command.command);
        let room = columns.saturating_sub(2);
        if look.rows.is_some() {
            return !line.contains('\n') && width::of(&line) + GAP + ELAPSED_COLUMNS <= room;
        }
        let (_, shown) = command::last_rows(self.command, &self.progress, rows);
        !line.contains('\n')
            && std::iter::once(&line)
                .chain(&shown)
                .all(|row| width::of(&width::expand_tabs(row, 0)) <= room)
    }

    /// All that is shown of it.
    fn block(&self, columns: usize, rows: usize, look: &Look<'_>) -> Vec<Line<'static>> {
        let theme = look.theme;
        let mut lines = self.head(columns, look);
        let (hidden, _) = command::last_rows(self.command, &self.progress, rows);
        // The mark of what is not shown takes one of the rows; where rows are few it has none of its own.
        let has_mark = rows > 1 || (rows == 1 && look.rows.is_none());
        let rows = if hidden > 0 && rows > 1 { rows - 1 } else { rows };
        let (hidden, shown) = command::last_rows(self.command, &self.progress, rows);
        if hidden > 0 && has_mark {
            let text = format!("{} {} before", theme.glyphs.ellipsis, view::count(hidden, "line"));
            let text = width::head(&text, columns.saturating_sub(2)).to_owned();
            lines.push(indented(Line::styled(text, theme.dim), 2));
        }
        lines.extend(
            shown.iter().flat_map(|row| command::output_row(row, columns, look.detail, theme)),
        );
        lines
    }

    /// Its command line behind a sign, and what came of it.
    fn head(&self, columns: usize, look: &Look<'_>) -> Vec<Line<'static>> {
        let theme = look.theme;
        let room = columns.saturating_sub(2).max(1);
        let line = command::shown_line(&self.command.command);
        let says = self.says(theme);
        let beside = says.as_ref().map_or(0, |says| GAP + says.width());
        let mut rows: Vec<_> = if look.rows.is_some() {
            let first = line.lines().next().unwrap_or_default();
            let cut = if first.len() < line.len() {
                format!("{first}{}", theme.glyphs.ellipsis)
            } else {
                first.to_owned()
            };
            let room = room.saturating_sub(beside);
            vec![Line::raw(width::shortened(
                &width::expand_tabs(&cut, 0),
                room,
                theme.glyphs.ellipsis,
            ))]
        } else {
            let rows = line.lines().map(|row| width::expand_tabs(row, 0).into_owned());
            rows.flat_map(|row| wrap::wrap(&Line::raw(row), room)).collect()
        };
        if let Some(says) = says {
            match rows.last_mut() {
                Some(last) if last.width() + beside <= room => {
                    last.spans.extend([Span::raw(" ".repeat(GAP)), says]);
                }
                _ => rows.extend(wrap::wrap(&Line::from(says), room)),
            }
        }
        signed(rows, self.state(), theme)
    }
}

fn commands(calls: &[Call<'_>], look: &Look<'_>) -> Vec<Line<'static>> {
    let mut lines = heading(&summary(calls), look);
    let (shown, left_out) = those_that_fit(calls, look);
    // How many are left out takes a row.
    let rows = look.rows.map(|rows| rows.saturating_sub(usize::from(left_out > 0)));
    let look = &Look { rows, ..*look };
    let beside = beside_each_other(&shown, look);
    let columns = column(beside, look);
    let rows = output_rows(shown.len().div_ceil(beside), look);
    for calls in shown.chunks(beside) {
        let blocks: Vec<_> = calls.iter().map(|call| call.block(columns, rows, look)).collect();
        lines.extend(side_by_side(&blocks, columns));
    }
    if left_out > 0 {
        lines.push(mark(&format!("{left_out} more"), look));
    }
    lines
}

/// Running 3 commands, 1 done.
fn summary(calls: &[Call<'_>]) -> String {
    let count =
        |states: &[State]| calls.iter().filter(|call| states.contains(&call.state())).count();
    let under_way = count(&[State::Waiting, State::Running]);
    let mut text = match (calls.len(), under_way) {
        (all, 0) => format!("Ran {all} commands"),
        (all, _) => format!("Running {all} commands"),
    };
    let done = if under_way > 0 { count(&[State::Done, State::InBackground]) } else { 0 };
    for (count, word) in [
        (done, "done"),
        (count(&[State::Failed]), "failed"),
        (count(&[State::Stopped]), "stopped"),
        (count(&[State::Declined]), "not run"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

/// Those for which there is a row each: what goes on is seen before what is over.
fn those_that_fit<'a, 'b>(calls: &'a [Call<'b>], look: &Look<'_>) -> (Vec<&'a Call<'b>>, usize) {
    let room = look.rows.map_or(usize::MAX, |rows| rows.saturating_sub(2));
    if calls.len() <= room {
        return (calls.iter().collect(), 0);
    }
    let room = room.saturating_sub(1).max(1);
    let shown: Vec<_> = calls.iter().filter(|call| !call.state().is_over()).take(room).collect();
    let left_out = calls.len() - shown.len();
    (shown, left_out)
}

/// How many stand in a row: as many as have room, spread evenly.
fn beside_each_other(calls: &[&Call<'_>], look: &Look<'_>) -> usize {
    let most = (look.columns.saturating_sub(INDENT) + GAP) / (LEAST_COLUMNS + GAP);
    let most = most.clamp(1, calls.len().max(1));
    let fit = |beside: &usize| {
        let rows = output_rows(calls.len().div_ceil(*beside), look);
        calls.iter().all(|call| call.fits(column(*beside, look), rows, look))
    };
    let beside = (1..=most).rev().find(fit).unwrap_or(1);
    calls.len().div_ceil(calls.len().div_ceil(beside).max(1)).max(1)
}

/// The width of each of so many beside each other.
fn column(beside: usize, look: &Look<'_>) -> usize {
    let room = look.columns.saturating_sub(INDENT + GAP * (beside - 1));
    (room / beside).max(1)
}

/// Rows of output of each command where so many stand below one another.
fn output_rows(stacked: usize, look: &Look<'_>) -> usize {
    let stacked = stacked.max(1);
    let rows = (ROWS / stacked).clamp(1, OUTPUT_ROWS);
    look.rows.map_or(rows, |room| rows.min(room.saturating_sub(2 + stacked) / stacked))
}

/// Each block as a column.
fn side_by_side(blocks: &[Vec<Line<'static>>], columns: usize) -> Vec<Line<'static>> {
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let row = |y: usize| {
        let mut line = Line::default();
        let mut at = 0;
        for (number, block) in blocks.iter().enumerate() {
            let Some(part) = block.get(y) else { continue };
            let begin = INDENT + number * (columns + GAP);
            line.spans.push(Span::raw(" ".repeat(begin.saturating_sub(at))));
            line.spans.extend(part.spans.iter().cloned().map(|span| span.patch_style(part.style)));
            at = begin + part.width();
        }
        line
    };
    (0..height).map(row).collect()
}

fn heading(text: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    block(look.theme.glyphs.bullet, text, Modifier::BOLD.into(), look.columns)
}

/// Something is not shown.
fn mark(what: &str, look: &Look<'_>) -> Line<'static> {
    let text = format!("{} {what}", look.theme.glyphs.ellipsis);
    indented(Line::styled(text, look.theme.dim), INDENT)
}

/// Rows behind the sign of their state.
fn signed(rows: Vec<Line<'static>>, state: State, theme: &Theme) -> Vec<Line<'static>> {
    let (sign, style) = sign(state, theme);
    let mut rows: Vec<_> = rows.into_iter().map(|row| indented(row, 2)).collect();
    if let Some(first) = rows.first_mut() {
        first.spans[0] = Span::styled(format!("{sign} "), style);
    }
    rows
}

fn sign(state: State, theme: &Theme) -> (&'static str, Style) {
    match state {
        State::Waiting => ("?", theme.accent),
        State::Running => (theme.glyphs.bullet, theme.accent),
        State::InBackground | State::Stopped => (theme.glyphs.bullet, theme.dim),
        State::Done => (theme.glyphs.done, theme.added),
        State::Failed | State::Declined => (theme.glyphs.failed, theme.removed),
    }
}

fn indented(mut line: Line<'static>, columns: usize) -> Line<'static> {
    line.spans.insert(0, Span::raw(" ".repeat(columns)));
    line
}
