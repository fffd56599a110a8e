//! How large the terminal is, by its own word, and whether that is certain: a window that is being dragged takes many
//! sizes, and what is drawn for one may meet another. While it is not certain nothing is drawn.

use std::time::Duration;

use tokio::time::Instant;

/// Columns and rows.
pub(super) type Size = (u16, u16);

/// A size that has held for this time will be drawn on.
const QUIET: Duration = Duration::from_millis(40);

/// A terminal that has not answered in this time is not asked any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// After one change others may come, and some terminals tell of them late: tmux up to a quarter of a second.
const GUARD: Duration = Duration::from_millis(300);

/// An answer is as good as none after this time.
const FRESH: Duration = Duration::from_millis(3);

/// What one is drawing waits no longer than this for an answer.
const DELAY: Duration = Duration::from_millis(100);

/// What is no terminal may answer the same to everything. One that is smaller is one if the system has said so, too.
const MIN_SIZE: u16 = 2;

/// An answer to a question of [`Inline`](crate::terminal::Inline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) size: Size,
    /// Rows above the cursor.
    pub(super) above: u16,
}

/// What the time has come for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    Ask,
    /// It says nothing: the system's word has to do.
    Guess,
}

#[derive(Debug)]
pub(super) struct Survey {
    /// What the system said last.
    system: Size,
    /// The first half of an answer: the row of the cursor.
    half: Option<u16>,
    /// Since when an answer is awaited.
    asked: Option<Instant>,
    doubt: Option<Doubt>,
    guarded: Option<Instant>,
    /// When the last answer came, or was not waited for any longer.
    answered: Option<Instant>,
    is_mute: bool,
    /// For what it answered.
    is_odd: bool,
    /// The system has said once that it is as small as nothing else is: what it answers to that may come later.
    was_tiny: bool,
}

#[derive(Debug)]
struct Doubt {
    /// What it answered last, and since when.
    seen: Option<(Size, Instant)>,
    next: Instant,
}

impl Survey {
    pub(super) fn new(system: Size, answers: bool) -> Self {
        Self {
            system,
            half: None,
            asked: None,
            doubt: None,
            guarded: None,
            answered: None,
            is_mute: !answers,
            is_odd: false,
            was_tiny: is_tiny(system),
        }
    }

    /// Whether a question makes sense.
    pub(super) fn may_ask(&self) -> bool {
        !self.is_mute
    }

    /// It was asked, and so many earlier questions have no answer yet. One that has been silent for long is not asked
    /// again.
    pub(super) fn ask(&mut self, now: Instant, earlier: usize) {
        let since = self.asked.filter(|_| earlier > 0).unwrap_or(now);
        self.asked = Some(since);
        self.is_mute |= since + PATIENCE <= now;
    }

    /// It has not read what it was asked until now.
    pub(super) fn was_held_up(&mut self, now: Instant) {
        self.asked = self.asked.map(|_| now);
    }

    /// No more answers will come.
    pub(super) fn give_up(&mut self) {
        self.half = None;
    }

    pub(super) fn is_certain(&self) -> bool {
        self.doubt.is_none()
    }

    /// The system says this now. Whether that raises a doubt about `known`.
    pub(super) fn differs(&mut self, system: Size, known: Size) -> bool {
        let is_new = std::mem::replace(&mut self.system, system) != system;
        // What was taken for no terminal may have said it earlier than the system.
        self.was_tiny |= is_tiny(system);
        if self.was_tiny && std::mem::take(&mut self.is_odd) {
            self.is_mute = false;
        }
        is_new && system != known
    }

    /// The size may have changed, and more changes may follow.
    pub(super) fn doubt(&mut self, now: Instant) {
        let next = if self.is_mute { now + QUIET } else { now };
        if self.is_mute || self.is_certain() {
            self.doubt = Some(Doubt { seen: None, next });
        }
    }

    /// The size is certain, for now.
    pub(super) fn settle(&mut self, now: Instant) {
        self.doubt = None;
        self.guarded = Some(now + GUARD);
        self.answered = Some(now);
    }

    /// The position that the terminal told; every second one makes an answer.
    pub(super) fn hear(&mut self, row: u16, column: u16, now: Instant) -> Option<Answer> {
        let Some(cursor) = self.half.take() else {
            self.half = Some(row);
            return None;
        };
        (self.asked, self.answered) = (Some(now), Some(now));
        let size = (column, row);
        self.is_odd = is_tiny(size) && !self.was_tiny;
        self.is_mute = self.is_odd;
        (!self.is_mute).then(|| Answer { size, above: cursor.saturating_sub(1) })
    }

    /// In doubt it said this, and nothing more is asked: whether it can be drawn on.
    pub(super) fn holds(&mut self, size: Size, now: Instant) -> bool {
        let Some(doubt) = &mut self.doubt else { return true };
        match doubt.seen {
            Some((seen, since)) if seen == size => {
                doubt.next = since + QUIET;
                since + QUIET <= now
            }
            _ => {
                doubt.seen = Some((size, now));
                doubt.next = now + QUIET;
                false
            }
        }
    }

    /// A frame has to wait for an answer first: a change has just been.
    pub(super) fn is_guarded(&self, now: Instant) -> bool {
        let is_fresh = self.answered.is_some_and(|answered| now <= answered + FRESH);
        !is_fresh && !self.is_mute && self.guarded.is_some_and(|until| now < until)
    }

