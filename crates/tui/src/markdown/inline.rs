//! Text of a paragraph, heading or cell as it builds up from events: its styles, its lines, where its links lead.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};
use ratatui_core::{
    style::{Modifier, Style},
    text::Span,
};

use super::{Link, Rendered, bare};
use crate::{
    filter::written,
    theme::Theme,
    width,
    wrap::{Styled, room_beside, rows},
};

/// So wide are the lines of text that an editor wrapped.
const WRAPPED_BY_HAND: RangeInclusive<usize> = 60..=140;

/// Lines of text that are not yet broken into rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Inline {
    lines: Vec<Linked>,
    /// What emphasis and links make of the text, innermost last.
    styles: Vec<Style>,
    /// The link that is open: its target, and where its text began.
    open: Option<(Arc<str>, usize)>,
    /// Of the link that is open, where its target is not known.
    label: Option<String>,
}

/// A line of text and its links.
#[derive(Clone, Debug, Default)]
struct Linked {
    text: Styled,
    /// Where the line of the source began that is its last.
    source_line: usize,
    links: Vec<(Range<usize>, Arc<str>)>,
}

impl Inline {
    /// Empty text that begins in `style`.
    pub(super) fn new(style: Style) -> Self {
        Self { lines: vec![Linked::default()], styles: vec![style], open: None, label: None }
    }

    /// Takes an event of the text; false when it is none.
    pub(super) fn take(&mut self, event: &Event<'_>, theme: &Theme) -> bool {
        match event {
            Event::Text(text) => self.push(text, Style::new()),
            Event::Code(text) => self.push(text, theme.code),
            Event::InlineHtml(tag) if is_break(tag) => self.break_line(),
            Event::InlineHtml(text) => self.push(text, theme.dim),
            // Lines of their own, that come one by one.
            Event::Html(text) => {
                if !self.is_empty() {
                    self.break_line();
                }
                self.push(text.trim_end_matches('\n'), theme.dim);
            }
            Event::SoftBreak => self.soft_break(),
            Event::HardBreak => self.break_line(),
            Event::TaskListMarker(done) => {
                self.push(if *done { "[x] " } else { "[ ] " }, Style::new())
            }
            Event::Start(Tag::Emphasis) => self.begin(Modifier::ITALIC.into()),
            Event::Start(Tag::Strong) => self.begin(Modifier::BOLD.into()),
            Event::Start(Tag::Strikethrough) => self.begin(Modifier::CROSSED_OUT.into()),
            Event::Start(
                Tag::Link { link_type: LinkType::ReferenceUnknown, dest_url, id, .. }
                | Tag::Image { link_type: LinkType::ReferenceUnknown, dest_url, id, .. },
            ) if dest_url.is_empty() => {
                self.begin(Style::new());
                self.label = Some(id.to_string());
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.begin(theme.link);
                self.open = Some((safe_target(dest_url), self.end()));
            }
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {
                self.styles.pop();
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.end_link(theme),
            _ => return false,
        }
        true
    }

    fn begin(&mut self, style: Style) {
        self.styles.push(self.style().patch(style));
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    pub(super) fn push(&mut self, text: &str, style: Style) {
        let style = self.style().patch(style);
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.break_line();
            }
            if let Some(last) = self.lines.last_mut() {
                last.text.push(&written(line), style);
            }
        }
    }

    fn end(&self) -> usize {
        self.lines.last().map_or(0, |line| line.text.as_str().len())
    }

    /// The source has a new line: one of text that was wrapped by hand goes on in the same line, as Markdown has it.
    /// Others are kept, since those who write them mean them.
    fn soft_break(&mut self) {
        let Some(line) = self.lines.last_mut() else { return };
        let columns = width::of(&line.text.as_str()[line.source_line..]);
        if !WRAPPED_BY_HAND.contains(&columns) {
            return self.break_line();
        }
        // Ideographs need no space between lines.
        let last = line.text.as_str().chars().next_back();
        let glued = last.is_some_and(|c| ('\u{2e80}'..'\u{a960}').contains(&c));
        self.push(if glued { "" } else { " " }, Style::new());
        let end = self.end();
        if let Some(line) = self.lines.last_mut() {
            line.source_line = end;
        }
    }

