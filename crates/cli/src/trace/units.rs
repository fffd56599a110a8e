//! Times, sizes and shares as people read them.

pub(super) use crate::exec::bytes;

/// Milliseconds: `0.42 ms`, `3.1 ms`, `412 ms`, `1.24 s`, `2 min 03 s`.
pub(super) fn time(ms: f64) -> String {
    match ms {
        ms if ms < 0.995 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms if ms < 59_950.0 => format!("{:.1} s", ms / 1e3),
        ms => {
            let seconds = (ms / 1e3).round() as u64;
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// What a call took; its clock has milliseconds.
pub(super) fn call_time(ms: f64) -> String {
    if ms < 1.0 { "< 1 ms".to_owned() } else { time(ms) }
}

/// A share of a whole; small ones keep a decimal.
pub(super) fn percent(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    match share {
        share if share > 0.0 && share < 0.05 => "< 0.1 %".to_owned(),
        share if share > 0.0 && share < 9.95 => format!("{share:.1} %"),
        share => format!("{share:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_tui::view::grouped;

    #[test]
    fn times_and_shares_read_well_at_every_size() {
        let shown = [0.004, 0.42, 3.12, 9.97, 412.4, 999.6, 1_240.0, 12_340.0, 123_000.0].map(time);
        assert_eq!(
            shown,
            [
                "0.00 ms",
                "0.42 ms",
                "3.1 ms",
                "10 ms",
                "412 ms",
                "1.00 s",
                "1.24 s",
                "12.3 s",
                "2 min 03 s"
            ]
        );
        assert_eq!(
            [percent(1.0, 250.0), percent(92.0, 100.0), percent(1.0, 0.0)],
            ["0.4 %", "92 %", "0 %"]
        );
        assert_eq!(
            (percent(1.0, 1e5), call_time(0.0), call_time(12.0)),
            ("< 0.1 %".into(), "< 1 ms".into(), "12 ms".into())
        );
        assert_eq!([grouped(7), grouped(1234), grouped(1_234_567)], ["7", "1,234", "1,234,567"]);
    }
}
