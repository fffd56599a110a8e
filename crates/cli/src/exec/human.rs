//! `agent exec` for a person: what happens, a line or two each, on standard error. The answer itself goes to
//! standard output, which is the caller's business.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use agent_protocol::{
    ChangeKind, CommandExecution, Event, FileChange, ItemDetails, MessagePhase, Record, Status,
    StepCompleted, Todo, TransportKind, TurnCompleted, Usage,
};
use agent_tui::view::grouped;
use agent_tui::{exact, printable, written};

/// Lines of a command's output that are shown at most; the end of it is what mattered.
const OUTPUT_LINES: usize = 8;

/// Prints records as progress.
pub(crate) struct HumanPrinter<W> {
    out: W,
    style: Style,
    cwd: PathBuf,
    stateless: u64,
}

/// Escape sequences, or nothing.
#[derive(Clone, Copy, Debug)]
struct Style {
    dim: &'static str,
    bold: &'static str,
    red: &'static str,
    green: &'static str,
    yellow: &'static str,
    reset: &'static str,
}

const PLAIN: Style = Style { dim: "", bold: "", red: "", green: "", yellow: "", reset: "" };
const COLOURED: Style = Style {
    dim: "\x1b[2m",
    bold: "\x1b[1m",
    red: "\x1b[31m",
    green: "\x1b[32m",
    yellow: "\x1b[33m",
    reset: "\x1b[0m",
};

impl<W: Write> HumanPrinter<W> {
    pub(crate) fn new(out: W, coloured: bool, cwd: &Path) -> Self {
        let style = if coloured { COLOURED } else { PLAIN };
        Self { out, style, cwd: cwd.to_owned(), stateless: 0 }
    }

    /// # Errors
    /// When whoever reads has gone.
    pub(crate) fn print(&mut self, record: &Record) -> io::Result<()> {
        let text = self.text(&record.event);
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(printable(&text).as_bytes())?;
        self.out.flush()
    }

    fn text(&mut self, event: &Event) -> String {
        let Style { dim, bold, red, yellow, reset, .. } = self.style;
        match event {
            Event::ThreadStarted(started) => format!(
                "{bold}agent {}{reset} {dim}· {} · {} over {} · {} · {}{reset}\n",
                started.agent_version,
                started.model,
                started.provider,
                transport_name(started.transport),
                started.sandbox,
                exact(&started.cwd.display().to_string()),
            ),
            Event::ItemStarted { item, .. } => match &item.details {
                ItemDetails::TodoList { items } => self.todo(items),
                _ => String::new(),
            },
            Event::ItemUpdated { item } => match &item.details {
                ItemDetails::TodoList { items } => self.todo(items),
                _ => String::new(),
            },
            Event::ItemCompleted { item } => self.item(&item.details, item.duration_ms),
            Event::ToolRejected { tool, message, .. } => {
                format!("{red}✗ {}{reset} {dim}{}{reset}\n", exact(tool), first_line(message))
            }
            Event::TransportRetry { attempt, max, delay_ms, message, .. } => {
                // While the network is away it is time that counts, not tries.
                let of = if *max == 0 { String::new() } else { format!("/{max}") };
                format!(
                    "{yellow}… {}; trying again in {} ({attempt}{of}){reset}\n",
                    written(message),
                    seconds(*delay_ms),
                )
            }
            Event::TransportFallback { to, reason, .. } => {
                format!(
                    "{yellow}… going on over {}: {}{reset}\n",
                    transport_name(*to),
                    written(reason)
                )
            }
            Event::ContextCompacted { before_tokens, after_tokens, .. } => {
                let (before, after) = (grouped(*before_tokens), grouped(*after_tokens));
                let said = if after_tokens < before_tokens {
                    format!("was shortened from {before} to {after} tokens")
                } else {
                    format!(
                        "was summed up and is no shorter for it: {after} tokens, {before} before"
                    )
                };
                format!("{yellow}… the conversation {said}{reset}\n")
            }
            Event::Budget { used, limit, kind } => {
                let kind = format!("{kind:?}").to_lowercase();
                format!("{yellow}… {used:.0} of {limit:.0} {kind} used{reset}\n")
            }
            Event::ProcessReaped { pid, command, reason } => {
                format!("{yellow}… process {pid}, {}: {}{reset}\n", exact(command), written(reason))
            }
            Event::Error { message } => format!("{red}✗ {}{reset}\n", written(message)),
            Event::StepCompleted(step) => self.count(step),
            Event::TurnCompleted(turn) => self.closing(turn),
            _ => String::new(),
        }
    }

    fn count(&mut self, step: &StepCompleted) -> String {
        self.stateless += step.bytes_stateless;
        String::new()
    }

