//! What is under way, above the composer: calls, the plan, what the model says, what waits to be heard. It is bound to a
//! part of the screen, and where that is too small each of them is shortened, so that none is pushed away by another.

use agent_protocol::{DeltaField, ItemDetails, ThreadItem};
use ratatui_core::text::Line;

use super::App;
use super::draw::look;
use super::outbox::State;
use crate::cell::{self, Detail, Look, Progress};
use crate::composer::Message;
use crate::filter::written;
use crate::transcript::{Cell, together};
use crate::view::count;
use crate::{width, wrap};

/// Lines of each message that waits.
const WAITING_ROWS: usize = 3;
/// On a low screen it may take this much, if that is more than its part.
const LEAST_ROWS: usize = 5;

impl App {
    /// The person reads what was said earlier, above the region, or no longer does.
    pub(crate) fn read_back(&mut self, reads_back: bool) {
        self.reads_back = reads_back;
    }

    /// How many of `room` rows what is under way may take, above `over` others: with them about half of the screen, of
    /// which little has to move when it gets lower. Who reads what was said earlier needs the rows for that.
    pub(super) fn live_room(&self, room: usize, over: usize) -> usize {
        if self.reads_back {
            return usize::from(self.rows / 6).min(room);
        }
        usize::from(self.rows / 2).saturating_sub(over).max(LEAST_ROWS).min(room)
    }

    /// What is under way, in at most so many rows.
    pub(super) fn live(&mut self, room: usize) -> Vec<Line<'static>> {
        let said = self.said.live();
        let mut said = self.said_and_drawn(said, room);
        if self.transcript.retry.is_some() {
            said.extend(self.said.broken(usize::from(self.columns), &self.theme));
        }
        let waiting = self.waiting();
        let calls = self.calls(room);
        let plan = apart(cell::plan(&self.transcript.plan, usize::from(self.columns), &self.theme));
        let [for_calls, for_plan, for_said, for_waiting] =
            shares(room, [calls.len(), plan.len(), said.len(), waiting.len()]);
        let mut lines = if calls.len() > for_calls { self.calls(for_calls) } else { calls };
        lines.extend(end_of(said, for_said));
        lines.extend(if plan.len() > for_plan { self.plan_within(for_plan) } else { plan });
        lines.extend(if waiting.len() > for_waiting {
            self.waiting_within(for_waiting)
        } else {
            waiting
        });
        lines
    }

    /// The calls that are not finished, in at most so many rows.
    fn calls(&self, rows: usize) -> Vec<Line<'static>> {
        let before = self.drawn.checked_sub(1).map(|last| &self.transcript.cells[last]);
        let cells = &self.transcript.cells[self.drawn..];
        let commands = cells.iter().filter(|cell| is_command(cell)).count();
        let shown = shown_cells(cells);
        let detail = if commands <= 1 || shown == 1 { Detail::Brief } else { Detail::Tight };
        let look = look(&self.transcript, &self.theme, self.fold, usize::from(self.columns));
        let drawn = |rows: usize| {
            let look = Look { detail, rows: Some(rows / shown.max(1)), ..look };
            cell::all(cells, before, |item| self.progress(item), &look)
        };
        let lines = drawn(rows);
        if lines.len() <= rows {
            return lines;
        }
        // The empty row that stands before them makes way first.
        let lines = drawn(rows + 1);
        let mut lines: Vec<_> = lines.into_iter().skip_while(|line| line.width() == 0).collect();
        if shown == 1 {
            // What it is is said first.
            lines.truncate(rows);
        }
        end_of(lines, rows)
    }

    fn plan_within(&self, rows: usize) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        cell::plan_within(&self.transcript.plan, columns, rows, &self.theme)
    }

    pub(super) fn progress(&self, item: &ThreadItem) -> Progress<'_> {
        Progress {
            tail: self.transcript.tail_of(&item.id),
            lines_before: self.transcript.lines_before_tail_of(&item.id),
            elapsed_ms: self.activity.elapsed_ms(&item.id, self.now_ms),
            waits: self.transcript.is_unpermitted(item),
            is_asked: self.is_asked_first(item),
        }
    }

    /// What the model thinks, says and draws; of what it draws so much that it fits.
    fn said_and_drawn(&self, mut said: Vec<Line<'static>>, rows: usize) -> Vec<Line<'static>> {
        let look = look(&self.transcript, &self.theme, self.fold, usize::from(self.columns));
        let look = Look { rows: Some(rows), ..look };
        let mut lines = Vec::new();
        let mut is_first = true;
        for preview in &self.transcript.live.previews {
            match preview.field {
                DeltaField::Text if std::mem::take(&mut is_first) => {
                    lines.append(&mut said);
                }
                DeltaField::Text => {
                    lines.push(Line::default());
                    lines.extend(cell::message(&preview.text, look.columns, &self.theme));
                }
                DeltaField::Reasoning => lines.extend(cell::reasoning::live(
                    &preview.text,
                    self.fold,
                    usize::from(self.rows / 2),
                    look.columns,
                    &self.theme,
                )),
                DeltaField::Output => {}
            }
        }
        for draft in &self.transcript.live.drafts {
            lines.extend(cell::draft(&draft.changes, &look));
        }
        lines
    }

    /// What waits, in at most so many rows: a row for each, or the last of them and how many more there are.
    fn waiting_within(&self, rows: usize) -> Vec<Line<'static>> {
        let all: Vec<_> = self.outbox.all().map(|(message, _)| message).collect();
        let shown = if all.len() <= rows { rows } else { rows.saturating_sub(1) };
        let hidden = all.len().saturating_sub(shown);
        let mark = self.theme.glyphs.ellipsis;
        let more = match (hidden, shown) {
            (0, _) => None,
            (_, 0) => {
                let back = if self.next_back().is_some() { "; up takes one back" } else { "" };
                Some(format!("{mark} {} waiting{back}", count(hidden, "message")))
            }
            _ => Some(format!("{mark} {} waiting", count(hidden, "more message"))),
        };
        let row = |message: &&Message| {
            let text = written(&message.shown()).into_owned();
            let first = text.lines().next().unwrap_or_default();
            let more = if first.len() < text.trim_end().len() { mark } else { "" };
            format!("{} {first}{more}", self.theme.glyphs.quote)
        };
        let columns = usize::from(self.columns);
        let rows = more.into_iter().chain(all[hidden..].iter().map(row)).take(rows);
        rows.map(|row| {
            let row = width::expand_tabs(&row, 0).into_owned();
            Line::styled(width::shortened(&row, columns, mark), self.theme.dim)
        })
        .collect()
    }

    /// Messages that were not heard yet, and those for after the turn.
    fn waiting(&self) -> Vec<Line<'static>> {
        let mark = self.theme.glyphs.quote;
        let states: Vec<_> = self.outbox.all().map(|(_, state)| state).collect();
        let last = states.iter().rposition(|state| *state != State::Wanted);
        let next = self.next_back();
        let first = states.iter().position(|state| *state == State::Queued);
        let row = |(at, (message, state)): (usize, (&Message, State))| {
            let note = match state {
                State::Queued
                    if self.waits_at_rest() && Some(at) == first && !self.is_covered() =>
                {
                    " (waits until nothing is written)"
                }
                State::Queued if self.waits_at_rest() => " (after that)",
                State::Wanted => " (taken back unless it is heard before)",
                State::Queued if Some(at) == next => " (after this turn; up takes it back)",
                State::Queued => " (after this turn)",
                State::Sent if Some(at) == next => " (heard at the next step; up takes it back)",
                State::Sent if Some(at) == last && self.is_running() => " (heard at the next step)",
                State::Line if Some(at) == next => " (up takes it back)",
                State::Sent | State::Line => "",
            };
            let shown = written(&message.shown()).into_owned();
            let mut rows = shown.lines().take(WAITING_ROWS);
            let first = rows.next().unwrap_or_default();
            let rest: String = rows.map(|row| format!("\n{row}")).collect();
            format!("{mark} {first}{rest}{note}")
        };
        let rows: Vec<_> = self.outbox.all().enumerate().map(row).collect();
        let lines = rows.iter().flat_map(|row| row.lines());
        let columns = usize::from(self.columns);
        apart(
            lines
                .flat_map(|row| wrap::wrap(&Line::styled(row.to_owned(), self.theme.dim), columns))
                .collect(),
        )
    }
}

