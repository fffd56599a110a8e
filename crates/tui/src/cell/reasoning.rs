//! What the model thinks, as far as it says so: folded to a row that tells what it is about, or all of it.

use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Detail, Look, block};
use crate::filter::written;
use crate::theme::Theme;
use crate::{width, wrap};

/// How much of it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    #[default]
    Folded,
    Unfolded,
}

/// Where the rest of it is: in as many words as there is room for.
const HINTS: [&str; 2] = ["(ctrl-t shows all, alt-t from here on)", SHORT_HINT];
const SHORT_HINT: &str = "(ctrl-t shows all)";
/// So few rows are not worth a fold.
const FEW_ROWS: usize = 2;

/// Said to its end.
pub(super) fn lines(text: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let Look { columns, detail, theme, fold, .. } = *look;
    let style = style(theme);
    let bare = text.replace("**", "");
    let whole = block(theme.glyphs.bullet, &bare, style, columns);
    if fold == Fold::Unfolded || detail == Detail::Whole || whole.len() <= FEW_ROWS {
        return whole;
    }
    let row = written(&about(text)).replace('\n', " ");
    let fits = |hint: &&str| 3 + width::of(&row) + hint.len() <= columns;
    let short = Some(SHORT_HINT).filter(|hint| 2 * hint.len() <= columns);
    let hint = HINTS.into_iter().find(fits).or(short);
    let room = columns.saturating_sub(2 + hint.map_or(0, |hint| hint.len() + 1));
    let row = width::shortened(&row, room, theme.glyphs.ellipsis);
    let mut line = Line::styled(format!("{} {row}", theme.glyphs.bullet), style);
    if let Some(hint) = hint {
        line.spans.push(Span::raw(format!(" {hint}")));
    }
    vec![line]
}

/// As far as it is said: of what is folded what it is about now, else the last `rows`.
pub fn live(
    text: &str,
    fold: Fold,
    rows: usize,
    columns: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let style = style(theme);
    let columns = columns.saturating_sub(2).max(1);
    let title = titles(text).last();
    let rows = match (fold, title) {
        (Fold::Folded, Some(title)) => {
            let title = written(title).into_owned();
            vec![Line::styled(width::shortened(&title, columns, theme.glyphs.ellipsis), style)]
        }
        (Fold::Folded, None) => last_rows(text, 1, columns, style),
        (Fold::Unfolded, _) => last_rows(text, rows, columns, style),
    };
    let indented = |line: Line<'static>| {
        let spans = std::iter::once(Span::raw("  ")).chain(line.spans);
        Line::from_iter(spans).style(style)
    };
    std::iter::once(Line::default()).chain(rows.into_iter().map(indented)).collect()
}

fn last_rows(text: &str, rows: usize, columns: usize, style: Style) -> Vec<Line<'static>> {
    let text = text.trim_end();
    // A line makes a row at least, so what stands before the last of them need not be looked at.
    let begin = text.rmatch_indices('\n').nth(rows).map_or(0, |(at, _)| at + 1);
    let text = written(&text[begin..]).replace("**", "");
    let row = |row: &str| wrap::wrap(&Line::styled(row.to_owned(), style), columns);
    let wrapped: Vec<_> = text.lines().flat_map(row).collect();
    let skipped = wrapped.len().saturating_sub(rows);
    wrapped.into_iter().skip(skipped).collect()
}

/// Its titles, or else how it begins.
fn about(text: &str) -> String {
    let titles: Vec<_> = titles(text).collect();
    if titles.is_empty() {
        return text.trim_start().lines().next().unwrap_or_default().replace("**", "");
    }
    titles.join("; ")
}

/// Lines that are bold from end to end.
fn titles(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let title = line.trim().strip_prefix("**")?.strip_suffix("**")?;
        (!title.is_empty() && !title.contains("**")).then_some(title)
    })
}

fn style(theme: &Theme) -> Style {
    theme.dim.add_modifier(Modifier::ITALIC)
}
