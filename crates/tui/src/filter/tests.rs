//! What passes and what does not, whole and in pieces.

use super::*;
use proptest::prelude::*;

#[test]
fn s21_only_colour_and_style_pass() {
    for (text, shown) in [
        ("plain ✓ text\tand\n", "plain ✓ text\tand\n"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;8mbold", "\x1b[1;38;5;8mbold\x1b[0m"),
        ("\x1b[38:2::1:2:3mx\x1b[m", "\x1b[38:2::1:2:3mx\x1b[0m"),
        ("\x1b[8mhidden\x1b[5;1mblink", "hidden\x1b[1mblink\x1b[0m"),
        ("a\x1b[2K\x1b[1Gb\x1b[?25l\x1b[5;5H", "ab"),
        ("\u{9b}2Jx", "x"),
        ("\x1b]0;title\x07x", "<OSC 0>x"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "<OSC 52>x"),
        ("\x1b]8;;https://a.b\x07text\x1b]8;;\x07", "text"),
        ("\x1bP1$r\x1b\\x\x1b_apc\x1b\\", "<DCS>x<APC>"),
        ("bell\x07 null\0 del\x7f", "bell<U+0007> null<U+0000> del<U+007F>"),
        ("\u{85}\u{8d}", "<U+0085><U+008D>"),
    ] {
        assert_eq!(printable(text), shown, "{text:?}");
    }
    assert_eq!(plain("\x1b[31mred\x1b[0m"), "red");
}

#[test]
fn s21_what_cannot_be_seen_is_marked() {
    for (text, shown) in [
        ("a\u{202e}b\u{2066}c", "a<U+202E>b<U+2066>c"),
        ("rm\u{200b} x\u{feff}", "rm<U+200B> x<U+FEFF>"),
        ("tag\u{e0041}", "tag<U+E0041>"),
        ("soft\u{ad}hyphen \u{3164}", "soft<U+00AD>hyphen <U+3164>"),
        // Joiners stay where scripts and emoji need them, and only there.
        ("👩\u{200d}🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}", "👩\u{200d}🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("a\u{200d}b 👩\u{200d}", "a<U+200D>b 👩<U+200D>"),
        ("👩\u{200d}\x1b🚀", "👩<U+200D><U+001B>🚀"),
        ("ی\u{200c}\u{61c}و", "ی<U+200C><U+061C>و"),
        ("❤\u{fe0f}\u{fe0f} 字\u{e0100}\u{e0101}", "❤\u{fe0f}<U+FE0F> 字\u{e0100}<U+E0101>"),
    ] {
        assert_eq!(printable(text), shown, "{text:?}");
    }
}

#[test]
fn s21_a_string_that_never_ends_hides_nothing() {
    assert_eq!(printable("a\x1b]0;x\nrm -rf"), "a<U+001B>]0;x\nrm -rf");
    assert_eq!(printable("a\x1b]0;x"), "a<U+001B>]0;x");
    assert_eq!(printable("a\x1b[12\nb"), "a<U+001B>[12\nb");
    assert_eq!(printable("a\x1b"), "a<U+001B>");
}

#[test]
fn of_a_line_drawn_again_and_again_the_last_version_stays() {
    assert_eq!(printable("10%\r50%\r100%\ndone\r\n"), "100%\ndone\n");
    assert_eq!(printable("10%\r"), "10%");
    assert_eq!(printable("\x1b[32mab\rc\n"), "\x1b[32mc\n\x1b[0m");
    let mut filter = Filter::new(Styling::Keep);
    assert_eq!(filter.push("10%\r2"), "2");
    assert_eq!(filter.push("0%"), "0%");
    // What was handed out cannot be taken back.
    assert_eq!(filter.push("\r30%\r40%"), "\n40%");
    assert_eq!(filter.finish(), "");
}

#[test]
fn what_is_written_over_by_a_backspace_makes_way() {
    for (text, shown) in [
        ("z\x08q\n", "q\n"),
        ("|\x08/\x08-\x08done", "done"),
        ("N\x08NA\x08AM\x08ME\x08E _\x08x", "NAME x"),
        ("한글\x08\x08자", "한자"),
        ("한\x08글", "글"),
        ("abc\x08\x08X\n", "aXc\n"),
        ("abc\x08\x08\r\n", "abc\n"),
        ("abc\x08\x08", "abc"),
        ("\x08a\n\x08b", "a\nb"),
        ("ab\x08\re", "e"),
        ("e\u{301}\x08a", "a"),
        ("ی\u{200c}و\x08a", "ی<U+200C>a"),
        ("\x1b[31mab\x1b[0m\x08c", "\x1b[31ma\x1b[0mc"),
        ("\x1b[31ma\x1b[0m\u{307}\x08b", "\x1b[31ma\x1b[0mb"),
        ("lsx\x08\x1b[K\r\n", "ls\n"),
        ("abcdef\x08\x08\x08\x08\x1b[0Kxy", "abxy"),
        ("50 %\r\x1b[Kdone\n", "done\n"),
        ("50 %\r\x1b[2K\n", "\n"),
        ("a\x07\x08b", "<U+0007>b"),
        ("a\x07\u{200b}\x08b", "<U+0007><U+200B>b"),
        ("ab\x07\x08\x08c", "<U+0007>cb"),
        ("<m\x08\x08b", "bm"),
    ] {
        assert_eq!(printable(text), shown, "{text:?}");
    }
    const MANY: usize = 300_000;
    let long = format!("{}{}y", "m".repeat(MANY), "\x08".repeat(MANY));
    assert_eq!(printable(&long), format!("y{}", "m".repeat(MANY - 1)));
    assert_eq!(written("a\x08b"), "a<U+0008>b", "what somebody wrote means itself");
    assert_eq!(exact("a\x08b"), "a<U+0008>b");
}

#[test]
fn s21_in_an_approval_every_byte_can_be_seen() {
    assert_eq!(exact("ls\u{a0}-l\t# ok\n"), "ls<U+00A0>-l\t# ok\n");
    assert_eq!(exact("a\x1b[8mb\rc\u{200d}"), "a<U+001B>[8mb<U+000D>c<U+200D>");
}

#[test]
fn s21_characters_that_take_no_room_are_marks_in_an_approval() {
    let ranges = [
        0x2d7f..=0x2d7f,
        0xfe00..=0xfe0f,
        0x1107f..=0x1107f,
        0x13430..=0x1343f,
        0x16fe4..=0x16fe4,
        0x1d159..=0x1d159,
        0x1d173..=0x1d17a,
        0xe0100..=0xe01ef,
    ];
    for code in ranges.into_iter().flatten() {
        let c = char::from_u32(code).unwrap();
        for before in ["a", "é", "𓀀", "文", "❤"] {
            let marked = format!("{before}<U+{code:04X}>b");
            assert_eq!(exact(&format!("{before}{c}b")), marked);
            assert_eq!(exact_name(&format!("{before}{c}b")), marked);
            let is_of_use = match code {
                0xfe0e | 0xfe0f => before == "❤",
                0xfe00..=0xfe0d | 0xe0100..=0xe01ef => before == "文",
                _ => false,
            };
            let text = format!("{before}{c}b");
            let shown = if is_of_use { text.clone() } else { marked };
            assert_eq!(written(&text), shown);
            assert_eq!(plain(&text), shown);
        }
    }
}

#[test]
fn s21_what_somebody_wrote_obeys_no_sequence_and_loses_nothing() {
    for (text, shown) in [
        ("\u{9b}31mred", "<U+009B>31mred"),
        ("a \x1b[8mcode\x1b[0m", "a <U+001B>[8mcode<U+001B>[0m"),
        ("\u{9d}title\u{9c}\u{90}x\u{9c}", "<U+009D>title<U+009C><U+0090>x<U+009C>"),
        ("rm -rf x #\rls\r", "rm -rf x #<U+000D>ls<U+000D>"),
        ("one\r\ntwo\tthree\n", "one\ntwo\tthree\n"),
        ("👩\u{200d}🚀 10\u{a0}km a\u{200d}", "👩\u{200d}🚀 10\u{a0}km a<U+200D>"),
    ] {
        assert_eq!(written(text), shown, "{text:?}");
    }
}

/// Characters that make sequences, among others.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\x1b".to_owned()),
        Just("\x1b[".to_owned()),
        Just("\x1b]".to_owned()),
        Just("\x07".to_owned()),
        Just("\r".to_owned()),
        Just("\x08".to_owned()),
        Just("\n".to_owned()),
        "[0-9;:?mHJK]{1,3}",
        "[\u{80}-\u{9f}\u{200b}-\u{2070}👩🚀\u{fe0f}\u{307}a-z]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn without_sgr(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some(at) = rest.find("\x1b[") {
        let parameters = &rest[at + 2..];
        let end = parameters.find('m').expect("a sequence that is no SGR");
        assert!(parameters[..end].bytes().all(|b| matches!(b, b'0'..=b';')), "{text:?}");
        kept.push_str(&rest[..at]);
        rest = &parameters[end + 1..];
    }
    kept + rest
}

proptest! {
    #[test]
    fn no_control_but_sgr_comes_out_however_the_text_is_cut(text in nasty(), cut in 0usize..40) {
        let whole = printable(&text).into_owned();
        let kept = without_sgr(&whole);
        prop_assert!(!kept.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{:?}", whole);
        prop_assert_eq!(without_sgr(&printable(&kept)), kept);

        let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
        let mut filter = Filter::new(Styling::Drop);
        let mut pieces = filter.push(&text[..cut]);
        pieces.push_str(&filter.push(&text[cut..]));
        pieces.push_str(&filter.finish());
        prop_assert!(!pieces.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        if !text.contains(['\r', '\u{8}']) {
            prop_assert_eq!(pieces, plain(&text));
        }
        for shown in [exact(&text), written(&text)] {
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            prop_assert!(written(&shown) == shown, "{shown:?}");
        }
    }
}
