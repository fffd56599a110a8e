//! The screen.

use std::borrow::Cow;

/// Placeholder.
pub fn printable(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
