//! What terminals send, and what it means.

use super::*;
use crate::key::keys;

fn reports(bytes: &str) -> Vec<Report> {
    let whole = Decoder::default().feed(bytes.as_bytes());
    let mut decoder = Decoder::default();
    let cut: Vec<_> = bytes.as_bytes().iter().flat_map(|byte| decoder.feed(&[*byte])).collect();
    assert_eq!(whole, cut, "however it is cut");
    whole
}

#[test]
fn a_key_is_the_same_however_the_terminal_writes_it() {
    let table = [
        ("a", "a"),
        ("é한🙂", "é한🙂"),
        ("\r", "<enter>"),
        ("\n", "<c-j>"),
        ("\x03\x1a", "<c-c><c-z>"),
        ("\x1f", "<c-7>"),
        ("\x1b[A\x1bOA", "<up><up>"),
        ("\x1b[1;5C\x1b[1;3D", "<c-right><a-left>"),
        ("\x1b[3~\x1b[3;5~", "<del><c-del>"),
        ("\x1b[Z", "<s-tab>"),
        ("\x1b[15~\x1b[24~\x1bOP\x1b[[A", "<f5><f12><f1><f1>"),
        ("\x1bb\x1b\x7f", "<a-b><a-bs>"),
        ("\x1b\x1b[A", "<esc><up>"),
        ("\x1b[13;2u\x1b[27;2;13~", "<s-enter><s-enter>"),
        ("\x1b[27u\x1b[99;5u\x1b[122;6u", "<esc><c-c><c-s-z>"),
        ("\x1b[44:60;4u\x1b[97;3u", "<a-lt><a-a>"),
        ("\x1b[97;1:3u\x1b[97;5:2u", "<c-a>"),
        // What is held with super is no key of ours; caps lock and its like change nothing.
        ("\x1b[121;9ua\x1b[121;17u\x1b[121;65u\x1b[121;33u", "ay<a-y>"),
        ("\x1b[57400u\x1b[57414u", "1<enter>"),
        // Chords on a Cyrillic layout are those of the keys' Latin places; text is not.
        ("\x1b[1089::99;5u\x1b[1079::112;3u", "<c-c><a-p>"),
        ("\x1b[1103:1071:122;6u\x1b[1073:1041:44;4u", "<c-s-z><a-lt>"),
        ("\x1b[1089::99u\x1b[1089:1057:99;2u", "сС"),
        ("\x1b[1089;5u\x1b[97::113;5u\x1b[233::50;3u", "<c-с><c-a><a-2>"),
    ];
    for (bytes, expected) in table {
        let expected: Vec<_> = keys(expected).unwrap().into_iter().map(Report::Key).collect();
        assert_eq!(reports(bytes), expected, "{bytes:?}");
    }
}

#[test]
fn where_the_cursor_is_is_told_between_keys() {
    let key = |c| Report::Key(KeyEvent::plain(KeyCode::Char(c)));
    let told = Report::Position { row: 24, column: 80 };
    assert_eq!(reports("a\x1b[24;80Rb"), [key('a'), told, key('b')]);
}

#[test]
fn an_escape_is_a_key_when_nothing_follows() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.feed(b"x\x1b").len(), 1);
    assert_eq!(decoder.patience(), Some(AFTER_ESCAPE));
    assert_eq!(decoder.give_up(), key(KeyCode::Esc));
    assert_eq!((decoder.patience(), decoder.give_up()), (None, None));
    assert!(decoder.feed(b"\x1b[").is_empty());
    assert_eq!(decoder.patience(), Some(WITHIN_SEQUENCE), "an arrow over a slow line");
    for (begun, rest) in [("한", "글"), ("\x1b한", ""), ("👍", ""), ("é", "")] {
        let mut decoder = Decoder::default();
        let (last, first) = begun.as_bytes().split_last().unwrap();
        decoder.feed(first);
        assert_eq!(decoder.patience(), Some(WITHIN_SEQUENCE), "{begun} over a slow line");
        assert_eq!(
            decoder.feed(&[&[*last], rest.as_bytes()].concat()).len(),
            1 + rest.chars().count()
        );
    }
    let alt = keys("<a-[>").unwrap().into_iter().map(Report::Key).next();
    assert_eq!(decoder.give_up(), alt);
}

#[test]
fn a_paste_is_one_whatever_is_in_it() {
    let text = "one\r\n\x1b[A\x1b[200~ two\x03";
    assert_eq!(reports(&format!("a\x1b[200~{text}\x1b[201~b"))[1], Report::Paste(text.to_owned()));
}

#[test]
fn what_the_terminal_says_of_the_cursor_is_no_part_of_a_paste() {
    let mut decoder = Decoder::default();
    decoder.feed(b"\x1b[200~one R");
    let before = decoder.pasted();
    assert_eq!(decoder.feed(b"\x1b[24;80R"), [Report::Position { row: 24, column: 80 }]);
    assert_eq!(decoder.pasted(), before);
    assert_eq!(decoder.feed(b"two\x1b[201~"), [Report::Paste("one Rtwo".to_owned())]);
}

fn open(text: &str) -> Report {
    Report::OpenPaste(text.to_owned())
}

