//! A backspace: what comes next stands in the place of what came before, as in spinners and in the bold and underlined
//! letters of manuals.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::width;

/// What stands behind the cursor, to be overwritten.
#[derive(Debug, Default)]
pub(super) struct Behind {
    text: String,
    /// The cursor is in the middle of a wide character: one more backspace goes to its beginning.
    is_halfway: bool,
}

impl Behind {
    /// Goes back over the last character of the line that begins at `line` in `out`. Without a beginning, or at it, there
    /// is nothing to go back over.
    pub(super) fn go_back(&mut self, out: &mut String, line: Option<usize>) {
        if std::mem::take(&mut self.is_halfway) {
            return;
        }
        let Some(start) = line else { return };
        let text = without_styles(&out[start..]);
        let last = behind_styles(text).graphemes(true).next_back().unwrap_or_default().to_owned();
        let end = start + text.len();
        out.replace_range(end - last.len()..end, "");
        self.is_halfway = width::of(&last) > 1;
        self.text.insert_str(0, &last);
    }

    /// `c` is written over it, if that takes room.
    pub(super) fn overwrite(&mut self, c: char) {
        self.is_halfway = false;
        if !self.text.is_empty() && width::of(c.encode_utf8(&mut [0; 4])) > 0 {
            let first = self.text.graphemes(true).next().map_or(0, str::len);
            self.text.drain(..first);
        }
    }

    /// What of it was not overwritten.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(self).text
    }
}

/// From the last style on that is set in it: what follows makes no character of the sequence's own last letter.
fn behind_styles(text: &str) -> &str {
    let escape = text.rfind('\u{1b}');
    escape.and_then(|escape| text[escape..].split_once('m')).map_or(text, |(_, rest)| rest)
}

/// Up to the styles that are set after its last character; no other sequences are in it.
fn without_styles(mut text: &str) -> &str {
    while text.ends_with('m')
        && let Some(escape) = text.rfind('\u{1b}')
        && text[escape..].matches('m').count() == 1
    {
        text = &text[..escape];
    }
    text
}
