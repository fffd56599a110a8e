//! One block of Markdown, parsed and drawn: what each kind of it looks like, inside lists and quotes too.

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd,
};
use ratatui_core::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{
    Rendered, code,
    inline::Inline,
    references::References,
    table::{self, Table},
};
use crate::{theme::Theme, width};

/// Draws `source` into `out`. `number` replaces that of the first item of a list.
pub(super) fn write(
    source: &str,
    number: Option<u64>,
    columns: usize,
    theme: &Theme,
    references: &mut References,
    out: &mut Rendered,
) {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let follow = |link: BrokenLink<'_>| references.follow(source, &link);
    let parser = Parser::new_with_broken_link_callback(source, options, Some(follow));
    let mut definitions: Vec<_> = parser
        .reference_definitions()
        .iter()
        .map(|(name, definition)| {
            (definition.span.clone(), name.to_owned(), definition.dest.to_string())
        })
        .collect();
    definitions.sort_by_key(|(span, ..)| span.start);
    let mut writer = Writer {
        source,
        number,
        columns,
        theme,
        out,
        containers: Vec::new(),
        after: None,
        inline: None,
        table: None,
        code: None,
    };
    for (event, range) in parser.into_offset_iter() {
        writer.take(event, range.start);
    }
    writer.end_text();
    // A definition is shown where the block ends: the text that refers to it may be in another block.
    for (_, name, target) in definitions {
        if references.define(&name, &target) {
            writer.text_mut().push(&format!("[{name}]: {target}"), theme.dim);
            writer.end_text();
        }
    }
}

struct Writer<'a> {
    source: &'a str,
    number: Option<u64>,
    columns: usize,
    theme: &'a Theme,
    out: &'a mut Rendered,
    /// What the next line stands in, outermost first.
    containers: Vec<Container>,
    /// What was drawn last; none at the beginning, of a container too.
    after: Option<Shape>,
    /// The text under way.
    inline: Option<Inline>,
    table: Option<Table>,
    /// The language and the text of the code under way.
    code: Option<(String, String)>,
}

/// How a block gets on with its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As close to the next as the source has it.
    Close,
    /// With a blank line on either side.
    Apart,
}

enum Container {
    /// The number of the next item, if they have numbers.
    List(Option<u64>),
    /// What stands before the first line, until it is drawn, and before the others.
    Item {
        first: Option<Span<'static>>,
        rest: Span<'static>,
    },
    Quote(Span<'static>),
}

impl Writer<'_> {
    fn take(&mut self, event: Event<'_>, at: usize) {
        if let Some((_, text)) = &mut self.code
            && let Event::Text(piece) = &event
        {
            text.push_str(piece);
            return;
        }
        match event {
            Event::Start(tag) if self.begins(&tag, at) => {}
            Event::End(tag) if self.ends(tag) => {}
            Event::Rule => self.rule(at),
            Event::TaskListMarker(done) if self.begin_task(done) => {}
            event => {
                // The text of an item without blank lines comes without a paragraph.
                if self.inline.is_none() && self.table.is_none() && !matches!(event, Event::End(_))
                {
                    self.make_room(at, Shape::Close);
                }
                let theme = self.theme;
                self.text_mut().take(&event, theme);
            }
        }
    }

