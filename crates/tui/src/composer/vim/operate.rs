//! What vim's operators do to a part of the text, and how what they cut is put back.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::{Mode, OTHER_OPERATORS, Vim};
use crate::composer::{
    buffer::{Buffer, Side},
    motion,
};

impl Vim {
    pub(super) fn operate(&mut self, range: Range<usize>, buffer: &mut Buffer) {
        let Some((operator, _)) = self.pending.operator else { return };
        if OTHER_OPERATORS.contains(&operator) {
            return;
        }
        buffer.go(range.start);
        if operator == 'y' {
            let text = buffer.text()[range].to_owned();
            buffer.keep(text);
            return;
        }
        if matches!(operator, 'u' | 'U' | '~') {
            let text = in_case(&buffer.text()[range.clone()], operator);
            let start = range.start;
            buffer.replace(range, &text);
            buffer.go(start);
            return;
        }
        buffer.kill(range, Side::After);
        if operator == 'c' {
            self.mode = Mode::Insert;
        }
    }

    /// Whole lines, without the break after the last: what is kept of them ends with one.
    pub(super) fn operate_lines(&mut self, range: Range<usize>, buffer: &mut Buffer) {
        let Some((operator, _)) = self.pending.operator else { return };
        if !matches!(operator, 'd' | 'c' | 'y') {
            return self.operate(range, buffer);
        }
        let text = buffer.text();
        let kept = format!("{}\n", &text[range.clone()]);
        if operator == 'y' {
            buffer.keep(kept);
            return;
        }
        let cut = match operator {
            'c' => range,
            _ if range.end < text.len() => range.start..range.end + 1,
            _ => range.start.saturating_sub(1)..range.end,
        };
        let start = cut.start;
        buffer.replace(cut, "");
        buffer.keep(kept);
        let at = start.min(buffer.text().len());
        if operator == 'c' {
            self.mode = Mode::Insert;
        } else {
            buffer.go(motion::line_start(buffer.text(), at));
        }
    }
}

/// `u` in small letters, `U` in capitals, `~` each in the other.
pub(super) fn in_case(text: &str, operator: char) -> String {
    let mut turned = String::with_capacity(text.len());
    for c in text.chars() {
        if operator == 'U' || operator == '~' && c.is_lowercase() {
            turned.extend(c.to_uppercase());
        } else {
            turned.extend(c.to_lowercase());
        }
    }
    turned
}

/// Puts `c` in the place of so many characters of the line, if there are as many.
pub(super) fn replace_with(c: char, count: usize, buffer: &mut Buffer) {
    let (text, at) = (buffer.text(), buffer.cursor());
    let line = &text[at..motion::line_end(text, at)];
    let ends: Vec<_> =
        line.grapheme_indices(true).map(|(start, grapheme)| start + grapheme.len()).collect();
    let Some(end) = ends.get(count - 1) else { return };
    let with = c.to_string().repeat(count);
    buffer.replace(at..at + end, &with);
    buffer.go(at + with.len() - c.len_utf8());
}

/// So many of the next lines go on this one.
pub(super) fn join(lines: usize, buffer: &mut Buffer) {
    let text = buffer.text();
    let start = motion::line_end(text, buffer.cursor());
    let (mut end, mut at, mut joined) = (start, start, String::new());
    for _ in 0..lines {
        let Some(line) = text.get(end + 1..).and_then(|rest| rest.split('\n').next()) else {
            break;
        };
        at = start + joined.len();
        joined.push(' ');
        joined.push_str(line.trim_start_matches([' ', '\t']));
        end += 1 + line.len();
    }
    buffer.replace(start..end, &joined);
    buffer.go(at);
}

/// As many bytes are put back at once.
const MAX_PUT: usize = 1_000_000;

/// Puts what was cut beside the character under the cursor; whole lines below its line or above.
pub(super) fn put(side: Side, count: usize, buffer: &mut Buffer) {
    let Some(killed) = buffer.killed() else { return };
    let kept = killed.repeat(count.min(MAX_PUT / killed.len().max(1)).max(1));
    let (text, at) = (buffer.text(), buffer.cursor());
    let (start, end) = (motion::line_start(text, at), motion::line_end(text, at));
    match (kept.strip_suffix('\n'), side) {
        (Some(lines), Side::After) => {
            buffer.replace(end..end, &format!("\n{lines}"));
            buffer.go(end + 1);
        }
        (Some(_), Side::Before) => {
            buffer.replace(start..start, &kept);
            buffer.go(start);
        }
        (None, side) => {
            let at = if side == Side::After { motion::right(text, at).min(end) } else { at };
            buffer.replace(at..at, &kept);
            buffer.go(motion::left(buffer.text(), at + kept.len()));
        }
    }
}
