//! The styles and signs of the screen.

use ratatui_core::style::{Color, Modifier, Style};

/// How each kind of text looks.
#[derive(Clone, Debug)]
pub struct Theme {
    pub dim: Style,
    pub heading: Style,
    pub link: Style,
    /// Code within a line.
    pub code: Style,
    /// Code in lines of its own, where it is nothing in particular.
    pub code_block: Style,
    pub added: Style,
    pub removed: Style,
    pub accent: Style,
    pub syntax: Syntax,
    pub glyphs: Glyphs,
}

#[derive(Clone, Debug)]
pub struct Syntax {
    pub comment: Style,
    pub string: Style,
    pub constant: Style,
    pub keyword: Style,
    pub r#type: Style,
    pub function: Style,
}

#[derive(Clone, Debug)]
pub struct Glyphs {
    pub bullet: &'static str,
    pub quote: &'static str,
    pub vertical: &'static str,
    pub horizontal: &'static str,
    pub cross: &'static str,
    pub ellipsis: &'static str,
}

impl Default for Theme {
    fn default() -> Self {
        let fg = |color: Color| Style::new().fg(color);
        Self {
            dim: Modifier::DIM.into(),
            heading: Modifier::BOLD.into(),
            link: fg(Color::Cyan).add_modifier(Modifier::UNDERLINED),
            code: fg(Color::Cyan),
            code_block: Style::new(),
            added: fg(Color::Green),
            removed: fg(Color::Red),
            accent: fg(Color::Cyan),
            syntax: Syntax {
                comment: Modifier::DIM.into(),
                string: fg(Color::Green),
                constant: fg(Color::Yellow),
                keyword: fg(Color::Magenta),
                r#type: fg(Color::Cyan),
                function: fg(Color::Blue),
            },
            glyphs: Glyphs {
                bullet: "•",
                quote: "▌",
                vertical: "│",
                horizontal: "─",
                cross: "┼",
                ellipsis: "…",
            },
        }
    }
}
