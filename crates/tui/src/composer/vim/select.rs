//! Vim's visual modes: what is selected, and what keys do to it.

use std::ops::Range;

use super::{Answer, Mode, Pending, Vim, moves::Reach, objects};
use crate::composer::{buffer::Buffer, motion};

/// What is selected begins or ends here; the cursor is the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    anchor: usize,
    /// Whole lines.
    is_lines: bool,
}

impl Vim {
    pub(super) fn begin_selection(&mut self, c: char, buffer: &Buffer) {
        self.selection = Some(Selection { anchor: buffer.cursor(), is_lines: c == 'V' });
    }

    /// The bytes that are selected.
    pub(in crate::composer) fn selected(&self, buffer: &Buffer) -> Option<Range<usize>> {
        let Selection { anchor, is_lines } = self.selection?;
        let (text, at) = (buffer.text(), buffer.cursor());
        let anchor = anchor.min(text.len());
        let (start, end) = (anchor.min(at), anchor.max(at));
        Some(if is_lines {
            motion::line_start(text, start)..motion::line_end(text, end)
        } else {
            start..motion::right(text, end).max(end)
        })
    }

    /// A key while something is selected, or is about to be: only those that are known do anything.
    pub(super) fn select(&mut self, selection: Selection, c: char, buffer: &mut Buffer) -> Answer {
        let is_lines = c == 'V';
        match c {
            'v' | 'V' if selection.is_lines == is_lines => self.selection = None,
            'v' | 'V' => self.selection = Some(Selection { is_lines, ..selection }),
            'o' => {
                self.selection = Some(Selection { anchor: buffer.cursor(), ..selection });
                buffer.go(selection.anchor);
            }
            'd' | 'x' => self.operate_selected('d', buffer),
            'c' | 's' => self.operate_selected('c', buffer),
            'y' | '~' | 'u' | 'U' => self.operate_selected(c, buffer),
            'j' | 'k' => {
                self.pending = Pending::default();
                return if c == 'j' { Answer::Down } else { Answer::Up };
            }
            _ => {
                if let Some(target) = self.target(c, buffer) {
                    let at = match target.reach {
                        Reach::Lines => motion::line_start(buffer.text(), target.at),
                        _ => target.at,
                    };
                    buffer.go(at);
                }
            }
        }
        self.settle(buffer);
        Answer::Done
    }

    /// An object is selected in place of what was.
    pub(super) fn select_object(&mut self, around: bool, key: char, buffer: &mut Buffer) {
        let (text, at) = (buffer.text(), buffer.cursor());
        let found = objects::object(key, around, text, at).filter(|range| !range.is_empty());
        if let Some(range) = found {
            let end = motion::left(text, range.end);
            self.selection = Some(Selection { anchor: range.start, is_lines: false });
            buffer.go(end);
        }
    }

    fn operate_selected(&mut self, operator: char, buffer: &mut Buffer) {
        let selected = self.selected(buffer);
        let Some((range, selection)) = selected.zip(self.selection.take()) else { return };
        self.pending = Pending { operator: Some((operator, 0)), ..Pending::default() };
        let start = range.start;
        if selection.is_lines {
            self.operate_lines(range, buffer);
        } else {
            self.operate(range, buffer);
        }
        if self.mode == Mode::Normal && operator != 'd' {
            buffer.go(start);
        }
    }
}
