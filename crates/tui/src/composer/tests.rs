mod vim;

use super::*;
use crate::key::keys;

fn composer() -> Composer {
    Composer::new(History::new(["first", "second\nline"].map(|text| text.to_owned().into())))
}

/// Types keys, and returns the outcome of the last.
fn press(composer: &mut Composer, text: &str) -> ComposerOutcome {
    let keys = keys(text).expect("keys we know");
    keys.into_iter().map(|key| composer.handle(key)).last().unwrap_or(ComposerOutcome::Ignored)
}

/// The text as it is seen, with the cursor as `|`.
fn shown(composer: &Composer) -> String {
    let message = |text: &str| composer.chips.message(text).shown();
    let (before, after) = composer.buffer.text().split_at(composer.buffer.cursor());
    format!("{}|{}", message(before), message(after))
}

fn after(text: &str) -> String {
    let mut composer = composer();
    press(&mut composer, text);
    shown(&composer)
}

#[test]
fn keys_do_what_they_do_in_a_shell() {
    for (keys, expected) in [
        ("hello", "hello|"),
        ("한글👩🏽<left>", "한글|👩🏽"),
        ("한글👩🏽<backspace>", "한글|"),
        ("one two<a-b>", "one |two"),
        ("one two<c-left><c-left><a-f>", "one| two"),
        ("one two<home><c-right>", "one| two"),
        ("one two<c-w>", "one |"),
        ("a/b c<a-backspace><a-backspace>", "a/|"),
        ("a/b<c-w>", "|"),
        ("one two<c-a><a-d>", "| two"),
        ("one two<c-a><delete>", "|ne two"),
        ("one<c-j>two<c-a>", "one\n|two"),
        ("one<c-j>two<c-home>", "|one\ntwo"),
        ("one two<a-b><c-k>x<c-y>", "one xtwo|"),
        ("one<c-j>two<c-u><c-u>", "one|"),
        ("one<left><c-k><c-k><c-y>", "one|"),
        ("a<c-j>b<up><c-k><c-a><c-k>", "|"),
        ("one two<c-w><c-w><c-y>", "one two|"),
        ("one two<c-_>", "one |"),
        ("one two<c-_><a-_>", "one two|"),
        ("a<enter>", "a|"),
        ("a<s-enter>b", "a\nb|"),
        ("a<a-enter>b", "a\nb|"),
        ("a\\<enter>b", "a\nb|"),
        ("ab<c-b><c-f><c-h>", "a|"),
    ] {
        assert_eq!(after(keys), expected, "{keys}");
    }
}

#[test]
fn enter_sends_what_there_is() {
    let mut composer = composer();
    assert_eq!(press(&mut composer, "<enter>"), ComposerOutcome::Handled);
    assert_eq!(press(&mut composer, " <enter>"), ComposerOutcome::Handled);
    assert_eq!(press(&mut composer, "hi <enter>"), ComposerOutcome::Send);
    assert_eq!(composer.take(), Message::from("hi".to_owned()));
    assert!(composer.is_empty());
    press(&mut composer, "<c-_>");
    assert_eq!(shown(&composer), "|");
    press(&mut composer, "<up>");
    assert_eq!(shown(&composer), "hi|");
}

#[test]
fn other_keys_are_left_to_others() {
    for key in ["<esc>", "<tab>", "<f1>", "<c-c>", "<c-d>", "<c-t>", "<c-g>", "<a-x>", "<c-z>"] {
        assert_eq!(press(&mut composer(), key), ComposerOutcome::Ignored, "{key}");
    }
    assert_eq!(press(&mut composer(), "x<c-d>"), ComposerOutcome::Handled);
}

#[test]
fn every_key_a_person_is_told_of_works() {
    for (key, _) in KEYS {
        let mut composer = composer();
        press(&mut composer, "some text<left>");
        assert_ne!(press(&mut composer, key), ComposerOutcome::Ignored, "{key}");
    }
}

