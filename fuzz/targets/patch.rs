//! Patches nobody meant, and patches whose outcome is known beforehand.
#![no_main]

use std::collections::HashMap;

use agent_tools::fuzzing::{previewed, rewritten, updated};

const LINES: &[&str] =
    &["a", "b", " a", "    a", "\ta", "", " ", "***", "@@", "+a", "-a", "é", "fn a() {", "}", "a "];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0..128, rest)) => arbitrary(rest),
        Some((_, rest)) => known(rest),
        None => {}
    }
});

/// A file and a patch, apart at the first NUL: whatever comes out is made of lines of both.
fn arbitrary(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (file, patch) = text.split_once('\0').unwrap_or(("", text));
    assert_eq!(rewritten(file), file);
    assert_eq!(previewed(patch, 1 + data.len() % 5), previewed(patch, usize::MAX));
    for update in updated(file, patch).unwrap_or_default() {
        let Some(text) = update.text else { continue };
        let mut known: HashMap<&str, usize> = HashMap::new();
        let added = update.added.iter().map(String::as_str);
        for line in lines(file).chain(added) {
            *known.entry(line.trim()).or_default() += 1;
        }
        for line in lines(&text) {
            let left = known.get_mut(line.trim()).filter(|left| **left > 0);
            *left.unwrap_or_else(|| panic!("{line:?} is neither the file's nor the patch's")) -= 1;
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('\u{feff}').split('\n')
}

/// A byte is a line and what becomes of it; the patch names the whole file, so that there is one way to apply it.
fn known(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let (final_newline, at_end) = (first & 1 == 0, first & 2 == 0);
    let (mut old, mut new, mut patch) = (vec![], vec![], String::new());
    for byte in data.iter().take(40) {
        let line = LINES[usize::from(byte >> 2) % LINES.len()];
        let marker = match byte & 3 {
            0 => '+',
            1 => '-',
            _ => ' ',
        };
        if marker != '+' {
            old.push(line);
        }
        if marker != '-' {
            new.push(line);
        }
        patch.extend([format!("{marker}{line}\n")]);
    }
    // What changes nothing is no patch.
    if old.is_empty() || old == new {
        return;
    }
    let whole = |lines: &[&str]| {
        let end = if final_newline && !lines.is_empty() { "\n" } else { "" };
        format!("{}{end}", lines.join("\n"))
    };
    // Without its newline, a last empty line is none.
    if !final_newline && (old.last() == Some(&"") || new.last() == Some(&"")) {
        return;
    }
    let end = if at_end { "*** End of File\n" } else { "" };
    let patch = format!("*** Begin Patch\n*** Update File: f\n@@\n{patch}{end}*** End Patch\n");
    let outcome = updated(&whole(&old), &patch).expect("a patch");
    assert_eq!(outcome[0].text.as_deref(), Some(&*whole(&new)), "{patch}");
}
