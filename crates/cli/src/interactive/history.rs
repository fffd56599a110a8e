//! What the person has sent, over all threads: a file of ours, a message a line. Pictures are kept by where their file
//! is.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use agent_tui::composer::{Image, ImageSource, Message, Part};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// As many of the latest bytes are read.
const MAX_READ: u64 = 512 * 1024;
/// A file of more is halved.
const MAX_KEPT: u64 = 4 * 1024 * 1024;

/// Among as many of the latest is what was sent and not heard.
const LATEST: usize = 20;

/// A message as a line of the file: text alone is a string.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<KeptPart<'a>>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptPart<'a> {
    Text(Cow<'a, str>),
    Pasted(Cow<'a, str>),
    Image {
        name: Cow<'a, str>,
        /// None where there was no file.
        path: Option<Cow<'a, Path>>,
    },
}

impl<'a> From<&'a Message> for Line<'a> {
    fn from(message: &'a Message) -> Self {
        if let [Part::Text(text)] = &message.parts[..] {
            return Self::Text(text.into());
        }
        Self::Parts(message.parts.iter().map(KeptPart::from).collect())
    }
}

impl<'a> From<&'a Part> for KeptPart<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text.into()),
            Part::Pasted(text) => Self::Pasted((&**text).into()),
            Part::Image(image) => {
                let path = match &image.source {
                    ImageSource::File(path) => Some(path.into()),
                    ImageSource::Data(_) => None,
                };
                Self::Image { name: (&image.name).into(), path }
            }
        }
    }
}

impl From<Line<'_>> for Message {
    fn from(line: Line<'_>) -> Self {
        match line {
            Line::Text(text) => Self::from(text.into_owned()),
            Line::Parts(parts) => Self { parts: parts.into_iter().map(Part::from).collect() },
        }
    }
}

impl From<KeptPart<'_>> for Part {
    fn from(part: KeptPart<'_>) -> Self {
        match part {
            KeptPart::Text(text) => Self::Text(text.into_owned()),
            KeptPart::Pasted(text) => Self::Pasted(text.into()),
            KeptPart::Image { name, path: Some(path) } => {
                let source = ImageSource::File(path.into_owned());
                Self::Image(Image { name: name.into_owned(), source })
            }
            // It must not look as if it went along.
            KeptPart::Image { name, path: None } => {
                Self::Text(format!("(the picture {name} is not at hand any more)"))
            }
        }
    }
}

pub(super) struct History {
    /// None where nothing is kept.
    path: Option<PathBuf>,
}

impl History {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { path: settings.state_dir.as_ref().map(|state| state.join("history.jsonl")) }
    }

    /// The latest messages, the last one last. What cannot be read is done without.
    pub(super) fn read(&self) -> Vec<Message> {
        let text = self.path.as_ref().and_then(|path| {
            let mut file = fs::File::open(path).ok()?;
            let len = file.metadata().ok()?.len();
            file.seek(SeekFrom::Start(len.saturating_sub(MAX_READ))).ok()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            Some(bytes)
        });
        let lines = text.as_deref().unwrap_or_default().split(|byte| *byte == b'\n');
        // The first may be half a line, which is no JSON.
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok());
        lines.map(Message::from).collect()
    }

    /// Adds what was written and not heard, unless it was added when it was sent. Whether anything is kept.
    pub(super) fn keep(&self, unsaid: &[Message]) -> bool {
        let known = self.read();
        let latest = &known[known.len().saturating_sub(LATEST)..];
        let is_new = |message: &&Message| !latest.iter().any(|it| it.text() == message.text());
        unsaid.iter().filter(is_new).for_each(|message| self.add(message));
        self.path.is_some()
    }

    /// Adds a message. It is a convenience: a disk that is full keeps nobody from sending.
    pub(super) fn add(&self, message: &Message) {
        let Some(path) = &self.path else { return };
        let Ok(mut line) = serde_json::to_string(&Line::from(message)) else { return };
        line.push('\n');
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).mode(0o600).open(path);
        let Ok(mut file) = file else { return };
        if is_cut(&mut file) {
            line.insert(0, '\n');
        }
        let len = file.metadata().map(|found| found.len());
        if file.write_all(line.as_bytes()).is_err() {
            // Half of it is nothing.
            let _ = len.and_then(|len| file.set_len(len));
        } else if len.is_ok_and(|len| len > MAX_KEPT) {
            self.halve();
        }
    }

    fn halve(&self) {
        let Some(path) = &self.path else { return };
        let Ok(text) = fs::read_to_string(path) else { return };
        let middle = text.len() / 2;
        let Some(cut) = text.as_bytes()[middle..].iter().position(|byte| *byte == b'\n') else {
            return;
        };
        let _ = agent_core::replace(path, &text.as_bytes()[middle + cut + 1..]);
    }
}

/// Its last line was not written to its end, as by a program that was ended: nothing is to be glued to it.
fn is_cut(file: &mut fs::File) -> bool {
    let mut last = [b'\n'];
    file.seek(SeekFrom::End(-1)).is_ok_and(|_| file.read_exact(&mut last).is_ok()) && last != *b"\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_takes_no_other_with_it() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("history.jsonl");
        let history = History { path: Some(path.clone()) };
        fs::write(&path, "\"one\"\n\"a cut li").unwrap();
        let messages = ["two", "three"].map(|text| Message::from(text.to_owned()));
        messages.iter().for_each(|message| history.add(message));
        assert_eq!(history.read()[1..], messages);
        assert_eq!(fs::read_to_string(path).unwrap().matches("\n").count(), 4);
    }

    #[test]
    fn what_was_sent_and_not_heard_is_there_once_and_what_was_not_sent_comes_last() {
        let scratch = tempfile::tempdir().unwrap();
        let history = History { path: Some(scratch.path().join("history.jsonl")) };
        let messages = ["one", "sent", "kept"].map(|text| Message::from(text.to_owned()));
        messages[..2].iter().for_each(|message| history.add(message));
        assert!(history.keep(&messages[1..]));
        assert_eq!(history.read(), messages);
        assert!(!History { path: None }.keep(&messages));
    }

    #[test]
    fn messages_come_back_in_order_whatever_they_hold() {
        let scratch = tempfile::tempdir().unwrap();
        let history = History { path: Some(scratch.path().join("history.jsonl")) };
        assert!(history.read().is_empty());
        let text = |text: &str| Part::Text(text.to_owned());
        let file = Image::at("/p/a b.png".into());
        let data = ImageSource::Data("data:image/png;base64,".into());
        let data = Part::Image(Image { name: "b.png".to_owned(), source: data });
        let messages = [
            Message::from("one\nline and another".to_owned()),
            Message::from("\"quoted\" 한글".to_owned()),
            Message {
                parts: vec![
                    Part::Image(file),
                    text(" see "),
                    Part::Pasted("a\n".repeat(99).into()),
                ],
            },
        ];
        messages.iter().for_each(|message| history.add(message));
        assert_eq!(history.read(), messages);
        history.add(&Message { parts: vec![text("see "), data] });
        let last = history.read().pop().unwrap();
        assert_eq!(last.text(), "see (the picture b.png is not at hand any more)", "none is kept");
        assert_eq!(last.shown(), last.text());
    }
}
