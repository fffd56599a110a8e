//! Unified diffs for the screen: line numbers, signs, colours of the language, and counts. Making diffs is not done
//! here.

mod parse;

use ratatui_core::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use crate::{filter::exact, highlight::Highlighter, theme::Theme, wrap::Styled};
pub use parse::Counts;
use parse::{File, Row, parse};

/// The counts of all files of a diff.
pub fn counts(unified: &str) -> Counts {
    let files = parse(unified);
    files.iter().fold(Counts::default(), |sum, file| sum + file.counts())
}

/// Draws a diff of any number of files, each under its name and counts, in `columns`. After `max_rows` the rest is
/// counted instead.
pub fn render(unified: &str, columns: usize, max_rows: usize, theme: &Theme) -> Vec<Line<'static>> {
    let files = parse(unified);
    let mut page =
        Page { columns, max_rows, theme, lines: Vec::new(), left: Counts::default(), left_rows: 0 };
    for file in &files {
        if !page.lines.is_empty() {
            page.line(Line::default());
        }
        page.line(heading(file, theme));
        page.rows(file, &file.path());
    }
    page.finish()
}

/// Draws the changes of one file, without its name: what to colour `path` tells.
pub fn render_file(
    path: &str,
    unified: &str,
    columns: usize,
    max_rows: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let mut page =
        Page { columns, max_rows, theme, lines: Vec::new(), left: Counts::default(), left_rows: 0 };
    for file in &parse(unified) {
        page.rows(file, path);
    }
    page.finish()
}

/// `+3 -1` in their colours.
pub fn summary(counts: Counts, theme: &Theme) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!("+{}", counts.added), theme.added),
        Span::raw(" "),
        Span::styled(format!("-{}", counts.removed), theme.removed),
    ]
}

fn heading(file: &File<'_>, theme: &Theme) -> Line<'static> {
    let mut spans =
        vec![Span::styled(exact(&file.title(theme.glyphs.arrow)).into_owned(), Modifier::BOLD)];
    if file.counts() != Counts::default() {
        spans.push(Span::raw(" "));
        spans.extend(summary(file.counts(), theme));
    }
    spans.into()
}

/// Lines up to a limit, and a count of what goes beyond it.
struct Page<'a> {
    columns: usize,
    max_rows: usize,
    theme: &'a Theme,
    lines: Vec<Line<'static>>,
    left: Counts,
    left_rows: usize,
}

/// The two sides of a file, each coloured on its own: what a line means depends on those before it on its side.
struct Sides {
    old: Highlighter,
    new: Highlighter,
}

impl Page<'_> {
    fn is_full(&self) -> bool {
        self.lines.len() >= self.max_rows
    }

    fn line(&mut self, line: Line<'static>) {
        if self.is_full() {
            self.left_rows += 1;
        } else {
            self.lines.push(line);
        }
    }

    fn rows(&mut self, file: &File<'_>, path: &str) {
        let digits = file.last_number().max(1).ilog10() as usize + 1;
        let fresh = || Sides { old: Highlighter::of_path(path), new: Highlighter::of_path(path) };
        let mut sides = fresh();
        for (index, row) in file.rows.iter().enumerate() {
            if self.is_full() {
                self.left_rows += 1;
                self.left = self.left + row.counts();
                continue;
            }
            match row {
                Row::Hunk { context } => {
                    sides = fresh();
                    if index > 0 || !context.is_empty() {
                        self.note(digits, context);
                    }
                }
                Row::Note(text) => self.note(digits, text),
                Row::Context { number, text } => {
                    sides.old.line(&exact(text), self.theme);
                    let text = sides.new.line(&exact(text), self.theme);
                    self.row(digits, *number, ' ', &text, Style::new());
                }
                Row::Removed { number, text } => {
                    let text = sides.old.line(&exact(text), self.theme);
                    self.row(digits, *number, '-', &text, self.theme.removed_line);
                }
                Row::Added { number, text } => {
                    let text = sides.new.line(&exact(text), self.theme);
                    self.row(digits, *number, '+', &text, self.theme.added_line);
                }
            }
        }
    }

    /// Between hunks, and for what git says beside lines.
    fn note(&mut self, digits: usize, text: &str) {
        let text = format!("{:>digits$} {}", self.theme.glyphs.ellipsis, exact(text));
        let text = Styled::new(text.trim_end(), self.theme.dim);
        for cut in text.cut(self.columns.max(1)) {
            self.line(Line::from(text.spans(cut)));
        }
    }

    /// A line of the file behind its number and sign, in as many rows as it takes.
    fn row(&mut self, digits: usize, number: usize, sign: char, text: &Styled, changed: Style) {
        let gutter = digits + 3;
        let mut cuts = text.cut(self.columns.saturating_sub(gutter).max(1)).into_iter();
        let mut first = true;
        loop {
            let cut = match cuts.next() {
                Some(cut) => cut,
                None if first => 0..0,
                None => break,
            };
            let (number, sign) = if first && number > 0 {
                (format!("{number:>digits$} "), sign)
            } else {
                (" ".repeat(digits + 1), if first { sign } else { ' ' })
            };
            let mut spans = vec![
                Span::styled(number, self.theme.dim.patch(background(changed))),
                Span::styled(format!("{sign} "), changed),
            ];
            spans.extend(text.spans(cut).into_iter().map(|span| recoloured(span, changed)));
            self.line(Line::from(spans).style(background(changed)));
            first = false;
        }
    }

    fn finish(mut self) -> Vec<Line<'static>> {
        if self.left_rows > 0 {
            let more = format!(
                "{} {} ",
                self.theme.glyphs.ellipsis,
                crate::view::count(self.left_rows, "more line")
            );
            let mut spans = vec![Span::styled(more, self.theme.dim)];
            spans.extend(summary(self.left, self.theme));
            self.lines.push(spans.into());
        }
        self.lines
    }
}

