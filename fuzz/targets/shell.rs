//! Command lines. What is understood must mean the same when its words are quoted, and nothing in it may be missed.
#![no_main]

use agent_tools::fuzzing::{commands, mentions};

libfuzzer_sys::fuzz_target!(|line: &str| {
    // What is not understood is read for what it may run; so is a line of which only the end is not.
    let mentioned = mentions(&format!("{line}\n$x"));
    let Some(understood) = commands(line) else { return };
    assert!(understood.iter().all(|words| !words.is_empty()));
    let requoted: Vec<_> = understood.iter().map(|words| quoted(words)).collect();
    assert_eq!(commands(&requoted.join("\n")).as_ref(), Some(&understood));
    // A line with more in it is understood only if that is.
    assert_eq!(commands(&format!("{line}\n$x")), None);
    for words in &understood {
        assert!(mentioned.contains(words), "{words:?} is missed");
    }
});

fn quoted(words: &[String]) -> String {
    let words: Vec<_> =
        words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    words.join(" ")
}