fn is_command(cell: &Cell) -> bool {
    matches!(cell, Cell::Item(item) if matches!(item.details, ItemDetails::CommandExecution(_)))
}

/// As how many they are shown.
fn shown_cells(cells: &[Cell]) -> usize {
    let mut rest = cells;
    std::iter::from_fn(|| {
        let count = together(rest);
        rest = &rest[count..];
        (count > 0).then_some(count)
    })
    .count()
}

/// An empty row before what there is.
fn apart(lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
    let gap = (!lines.is_empty()).then(Line::default);
    gap.into_iter().chain(lines).collect()
}

fn end_of(mut lines: Vec<Line<'static>>, rows: usize) -> Vec<Line<'static>> {
    lines.drain(..lines.len().saturating_sub(rows));
    lines
}

/// How much of `room` each gets: what one does not want, the others have.
fn shares<const N: usize>(room: usize, wants: [usize; N]) -> [usize; N] {
    let mut shares = [0; N];
    let mut left = room.min(wants.iter().sum());
    while left > 0 {
        for (share, want) in shares.iter_mut().zip(wants) {
            if *share < want && left > 0 {
                *share += 1;
                left -= 1;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn what_one_does_not_want_the_others_have() {
        assert_eq!(shares(10, [2, 3, 0]), [2, 3, 0]);
        assert_eq!(shares(10, [20, 3, 0]), [7, 3, 0]);
        assert_eq!(shares(5, [9, 9, 9, 1]), [2, 1, 1, 1]);
        assert_eq!(shares(2, [9, 9, 9]), [1, 1, 0]);
    }
}
