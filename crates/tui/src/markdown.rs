//! Markdown as lines for the screen, whole or while it still streams. What has been handed out as finished never
//! changes; the cost of a piece depends on the block it belongs to, not on the message, and blocks of text have a
//! largest size.

mod bare;
mod blocks;
mod code;
mod inline;
mod overlong;
mod references;
mod table;
mod writer;

use std::{ops::Range, sync::Arc};

use ratatui_core::text::Line;

use crate::theme::Theme;
use blocks::{Block, Place, Splitter, indentation};
use code::Code;
use references::References;

/// Lines, and where their links lead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    pub lines: Vec<Line<'static>>,
    /// In the order of the lines.
    pub links: Vec<Link>,
}

/// A part of a line that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The index of the line.
    pub line: usize,
    pub columns: Range<usize>,
    pub target: Arc<str>,
}

impl Rendered {
    /// Adds what follows.
    pub fn append(&mut self, mut other: Self) {
        for link in &mut other.links {
            link.line += self.lines.len();
        }
        self.lines.append(&mut other.lines);
        self.links.append(&mut other.links);
    }

    /// Without the first line.
    pub(crate) fn drop_first(&mut self) {
        self.lines.drain(..1.min(self.lines.len()));
        self.links.retain(|link| link.line > 0);
        self.links.iter_mut().for_each(|link| link.line -= 1);
    }
}

/// Draws `source` in `columns`.
pub fn render(source: &str, columns: usize, theme: &Theme) -> Rendered {
    let stream = Stream::new(columns, theme.clone());
    let mut drawn = stream.clone().whole(source);
    if drawn.take_late() {
        let mut knowing = stream;
        knowing.know(&drawn);
        drawn = knowing.whole(source);
    }
    drawn.finished()
}

/// Markdown that arrives piece by piece.
#[derive(Clone, Debug)]
pub struct Stream {
    pen: Pen,
    /// The line that has not ended.
    partial: String,
    /// What is not finished, drawn; none when it has to be drawn again.
    live: Option<Rendered>,
}

impl Stream {
    /// Draws in `columns`.
    pub fn new(columns: usize, theme: Theme) -> Self {
        Self { pen: Pen::new(columns, theme), partial: String::new(), live: None }
    }

    /// Takes the next piece, cut anywhere.
    pub fn push(&mut self, delta: &str) {
        self.live = None;
        let mut rest = delta;
        while let Some((end, more)) = rest.split_once('\n') {
            self.extend(end);
            self.pen.line(&self.partial);
            self.partial.clear();
            rest = more;
        }
        self.extend(rest);
    }

    /// Adds to the line that has not ended, which has a largest size too.
    fn extend(&mut self, piece: &str) {
        self.partial.push_str(piece);
        while let Some(cut) = overlong::cut(&self.partial) {
            self.pen.line(&self.partial[..cut]);
            self.partial.drain(..cut);
        }
    }

    /// There is no more to come: all is finished.
    pub fn end(&mut self) {
        self.live = None;
        let partial = std::mem::take(&mut self.partial);
        self.pen.end(&partial);
    }

    /// Takes all there is.
    fn whole(mut self, source: &str) -> Self {
        self.push(source);
        self.end();
        self
    }

    /// What can change no more and was not handed out before.
    pub fn finished(&mut self) -> Rendered {
        std::mem::take(&mut self.pen.out)
    }

    /// What follows the finished lines as of now.
    pub fn live(&mut self) -> &Rendered {
        let (pen, partial) = (&self.pen, &self.partial);
        self.live.get_or_insert_with(|| pen.preview(partial))
    }

    /// Whether, since this was asked last, the target of a link came that had been drawn without one.
    pub fn take_late(&mut self) -> bool {
        self.pen.references.take_late()
    }

    /// What comes may be the target of a link, which is known when its block is whole.
    pub fn may_define(&self) -> bool {
        matches!(self.pen.open, Some(Open::Parsed { unsure: Some(_), .. }))
    }

    /// Knows from here on the targets of links that another one does.
    pub fn know(&mut self, other: &Self) {
        self.live = None;
        self.pen.references = other.pen.references.clone();
    }

    /// Draws in `columns` and with `theme` from here on. What is finished stays as it is.
    pub fn restyle(&mut self, columns: usize, theme: Theme) {
        self.live = None;
        self.pen.columns = columns;
        self.pen.theme = theme;
    }
}

/// Draws blocks as their lines come.
#[derive(Clone, Debug)]
struct Pen {
    columns: usize,
    theme: Theme,
    splitter: Splitter,
    open: Option<Open>,
    /// The block before the next one.
    last: Option<Last>,
    references: References,
    out: Rendered,
}

