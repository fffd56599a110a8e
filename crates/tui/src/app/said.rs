//! What the model is saying, drawn as it comes: a frame costs what came last, not the whole message, and lines that
//! can change no more need not wait for the message's end.

use ratatui_core::text::Line;

use crate::markdown::{Rendered, Stream};
use crate::theme::Theme;
use crate::transcript::Preview;

/// The message under way, if there is one.
#[derive(Debug, Default)]
pub(super) struct Said {
    message: Option<Message>,
    /// It broke off: it is said again as another one, or ends as far as it came.
    is_broken: bool,
    /// What was handed out last ends in an empty row.
    ends_empty: bool,
}

#[derive(Debug)]
struct Message {
    item_id: String,
    text: String,
    stream: Stream,
    columns: usize,
    theme: Theme,
    /// Finished, and not handed out.
    held: Rendered,
    /// The stream when something was handed out last, and how much text it had.
    handed_out: (Stream, usize),
    /// Something of it was handed out.
    begun: bool,
}

impl Said {
    /// Takes what has come of `preview` since the last time.
    pub(super) fn follow(&mut self, preview: &Preview, columns: usize, theme: &Theme) {
        let is_over = |message: &Message| self.is_broken && !message.begun;
        let goes_on = |message: &Message| {
            message.item_id == preview.item_id
                && preview.text.starts_with(&message.text)
                && !is_over(message)
        };
        if !self.message.as_ref().is_some_and(goes_on) {
            self.message = Some(Message::new(&preview.item_id, columns, theme));
            self.is_broken = false;
        }
        if let Some(message) = &mut self.message {
            message.restyle(columns, theme);
            message.push(&preview.text);
        }
    }

    /// What became finished, once.
    pub(super) fn hand_out(&mut self) -> Rendered {
        let taken = match self.message.as_mut().filter(|_| !self.is_broken) {
            // What stands before definitions may need them.
            Some(message) if !message.held.lines.is_empty() && !message.stream.may_define() => {
                message.take()
            }
            _ => return Rendered::default(),
        };
        self.follow_on(taken)
    }

    /// Something else is handed out, which an empty row stands before: so it does before what goes on after it.
    pub(super) fn step_aside(&mut self, mut other: Rendered) -> Rendered {
        let is_midway = self.message.as_ref().is_some_and(|message| message.begun);
        if is_midway && !self.is_broken {
            other.lines.push(Line::default());
        }
        self.follow_on(other)
    }

    /// Of two empty rows that would meet the second one goes.
    fn follow_on(&mut self, mut next: Rendered) -> Rendered {
        if self.ends_empty && next.lines.first().is_some_and(is_empty) {
            next.drop_first();
        }
        self.ends_empty = next.lines.last().map_or(self.ends_empty, is_empty);
        next
    }

    /// What follows that.
    pub(super) fn live(&mut self) -> Vec<Line<'static>> {
        let message = self.message.as_mut().filter(|_| !self.is_broken);
        message.map(Message::lines).unwrap_or_default()
    }

    /// What of a message that broke off is not handed out: it may be all that comes of it.
    pub(super) fn broken(&mut self, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
        let Some(message) = self.message.as_mut().filter(|_| self.is_broken) else {
            return vec![];
        };
        message.restyle(columns, theme);
        let mut lines = message.lines();
        lines.iter_mut().flat_map(|line| &mut line.spans).for_each(|span| span.style = theme.dim);
        lines
    }

    /// The message is whole: what of it was not handed out. None when nothing of it was.
    pub(super) fn rest(
        &mut self,
        item_id: &str,
        text: &str,
        columns: usize,
        theme: &Theme,
    ) -> Option<Rendered> {
        let is_it = |message: &mut Message| message.item_id == item_id;
        let mut message = self.message.take_if(is_it)?;
        self.is_broken = false;
        if !message.begun || !text.starts_with(&message.text) {
            return None;
        }
        message.restyle(columns, theme);
        message.push(text);
        message.end();
        let rest = message.take();
        Some(self.follow_on(rest))
    }

    /// It is not said to its end for now.
    pub(super) fn break_off(&mut self) {
        self.is_broken = self.message.is_some();
    }

    /// Whether this item says again what broke off after something of it was handed out.
    pub(super) fn begins_again(&mut self, item_id: &str) -> bool {
        let is_other = |message: &mut Message| message.item_id != item_id;
        if !self.is_broken {
            return false;
        }
        let Some(before) = self.message.take_if(is_other) else { return false };
        self.is_broken = false;
        before.begun
    }
}

