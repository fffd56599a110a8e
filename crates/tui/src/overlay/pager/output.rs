//! What a command prints, while it runs and when it is over. Who has scrolled back keeps what is seen while lines come
//! and go, and when they turn out to be the end of far more.

use agent_protocol::{ItemDetails, Status};

use super::text::Text;
use crate::overlay::Around;
use crate::view::count;

/// So many lines tell where one stands among others that are like it.
const TELLING: usize = 8;

#[derive(Debug)]
pub(super) struct Output {
    item_id: String,
    shown: Shown,
    /// How many lines before it were not kept when it was read, and how many bytes there were.
    read: Option<(usize, usize)>,
    whole: Whole,
}

#[derive(Debug, Default)]
struct Shown {
    /// Its first line says how many before the others are not kept, if there are any.
    text: Text,
    /// So many lines are not kept.
    before: usize,
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
            shown: Shown::default(),
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

    pub(super) fn text(&self) -> &Text {
        &self.shown.text
    }

    /// Breaks what is known now, or breaks it at another width. Returns the row where `top` is then, if there are others.
    pub(super) fn fill(&mut self, top: usize, anew: bool, around: &Around<'_>) -> Option<usize> {
        let news = self.news(around);
        if news.is_none() && !anew {
            return None;
        }
        let (line, below) = self.shown.text.line_at(top);
        // None is before the first line.
        let line = line.checked_sub(self.shown.first());
        let mut at = line.unwrap_or(0);
        if let Some(mut news) = news {
            news.text.lay(around.columns);
            at = self.shown.place_in(&news, at);
            self.shown = news;
        } else {
            self.shown.text.lay(around.columns);
        }
        if line.is_none() && self.shown.before > 0 {
            return Some(top);
        }
        Some(self.shown.text.row_at(self.shown.first() + at, below))
    }

    /// What there is to show that is not shown yet.
    fn news(&mut self, around: &Around<'_>) -> Option<Shown> {
        match std::mem::replace(&mut self.whole, Whole::Shown) {
            Whole::Known(whole) => return Some(Shown { text: Text::new(whole), before: 0 }),
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
        (self.read.replace(read) != Some(read)).then(|| Shown::of(text, before, around))
    }
}

impl Shown {
    fn of(text: &str, before: usize, around: &Around<'_>) -> Self {
        let mark = around.theme.glyphs.ellipsis;
        let text = match before {
            0 => text.to_owned(),
            _ => format!("{mark} {} before\n{text}", count(before, "line")),
        };
        Self { text: Text::new(text), before }
    }

    /// The first line that was printed.
    fn first(&self) -> usize {
        usize::from(self.before > 0)
    }

    /// Which line of `other` the line `at` is: the nearest to where it is by count, as what was printed fast was not all
    /// shown.
    fn place_in(&self, other: &Self, at: usize) -> usize {
        let counted = (self.before + at).saturating_sub(other.before);
        // The first may have lost its beginning, the last be unfinished.
        let skipped = usize::from(at == 0 && self.before > 0);
        let mut shown = self.text.lines_from(self.first() + at + skipped);
        let mut telling: Vec<_> = shown.by_ref().take(TELLING).collect();
        if shown.next().is_none() && !self.text.is_ended() {
            telling.pop();
        }
        let lines: Vec<_> = other.text.lines_from(other.first()).collect();
        let is_it = |at: &usize| lines.get(*at..).is_some_and(|rest| rest.starts_with(&telling));
        let expected = counted + skipped;
        if is_it(&expected) {
            return counted;
        }
        let found = (skipped..lines.len()).filter(is_it).min_by_key(|at| at.abs_diff(expected));
        found.map_or(counted, |at| at - skipped)
    }
}