/// The block under way.
#[derive(Clone, Debug)]
enum Open {
    /// Drawn when it is whole.
    Parsed {
        source: String,
        number: Option<u64>,
        table: bool,
        /// Of what may turn out to be nothing to be seen.
        unsure: Option<Unsure>,
    },
    /// Drawn line by line.
    Fence { code: Code, indent: usize },
}

/// A block of definitions is not shown.
#[derive(Clone, Debug)]
struct Unsure {
    /// A blank line stands before it.
    apart: bool,
    /// The block before it.
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    block: Block,
    /// The number of an item, counted on from that of the first.
    number: Option<u64>,
}

impl Pen {
    fn new(columns: usize, theme: Theme) -> Self {
        Self {
            columns,
            theme,
            splitter: Splitter::default(),
            open: None,
            last: None,
            references: References::default(),
            out: Rendered::default(),
        }
    }

    fn line(&mut self, line: &str) {
        match self.splitter.place(line) {
            Place::Begins { block, apart } => {
                self.close();
                self.begin(block, apart, line);
            }
            Place::Continues => match &mut self.open {
                Some(Open::Parsed { .. }) => self.go_on(line),
                Some(Open::Fence { code, indent }) => {
                    let line = outdented(line, *indent);
                    code.write(line, self.columns, &self.theme, (&[], &[]), &mut self.out);
                }
                None => {}
            },
            Place::Closes => self.open = None,
        }
    }

    /// A further line of a block that is drawn when it is whole. Text beyond the largest size is drawn in pieces.
    fn go_on(&mut self, line: &str) {
        let prose = self.last.as_ref().is_some_and(|last| last.block == Block::Prose);
        let Some(Open::Parsed { source, table, .. }) = &mut self.open else { return };
        *table |= overlong::is_table_rule(line);
        if prose && !*table && source.len() > overlong::MAX_BLOCK && !line.trim().is_empty() {
            self.close();
            let source = format!("{}\n", line.trim_start());
            self.open = Some(Open::Parsed { source, number: None, table: false, unsure: None });
            return;
        }
        source.push_str(line);
        source.push('\n');
    }

    fn begin(&mut self, block: Block, apart: bool, line: &str) {
        let mut number = None;
        let mut close = self.last.is_none();
        if let Block::Item(item) = &block {
            number = item.number;
            match &self.last {
                Some(Last { block: Block::Item(before), number: Some(count) })
                    if item.continues(before) =>
                {
                    number = Some(count.saturating_add(1));
                    close |= !apart;
                }
                Some(Last { block: Block::Item(before), .. }) => {
                    close |= !apart && item.continues(before)
                }
                Some(Last { block: Block::Prose, .. }) => close |= !apart,
                _ => {}
            }
        }
        let unsure = (block == Block::Prose && references::may_define(line))
            .then(|| Unsure { apart: !close, last: self.last.clone() });
        if !close && unsure.is_none() {
            self.out.lines.push(Line::default());
        }
        self.open = Some(match &block {
            Block::Fence(fence) => {
                Open::Fence { code: Code::new(&fence.info), indent: fence.indent }
            }
            _ => {
                let source = format!("{line}\n");
                Open::Parsed { source, number, table: false, unsure }
            }
        });
        self.last = Some(Last { block, number });
    }

    fn close(&mut self) {
        let Some(Open::Parsed { source, number, unsure, .. }) = self.open.take() else { return };
        let mut drawn = Rendered::default();
        let references = &mut self.references;
        writer::write(&source, number, self.columns, &self.theme, references, &mut drawn);
        match unsure {
            Some(unsure) if drawn.lines.is_empty() => self.last = unsure.last,
            unsure => {
                if unsure.is_some_and(|unsure| unsure.apart) {
                    self.out.lines.push(Line::default());
                }
                self.out.append(drawn);
            }
        }
    }

    fn end(&mut self, partial: &str) {
        if !partial.is_empty() {
            self.line(partial);
        }
        self.close();
        self.splitter = Splitter::default();
        self.last = None;
    }

    /// What would be added if the text ended with `partial`.
    fn preview(&self, partial: &str) -> Rendered {
        let mut pen = Self {
            columns: self.columns,
            theme: self.theme.clone(),
            splitter: self.splitter.clone(),
            open: self.open.clone(),
            last: self.last.clone(),
            references: self.references.clone(),
            out: Rendered::default(),
        };
        pen.end(partial);
        pen.out
    }
}

/// `line` without up to `indent` columns of space.
fn outdented(line: &str, indent: usize) -> &str {
    let (columns, text) = indentation(line);
    if columns <= indent {
        return text;
    }
    let spaces = line.bytes().take(indent).take_while(|&b| b == b' ').count();
    &line[spaces..]
}

#[cfg(test)]
mod tests;
