//! A terminal that takes other sizes at any time, and breaks what it shows anew as tmux does: what was drawn for one
//! size may meet another.

use std::collections::VecDeque;

use super::*;

/// The second cell of a wide character.
const REST: char = '\0';

/// Every row, those that left the screen first.
struct Terminal {
    rows: Vec<Cells>,
    columns: usize,
    height: usize,
    cursor: (usize, usize),
    saved: (usize, usize),
    wraps: bool,
    answers: VecDeque<(usize, usize)>,
}

#[derive(Clone, Default)]
struct Cells {
    text: Vec<char>,
    goes_on: bool,
}

impl Terminal {
    fn new(columns: usize, height: usize) -> Self {
        let rows = vec![Cells::default(); height];
        let answers = VecDeque::new();
        Self { rows, columns, height, cursor: (0, 0), saved: (0, 0), wraps: true, answers }
    }

    fn top(&self) -> usize {
        self.rows.len() - self.height
    }

    fn row(&mut self) -> &mut Cells {
        let at = self.top() + self.cursor.0;
        &mut self.rows[at]
    }

    fn write(&mut self, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\r' => self.cursor.1 = 0,
                '\n' => self.line_feed(),
                '\x1b' if rest.peek() == Some(&'7') => self.saved = self.cursor,
                '\x1b' if rest.peek() == Some(&'8') => self.cursor = self.saved,
                '\x1b' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut arguments = String::new();
                    while rest.peek().is_some_and(|c| !c.is_ascii_alphabetic()) {
                        arguments.extend(rest.next());
                    }
                    self.sequence(&arguments, *rest.peek().unwrap());
                }
                c => {
                    self.put(c);
                    continue;
                }
            }
            if c == '\x1b' {
                rest.next();
            }
        }
    }

    fn line_feed(&mut self) {
        if self.cursor.0 + 1 == self.height {
            self.rows.push(Cells::default());
        } else {
            self.cursor.0 += 1;
        }
    }

    fn put(&mut self, c: char) {
        let width = crate::width::of(c.encode_utf8(&mut [0; 4]));
        if self.cursor.1 + width > self.columns {
            if self.wraps {
                self.row().goes_on = true;
                self.line_feed();
                self.cursor.1 = 0;
            } else if width > 1 {
                return;
            } else {
                self.cursor.1 = self.columns - 1;
            }
        }
        let column = self.cursor.1;
        let row = self.row();
        row.text.resize(row.text.len().max(column + width), ' ');
        row.text[column] = c;
        row.text[column + 1..column + width].fill(REST);
        self.cursor.1 += width;
    }

    fn sequence(&mut self, arguments: &str, last: char) {
        let count = arguments.parse().unwrap_or(1_usize).max(1);
        let (row, column) = (self.cursor.0, self.cursor.1.min(self.columns - 1));
        match (arguments, last) {
            (_, 'A') => self.cursor.0 = row.saturating_sub(count),
            (_, 'B') => self.cursor.0 = (row + count).min(self.height - 1),
            (_, 'G') => self.cursor.1 = (count - 1).min(self.columns - 1),
            (_, 'H') => self.cursor = (self.height - 1, self.columns - 1),
            (_, 'K') => self.clear(row, column),
            (_, 'J') => {
                self.clear(row, column);
                (row + 1..self.height).for_each(|row| self.clear(row, 0));
            }
            (_, 'M') => (0..count.min(self.height - row)).for_each(|_| {
                let at = self.top() + row;
                self.rows.remove(at);
                self.rows.push(Cells::default());
            }),
            (_, 'L') => (0..count.min(self.height - row)).for_each(|_| {
                let at = self.top() + row;
                self.rows.pop();
                self.rows.insert(at, Cells::default());
            }),
            ("6", 'n') => self.answers.push_back((row, column)),
            ("?7", wraps) => self.wraps = wraps == 'h',
            (_, 'm' | 'h' | 'l') => {}
            unknown => panic!("{unknown:?}"),
        }
    }

    fn clear(&mut self, row: usize, column: usize) {
        let at = self.top() + row;
        self.rows[at].text.truncate(column);
        self.rows[at].goes_on = false;
        if column == 0 && at > 0 {
            self.rows[at - 1].goes_on = false;
        }
    }

    fn resize(&mut self, columns: usize, height: usize) {
        let lower = self.height.saturating_sub(height).min(self.height - 1 - self.cursor.0);
        let at = self.top() + self.cursor.0;
        self.rows.truncate(self.rows.len() - lower);
        (self.columns, self.height) = (columns, height);
        let at = self.reflow(at);
        self.rows.resize(self.rows.len().max(height), Cells::default());
        self.cursor.0 = at.saturating_sub(self.top());
        self.cursor.1 = self.cursor.1.min(columns - 1);
    }

    /// Where the row of the cursor is then.
    fn reflow(&mut self, cursor: usize) -> usize {
        let old = std::mem::take(&mut self.rows);
        let (mut place, mut start) = (0, 0);
        while start < old.len() {
            let more = old[start..].iter().take_while(|row| row.goes_on).count();
            let end = (start + more + 1).min(old.len());
            let line: Vec<char> = old[start..end].iter().flat_map(|row| row.text.clone()).collect();
            let mut pieces: Vec<Cells> = Vec::new();
            let mut rest = &line[..];
            while !rest.is_empty() {
                let is_cut = rest.get(self.columns) == Some(&REST);
                let (text, after) =
                    rest.split_at(rest.len().min(self.columns - usize::from(is_cut)));
                pieces.push(Cells { text: text.to_vec(), goes_on: true });
                rest = after;
            }
            pieces.resize(pieces.len().max(1), Cells::default());
            pieces.last_mut().unwrap().goes_on = false;
            if (start..end).contains(&cursor) {
                let before: usize = old[start..cursor].iter().map(|row| row.text.len()).sum();
                let mut column = before + self.cursor.1;
                let mut down = 0;
                while down + 1 < pieces.len() && column >= pieces[down].text.len() {
                    column -= pieces[down].text.len();
                    down += 1;
                }
                place = self.rows.len() + down;
                self.cursor.1 = column;
            }
            self.rows.extend(pieces);
            start = end;
        }
        place
    }

    /// All lines, as they were written.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for row in &self.rows {
            line.extend(row.text.iter().filter(|c| **c != REST));
            if !row.goes_on {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
        }
        lines
    }
}

