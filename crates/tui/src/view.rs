//! Numbers and times as the screen words them.

/// `0.4 s`, `12 s`, `3 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        ..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..60_000 => format!("{} s", ms / 1_000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// The same of what goes on: in whole seconds.
pub fn elapsed(ms: u64) -> String {
    match ms {
        ..60_000 => format!("{} s", ms / 1_000),
        _ => duration(ms),
    }
}

/// `1,234`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// That so many of a list are shown, counted from 0; none where all are.
pub(crate) fn part(shown: std::ops::Range<usize>, all: usize) -> Option<String> {
    (shown.len() < all).then(|| format!("{} to {} of {all}", shown.start + 1, shown.end))
}

/// `1 line`, `2 lines`; `what` stands for the words between: `3 more lines`.
pub fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number as u64))
}

/// `840 B`, `12 KB`, `3.4 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// As many of `parts` in a row as fit in `columns`; none is broken.
pub fn flow(parts: &[&str], between: &str, columns: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for part in parts {
        match rows.last_mut() {
            Some(row)
                if crate::width::of(row) + crate::width::of(between) + crate::width::of(part)
                    <= columns =>
            {
                row.push_str(between);
                row.push_str(part);
            }
            _ => rows.push((*part).to_owned()),
        }
    }
    rows
}