    /// Begins a block; false when `tag` is of the text.
    fn begins(&mut self, tag: &Tag<'_>, at: usize) -> bool {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin_text(at, Shape::Close, Style::new()),
            Tag::Heading { level, .. } => self.begin_heading(*level, at),
            Tag::BlockQuote(_) => {
                self.make_room(at, Shape::Close);
                let bar = Span::styled(format!("{} ", self.theme.glyphs.quote), self.theme.dim);
                self.containers.push(Container::Quote(bar));
                self.after = None;
            }
            Tag::CodeBlock(kind) => {
                self.make_room(at, Shape::Close);
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Tag::List(start) => {
                self.end_text();
                let start = self.number.take().filter(|_| self.containers.is_empty()).or(*start);
                self.containers.push(Container::List(start));
            }
            Tag::Item => self.begin_item(at),
            Tag::Table(alignments) => {
                self.make_room(at, Shape::Apart);
                self.table = Some(Table { alignments: alignments.clone(), rows: Vec::new() });
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            Tag::TableCell => {
                let head = self.table.as_ref().is_some_and(|table| table.rows.len() == 1);
                self.inline =
                    Some(Inline::new(if head { table::head_style() } else { Style::new() }));
            }
            _ => return false,
        }
        true
    }

    /// Ends a block; false when `tag` is of the text.
    fn ends(&mut self, tag: TagEnd) -> bool {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Heading(_) => self.end_text(),
            TagEnd::BlockQuote(_) | TagEnd::List(_) => {
                self.end_text();
                self.containers.pop();
            }
            TagEnd::Item => self.end_item(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::TableCell => {
                if let (Some(table), Some(cell)) = (&mut self.table, self.inline.take())
                    && let Some(row) = table.rows.last_mut()
                {
                    row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    let (first, rest) = self.prefixes();
                    let prefix = if first == rest { rest } else { first };
                    table.write(self.columns, self.theme, &prefix, self.out);
                }
            }
            _ => return false,
        }
        true
    }

    fn begin_text(&mut self, at: usize, shape: Shape, style: Style) {
        self.make_room(at, shape);
        self.inline = Some(Inline::new(style));
    }

    fn begin_heading(&mut self, level: HeadingLevel, at: usize) {
        let style = match level {
            HeadingLevel::H1 => self.theme.heading.add_modifier(Modifier::UNDERLINED),
            HeadingLevel::H2 => self.theme.heading,
            _ => self.theme.heading.add_modifier(Modifier::ITALIC),
        };
        self.begin_text(at, Shape::Apart, style);
    }

    fn begin_item(&mut self, at: usize) {
        self.make_room(at, Shape::Close);
        let marker = match self.containers.last_mut() {
            Some(Container::List(Some(number))) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => format!("{} ", self.theme.glyphs.bullet),
        };
        let rest = Span::raw(" ".repeat(width::of(&marker)));
        let first = Some(Span::styled(marker, self.theme.dim));
        self.containers.push(Container::Item { first, rest });
        self.after = None;
    }

    /// The box of a task takes the place of its bullet; false where it has none.
    fn begin_task(&mut self, done: bool) -> bool {
        match self.containers.last_mut() {
            Some(Container::Item { first: Some(first), rest })
                if first.content.trim_end() == self.theme.glyphs.bullet =>
            {
                *first = Span::raw(if done { "[x] " } else { "[ ] " });
                *rest = Span::raw(" ".repeat(4));
                true
            }
            _ => false,
        }
    }

    fn end_item(&mut self) {
        self.end_text();
        if matches!(self.containers.last(), Some(Container::Item { first: Some(_), .. })) {
            let (first, _) = self.prefixes();
            self.out.lines.push(first.into());
            self.after = Some(Shape::Close);
        }
        self.containers.pop();
    }

    fn end_code(&mut self) {
        let Some((info, text)) = self.code.take() else { return };
        let mut code = code::Code::new(&info);
        for line in text.lines() {
            let (first, rest) = self.prefixes();
            code.write(line, self.columns, self.theme, (&first, &rest), self.out);
        }
    }

    fn rule(&mut self, at: usize) {
        self.make_room(at, Shape::Apart);
        let (first, _) = self.prefixes();
        let used: usize = first.iter().map(|span| width::of(&span.content)).sum();
        let mut spans = first;
        let rule = self.theme.glyphs.horizontal.repeat(self.columns.saturating_sub(used).min(40));
        spans.push(Span::styled(rule, self.theme.dim));
        self.out.lines.push(spans.into());
    }

    fn text_mut(&mut self) -> &mut Inline {
        self.inline.get_or_insert_with(|| Inline::new(Style::new()))
    }

    fn end_text(&mut self) {
        if let Some(text) = self.inline.take() {
            let (first, rest) = self.prefixes();
            text.write(self.columns, &first, &rest, self.out);
        }
    }

    /// Ends the text under way and keeps distance to it, where a block of `shape` begins at `at`.
    fn make_room(&mut self, at: usize, shape: Shape) {
        self.end_text();
        let apart = |after| {
            after == Shape::Apart || shape == Shape::Apart || follows_blank(self.source, at)
        };
        if self.after.is_some_and(apart) {
            self.out.lines.push(blank(self.rest()));
        }
        self.after = Some(shape);
    }

    /// What stands before the next line, and before those after it.
    fn prefixes(&mut self) -> (Vec<Span<'static>>, Vec<Span<'static>>) {
        let rest = self.rest();
        let first = self.containers.iter_mut().filter_map(Container::take_first);
        (bounded(first, self.columns), rest)
    }

    fn rest(&self) -> Vec<Span<'static>> {
        bounded(self.containers.iter().filter_map(Container::rest), self.columns)
    }
}

impl Container {
    /// What stands before the next line, which is taken.
    fn take_first(&mut self) -> Option<Span<'static>> {
        match self {
            Self::Item { first, .. } if first.is_some() => first.take(),
            container => container.rest(),
        }
    }

    fn rest(&self) -> Option<Span<'static>> {
        match self {
            Self::List(_) => None,
            Self::Item { rest, .. } => Some(rest.clone()),
            Self::Quote(bar) => Some(bar.clone()),
        }
    }
}

/// As many of the prefixes as leave half of `columns` to the text: nesting can go deeper than any screen. All are
/// taken.
fn bounded(prefixes: impl Iterator<Item = Span<'static>>, columns: usize) -> Vec<Span<'static>> {
    let mut used = 0;
    let mut kept = Vec::new();
    for prefix in prefixes {
        used += width::of(&prefix.content);
        if used <= columns / 2 {
            kept.push(prefix);
        }
    }
    kept
}

/// A blank line behind `prefix`, of which only what can be seen remains.
fn blank(mut prefix: Vec<Span<'static>>) -> Line<'static> {
    while prefix.last().is_some_and(|span| span.content.trim().is_empty()) {
        prefix.pop();
    }
    prefix.into()
}

/// Whether the line before the one with `at` is blank, quote marks aside.
fn follows_blank(source: &str, at: usize) -> bool {
    let Some((before, _)) = source[..at].rsplit_once('\n') else { return false };
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars().all(|c| c.is_whitespace() || c == '>')
}
