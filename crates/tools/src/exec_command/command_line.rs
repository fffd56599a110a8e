//! The command line of a call: a text, or the words of a program and its arguments, as models trained otherwise say it.

use std::fmt;

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};

const SHELLS: [&str; 5] = ["bash", "/bin/bash", "/usr/bin/bash", "sh", "/bin/sh"];

/// # Errors
/// When it is neither.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    from.deserialize_any(Line)
}

struct Line;

impl<'de> Visitor<'de> for Line {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, line: &str) -> Result<String, E> {
        Ok(line.to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<String, A::Error> {
        let mut all = Vec::<String>::new();
        while let Some(word) = words.next_element()? {
            all.push(word);
        }
        Ok(match &all[..] {
            [shell, option, line]
                if SHELLS.contains(&shell.as_str()) && ["-c", "-lc"].contains(&option.as_str()) =>
            {
                line.clone()
            }
            words => words.iter().map(|word| as_word(word)).collect::<Vec<_>>().join(" "),
        })
    }
}

/// One word for a shell.
fn as_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// For a shell, in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[derive(serde::Deserialize)]
    struct Args {
        #[serde(deserialize_with = "super::deserialize")]
        cmd: String,
    }

    #[test]
    fn a_line_may_be_a_text_or_words() {
        for (json, line) in [
            (r#""ls | wc""#, "ls | wc"),
            (r#"["bash","-lc","ls | wc"]"#, "ls | wc"),
            (r#"["/bin/sh","-c","ls"]"#, "ls"),
            (r#"["ls","-l","a b","it's",""]"#, r"ls -l 'a b' 'it'\''s' ''"),
            (r#"["bash","x.sh"]"#, "bash x.sh"),
            ("[]", ""),
        ] {
            let args: Args = serde_json::from_str(&format!("{{\"cmd\":{json}}}")).unwrap();
            assert_eq!(args.cmd, line);
        }
        for json in ["7", r#"["ls",7]"#, "null"] {
            assert!(serde_json::from_str::<Args>(&format!("{{\"cmd\":{json}}}")).is_err());
        }
    }
}
