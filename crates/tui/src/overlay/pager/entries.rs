//! Pages that name things and say what they are: commands, prompts, keys.

use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};

use crate::effect::PageEntry;
use crate::filter::written;
use crate::wrap::Styled;
use crate::{width, wrap};

/// Columns that what is said of a thing has beside its name at least.
const LEAST_SAID: usize = 24;

/// What is said of a thing beside its name, or below it where hardly any room is left beside.
pub(super) fn lines(entries: &[PageEntry], columns: usize) -> Vec<Line<'static>> {
    let name_of = |entry: &PageEntry| match entry {
        PageEntry::Named { name, .. } => width::of(name),
        PageEntry::Heading(_) => 0,
    };
    let widest = entries.iter().map(name_of).max().unwrap_or(0);
    let beside = 2 + widest + 2;
    let is_beside = beside + LEAST_SAID <= columns;
    let lines = entries.iter().flat_map(|entry| match entry {
        PageEntry::Heading(heading) => {
            vec![Line::default(), Line::raw(*heading), Line::default()]
        }
        PageEntry::Named { name, says } if is_beside => {
            let gap = " ".repeat(beside - 2 - width::of(name));
            hanging(&format!("  {name}{gap}"), beside, says, columns)
        }
        PageEntry::Named { name, says } => {
            let name = wrap::wrap(&Line::raw(format!("  {name}")), columns);
            name.into_iter().chain(hanging("    ", 4, says, columns)).collect()
        }
    });
    lines.collect()
}

/// `text` behind `lead`, and its further rows as far in.
fn hanging(lead: &str, indent: usize, text: &str, columns: usize) -> Vec<Line<'static>> {
    let text = Styled::new(&written(text).replace('\n', " "), Style::new());
    let rest = " ".repeat(indent);
    text.wrap(columns, &[Span::raw(lead.to_owned())], &[Span::raw(rest)])
}
