//! No file of this folder is forgotten: a file without its `mod` line would never run.

use std::path::Path;

#[test]
fn every_file_of_the_specification_is_part_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            assert!(
                main.contains(&format!("mod {name};")),
                "tests/{name}.rs is not named in tests/main.rs"
            );
        }
    }
}
