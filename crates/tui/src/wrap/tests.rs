use super::*;
use proptest::prelude::*;
use ratatui_core::style::Stylize as _;

fn broken(text: &str, columns: usize) -> Vec<String> {
    wrap(&Line::raw(text), columns).iter().map(ToString::to_string).collect()
}

#[test]
fn rows_end_between_words() {
    assert_eq!(broken("the quick brown fox", 10), ["the quick", "brown fox"]);
    assert_eq!(broken("", 10), [""]);
    assert_eq!(broken("  indented text", 11), ["  indented", "text"]);
    assert_eq!(broken("two  spaces", 5), ["two", "space", "s"]);
    assert_eq!(broken("end ", 3), ["end"]);
    assert_eq!(broken("a\tb", 10), ["a   b"]);
}

#[test]
fn a_word_longer_than_a_row_is_cut() {
    assert_eq!(broken("see /a/very/long/path", 8), ["see", "/a/very/", "long/pat", "h"]);
    assert_eq!(broken("漢", 1), ["漢"]);
    assert_eq!(broken("漢字", 0), ["漢", "字"]);
}

#[test]
fn ideographs_break_anywhere_but_at_their_punctuation() {
    assert_eq!(broken("日本語の文章、です", 6), ["日本語", "の文", "章、で", "す"]);
    assert_eq!(broken("彼は「はい」と", 6), ["彼は", "「は", "い」と"]);
    assert_eq!(broken("use 漢字 here", 7), ["use 漢", "字 here"]);
    assert_eq!(broken("한국어 문장입니다", 8), ["한국어", "문장입니", "다"]);
}

#[test]
fn graphemes_stay_whole() {
    assert_eq!(broken("a👩\u{200d}🚀b", 2), ["a", "👩\u{200d}🚀", "b"]);
    assert_eq!(broken("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    assert_eq!(broken("🇰🇷🇯🇵", 3), ["🇰🇷", "🇯🇵"]);
    assert_eq!(broken("שלום עולם", 5), ["שלום", "עולם"]);
}

#[test]
fn styles_and_prefixes_go_with_the_rows() {
    let mut text = Styled::new("one ", Style::new());
    text.push("two three", Style::new().bold());
    let rows = text.wrap(9, &["- ".into()], &["  ".into()]);
    assert_eq!(
        rows,
        [
            Line::from(vec!["- ".into(), "one ".into(), "two".bold()]),
            Line::from(vec!["  ".into(), "three".bold()]),
        ]
    );
    let styled = wrap(&Line::raw("a b").italic().right_aligned(), 1);
    assert_eq!(
        styled,
        [Line::raw("a").italic().right_aligned(), Line::raw("b").italic().right_aligned()]
    );
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide(
        text in "[a-z 漢字、「」한글👩\u{200d}🚀\u{301}\u{fe0f}(),]{0,60}",
        columns in 1usize..30,
    ) {
        let rows = rows(&text, columns);
        let mut at = 0;
        for row in &rows {
            prop_assert!(text[at..row.start].chars().all(|c| c == ' '));
            let shown = &text[row.clone()];
            prop_assert!(width::of(shown) <= columns || shown.graphemes(true).count() == 1);
            at = row.end;
        }
        prop_assert!(text[at..].chars().all(|c| c == ' '));
        let cuts: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
        prop_assert!(rows.iter().all(|row| cuts.contains(&row.start) && cuts.contains(&row.end)));
    }
}
