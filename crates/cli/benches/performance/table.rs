//! The figures as a table in Markdown: each with its multiple of the floor's.

use crate::figures::{Figures, SHOWN};

/// `all` begins with the floor.
pub(crate) fn table(all: &[Figures]) -> String {
    let mut rows = vec![
        row("", all.iter().map(|figures| figures.client.name().to_owned())),
        row("---", all.iter().map(|_| "---".to_owned())),
    ];
    let mut add = |name: &str, unit: &str, value: &dyn Fn(&Figures) -> f64| {
        let floor = all.first().map_or(f64::NAN, value);
        let cells = all.iter().enumerate().map(|(at, figures)| {
            let value = value(figures);
            let ratio = if at == 0 { String::new() } else { format!(" ({:.1} ×)", value / floor) };
            format!("{value:.2}{ratio}")
        });
        rows.push(row(&format!("{name}, {unit}"), cells));
    };
    add("start to first request", "ms", &|figures| figures.start);
    add("turnaround, median", "ms", &|figures| figures.turnaround);
    add("turnaround, 95 of 100", "ms", &|figures| figures.p95);
    add("turnaround, first 20 steps", "ms", &|figures| figures.first);
    add("turnaround, last 20 steps", "ms", &|figures| figures.last);
    add("CPU per step, command included", "ms", &|figures| figures.cpu_per_step);
    add("CPU per 1,000 text deltas", "ms", &|figures| figures.cpu_of_text);
    add("peak memory", "MiB", &|figures| figures.peak_mib);
    for step in SHOWN {
        let bytes =
            |figures: &Figures| figures.bytes_of(step).map_or("–".to_owned(), |b| b.to_string());
        rows.push(row(&format!("bytes up, step {step}"), all.iter().map(bytes)));
    }
    rows.concat()
}

pub(crate) fn row(name: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {name} | {} |\n", cells.join(" | "))
}
