//! A text on the whole terminal, gone through with the keys of pagers, and searched.

mod entries;
mod joined;
mod output;
mod search;
mod text;

use agent_protocol::{DeltaField, ItemDetails, ThreadItem};
use ratatui_core::style::Modifier;
use ratatui_core::text::Line;

use output::Output;
use search::Search;
use text::Text;

use super::{Around, Overlay, Place, QUESTION_WAITS, Reply};
use crate::composer::Composer;
use crate::effect::Page;
use crate::filter::exact;
use crate::key::{KeyCode, KeyEvent};
use crate::markdown::{Link, Rendered};
use crate::slash::Verb;
use crate::transcript::Cell;
use crate::{cell, diff, markdown, width};

#[derive(Debug)]
pub(crate) struct Pager {
    title: String,
    body: Body,
    /// As many columns as `lines` are made for.
    columns: usize,
    lines: Vec<Line<'static>>,
    /// Of these lines, in their order.
    links: Vec<Link>,
    /// What follows them and may still change, as it was drawn last.
    live: Rendered,
    top: usize,
    /// It goes to its end before it is drawn: it is to go there, or was there when it was drawn last.
    at_end: bool,
    /// Rows of text that were drawn last.
    page: usize,
    /// What is searched, while it is being written.
    asking: Option<Composer>,
    search: Search,
    /// Of the conversation; their outputs can be opened.
    commands: Vec<Ran>,
    /// The one that is pointed at.
    mark: Option<usize>,
}

/// A command that was run, and the row where it begins.
#[derive(Debug)]
struct Ran {
    row: usize,
    item_id: String,
}

#[derive(Debug)]
enum Body {
    Page(Page),
    /// It stands in place of the lines, which may be too many.
    Text(Text),
    /// What a command that ran when it was opened has printed, in the same way.
    Output(Output),
    /// The conversation; so many of its cells are in the lines.
    Transcript(usize),
}

impl Body {
    /// What stands in place of the lines.
    fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Output(output) => Some(output.text()),
            Self::Page(_) | Self::Transcript(_) => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    Forward,
    Back,
}

impl Pager {
    pub(crate) fn page(title: &str, page: Page) -> Self {
        let body = match page {
            Page::Plain(text) => Body::Text(Text::new(text)),
            page => Body::Page(page),
        };
        Self::new(exact(title).into_owned(), body)
    }

    /// The whole conversation, at its end.
    pub(crate) fn transcript() -> Self {
        Self { at_end: true, ..Self::new("The conversation".to_owned(), Body::Transcript(0)) }
    }

    /// What a command has printed so far, at its end.
    pub(crate) fn output(title: &str, item_id: &str) -> Self {
        let body = Body::Output(Output::of(item_id));
        Self { at_end: true, ..Self::new(exact(title).into_owned(), body) }
    }

    fn new(title: String, body: Body) -> Self {
        Self {
            title,
            body,
            columns: 0,
            lines: Vec::new(),
            links: Vec::new(),
            live: Rendered::default(),
            top: 0,
            at_end: false,
            page: 1,
            asking: None,
            search: Search::default(),
            commands: Vec::new(),
            mark: None,
        }
    }

    /// Makes the lines anew for another width, and adds what was said since.
    fn fill(&mut self, around: &Around<'_>) {
        let anew = self.columns != around.columns;
        if anew {
            self.columns = around.columns;
            self.lines.clear();
            self.links.clear();
            self.commands.clear();
            self.search.begin_again();
        }
        match &mut self.body {
            Body::Page(page) if anew => {
                let Rendered { lines, links } = of_page(page, around);
                (self.lines, self.links) = (lines, links);
            }
            Body::Text(text) if anew => text.lay(around.columns),
            Body::Page(_) | Body::Text(_) => {}
            Body::Output(output) => {
                if let Some(top) = output.fill(self.top, anew, around) {
                    self.found_moved(top);
                }
            }
            Body::Transcript(shown) => {
                if anew {
                    *shown = 0;
                }
                let finished = around.transcript.finished();
                let cells = around.transcript.cells.get(*shown..finished).unwrap_or_default();
                let mut before =
                    shown.checked_sub(1).and_then(|last| around.transcript.cells.get(last));
                for cell in cells {
                    // An empty row stands before it.
                    let row = self.lines.len() + 1;
                    let ran = command_of(cell).map(|item_id| Ran { row, item_id });
                    self.commands.extend(ran);
                    let mut said = Rendered {
                        lines: std::mem::take(&mut self.lines),
                        links: std::mem::take(&mut self.links),
                    };
                    said.append(whole(cell, before, around));
                    (self.lines, self.links) = (said.lines, said.links);
                    before = Some(cell);
                }
                *shown = finished;
            }
        }
    }

