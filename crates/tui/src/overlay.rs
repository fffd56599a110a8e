//! What lies over the composer for a while: a stack, whose top sees the key first. Each kind is a file; the stack is
//! the [`App`](crate::app::App)'s.

mod approval;
mod pager;
mod permissions;
mod picker;
mod secret;
mod trust;

use std::fmt;

use ratatui_core::text::Line;

use crate::composer::{Composer, Message};
use crate::effect::{Choice, Effect, TrustAnswer};
use crate::key::KeyEvent;
use crate::markdown::Link;
use crate::slash::Verb;
use crate::theme::Theme;
use crate::transcript::Transcript;

pub(crate) use approval::Approval;
pub(crate) use pager::Pager;
pub(crate) use permissions::Permissions;
pub(crate) use picker::Picker;
pub(crate) use secret::Secret;
pub(crate) use trust::Trust;

/// One of the stack.
pub(crate) trait Overlay: fmt::Debug {
    /// What a key does.
    fn press(&mut self, key: KeyEvent) -> Reply;

    /// What pasted text does.
    fn paste(&mut self, text: &str) {
        if let Some(field) = self.field() {
            field.paste(text);
        }
    }

    /// How it looks now.
    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>>;

    /// What of the rows that were drawn last leads somewhere, in their order.
    fn links(&self) -> Vec<Link> {
        Vec::new()
    }

    /// What is being written in it; drawn below its rows.
    fn field(&mut self) -> Option<&mut Composer> {
        None
    }

    /// Takes out what was written in it for the thread, and not sent.
    fn take_written(&mut self) -> Option<Message> {
        None
    }

    /// It came up by itself and single keys answer it now, so that not every key is meant for it.
    fn asks(&self) -> bool {
        false
    }

    /// While it asks: the key means something to it. A letter that means nothing begins a text.
    fn takes(&self, _key: KeyEvent) -> bool {
        true
    }

    /// It is about what runs, and what stops that ends it.
    fn is_of_turn(&self) -> bool {
        false
    }

    fn place(&self) -> Place {
        Place::Below
    }

    /// More was found for the list of this command.
    fn take_choices(&mut self, _verb: Verb, _choices: &[Choice]) {}

    /// It shows what the command of this item prints.
    fn follows(&self, _item_id: &str) -> bool {
        false
    }

    /// All that the command of this item printed.
    fn take_output(&mut self, _item_id: &str, _whole: &str) {}

    /// What it was opened for has gone.
    fn is_over(&self, _transcript: &Transcript) -> bool {
        false
    }
}

/// Said of a question that comes when what is read or chosen is closed.
const QUESTION_WAITS: &str = "a question waits";

/// What an overlay sees when it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) theme: &'a Theme,
    pub(crate) columns: usize,
    /// As many as it may take.
    pub(crate) rows: usize,
}

/// What a frame or an overlay takes of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The region below what is finished.
    #[default]
    Below,
    /// All of it, for a while.
    Whole,
}

/// What came of a key.
#[derive(Debug)]
pub(crate) enum Reply {
    Stay,
    /// It closes, and this is to be done.
    Done(Vec<Effect>),
    /// It closes, and this is said of the directory.
    Trust(TrustAnswer),
    /// It closes, and what was held back for it is not to be done now.
    NotNow,
    /// It stays, and this is to be done.
    Ask(Vec<Effect>),
    /// It closes, and this command is given.
    Run(Verb, String),
    /// It stays, and this command is given.
    Over(Verb, String),
}
