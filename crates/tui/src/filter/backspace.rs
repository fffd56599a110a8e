//! A backspace: what comes next stands in the place of what came before, as in spinners and in the bold and underlined
//! letters of manuals.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::width;

/// As many bytes are looked at to find the last character: no style that is let through and no letter anybody writes is as
/// long, and a long line is not gone through for each backspace.
const REACH: usize = 512;

/// What stands behind the cursor, to be overwritten.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Its characters, the next one last.
    text: Vec<String>,
    /// The cursor is in the middle of a wide character: one more backspace goes to its beginning.
    is_halfway: bool,
}

impl Behind {
    /// Goes back over the last character of the line that begins at `line` in `out`, where `marks` stand for what takes no
    /// room: they and styles stay. Without a beginning, or at it, there is nothing to go back over.
    pub(super) fn go_back(
        &mut self,
        out: &mut String,
        line: Option<usize>,
        marks: &mut [Range<usize>],
    ) {
        if std::mem::take(&mut self.is_halfway) {
            return;
        }
        let Some(start) = line else { return };
        let (mut end, mut before) = (out.len(), marks.len());
        loop {
            let text = without_styles(&out[start..end]);
            end = start + text.len();
            match before.checked_sub(1).map(|at| &marks[at]) {
                Some(mark) if mark.end == end && mark.start >= start => {
                    (end, before) = (mark.start, before - 1);
                }
                _ => break,
            }
        }
        let least = marks[..before].last().map_or(start, |mark| mark.end.max(start));
        let Some(last) = last_character(&out[least..end]).map(str::to_owned) else { return };
        out.replace_range(end - last.len()..end, "");
        for mark in &mut marks[before..] {
            *mark = mark.start - last.len()..mark.end - last.len();
        }
        self.is_halfway = width::of(&last) > 1;
        self.text.push(last);
    }

    /// `c` is written over it, if that takes room.
    pub(super) fn overwrite(&mut self, c: char) {
        self.is_halfway = false;
        if !self.text.is_empty() && width::of(c.encode_utf8(&mut [0; 4])) > 0 {
            self.text.pop();
        }
    }

    /// It is erased.
    pub(super) fn erase(&mut self) {
        *self = Self::default();
    }

    /// What of it was not overwritten.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(self).text.iter().rev().map(String::as_str).collect()
    }
}

/// The last one; none where it is too long, or there is none.
fn last_character(text: &str) -> Option<&str> {
    let from = near_the_end(text);
    let near = behind_styles(&text[from..]);
    let last = near.graphemes(true).next_back()?;
    let is_whole = from == 0 || last.len() < text.len() - from;
    is_whole.then_some(last)
}

/// Where so much of it is left.
fn near_the_end(text: &str) -> usize {
    let from = text.len().saturating_sub(REACH);
    (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// From the last style on that is set in it: what follows makes no character of the sequence's own last letter.
fn behind_styles(text: &str) -> &str {
    let escape = text.rfind('\u{1b}');
    escape.and_then(|escape| text[escape..].split_once('m')).map_or(text, |(_, rest)| rest)
}

/// Up to the styles that are set after its last character; no other sequences are in it.
fn without_styles(mut text: &str) -> &str {
    while text.ends_with('m') {
        let from = near_the_end(text);
        let Some(escape) = text[from..].rfind('\u{1b}').map(|at| from + at) else { break };
        if text[escape..].matches('m').count() != 1 {
            break;
        }
        text = &text[..escape];
    }
    text
}