    /// What may still change: it is made for each frame.
    fn unfinished(&self, around: &Around<'_>) -> Rendered {
        let Body::Transcript(shown) = self.body else { return Rendered::default() };
        let mut all = Rendered::default();
        let mut before = None;
        for cell in &around.transcript.cells[shown..] {
            all.append(whole(cell, before, around));
            before = Some(cell);
        }
        for preview in &around.transcript.live.broken {
            let mut said = markdown::render(&preview.text, around.columns, around.theme);
            let spans = said.lines.iter_mut().flat_map(|line| &mut line.spans);
            spans.for_each(|span| span.style = around.theme.dim);
            all.append(said);
        }
        let said = around.transcript.live.previews.iter();
        // What a command has printed stands below its line.
        for preview in said.filter(|preview| preview.field != DeltaField::Output) {
            all.append(markdown::render(&preview.text, around.columns, around.theme));
        }
        all
    }

    fn is_on_page(&self, command: &Ran) -> bool {
        (self.top..self.top + self.page).contains(&command.row)
    }

    /// The command that is pointed at, else the first on the page.
    fn command(&self) -> Option<&Ran> {
        let marked = self.mark.and_then(|at| self.commands.get(at));
        let marked = marked.filter(|command| self.is_on_page(command));
        marked.or_else(|| self.commands.iter().find(|command| self.is_on_page(command)))
    }

    /// Points at the next command, or the one before.
    fn point(&mut self, way: Way) {
        let marked =
            self.mark.filter(|at| self.commands.get(*at).is_some_and(|it| self.is_on_page(it)));
        let next = match (way, marked) {
            (Way::Forward, Some(at)) => Some(at + 1),
            (Way::Forward, None) => self.commands.iter().position(|it| it.row >= self.top),
            (Way::Back, Some(at)) => at.checked_sub(1),
            (Way::Back, None) => {
                let end = self.top + self.page;
                self.commands.iter().rposition(|it| it.row < end)
            }
        };
        let Some(command) = next.and_then(|at| self.commands.get(at)) else { return };
        if !self.is_on_page(command) {
            self.top = command.row.saturating_sub(1);
        }
        self.mark = next;
    }

