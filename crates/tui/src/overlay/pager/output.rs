//! What a command prints, while it runs and when it is over. Who has scrolled back keeps what is seen while lines come
//! and go, and when they turn out to be the end of far more.

use agent_protocol::{ItemDetails, Status};
use ratatui_core::text::Line;

use super::wrapped;
use crate::filter::plain;
use crate::overlay::Around;
use crate::view::count;

/// So many lines tell where one stands among others that are like it.
const TELLING: usize = 8;

#[derive(Debug)]
pub(super) struct Output {
    item_id: String,
    /// As it is shown.
    text: String,
    /// So many lines before it are not kept.
    before: usize,
    /// The row at which each line of the text begins, and the one after the last.
    begins: Vec<usize>,
    /// How many lines before it were not kept when it was read, and how many bytes there were.
    read: Option<(usize, usize)>,
    whole: Whole,
}

/// All that the command printed, where the transcript does not have it.
#[derive(Debug)]
enum Whole {
    Unknown,
    Known(String),
    Shown,
}

impl Output {
    pub(super) fn of(item_id: &str) -> Self {
        Self {
            item_id: item_id.to_owned(),
            text: String::new(),
            before: 0,
            begins: Vec::new(),
            read: None,
            whole: Whole::Unknown,
        }
    }

    pub(super) fn is_of(&self, item_id: &str) -> bool {
        self.item_id == item_id
    }

    pub(super) fn take(&mut self, whole: String) {
        self.whole = Whole::Known(whole);
    }

    /// Makes the rows for what is known now, or for another width. Returns the row where `top` is then, if there are others.
    pub(super) fn fill(
        &mut self,
        rows: &mut Vec<Line<'static>>,
        top: usize,
        anew: bool,
        around: &Around<'_>,
    ) -> Option<usize> {
        let news = self.news(around);
        if news.is_none() && !anew {
            return None;
        }
        // None is before the first line.
        let line = self.begins.partition_point(|begin| *begin <= top).checked_sub(1);
        let below = line.map_or(0, |line| top - self.begins[line]);
        let mut at = line.unwrap_or(0);
        if let Some((text, before)) = news {
            at = self.place_in(&text, before, at);
            (self.text, self.before) = (text, before);
        }
        *rows = self.rows(around);
        if line.is_none() && self.before > 0 {
            return Some(top);
        }
        let next = self.begins.get(at + 1).or(self.begins.last()).copied().unwrap_or(0);
        Some((self.begins.get(at).copied().unwrap_or(next) + below).min(next.saturating_sub(1)))
    }

    /// What there is to show that is not shown yet, and how many lines before it are not kept.
    fn news(&mut self, around: &Around<'_>) -> Option<(String, usize)> {
        match std::mem::replace(&mut self.whole, Whole::Shown) {
            Whole::Known(whole) => return Some((plain(&whole).into_owned(), 0)),
            Whole::Shown => return None,
            Whole::Unknown => self.whole = Whole::Unknown,
        }
        let transcript = around.transcript;
        let (text, before) = match transcript.item(&self.item_id).map(|item| &item.details) {
            // What is shown is more of its end than the item has; the whole comes.
            Some(ItemDetails::CommandExecution(command)) if command.truncated => return None,
            Some(ItemDetails::CommandExecution(command))
                if command.status != Status::InProgress =>
            {
                (command.aggregated_output.as_str(), 0)
            }
            _ => {
                (transcript.tail_of(&self.item_id), transcript.lines_before_tail_of(&self.item_id))
            }
        };
        let read = (before, text.len());
        (self.read.replace(read) != Some(read)).then(|| (plain(text).into_owned(), before))
    }

    /// Which line of `text` the line `at` of what is shown is: the nearest to where it is by count, as what was printed
    /// fast was not all shown.
    fn place_in(&self, text: &str, before: usize, at: usize) -> usize {
        let counted = (self.before + at).saturating_sub(before);
        // The first may have lost its beginning, the last be unfinished.
        let skipped = usize::from(at == 0 && self.before > 0);
        let mut shown = self.text.lines().skip(at + skipped);
        let mut telling: Vec<_> = shown.by_ref().take(TELLING).collect();
        if shown.next().is_none() && !self.text.ends_with('\n') {
            telling.pop();
        }
        let lines: Vec<_> = text.lines().collect();
        let is_it = |at: &usize| lines.get(*at..).is_some_and(|rest| rest.starts_with(&telling));
        let expected = counted + skipped;
        if is_it(&expected) {
            return counted;
        }
        let found = (skipped..lines.len()).filter(is_it).min_by_key(|at| at.abs_diff(expected));
        found.map_or(counted, |at| at - skipped)
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        if self.before > 0 {
            let mark = around.theme.glyphs.ellipsis;
            let dropped = format!("{mark} {} before", count(self.before, "line"));
            rows.extend(wrapped(&dropped, around.columns));
        }
        self.begins.clear();
        for line in self.text.lines() {
            self.begins.push(rows.len());
            rows.extend(wrapped(line, around.columns));
        }
        self.begins.push(rows.len());
        rows
    }
}