    fn break_line(&mut self) {
        self.mark_link();
        self.lines.push(Linked::default());
        if let Some((_, start)) = &mut self.open {
            *start = 0;
        }
    }

    /// The open link has its text so far.
    fn mark_link(&mut self) {
        let end = self.end();
        if let (Some((target, start)), Some(line)) = (&self.open, self.lines.last_mut())
            && *start < end
        {
            line.links.push((*start..end, Arc::clone(target)));
        }
    }

    /// A link whose text does not say where it leads is followed by its target.
    fn end_link(&mut self, theme: &Theme) {
        self.mark_link();
        self.styles.pop();
        if let Some(label) = self.label.take() {
            return self.push(&format!(" [{label}]"), theme.dim);
        }
        let Some((target, start)) = self.open.take() else { return };
        let text = self.lines.last().map_or("", |line| &line.text.as_str()[start..]);
        let says_it = ["", "mailto:", "http://", "https://", "file://"]
            .iter()
            .any(|scheme| target.strip_prefix(scheme) == Some(text));
        if says_it || target.is_empty() {
            return;
        }
        self.push(" (", theme.dim);
        self.open = Some((Arc::clone(&target), self.end()));
        self.push(&target, theme.dim);
        self.mark_link();
        self.open = None;
        self.push(")", theme.dim);
    }

    /// Columns of the longest line.
    pub(super) fn columns(&self) -> usize {
        self.lines.iter().map(|line| width::of(line.text.as_str())).max().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.text.as_str().is_empty())
    }

    /// Adds rows of at most `columns` to `out`, the first behind `first`, the others behind `rest`.
    pub(super) fn write(
        &self,
        columns: usize,
        first: &[Span<'static>],
        rest: &[Span<'static>],
        out: &mut Rendered,
    ) {
        let room = room_beside(columns, first, rest);
        let mut prefix = first;
        for line in &self.lines {
            let links = line.all_links();
            for row in rows(line.text.as_str(), room) {
                let before: usize = prefix.iter().map(|s| width::of(&s.content)).sum();
                line.link_row(&row, &links, before, out);
                let mut spans = prefix.to_vec();
                spans.extend(line.text.spans(row));
                out.lines.push(spans.into());
                prefix = rest;
            }
        }
    }
}

impl Linked {
    /// Those of Markdown, and addresses that stand for themselves.
    fn all_links(&self) -> Vec<(Range<usize>, Arc<str>)> {
        let mut links = self.links.clone();
        links.extend(bare::addresses(self.text.as_str(), &self.links));
        links.sort_by_key(|(range, _)| range.start);
        links
    }

    /// Notes the links of a row that is about to be added, whose text begins at column `before`.
    fn link_row(
        &self,
        row: &Range<usize>,
        links: &[(Range<usize>, Arc<str>)],
        before: usize,
        out: &mut Rendered,
    ) {
        let text = self.text.as_str();
        for (range, target) in links {
            let (start, end) = (range.start.max(row.start), range.end.min(row.end));
            if start < end {
                let from = before + width::of(&text[row.start..start]);
                let columns = from..from + width::of(&text[start..end]);
                out.links.push(Link { line: out.lines.len(), columns, target: Arc::clone(target) });
            }
        }
    }
}

fn is_break(tag: &str) -> bool {
    matches!(tag.to_ascii_lowercase().as_str(), "<br>" | "<br/>" | "<br />")
}

/// A target that is safe within an escape sequence.
fn safe_target(target: &CowStr<'_>) -> Arc<str> {
    written(target).chars().filter(|c| !c.is_control()).collect::<String>().into()
}