    fn item(&self, details: &ItemDetails, duration_ms: Option<u64>) -> String {
        let Style { dim, red, yellow, reset, .. } = self.style;
        match details {
            // The answer goes to standard output at the end.
            ItemDetails::AgentMessage {
                phase: Some(MessagePhase::Final), partial: false, ..
            } => String::new(),
            ItemDetails::AgentMessage { text, partial, .. } => {
                let mark = if *partial { " [broken off]" } else { "" };
                format!("• {}{dim}{mark}{reset}\n", written(text.trim()))
            }
            ItemDetails::Reasoning { text } => format!("{dim}  {}{reset}\n", first_line(text)),
            ItemDetails::CommandExecution(command) => self.command(command, duration_ms),
            ItemDetails::FileChange { changes, status } => {
                changes.iter().map(|change| self.change(change, *status)).collect()
            }
            ItemDetails::ToolCall { tool, subject, summary, status } => {
                let mark = if *status == Status::Completed { "→" } else { "✗" };
                let colour = if *status == Status::Completed { dim } else { red };
                let (subject, summary) = (exact(subject), first_line(summary));
                format!("{colour}{mark} {} {subject}{reset} {dim}{summary}{reset}\n", exact(tool))
            }
            ItemDetails::McpToolCall { server, tool, error, .. } => {
                let error = error.as_ref().map(|error| format!(": {}", first_line(&error.message)));
                format!("→ {}/{}{}\n", exact(server), exact(tool), error.unwrap_or_default())
            }
            ItemDetails::WebSearch { query, .. } => {
                format!("{dim}→ searched the web: {}{reset}\n", written(query))
            }
            ItemDetails::Error { message } => format!("{yellow}! {}{reset}\n", written(message)),
            ItemDetails::UserMessage { .. } | ItemDetails::TodoList { .. } => String::new(),
        }
    }

    fn command(&self, command: &CommandExecution, duration_ms: Option<u64>) -> String {
        let Style { dim, red, green, reset, .. } = self.style;
        let outcome = match (command.exit_code, command.signal) {
            _ if command.status == Status::InProgress => format!("{dim}running{reset}"),
            _ if command.timed_out => format!("{red}timed out{reset}"),
            (Some(0), _) => format!("{green}ok{reset}"),
            (Some(code), _) => format!("{red}exit {code}{reset}"),
            (None, Some(signal)) => format!("{red}signal {signal}{reset}"),
            (None, None) if command.status == Status::Completed => {
                format!("{dim}goes on in the background{reset}")
            }
            (None, None) => format!("{red}stopped{reset}"),
        };
        let took =
            duration_ms.map(|ms| format!(" {dim}{}{reset}", seconds(ms))).unwrap_or_default();
        let mut text = format!("$ {} {outcome}{took}\n", exact(&unwrapped(&command.command)));
        let shown = printable(command.aggregated_output.trim_end());
        let lines: Vec<_> = shown.lines().collect();
        if lines.len() > OUTPUT_LINES {
            let all = command.lines.and_then(|all| usize::try_from(all).ok());
            let before = all.unwrap_or(0).max(lines.len()) - OUTPUT_LINES;
            let _ = writeln!(text, "{dim}  … {before} lines before{reset}");
        }
        for line in &lines[lines.len().saturating_sub(OUTPUT_LINES)..] {
            let _ = writeln!(text, "{dim}  {line}{reset}");
        }
        text
    }

    fn change(&self, change: &FileChange, status: Status) -> String {
        let Style { dim, red, green, reset, .. } = self.style;
        let mark = match (status, change.kind) {
            (Status::Failed | Status::Declined, _) => "✗",
            (_, ChangeKind::Add) => "A",
            (_, ChangeKind::Delete) => "D",
            (_, ChangeKind::Update) => "M",
        };
        let path = |path: &Path| {
            let path = path.strip_prefix(&self.cwd).unwrap_or(path).display().to_string();
            exact(&path).into_owned()
        };
        let moved =
            change.move_path.as_ref().map(|to| format!(" → {}", path(to))).unwrap_or_default();
        let (added, removed) = (change.additions.unwrap_or(0), change.deletions.unwrap_or(0));
        let mut text = format!(
            "{mark} {}{moved} {green}+{added}{reset} {red}−{removed}{reset}\n",
            path(&change.path)
        );
        let lines = change.diff.iter().flat_map(|diff| diff.lines());
        // A header comes before the first hunk; further down, such a line is one of the file.
        let lines = lines.skip_while(|line| line.starts_with("--- ") || line.starts_with("+++ "));
        for line in lines.filter(|line| line.starts_with(['+', '-'])).take(12) {
            let colour = if line.starts_with('+') { green } else { red };
            let _ = writeln!(text, "  {colour}{}{reset}", exact(line));
        }
        if added + removed > 12 {
            let _ = writeln!(text, "  {dim}… {} more{reset}", added + removed - 12);
        }
        text
    }

