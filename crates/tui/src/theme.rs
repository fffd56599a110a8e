//! The styles and signs of the screen, in the terminal's own 16 colours, without colour, and without Unicode.

use ratatui_core::style::{Color, Modifier, Style};

/// How each kind of text looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// What stands back: markers, rules, targets of links.
    pub dim: Style,
    pub heading: Style,
    pub link: Style,
    /// Code within a line.
    pub code: Style,
    /// Code in lines of its own, where it is nothing in particular.
    pub code_block: Style,
    /// Lines of a diff: with a background, the language's colours stay on it.
    pub added: Style,
    pub removed: Style,
    /// What is of ours within the person's text.
    pub accent: Style,
    pub syntax: Syntax,
    pub glyphs: Glyphs,
}

/// How code looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Syntax {
    pub comment: Style,
    pub string: Style,
    pub constant: Style,
    pub keyword: Style,
    pub r#type: Style,
    pub function: Style,
}

/// The signs that text does not contain itself; each but the ellipsis and the arrow is one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyphs {
    pub bullet: &'static str,
    pub quote: &'static str,
    pub vertical: &'static str,
    pub horizontal: &'static str,
    pub cross: &'static str,
    pub ellipsis: &'static str,
    pub arrow: &'static str,
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        bullet: "•",
        quote: "▌",
        vertical: "│",
        horizontal: "─",
        cross: "┼",
        ellipsis: "…",
        arrow: "→",
    };

    pub const ASCII: Self = Self {
        bullet: "*",
        quote: "|",
        vertical: "|",
        horizontal: "-",
        cross: "+",
        ellipsis: "...",
        arrow: "->",
    };
}

impl Default for Theme {
    fn default() -> Self {
        let foreground = |color: Color| Style::new().fg(color);
        Self {
            dim: Modifier::DIM.into(),
            heading: Modifier::BOLD.into(),
            link: foreground(Color::Cyan).add_modifier(Modifier::UNDERLINED),
            code: foreground(Color::Cyan),
            code_block: Style::new(),
            added: foreground(Color::Green),
            removed: foreground(Color::Red),
            accent: foreground(Color::Cyan),
            syntax: Syntax {
                comment: Modifier::DIM.into(),
                string: foreground(Color::Green),
                constant: foreground(Color::Yellow),
                keyword: foreground(Color::Magenta),
                r#type: foreground(Color::Cyan),
                function: foreground(Color::Blue),
            },
            glyphs: Glyphs::UNICODE,
        }
    }
}

impl Theme {
    /// Bold, dim and underlined, but no colour.
    pub fn colourless() -> Self {
        Self {
            dim: Modifier::DIM.into(),
            heading: Modifier::BOLD.into(),
            link: Modifier::UNDERLINED.into(),
            code: Modifier::BOLD.into(),
            code_block: Style::new(),
            added: Style::new(),
            removed: Style::new(),
            accent: Modifier::BOLD.into(),
            syntax: Syntax { comment: Modifier::DIM.into(), ..Syntax::default() },
            glyphs: Glyphs::UNICODE,
        }
    }
}
