//! The name of a setting: `model_providers."my host".base_url` as its parts.

use std::fmt;

/// A dotted key, part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(Vec<String>);

/// A key whose quotes do not match or that has an empty part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key has an empty part or a quote that is not closed")]
pub(crate) struct BadKey;

impl KeyPath {
    /// Reads a dotted key; parts with dots in them stand in single or double quotes.
    pub(crate) fn parse(text: &str) -> Result<Self, BadKey> {
        let (mut parts, mut rest) = (vec![], text.trim());
        loop {
            let (part, after) = first_part(rest)?;
            parts.push(part.to_owned());
            match after.trim_start().strip_prefix('.') {
                Some(more) => rest = more.trim_start(),
                None if after.trim().is_empty() => return Ok(Self(parts)),
                None => return Err(BadKey),
            }
        }
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn child(&self, part: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_owned());
        Self(parts)
    }

    /// Whether it is `other` or lies below it.
    pub(crate) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl<S: AsRef<str>> FromIterator<S> for KeyPath {
    fn from_iter<I: IntoIterator<Item = S>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.as_ref().to_owned()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for KeyPath {
    fn from(parts: [&str; N]) -> Self {
        parts.into_iter().collect()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !part.is_empty() && part.chars().all(bare) {
                f.write_str(part)?;
            } else {
                write!(f, "{part:?}")?;
            }
        }
        Ok(())
    }
}

/// The first part and what follows it.
fn first_part(text: &str) -> Result<(&str, &str), BadKey> {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).ok_or(BadKey);
        }
    }
    let end = text.find('.').unwrap_or(text.len());
    let part = text[..end].trim();
    if part.is_empty() || part.contains(['"', '\'']) {
        return Err(BadKey);
    }
    Ok((part, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_split_at_its_dots_but_not_inside_quotes() {
        for (text, parts) in [
            ("model", &["model"][..]),
            ("a.b.c", &["a", "b", "c"]),
            (
                r#"projects."/home/me/x.y".trust_level"#,
                &["projects", "/home/me/x.y", "trust_level"],
            ),
            ("model_providers.'my host'.name", &["model_providers", "my host", "name"]),
            (" a . b ", &["a", "b"]),
            ("projects./srv/x", &["projects", "/srv/x"]),
        ] {
            assert_eq!(KeyPath::parse(text), Ok(parts.iter().collect()), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "a\"b", "\"a\"b"] {
            assert_eq!(KeyPath::parse(text), Err(BadKey), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_key_reads_back_as_itself(parts in proptest::collection::vec("[a-z0-9 ./_-]{1,8}", 1..5)) {
            let key: KeyPath = parts.iter().collect();
            prop_assert_eq!(KeyPath::parse(&key.to_string()), Ok(key));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = KeyPath::parse(&text);
        }
    }
}
