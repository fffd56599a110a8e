//! A message found again in words: what an editor, a prompt or a rollout has of it is text, in which some words stand for
//! a picture or a paste.

use std::cmp::Reverse;
use std::sync::Arc;

use agent_protocol::Content;

use super::chip::{Image, ImageSource, Message, Part};

/// Words that stand for a part of a message.
struct Piece<'a> {
    words: String,
    part: &'a Part,
}

impl Piece<'_> {
    fn of(part: &Part) -> Option<Piece<'_>> {
        let words = match part {
            Part::Text(_) => return None,
            // Where it ended the text, its last line breaks may be gone.
            Part::Pasted(text) => text.trim_end().to_owned(),
            Part::Image(image) => image.label(),
        };
        (!words.is_empty()).then_some(Piece { words, part })
    }

    /// What it is at the beginning of `text`, and how much of that.
    fn taken(&self, text: &str) -> (Part, usize) {
        match self.part {
            Part::Pasted(whole) if !text.starts_with(&**whole) => {
                (Part::Pasted(self.words.as_str().into()), self.words.len())
            }
            Part::Pasted(whole) => (self.part.clone(), whole.len()),
            part => (part.clone(), self.words.len()),
        }
    }
}

impl Message {
    /// What `text` is after somebody went on writing `before` there: a label is the picture that it names, be it moved or
    /// said twice, and what was pasted is a paste where it stands unchanged.
    pub(crate) fn rewritten(text: &str, before: &Self) -> Self {
        let mut pieces: Vec<Piece<'_>> = before.parts.iter().filter_map(Piece::of).collect();
        let mut message = Self::default();
        let mut rest = text;
        loop {
            pieces.retain(|piece| rest.contains(&piece.words));
            let places = pieces.iter().enumerate().filter_map(|(index, piece)| {
                let at = rest.find(&piece.words)?;
                Some((at, Reverse(piece.words.len()), index))
            });
            let Some((at, _, index)) = places.min() else { break };
            let (part, len) = pieces[index].taken(&rest[at..]);
            message.push_text(&rest[..at]);
            message.parts.push(part);
            rest = &rest[at + len..];
            // Of pictures with one name, each has its turn; the last one has all that are left.
            if pieces[index + 1..].iter().any(|other| other.words == pieces[index].words) {
                pieces.remove(index);
            }
        }
        message.push_text(rest);
        message
    }

    /// The same of a text that was made of `before`, and that all its pictures go with.
    pub(crate) fn expanded(text: &str, before: &Self) -> Self {
        let mut message = Self::rewritten(text, before);
        for part in before.pictures() {
            if !message.parts.contains(part) {
                message.push_text(" ");
                message.parts.push(part.clone());
            }
        }
        message
    }

    /// The message that was sent as these contents: the inverse of [`Message::contents`].
    pub fn sent(contents: &[Content]) -> Self {
        let mut message = Self::default();
        let text = contents.iter().filter_map(|content| match content {
            Content::Text { text } => Some(text.as_str()),
            Content::Image { .. } => None,
        });
        let text = text.collect::<Vec<_>>().join("\n");
        let mut rest = text.as_str();
        for content in contents {
            let Content::Image { image_url, .. } = content else { continue };
            let label = label(rest);
            let (at, name, end) = label.unwrap_or((rest.len(), "picture", rest.len()));
            message.push_text(&rest[..at]);
            let source = ImageSource::Data(Arc::from(image_url.as_str()));
            message.parts.push(Part::Image(Image { name: name.to_owned(), source }));
            rest = &rest[end..];
        }
        message.push_text(rest);
        message
    }

    /// This message with the pictures of `other`, which says the same, in their order.
    pub(super) fn with_pictures_of(&self, other: &Self) -> Self {
        let mut pictures = other.pictures();
        let parts = self.parts.iter().map(|part| match part {
            Part::Image(_) => pictures.next().unwrap_or(part).clone(),
            _ => part.clone(),
        });
        Self { parts: parts.collect() }
    }

    pub(crate) fn pictures(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| matches!(part, Part::Image(_)))
    }

    fn push_text(&mut self, text: &str) {
        self.parts.extend(Self::from(text.to_owned()).parts);
    }
}

/// The first label of a picture: where it is, the name, and where it ends.
fn label(text: &str) -> Option<(usize, &str, usize)> {
    const BEGIN: &str = "[image ";
    let at = text.find(BEGIN)?;
    let name = &text[at + BEGIN.len()..];
    let len = name.find(']')?;
    Some((at, &name[..len], at + BEGIN.len() + len + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(path: &str) -> Part {
        Part::Image(Image::at(path.into()))
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn what_an_editor_leaves_of_a_message_is_what_it_was() {
        let (one, other, b) = (image("/1/a.png"), image("/2/a.png"), image("/b c.png"));
        let pasted = Part::Pasted("x\ny\n".into());
        let parts = vec![text("see "), one.clone(), other.clone(), b.clone(), pasted.clone()];
        let before = Message { parts };
        for (edited, expected) in [
            (before.text(), before.parts.clone()),
            ("[image b c.png] [image a.png]!".into(), vec![b, text(" "), one.clone(), text("!")]),
            ("[image a.png[image z.png]".into(), vec![text("[image a.png[image z.png]")]),
            (
                "[image a.png][image a.png][image a.png]".into(),
                vec![one.clone(), other.clone(), other.clone()],
            ),
            ("x\ny\nmore".into(), vec![pasted, text("more")]),
            ("so x\ny".into(), vec![text("so "), Part::Pasted("x\ny".into())]),
            ("x\nz".into(), vec![text("x\nz")]),
            (String::new(), vec![]),
        ] {
            assert_eq!(Message::rewritten(&edited, &before).parts, expected, "{edited:?}");
        }
        let expanded = Message::expanded(
            "Look at [image a.png]",
            &Message { parts: vec![one.clone(), other.clone()] },
        );
        assert_eq!(expanded.parts, [text("Look at "), one, text(" "), other], "none is lost");
    }

    #[test]
    fn what_was_sent_is_read_back_with_its_pictures() {
        let url = |n: u8| format!("data:image/png;base64,{n}");
        let content =
            |n| Content::Image { image_url: url(n), detail: agent_protocol::ImageDetail::High };
        let picture = |name: &str, n: u8| {
            let source = ImageSource::Data(url(n).into());
            Part::Image(Image { name: name.into(), source })
        };
        for (said, pictures, expected) in [
            ("[image a b.png] pic", 1, vec![picture("a b.png", 0), text(" pic")]),
            ("one", 0, vec![text("one")]),
            ("[image x]", 0, vec![text("[image x]")]),
            ("one", 2, vec![text("one"), picture("picture", 0), picture("picture", 1)]),
            ("[image a] [image b]", 1, vec![picture("a", 0), text(" [image b]")]),
        ] {
            let mut contents = vec![Content::text(said)];
            contents.extend((0..pictures).map(content));
            assert_eq!(Message::sent(&contents).parts, expected, "{said}");
        }
    }
}
