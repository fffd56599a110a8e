//! What the socket saves on the simulated link, as an SVG.

use std::fmt::Write as _;

use crate::link::{COSTS, Link, assumptions};

const LEFT: f64 = 60.0;
const TOP: f64 = 50.0;
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 260.0;
const CALLS: usize = 50;
/// Told apart without red and green.
const COLOURS: [&str; 4] = ["#888888", "#56b4e9", "#0072b2", "#d55e00"];

/// Percent of time saved over the number of tool calls, a line for each cost.
pub(crate) fn svg(link: &Link) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 440\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"760\" height=\"440\" fill=\"white\"/>\n",
    );
    text(
        &mut svg,
        LEFT,
        26.0,
        "Time a run saves over the socket, against HTTP (simulated link), %",
    );
    for percent in [0.0, 20.0, 40.0, 60.0, 80.0] {
        let y = y(percent);
        let colour = if percent == 40.0 { "#333" } else { "#ddd" };
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}h{WIDTH}\" stroke=\"{colour}\"/>");
        text(&mut svg, LEFT - 30.0, y + 4.0, &format!("{percent:.0}"));
    }
    for calls in [1, 5, 10, 20, 30, 40, 50] {
        text(&mut svg, x(calls) - 6.0, TOP + HEIGHT + 18.0, &calls.to_string());
    }
    text(&mut svg, LEFT + WIDTH / 2.0 - 30.0, TOP + HEIGHT + 36.0, "tool calls");
    for (units, colour) in COSTS.into_iter().zip(COLOURS) {
        let points =
            (1..=CALLS).map(|calls| format!("{:.1},{:.1}", x(calls), y(link.saved(calls, units))));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        let end = y(link.saved(CALLS, units)) + 4.0;
        text(&mut svg, LEFT + WIDTH + 8.0, end, &format!("cost × {units}"));
    }
    for (line, at) in assumptions().iter().zip([0.0, 16.0, 32.0, 48.0]) {
        let _ = writeln!(svg, "<text x=\"20\" y=\"{}\" font-size=\"9\">{line}</text>", 376.0 + at);
    }
    svg + "</svg>\n"
}

fn x(calls: usize) -> f64 {
    LEFT + WIDTH * calls as f64 / CALLS as f64
}

fn y(percent: f64) -> f64 {
    TOP + HEIGHT * (80.0 - percent) / 90.0
}

fn text(svg: &mut String, x: f64, y: f64, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}
