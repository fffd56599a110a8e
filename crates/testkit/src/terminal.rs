//! What a terminal keeps and answers, without a pseudo-terminal: cells by `vt100`, the modes that were asked for, and
//! the reports a real one would send.

use std::num::NonZeroU16;

use vt100::{Callbacks, Parser};

/// Rows that are kept once they have left the screen.
const SCROLLBACK: usize = 20_000;

/// How a terminal answers what it is asked.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Of `OSC 11`, as `rgb:0000/0000/0000`.
    pub background: Option<String>,
    /// It knows kitty's keyboard protocol.
    pub keyboard: bool,
    /// To `CSI c`, which every terminal answers.
    pub attributes: bool,
    /// To `CSI 6 n`: where the cursor is.
    pub position: bool,
}

impl Answers {
    /// A dark terminal that knows everything.
    pub fn all() -> Self {
        let background = Some("rgb:1111/1111/1111".to_owned());
        Self { background, keyboard: true, attributes: true, position: true }
    }

    /// A terminal that says nothing, ever.
    pub fn none() -> Self {
        Self { background: None, keyboard: false, attributes: false, position: false }
    }
}

/// Modes that outlive whoever set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub cursor_hidden: bool,
    pub paste: bool,
    pub focus: bool,
    pub synchronized: bool,
    pub alternate: bool,
    /// Flags of kitty's keyboard protocol, pushed and not popped.
    pub keyboard: Vec<u16>,
    /// Titles saved and not put back.
    pub titles: u16,
    pub mouse: bool,
}

/// What else was said to the terminal.
#[derive(Default)]
pub(crate) struct Heard {
    answers: Option<Answers>,
    modes: Modes,
    reports: Vec<u8>,
    pub(crate) titles: Vec<String>,
    pub(crate) notifications: Vec<String>,
    pub(crate) links: Vec<String>,
    pub(crate) bells: usize,
    /// Marks of ours that came through.
    pub(crate) marks: usize,
}

/// A terminal's state.
pub(crate) struct Terminal {
    parser: Parser<Heard>,
    pub(crate) log: Vec<u8>,
}

impl Terminal {
    pub(crate) fn new(columns: u16, rows: u16, answers: Answers) -> Self {
        let heard = Heard { answers: Some(answers), ..Heard::default() };
        let parser = Parser::new_with_callbacks(cells(rows), cells(columns), SCROLLBACK, heard);
        Self { parser, log: Vec::new() }
    }

    /// Takes what a program wrote; returns what the terminal answers.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.log.extend_from_slice(bytes);
        self.parser.process(bytes);
        std::mem::take(&mut self.parser.callbacks_mut().reports)
    }

    /// From now on it says this of its background.
    pub(crate) fn repaint(&mut self, background: &str) {
        if let Some(answers) = &mut self.parser.callbacks_mut().answers {
            answers.background = Some(background.to_owned());
        }
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(cells(rows), cells(columns));
    }

    pub(crate) fn heard(&self) -> &Heard {
        self.parser.callbacks()
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub(crate) fn modes(&self) -> Modes {
        let screen = self.parser.screen();
        Modes {
            cursor_hidden: screen.hide_cursor(),
            paste: screen.bracketed_paste(),
            alternate: screen.alternate_screen(),
            mouse: screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None,
            ..self.heard().modes.clone()
        }
    }

    /// Every row there was, those that left the screen first, without blank ones at the end.
    pub(crate) fn history(&mut self) -> Vec<String> {
        let screen = self.parser.screen_mut();
        let (_, columns) = screen.size();
        let hidden = screen.scrollback_len();
        let mut rows: Vec<String> = Vec::new();
        for offset in (1..=hidden).rev() {
            screen.set_scrollback(offset);
            rows.extend(screen.rows(0, columns.get()).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns.get()));
        let mut rows: Vec<_> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }
}

impl Heard {
    fn answer(&mut self, report: impl AsRef<[u8]>) {
        self.reports.extend_from_slice(report.as_ref());
    }

    fn mode(&mut self, number: u16, set: bool) {
        match number {
            1004 => self.modes.focus = set,
            2026 => self.modes.synchronized = set,
            _ => {}
        }
    }
}

impl Callbacks for Heard {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into_owned());
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        c: char,
    ) {
        let param = params.first().and_then(|param| param.first()).copied().unwrap_or_default();
        let answers = self.answers.clone().unwrap_or_else(Answers::none);
        match (first, c) {
            (Some(b'?'), 'h' | 'l') => {
                params.iter().for_each(|param| self.mode(param[0], c == 'h'));
            }
            (Some(b'?'), 'u') if answers.keyboard => {
                let flags = self.modes.keyboard.last().copied().unwrap_or_default();
                self.answer(format!("\x1b[?{flags}u"));
            }
            (Some(b'>'), 'u') if answers.keyboard => self.modes.keyboard.push(param),
            (Some(b'<'), 'u') => {
                let left = self.modes.keyboard.len().saturating_sub(usize::from(param.max(1)));
                self.modes.keyboard.truncate(left);
            }
            (None, 'c') if answers.attributes => self.answer("\x1b[?62;22c"),
            (None, 'n') if param == 6 && answers.position => {
                let (row, column) = screen.cursor_position();
                self.answer(format!("\x1b[{};{}R", row + 1, column + 1));
            }
            (None, 't') if param == 22 => self.modes.titles += 1,
            (None, 't') if param == 23 => {
                self.modes.titles = self.modes.titles.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match params {
            [b"11", b"?"] => {
                if let Some(colour) = self.answers.as_ref().and_then(|all| all.background.clone()) {
                    self.answer(format!("\x1b]11;{colour}\x1b\\"));
                }
            }
            [b"9", rest @ ..] => {
                self.notifications.push(rest.iter().map(|part| text(part)).collect());
            }
            [b"8", _, url, ..] if !url.is_empty() => self.links.push(text(url)),
            [b"7777", ..] => self.marks += 1,
            _ => {}
        }
    }
}

/// A mark that goes through like all output and shows nowhere.
pub(crate) const MARK: &[u8] = b"\x1b]7777;\x1b\\";

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has cells")
}
