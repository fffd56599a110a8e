//! Two tables name for each promise where it is tried: SECURITY.md, and docs/protocol-rules.md, which names the code that
//! keeps it, too. All that is named exists, and the tests of a promise bear its number.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of `N` cells of the tables in a document, without their heads.
fn rows<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| row.split(" | ").collect::<Vec<_>>().try_into().ok());
    cells
        .filter(|cells: &[&str; N]| {
            cells[N - 1].contains('`') || cells[N - 1].starts_with("there are none")
        })
        .collect()
}

/// What is named in a cell, in its order: files, then names in the file before them.
fn named(places: &str) -> impl Iterator<Item = &str> {
    places.split('`').skip(1).step_by(2)
}

/// What is missing of the places of one promise.
fn missing(root: &Path, places: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut file = None;
    for named in named(places) {
        if named.ends_with(".rs") {
            file = std::fs::read_to_string(root.join(named)).ok();
            missing.extend(file.is_none().then(|| named.to_owned()));
            continue;
        }
        let mut starts = ["fn ", "\"", "struct ", "enum ", "const "]
            .map(|word| format!("{word}{named}"))
            .into_iter();
        let is_there = file.as_ref().is_some_and(|text| starts.any(|start| text.contains(&start)));
        missing.extend((!is_there).then(|| named.to_owned()));
    }
    missing
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = root();
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let rows = rows::<3>(&text);
    let promises: Vec<_> = rows.iter().map(|[promise, ..]| (*promise).to_owned()).collect();
    let security = (1..=26).map(|number| format!("S{number}"));
    let reliability = (1..=24).map(|number| format!("R{number}"));
    assert_eq!(promises, security.chain(reliability).collect::<Vec<_>>());
    for [promise, _, places] in rows {
        assert_eq!(missing(&root, places), [""; 0], "{promise}");
        let number = format!("{}_", promise.to_lowercase());
        let bears_it = named(places).any(|name| name.starts_with(&number));
        assert!(bears_it || places.starts_with("there are none"), "no test is named {number}");
    }
    assert_eq!(missing(&root, "`tests/files.rs`: `no_such_`"), ["no_such_"], "the check can fail");
}

/// The rules that concern a client, as comments cite them.
const RULES: [&str; 17] = [
    "C1.1", "C1.2", "C1.3", "C1.4", "C3.1", "C3.2", "C4.1", "C4.2", "C4.3", "C4.4", "C5.1", "C5.2",
    "C5.3", "C5.4", "C6.1", "C6.2", "C6.3",
];

#[test]
fn every_rule_of_the_wire_names_code_that_cites_it_and_tests_that_exist() {
    let root = root();
    let text = std::fs::read_to_string(root.join("docs/protocol-rules.md")).unwrap();
    let rules = rows::<4>(&text);
    let numbers: Vec<_> = rules.iter().map(|[rule, ..]| *rule).collect();
    assert_eq!(numbers[..RULES.len()], RULES);
    for [rule, _, code, tests] in rules {
        assert_eq!(missing(&root, code), [""; 0], "{rule}");
        assert_eq!(missing(&root, tests), [""; 0], "{rule}");
        let citation =
            if rule.starts_with('C') { rule.to_owned() } else { format!("protocol.md {rule}") };
        let files = named(code).filter(|named| named.ends_with(".rs"));
        let mut texts = files.map(|file| std::fs::read_to_string(root.join(file)).unwrap());
        assert!(
            texts.any(|text| text.to_lowercase().contains(&citation.to_lowercase())),
            "{rule} is not cited"
        );
    }
    let servers = rows::<3>(&text);
    assert!(servers.len() > 10, "{servers:?}");
    for [server, _, tests] in servers {
        assert_eq!(missing(&root, tests), [""; 0], "{server}");
    }
}
