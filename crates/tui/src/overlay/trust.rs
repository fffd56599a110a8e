//! The question whether the directory is trusted, and its own configuration as it is now, put when the first turn is to
//! begin: that waits for the answer.

use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::effect::{Changed, TrustAnswer, TrustQuestion};
use crate::filter::exact_name;
use crate::key::{KeyCode, KeyEvent};
use crate::{view, wrap};

#[derive(Debug)]
pub(crate) struct Trust {
    question: TrustQuestion,
}

impl Trust {
    pub(crate) fn new(question: &TrustQuestion) -> Self {
        Self { question: question.clone() }
    }

    fn words(&self) -> &'static Words {
        if self.question.is_new { &OF_DIRECTORY } else { &OF_FILES }
    }
}

struct Words {
    title: &'static str,
    what: &'static str,
    no: &'static str,
}

const OF_DIRECTORY: Words = Words {
    title: "Do you trust this directory?",
    what: "If you do, commands may write in it, and its own configuration counts as it is now. If not, they may only look. \
           You are asked again when that configuration changes; /trust says otherwise at any time.",
    no: "n no, only look",
};

const OF_FILES: Words = Words {
    title: "Accept this project's configuration?",
    what: "It is not as you accepted it, and nothing of what changed counts before you do. Look into these files first: they \
           came with the project. You are asked again when they change.",
    no: "n no, without them",
};

/// Rows of the question beside those of the files: so many at least are to be seen of it.
const AROUND_FILES: usize = 7;

/// More of them nobody goes through here.
const MOST_NAMED: usize = 8;

/// A row for each file, as far as they fit into `rows`; how many do not is said.
fn rows_of(files: &[Changed], rows: usize) -> Vec<String> {
    let fit = rows.saturating_sub(AROUND_FILES).clamp(1, MOST_NAMED);
    let named = files.len().min(fit);
    let row = |file: &Changed| format!("{}  {}", exact_name(&file.name), file.change);
    let more = (files.len() > named).then(|| format!("and {} more", files.len() - named));
    files[..named].iter().map(row).chain(more).collect()
}

impl Overlay for Trust {
    fn press(&mut self, key: KeyEvent) -> Reply {
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('y'), false) => Reply::Trust(TrustAnswer::All),
            (KeyCode::Char('n'), false) if self.question.is_new => {
                Reply::Trust(TrustAnswer::Nothing)
            }
            (KeyCode::Char('n'), false) => Reply::Trust(TrustAnswer::NotItsFiles),
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => Reply::NotNow,
            _ => Reply::Stay,
        }
    }

    fn asks(&self) -> bool {
        true
    }

    fn takes(&self, key: KeyEvent) -> bool {
        !matches!(key.code, KeyCode::Char(key) if !matches!(key, 'y' | 'n'))
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let theme = around.theme;
        let words = self.words();
        let title = theme.accent.add_modifier(Modifier::BOLD);
        let mut rows = vec![Line::default(), Line::styled(words.title, title)];
        let mut say = |text: &str, style: Style| {
            let row = Line::styled(text.to_owned(), style);
            let room = around.columns.saturating_sub(2).max(1);
            rows.extend(wrap::wrap(&row, room).into_iter().map(|mut line| {
                line.spans.insert(0, Span::raw("  "));
                line
            }));
        };
        say(&exact_name(&self.question.directory), Style::new());
        for file in rows_of(&self.question.files, around.rows) {
            say(&file, theme.accent);
        }
        say(words.what, theme.dim);
        let answers = ["y yes", words.no, "esc back to writing"];
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
