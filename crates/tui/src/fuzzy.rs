//! Finds files by a few letters of their path. The index is pure state, filled in batches; [`walk`] is what fills it,
//! for whoever has a thread to run it on.

mod names;
mod walk;

use std::{cmp::Reverse, ops::Range};

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{Atom, AtomKind, CaseMatching, Normalization},
};
use unicode_segmentation::UnicodeSegmentation as _;

pub use names::rank;
pub use walk::walk;

/// Paths that can be searched.
#[derive(Debug)]
pub struct FileIndex {
    /// All paths, one behind the other.
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
    matcher: Matcher,
    last: Option<Narrowed>,
}

/// What the last query left: one that goes on from it has to look no further.
#[derive(Debug)]
struct Narrowed {
    query: String,
    /// How many paths there were.
    seen: usize,
    matches: Vec<u32>,
}

/// A path that fits the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMatch {
    /// Relative to the root; a directory ends with `/`.
    pub path: String,
    /// The bytes of it that were asked for.
    pub positions: Vec<Range<usize>>,
}

impl Default for FileIndex {
    fn default() -> Self {
        let matcher = Matcher::new(Config::DEFAULT.match_paths());
        Self { text: String::new(), ends: Vec::new(), matcher, last: None }
    }
}

impl FileIndex {
    /// Adds paths. Beyond 4 GiB of them, the rest is left out.
    pub fn add(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            let Ok(end) = u32::try_from(self.text.len() + path.len()) else { return };
            self.text.push_str(&path);
            self.ends.push(end);
        }
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn path(&self, index: usize) -> &str {
        slice(&self.text, &self.ends, index)
    }

    /// The `limit` paths that fit `query` best, the best first. Without a query, those nearest to the root.
    pub fn search(&mut self, query: &str, limit: usize) -> Vec<FileMatch> {
        // Paths are written from where one is.
        let query = query.strip_prefix("./").unwrap_or(query);
        if query.is_empty() {
            return self.nearest(limit);
        }
        let atom =
            Atom::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy, false);
        let mut scored = self.score(&atom, query);
        // Of equals, the shorter, and of these the one that was there first.
        let order =
            |&(score, index): &(u16, u32)| (Reverse(score), self.path(index as usize).len(), index);
        best(&mut scored, limit, order);
        let found: Vec<u32> = scored.into_iter().map(|(_, index)| index).collect();
        found.into_iter().map(|index| self.found(&atom, index as usize)).collect()
    }

    /// Every path that fits, with how well.
    fn score(&mut self, atom: &Atom, query: &str) -> Vec<(u16, u32)> {
        let last = self.last.take().filter(|last| query.starts_with(&last.query));
        let (mut candidates, seen) =
            last.map_or_else(Default::default, |last| (last.matches, last.seen));
        candidates.extend((seen..self.ends.len()).filter_map(|index| u32::try_from(index).ok()));
        let mut chars = Vec::new();
        let mut scored = Vec::new();
        candidates.retain(|&index| {
            let path = slice(&self.text, &self.ends, index as usize);
            let score = atom.score(Utf32Str::new(path, &mut chars), &mut self.matcher);
            scored.extend(score.map(|score| (score, index)));
            score.is_some()
        });
        self.last =
            Some(Narrowed { query: query.to_owned(), seen: self.ends.len(), matches: candidates });
        scored
    }

    fn nearest(&self, limit: usize) -> Vec<FileMatch> {
        let depth = |index| self.path(index).trim_end_matches('/').matches('/').count();
        let mut all: Vec<_> = (0..self.ends.len()).map(|index| (depth(index), index)).collect();
        best(&mut all, limit, |&(depth, index)| (depth, self.path(index)));
        all.into_iter()
            .map(|(_, index)| FileMatch {
                path: self.path(index).to_owned(),
                positions: Vec::new(),
            })
            .collect()
    }

    fn found(&mut self, atom: &Atom, index: usize) -> FileMatch {
        let path = self.path(index).to_owned();
        let mut chars = Vec::new();
        let mut indices = Vec::new();
        atom.indices(Utf32Str::new(&path, &mut chars), &mut self.matcher, &mut indices);
        indices.sort_unstable();
        indices.dedup();
        // The matcher counts graphemes.
        let mut positions: Vec<Range<usize>> = Vec::new();
        let mut indices = indices.into_iter().peekable();
        for (number, (at, grapheme)) in path.grapheme_indices(true).enumerate() {
            if indices.next_if(|&index| index as usize == number).is_none() {
                continue;
            }
            match positions.last_mut() {
                Some(last) if last.end == at => last.end = at + grapheme.len(),
                _ => positions.push(at..at + grapheme.len()),
            }
        }
        FileMatch { path, positions }
    }
}

