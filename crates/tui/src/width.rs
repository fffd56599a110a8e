//! How many columns text takes on a terminal, grapheme by grapheme, counted as ratatui's buffer counts them.
//! Where lines break is [`crate::wrap`]'s business.

use std::borrow::Cow;

use ratatui_core::buffer::CellWidth as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// Tab stops stand this many columns apart.
pub const TAB: usize = 4;

/// The columns `text` takes. Control characters take none, since a buffer leaves them out; a tab takes [`TAB`].
pub fn of(text: &str) -> usize {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.len();
    }
    text.graphemes(true).map(of_grapheme).sum()
}

/// The columns of one grapheme.
pub fn of_grapheme(grapheme: &str) -> usize {
    match grapheme.as_bytes() {
        [b' '..=b'~'] => 1,
        b"\t" => TAB,
        _ if grapheme.contains(char::is_control) => 0,
        _ => usize::from(grapheme.cell_width()),
    }
}

/// The longest beginning of `text` that fits `columns`.
pub fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += of_grapheme(grapheme);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// `text` if it fits `columns`, else as much of it as fits before `mark`.
pub fn shortened(text: &str, columns: usize, mark: &str) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(of(mark));
    head(&format!("{}{mark}", head(text, room).trim_end()), columns).to_owned()
}

/// `text` if it fits `columns`, else as much of its beginning and its end as fits around `mark`.
pub fn shortened_within(text: &str, columns: usize, mark: &str) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(of(mark));
    let beginning = head(text, room / 2).trim_end();
    let end = tail(text, room.saturating_sub(of(beginning))).trim_start();
    head(&format!("{beginning}{mark}{end}"), columns).to_owned()
}

/// The first line of `text`, with `mark` where it is shortened or not all.
pub fn in_a_row(text: &str, columns: usize, mark: &str) -> String {
    let text = text.trim_end_matches('\n');
    let (first, more) = text.split_once('\n').map_or((text, false), |(first, _)| (first, true));
    let first = expand_tabs(first, 0);
    if more {
        shortened(&format!("{first} {mark}"), columns, mark)
    } else {
        shortened(&first, columns, mark)
    }
}

/// The longest end of `text` that fits `columns`.
pub fn tail(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        used += of_grapheme(grapheme);
        if used > columns {
            return &text[at + grapheme.len()..];
        }
    }
    text
}

/// `text`, which begins at `column`, with its tabs as spaces.
pub fn expand_tabs(text: &str, column: usize) -> Cow<'_, str> {
    if !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let mut expanded = String::with_capacity(text.len() + TAB * 4);
    let mut column = column;
    for (index, piece) in text.split('\t').enumerate() {
        if index > 0 {
            let spaces = TAB - column % TAB;
            expanded.extend(std::iter::repeat_n(' ', spaces));
            column += spaces;
        }
        expanded.push_str(piece);
        column += of(piece);
    }
    Cow::Owned(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};

    #[test]
    fn text_is_as_wide_as_a_terminal_draws_it() {
        for (text, columns) in [
            ("", 0),
            ("plain", 5),
            ("한글", 4),
            // Conjoining jamo are one syllable.
            ("\u{1112}\u{1161}\u{11ab}", 2),
            ("かなカナ", 8),
            // One too many: ratatui adds a column for a mark that unicode-width counts already.
            ("ｶﾞ", 3),
            ("漢字", 4),
            ("Ａ", 2),
            ("e\u{301}", 1),
            ("👩\u{200d}👩\u{200d}👧", 2),
            ("👍🏽", 2),
            ("🇰🇷", 2),
            ("❤\u{fe0f}", 2),
            ("❤", 1),
            ("1\u{fe0f}\u{20e3}", 2),
            ("שלום", 4),
            ("مرحبا", 5),
            ("\t", 4),
            ("a\u{7}b", 2),
            ("\u{200b}", 0),
        ] {
            assert_eq!(of(text), columns, "{text:?}");
        }
    }

    #[test]
    fn a_cut_spares_graphemes() {
        assert_eq!(head("한글", 3), "한");
        assert_eq!(head("a👩\u{200d}🚀b", 2), "a");
        assert_eq!(head("ab", 9), "ab");
        assert_eq!(shortened("fits", 4, "…"), "fits");
        assert_eq!(shortened("it does not", 8, "…"), "it does…");
        assert_eq!(shortened("한글이", 4, "…"), "한…");
        assert_eq!(shortened("it does not", 2, "..."), "..");
        assert_eq!(tail("한글", 3), "글");
        assert_eq!(tail("abe\u{301}", 1), "e\u{301}");
        assert_eq!(tail("ab", 0), "");
    }

    #[test]
    fn tabs_reach_the_next_stop() {
        assert_eq!(expand_tabs("a\tb", 0), "a   b");
        assert_eq!(expand_tabs("한\tb\t", 0), "한  b   ");
        assert_eq!(expand_tabs("\tb", 3), " b");
    }

    proptest! {
        #[test]
        fn a_buffer_agrees(text in "[a-z한글がﾞ\u{301}\u{200d}👩🚀❤\u{fe0f}שم\u{7}\u{200b} ]{0,20}") {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 1));
            let (end, _) = buffer.set_stringn(0, 0, &text, 200, Style::default());
            prop_assert_eq!(usize::from(end), of(&text));
        }
    }
}
