//! Which characters a person would not see, or would see where they are not.

/// How a character may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    Seen,
    /// It joins its neighbours, if the one that follows is of the kind ([`joins`]).
    Joins,
    Hidden,
}

/// What to make of `c` after `before`.
pub(super) fn visibility(c: char, before: Option<char>) -> Visibility {
    let fits = |fits: bool, then| if fits { then } else { Visibility::Hidden };
    match c {
        ' '..='~' | '\t' => Visibility::Seen,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Visibility::Hidden,
        '\u{200c}' | '\u{200d}' => {
            fits(before.is_some_and(|b| is_pictograph(b) || is_cursive(b)), Visibility::Joins)
        }
        '\u{fe00}'..='\u{fe0d}' => fits(before.is_some_and(has_variants), Visibility::Seen),
        '\u{fe0e}'..='\u{fe0f}' => fits(before.is_some_and(may_be_emoji), Visibility::Seen),
        '\u{e0100}'..='\u{e01ef}' => fits(before.is_some_and(is_ideograph), Visibility::Seen),
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2d7f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1107f}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{16fe4}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d159}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Visibility::Hidden,
        _ => Visibility::Seen,
    }
}

/// Whether `joiner` does its work before `after`; what will not be seen itself, scripts have such marks, is not joined.
pub(super) fn joins(joiner: char, after: char) -> bool {
    let is_of_kind = is_cursive(after) || (joiner == '\u{200d}' && is_pictograph(after));
    is_of_kind && visibility(after, Some(joiner)) == Visibility::Seen
}

/// Spaces that look like the usual one and are not.
pub(super) fn is_odd_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}'
    )
}

/// Besides ideographs their punctuation, symbols of mathematics and two scripts.
fn has_variants(c: char) -> bool {
    is_ideograph(c)
        || matches!(c, '\u{1000}'..='\u{109f}' | '\u{2205}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}' | '\u{3001}'..='\u{303f}'
            | '\u{a840}'..='\u{a877}' | '\u{ff01}'..='\u{ff60}')
}

/// With this selector, or without that one.
fn may_be_emoji(c: char) -> bool {
    c.is_ascii_digit()
        || matches!(c, '#' | '*' | '\u{a9}' | '\u{ae}')
        || (c != '\u{fe0f}' && is_pictograph(c))
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Emoji and what modifies them.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
        | '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}'
        | '\u{2934}'..='\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
        | '\u{3299}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Scripts in which a joiner changes the shape of letters.
fn is_cursive(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}' | '\u{1780}'..='\u{17ff}')
}
