//! A trace as one self-contained page: no script, nothing loaded from elsewhere, light and dark.

use std::fmt;

use agent_protocol::Status;
use agent_tui::view::grouped;

use super::model::{Call, End, Step, Trace, Turn};
use super::shares::Shares;
use super::table::sent;
use super::units::{bytes, call_time, percent, time};

const STYLE: &str = include_str!("page.css");

const LEGEND: [(&str, &str); 6] = [
    ("own", "agent"),
    ("connecting", "connecting"),
    ("waiting", "waiting for the first token"),
    ("streaming", "streaming"),
    ("tool", "tool"),
    ("failed", "failed or refused"),
];

pub(crate) fn page(trace: &Trace) -> String {
    let turns: String = trace.turns.iter().map(turn).collect();
    let legend = LEGEND
        .map(|(class, name)| format!("<span><i class=\"{class}\"></i>{name}</span>"))
        .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Trace of {id}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Where the time and the bytes went</h1>\n\
         <div class=\"quiet\">{model} over {provider} · thread {id}</div>\n\
         {tiles}{turns}<div class=\"legend quiet\">{legend}</div>\n</body>\n</html>\n",
        id = Text(&trace.thread_id),
        model = Text(&trace.model),
        provider = Text(&trace.provider),
        tiles = tiles(trace),
    )
}

fn tiles(trace: &Trace) -> String {
    let sum = |of: fn(&Step) -> u64| trace.steps().map(of).sum::<u64>();
    let (up, stateless) =
        (sum(|step| step.report.bytes_up), sum(|step| step.report.bytes_stateless));
    let (input, cached) = (
        sum(|step| step.report.usage.input_tokens),
        sum(|step| step.report.usage.cached_input_tokens),
    );
    let shares = trace.shares();
    let full = trace.steps().filter(|step| !step.report.incremental).count();
    let tiles = [
        (time(shares.total_ms()), shares.sentence()),
        (trace.steps().count().to_string(), format!("requests, {full} of them in full")),
        (bytes(up), format!("up; a stateless client sends {}", bytes(stateless))),
        (
            percent(cached as f64, input as f64),
            format!("of {} input tokens cached", grouped(input)),
        ),
    ];
    let tiles = tiles.map(|(number, words)| {
        format!(
            "<div class=\"tile\"><b>{}</b><span class=\"quiet\">{}</span></div>\n",
            Text(&number),
            Text(&words)
        )
    });
    format!("<div class=\"tiles\">\n{}</div>\n", tiles.concat())
}

fn turn(turn: &Turn) -> String {
    let end = match &turn.end {
        End::Completed => String::new(),
        End::Failed { message, .. } => {
            format!("<div class=\"failed-text\">Failed: {}</div>\n", Text(message))
        }
        End::Open => "<div class=\"failed-text\">Not finished</div>\n".to_owned(),
    };
    let rows: String = turn.steps.iter().map(|step| rows(turn, step)).collect();
    format!(
        "<section class=\"card\">\n<header><h2>{}</h2><span class=\"quiet\">turn {} · {} · {}</span></header>\n{end}\
         {}<div class=\"scroll\"><table>\n<thead><tr><th>step</th><th>up</th><th>cached</th><th>time</th>\
         <th>0 – {}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n",
        Text(&turn.message),
        turn.turn,
        time(turn.duration_ms),
        Text(&turn.at),
        share_bar(&turn.shares),
        time(turn.duration_ms),
    )
}

fn share_bar(shares: &Shares) -> String {
    let parts = shares.parts();
    let pieces = parts.iter().filter(|(_, ms)| *ms > 0.0).map(|(name, ms)| {
        format!(
            "<span class=\"{name}\" style=\"flex-grow:{ms:.3}\" title=\"{name}: {}\"></span>",
            time(*ms)
        )
    });
    let pieces: String = pieces.collect();
    format!(
        "<div class=\"share\">{pieces}</div>\n<div class=\"quiet\">{}</div>\n",
        Text(&shares.sentence())
    )
}

fn rows(turn: &Turn, step: &Step) -> String {
    let report = &step.report;
    let connecting = step.sent_ms - report.connect_ms;
    let waiting = step.sent_ms + step.waiting_ms();
    let bar = [
        ("own", "agent", step.start_ms, connecting),
        ("connecting", "connecting", connecting, step.sent_ms),
        ("waiting", "waiting for the first token", step.sent_ms, waiting),
        ("streaming", "streaming", waiting, step.responded_ms()),
    ];
    let bar = bar.map(|(class, name, from, to)| piece(turn, class, name, from, to)).concat();
    let usage = report.usage;
    let why = if report.incremental { "" } else { " class=\"why\"" };
    let mut text = format!(
        "<tr><td><span{why}>{} · {}</span></td><td>{}</td><td>{}</td><td>{}</td><td><div class=\"rail\">{bar}</div></td></tr>\n",
        report.step,
        Text(&sent(report)),
        bytes(report.bytes_up),
        Text(&percent(usage.cached_input_tokens as f64, usage.input_tokens as f64)),
        time(step.responded_ms() - step.start_ms),
    );
    for call in &step.calls {
        text += &call_row(turn, call);
    }
    for note in &step.notes {
        text += &format!("<tr class=\"call\"><td colspan=\"5\">{}</td></tr>\n", Text(note));
    }
    text
}

fn call_row(turn: &Turn, call: &Call) -> String {
    let class =
        if matches!(call.status, Status::Failed | Status::Declined) { "failed" } else { "tool" };
    let name = format!("{} {}", call.tool, call.subject);
    let took = if call.status == Status::Declined {
        "refused".to_owned()
    } else {
        call_time(call.duration_ms)
    };
    format!(
        "<tr class=\"call\"><td title=\"{name}\">{name}</td><td></td><td></td><td>{took}</td><td><div class=\"rail\">{}</div></td></tr>\n",
        piece(turn, class, &call.tool, call.start_ms, call.start_ms + call.duration_ms),
        name = Text(name.trim_end()),
        took = Text(&took),
    )
}

fn piece(turn: &Turn, class: &str, name: &str, from: f64, to: f64) -> String {
    if to <= from {
        return String::new();
    }
    let share = |ms: f64| ms / turn.duration_ms.max(0.001) * 100.0;
    format!(
        "<i class=\"{class}\" style=\"left:{:.3}%;width:{:.3}%\" title=\"{}: {}\"></i>",
        share(from),
        share(to - from),
        Text(name),
        time(to - from),
    )
}

/// What somebody said, harmless in a page and in an attribute, and in a terminal that shows the page's source: what would
/// not be seen is a mark.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in agent_tui::exact(self.0).chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn the_page_is_whole_loads_nothing_and_takes_nothing_said_for_markup() {
        let page = page(&sample::trace());
        for foreign in ["<script", "http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("Mend the &lt;parser&gt; &amp; test it"));
        assert!(!page.contains("< "), "a sign that is no tag");
        assert!(page.contains("prefers-color-scheme: dark"));
        for tag in ["div", "span", "table", "tr", "td", "i", "section", "body", "html"] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