fn is_empty(line: &Line<'_>) -> bool {
    line.width() == 0
}

impl Message {
    fn new(item_id: &str, columns: usize, theme: &Theme) -> Self {
        Self {
            item_id: item_id.to_owned(),
            text: String::new(),
            stream: Stream::new(columns, theme.clone()),
            handed_out: (Stream::new(columns, theme.clone()), 0),
            columns,
            theme: theme.clone(),
            held: Rendered::default(),
            begun: false,
        }
    }

    fn restyle(&mut self, columns: usize, theme: &Theme) {
        if self.columns != columns || self.theme != *theme {
            (self.columns, self.theme) = (columns, theme.clone());
            self.draw_anew();
        }
    }

    /// What waits to be handed out, as all that is known now has it.
    fn draw_anew(&mut self) {
        let (mut stream, length) = self.handed_out.clone();
        stream.restyle(self.columns, self.theme.clone());
        stream.know(&self.stream);
        stream.push(&self.text[length..]);
        self.held = stream.finished();
        self.stream = stream;
    }

    /// What is not handed out.
    fn lines(&mut self) -> Vec<Line<'static>> {
        let blank = (!self.begun).then(Line::default);
        let held = self.held.lines.iter().cloned();
        let live = self.stream.live().lines.iter().cloned();
        blank.into_iter().chain(held).chain(live).collect()
    }

    fn push(&mut self, whole: &str) {
        let new = &whole[self.text.len()..];
        if !new.is_empty() {
            self.stream.push(new);
            self.text.push_str(new);
            self.held.append(self.stream.finished());
            if self.stream.take_late() && !self.held.lines.is_empty() {
                self.draw_anew();
            }
        }
    }

    fn end(&mut self) {
        self.stream.end();
        self.held.append(self.stream.finished());
        if self.stream.take_late() {
            self.draw_anew();
            self.stream.end();
            self.held.append(self.stream.finished());
        }
    }

    fn take(&mut self) -> Rendered {
        let mut taken = Rendered::default();
        if !self.begun {
            taken.lines.push(Line::default());
        }
        self.begun = true;
        taken.append(std::mem::take(&mut self.held));
        self.handed_out = (self.stream.clone(), self.text.len());
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown;
    use agent_protocol::DeltaField;

    const TEXT: &str =
        "# One\n\ntwo `three`\n\n- four\n- [five](https://a.b)\n\n```sh\nsix\n```\n\nseven";

    fn preview(text: &str) -> Preview {
        Preview { item_id: "i".into(), field: DeltaField::Text, text: text.into(), lines_before: 0 }
    }

    #[test]
    fn handed_out_piece_by_piece_it_is_what_it_is_as_a_whole() {
        let theme = Theme::default();
        let mut whole = Rendered { lines: vec![Line::default()], links: vec![] };
        whole.append(markdown::render(TEXT, 40, &theme));
        for step in 1..TEXT.len() {
            let mut said = Said::default();
            let mut pieces = Rendered::default();
            for end in (step..TEXT.len()).step_by(step) {
                said.follow(&preview(&TEXT[..end]), 40, &theme);
                pieces.append(said.hand_out());
                let mut seen = pieces.lines.clone();
                seen.extend(said.live());
                let mut expected = vec![Line::default()];
                expected.extend(markdown::render(&TEXT[..end], 40, &theme).lines);
                if TEXT[..end].ends_with(char::is_alphanumeric) {
                    assert_eq!(seen, expected, "{:?}", &TEXT[..end]);
                }
            }
            let begun = !pieces.lines.is_empty();
            let rest = said.rest("i", TEXT, 40, &theme);
            assert_eq!(rest.is_some(), begun);
            if let Some(rest) = rest {
                pieces.append(rest);
                assert_eq!(pieces, whole, "in steps of {step}");
            }
        }
    }

    /// What is handed out where `pieces` come one after the other, as text and as what it leads to.
    fn handed_out(pieces: [&str; 2]) -> (String, Vec<String>) {
        let (theme, mut said) = (Theme::default(), Said::default());
        let (mut out, mut text) = (Rendered::default(), String::new());
        for piece in pieces {
            text.push_str(piece);
            said.follow(&preview(&text), 40, &theme);
            out.append(said.hand_out());
        }
        out.append(said.rest("i", &text, 40, &theme).unwrap());
        let lines = out.lines.iter().map(|line| format!("{line}\n")).collect();
        (lines, out.links.iter().map(|link| link.target.to_string()).collect())
    }

    #[test]
    fn a_definition_is_not_shown_and_links_what_was_not_handed_out() {
        let definition = "[1]: https://x.y";
        for (pieces, shown, links) in [
            // What is finished stays.
            (["See [a][1]\n\nTwo\n\n", definition], "See a [1]\n\nTwo", 0),
            (["See [a][1]\n\n[b][1]\n\n", definition], "See a [1]\n\nb (https://x.y)", 2),
            (["One\n\n[b][1]\n\n", definition], "One\n\nb (https://x.y)", 2),
            (["One\n\n- [b][1]\n", "\n[1]:\n https://x.y"], "One\n\n• b (https://x.y)", 2),
            (
                ["One\n\nTwo\n", "\n[b][1]\n\n[1]: https://x.y\n\nEnd"],
                "One\n\nTwo\n\nb (https://x.y)\n\nEnd",
                2,
            ),
        ] {
            let (lines, targets) = handed_out(pieces);
            assert_eq!(lines, format!("\n{shown}\n"), "{pieces:?}");
            assert_eq!(targets, vec!["https://x.y"; links], "{pieces:?}");
        }
    }

    #[test]
    fn a_message_that_begins_again_is_another_one() {
        let theme = Theme::default();
        let mut said = Said::default();
        said.follow(&preview("one\n\ntwo\n\nthree"), 40, &theme);
        assert!(!said.hand_out().lines.is_empty());
        said.follow(&preview("four"), 40, &theme);
        assert_eq!(said.live().len(), 2);
        assert!(said.rest("i", "four", 40, &theme).is_none());
    }

    #[test]
    fn what_broke_off_ends_as_far_as_it_came_or_is_said_again_as_another_one() {
        let theme = Theme::default();
        let broken = || {
            let mut said = Said::default();
            said.follow(&preview("one\n\ntwo\n\nthree"), 40, &theme);
            assert!(!said.hand_out().lines.is_empty());
            said.break_off();
            assert!(said.live().is_empty());
            said
        };
        let mut said = broken();
        let rest = said.rest("i", "one\n\ntwo\n\nthree", 40, &theme).unwrap();
        assert!(rest.lines.iter().all(|line| !line.to_string().contains("one")), "{rest:?}");
        let mut said = broken();
        assert!(!said.begins_again("i") && said.begins_again("j") && !said.begins_again("j"));
    }

    #[test]
    fn what_waits_while_the_width_changes_is_drawn_for_the_new_one() {
        let theme = Theme::default();
        let (first, rest) = ("one\n\ntwo\n\nt", "wo three four five six\n\nseven eight nine ten");
        let mut said = Said::default();
        said.follow(&preview(first), 40, &theme);
        let mut pieces = said.hand_out();
        let whole = format!("{first}{rest}");
        said.follow(&preview(&whole[..whole.len() - 2]), 40, &theme);
        pieces.append(said.rest("i", &whole, 12, &theme).unwrap());
        let mut expected = vec![Line::default()];
        expected.extend(markdown::render(&whole, 12, &theme).lines);
        assert_eq!(pieces.lines, expected);
    }
}