#[test]
fn a_large_paste_is_one_thing_and_is_sent_whole() {
    let mut composer = composer();
    let large = "line\r\n".repeat(1234);
    press(&mut composer, "see ");
    composer.paste(&large);
    press(&mut composer, " ok");
    assert_eq!(shown(&composer), "see [Pasted 1,234 lines] ok|");
    assert_eq!(composer.text(), format!("see {} ok", "line\n".repeat(1234)));
    press(&mut composer, "<left><left><left><left><delete>");
    assert_eq!(shown(&composer), "see | ok");
    press(&mut composer, "<c-_>");
    press(&mut composer, "<end><c-w><c-w>");
    assert_eq!(shown(&composer), "see |");
    press(&mut composer, "<c-y>");
    assert_eq!(composer.take().parts.len(), 3);
    // What was cut can be put back after all was sent, and sent messages come back as they were.
    press(&mut composer, "<c-y>");
    assert_eq!(shown(&composer), "[Pasted 1,234 lines] ok|");
    press(&mut composer, "<up>");
    assert_eq!(shown(&composer), "see [Pasted 1,234 lines] ok|");
}

#[test]
fn a_megabyte_is_pasted_at_once() {
    let mut composer = composer();
    composer.paste(&"한글 and more\n".repeat(80_000));
    assert_eq!(composer.buffer.text().chars().count(), 1);
    assert_eq!(composer.height(), 1);
}

#[test]
fn short_text_is_pasted_as_it_is() {
    let mut composer = composer();
    composer.paste("a\r\nb\tc\u{1b}[2J");
    assert_eq!(shown(&composer), "a\nb\tc[2J|");
    assert_eq!(press(&mut composer, "<c-_>"), ComposerOutcome::Handled);
    assert_eq!(shown(&composer), "|");
}

#[test]
fn pictures_are_attached_by_their_path() {
    let mut composer = composer();
    composer.paste("/tmp/shot\\ 1.png");
    press(&mut composer, "what is this?");
    assert_eq!(shown(&composer), "[image shot 1.png] what is this?|");
    let message = composer.take();
    let contents = message.contents(|image| {
        assert_eq!(image.source, ImageSource::File("/tmp/shot 1.png".into()));
        Ok::<_, ()>(agent_protocol::Content::text("the picture"))
    });
    assert_eq!(contents.map(|contents| contents.len()), Ok(2));
    composer.put_back(&message);
    assert_eq!(shown(&composer), "[image shot 1.png] what is this?|");
}

#[test]
fn the_path_of_a_picture_that_is_not_there_is_text() {
    let mut composer = composer();
    composer.know_files(|path| path.starts_with("/there"));
    composer.paste("/there/a.png");
    composer.paste("/gone/b.png");
    assert_eq!(shown(&composer), "[image a.png] /gone/b.png|");
    composer.paste(" /there/c.png /gone/d.png");
    assert_eq!(shown(&composer), "[image a.png] /gone/b.png /there/c.png /gone/d.png|");
}

#[test]
fn a_message_that_comes_back_leaves_the_cursor_where_one_writes() {
    let mut composer = composer();
    press(&mut composer, "a draft<left><left>");
    composer.put_back(&Message::from("two".to_owned()));
    composer.put_back(&Message::from("one".to_owned()));
    assert_eq!(shown(&composer), "one\ntwo\na dra|ft");
    press(&mut composer, "X");
    assert_eq!(shown(&composer), "one\ntwo\na draX|ft");
    press(&mut composer, "<c-_>");
    assert_eq!(shown(&composer), "one\ntwo\na dra|ft");
    press(&mut composer, "<c-_><c-_>");
    assert_eq!(shown(&composer), "a dra|ft");
    press(&mut composer, "<a-_><a-_>");
    assert_eq!(shown(&composer), "one\ntwo\na dra|ft");
}

#[test]
fn the_history_is_gone_through_and_loses_no_draft() {
    for (keys, expected) in [
        ("<up>", "second\nline|"),
        ("<up><up><up>", "first|"),
        ("<up><up><up><up>", "first|"),
        ("draft<up><down>", "draft|"),
        ("draft<up><up><up><down><down>", "draft|"),
        ("<up>!<up><up><down><down>", "second\nline!|"),
        ("draft<up><c-_>", "draft|"),
        ("<down>", "|"),
        ("<c-p><c-p><c-p><c-n>", "second\nline|"),
        // Once something was done in it, it is a text of several rows.
        ("<up><left><up>", "sec|ond\nline"),
        ("<up><left><up><up>", "first|"),
        ("<up>!<up>", "secon|d\nline!"),
        ("<up><up><pageup><down>", "second\nline|"),
    ] {
        assert_eq!(after(keys), expected, "{keys}");
    }
}

