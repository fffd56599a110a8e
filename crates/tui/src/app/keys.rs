//! What keys do where one writes: the overlays have seen them first, the list above the composer sees them next.

use super::App;
use crate::cell::Fold;
use crate::completion::Completion;
use crate::composer::{ComposerOutcome, Mode, TokenKind};
use crate::effect::Effect;
use crate::fuzzy::FileMatch;
use crate::key::{KeyCode, KeyEvent, Modifiers};
use crate::slash::Verb;

/// So soon after the first ctrl-c the second one leaves.
const LEAVES_MS: u64 = 2_000;

impl App {
    /// There is nothing in the composer, and nothing over it.
    pub(crate) fn writes_nothing(&self) -> bool {
        !self.is_writing() && self.overlays.is_empty()
    }

    /// Something is written, or searched in what was.
    pub(super) fn is_writing(&self) -> bool {
        !self.composer.is_empty() || self.composer.search().is_some()
    }

    /// What a key does.
    pub(super) fn take_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let (may_leave, may_go_back) = self.told_once();
        if let Some(effects) = self.take_beside_overlay(key, may_leave) {
            return effects;
        }
        if let Some(overlay) = self.overlays.last_mut() {
            let reply = overlay.press(key);
            return self.answer(reply);
        }
        self.pass_over_waiting();
        if self.composer.search_key(key) {
            return self.offer();
        }
        if let Some(effects) = self.complete(key) {
            return effects;
        }
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('c'), true) if may_leave => return vec![Effect::Leave],
            (KeyCode::Char('c'), true) => {
                self.let_leave();
                self.composer.set_aside();
                self.completion = None;
                return if self.is_running() { self.interrupt() } else { vec![] };
            }
            (KeyCode::Char('d'), true) if self.composer.is_empty() => {
                if !self.is_running() {
                    return self.quit();
                }
                self.told = Some("esc stops what runs · ctrl-c twice leaves");
            }
            (KeyCode::Char('t'), true) => self.look_up(),
            (KeyCode::Char('o'), true) => return self.open_last_output(),
            (KeyCode::Char('v'), true) => return vec![Effect::TakePicture],
            (KeyCode::Char('g'), true) => {
                return vec![Effect::Edit(self.composer.text())];
            }
            (KeyCode::Esc, _) if self.is_running() && !self.is_inserting() => {
                return self.interrupt();
            }
            (KeyCode::F(2), _) => self.hides_status = !self.hides_status,
            (KeyCode::Esc, _) if self.composer.is_empty() && self.composer.mode().is_none() => {
                if may_go_back {
                    return self.run(Verb::Rewind, "");
                }
                self.may_go_back = self.has_turns();
            }
            (KeyCode::Char('?'), false)
                if self.composer.is_empty() && !self.composer.has_begun() =>
            {
                return self.run(Verb::Keys, "");
            }
            (KeyCode::Tab, _) if self.has_unasked() => self.ask_now(),
            (KeyCode::Tab, _) if self.is_running() && !self.composer.is_empty() => {
                if let Some(effects) = self.send_on() {
                    return effects;
                }
                if self.put_in_place().is_none() {
                    let message = self.composer.take();
                    self.outbox.queue(message);
                }
            }
            (KeyCode::Up, _) => match self.take_back_earlier() {
                Some(effects) => return effects,
                None => return self.write(key),
            },
            (KeyCode::Down, _) => match self.take_back_later() {
                Some(effects) => return effects,
                None => return self.write(key),
            },
            _ => return self.write(key),
        }
        vec![]
    }

    /// Keys that mean the same whatever is open below the conversation, and those that mean nothing to what is: only a letter
    /// alone answers or steers it.
    fn take_beside_overlay(&mut self, key: KeyEvent, may_leave: bool) -> Option<Vec<Effect>> {
        let Modifiers { ctrl, alt, .. } = key.modifiers;
        let writes = self.overlays.last_mut().is_none_or(|overlay| overlay.field().is_some());
        let asks = self.overlays.last().is_some_and(|overlay| overlay.is_of_turn());
        match key.code {
            KeyCode::Char('t') if alt && !ctrl && !self.is_paging() => self.turn_over_fold(),
            KeyCode::Char(_) if alt && !writes => {}
            KeyCode::Char('t') if ctrl && asks => self.look_up(),
            KeyCode::Char('c') if ctrl && asks => return Some(self.stop_question(may_leave)),
            _ => return None,
        }
        Some(vec![])
    }

    /// What is being written is cleared first, then what asks is stopped; twice leaves.
    fn stop_question(&mut self, may_leave: bool) -> Vec<Effect> {
        if may_leave {
            return vec![Effect::Leave];
        }
        self.let_leave();
        match self.overlays.last_mut().and_then(|overlay| overlay.field()) {
            Some(field) if !field.is_empty() => {
                field.clear();
                vec![]
            }
            _ => self.interrupt(),
        }
    }

    /// The next key leaves, if it is ctrl-c and comes soon: who stops something else later does not mean to.
    fn let_leave(&mut self) {
        self.may_leave_until_ms = Some(self.now_ms + LEAVES_MS);
    }

    /// What is said of the next key is of no other: whether ctrl-c may leave, and esc go back.
    pub(super) fn told_once(&mut self) -> (bool, bool) {
        self.told = None;
        (self.may_leave_until_ms.take().is_some(), std::mem::take(&mut self.may_go_back))
    }

    /// What was pasted last broke off, and what is typed is taken for its rest.
    pub(crate) fn paste_lacks_end(&mut self) {
        self.told = Some("the paste has no end: keys are its text until an arrow key or ctrl-c");
    }

    /// What the model thinks is shown in full, or no longer.
    fn turn_over_fold(&mut self) {
        let (fold, told) = match self.fold {
            Fold::Folded => (Fold::Unfolded, "reasoning in full · alt-t folds it"),
            Fold::Unfolded => (Fold::Folded, "reasoning in a row · alt-t unfolds it"),
        };
        (self.fold, self.told) = (fold, Some(told));
    }

    fn write(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.pass_over_waiting();
        match self.composer.handle(key) {
            ComposerOutcome::Send => self.send(),
            _ => self.offer(),
        }
    }

    /// Esc first leaves what vim calls inserting, or selecting, or a command that was begun.
    fn is_inserting(&self) -> bool {
        self.composer.has_begun()
            || match self.composer.mode() {
                Some(Mode::Insert) => !self.composer.is_empty(),
                mode => mode == Some(Mode::Visual),
            }
    }

    /// What a key does to the list above the composer; none when it is not meant for it.
    fn complete(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        let (written, is_running) = (self.composer.text(), self.is_running());
        let completion = self.completion.as_mut()?;
        let is_written = completion.kind == TokenKind::Command && written == completion.taken();
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Up, _) | (KeyCode::Char('p'), true) => completion.up(),
            (KeyCode::Down, _) | (KeyCode::Char('n'), true) => completion.down(),
            (KeyCode::Esc, _) => {
                self.dismissed = Some(completion.kind);
                self.completion = None;
            }
            // A command that is complete has nothing more to be completed: it is kept for after the turn.
            (KeyCode::Tab, _) if is_written && is_running => {
                self.completion = None;
                return None;
            }
            (KeyCode::Tab, _) => self.take_completion(),
            (KeyCode::Enter, _) if key.modifiers == Modifiers::default() => {
                let is_command = completion.kind == TokenKind::Command;
                // A lone slash means none of them yet.
                if is_command && self.composer.text() == "/" && completion.is_untouched() {
                    return Some(vec![]);
                }
                self.take_completion();
                return Some(if is_command { self.send() } else { vec![] });
            }
            _ => return None,
        }
        Some(vec![])
    }

    fn take_completion(&mut self) {
        if let Some(completion) = self.completion.take() {
            self.composer.complete(completion.taken());
        }
    }

    /// Offers what the word under the cursor may become.
    pub(super) fn offer(&mut self) -> Vec<Effect> {
        let token = self.composer.token().filter(|_| self.composer.search().is_none());
        let Some(token) = token else {
            (self.completion, self.dismissed) = (None, None);
            return vec![];
        };
        // The arrows go on through what was sent before, not through a list.
        if self.composer.is_recalled() {
            self.completion = None;
            return vec![];
        }
        if self.dismissed == Some(token.kind) {
            return vec![];
        }
        match token.kind {
            TokenKind::Command => {
                self.completion = Completion::commands(&token.query, &self.prompts);
                if !std::mem::replace(&mut self.found_prompts, true) {
                    return vec![Effect::FindPrompts];
                }
            }
            TokenKind::File => {
                // What was found for fewer letters stays until there is something better.
                self.completion = self.completion.take().filter(|shown| shown.kind == token.kind);
                return vec![Effect::FindFiles(token.query)];
            }
        }
        vec![]
    }

    /// Shows the files that were found, if they are still what is asked for.
    pub(super) fn found(&mut self, query: &str, found: Vec<FileMatch>) {
        let token = self.composer.token().filter(|token| token.kind == TokenKind::File);
        let is_wanted = token.is_some_and(|token| token.query == query)
            && self.dismissed != Some(TokenKind::File)
            && self.composer.search().is_none();
        if is_wanted {
            self.completion = Completion::files(found, &self.theme);
        }
    }
}
