//! Finds names among a few by some of their letters.

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Which of `names` fit `query`, the best first; all of them, as they stand, without a query.
pub fn rank<'a>(query: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let atom = Atom::new(query, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy, false);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut chars = Vec::new();
    let mut fit: Vec<_> = names
        .into_iter()
        .enumerate()
        .filter_map(|(index, name)| {
            let score = atom.score(Utf32Str::new(name, &mut chars), &mut matcher)?;
            Some((std::cmp::Reverse(score), index))
        })
        .collect();
    fit.sort_unstable();
    fit.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_so_come_before_those_that_only_hold_it() {
        let names = ["remodel", "model", "mode", "undo"];
        assert_eq!(rank("mod", names), [1, 2, 0]);
        assert_eq!(rank("", names), [0, 1, 2, 3]);
        assert_eq!(rank("xyz", names), [0; 0]);
    }
}
