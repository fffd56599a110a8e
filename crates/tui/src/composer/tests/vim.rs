//! Vim's keys.

use super::*;

/// In vim's normal mode, with `text` typed before.
fn vim(text: &str, commands: &str) -> String {
    let mut composer = composer();
    composer.toggle_vim();
    press(&mut composer, text);
    press(&mut composer, "<esc>");
    press(&mut composer, commands);
    shown(&composer)
}

#[test]
fn vim_moves_and_operates() {
    for (text, commands, expected) in [
        ("one two", "", "one tw|o"),
        ("one two", "b", "one |two"),
        ("one two", "0x", "|ne two"),
        ("one two", "0w", "one |two"),
        ("one-two", "0ww", "one-|two"),
        ("one-two x", "0W", "one-two |x"),
        ("one two", "0e", "on|e two"),
        ("one two three", "0dw", "|two three"),
        ("one two three", "02dw", "|three"),
        ("one two three", "0d2w", "|three"),
        ("one two", "0cwx<esc>", "|x two"),
        ("one two", "bD", "one| "),
        ("one two", "0C!", "!|"),
        ("a<c-j>b<c-j>c", "kdd", "a\n|c"),
        ("a<c-j>b<c-j>c", "dd", "a\n|b"),
        ("a<c-j>b<c-j>c", "dk", "|a"),
        ("a<c-j>b", "yyp", "a\nb\n|b"),
        ("a<c-j>b", "kddp", "b\n|a"),
        ("ab", "xP", "|ba"),
        ("ab", "0xp", "b|a"),
        ("one two", "0dwu", "|one two"),
        ("one two", "0dwu<c-r>", "|two"),
        ("a<c-j>b", "ggox<esc>", "a\n|x\nb"),
        ("a<c-j>b", "Ox", "a\nx|\nb"),
        ("  ab", "Ix", "  x|ab"),
        ("ab", "0Ax", "abx|"),
        ("a(b)c", "0f)", "a(b|)c"),
        ("a(b)c", "0dt)", "|)c"),
        ("a.b.c", "0f.;", "a.b|.c"),
        ("a.b.c", "0f.;,", "a|.b.c"),
        ("one two three", "bbciw2<esc>", "one |2 three"),
        ("one two three", "bbdaw", "one |three"),
        ("ab", "0rx", "|xb"),
        ("한글", "0x", "|글"),
        ("a<c-j>b<c-j>c", "ggJ", "a| b\nc"),
        ("a<c-j>b<c-j>c", "2G", "a\n|b\nc"),
        ("abc", "d<esc>x", "a|b"),
        ("a b<c-j>c", "ggccx<esc>", "|x\nc"),
        ("a<c-j>b<c-j>c", "kdG", "|a"),
        ("a<c-j>b<c-j>c", "kdgg", "|c"),
        ("one two", "0d$", "|"),
        ("a<c-j>b", "ggyjP", "|a\nb\na\nb"),
        ("one two", "0yw$p", "one twoone| "),
    ] {
        assert_eq!(vim(text, commands), expected, "{text:?} {commands}");
    }
}

#[test]
fn vim_counts_what_is_replaced_inserted_put_and_undone() {
    for (text, commands, expected) in [
        ("abcd", "03rx", "xx|xd"),
        ("한글ab", "02rx", "x|xab"),
        ("ab", "03rx", "|ab"),
        ("one", "03ix<esc>", "xx|xone"),
        ("one", "03ix<esc>u", "|one"),
        ("a<c-j>b<c-j>c", "gg3Ju", "|a\nb\nc"),
        // What came otherwise than by typing is there once.
        ("", "3ihello<esc>A<c-u>", "|"),
        ("", "3ihello<c-u>world<esc>", "worl|d"),
        ("abc", "3A<c-u>hello<esc>", "hell|o"),
        ("abc", "3A<backspace><backspace>xy<esc>", "ax|y"),
        ("", "3ixy<backspace><esc>", "xx|x"),
        ("", "3i<up><esc>", "second\nlin|e"),
        ("one", "2a!?<esc>", "one!?!|?"),
        ("one", "3Ix<esc>", "xx|xone"),
        ("one", "2A, two<esc>", "one, two, tw|o"),
        ("a<c-j>b", "gg2ox<esc>", "a\nx\n|x\nb"),
        ("a", "2Ox<esc>", "x\n|x\na"),
        ("ab", "03ix<esc>$.", "xxxaxx|xb"),
        ("one", "3ix<left><esc>", "o|nxe"),
        ("ab", "0x3p", "baa|a"),
        ("a<c-j>b", "ggyy2p", "a\n|a\na\nb"),
        ("abcd", "0xxx2u", "|bcd"),
        ("a<c-j>b<c-j>c<c-j>d", "gg3J", "a b| c\nd"),
    ] {
        assert_eq!(vim(text, commands), expected, "{text:?} {commands}");
    }
}

