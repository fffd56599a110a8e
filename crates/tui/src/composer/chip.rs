//! What stands in the composer's text for something larger, and the message that is sent for it.
//!
//! In the text a chip is one character of the last private plane: cursor, deletion, undo and kills treat it as the one
//! thing it is without knowing of it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use agent_protocol::Content;

use crate::view;

/// Text beyond this is a chip wherever it comes from: no screen would hold it.
const MAX_SEEN: usize = 64 * 1024;

/// What a chip stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chip {
    Pasted(Arc<str>),
    Image(Image),
}

/// A picture that goes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What it is called on the screen.
    pub name: String,
    pub source: ImageSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// To be read when the message is sent.
    File(PathBuf),
    /// It came from the clipboard, as a data URL.
    Data(Arc<str>),
}

/// A message as it was composed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub parts: Vec<Part>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// Shown as a chip, sent whole.
    Pasted(Arc<str>),
    Image(Image),
}

impl Image {
    /// The picture at `path`, by its file name.
    pub fn at(path: PathBuf) -> Self {
        let name = path
            .file_name()
            .map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().into_owned());
        Self { name, source: ImageSource::File(path) }
    }

    pub(super) fn label(&self) -> String {
        format!("[image {}]", self.name)
    }
}

impl Message {
    /// What the composer shows of it.
    pub fn shown(&self) -> String {
        self.parts.iter().map(Part::shown).collect()
    }

    /// Its whole text, with labels for pictures: what the model reads, and a history keeps.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Pasted(piece) => text.push_str(piece),
                Part::Image(image) => text.push_str(&image.label()),
            }
        }
        text
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// As it comes out of the composer again when it was shown there.
    pub(super) fn composed(self) -> Self {
        let mut parts = Vec::new();
        for part in self.parts {
            let Part::Text(text) = part else {
                parts.push(part);
                continue;
            };
            match parts.last_mut() {
                Some(Part::Text(before)) => before.push_str(&cleaned(&text)),
                _ => push_text(&mut parts, &cleaned(&text)),
            }
        }
        Self { parts }
    }

    /// What is sent: the text, then the pictures as `load` finds them.
    ///
    /// # Errors
    /// The first of `load`: the message stays as it was.
    pub fn contents<E>(
        &self,
        mut load: impl FnMut(&Image) -> Result<Content, E>,
    ) -> Result<Vec<Content>, E> {
        let mut contents = vec![Content::text(self.text())];
        for part in &self.parts {
            if let Part::Image(image) = part {
                contents.push(load(image)?);
            }
        }
        Ok(contents)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        let parts = match text.len() {
            0 => Vec::new(),
            len if len > MAX_SEEN => vec![Part::Pasted(text.into())],
            _ => vec![Part::Text(text)],
        };
        Self { parts }
    }
}

impl Part {
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Pasted(text) => Chip::Pasted(Arc::clone(text)).label(),
            Self::Image(image) => image.label(),
        }
    }
}

impl Chip {
    /// What is seen of it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Image(image) => image.label(),
            Self::Pasted(text) => {
                let lines = text.lines().count();
                let (count, unit) =
                    if lines > 1 { (lines, "lines") } else { (text.chars().count(), "characters") };
                format!("[Pasted {} {unit}]", view::grouped(count as u64))
            }
        }
    }
}

const FIRST: u32 = 0x10_0000;
const LAST: u32 = 0x10_fffd;

/// Whether `c` stands for a chip.
pub(super) fn is_chip(c: char) -> bool {
    (FIRST..=LAST).contains(&u32::from(c))
}

/// `text` without characters that would pass for chips, or that a terminal would obey; line breaks are `\n`.
pub(super) fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c if is_chip(c) => clean.push(char::REPLACEMENT_CHARACTER),
            c => clean.push(c),
        }
    }
    clean
}

/// The chips of a composer.
#[derive(Clone, Debug, Default)]
pub(super) struct Chips {
    chips: BTreeMap<char, (Chip, String)>,
    count: u32,
}

impl Chips {
    /// The character that stands for `chip`; none when all are taken.
    pub(super) fn add(&mut self, chip: Chip) -> Option<char> {
        let c = char::from_u32(FIRST + self.count).filter(|&c| is_chip(c))?;
        self.count += 1;
        let label = chip.label();
        self.chips.insert(c, (chip, label));
        Some(c)
    }

    /// What is seen of the chip that `c` stands for.
    pub(super) fn label(&self, c: char) -> Option<&str> {
        self.chips.get(&c).map(|(_, label)| label.as_str())
    }

    /// The message that `text` is.
    pub(super) fn message(&self, text: &str) -> Message {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(is_chip) {
            push_text(&mut parts, &rest[..at]);
            let c = rest[at..].chars().next().unwrap_or_default();
            match self.chips.get(&c) {
                Some((Chip::Pasted(text), _)) => parts.push(Part::Pasted(Arc::clone(text))),
                Some((Chip::Image(image), _)) => parts.push(Part::Image(image.clone())),
                None => {}
            }
            rest = &rest[at + c.len_utf8()..];
        }
        push_text(&mut parts, rest);
        Message { parts }
    }

    /// The text that stands for `message`.
    pub(super) fn text(&mut self, message: &Message) -> String {
        let mut text = String::new();
        for part in &message.parts {
            let chip = match part {
                Part::Text(piece) => {
                    text.push_str(&cleaned(piece));
                    continue;
                }
                Part::Pasted(piece) => Chip::Pasted(Arc::clone(piece)),
                Part::Image(image) => Chip::Image(image.clone()),
            };
            match self.add(chip) {
                Some(c) => text.push(c),
                None => text.push_str(&part.shown()),
            }
        }
        text
    }

    /// Forgets the chips that `texts` do not hold.
    pub(super) fn keep<'a>(&mut self, texts: impl Iterator<Item = &'a str> + Clone) {
        self.chips.retain(|c, _| texts.clone().any(|text| text.contains(*c)));
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_says_how_much_it_stands_for() {
        assert_eq!(Chip::Pasted("a\n".repeat(1234).into()).label(), "[Pasted 1,234 lines]");
        assert_eq!(
            Chip::Pasted("x".repeat(1_000_000).into()).label(),
            "[Pasted 1,000,000 characters]"
        );
        assert_eq!(Chip::Image(Image::at("/tmp/a b.png".into())).label(), "[image a b.png]");
    }

    #[test]
    fn a_message_survives_the_composer() {
        let mut chips = Chips::default();
        let message = Message {
            parts: vec![
                Part::Text("see ".into()),
                Part::Pasted("x\ny".into()),
                Part::Image(Image::at("/a.png".into())),
            ],
        };
        let text = chips.text(&message);
        assert_eq!(text.chars().count(), 6);
        assert_eq!(chips.message(&text), message);
        assert_eq!(message.shown(), "see [Pasted 2 lines][image a.png]");
        assert_eq!(message.text(), "see x\ny[image a.png]");
        let contents = message.contents(|_| Err::<Content, _>("gone"));
        assert_eq!(contents, Err("gone"));
    }

    #[test]
    fn no_text_passes_for_a_chip_or_a_command() {
        assert_eq!(cleaned("a\r\nb\rc\u{1b}[1m\u{100000}\t"), "a\nb\nc[1m\u{fffd}\t");
    }
}