    fn todo(&self, items: &[Todo]) -> String {
        let Style { dim, green, reset, .. } = self.style;
        let line = |todo: &Todo| {
            let (mark, colour) = if todo.completed { ("✓", green) } else { ("□", "") };
            format!("  {colour}{mark}{reset} {}\n", written(&todo.text))
        };
        format!("{dim}plan{reset}\n{}", items.iter().map(line).collect::<String>())
    }

    fn closing(&self, turn: &TurnCompleted) -> String {
        let Style { dim, reset, .. } = self.style;
        format!(
            "{dim}done in {} · {} {} · {} up{} · {}{reset}\n",
            seconds(turn.duration_ms),
            turn.steps,
            if turn.steps == 1 { "step" } else { "steps" },
            bytes(turn.network.bytes_up),
            if self.stateless > turn.network.bytes_up {
                format!(" instead of {}", bytes(self.stateless))
            } else {
                String::new()
            },
            tokens(turn.turn_usage),
        )
    }
}

/// The command line itself, out of `/bin/bash -c '…'`.
fn unwrapped(command: &str) -> String {
    let inner = command.split_once(" -c ").map_or(command, |(_, inner)| inner);
    let quoted = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
    let parts = quoted.map(|quoted| quoted.split(r"'\''").collect::<Vec<_>>());
    let one = parts.filter(|parts| !parts.iter().any(|part| part.contains('\'')));
    one.map_or_else(|| inner.to_owned(), |parts| parts.join("'"))
}

pub(crate) fn transport_name(kind: TransportKind) -> &'static str {
    match kind {
        TransportKind::Websocket => "WebSocket",
        TransportKind::HttpSse => "HTTP",
        TransportKind::Replay => "a recording",
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = written(lines.next().unwrap_or_default()).into_owned();
    if lines.next().is_some() { format!("{first} …") } else { first }
}

pub(crate) fn seconds(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1000.0) }
}

/// A size in steps of 1,000.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn tokens(usage: Usage) -> String {
    let all = usage.input_tokens + usage.output_tokens;
    let cached = (usage.cached_input_tokens * 100).checked_div(usage.input_tokens).unwrap_or(0);
    format!("{} tokens, {cached} % of the input cached", grouped(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::ThreadItem;

    #[test]
    fn numbers_read_easily() {
        assert_eq!(
            (&*grouped(1), &*grouped(1_234), &*grouped(1_234_567)),
            ("1", "1,234", "1,234,567")
        );
        assert_eq!(
            (&*bytes(999), &*bytes(12_345), &*bytes(3_000_000)),
            ("999 B", "12.3 kB", "3.0 MB")
        );
        assert_eq!(unwrapped("/bin/bash -c 'cargo test'"), "cargo test");
        assert_eq!(unwrapped(r"/bin/bash -c 'it'\''s'"), "it's");
        assert_eq!(unwrapped("sh -c 'a' 'b'"), "'a' 'b'");
    }

    fn printed(details: ItemDetails) -> String {
        let mut out = Vec::new();
        let (id, call_id) = ("i".to_owned(), None);
        let item = ThreadItem { id, details, call_id, step: None, duration_ms: None };
        let event = Event::ItemCompleted { item };
        let record = Record { seq: None, at: String::new(), event, wire: vec![] };
        HumanPrinter::new(&mut out, false, Path::new("/w")).print(&record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_ran_is_named_as_it_is_and_its_output_printed_as_it_came() {
        let mut command = CommandExecution::begun("/bin/bash -c 'touch a #\rls'");
        command.aggregated_output = "10 %\r100 %\n".into();
        (command.status, command.exit_code) = (Status::Completed, Some(0));
        let shown = printed(ItemDetails::CommandExecution(command));
        assert_eq!(shown, "$ touch a #<U+000D>ls ok\n  100 %\n");
    }

    #[test]
    fn a_line_of_a_file_is_printed_as_it_is() {
        let diff = "@@ -0,0 +1,2 @@\n+echo x \u{1b}]0; touch b; echo \u{7} y\n+++ z\n";
        let change = FileChange {
            path: "/w/a\rb".into(),
            kind: ChangeKind::Add,
            additions: Some(2),
            deletions: Some(0),
            diff: Some(diff.into()),
            diff_truncated: false,
            move_path: None,
        };
        let (changes, status) = (vec![change], Status::Completed);
        let shown = printed(ItemDetails::FileChange { changes, status });
        let lines = "  +echo x <U+001B>]0; touch b; echo <U+0007> y\n  +++ z\n";
        assert_eq!(shown, format!("A a<U+000D>b +2 −0\n{lines}"));
    }

    #[test]
    fn what_the_model_says_is_text_of_which_nothing_vanishes() {
        let text = "\u{9b}31mred \u{9d}title\u{9c} `\x1b[8mcode`".to_owned();
        let said = ItemDetails::AgentMessage { text, phase: None, partial: false };
        let shown = "• <U+009B>31mred <U+009D>title<U+009C> `<U+001B>[8mcode`\n";
        assert_eq!(printed(said), shown);
    }
}
