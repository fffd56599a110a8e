//! Where one top-level block of Markdown ends and the next begins, decided line by line and never taken back. What a
//! block looks like is decided elsewhere.
//!
//! Items of a list are blocks of their own, so that a long list is finished piece by piece. A block is parsed without
//! its neighbours; what of them it has to know is in `references.rs`.

/// Takes lines one at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Splitter {
    open: Option<Block>,
    /// The last line was blank.
    blank: bool,
}

/// A kind of block, with what decides about its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A paragraph, a table or HTML.
    Prose,
    /// A heading or a rule: one line.
    Single,
    Quote,
    IndentedCode,
    Fence(Fence),
    Item(Item),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    len: usize,
    /// Of its opening line, and so much is taken off the lines within.
    pub(super) indent: usize,
    pub(super) info: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The bullet, or what follows the number.
    mark: char,
    pub(super) number: Option<u64>,
    /// The column where its text begins.
    content: usize,
    empty: bool,
}

/// What a line is to the blocks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The first line of a block; `apart` when a blank line precedes it.
    Begins { block: Block, apart: bool },
    /// A line of the block that is open.
    Continues,
    /// The line that closes a fence.
    Closes,
}

impl Splitter {
    /// Says where `line` belongs, which has no line break.
    pub(super) fn place(&mut self, line: &str) -> Place {
        let apart = std::mem::replace(&mut self.blank, false);
        if let Some(Block::Fence(fence)) = &self.open {
            if fence.is_closed_by(line) {
                self.open = None;
                return Place::Closes;
            }
            return Place::Continues;
        }
        if line.trim().is_empty() {
            self.blank = true;
            return Place::Continues;
        }
        let first = Block::begun_by(line);
        if self.open.as_ref().is_some_and(|open| open.goes_on(line, &first, apart)) {
            return Place::Continues;
        }
        self.open = Some(first.clone());
        Place::Begins { block: first, apart }
    }
}

impl Block {
    /// The block that `line` would begin.
    fn begun_by(line: &str) -> Self {
        let (indent, text) = indentation(line);
        if indent >= 4 {
            return Self::IndentedCode;
        }
        if let Some(fence) = Fence::opened_by(indent, text) {
            return Self::Fence(fence);
        }
        if is_heading(text) || is_rule(text) {
            return Self::Single;
        }
        if text.starts_with('>') {
            return Self::Quote;
        }
        Item::begun_by(indent, text).map_or(Self::Prose, Self::Item)
    }

    /// Whether this block takes `line`, which could begin `first`.
    fn goes_on(&self, line: &str, first: &Self, apart: bool) -> bool {
        match (self, first) {
            (Self::Fence(_) | Self::Single, _) => false,
            (Self::IndentedCode, first) => *first == Self::IndentedCode,
            (Self::Item(item), _) if indentation(line).0 >= item.content => true,
            _ if apart => false,
            (_, Self::Prose | Self::IndentedCode) => true,
            (Self::Quote, Self::Quote) => true,
            // The second line of a heading that is underlined.
            (Self::Prose, Self::Single) => line.trim().bytes().all(|b| b == b'-'),
            (Self::Prose, Self::Item(item)) => !item.interrupts(),
            _ => false,
        }
    }
}

impl Fence {
    fn opened_by(indent: usize, text: &str) -> Option<Self> {
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let len = text.chars().take_while(|&c| c == mark).count();
        let info = text[len..].trim();
        let opens = len >= 3 && !(mark == '`' && info.contains('`'));
        opens.then(|| Self { mark, len, indent, info: info.to_owned() })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let (indent, text) = indentation(line);
        let text = text.trim_end();
        indent < 4 && text.len() >= self.len && text.chars().all(|c| c == self.mark)
    }
}

impl Item {
    fn begun_by(indent: usize, text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let mark = text[digits..].chars().next()?;
        let number = match (digits, mark) {
            (0, '-' | '+' | '*') => None,
            (1..=9, '.' | ')') => text[..digits].parse().ok(),
            _ => return None,
        };
        let after = &text[digits + 1..];
        let (spaces, rest) = indentation(after);
        let empty = rest.is_empty();
        if spaces == 0 && !empty {
            return None;
        }
        let gap = if empty || spaces > 4 { 1 } else { spaces };
        Some(Self { mark, number, content: indent + digits + 1 + gap, empty })
    }

    /// It may follow a paragraph without a blank line.
    fn interrupts(&self) -> bool {
        !self.empty && self.number.is_none_or(|number| number == 1)
    }

    /// Whether `self` may follow `before` in the same list.
    pub(super) fn continues(&self, before: &Self) -> bool {
        self.mark == before.mark && self.number.is_some() == before.number.is_some()
    }
}

/// The columns a line is indented by, and what follows.
pub(super) fn indentation(line: &str) -> (usize, &str) {
    let mut columns = 0;
    for (at, c) in line.char_indices() {
        match c {
            ' ' => columns += 1,
            '\t' => columns += 4 - columns % 4,
            _ => return (columns, &line[at..]),
        }
    }
    (columns, "")
}

fn is_heading(text: &str) -> bool {
    let level = text.bytes().take_while(|&b| b == b'#').count();
    (1..=6).contains(&level) && text[level..].chars().next().is_none_or(|c| c == ' ' || c == '\t')
}

fn is_rule(text: &str) -> bool {
    let Some(mark) = text.chars().next().filter(|c| matches!(c, '-' | '*' | '_')) else {
        return false;
    };
    let mut count = 0;
    text.chars().all(|c| {
        count += usize::from(c == mark);
        c == mark || c.is_whitespace()
    }) && count >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks of `source`, each line of it shown in one.
    fn split(source: &str) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut blocks: Vec<String> = Vec::new();
        for line in source.lines() {
            let begins = matches!(splitter.place(line), Place::Begins { .. });
            match blocks.last_mut() {
                Some(block) if !begins => {
                    block.push('|');
                    block.push_str(line);
                }
                _ => blocks.push(line.to_owned()),
            }
        }
        blocks
    }

    #[test]
    fn blocks_end_where_commonmark_ends_them() {
        for (source, blocks) in [
            ("one\ntwo\n\nthree", &["one|two|", "three"][..]),
            ("# a\nb\n# c", &["# a", "b", "# c"]),
            ("a\n---\nb\n***\nc", &["a|---|b", "***", "c"]),
            ("a\n```x\n\n# b\n```\nc", &["a", "```x||# b|```", "c"]),
            ("````\n```\n````\nx", &["````|```|````", "x"]),
            ("- a\n- b\n  c\n\n  d\n\ne", &["- a", "- b|  c||  d|", "e"]),
            ("- a\n  - b\n    - c\n- d", &["- a|  - b|    - c", "- d"]),
            ("- a\nlazy\n\nout", &["- a|lazy|", "out"]),
            ("a\n2. b\n1. c", &["a|2. b", "1. c"]),
            ("1. a\n\n   ```\n   x\n\n   ```\n2. b", &["1. a||   ```|   x||   ```", "2. b"]),
            ("> a\nlazy\n> b\n\n> c", &["> a|lazy|> b|", "> c"]),
            ("    code\n\n    more\ntext", &["    code||    more", "text"]),
            ("|a|b|\n|-|-|\n|1|2|\n\nx", &["|a|b|||-|-|||1|2||", "x"]),
            ("-x\n--", &["-x|--"]),
        ] {
            assert_eq!(split(source), blocks, "{source:?}");
        }
    }
}
