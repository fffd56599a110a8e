//! The composer's keys as a person is told of them.

/// Keys, as [`crate::key::keys`] writes them, and what they do.
pub const KEYS: &[(&str, &str)] = &[
    ("<enter>", "send"),
    ("<s-enter>", "new line; also Alt+Enter, Ctrl+J, or Enter after \\"),
    ("<up>", "a row up; from the first row, or in what was just recalled, the message before"),
    ("<down>", "a row down; from the last row, the message after"),
    ("<pageup>", "a page up in what is written"),
    ("<pagedown>", "a page down in it"),
    ("<c-r>", "search the history; again for an older match"),
    ("<c-a>", "beginning of the line"),
    ("<c-e>", "end of the line"),
    ("<a-b>", "a word back"),
    ("<a-f>", "a word forward"),
    ("<c-w>", "cut back to the last space"),
    ("<a-backspace>", "cut the word before"),
    ("<a-d>", "cut the word after"),
    ("<c-u>", "cut to the beginning of the line"),
    ("<c-k>", "cut to the end of the line"),
    ("<c-y>", "put back what was cut"),
    ("<a-y>", "instead of that, what was cut before"),
    ("<c-_>", "undo"),
    ("<a-_>", "redo"),
];
