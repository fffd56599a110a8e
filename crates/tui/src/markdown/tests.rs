use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::width;

/// Lines as text.
fn shown(source: &str, columns: usize) -> String {
    let rendered = render(source, columns, &Theme::default());
    rendered.lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Lines as text, every styled piece in brackets behind its colours and modifiers.
fn styled(source: &str, columns: usize) -> String {
    let mut text = String::new();
    for line in render(source, columns, &Theme::default()).lines {
        for span in &line.spans {
            let style = span.style;
            let colours = [style.fg, style.bg].map(|c| c.map_or(String::new(), |c| c.to_string()));
            let modifiers = format!("{:?}", style.add_modifier).replace("NONE", "");
            let name = format!("{}{}{modifiers}", colours[0], colours[1]);
            let shown = if name.is_empty() {
                span.content.to_string()
            } else {
                format!("⟨{name}:{}⟩", span.content)
            };
            text.push_str(&shown);
        }
        text.push('\n');
    }
    text
}

const TOUR: &str = "\
# Heading *one*

A paragraph with **bold**, *italic*, ~~gone~~, `code` and a [link](https://example.com/a/b) that wraps.

A line break
is kept.

## Lists
Steps:
1. first
2. second, which is longer than the width and so is wrapped
   - nested
     1. deeper
   - [x] done
   - [ ] open

   another paragraph

3. third

> A quote that is wrapped as well, since it is long
> > nested
>
> - item

| Name | Value | 한글 |
|:-----|------:|:----:|
| a | 1 | 가 |
| long name | 23456 | 나다라 |

```rust
fn main() {
\tprintln!(\"hi\");

}
```

---
Last <https://example.com> and ![image](pic.png)
";

#[test]
fn everything_has_its_look() {
    assert_snapshot!("tour_40", shown(TOUR, 40));
    assert_snapshot!("tour_80", shown(TOUR, 80));
    assert_snapshot!("tour_styled", styled(TOUR, 80));
}

#[test]
fn without_colour_or_unicode_it_is_all_there() {
    let ascii = Theme { glyphs: crate::theme::Glyphs::ASCII, ..Theme::colourless() };
    let rendered = render(TOUR, 60, &ascii);
    let text: String = rendered.lines.iter().map(|line| format!("{line}\n")).collect();
    assert_snapshot!("tour_ascii", text);
    let colours = rendered
        .lines
        .iter()
        .flat_map(|line| &line.spans)
        .map(|span| (span.style.fg, span.style.bg));
    assert!(colours.into_iter().all(|colours| colours == (None, None)));
}

#[test]
fn tables_fit() {
    let table = "| File | What it does | Owner |\n|-|-|-|\n| src/main.rs | Parses arguments and starts the thread | 김철수 |\n| b | c |\n";
    for columns in [60, 40, 24, 12] {
        assert_snapshot!(format!("table_{columns}"), shown(table, columns));
    }
}

#[test]
fn lists_are_numbered_and_spaced_as_written() {
    assert_eq!(shown("1. a\n1. b\n\n1. c\n", 20), "1. a\n2. b\n\n3. c\n");
    assert_eq!(shown("1. a\n\n```\nx\n```\n\n2. b", 20), "1. a\n\n  x\n\n2. b\n");
    assert_eq!(shown("text\n- a\n- b\n\ntext", 20), "text\n• a\n• b\n\ntext\n");
    assert_eq!(shown(">\n> a\n>\n> b", 20), "▌ a\n▌ \n▌ b\n");
    assert_eq!(shown("-\n- a", 20), "• \n• a\n");
    assert_eq!(shown("9. a\n10. b\n    c", 20), "9. a\n10. b\n    c\n");
}

#[test]
fn text_that_was_wrapped_by_hand_is_wrapped_anew() {
    let long = "a".repeat(59);
    assert_eq!(shown(&format!("{long}\nb"), 80), format!("{long}\nb\n"));
    assert_eq!(shown(&format!("{long}a\n{long}a\nb"), 200), format!("{long}a {long}a b\n"));
    let wide = "字".repeat(40);
    assert_eq!(shown(&format!("{wide}\n字"), 200), format!("{wide}字\n"));
}

#[test]
fn an_address_leads_where_it_says_over_as_many_rows_as_it_takes() {
    let address = "https://example.com/a_b/c?d=e_f";
    for source in [format!("See {address}."), format!("| a |\n|---|\n| {address} |\n")] {
        for columns in [16, 60] {
            let rendered = render(&source, columns, &Theme::colourless());
            let part = |link: &Link| -> String {
                let row = rendered.lines[link.line].to_string();
                row.chars().skip(link.columns.start).take(link.columns.len()).collect()
            };
            let parts: String = rendered.links.iter().map(part).collect();
            assert_eq!(parts, address, "{columns}: {:?}", rendered.lines);
            assert!(rendered.links.iter().all(|link| &*link.target == address));
        }
    }
}

#[test]
fn links_lead_where_they_say() {
    let rendered = render("see [the text](https://a.b/c) here", 14, &Theme::default());
    let text: Vec<_> = rendered.lines.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["see the text", "(https://a.b/c", ") here"]);
    let links: Vec<_> =
        rendered.links.iter().map(|l| (l.line, l.columns.clone(), &*l.target)).collect();
    assert_eq!(links, [(0, 4..12, "https://a.b/c"), (1, 1..14, "https://a.b/c")]);
    let bare = render("<https://a.b>, [src/a.rs](src/a.rs)", 40, &Theme::default());
    assert_eq!(bare.lines[0].to_string(), "https://a.b, src/a.rs");
    let cell = render("|a|b|\n|-|-:|\n|x|[y](z)|", 40, &Theme::default());
    assert_eq!(cell.links[0].columns, 4..5);
}

#[test]
fn references_stay_readable() {
    let shown = |source| shown(source, 40);
    assert_eq!(shown("see [a b][1]\n"), "see a b [1]\n");
    // What is defined is followed, and its definition needs not be seen.
    assert_eq!(shown("see [a b][1]\n\n[1]: https://x.y\n"), "see a b (https://x.y)\n");
    assert_eq!(shown("of [it]\n\n[It]: https://x.y\n"), "of it (https://x.y)\n");
    assert_eq!(shown("- [a]\n\n[a]: https://x.y\n[a]: https://z\n"), "• a (https://x.y)\n");
    let before = "One.\n\n[1]: https://x.y\n\nsee [a][1] and [1]\n";
    assert_eq!(shown(before), "One.\n\nsee a (https://x.y) and 1 (https://x.y)\n");
    assert_eq!(shown("[1]: https://x.y\n\nsee [a][1]\n"), "see a (https://x.y)\n");
    // What is no link stays as written.
    assert_eq!(shown("take table[row][column] of it"), "take table[row][column] of it\n");
}

#[test]
fn what_the_terminal_would_obey_is_shown() {
    let text = shown("a\u{1b}[31mb \u{202e}c `\u{7}`\n\n```\n\u{1b}]0;x\u{7}\n```", 60);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.contains("<U+202E>c <U+0007>"), "{text:?}");
}