#[test]
fn many_rows_that_were_recalled_do_not_keep_from_those_before() {
    let long = "row\n".repeat(2_000);
    let mut composer =
        Composer::new(History::new(["first".to_owned().into(), long.clone().into()]));
    press(&mut composer, "draft<up>");
    assert_eq!(composer.text(), long);
    press(&mut composer, "<up>");
    assert_eq!(shown(&composer), "first|");
    press(&mut composer, "<up>");
    assert_eq!(shown(&composer), "first|", "it is the first one");
    press(&mut composer, "<down><down>");
    assert_eq!(shown(&composer), "draft|");
}

#[test]
fn what_was_sent_otherwise_than_it_is_composed_holds_nobody_up() {
    let image = || Part::Image(Image::at("/a.png".into()));
    let text = |text: &str| Part::Text(text.into());
    let of_the_shell = Message { parts: vec![text("describe"), text(" "), image()] };
    let of_a_file = Message { parts: vec![text("a\r\n\u{7}b")] };
    let mut composer = Composer::new(History::new([of_a_file.clone(), of_the_shell.clone()]));
    composer.remember([text("first")].map(|part| Message { parts: vec![part] }));
    press(&mut composer, "<up><up>");
    assert_eq!(shown(&composer), "a\nb|");
    press(&mut composer, "<up><down><down>");
    assert!(shown(&composer).starts_with("describe "), "{}", shown(&composer));
    press(&mut composer, "<down>new<up><up><up>");
    assert_eq!(shown(&composer), "first|");
    press(&mut composer, "<down><down><down>");
    assert_eq!(shown(&composer), "new|");
}

#[test]
fn what_was_recalled_and_changed_is_a_draft_before_which_the_latest_stands() {
    let recalled = |keys: &str| {
        let sent = ["first", "second", "third"].map(|text| text.to_owned().into());
        let mut composer = Composer::new(History::new(sent));
        press(&mut composer, keys);
        shown(&composer)
    };
    assert_eq!(recalled("<up>x<c-u>draft2<up>"), "third|");
    assert_eq!(recalled("<up><up>x<c-u>draft2<up>"), "third|");
    assert_eq!(recalled("<up><up> too<up>"), "third|");
    assert_eq!(recalled("<up><up> too<up><up><down><down>"), "second too|");
    assert_eq!(recalled("<up><up> too<down>"), "second too|");
    assert_eq!(recalled("<up><up>x<backspace><up>"), "first|", "it is as it was sent");
}

#[test]
fn pages_of_a_draft_are_gone_through_and_what_is_not_seen_is_told() {
    let mut composer = composer();
    composer.resize(20);
    composer.confine(5);
    let rows: Vec<_> = (1..=1_200).map(|row| row.to_string()).collect();
    composer.insert_str(&rows.join("\n"));
    assert_eq!(drawn(&composer, 20, 5), " ↑ 1,196 more\n 1197\n 1198\n 1199\n 1200\ncursor 5,4");
    press(&mut composer, "<pageup>");
    assert_eq!(
        drawn(&composer, 20, 5),
        " ↑ 1,195 more\n 1196\n 1197\n 1198\n ↓ 2 more\ncursor 5,3"
    );
    press(&mut composer, "<c-home><pagedown><down>");
    assert_eq!(drawn(&composer, 20, 5), " 1\n 2\n 3\n 4\n ↓ 1,196 more\ncursor 1,3");
    press(&mut composer, "<down>");
    assert_eq!(drawn(&composer, 20, 5), " ↑ 2 more\n 3\n 4\n 5\n ↓ 1,195 more\ncursor 1,3");
    assert_eq!(drawn(&composer, 20, 2), " 4\n 5\ncursor 1,1", "there is no row to spare");
    let ascii = Theme { glyphs: crate::theme::Glyphs::ASCII, ..Theme::default() };
    let mut cells = Cells::empty(Rect::new(0, 0, 20, 5));
    composer.render(cells.area, &mut cells, &ascii);
    assert_eq!((cells[(0, 0)].symbol(), cells[(0, 4)].symbol()), ("^", "v"));
}

