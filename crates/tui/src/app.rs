//! The screen's state: what it makes of keys and records. No input or output happens here, and no clock is read; what
//! is wanted of the outside is an [`Effect`], how it all looks is `app/draw.rs`.

mod activity;
mod asking;
mod choices;
mod commands;
mod draw;
mod finding;
mod keys;
mod leaving;
mod live;
mod outbox;
mod pages;
mod queue;
mod said;
mod status;

use std::path::Path;

use agent_protocol::{DeltaField, Event, Record};

use activity::Activity;
use asking::Attentive;

use crate::attention::State;
use crate::cell::Fold;
use crate::completion::Completion;
use crate::composer::{Composer, History, Message, TokenKind};
use crate::effect::{Effect, Facts, Input, Next};
use crate::markdown::Rendered;
use crate::overlay::{Overlay, Pager, Permissions, Picker, Place, Reply, Secret};
use crate::prompts::Prompt;
use crate::slash::{self, Verb};
use crate::theme::{Look, Scheme, Theme};
use crate::transcript::{Cell, Notice, Transcript};

pub use draw::Frame;
use outbox::{Outbox, Returned};
use queue::{TakenBack, Way};
use said::Said;

/// The whole screen.
#[derive(Debug)]
pub struct App {
    transcript: Transcript,
    composer: Composer,
    /// The top is the last.
    overlays: Vec<Box<dyn Overlay>>,
    /// The call that was asked about last.
    asked: Option<String>,
    attentive: Attentive,
    /// A question that waits, with what was begun of its answer.
    put_off: Option<Box<dyn Overlay>>,
    /// What begins turns, once it was said whether the directory is trusted.
    for_trust: Vec<Effect>,
    /// What the word under the cursor may become.
    completion: Option<Completion>,
    /// The word for which nothing more is to be offered.
    dismissed: Option<TokenKind>,
    /// They were asked for.
    found_prompts: bool,
    prompts: Vec<Prompt>,
    facts: Facts,
    scheme: Scheme,
    theme: Theme,
    columns: u16,
    rows: u16,
    /// Cells that are in the scrollback.
    drawn: usize,
    /// Of a thread that gave way to another one: finished, and not handed out yet.
    left_over: Rendered,
    /// What the model is saying, of which the beginning may be there too.
    said: Said,
    /// Ctrl-C was pressed, and nothing since: until then it leaves when it comes again.
    may_leave_until_ms: Option<u64>,
    /// The item of a command in the background whose output is looked at, and when it is read again.
    followed: Option<(String, u64)>,
    /// Esc was pressed where it does nothing, and nothing since.
    may_go_back: bool,
    /// Said in the row below the composer, until the next key.
    told: Option<&'static str>,
    /// Of what the model thinks.
    fold: Fold,
    now_ms: u64,
    activity: Activity,
    has_greeted: bool,
    /// What comes next if the person lets the commands in the background end.
    held: Option<Effect>,
    /// The person asked for a new thread.
    begins_anew: bool,
    hides_status: bool,
    /// The person reads what was said earlier.
    reads_back: bool,
    /// `/status` was given, and waits for what is checked out.
    wants_status: bool,
    outbox: Outbox,
    taken_back: Option<TakenBack>,
    /// Given back, and no place was free to write on it.
    put_by: Vec<Message>,
    /// The person left before it was heard.
    unsaid: Vec<Message>,
    /// Of these it is said as soon as nothing runs.
    said_at_rest: Vec<String>,
    /// Of what waits for the end of a turn.
    way: Way,
}

impl App {
    pub fn new(theme: Theme, columns: u16, rows: u16) -> Self {
        let mut app = Self {
            transcript: Transcript::default(),
            composer: Composer::new(History::default()),
            overlays: Vec::new(),
            asked: None,
            attentive: Attentive::default(),
            put_off: None,
            for_trust: Vec::new(),
            completion: None,
            dismissed: None,
            found_prompts: false,
            prompts: Vec::new(),
            facts: Facts::default(),
            scheme: Scheme::default(),
            theme,
            columns: 0,
            rows: 0,
            drawn: 0,
            left_over: Rendered::default(),
            said: Said::default(),
            may_leave_until_ms: None,
            followed: None,
            may_go_back: false,
            told: None,
            fold: Fold::default(),
            now_ms: 0,
            activity: Activity::default(),
            has_greeted: false,
            held: None,
            begins_anew: false,
            hides_status: false,
            reads_back: false,
            wants_status: false,
            outbox: Outbox::default(),
            taken_back: None,
            put_by: Vec::new(),
            unsaid: Vec::new(),
            said_at_rest: Vec::new(),
            way: Way::Free,
        };
        app.resize(columns, rows);
        app
    }