fn background(style: Style) -> Style {
    Style { bg: style.bg, ..Style::new() }
}

/// Where changed lines stand on a background, the colours of the language stay; else the change is the colour.
fn recoloured(span: Span<'static>, changed: Style) -> Span<'static> {
    let style = if changed.bg.is_some() || changed == Style::new() {
        background(changed).patch(span.style)
    } else {
        changed
    };
    span.style(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Glyphs;
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use ratatui_core::style::Color;

    fn shown(lines: &[Line<'_>]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    const TWO: &str = "\
diff --git a/src/a.rs b/src/a.rs
index 1..2 100644
--- a/src/a.rs
+++ b/src/a.rs
@@ -8,4 +8,5 @@ fn main() {
 let a = 1;
--- not a header
-\told(\"한글이 길어서 줄이 넘어갑니다\");
+++ neither
+new();
+more();
 }
@@ -100 +101 @@
-x
+y
\\ No newline at end of file
diff --git a/old.txt b/new.txt
similarity index 90%
rename from old.txt
rename to new.txt
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1,2 +0,0 @@
-one
-two
diff --git a/p.png b/p.png
new file mode 100644
Binary files /dev/null and b/p.png differ
";

    #[test]
    fn links_and_modes_are_said_of_a_file() {
        let diff = "diff --git a/link b/link\nnew file mode 120000\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+text\n\
                    diff --git a/run b/run\nold mode 100644\nnew mode 100755\n\
                    diff --git a/gone b/gone\ndeleted file mode 120000\n\
                    diff --git a/file b/file\nnew file mode 100644\n";
        let rows = render(diff, 60, usize::MAX, &Theme::colourless());
        let rows: Vec<_> = rows.iter().map(ToString::to_string).collect();
        for title in [
            "link (new link) +1 -0",
            "run (mode 100644 → 100755)",
            "gone (deleted link)",
            "file (new)",
        ] {
            assert!(rows.iter().any(|row| row == title), "{title}: {rows:#?}");
        }
    }

    #[test]
    fn a_diff_is_drawn_with_numbers_and_counts() {
        let theme = Theme::default();
        assert_snapshot!("diff_80", shown(&render(TWO, 80, 100, &theme)));
        assert_snapshot!("diff_24", shown(&render(TWO, 24, 100, &theme)));
        let ascii = Theme { glyphs: Glyphs::ASCII, ..Theme::colourless() };
        assert_snapshot!("diff_ascii", shown(&render(TWO, 80, 5, &ascii)));
        assert_eq!(counts(TWO), Counts { added: 4, removed: 5 });
    }

    #[test]
    fn hunks_without_a_header_are_those_of_the_named_file() {
        let theme = Theme::default();
        let lines =
            render_file("a.rs", "@@ -1 +1,2 @@\n let x = 1;\n+fn f() {}\n", 40, 100, &theme);
        assert_eq!(shown(&lines), "1   let x = 1;\n2 + fn f() {}\n");
        assert_eq!(lines[0].spans[2].style, theme.syntax.keyword);
        assert_eq!(lines[1].spans[2].style, theme.added_line);
        let mut tinted = theme;
        tinted.added_line = Style::new().bg(Color::Green);
        let lines =
            render_file("a.rs", "@@ -1 +1,2 @@\n let x = 1;\n+fn f() {}\n", 40, 100, &tinted);
        assert_eq!(lines[1].style.bg, Some(Color::Green));
        assert_eq!(lines[1].spans[2].style, tinted.syntax.keyword.bg(Color::Green));
    }

    #[test]
    fn hunks_of_which_nobody_knows_yet_where_they_stand_have_no_numbers() {
        let theme = Theme::default();
        let unified =
            "@@ @@\n x\n--- a\n+++ b\n\\ End of file\n@@ @@ -0,0 +0,0 @@\n@@ @@ fn f() {\n+@@ y\n";
        assert_eq!(
            shown(&render_file("a", unified, 40, 100, &theme)),
            "    x\n  - -- a\n  + ++ b\n… \\ End of file\n… -0,0 +0,0 @@\n… fn f() {\n  + @@ y\n"
        );
        assert_eq!(counts(unified), Counts { added: 2, removed: 1 });
        let long = format!("@@ @@ {}\n+x\n", "y".repeat(50));
        assert!(shown(&render_file("a", &long, 20, 100, &theme)).matches('y').count() == 50);
    }

    #[test]
    fn a_huge_diff_is_cut_with_a_count() {
        let mut diff = "@@ -0,0 +1,100000 @@\n".to_owned();
        (0..100_000).for_each(|n| diff.push_str(&format!("+{n}\n")));
        let lines = render_file("a.txt", &diff, 40, 3, &Theme::default());
        assert_eq!(
            shown(&lines),
            "     1 + 0\n     2 + 1\n     3 + 2\n… 99,997 more lines +99997 -0\n"
        );
        let long = format!("@@ -0,0 +1 @@\n+{}\n", "x".repeat(100_000));
        assert_eq!(render_file("a", &long, 40, 3, &Theme::default()).len(), 4);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_drawn(diff in "(@@ -1,2 \\+1,2 @@\n|@@ -9999999999999999999999 @@\n|--- a\n|\\+\\+\\+ b\n|\\+x\n|-y\n| z\n|\\\\ No\n|diff --git a b\n|[ -~한]{0,9}\n){0,20}", columns in 1usize..30) {
            render(&diff, columns, 10, &Theme::default());
            counts(&diff);
        }
    }
}