/// The text between one end and the next.
fn slice<'a>(text: &'a str, ends: &[u32], index: usize) -> &'a str {
    let start = index.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &text[start..ends[index] as usize]
}

/// Keeps the first `limit` of `items` in `order`, sorted.
fn best<T, K: Ord>(items: &mut Vec<T>, limit: usize, order: impl Fn(&T) -> K) {
    if limit < items.len() {
        items.select_nth_unstable_by_key(limit, &order);
        items.truncate(limit);
    }
    items.sort_unstable_by_key(&order);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(paths: &[&str]) -> FileIndex {
        let mut index = FileIndex::default();
        index.add(paths.iter().map(|&path| path.to_owned()));
        index
    }

    fn paths(found: Vec<FileMatch>) -> Vec<String> {
        found.into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn a_path_from_where_one_is_finds_what_it_names() {
        let mut index = FileIndex::default();
        index.add(["name.rs", "src/other.rs"].map(str::to_owned));
        let mut paths = |query| -> Vec<String> {
            index.search(query, 9).into_iter().map(|found| found.path).collect()
        };
        assert_eq!(paths("./name"), ["name.rs"]);
        assert_eq!(paths("./").len(), 2);
    }

    #[test]
    fn the_best_fit_comes_first() {
        let mut index = index(&[
            "crates/tui/src/composer/motion.rs",
            "crates/core/src/main.rs",
            "docs/domain.md",
            "src/main.rs",
            "README.md",
        ]);
        assert_eq!(paths(index.search("main", 2)), ["src/main.rs", "crates/core/src/main.rs"]);
        assert_eq!(paths(index.search("comot", 9)), ["crates/tui/src/composer/motion.rs"]);
        assert_eq!(paths(index.search("README", 9)), ["README.md"]);
        assert_eq!(paths(index.search("readme", 9)), ["README.md"]);
        assert_eq!(paths(index.search("MAIN", 9)), [""; 0]);
        assert_eq!(paths(index.search("zzz", 9)), [""; 0]);
    }

    #[test]
    fn without_a_query_the_nearest_come_first() {
        let mut index = index(&["a/b/c.rs", "b.rs", "a/", "a/x.rs", "a.rs"]);
        assert_eq!(paths(index.search("", 4)), ["a.rs", "a/", "b.rs", "a/x.rs"]);
    }

    #[test]
    fn what_was_asked_for_is_marked() {
        let mut index = index(&["문서/한글 e\u{301}cole.md"]);
        let found = index.search("글co", 1);
        let path = &found[0].path;
        let marked: Vec<&str> =
            found[0].positions.iter().map(|range| &path[range.clone()]).collect();
        assert_eq!(marked, ["글", "co"]);
    }

    #[test]
    fn a_longer_query_sees_what_came_meanwhile() {
        let mut index = index(&["alpha.rs", "beta.rs"]);
        assert_eq!(index.search("a", 9).len(), 2);
        index.add(["alphabet.rs".to_owned()]);
        assert_eq!(paths(index.search("alp", 9)), ["alpha.rs", "alphabet.rs"]);
        assert_eq!(index.search("b", 9).len(), 2);
    }
}