/// What is drawn on it, by somebody who hears of another size only when it is said to them.
struct Scene {
    inline: Inline<Vec<u8>>,
    terminal: Terminal,
    is_certain: bool,
    said: Vec<String>,
    /// Will be said as they stand in the region.
    live: VecDeque<String>,
    lines: usize,
}

#[derive(Clone, Debug)]
enum Step {
    /// So many lines become finished, and so many rows are under way, so long, of this letter.
    Draw {
        finished: usize,
        live: usize,
        width: usize,
        letter: char,
    },
    Resize(usize, usize),
    Hear,
    Settle,
    /// The same, and the size changes once more before what is then written comes.
    SettleLate(usize, usize),
}

impl Scene {
    /// Below the lines of somebody else.
    fn new(columns: u16, height: u16) -> Self {
        let mut terminal = Terminal::new(usize::from(columns), usize::from(height));
        terminal.write(b"$ one\r\n$ two\r\n$ three\r\n");
        let inline = Inline::new(Vec::new(), columns, height, true);
        let (said, live) = (Vec::new(), VecDeque::new());
        Self { inline, terminal, is_certain: true, said, live, lines: 0 }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Draw { finished, live, width, letter } => {
                self.draw(finished, live, width, letter);
            }
            Step::Resize(columns, height) => self.terminal.resize(columns, height),
            Step::Hear => {
                self.hear();
            }
            Step::Settle => self.settle(None),
            Step::SettleLate(columns, height) => self.settle(Some((columns, height))),
        }
    }

    fn arrive(&mut self) {
        self.terminal.write(&std::mem::take(&mut self.inline.out));
    }

    fn draw(&mut self, finished: usize, live: usize, width: usize, letter: char) {
        if !self.is_certain {
            return;
        }
        let columns = self.inline.columns;
        let width = width.min(usize::from(columns));
        let live = live.min(usize::from(self.inline.rows) - 1);
        while self.live.len() < finished + live {
            self.live.push_back(filled(&format!("{:04}:", self.lines), width, letter));
            self.lines += 1;
        }
        let first = self.said.len();
        self.said.extend(self.live.drain(..finished));
        self.live.truncate(usize::from(self.inline.rows) - 1);
        let lines: Vec<_> = self.said[first..].iter().map(|line| Line::raw(line.clone())).collect();
        let live = u16::try_from(self.live.len()).unwrap();
        let mut cells = Buffer::empty(Rect::new(0, 0, columns, live + 1));
        for (y, row) in (0..).zip(&self.live) {
            cells.set_string(0, y, row, Style::new());
        }
        let cursor = Position { x: 2, y: live };
        cells.set_string(0, cursor.y, "> ", Style::new());
        self.inline.draw_and_ask(&lines, &[], at(cells, cursor)).unwrap();
        self.arrive();
    }

    /// The rows above the cursor, and the size.
    fn hear(&mut self) -> Option<(usize, u16, u16)> {
        let mut heard = None;
        while let Some((above, _)) = self.terminal.answers.pop_front() {
            let (row, column) = self.terminal.answers.pop_front().unwrap();
            let columns = u16::try_from(column + 1).unwrap();
            let rows = u16::try_from(row + 1).unwrap();
            self.inline.answered(columns, rows);
            self.is_certain &= (columns, rows) == (self.inline.columns, self.inline.rows);
            heard = Some((above, columns, rows));
        }
        heard
    }

    fn settle(&mut self, late: Option<(usize, usize)>) {
        self.hear();
        self.inline.ask().unwrap();
        self.arrive();
        let (above, columns, rows) = self.hear().unwrap();
        if let Some((columns, height)) = late {
            self.terminal.resize(columns, height);
        }
        self.inline.resize(columns, rows, Some(u16::try_from(above).unwrap())).unwrap();
        self.arrive();
        self.is_certain = true;
        // What is not finished is broken anew.
        let live = std::mem::take(&mut self.live).len();
        self.draw(0, live, 10, 'x');
    }

    /// How often each line is there that became finished.
    fn counts(&self) -> Vec<usize> {
        let lines = self.terminal.lines();
        let count = |said: &String| lines.iter().filter(|line| line.contains(said)).count();
        self.said.iter().map(count).collect()
    }

    fn shown(&self) -> String {
        self.terminal.lines().join("\n")
    }
}