#[test]
fn vim_goes_to_brackets_paragraphs_and_ends_of_words() {
    for (text, commands, expected) in [
        ("if (a(b)) c", "0%", "if (a(b)|) c"),
        ("if (a(b)) c", "0%%", "if |(a(b)) c"),
        ("if (a(b)) c", "0%d%", "if | c"),
        ("f(a", "0d%", "|f(a"),
        ("{[<c-j>]}", "0gg%", "{[\n]|}"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "gg}", "a\n|\nb\nc\n\nd"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "gg}}", "a\n\nb\nc\n|\nd"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "gg3}", "a\n\nb\nc\n\n|d"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "gg}dd", "a\n|b\nc\n\nd"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "{", "a\n\nb\nc\n|\nd"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "{{", "a\n|\nb\nc\n\nd"),
        ("a<c-j><c-j>b<c-j>c<c-j><c-j>d", "{{{", "|a\n\nb\nc\n\nd"),
        ("a b<c-j>c<c-j><c-j>d", "ggwd}", "a| \n\nd"),
        ("a b<c-j>c<c-j><c-j>d", "ggd}", "|\nd"),
        ("a<c-j><c-j>b<c-j>c", "d{", "a\n|c"),
        ("one two.x", "ge", "one two|.x"),
        ("one two.x", "gege", "one tw|o.x"),
        ("one two.x", "gE", "on|e two.x"),
        ("one two", "03ge", "|one two"),
        ("one two three", "0wwdge", "one tw|hree"),
        ("one two", "wgegUge", "|ONE two"),
    ] {
        assert_eq!(vim(text, commands), expected, "{text:?} {commands}");
    }
}

#[test]
fn vim_selects_repeats_and_knows_objects() {
    for (text, commands, expected) in [
        ("one two", "0vd", "|ne two"),
        ("one two three", "0vwd", "|wo three"),
        ("one two", "0viwd", "| two"),
        ("one two", "0vey$p", "one twoon|e"),
        ("one two", "0vecx<esc>", "|x two"),
        ("one two", "0vwov<esc>x", "|ne two"),
        ("a<c-j>b<c-j>c", "ggVjd", "|c"),
        ("a<c-j>b<c-j>c", "ggVyGp", "a\nb\nc\n|a"),
        ("a<c-j>b", "ggVcx<esc>", "|x\nb"),
        ("one two", "0v<esc>x", "|ne two"),
        ("one two", "0veU", "|ONE two"),
        ("one two three", "0dw.", "|three"),
        ("one two three", "0cwx<esc>w.", "x |x three"),
        ("abc", "0xu.", "|bc"),
        ("abcd", "0x..", "|d"),
        ("Ab c", "0~~~~", "aB |C"),
        ("ab", "03~", "A|B"),
        ("one two", "0guU", "|one two"),
        ("one two", "0gUw", "|ONE two"),
        ("say \"a b\" now", "0ci\"x<esc>", "say \"|x\" now"),
        ("say \"a b\" now", "0da\"", "say |now"),
        ("say \"a b\"", "0da\"", "sa|y"),
        ("f(a, g(b), c)", "0fbci(x<esc>", "f(a, g(|x), c)"),
        ("f(a, g(b), c)", "0fadi(", "f(|)"),
        ("f(a)", "0fada(", "|f"),
        ("x[1]{2}'3'", "0f1di[f2di{f3di'", "x[]{}'|'"),
        ("one two-x three", "0wdiW", "one | three"),
        ("one two", "$daw", "on|e"),
        // What we do not have takes nothing else with it.
        ("one two", "0ci(", "|one two"),
        ("one two", "0\"ayw", "|one two"),
        ("one two", "0majx", "|ne two"),
        ("a<c-j>b", "gg>>x", "|\nb"),
        ("one two", "0=wx", "|ne two"),
        ("one two", "0:dd<enter>x", "|ne two"),
        ("one two", "0/dd<esc>x", "|ne two"),
        ("one two", "0vzd<esc>x", "|ne two"),
    ] {
        assert_eq!(vim(text, commands), expected, "{text:?} {commands}");
    }
    let mut composer = composer();
    composer.toggle_vim();
    press(&mut composer, "one two<esc>0v");
    assert_eq!(composer.mode(), Some(Mode::Visual));
    let area = Rect::new(0, 0, 20, 1);
    let mut cells = Cells::empty(area);
    press(&mut composer, "e");
    composer.render(area, &mut cells, &Theme::colourless());
    let reversed = ratatui_core::style::Modifier::REVERSED;
    let marked = cells.content.iter().filter(|cell| cell.modifier.contains(reversed)).count();
    assert_eq!(marked, 3, "what is selected stands out");
}

#[test]
fn vim_leaves_enter_and_escape_to_their_meaning() {
    let mut composer = composer();
    composer.toggle_vim();
    assert_eq!(press(&mut composer, "hi<esc>"), ComposerOutcome::Handled);
    assert_eq!(composer.mode(), Some(Mode::Normal));
    assert_eq!(press(&mut composer, "<esc>"), ComposerOutcome::Ignored);
    assert_eq!(press(&mut composer, "<enter>"), ComposerOutcome::Send);
    composer.take();
    assert_eq!(composer.mode(), Some(Mode::Insert));
}

#[test]
fn an_escape_and_a_key_that_were_read_as_one_are_two_to_vim() {
    let mut composer = composer();
    composer.toggle_vim();
    press(&mut composer, "one two<a-h>");
    assert_eq!(composer.mode(), Some(Mode::Normal));
    press(&mut composer, "x");
    assert_eq!(composer.text(), "one to");
    press(&mut composer, "A three<a-b>x");
    assert_eq!(composer.text(), "one to xthree", "it has a meaning of its own");
}