    fn footer(&self, all: usize, around: &Around<'_>) -> Line<'static> {
        let end = (self.top + self.page).min(all);
        let found = self.outcome(around);
        let position = format!("{end} of {all}");
        let opens = (!self.commands.is_empty()).then_some("tab command · enter its output");
        // Of what does not fit, that with the largest number goes first.
        let mut hints: Vec<(u8, &str)> = vec![(1, &position), (3, "/ searches"), (5, "g G ends")];
        hints.extend(opens.map(|opens| (4, opens)));
        hints.push((2, "q closes"));
        hints.extend(found.as_deref().map(|found| (0, found)));
        let mut style = around.theme.dim;
        if around.transcript.asks() {
            hints.insert(0, (0, QUESTION_WAITS));
            style = around.theme.accent;
        }
        Line::styled(those_that_fit(hints, around.columns), style)
    }
}

impl Overlay for Pager {
    fn press(&mut self, key: KeyEvent) -> Reply {
        if self.asking.is_some() {
            self.ask(key);
            return Reply::Stay;
        }
        let top = self.top;
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc, _) if !self.search.query.is_empty() => {
                self.search = Search::default();
            }
            (KeyCode::Esc | KeyCode::Char('q'), false) | (KeyCode::Char('c' | 't' | 'o'), true) => {
                return Reply::Done(vec![]);
            }
            (KeyCode::Tab, _) if key.modifiers.shift => self.point(Way::Back),
            (KeyCode::Tab, _) => self.point(Way::Forward),
            (KeyCode::Enter, _) => match self.command() {
                Some(command) => return Reply::Over(Verb::Output, command.item_id.clone()),
                None => self.top += 1,
            },
            (KeyCode::Down | KeyCode::Char('j'), false) => self.top += 1,
            (KeyCode::Up | KeyCode::Char('k'), false) => self.top = self.top.saturating_sub(1),
            (KeyCode::PageDown | KeyCode::Char(' ' | 'f'), _) => self.top += self.page,
            (KeyCode::PageUp | KeyCode::Char('b'), _) => {
                self.top = self.top.saturating_sub(self.page);
            }
            (KeyCode::Char('d'), _) => self.top += self.page / 2,
            (KeyCode::Char('u'), _) => self.top = self.top.saturating_sub(self.page / 2),
            (KeyCode::Home | KeyCode::Char('g'), false) => self.top = 0,
            (KeyCode::End | KeyCode::Char('G'), false) => {
                self.at_end = true;
                self.search.go_away();
            }
            (KeyCode::Char('/'), false) => self.asking = Some(Composer::field()),
            (KeyCode::Char('n'), false) => self.find(Way::Forward),
            (KeyCode::Char('N'), false) => self.find(Way::Back),
            _ => {}
        }
        self.at_end &= self.top == top || matches!(key.code, KeyCode::End | KeyCode::Char('G'));
        Reply::Stay
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        self.fill(around);
        self.live = self.unfinished(around);
        self.look();
        let all = match self.body.text() {
            Some(text) => text.len(),
            None => self.lines.len() + self.live.lines.len(),
        };
        self.page = around.rows.saturating_sub(2).max(1);
        let last = all.saturating_sub(self.page);
        if self.at_end {
            self.top = last;
        }
        self.top = self.top.min(last);
        // What comes next is seen by who sees the end, and looks at nothing else there.
        self.at_end = self.top == last && !self.search.is_at_hit();
        let style = around.theme.accent.add_modifier(Modifier::BOLD);
        let title = width::in_a_row(&self.title, around.columns, around.theme.glyphs.ellipsis);
        let mut rows = vec![Line::styled(title, style)];
        rows.extend(self.page_rows());
        let pointed_at = self.mark.and_then(|at| self.commands.get(at));
        if let Some(command) = pointed_at.filter(|command| self.is_on_page(command)) {
            let row = &mut rows[1 + command.row - self.top];
            row.style = row.style.add_modifier(Modifier::REVERSED);
        }
        rows.resize(self.page + 1, Line::default());
        rows.push(self.footer(all, around));
        rows
    }

    fn links(&self) -> Vec<Link> {
        let kept = self.lines.len();
        let live =
            self.live.links.iter().map(|link| Link { line: kept + link.line, ..link.clone() });
        let page = self.top..self.top + self.page;
        let first = self.links.partition_point(|link| link.line < page.start);
        let all = self.links[first..].iter().cloned().chain(live);
        // Below the title.
        let row = |link: Link| Link { line: 1 + link.line - page.start, ..link };
        all.skip_while(|link| link.line < page.start)
            .take_while(|link| link.line < page.end)
            .map(row)
            .collect()
    }

    fn field(&mut self) -> Option<&mut Composer> {
        self.asking.as_mut()
    }

    fn follows(&self, item_id: &str) -> bool {
        matches!(&self.body, Body::Output(output) if output.is_of(item_id))
    }

    fn take_output(&mut self, item_id: &str, whole: &str) {
        if let Body::Output(output) = &mut self.body
            && output.is_of(item_id)
        {
            output.take(whole.to_owned());
        }
    }

    fn place(&self) -> Place {
        Place::Whole
    }
}

/// The item of a command.
fn command_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Item(item) if matches!(item.details, ItemDetails::CommandExecution(_)) => {
            Some(item.id.clone())
        }
        _ => None,
    }
}

fn of_page(page: &Page, around: &Around<'_>) -> Rendered {
    let lines = match page {
        Page::Plain(_) => Vec::new(),
        Page::Entries(entries) => entries::lines(entries, around.columns),
        Page::Markdown(text) => return markdown::render(text, around.columns, around.theme),
        Page::Diff(unified) => diff::render(unified, around.columns, usize::MAX, around.theme),
    };
    Rendered { lines, links: Vec::new() }
}

/// Hints in a row; none is cut but the last that is left.
fn those_that_fit(mut hints: Vec<(u8, &str)>, columns: usize) -> String {
    loop {
        let row = hints.iter().map(|(_, hint)| *hint).collect::<Vec<_>>().join(" · ");
        let last = hints.iter().map(|(number, _)| *number).max().filter(|_| hints.len() > 1);
        match last {
            Some(last) if width::of(&row) > columns => hints.retain(|(number, _)| *number != last),
            _ => return row,
        }
    }
}

/// All of a cell, and where its links lead.
fn whole(cell: &Cell, before: Option<&Cell>, around: &Around<'_>) -> Rendered {
    let look = cell::Look {
        columns: around.columns,
        detail: cell::Detail::Whole,
        theme: around.theme,
        fold: cell::Fold::Unfolded,
        cwd: around.transcript.cwd(),
        rows: None,
    };
    let progress = |item: &ThreadItem| cell::Progress {
        tail: around.transcript.tail_of(&item.id),
        ..cell::Progress::default()
    };
    let lines = cell::all(std::slice::from_ref(cell), before, progress, &look);
    Rendered { lines, links: cell::links(cell, around.columns, around.theme) }
}