#[test]
fn html_is_shown_as_it_is() {
    assert_eq!(
        shown("a <b>c</b><br>d\n\n<details>\n<summary>x</summary>", 40),
        "a <b>c</b>\nd\n\n<details>\n<summary>x</summary>\n"
    );
}

/// Pieces of Markdown, as models write it and as nobody would.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\n",
        "\n",
        "\n",
        "\n\n",
        "word",
        " ",
        "  ",
        "    ",
        "- ",
        "* ",
        "1. ",
        "2) ",
        "# ",
        "> ",
        "```",
        "```rust\n",
        "~~~",
        "---",
        "***",
        "===",
        "|",
        "|-|-|\n",
        "**",
        "_",
        "`",
        "[a](b)",
        "[a]: b\n",
        "한글",
        "👩\u{200d}🚀",
        "\t",
        "<b>",
        "<!--",
        "\r\n",
        "\\",
        "[x] ",
        "let x = \"1\"; // c\n",
        "/*",
        "\u{1b}[1m",
        "a long run of words that wraps",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn joined(mut first: Rendered, second: Rendered) -> Rendered {
    first.append(second);
    first
}

proptest! {
    #[test]
    fn a_stream_shows_what_the_whole_shows(source in markdown(), cuts in prop::collection::vec(0usize..12, 1..30)) {
        let theme = Theme::default();
        let mut stream = Stream::new(20, theme.clone());
        // Without going back to what was defined late.
        let once = |source: &str| Stream::new(20, theme.clone()).whole(source).finished();
        let mut finished = Rendered::default();
        let mut at = 0;
        let mut cuts = cuts.iter().cycle();
        while at < source.len() {
            let mut end = (at + 1 + cuts.next().unwrap()).min(source.len());
            while !source.is_char_boundary(end) {
                end += 1;
            }
            stream.push(&source[at..end]);
            at = end;
            finished.append(stream.finished());
            let now = joined(finished.clone(), stream.live().clone());
            prop_assert_eq!(now, once(&source[..at]));
        }
        stream.end();
        finished.append(stream.finished());
        prop_assert_eq!(&finished, &once(&source));
        if !stream.take_late() {
            prop_assert_eq!(&finished, &render(&source, 20, &theme));
        }
        prop_assert!(stream.live().lines.is_empty());
    }

    #[test]
    fn no_width_is_too_small(source in markdown(), columns in 0usize..16) {
        render(&source, columns, &Theme::default());
    }

    #[test]
    fn no_line_is_wider_than_the_screen(source in markdown(), columns in 16usize..60) {
        for line in render(&source, columns, &Theme::default()).lines {
            let text = line.to_string();
            prop_assert!(width::of(&text) <= columns, "{text:?}");
        }
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("{}x", "> ".repeat(2000));
    assert_eq!(shown(&deep, 10), "▌ ▌ x\n");
    assert_eq!(shown(&format!("{}x", "- ".repeat(2000)), 10), "• • x\n");
}

#[test]
fn a_long_list_or_fence_is_finished_as_it_comes() {
    let mut stream = Stream::new(80, Theme::default());
    let mut lines = 0;
    stream.push("```rust\n");
    for _ in 0..1000 {
        stream.push("let a = 1;\n");
        lines += stream.finished().lines.len();
    }
    assert_eq!(lines, 1000);
    stream.push("```\n");
    for _ in 0..1000 {
        stream.push("- item\n");
        stream.finished();
        assert!(stream.live().lines.len() <= 2);
    }
}

#[test]
fn text_without_an_end_is_finished_in_pieces() {
    let theme = Theme::default();
    let words = "한 word and **more** of `it`. ".repeat(2000);
    let solid = "x".repeat(40_000);
    let lines = "a line of text that is not too long\n".repeat(1500);
    for source in [words, solid, lines] {
        let mut stream = Stream::new(80, theme.clone());
        let mut finished = Rendered::default();
        let mut rest = source.as_str();
        for piece in (1..).map(|n| n % 97) {
            let end = rest.char_indices().map(|(at, _)| at).nth(piece).unwrap_or(rest.len());
            stream.push(&rest[..end]);
            rest = &rest[end..];
            finished.append(stream.finished());
            if piece == 5 {
                assert!(stream.live().lines.len() < 400);
            }
            if rest.is_empty() {
                break;
            }
        }
        stream.end();
        finished.append(stream.finished());
        let whole = render(&source, 80, &theme);
        assert!(finished == whole);
        // Nothing of it is lost, and no mark of emphasis is left over.
        let text: String = whole.lines.iter().map(ToString::to_string).collect();
        let kept = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        assert_eq!(kept(&text), kept(&source));
        assert!(!text.contains(['*', '`']));
    }
    let table = format!("|a|b|\n|-|-|\n{}", "| one | two |\n".repeat(1000));
    assert_eq!(render(&table, 40, &theme).lines.len(), 1002);
}

#[test]
fn no_character_of_a_message_vanishes_wherever_it_stands() {
    let source = "\u{9b}31mred \u{9d}title\u{9c} \u{90}x\u{9c} a \u{1b}[8mb `\u{1b}[8mcode`\n\n```\n\u{1b}]0;x\u{7}#\rls\n```\n\n| \u{1b}[8mh |\n|-|\n| c |\n";
    let text = shown(source, 200);
    for seen in [
        "<U+009B>31mred <U+009D>title<U+009C> <U+0090>x<U+009C>",
        "a <U+001B>[8mb <U+001B>[8mcode",
        "  <U+001B>]0;x<U+0007>#<U+000D>ls",
        "<U+001B>[8mh",
    ] {
        assert!(text.contains(seen), "{text}");
    }
}