#[test]
fn the_history_is_searched() {
    let mut composer = composer();
    press(&mut composer, "draft<c-r>");
    assert_eq!(composer.search(), Some(("", true)));
    press(&mut composer, "F");
    assert_eq!(shown(&composer), "first|");
    press(&mut composer, "x");
    assert_eq!((composer.search(), shown(&composer)), (Some(("Fx", false)), "draft|".to_owned()));
    press(&mut composer, "<backspace><backspace>i<c-r>");
    assert_eq!(shown(&composer), "first|");
    press(&mut composer, "<c-s>");
    assert_eq!(shown(&composer), "second\nline|");
    assert_eq!(press(&mut composer, "<enter>"), ComposerOutcome::Handled);
    assert_eq!((composer.search(), shown(&composer)), (None, "second\nline|".to_owned()));
    press(&mut composer, "<c-r>first<esc>");
    assert_eq!(shown(&composer), "second\nline|");
    press(&mut composer, "<c-r>first<left>");
    assert_eq!(shown(&composer), "firs|t");
}

#[test]
fn a_completion_takes_the_place_of_its_token() {
    let mut composer = composer();
    press(&mut composer, "see @ma now<c-left><left>");
    assert_eq!(composer.token().map(|token| token.query), Some("ma".to_owned()));
    composer.complete("src/main.rs");
    assert_eq!(shown(&composer), "see src/main.rs |now");
    press(&mut composer, "<c-_>");
    assert_eq!(shown(&composer), "see @ma| now");
}

#[test]
fn up_and_down_keep_the_column_over_short_rows() {
    assert_eq!(after("abcdef<c-j>x<c-j>한글한글<up><up>"), "abcdef|\nx\n한글한글");
    assert_eq!(after("abcdef<c-j>x<c-j>한글한글<left><up><down>"), "abcdef\nx\n한글한|글");
}

fn drawn(composer: &Composer, width: u16, height: u16) -> String {
    let area = Rect::new(1, 0, width, height);
    let mut cells = Cells::empty(Rect::new(0, 0, width + 2, height));
    let at = composer.render(area, &mut cells, &Theme::default());
    let mut rows: Vec<String> = Vec::new();
    for y in 0..height {
        let mut row = String::new();
        let mut x = 0;
        while x < width + 2 {
            let symbol = cells[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(crate::width::of(symbol).max(1)).unwrap();
        }
        rows.push(row.trim_end().to_owned());
    }
    format!("{}\ncursor {},{}", rows.join("\n"), at.x, at.y)
}

#[test]
fn what_is_written_is_drawn_with_its_cursor() {
    let mut composer = composer();
    composer.resize(20);
    press(&mut composer, "a message in 한글 that wraps 👩\u{200d}🚀<c-j>\tx\u{202e}y ");
    composer.paste(&"x".repeat(2000));
    assert_eq!(composer.height(), 4);
    insta::assert_snapshot!("composer_whole", drawn(&composer, 20, 4));
    press(&mut composer, "<up><up><up>");
    insta::assert_snapshot!("composer_scrolled", drawn(&composer, 20, 2));
}

proptest::proptest! {
    #[test]
    fn no_key_does_harm(
        presses in proptest::collection::vec((0usize..60, proptest::prelude::any::<u8>()), 0..120),
        columns in 2usize..30,
        with_vim in proptest::prelude::any::<bool>(),
    ) {
        const NAMES: &[&str] = &["<up>", "<down>", "<left>", "<right>", "<home>", "<end>", "<enter>", "<s-enter>", "<esc>",
            "<backspace>", "<delete>", "<c-w>", "<a-d>", "<c-k>", "<c-u>", "<c-y>", "<a-y>", "<c-_>", "<a-_>", "<c-r>",
            "<c-left>", "<c-right>", "d", "w", "c", "p", "y", "x", "i", "3", "한", "👩", "\u{200d}", "\u{301}", " ", "e", "b", "$",
            "0", "G", "g", "f", "t", "u", "J", "o", "a", "\\", "~", "r", "P", "k", "j", "<a-<>", "F", ";", ",", "D", "S", "X"];
        let mut composer = composer();
        composer.resize(columns);
        if with_vim {
            composer.toggle_vim();
        }
        for (key, choice) in presses {
            if press(&mut composer, NAMES.get(key).unwrap_or(&"x")) == ComposerOutcome::Send && choice < 60 {
                composer.take();
            }
            match choice {
                250.. => composer.paste("a\nb\n".repeat(8).as_str()),
                240.. => composer.paste("/a/b.png"),
                _ => {}
            }
            let width = u16::try_from(columns).unwrap();
            let area = Rect::new(0, 0, width, 3);
            let mut cells = Cells::empty(area);
            let at = composer.render(area, &mut cells, &Theme::default());
            proptest::prop_assert!(area.contains(at), "{at:?}");
        }
    }
}
