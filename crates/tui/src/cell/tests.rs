//! How cells look in each of their states, narrow, ordinary and wide, with colours and without.

use super::patch::{DRAFT_FILES, DRAFT_ROWS};
use super::*;
use agent_protocol::{ChangeKind, CommandExecution, FileChange, MessagePhase};
use insta::assert_snapshot;
use ratatui_core::style::Color;

fn item(details: ItemDetails) -> Cell {
    let id = "i".to_owned();
    let item = ThreadItem { id, details, call_id: None, step: None, duration_ms: Some(1_234) };
    Cell::Item(Box::new(item))
}

fn command(line: &str, output: &str, status: Status) -> CommandExecution {
    CommandExecution {
        aggregated_output: output.into(),
        status,
        ..CommandExecution::begun(format!("/bin/bash -c '{line}'"))
    }
}

fn file(path: &str, kind: ChangeKind, diff: &str) -> FileChange {
    FileChange {
        path: path.into(),
        kind,
        additions: Some(1),
        deletions: Some(1),
        diff: Some(diff.into()),
        diff_truncated: false,
        move_path: None,
    }
}

fn look(columns: usize, theme: &Theme) -> Look<'_> {
    let (detail, fold, cwd) = (Detail::Brief, Fold::Folded, Path::new("/work"));
    Look { columns, detail, theme, fold, cwd, rows: None }
}

const DIFF: &str = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,3 @@\n fn slug(text: &str) {\n-    let old = \"a\";\n+    let new = \"b\"; // a comment that goes on for a good while, so that it has to be broken somewhere\n }\n";

#[test]
fn of_a_long_output_all_lines_are_counted_that_there_were() {
    let theme = Theme::colourless();
    let look = look(60, &theme);
    let printed: String = (1..=9).map(|n| format!("{n}\n")).collect();
    let first = |command: CommandExecution, progress: &Progress<'_>| {
        let cell = item(ItemDetails::CommandExecution(command));
        lines(&cell, progress, &look)[2].to_string()
    };
    let cut =
        CommandExecution { lines: Some(100_000), ..command("seq", &printed, Status::Completed) };
    let before = first(cut, &Progress::default());
    assert_eq!(before, "  … 99,994 lines before; ctrl-o shows them");
    let progress = Progress { tail: &printed, lines_before: 1_000, ..Progress::default() };
    let before = first(command("seq", "", Status::InProgress), &progress);
    assert_eq!(before, "  … 1,003 lines before; ctrl-o shows them");
}

/// A line whose carriage return would have a terminal overwrite it, and one with a sequence that would swallow the rest.
const HIDING: [(&str, &str); 2] = [
    ("touch a #\rls", "touch a #<U+000D>ls"),
    ("echo a \u{1b}]0; touch b; echo \u{7} c", "echo a <U+001B>]0; touch b; echo <U+0007> c"),
];

#[test]
fn s21_a_command_line_is_shown_as_it_ran_and_its_output_as_it_printed() {
    let theme = Theme::colourless();
    for (line, shown) in HIDING {
        let item = |rows| {
            let look = Look { rows, ..look(80, &theme) };
            let printed = "10 %\r100 %\n\u{1b}]0;title\u{7}";
            let mut ran = command(line, printed, Status::Completed);
            ran.exit_code = Some(0);
            let details = ItemDetails::CommandExecution(ran);
            let (id, call_id) = ("i".to_owned(), None);
            let item = ThreadItem { id, details, call_id, step: Some(1), duration_ms: None };
            let cells = vec![Cell::Item(Box::new(item)); if rows.is_some() { 2 } else { 1 }];
            let rows = all(&cells, None, |_| Progress::default(), &look);
            rows.iter().map(|row| format!("{row}\n")).collect::<String>()
        };
        let (alone, together) = (item(None), item(Some(20)));
        assert!(alone.contains(&format!("$ {shown}\n")), "{alone}");
        assert!(alone.contains("  100 %\n  <OSC 0>\n"), "{alone}");
        assert!(together.matches(shown).count() == 2, "{together}");
    }
}

#[test]
fn what_a_call_names_is_shown_as_it_is() {
    let theme = Theme::colourless();
    let path = "/work/a\u{1b}]0;b\u{7}c\rd";
    let subject = ItemDetails::ToolCall {
        tool: "read_file".into(),
        subject: path.into(),
        summary: "1 line".into(),
        status: Status::Completed,
    };
    let changes = vec![file(path, ChangeKind::Update, "")];
    let status = Status::Completed;
    let draft = draft(&changes, &look(80, &theme));
    let named = [subject, ItemDetails::FileChange { changes, status }].map(item);
    let rows = named.iter().flat_map(|cell| lines(cell, &Progress::default(), &look(80, &theme)));
    for row in rows.chain(draft).filter(|row| row.width() > 0) {
        let row = row.to_string();
        assert!(row.contains("a<U+001B>]0;b<U+0007>c<U+000D>d"), "{row}");
    }
}

