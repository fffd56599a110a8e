//! Texts that are there as a whole. What a program printed may style and overwrite itself ([`printable`], [`plain`]); what
//! somebody wrote means itself ([`written`]) and is copied as such ([`pasteable`]), and what is run, changed or approved is shown byte for byte ([`exact`]).
//! Most need no change and cost nothing but a look.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::invisible::{Visibility, is_odd_space, visibility};
use super::{Filter, Styling};

/// `text` made safe for a terminal, with its colours.
pub fn printable(text: &str) -> Cow<'_, str> {
    filtered(text, Styling::Keep)
}

/// `text` made safe for a terminal, without colours.
pub fn plain(text: &str) -> Cow<'_, str> {
    filtered(text, Styling::Drop)
}

fn filtered(text: &str, styling: Styling) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let safe = once(text, styling);
    // What a backspace brought together was not judged side by side.
    Cow::Owned(if text.contains('\u{8}') { once(&safe, styling) } else { safe })
}

fn once(text: &str, styling: Styling) -> String {
    let mut filter = Filter::new(styling);
    let mut safe = filter.push(text);
    safe.push_str(&filter.finish());
    safe
}

/// `text`, which no terminal was meant to obey: no sequence is one and nothing is overwritten, what is not seen becomes
/// a mark. A line ends by a line feed, before which a carriage return is part of its end.
pub fn written(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut filter = Filter::new(Styling::Drop);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => filter.end_line(),
            '\r' if rest.peek() == Some(&'\n') => {}
            c => filter.show(c),
        }
    }
    Cow::Owned(filter.finish())
}

/// `text` with every character visible that would not print as itself, escape sequences and odd spaces included: for
/// command lines, paths, arguments and contents of files, before the call and after. Line breaks and tabs stay.
pub fn exact(text: &str) -> Cow<'_, str> {
    let odd = |c: char| !is_harmless(c) || is_odd_space(c);
    if !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if odd(c) {
            let _ = write!(shown, "<U+{:04X}>", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same of a name, which stands in one row: its line breaks and tabs are marks as well.
pub fn exact_name(text: &str) -> Cow<'_, str> {
    let shown = exact(text);
    if !shown.contains(['\n', '\t']) {
        return shown;
    }
    Cow::Owned(shown.replace('\n', "<U+000A>").replace('\t', "<U+0009>"))
}

/// `text` for whatever it is pasted into, which may be a shell: without what a terminal would obey and what shows other text
/// than there is. What languages and emoji need stays, seen or not.
pub(crate) fn pasteable(text: &str) -> String {
    let is_obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !is_obeyed(*c) && !turns(*c)).collect()
}

/// It prints as itself whatever stands around it.
pub fn is_harmless(c: char) -> bool {
    matches!(c, ' '..='~' | '\n' | '\t')
        || (c > '\u{9f}' && matches!(visibility(c, None), Visibility::Seen))
}
