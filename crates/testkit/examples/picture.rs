//! `cargo run -p agent-testkit --example picture -- target/debug/agent > docs/screen.svg`: the picture of the README,
//! taken from a real run of `agent demo --tui` on a pseudo-terminal, when it asks its question.

#![allow(clippy::print_stdout, reason = "the picture is what was asked for")]

use std::fmt::Write as _;

use agent_testkit::{Answers, PtyScreen};
use vt100::{Cell, Color, Screen};

const COLUMNS: u16 = 96;
const ROWS: u16 = 36;
/// Of one cell.
const WIDTH: f32 = 8.43;
const HEIGHT: f32 = 18.0;
const MARGIN: f32 = 16.0;

const FOREGROUND: &str = "#d4d4d8";
const BACKGROUND: &str = "#18181b";
/// The terminal's own sixteen.
const PALETTE: [&str; 16] = [
    "#27272a", "#f87171", "#4ade80", "#facc15", "#60a5fa", "#c084fc", "#22d3ee", "#d4d4d8",
    "#71717a", "#fca5a5", "#86efac", "#fde047", "#93c5fd", "#d8b4fe", "#67e8f9", "#fafafa",
];

fn main() {
    let agent = std::env::args().nth(1).unwrap_or_else(|| "target/debug/agent".to_owned());
    let agent = std::fs::canonicalize(&agent).unwrap_or_else(|error| panic!("{agent}: {error}"));
    #[expect(clippy::disallowed_methods, reason = "the picture is of a real run")]
    let mut command = std::process::Command::new(agent);
    command
        .args(["demo", "--tui"])
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .env("LANG", "C.UTF-8")
        .env_remove("NO_COLOR");
    let screen = PtyScreen::start(command, COLUMNS, ROWS, Answers::all());
    screen.wait_for("May I install slug");
    print!("{}", svg(&screen.cells()));
    screen.signal(rustix::process::Signal::TERM);
    screen.finish();
}

fn svg(screen: &Screen) -> String {
    let (width, height) =
        (f32::from(COLUMNS) * WIDTH + 2.0 * MARGIN, f32::from(ROWS) * HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <title>agent demo --tui</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..ROWS {
        let mut column = 0;
        while column < COLUMNS {
            column = run(&mut svg, screen, row, column);
        }
    }
    let (row, column) = screen.cursor_position();
    let (x, y) = place(row, column);
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"{FOREGROUND}\" opacity=\"0.6\"/>"
    );
    svg.push_str("</svg>\n");
    svg
}

/// Draws the cells from `column` on that look the same; returns the column behind them.
fn run(svg: &mut String, screen: &Screen, row: u16, column: u16) -> u16 {
    let Some(first) = screen.cell(row, column) else { return COLUMNS };
    let looks = |cell: &Cell| {
        (cell.fgcolor(), cell.bgcolor(), cell.bold(), cell.dim(), cell.italic(), cell.underline())
    };
    let (mut text, mut end) = (String::new(), column);
    while let Some(cell) = screen.cell(row, end).filter(|cell| looks(cell) == looks(first)) {
        text.push_str(if cell.has_contents() { cell.contents() } else { " " });
        end += if cell.is_wide() { 2 } else { 1 };
    }
    let (x, y) = place(row, column);
    let width = f32::from(end - column) * WIDTH;
    if first.bgcolor() != Color::Default {
        let fill = colour(first.bgcolor(), BACKGROUND);
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>"
        );
    }
    if text.trim().is_empty() {
        return end;
    }
    let blanks = text.chars().take_while(|c| *c == ' ').count();
    let shown = text.trim();
    let x = x + blanks as f32 * WIDTH;
    let width = shown.chars().count() as f32 * WIDTH;
    let mut style = format!(" fill=\"{}\"", colour(first.fgcolor(), FOREGROUND));
    for (is, attribute) in [
        (first.bold(), " font-weight=\"bold\""),
        (first.dim(), " opacity=\"0.6\""),
        (first.italic(), " font-style=\"italic\""),
        (first.underline(), " text-decoration=\"underline\""),
    ] {
        style.push_str(if is { attribute } else { "" });
    }
    let shown = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\"{style}>{shown}</text>",
        y + 13.5
    );
    end
}

fn place(row: u16, column: u16) -> (f32, f32) {
    (MARGIN + f32::from(column) * WIDTH, MARGIN + f32::from(row) * HEIGHT)
}

fn colour(colour: Color, default: &str) -> String {
    match colour {
        Color::Default => default.to_owned(),
        Color::Idx(index) => {
            PALETTE.get(usize::from(index)).map_or(default, |colour| colour).to_owned()
        }
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}