#[test]
fn a_line_of_a_file_is_shown_as_it_is() {
    let theme = Theme::colourless();
    for (line, shown) in HIDING {
        let mut change = file("/work/a.sh", ChangeKind::Add, &format!("@@ -0,0 +1 @@\n+{line}\n"));
        (change.additions, change.deletions) = (Some(1), Some(0));
        let changes = vec![change];
        let draft = draft(&changes, &look(80, &theme));
        let done = item(ItemDetails::FileChange { changes, status: Status::Completed });
        let done = lines(&done, &Progress::default(), &look(80, &theme));
        assert_eq!(draft.last().map(ToString::to_string), Some(format!("    +{shown}")));
        assert_eq!(done.last().map(ToString::to_string), Some(format!("1 + {shown}")));
    }
}

/// Each kind of cell in each of its states.
fn cells() -> Vec<(&'static str, Cell)> {
    use ItemDetails::{
        AgentMessage, CommandExecution as Command, Error, FileChange as Change, McpToolCall,
        Reasoning, TodoList, ToolCall, UserMessage, WebSearch,
    };
    let long: String = (1..=20).map(|n| format!("line {n}\n")).collect();
    let tool = |tool: &str, summary: &str, status| ToolCall {
        tool: tool.into(),
        subject: "src/lib.rs:1-40".into(),
        summary: summary.into(),
        status,
    };
    let todo =
        |text: &str, completed, in_progress| Todo { text: text.into(), completed, in_progress };
    let changes = vec![file("/work/src/lib.rs", ChangeKind::Update, DIFF)];
    vec![
        ("user message", item(UserMessage { text: "Mend the parser.\nAnd the tests, please, all of them, one after the other.".into() })),
        (
            "agent message",
            item(AgentMessage {
                text: "Mended `slug`:\n\n- **one** thing\n- another\n\n```rust\nlet new = \"b\";\n```\n".into(),
                phase: Some(MessagePhase::Final),
                partial: false,
            }),
        ),
        ("reasoning", item(Reasoning { text: "**Look around**\nFirst I look at the files, then at the tests.\nThen I run them.\nThen I mend what is wrong.".into() })),
        ("command under way", item(Command(command("make -j2", "", Status::InProgress)))),
        ("command done", item(Command(CommandExecution { exit_code: Some(0), ..command("make", &long, Status::Completed) }))),
        ("command failed", item(Command(CommandExecution { exit_code: Some(2), ..command("echo '\\''a'\\''\nfalse", "\x1b[31mno\x1b[0m rule\tto make\n", Status::Failed) }))),
        ("command ended by a signal", item(Command(CommandExecution { signal: Some(9), ..command("yes", "y\n", Status::Failed) }))),
        ("command out of time", item(Command(CommandExecution { signal: Some(15), timed_out: true, ..command("make test", "begun\n", Status::Failed) }))),
        ("command declined", item(Command(command("rm -r /", "", Status::Declined)))),
        ("command in the background", item(Command(CommandExecution { pid: Some(7), ..command("npm run dev", "ready\n", Status::Completed) }))),
        ("change under way", item(Change { changes: changes.clone(), status: Status::InProgress })),
        ("change done", item(Change { changes: changes.clone(), status: Status::Completed })),
        ("change refused", item(Change { changes: vec![file("/etc/passwd", ChangeKind::Update, "")], status: Status::Declined })),
        ("look under way", item(tool("read_file", "", Status::InProgress))),
        ("look done", item(tool("read_file", "40 lines", Status::Completed))),
        ("look failed", item(tool("grep_files", "no such file", Status::Failed))),
        (
            "call of a server",
            item(McpToolCall {
                server: "docs".into(),
                tool: "find".into(),
                arguments: "x".into(),
                result: None,
                error: None,
                status: Status::Completed,
            }),
        ),
        ("search of the web", item(WebSearch { query: "tokio select".into(), action: "x".into(), search_id: "s".into() })),
        ("plan", item(TodoList { items: vec![todo("See it fail", true, false), todo("Mend it", false, true), todo("See it pass", false, false)] })),
        ("warning", item(Error { message: "The configuration names a key that is not known.".into() })),
        ("notice", Cell::Notice(Notice::Said("The conversation was shortened from 240,000 to 12,000 tokens.".into()))),
        ("failure", Cell::Notice(Notice::Failed("The server is overloaded.".into()))),
    ]
}

