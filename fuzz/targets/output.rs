//! Output of commands: whatever bytes come in whatever pieces, what is shown is bounded and true.
#![no_main]

use agent_tools::fuzzing::{decoded, shortened};

const MARK: &str = " bytes left out …]\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(([limit, size, times], bytes)) = data.split_first_chunk() else { return };
    let (limit, size) = (usize::from(*limit) * 4, usize::from(*size) + 1);
    // Now and then more than is kept of a stream.
    let times = if *times < 250 || bytes.is_empty() { 1 } else { (600 << 10) / bytes.len() };
    let whole = bytes.repeat(times);
    let size = size * times;
    let text = String::from_utf8_lossy(&whole);

    let now = decoded(whole.chunks(size));
    let held_back = whole.len()
        - (0..=whole.len().min(3))
            .map(|short| whole.len() - short)
            .find(|end| String::from_utf8_lossy(&whole[..*end]) == now)
            .expect("what is shown is the beginning of it");
    assert!(held_back <= 3);

    let (shown, cut) = shortened(whole.chunks(size), limit);
    if !cut {
        assert_eq!(shown, text);
        return;
    }
    // A byte that is no character takes three.
    assert!(shown.len() <= 3 * limit + 100, "{} for {limit}", shown.len());
    let (head, rest) = shown.split_once("\n[… ").expect("a mark");
    assert!(text.starts_with(head.trim_end_matches('\u{fffd}')), "its beginning");
    let (_, tail) = rest.split_once(MARK).expect("the end of the mark");
    assert!(text.ends_with(tail.trim_start_matches('\u{fffd}')), "its end");
});
