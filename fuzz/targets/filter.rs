//! Text on its way to a terminal: however it is cut, no control but colour and style comes out.
#![no_main]

use agent_tui::{Filter, Styling, exact, plain, printable};

libfuzzer_sys::fuzz_target!(|data: (u8, &str)| {
    let (cut, text) = data;
    let coloured = printable(text);
    check(&without_colour(&coloured));
    assert_eq!(plain(&without_colour(&coloured)), without_colour(&coloured), "not settled");
    check(&plain(text));
    check(&exact(text));
    assert_eq!(exact(&exact(text)), exact(text));
    assert!(coloured.len() <= 16 + 24 * text.len(), "it grows without bound");

    let cut = text.char_indices().map(|(at, _)| at).nth(cut.into()).unwrap_or(text.len());
    for styling in [Styling::Keep, Styling::Drop] {
        let mut filter = Filter::new(styling);
        let pieces = [filter.push(&text[..cut]), filter.push(&text[cut..]), filter.finish()];
        check(&without_colour(&pieces.concat()));
        // What was handed out before a carriage return or a backspace cannot be taken back.
        if !text.contains(['\r', '\u{8}']) && styling == Styling::Drop {
            assert_eq!(pieces.concat(), plain(text));
        }
    }
});

fn check(text: &str) {
    let is_control = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
    assert_eq!(text.chars().find(is_control), None, "{text:?}");
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (parameters, rest) = piece.split_once('m').expect("a sequence that is no colour");
        assert!(parameters.bytes().all(|byte| matches!(byte, b'0'..=b';')), "{text:?}");
        kept.push_str(rest);
    }
    kept
}
