//! The question whether the directory is trusted, put when the first turn is to begin: that waits for the answer.

use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::effect::{Effect, Next};
use crate::filter::exact_name;
use crate::key::{KeyCode, KeyEvent};
use crate::{view, wrap};

#[derive(Debug)]
pub(crate) struct Trust {
    directory: String,
    /// What begins the turn.
    held: Effect,
}

impl Trust {
    pub(crate) fn new(directory: &str, held: Effect) -> Self {
        Self { directory: exact_name(directory).into_owned(), held }
    }

    fn answer(&self, trusted: bool) -> Reply {
        let then = vec![self.held.clone()];
        Reply::Done(vec![Effect::Open(Next::Trust { trusted, then })])
    }
}

const WHAT: &str = "If you do, commands may write in it, and its own configuration counts. If not, they may only look. You are \
                    asked once; /trust says otherwise at any time.";

impl Overlay for Trust {
    fn press(&mut self, key: KeyEvent) -> Reply {
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('y'), false) => self.answer(true),
            (KeyCode::Char('n'), false) => self.answer(false),
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => Reply::NotNow(self.held.clone()),
            _ => Reply::Stay,
        }
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let theme = around.theme;
        let title = theme.accent.add_modifier(Modifier::BOLD);
        let mut rows = vec![Line::default(), Line::styled("Do you trust this directory?", title)];
        let mut say = |text: &str, style: Style| {
            let row = Line::styled(text.to_owned(), style);
            let room = around.columns.saturating_sub(2).max(1);
            rows.extend(wrap::wrap(&row, room).into_iter().map(|mut line| {
                line.spans.insert(0, Span::raw("  "));
                line
            }));
        };
        say(&self.directory, Style::new());
        say(WHAT, theme.dim);
        let answers = ["y yes", "n no, only look", "esc back to writing"];
        let answers = view::flow(&answers, " · ", around.columns);
        // What can be answered is seen on any screen.
        let room = around.rows.saturating_sub(answers.len()).max(1);
        if rows.len() > room {
            rows.remove(0);
        }
        rows.truncate(room);
        rows.extend(answers.into_iter().map(|row| Line::styled(row, theme.accent)));
        rows
    }
}