    /// When something is to be done if no answer comes.
    pub(super) fn deadline(&self, waits: bool) -> Option<Instant> {
        match &self.doubt {
            Some(doubt) => Some(doubt.next),
            None => self.asked.filter(|_| waits).map(|asked| asked + DELAY),
        }
    }

    /// That time has come, with so many questions that have no answer yet.
    pub(super) fn due(&mut self, now: Instant, questions: usize) -> Next {
        let Some(doubt) = &mut self.doubt else {
            self.answered = Some(now);
            return Next::Wait;
        };
        let asked = self.asked.filter(|_| questions > 0).map(|asked| asked + PATIENCE);
        match asked {
            _ if self.is_mute => Next::Guess,
            Some(until) if until <= now => {
                self.is_mute = true;
                Next::Guess
            }
            Some(until) => {
                doubt.next = until;
                Next::Wait
            }
            None => {
                doubt.next = now + PATIENCE;
                Next::Ask
            }
        }
    }
}

fn is_tiny((columns, rows): Size) -> bool {
    columns < MIN_SIZE || rows < MIN_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Size = (80, 24);
    const NEW: Size = (60, 20);

    /// What it says to a question, the cursor being below so many rows.
    fn answer(survey: &mut Survey, above: u16, size: Size, now: Instant) -> Option<Answer> {
        assert_eq!(survey.hear(above + 1, 3, now), None);
        survey.hear(size.1, size.0, now)
    }

    #[test]
    fn a_size_is_certain_when_it_has_held_for_a_moment() {
        let begin = Instant::now();
        let mut survey = Survey::new(OLD, true);
        survey.doubt(begin);
        assert_eq!(survey.due(begin, 0), Next::Ask);
        survey.ask(begin, 0);
        assert_eq!(
            answer(&mut survey, 7, NEW, begin),
            Some(Answer { size: NEW, above: 7 }),
            "rows count from 1"
        );
        assert!(!survey.holds(OLD, begin), "it may be on its way to another size");
        assert!(!survey.holds(NEW, begin + QUIET), "and here it is");
        assert!(!survey.holds(NEW, begin + QUIET + QUIET / 2));
        assert_eq!(survey.deadline(false), Some(begin + 2 * QUIET));
        assert!(survey.holds(NEW, begin + 2 * QUIET));
    }

    #[test]
    fn a_terminal_that_says_nothing_is_asked_once() {
        let begin = Instant::now();
        let mut survey = Survey::new(OLD, true);
        survey.doubt(begin);
        assert_eq!(survey.due(begin, 0), Next::Ask);
        survey.ask(begin, 0);
        assert_eq!(survey.due(begin + QUIET, 1), Next::Wait);
        assert_eq!(survey.deadline(false), Some(begin + PATIENCE));
        assert_eq!(survey.due(begin + PATIENCE, 1), Next::Guess);
        assert!(!survey.may_ask());
        survey.settle(begin + PATIENCE);
        survey.doubt(begin + PATIENCE);
        assert_eq!(survey.deadline(false), Some(begin + PATIENCE + QUIET));
        assert_eq!(survey.due(begin + PATIENCE + QUIET, 1), Next::Guess);
    }

    #[test]
    fn what_answers_the_same_to_everything_is_no_terminal() {
        let now = Instant::now();
        let mut survey = Survey::new(OLD, true);
        survey.ask(now, 0);
        assert_eq!(answer(&mut survey, 0, (1, 1), now), None);
        assert!(!survey.may_ask());
    }

    #[test]
    fn a_terminal_of_one_cell_is_one_if_the_system_says_so_even_later() {
        let now = Instant::now();
        let mut survey = Survey::new(OLD, true);
        survey.ask(now, 0);
        assert_eq!(answer(&mut survey, 0, (1, 1), now), None, "nobody else says so");
        assert!(survey.differs((1, 1), OLD) && survey.may_ask());
        assert_eq!(answer(&mut survey, 0, (1, 1), now), Some(Answer { size: (1, 1), above: 0 }));
        assert!(survey.may_ask());
        assert!(survey.differs(OLD, (1, 1)));
        assert!(answer(&mut survey, 0, (1, 1), now).is_some(), "it was asked before that");
        let mut dumb = Survey::new(OLD, false);
        assert!(dumb.differs((1, 1), OLD) && !dumb.may_ask());
    }

    #[test]
    fn after_a_change_frames_wait_for_an_answer_but_not_for_long() {
        let begin = Instant::now();
        let mut survey = Survey::new(OLD, true);
        assert!(!survey.is_guarded(begin), "none was");
        survey.doubt(begin);
        survey.settle(begin);
        assert!(!survey.is_guarded(begin), "the answer has just come");
        let later = begin + 2 * FRESH;
        assert!(survey.is_guarded(later));
        survey.ask(later, 0);
        assert_eq!(survey.deadline(true), Some(later + DELAY));
        assert_eq!(survey.due(later + DELAY, 1), Next::Wait);
        assert!(!survey.is_guarded(later + DELAY));
        assert!(!survey.is_guarded(begin + GUARD));
    }
}
