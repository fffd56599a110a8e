//! Looks for files while their names are being typed: one thread of its own holds what was found, and answers the latest
//! question only.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use agent_tools::IgnoreRules;
use agent_tui::effect::Input;
use agent_tui::fuzzy::{FileIndex, walk};
use tokio::sync::mpsc::UnboundedSender;

/// As many are shown.
const MOST: usize = 50;
/// While one goes on typing a name, it is looked again when the last look is older than this.
const STALE: Duration = Duration::from_secs(2);

pub(super) struct Files {
    root: PathBuf,
    say: UnboundedSender<Input>,
    /// None before the first question.
    searcher: Option<Sender<Asked>>,
}

enum Asked {
    Query(String),
    Found(Vec<String>),
    /// The walk is over.
    Walked,
}

impl Files {
    pub(super) fn below(root: &Path, say: UnboundedSender<Input>) -> Self {
        Self { root: root.to_owned(), say, searcher: None }
    }

    /// Answers with [`Input::Files`], more than once while files are still being found.
    pub(super) fn find(&mut self, query: String) {
        let searcher = self.searcher.get_or_insert_with(|| {
            let (ask, asked) = channel();
            let searcher = Searcher::below(&self.root, ask.clone());
            let say = self.say.clone();
            thread::spawn(move || searcher.run(&asked, &say));
            ask
        });
        let _ = searcher.send(Asked::Query(query));
    }
}

struct Searcher {
    root: PathBuf,
    /// To itself, for those who walk.
    ask: Sender<Asked>,
    query: Option<String>,
    index: FileIndex,
    /// What the walk under way has found; the first one fills `index` itself, so that there is something to see.
    next: Option<FileIndex>,
    walked: Option<Walk>,
}

/// The last walk.
#[derive(Clone, Copy)]
enum Walk {
    UnderWay,
    Over(Instant),
}

impl Searcher {
    fn below(root: &Path, ask: Sender<Asked>) -> Self {
        let (root, index) = (root.to_owned(), FileIndex::default());
        Self { root, ask, query: None, index, next: None, walked: None }
    }

    fn run(mut self, asked: &Receiver<Asked>, say: &UnboundedSender<Input>) {
        while let Ok(first) = asked.recv() {
            let mut is_news = false;
            for asked in std::iter::once(first).chain(asked.try_iter()) {
                is_news |= self.hear(asked);
            }
            if let (Some(query), true) = (self.query.clone(), is_news) {
                let found = self.index.search(&query, MOST);
                if say.send(Input::Files { query, found }).is_err() {
                    return;
                }
            }
        }
    }

    /// Whether the answer is another since.
    fn hear(&mut self, asked: Asked) -> bool {
        match asked {
            Asked::Query(query) => {
                let begins = self.query.is_none() || query.chars().count() <= 1;
                if self.is_due(begins) {
                    self.begin_walk();
                }
                self.query = Some(query);
                true
            }
            Asked::Found(paths) => {
                self.next.as_mut().unwrap_or(&mut self.index).add(paths);
                self.next.is_none()
            }
            Asked::Walked => {
                self.walked = Some(Walk::Over(Instant::now()));
                let next = self.next.take();
                let is_news = next.is_some();
                self.index = next.unwrap_or_else(|| std::mem::take(&mut self.index));
                is_news
            }
        }
    }

    /// A file may have come or gone since the last look.
    fn is_due(&self, begins: bool) -> bool {
        match self.walked {
            None => true,
            Some(Walk::UnderWay) => false,
            Some(Walk::Over(when)) => begins || when.elapsed() > STALE,
        }
    }

    /// What was found before is offered until this is over.
    fn begin_walk(&mut self) {
        self.next = self.walked.is_some().then(FileIndex::default);
        self.walked = Some(Walk::UnderWay);
        let (root, ask) = (self.root.clone(), self.ask.clone());
        thread::spawn(move || {
            let rules = IgnoreRules::below(&root).unwrap_or_default();
            let is_seen = move |path: &Path, is_directory: bool| rules.sees(path, is_directory);
            walk(&root, is_seen, |paths| match ask.send(Asked::Found(paths)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            });
            let _ = ask.send(Asked::Walked);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found by these letters once all was looked at.
    fn found(searcher: &mut Searcher, asked: &Receiver<Asked>, letters: &str) -> Vec<String> {
        searcher.hear(Asked::Query(letters.to_owned()));
        while matches!(searcher.walked, Some(Walk::UnderWay)) {
            searcher.hear(asked.recv().unwrap());
        }
        searcher.index.search(letters, MOST).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn a_file_is_found_by_a_few_letters() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("src")).unwrap();
        std::fs::write(scratch.path().join("src/parser.rs"), "").unwrap();
        let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
        let mut files = Files::below(scratch.path(), say);
        files.find("pars".to_owned());
        loop {
            let Some(Input::Files { query, found }) = said.blocking_recv() else { panic!() };
            assert_eq!(query, "pars");
            if let [one] = &found[..] {
                assert_eq!(one.path, "src/parser.rs");
                break;
            }
        }
    }

    #[test]
    fn each_name_that_is_begun_finds_what_is_there_by_now() {
        let scratch = tempfile::tempdir().unwrap();
        let file = |name: &str| scratch.path().join(name);
        std::fs::write(file("old.rs"), "").unwrap();
        let (ask, asked) = channel();
        let mut searcher = Searcher::below(scratch.path(), ask);
        assert_eq!(found(&mut searcher, &asked, ""), ["old.rs"]);
        std::fs::remove_file(file("old.rs")).unwrap();
        std::fs::write(file("new.rs"), "").unwrap();
        assert_eq!(found(&mut searcher, &asked, "r"), ["new.rs"]);
    }

    #[test]
    fn what_was_found_before_is_offered_until_the_next_look_is_over() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("a.rs"), "").unwrap();
        let (ask, asked) = channel();
        let mut searcher = Searcher::below(scratch.path(), ask);
        assert_eq!(found(&mut searcher, &asked, ""), ["a.rs"]);
        assert!(searcher.hear(Asked::Query("a".to_owned())), "the answer comes at once");
        assert_eq!(searcher.index.search("a", MOST).len(), 1);
    }
}
