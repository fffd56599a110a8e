//! What a command printed, from the file that has it all: of more than anybody goes through both ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Of a longer output as much is shown of its beginning, and of its end.
const END: u64 = 6 * 1024 * 1024;

/// None when it cannot be read.
pub(super) fn read(file: &Path) -> Option<String> {
    ends(file, END).ok()
}

fn ends(path: &Path, most: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    if len <= most.saturating_mul(2) {
        return Ok(text(bytes(&mut file, len)?));
    }
    let mut beginning = bytes(&mut file, most)?;
    if let Some(at) = beginning.iter().rposition(|byte| *byte == b'\n') {
        beginning.truncate(at + 1);
    }
    file.seek(SeekFrom::Start(len - most))?;
    let mut end = bytes(&mut file, most)?;
    if let Some(at) = end.iter().position(|byte| *byte == b'\n') {
        end.drain(..=at);
    }
    let between = len.saturating_sub((beginning.len() + end.len()) as u64);
    let mut all = text(beginning);
    if !all.ends_with('\n') {
        all.push('\n');
    }
    let shown = path.display();
    all.push_str(&format!("… {between} bytes between are not shown; all of it is in {shown}\n"));
    all.push_str(&text(end));
    Ok(all)
}

fn bytes(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_both_ends_are_shown_and_that_there_is_more() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("output");
        let lines = |range: std::ops::Range<u32>| -> String {
            range.map(|number| format!("line {number:04}\n")).collect()
        };
        std::fs::write(&path, lines(0..1000)).unwrap();
        assert_eq!(ends(&path, 5_000).unwrap(), lines(0..1000), "all of it fits");
        let cut = ends(&path, 105).unwrap();
        assert!(cut.starts_with(&lines(0..10)) && cut.ends_with(&lines(990..1000)), "{cut}");
        let between = cut.lines().nth(10).unwrap();
        assert!(between.starts_with("… 9800 bytes between are not shown"), "{between}");
        assert_eq!(cut.lines().count(), 21);
        assert_eq!(read(&scratch.path().join("none")), None);
    }
}
