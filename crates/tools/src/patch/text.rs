//! A text file as lines, such that writing it again gives the same bytes: BOM, line ends and a missing final
//! newline are kept beside the text.

/// The lines of a file. `parse` and `to_text` are inverse to each other for every text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextFile {
    bom: bool,
    pub(crate) lines: Vec<TextLine>,
    final_newline: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextLine {
    /// Without its line end.
    pub(crate) text: String,
    /// It ends, or as the last line would end, in CR and LF.
    pub(crate) crlf: bool,
}

impl TextFile {
    pub(crate) fn parse(text: &str) -> Self {
        let (bom, text) = match text.strip_prefix('\u{feff}') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let final_newline = text.ends_with('\n');
        let mut lines: Vec<_> = text.split_inclusive('\n').map(TextLine::parse).collect();
        if !final_newline && lines.len() > 1 {
            let crlf = lines[lines.len() - 2].crlf;
            if let Some(last) = lines.last_mut() {
                last.crlf = crlf;
            }
        }
        // To an empty file, lines are added as to any other.
        Self { bom, final_newline: final_newline || lines.is_empty(), lines }
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from(if self.bom { "\u{feff}" } else { "" });
        for (index, line) in self.lines.iter().enumerate() {
            text.push_str(&line.text);
            if self.final_newline || index + 1 < self.lines.len() {
                text.push_str(if line.crlf { "\r\n" } else { "\n" });
            }
        }
        text
    }

    /// How a line put in before line `index` ends: like the one above it, else like the one below.
    pub(crate) fn crlf_at(&self, index: usize) -> bool {
        self.lines.get(index.saturating_sub(1)).is_some_and(|line| line.crlf)
    }

    /// The same file with other lines.
    pub(crate) fn with_lines(&self, lines: Vec<TextLine>) -> Self {
        Self { lines, ..*self }
    }
}

impl TextLine {
    fn parse(line: &str) -> Self {
        match line.strip_suffix("\r\n") {
            Some(text) => Self { text: text.to_owned(), crlf: true },
            None => Self { text: line.strip_suffix('\n').unwrap_or(line).to_owned(), crlf: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_line_ends_like_its_neighbours() {
        let mixed = TextFile::parse("a\r\nb\nc");
        assert_eq!([0, 1, 2, 3].map(|index| mixed.crlf_at(index)), [true, true, false, false]);
        let unended = TextFile::parse("a\r\nb");
        assert!(unended.crlf_at(2));
        assert!(!TextFile::parse("").crlf_at(0));
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_it_was_read(text in "(\u{feff})?([ab\r\n\u{feff}]|\r\n){0,20}") {
            prop_assert_eq!(TextFile::parse(&text).to_text(), text);
        }
    }
}
