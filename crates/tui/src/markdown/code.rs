//! Code, line by line: highlighted, indented, and cut where it is wider than the screen.

use ratatui_core::text::Span;

use super::Rendered;
use crate::{filter::written, highlight::Highlighter, theme::Theme, wrap::room_beside};

/// Code stands in from the text around it.
const INDENT: &str = "  ";

/// Code under way: what its next line means depends on those before.
#[derive(Clone, Debug)]
pub(super) struct Code {
    highlighter: Highlighter,
}

impl Code {
    /// Code of the language that `info` names first.
    pub(super) fn new(info: &str) -> Self {
        let language =
            info.split([' ', ',', '{', '\t']).find(|word| !word.is_empty()).unwrap_or_default();
        Self { highlighter: Highlighter::new(language) }
    }

    /// Adds the rows of one line to `out`, the first behind the first prefix, the others behind the second.
    pub(super) fn write(
        &mut self,
        line: &str,
        columns: usize,
        theme: &Theme,
        (first, rest): (&[Span<'static>], &[Span<'static>]),
        out: &mut Rendered,
    ) {
        let line = self.highlighter.line(&written(line.strip_suffix('\r').unwrap_or(line)), theme);
        if line.as_str().trim().is_empty() {
            out.lines.push(first.to_vec().into());
            return;
        }
        let room = room_beside(columns, first, rest).saturating_sub(INDENT.len()).max(1);
        let mut prefix = first;
        for row in line.cut(room) {
            let mut spans = prefix.to_vec();
            spans.push(Span::raw(INDENT));
            spans.extend(line.spans(row));
            out.lines.push(spans.into());
            prefix = rest;
        }
    }
}
