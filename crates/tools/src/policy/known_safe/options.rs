//! The options of one program that are known, and a command's arguments read by them.

/// Whatever is not listed is not known, an abbreviation of a listed name included.
pub(in crate::policy) struct Options {
    /// Letters that take no value.
    pub(in crate::policy) flags: &'static str,
    /// Letters whose value is the rest of the word, or the next word.
    pub(in crate::policy) valued: &'static str,
    /// Letters whose value is the rest of the word, if there is one.
    pub(in crate::policy) attached: &'static str,
    /// Names that take no value but after `=`, with a space between them.
    pub(in crate::policy) long_flags: &'static str,
    /// Names whose value stands after `=`, or is the next word.
    pub(in crate::policy) long_valued: &'static str,
}

impl Options {
    /// What is left of `arguments` without options; none when one of those is not known.
    ///
    /// A value in a word of its own must not look like an option. So it does not matter whether this version of the
    /// program takes it as a value: if it does not, it takes it as an operand.
    pub(in crate::policy) fn read<'a>(&self, arguments: &[&'a str]) -> Option<Vec<&'a str>> {
        let mut operands = Vec::new();
        let mut rest = arguments.iter().copied();
        while let Some(word) = rest.next() {
            let needs_value = match word.strip_prefix('-') {
                None | Some("") => {
                    operands.push(word);
                    false
                }
                Some("-") => {
                    operands.extend(rest);
                    break;
                }
                Some(option) => match option.strip_prefix('-') {
                    Some(long) => self.long_needs_value(long)?,
                    None => self.cluster_needs_value(option)?,
                },
            };
            if needs_value && rest.next()?.starts_with('-') {
                return None;
            }
        }
        Some(operands)
    }

    fn long_needs_value(&self, option: &str) -> Option<bool> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        if self.long_flags.split_whitespace().any(|known| known == name) {
            return Some(false);
        }
        self.long_valued.split_whitespace().any(|known| known == name).then_some(value.is_none())
    }

    fn cluster_needs_value(&self, letters: &str) -> Option<bool> {
        for (at, letter) in letters.char_indices() {
            if self.valued.contains(letter) {
                return Some(at + letter.len_utf8() == letters.len());
            }
            if self.attached.contains(letter) {
                return Some(false);
            }
            if !self.flags.contains(letter) {
                return None;
            }
        }
        Some(false)
    }
}