fn filled(beginning: &str, width: usize, letter: char) -> String {
    let mut text = beginning.to_owned();
    while crate::width::of(&text) + 3 <= width {
        text.push(letter);
    }
    text + "."
}

fn draw() -> impl Strategy<Value = Step> {
    let letter = proptest::sample::select(vec!['x', '글']);
    (0..4_usize, 0..6_usize, 10..90_usize, letter)
        .prop_map(|(finished, live, width, letter)| Step::Draw { finished, live, width, letter })
}

fn resize(heights: &'static [usize]) -> impl Strategy<Value = Step> {
    use proptest::sample::select;
    (select(vec![20, 33, 50, 80]), select(heights))
        .prop_map(|(columns, height)| Step::Resize(columns, height))
}

fn late() -> impl Strategy<Value = Step> {
    resize(&[8, 12, 24]).prop_map(|step| match step {
        Step::Resize(columns, height) => Step::SettleLate(columns, height),
        other => other,
    })
}

/// Without blank ones at the end.
fn rows(scene: &Scene) -> Vec<String> {
    let mut rows = scene.terminal.lines();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

const ALL_THERE_IS: [&str; 4] = ["$ one", "$ two", "$ three", ">"];

#[test]
fn a_last_row_that_becomes_more_rows_than_there_are_leaves_nothing() {
    let mut scene = Scene::new(200, 50);
    let mut cells = Buffer::empty(Rect::new(0, 0, 200, 3));
    for (y, width) in (0..).zip([30, 90, 130]) {
        cells.set_string(0, y, "x".repeat(width), Style::new());
    }
    let region = Region { cells, links: vec![], cursor: None };
    scene.inline.draw_and_ask(&[], &[], region).unwrap();
    scene.arrive();
    for (columns, height) in [(20, 5), (80, 24)] {
        scene.terminal.resize(columns, height);
        scene.settle(None);
    }
    assert_eq!(rows(&scene), ALL_THERE_IS);
}

#[test]
fn a_window_of_one_cell_leaves_nothing() {
    let mut scene = Scene::new(80, 24);
    scene.draw(0, 2, 40, 'x');
    for (columns, height) in [(1, 1), (80, 24)] {
        scene.terminal.resize(columns, height);
        scene.settle(None);
        scene.live.clear();
        scene.draw(0, 0, 0, 'x');
    }
    assert_eq!(rows(&scene), ALL_THERE_IS);
}

proptest! {
    #[test]
    fn no_finished_line_is_lost_whatever_size_the_terminal_takes_whenever(
        steps in vec(prop_oneof![6 => draw(), 3 => resize(&[8, 12, 24, 100]), 1 => late(), 2 => Just(Step::Hear), 2 => Just(Step::Settle)], 1..40)
    ) {
        let mut scene = Scene::new(80, 24);
        steps.iter().for_each(|step| scene.take(step));
        scene.settle(None);
        let counts = scene.counts();
        prop_assert!(counts.iter().all(|count| *count > 0), "{counts:?}\n{}", scene.shown());
        // What was cleared for a size that had just gone was perhaps theirs, and is known to nobody.
        let is_late = steps.iter().any(|step| matches!(step, Step::SettleLate(..)));
        for theirs in ["$ one", "$ two", "$ three"] {
            prop_assert!(is_late || scene.shown().contains(theirs), "{}", scene.shown());
        }
    }

    #[test]
    fn one_frame_for_another_size_leaves_nothing_and_nothing_is_there_twice(
        before in vec(draw(), 1..12),
        rounds in vec((resize(&[40, 50, 70]), vec(draw(), 0..2), vec(draw(), 0..4)), 1..6)
    ) {
        let mut scene = Scene::new(80, 50);
        before.iter().for_each(|step| scene.take(step));
        for (resize, meanwhile, after) in &rounds {
            scene.hear();
            scene.take(resize);
            meanwhile.iter().for_each(|step| scene.take(step));
            scene.settle(None);
            after.iter().for_each(|step| scene.take(step));
        }
        scene.hear();
        scene.terminal.resize(80, 100);
        scene.settle(None);
        let counts = scene.counts();
        prop_assert!(counts.iter().all(|count| *count == 1), "{counts:?}\n{}", scene.shown());
        let shown = scene.terminal.lines();
        let rows = shown.iter().filter(|line| line.contains(':')).count();
        prop_assert_eq!(rows, scene.said.len() + scene.live.len(), "{}", scene.shown());
    }
}
