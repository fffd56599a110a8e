//! Looks for files while their names are being typed: one thread of its own holds what was found, and answers the latest
//! question only.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use agent_tui::effect::Input;
use agent_tui::fuzzy::{FileIndex, walk};
use tokio::sync::mpsc::UnboundedSender;

/// As many are shown.
const MOST: usize = 50;
/// What was found is looked for again when a name is begun after this time.
const STALE: Duration = Duration::from_secs(5);

pub(super) struct Files {
    root: PathBuf,
    say: UnboundedSender<Input>,
    /// None before the first question.
    searcher: Option<Sender<Asked>>,
}

enum Asked {
    Query(String),
    /// Of the walk of this number.
    Found(u32, Vec<String>),
}

impl Files {
    pub(super) fn below(root: &Path, say: UnboundedSender<Input>) -> Self {
        Self { root: root.to_owned(), say, searcher: None }
    }

    /// Answers with [`Input::Files`], more than once while files are still being found.
    pub(super) fn find(&mut self, query: String) {
        let searcher = self.searcher.get_or_insert_with(|| {
            let (ask, asked) = channel();
            let searcher = Searcher {
                root: self.root.clone(),
                say: self.say.clone(),
                ask: ask.clone(),
                index: FileIndex::default(),
                walk: 0,
                walked: None,
            };
            thread::spawn(move || searcher.run(&asked));
            ask
        });
        let _ = searcher.send(Asked::Query(query));
    }
}

struct Searcher {
    root: PathBuf,
    say: UnboundedSender<Input>,
    ask: Sender<Asked>,
    index: FileIndex,
    /// Its number; what an older one still finds is not wanted.
    walk: u32,
    walked: Option<Instant>,
}

impl Searcher {
    fn run(mut self, asked: &Receiver<Asked>) {
        let mut query = None;
        while let Ok(first) = asked.recv() {
            let mut is_news = false;
            for asked in std::iter::once(first).chain(asked.try_iter()) {
                match asked {
                    Asked::Query(asked) => {
                        let begins = query.is_none() || asked.chars().count() <= 1;
                        if begins && self.walked.is_none_or(|walked| walked.elapsed() > STALE) {
                            self.begin_walk();
                        }
                        query = Some(asked);
                        is_news = true;
                    }
                    Asked::Found(walk, paths) if walk == self.walk => {
                        self.index.add(paths);
                        is_news = true;
                    }
                    Asked::Found(..) => {}
                }
            }
            if let (Some(query), true) = (&query, is_news) {
                let found = self.index.search(query, MOST);
                if self.say.send(Input::Files { query: query.clone(), found }).is_err() {
                    return;
                }
            }
        }
    }

    fn begin_walk(&mut self) {
        self.walk += 1;
        self.walked = Some(Instant::now());
        self.index = FileIndex::default();
        let (root, ask, number) = (self.root.clone(), self.ask.clone(), self.walk);
        thread::spawn(move || {
            walk(&root, |paths| match ask.send(Asked::Found(number, paths)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn a_file_is_found_by_a_few_letters() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("src")).unwrap();
        std::fs::write(scratch.path().join("src/parser.rs"), "").unwrap();
        let (say, mut said) = unbounded_channel();
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
}
