//! Where text without an end is cut, so that what is drawn again and again has a largest size. A cut depends on what
//! stands before it and on the character behind it alone: it is the same however the text arrives.

/// A block of text larger than this is drawn in pieces.
pub(super) const MAX_BLOCK: usize = 8 * 1024;

/// Beyond this a line is cut behind a sentence, where no emphasis or code is open.
const SENTENCE: usize = 8 * 1024;

/// Beyond this behind any word.
const WORD: usize = 9 * 1024;

/// And beyond this anywhere.
const ANYWHERE: usize = 12 * 1024;

/// Where `line` is to be cut, of which more may come.
pub(super) fn cut(line: &str) -> Option<usize> {
    if line.len() <= SENTENCE {
        return None;
    }
    let mut candidates = line.char_indices().filter(|&(at, _)| at >= SENTENCE);
    candidates.find(|&(at, c)| fits(&line[..at], c)).map(|(at, _)| at)
}

fn fits(before: &str, next: char) -> bool {
    if before.len() >= ANYWHERE {
        return true;
    }
    // What begins with a sign could be a list or a heading.
    if !next.is_alphanumeric() || next.is_ascii_digit() {
        return false;
    }
    let ends_sentence = before.ends_with(['。', '！', '？'])
        || [". ", "! ", "? "].iter().any(|end| before.ends_with(end));
    if before.len() >= WORD { before.ends_with(' ') } else { ends_sentence && is_balanced(before) }
}

fn is_balanced(text: &str) -> bool {
    [b'*', b'`', b'_'].iter().all(|mark| text.bytes().filter(|b| b == mark).count() % 2 == 0)
}

/// The line below the head of a table: a table cannot go on without its head.
pub(super) fn is_table_rule(line: &str) -> bool {
    let line = line.trim();
    line.contains('-') && line.bytes().all(|b| matches!(b, b'-' | b':' | b'|' | b' '))
}