fn sheet(
    columns: usize,
    detail: Detail,
    theme: &Theme,
    line: impl Fn(&Line<'_>) -> String,
) -> String {
    let look =
        Look { columns, detail, theme, fold: Fold::Folded, cwd: Path::new("/work"), rows: None };
    let mut sheet = String::new();
    for (name, cell) in cells() {
        let tail = if name == "command under way" { "cc a.c\ncc b.c\n" } else { "" };
        sheet.push_str(&format!("== {name} =="));
        for row in lines(&cell, &Progress { tail, ..Progress::default() }, &look) {
            // Of what is too narrow for a mark and a letter the terminal shows what it can.
            assert!(
                row.width() <= columns || columns < 20,
                "{name} is too wide for {columns}: {row}"
            );
            sheet.push('\n');
            sheet.push_str(line(&row).trim_end());
        }
        sheet.push('\n');
    }
    sheet
}

fn plain_text(line: &Line<'_>) -> String {
    line.to_string()
}

/// The row with the style of each of its parts.
fn styled(line: &Line<'_>) -> String {
    let mark = |style: Style| {
        let mut marks = Vec::new();
        if let Some(color) = style.fg.filter(|color| *color != Color::Reset) {
            marks.push(format!("{color}").to_lowercase());
        }
        if let Some(color) = style.bg.filter(|color| *color != Color::Reset) {
            marks.push(format!("on {color}").to_lowercase());
        }
        for (modifier, name) in [
            (Modifier::BOLD, "bold"),
            (Modifier::DIM, "dim"),
            (Modifier::ITALIC, "italic"),
            (Modifier::UNDERLINED, "underlined"),
        ] {
            if style.add_modifier.contains(modifier) {
                marks.push(name.to_owned());
            }
        }
        marks.join(" ")
    };
    let part = |span: &Span<'_>| {
        let mark = mark(line.style.patch(span.style));
        if mark.is_empty() {
            span.content.to_string()
        } else {
            format!("[{mark}|{}]", span.content)
        }
    };
    line.spans.iter().map(part).collect()
}

#[test]
fn cells_fit_any_width() {
    for columns in [40, 80, 200] {
        let plain = sheet(columns, Detail::Brief, &Theme::default(), plain_text);
        assert_snapshot!(format!("cells_at_{columns}_columns"), plain);
    }
    for columns in [1, 2, 7] {
        sheet(columns, Detail::Brief, &Theme::default(), plain_text);
    }
}

#[test]
fn a_pager_shows_all_of_each_cell() {
    assert_snapshot!(sheet(80, Detail::Whole, &Theme::default(), plain_text));
}

#[test]
fn cells_have_the_colours_of_the_terminal_or_none() {
    for (name, theme) in [("default", Theme::default()), ("colourless", Theme::colourless())] {
        assert_snapshot!(format!("cells_{name}"), sheet(80, Detail::Brief, &theme, styled));
    }
}

#[test]
fn a_command_line_stands_without_its_shell_only_where_that_is_certain() {
    for (command, expected) in [
        ("/bin/bash -c 'echo hi'", "echo hi"),
        (r"/bin/bash -c 'echo '\''hi'\'''", "echo 'hi'"),
        ("/bin/bash -lc 'echo hi'", "/bin/bash -lc 'echo hi'"),
        ("cargo test", "cargo test"),
        ("/bin/bash -c 'half", "/bin/bash -c 'half"),
    ] {
        assert_eq!(bare(command), expected);
    }
}

#[test]
fn a_patch_that_is_being_written_takes_few_rows_however_long_it_is() {
    let theme = Theme::default();
    let look = look(60, &theme);
    let diff = "+line\n".repeat(5_000) + "+the last\n";
    let changes: Vec<_> = (0..10_000)
        .map(|number| file(&format!("/w/{number}"), ChangeKind::Add, &diff[..6 * (number % 3)]))
        .chain([file("/w/z", ChangeKind::Add, &diff)])
        .collect();
    let lines: Vec<_> = draft(&changes, &look).iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2 + DRAFT_FILES + DRAFT_ROWS);
    assert!(lines[1].ends_with("9,993 files before"), "{}", lines[1]);
    assert_eq!(lines[lines.len() - 1], "    +the last");
}

#[test]
fn a_picture_that_was_sent_is_named_once() {
    for (text, shown) in [
        ("[image pic.png] look\n[image]", "▌ [image pic.png] look"),
        ("[image a.png] [image b.png]\n[image]\n[image]", "▌ [image a.png] [image b.png]"),
        // It came along without a label.
        ("look\n[image]", "▌ look\n  [image]"),
        ("[image a.png]\n[image]\n[image]", "▌ [image a.png]\n  [image]"),
    ] {
        let theme = Theme::colourless();
        let rows = said(text, &look(60, &theme));
        let rows: Vec<_> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(rows.join("\n").trim(), shown, "{text:?}");
    }
}
