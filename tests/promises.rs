//! The table in SECURITY.md names for each promise where it is tried: all that is named exists.

use std::path::Path;

/// The cells of the table's rows: promise, words, places.
fn rows(text: &str) -> Vec<[&str; 3]> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| {
        let (promise, rest) = row.split_once(" | ")?;
        let (words, places) = rest.split_once(" | ")?;
        Some([promise, words, places])
    });
    cells.filter(|[promise, ..]| promise.starts_with(['S', 'R'])).collect()
}

/// What is missing of the places of one promise. A place is a file, then names in it.
fn missing(root: &Path, places: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut file = None;
    for named in places.split('`').skip(1).step_by(2) {
        if named.ends_with(".rs") {
            file = std::fs::read_to_string(root.join(named)).ok();
            missing.extend(file.is_none().then(|| named.to_owned()));
            continue;
        }
        let starts = [format!("fn {named}"), format!("\"{named}")];
        let is_there =
            file.as_ref().is_some_and(|text| starts.iter().any(|start| text.contains(start)));
        missing.extend((!is_there).then(|| named.to_owned()));
    }
    missing
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let rows = rows(&text);
    let promises: Vec<_> = rows.iter().map(|[promise, ..]| (*promise).to_owned()).collect();
    let security = (1..=26).map(|number| format!("S{number}"));
    let reliability = (1..=24).map(|number| format!("R{number}"));
    assert_eq!(promises, security.chain(reliability).collect::<Vec<_>>());
    for [promise, _, places] in rows {
        assert_eq!(missing(&root, places), [""; 0], "{promise}");
        assert!(places.contains('`') || places.starts_with("there are none"), "{promise}");
    }
    assert_eq!(missing(&root, "`tests/files.rs`: `no_such_`"), ["no_such_"], "the check can fail");
}
