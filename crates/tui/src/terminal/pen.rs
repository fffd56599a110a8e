//! Cells as the bytes that draw them where the cursor stands.

use ratatui_core::buffer::Cell;
use ratatui_core::style::{Color, Modifier, Style};

/// Writes `cell`, as it is styled.
pub(super) fn put(bytes: &mut String, cell: &Cell, pen: &mut Style) {
    let style = cell.style();
    if *pen != style {
        bytes.push_str(&sgr(style));
        *pen = style;
    }
    bytes.push_str(cell.symbol());
}

/// What comes next has no style.
pub(super) fn end_style(bytes: &mut String, pen: Style) {
    if pen != Style::reset() && pen != Cell::default().style() {
        bytes.push_str("\x1b[0m");
    }
}

/// The sequence that sets exactly `style`.
fn sgr(style: Style) -> String {
    const MODIFIERS: [(Modifier, &str); 6] = [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::ITALIC, ";3"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
        (Modifier::CROSSED_OUT, ";9"),
    ];
    let set = MODIFIERS.iter().filter(|(modifier, _)| style.add_modifier.contains(*modifier));
    let mut codes: String = set.map(|(_, code)| *code).collect();
    codes.push_str(&colour(style.fg, 30));
    codes.push_str(&colour(style.bg, 40));
    format!("\x1b[0{codes}m")
}

/// `base` is 30 of the foreground, 40 of the background.
fn colour(colour: Option<Color>, base: u16) -> String {
    let named = match colour {
        None | Some(Color::Reset) => return String::new(),
        Some(Color::Rgb(r, g, b)) => return format!(";{};2;{r};{g};{b}", base + 8),
        Some(Color::Indexed(index)) => return format!(";{};5;{index}", base + 8),
        Some(Color::Black) => base,
        Some(Color::Red) => base + 1,
        Some(Color::Green) => base + 2,
        Some(Color::Yellow) => base + 3,
        Some(Color::Blue) => base + 4,
        Some(Color::Magenta) => base + 5,
        Some(Color::Cyan) => base + 6,
        Some(Color::Gray) => base + 7,
        Some(Color::DarkGray) => base + 60,
        Some(Color::LightRed) => base + 61,
        Some(Color::LightGreen) => base + 62,
        Some(Color::LightYellow) => base + 63,
        Some(Color::LightBlue) => base + 64,
        Some(Color::LightMagenta) => base + 65,
        Some(Color::LightCyan) => base + 66,
        Some(Color::White) => base + 67,
    };
    format!(";{named}")
}
