//! JSON as it is printed: characters that would steer a terminal, or could not be seen in it, are escaped (S21). It
//! stays the same JSON.

use std::fmt::Write as _;

use serde::Serialize;

/// `value` in one line, without the line's end.
///
/// # Errors
/// When it cannot be JSON.
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(escaped)
}

/// `value` over several lines.
///
/// # Errors
/// When it cannot be JSON.
pub(crate) fn json_pages(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(escaped)
}

/// Such characters stand in strings only, and there an escape means the same.
fn escaped(json: String) -> String {
    const DELETE: u8 = 0x7f;
    // Nearly all lines are plain, and this is all it costs them.
    if json.bytes().all(|byte| byte < DELETE) || json.chars().all(agent_tui::is_harmless) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if agent_tui::is_harmless(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s21_what_steers_a_terminal_or_is_not_seen_is_escaped() {
        let odd = "\u{9b}2J \u{7f} \u{202e} \u{2067} \u{200b} \u{ad} \u{feff} \u{e0041} \u{2028}";
        let line = json_line(&odd).unwrap();
        assert_eq!(
            line,
            r#""\u009b2J \u007f \u202e \u2067 \u200b \u00ad \ufeff \udb40\udc41 \u2028""#
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), odd);
        assert_eq!(json_line(&"plain ✓ é 字\t").unwrap(), "\"plain ✓ é 字\\t\"");
    }

    proptest! {
        #[test]
        fn it_stays_the_same_value_and_nothing_odd_is_left(text in any::<String>()) {
            let line = json_line(&text).unwrap();
            prop_assert!(line.chars().all(agent_tui::is_harmless));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