/// A paste that broke off after `one`.
fn broken_off() -> Decoder {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.feed(b"\x1b[200~one\x03"), []);
    assert_eq!(decoder.patience(), Some(WITHIN_PASTE));
    assert_eq!(decoder.give_up(), Some(open("one\x03")));
    assert_eq!(decoder.patience(), None);
    decoder
}

#[test]
fn a_paste_that_loses_its_end_does_not_take_every_key() {
    let mut decoder = broken_off();
    let ctrl_c = keys("<c-c>").unwrap().into_iter().map(Report::Key).next().unwrap();
    assert_eq!(decoder.feed(b"\x03"), [ctrl_c]);
    assert_eq!(decoder.feed(b"\r"), key(KeyCode::Enter).into_iter().collect::<Vec<_>>());
    for bytes in [b"\x1b[D".as_slice(), b"\x7f", b"\x1b[27u", b"\x1bb"] {
        let mut decoder = broken_off();
        assert_eq!(decoder.feed(bytes).len(), 1);
        assert_eq!(
            decoder.feed(b"y\r"),
            [
                Report::Key(KeyEvent::plain(KeyCode::Char('y'))),
                Report::Key(KeyEvent::plain(KeyCode::Enter)),
            ]
        );
    }
    let mut decoder = broken_off();
    assert_eq!(decoder.feed(b"\x1b"), []);
    assert_eq!(decoder.give_up(), key(KeyCode::Esc));
    assert_eq!(decoder.feed(b"\r"), key(KeyCode::Enter).into_iter().collect::<Vec<_>>());
}

#[test]
fn a_key_that_no_text_holds_ends_the_rest_of_a_paste_at_once() {
    let mut decoder = broken_off();
    assert_eq!(decoder.feed(b"more"), []);
    let left = key(KeyCode::Left).unwrap();
    assert_eq!(decoder.feed(b"\x1b[D"), [open("more"), left]);
    assert_eq!(decoder.feed(b"\r"), key(KeyCode::Enter).into_iter().collect::<Vec<_>>());
}

#[test]
fn the_rest_of_a_paste_that_was_slow_sends_and_answers_nothing() {
    let mut decoder = broken_off();
    for (bytes, text) in [(b"y", "y"), (b"\r", "\n"), (b"\n", "\n"), (b"\t", "\t"), (b"?", "?")] {
        assert_eq!(decoder.feed(bytes), [open(text)], "a byte at a time");
    }
    assert_eq!(decoder.feed(b"\x1b[24;80R\x1b[I").len(), 2, "the terminal answers meanwhile");
    assert_eq!(decoder.feed(b"two\rthree\x1b[A"), []);
    assert_eq!(decoder.give_up(), Some(open("two\rthree\x1b[A")));
    assert_eq!(decoder.feed(b"four\r"), []);
    assert_eq!(
        decoder.feed(b"\x1b[201~x"),
        [Report::Paste("four\r".to_owned()), Report::Key(KeyEvent::plain(KeyCode::Char('x'))),]
    );
    for end in [b"\x1b[201~".as_slice(), b"\x1b[200~\x1b[201~"] {
        let mut decoder = broken_off();
        decoder.feed(end);
        let enter: Vec<_> = key(KeyCode::Enter).into_iter().collect();
        assert_eq!(decoder.feed(b"\r"), enter, "the end came");
    }
    let mut decoder = broken_off();
    assert_eq!(decoder.feed(b"x\x1b[201~"), [Report::Paste("x".to_owned())]);
}

#[test]
fn answers_are_told_from_keys() {
    assert_eq!(
        reports("\x1b]11;rgb:ffff/8080/0000\x1b\\a\x1b]11;rgb:f/8/0\x07"),
        [
            Report::Background([255, 128, 0]),
            Report::Key(KeyEvent::plain(KeyCode::Char('a'))),
            Report::Background([255, 136, 0])
        ]
    );
    assert_eq!(
        reports("\x1b[?1u\x1b[?62;22c\x1b[I\x1b[O"),
        [Report::Keyboard, Report::Attributes, Report::Focus(true), Report::Focus(false)]
    );
}

#[test]
fn of_the_mouse_only_the_wheel_means_something() {
    let (up, down) = (Report::Wheel { up: true }, Report::Wheel { up: false });
    let turned = reports("\x1b[<64;10;5M\x1b[<65;10;5M\x1b[<69;10;5M");
    assert_eq!(turned, [up, down.clone(), down]);
    assert_eq!(reports("\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<66;1;1M\x1b[<64;1;1m\x1b[<;M"), []);
}

#[test]
fn what_means_nothing_to_us_types_nothing() {
    for bytes in [
        "\x1b[?2026;2$y",
        "\x1b]52;c;aGk=\x07",
        "\x1bP>|kitty\x1b\\",
        "\x1b[57358u",
        "\x1b[8;24;80t",
        "\u{1b}[1;1",
    ] {
        assert_eq!(reports(bytes), [], "{bytes:?}");
    }
    // Neither does what is no UTF-8.
    assert_eq!(Decoder::default().feed(b"\xff\xc0a").len(), 1);
}

#[test]
fn a_string_without_an_end_is_not_kept() {
    let mut decoder = Decoder::default();
    decoder.feed(&[b"\x1b]".as_slice(), &vec![b'x'; 2 * MAX_SEQUENCE]].concat());
    assert!(decoder.held.len() <= MAX_SEQUENCE);
}