    /// Time passes on the screen: a turn is under way, or a command of the person's own.
    pub fn is_running(&self) -> bool {
        self.transcript.is_busy()
    }

    /// Something was said in the thread.
    pub fn has_turns(&self) -> bool {
        !self.transcript.turns.is_empty()
    }

    /// Another thread comes. What is in the scrollback stays there, and what is finished goes there.
    pub fn clear(&mut self) {
        // What waited was meant for the thread that ends.
        self.hold_off();
        self.left_over = self.finish();
        self.transcript = Transcript::default();
        self.draw_again();
        (self.asked, self.put_off) = (None, None);
        self.activity.forget_calls();
        self.outbox.forget_sent();
        self.overlays.clear();
        self.way = Way::Free;
        self.say_at_rest();
        if std::mem::take(&mut self.begins_anew) {
            self.note("A new thread begins here.".to_owned());
        }
    }

    /// What was said and done in the thread before this process began.
    pub fn remember(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.transcript.apply(&record.event));
        // What was under way has ended with its process.
        self.transcript.rest();
    }

    /// Looks like this from here on; what is finished stays as it is.
    pub fn restyle(&mut self, look: Look) {
        (self.scheme, self.theme) = (look.scheme, look.theme());
    }

    /// All that is finished is handed out again.
    pub fn draw_again(&mut self) {
        self.drawn = 0;
        self.said = Said::default();
    }

    /// When the screen changes though nothing happens, in milliseconds as [`Input::Tick`] has them.
    pub fn changes_at_ms(&self) -> Option<u64> {
        let follows_at_ms = self.followed.as_ref().map(|(_, at)| *at);
        self.may_leave_until_ms.into_iter().chain(follows_at_ms).min()
    }

    /// An overlay sees the keys first.
    pub fn is_covered(&self) -> bool {
        !self.overlays.is_empty()
    }

    /// A text is read on the whole terminal.
    pub fn is_paging(&self) -> bool {
        self.overlays.last().is_some_and(|overlay| overlay.place() == Place::Whole)
    }

    /// What goes on, in short.
    pub fn state(&self) -> State<'_> {
        State {
            cwd: self.transcript.thread.as_ref().map(|thread| thread.cwd.as_path()),
            is_running: self.transcript.is_running,
            asks: self.transcript.asks(),
        }
    }

    /// The message that began the turn of this number, from 1.
    pub fn message_of(&self, turn: u32) -> Option<String> {
        self.transcript.message_of(turn).map(str::to_owned)
    }

    /// Vim's keys from the beginning.
    pub fn use_vim(&mut self) {
        self.composer.toggle_vim();
    }

    /// Asks `is_file` whether a path that is pasted leads to a picture.
    pub fn know_files(&mut self, is_file: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        self.composer.know_files(is_file);
    }

    /// All that the model thinks from the beginning.
    pub fn unfold(&mut self) {
        self.fold = Fold::Unfolded;
    }

    /// The conversation so far needs not be shown: it is in the scrollback.
    pub fn skip_what_was_shown(&mut self) {
        self.drawn = self.transcript.finished();
    }

    /// Takes what happened next.
    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        if self.comes_too_early(&input) {
            return vec![];
        }
        match input {
            Input::Tick(ms) => self.pass_time(ms),
            Input::Due => return self.follow(),
            Input::Resize { columns, rows } => self.resize(columns, rows),
            Input::Paste(text) => self.paste(&text),
            Input::Record(record) => return self.hear(&record),
            Input::NotSent { message, reason } => self.take_back(&message, &reason),
            Input::Notice(notice) => self.transcript.cells.push(Cell::Notice(notice)),
            Input::NotShown(notice) => {
                self.transcript.cells.push(Cell::Notice(notice));
                return self.go_on_without();
            }
            Input::NotOpened(notice) => {
                self.transcript.cells.push(Cell::Notice(notice));
                self.stay_here();
            }
            Input::Permissions { about } => {
                self.overlays.push(Box::new(Permissions::new(&about)));
            }
            Input::Page { title, page } => {
                self.overlays.push(Box::new(Pager::page(&title, page)));
            }
            Input::Output { item_id, whole } => {
                self.overlays.iter_mut().for_each(|overlay| overlay.take_output(&item_id, &whole));
            }
            Input::Files { query, found } => self.found(&query, found),
            Input::History(earlier) => self.composer.remember(earlier),
            Input::Edited(text) => self.composer.edited(&text),
            Input::SayAgain(message) => {
                if let Some(written) = self.composer.take_written() {
                    self.put_by(written);
                }
                self.composer.say_again(&message);
            }
            Input::Picture(image) => self.composer.attach(image),
            Input::Ask { title, choices } => {
                let picker = Picker::new(Verb::Answer, &title, choices).leaving();
                self.overlays.push(Box::new(picker));
            }
            Input::AskSecret { title } => self.overlays.push(Box::new(Secret::new(title))),
            Input::Threads { how, threads, unreadable } => {
                self.choose_thread(how, threads, unreadable);
                return self.go_on_without();
            }
            Input::Models(models) => self.offer_models(models),
            Input::Facts(facts) => self.learn(facts),
            Input::OtherPrompts => (self.prompts, self.found_prompts) = (vec![], false),
            Input::Focused => return self.look_for_branch().into_iter().collect(),
            Input::Branch(branch) => {
                self.facts.branch = branch;
                if std::mem::take(&mut self.wants_status) {
                    self.note(pages::status(self));
                }
            }
            Input::Say(message) => return self.say(message),
            Input::Do(effects) => return self.begin_held(effects),
            Input::Prompts(prompts) => {
                (self.prompts, self.found_prompts) = (slash::beside_commands(prompts), true);
                return self.offer();
            }
            Input::Key(key) => return self.press(key),
        }
        vec![]
    }

    fn pass_time(&mut self, ms: u64) {
        self.now_ms = ms;
        self.may_leave_until_ms = self.may_leave_until_ms.filter(|until| ms < *until);
    }

    fn learn(&mut self, facts: Facts) {
        let before = std::mem::replace(&mut self.facts, facts);
        let names = self.facts.status_line.as_deref().unwrap_or_default();
        let complaint =
            status::complaint(names).filter(|_| before.status_line != self.facts.status_line);
        if let Some(complaint) = complaint {
            self.fail(complaint);
        }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.composer.resize(usize::from(columns.saturating_sub(2)));
        self.composer.confine(usize::from(self.most_written()));
    }

    /// It answers nothing.
    fn paste(&mut self, text: &str) {
        self.told_once();
        self.meet_unbidden(true);
        self.attentive.wrote(self.now_ms);
        self.put_off();
        match self.overlays.last_mut() {
            Some(overlay) => overlay.paste(text),
            None => self.composer.paste(text),
        }
        self.ask();
    }

    /// A message that could not be sent, for this reason: the person has it again.
    fn take_back(&mut self, message: &Message, reason: &str) {
        self.outbox.not_sent(message);
        self.give_back(message);
        self.transcript.cells.push(Cell::Notice(Notice::Failed(format!("Not sent: {reason}"))));
    }

    fn hear(&mut self, record: &Record) -> Vec<Effect> {
        let was_running = self.is_running();
        if let Event::ItemCompleted { item } = &record.event
            && self.transcript.is_unpermitted(item)
        {
            self.activity.never_ran(item);
        }
        match &record.event {
            Event::TransportRetry { .. } => self.said.break_off(),
            Event::ItemDelta { item_id, field: DeltaField::Text, .. }
                if self.said.begins_again(item_id) =>
            {
                let text = "The connection broke; what was being said begins again.";
                self.transcript.cells.push(Cell::Notice(Notice::Said(text.to_owned())));
            }
            _ => {}
        }
        self.transcript.apply(&record.event);
        self.say_at_rest();
        if !was_running && self.is_running() {
            self.activity.begin(self.now_ms);
        }
        self.activity.hear(&record.event, self.now_ms);
        if let Some(Returned { message, is_wanted }) = self.outbox.hear(&record.event) {
            self.take_up(&message);
            if !is_wanted {
                let text = "What you sent was not heard; it is here again.";
                self.transcript.cells.push(Cell::Notice(Notice::Said(text.to_owned())));
            }
        }
        self.overlays.retain(|overlay| !overlay.is_over(&self.transcript));
        self.ask();
        let mut effects = self.find_out(&record.event);
        effects.extend(self.go_on_with_queue(&record.event, was_running));
        effects
    }

    /// Does what the top of the stack asks for.
    fn answer(&mut self, reply: Reply) -> Vec<Effect> {
        match reply {
            Reply::Stay => vec![],
            Reply::Ask(effects) if effects == [Effect::Interrupt] => self.interrupt(),
            Reply::Ask(effects) => effects,
            Reply::Run(verb, argument) => {
                self.overlays.pop();
                self.run(verb, &argument)
            }
            Reply::Trust(answer) => {
                self.overlays.pop();
                let then = std::mem::take(&mut self.for_trust);
                vec![Effect::Open(Next::Trust { answer, then })]
            }
            Reply::NotNow => {
                self.overlays.pop();
                self.hold_off();
                vec![]
            }
            Reply::Over(verb, argument) => self.run(verb, &argument),
            Reply::Done(effects) => {
                self.overlays.pop();
                effects
            }
        }
    }

    fn send(&mut self) -> Vec<Effect> {
        self.completion = None;
        let message = self.composer.take();
        if message.text().trim().is_empty() {
            return vec![];
        }
        self.carry_out(message)
    }

    /// Does what is written: a command line, a command, or a message.
    fn carry_out(&mut self, message: Message) -> Vec<Effect> {
        self.put_by.retain(|put_by| put_by.text() != message.text());
        let text = message.text();
        if text.trim() == "!" {
            return self.refuse(&message, "Behind ! comes a command line for the shell.");
        }
        if let Some(line) = text.trim().strip_prefix('!') {
            if message.pictures().next().is_some() {
                return self.refuse(&message, "A picture does not go with a command line.");
            }
            let line = line.trim().to_owned();
            if self.is_running() {
                self.outbox.sent_line(&line, message);
            }
            return vec![Effect::Run(line)];
        }
        match self.command(&message) {
            Some(effects) => effects,
            None => self.say(message),
        }
    }

    /// Says why this is not done; the person has it again.
    fn refuse(&mut self, message: &Message, reason: &str) -> Vec<Effect> {
        self.fail(reason.to_owned());
        self.give_back(message);
        vec![]
    }

    /// Sends a message, which is shown as waiting until it is heard.
    fn say(&mut self, message: Message) -> Vec<Effect> {
        self.outbox.sent(message.clone());
        self.begin_turn(Effect::Send(message))
    }

    /// No turn begins before it was said whether the directory and its configuration are trusted.
    fn begin_turn(&mut self, effect: Effect) -> Vec<Effect> {
        if self.facts.asks_trust.is_none() {
            return vec![effect];
        }
        self.for_trust.push(effect);
        self.ask();
        vec![]
    }

    /// The person goes on writing what was to begin a turn.
    fn hold_off(&mut self) {
        self.write_on_queued();
        for held in std::mem::take(&mut self.for_trust).into_iter().rev() {
            match held {
                Effect::Send(message) => {
                    self.outbox.not_sent(&message);
                    self.give_back(&message);
                }
                Effect::Review(what) => {
                    let text = format!("/review {what}");
                    self.give_back(&Message::from(text.trim_end().to_owned()));
                }
                _ => {}
            }
        }
    }

    /// What was held back begins now, and what waited behind it; where it begins a turn, that goes on after the turn.
    fn begin_held(&mut self, mut held: Vec<Effect>) -> Vec<Effect> {
        let said = held.iter().filter_map(|effect| match effect {
            Effect::Send(message) => Some(message),
            _ => None,
        });
        // The thread may have gone on as it was, or another one may have come.
        said.clone().for_each(|message| self.outbox.not_sent(message));
        said.for_each(|message| self.outbox.sent(message.clone()));
        if held.is_empty() && !self.is_running() && self.overlays.is_empty() {
            held.extend(self.carry_out_queue());
        }
        held
    }
}

#[cfg(test)]
mod tests;
