//! Where lines of a patch stand in a file: pure. How far the two may differ is a scale of four steps, and where
//! nothing fits, what comes nearest is found for the model's next try.

use std::collections::HashMap;

/// How far a line of the patch may differ from the file's. Each step allows all that the one before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tolerance {
    Exact,
    /// White space at the end of lines.
    TrailingSpace,
    /// White space at both ends.
    Indentation,
    /// Typographic dashes, quotes and spaces stand for their plain forms.
    Punctuation,
}

impl Tolerance {
    pub(crate) const ALL: [Self; 4] =
        [Self::Exact, Self::TrailingSpace, Self::Indentation, Self::Punctuation];

    pub(crate) fn same(self, a: &str, b: &str) -> bool {
        match self {
            Self::Exact => a == b,
            Self::TrailingSpace => a.trim_end() == b.trim_end(),
            Self::Indentation => a.trim() == b.trim(),
            Self::Punctuation => plain(a.trim()).eq(plain(b.trim())),
        }
    }

    /// What was overlooked, in words; nothing for an exact match.
    pub(crate) fn overlooked(self) -> Option<&'static str> {
        match self {
            Self::Exact => None,
            Self::TrailingSpace => Some("white space at line ends"),
            Self::Indentation => Some("indentation"),
            Self::Punctuation => Some("typographic punctuation"),
        }
    }
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2018}'..='\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    })
}

/// Every line index at which all of `pattern` stands in `file`, in order. An empty pattern stands nowhere. However
/// alike the lines are, each of the file is compared twice at most (Knuth, Morris, Pratt).
pub(crate) struct Places<'a> {
    file: &'a [&'a str],
    pattern: &'a [&'a str],
    tolerance: Tolerance,
    /// By how many lines of the pattern fit: how many do still when the next one does not.
    shorter: Vec<usize>,
    from: usize,
    /// The next line of the file.
    at: usize,
    /// How many lines of the pattern stand before it.
    fitting: usize,
}

impl<'a> Places<'a> {
    /// Those from the line `from` on.
    pub(crate) fn new(
        file: &'a [&'a str],
        pattern: &'a [&'a str],
        tolerance: Tolerance,
        from: usize,
    ) -> Self {
        let mut places =
            Self { file, pattern, tolerance, shorter: vec![0], from, at: from, fitting: 0 };
        for line in pattern.iter().skip(1) {
            let last = places.shorter.last().copied().unwrap_or_default();
            let fitting = places.extended(last, line);
            places.shorter.push(fitting);
        }
        places
    }

    /// How many lines of the file were looked at.
    pub(crate) fn looked_at(&self) -> usize {
        self.at - self.from
    }

    /// How many lines of the pattern fit once `line` follows `fitting` of them.
    fn extended(&self, mut fitting: usize, line: &str) -> usize {
        loop {
            if self.pattern.get(fitting).is_some_and(|next| self.tolerance.same(next, line)) {
                return fitting + 1;
            }
            if fitting == 0 {
                return 0;
            }
            fitting = self.shorter[fitting - 1];
        }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.pattern.is_empty() {
            return None;
        }
        while let Some(line) = self.file.get(self.at) {
            self.at += 1;
            self.fitting = self.extended(self.fitting, line);
            if self.fitting == self.pattern.len() {
                return Some(self.at - self.pattern.len());
            }
        }
        None
    }
}

/// The line a locator names, at or after `from`: the line itself, else one that begins with it, else one that
/// contains it.
pub(crate) fn locate(file: &[&str], locator: &str, from: usize) -> Option<usize> {
    let rest = file.get(from..)?;
    let equal = |tolerance: Tolerance| rest.iter().position(|line| tolerance.same(line, locator));
    let position = Tolerance::ALL.into_iter().find_map(equal);
    let begins = || rest.iter().position(|line| line.trim_start().starts_with(locator));
    let contains = || rest.iter().position(|line| line.contains(locator));
    position.or_else(begins).or_else(contains).map(|index| from + index)
}

/// Where most of `pattern` stands, or its most telling line has its best likeness. None when nothing is alike.
pub(crate) fn nearest(file: &[&str], pattern: &[&str]) -> Option<usize> {
    let telling = |line: &str| Some(weight(line)).filter(|weight| *weight > 2).unwrap_or_default();
    let any = |line: &str| usize::from(!line.is_empty());
    by_votes(file, pattern, telling)
        .map(|(start, _)| start)
        .or_else(|| by_likeness(file, pattern))
        .or_else(|| {
            // Where all lines are short, most of them.
            let best = by_votes(file, pattern, any).filter(|(_, votes)| 2 * votes > pattern.len());
            best.map(|(start, _)| start)
        })
}

/// How often a line that comes again and again in the pattern votes.
const MOST_VOTES: usize = 10;

/// Each line of the pattern that is in the file votes for the start it would mean, with the weight of its text:
/// a brace says little, a signature much. Returns the start with its votes.
fn by_votes(
    file: &[&str],
    pattern: &[&str],
    weigh: impl Fn(&str) -> usize,
) -> Option<(usize, usize)> {
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, line) in pattern.iter().enumerate() {
        let places = wanted.entry(plain(line.trim()).collect()).or_default();
        if places.len() < MOST_VOTES {
            places.push(index);
        }
    }
    let mut votes: HashMap<usize, usize> = HashMap::new();
    for (index, line) in file.iter().enumerate() {
        let line: String = plain(line.trim()).collect();
        let weight = weigh(&line);
        for at in wanted.get(&line).into_iter().flatten() {
            if weight > 0 {
                *votes.entry(index.saturating_sub(*at)).or_default() += weight;
            }
        }
    }
    votes.into_iter().max_by_key(|&(start, votes)| (votes, std::cmp::Reverse(start)))
}

fn by_likeness(file: &[&str], pattern: &[&str]) -> Option<usize> {
    let (at, telling) = pattern.iter().enumerate().max_by_key(|(_, line)| weight(line))?;
    let telling = pairs(telling);
    let likeness = |line: &str| {
        let line = pairs(line);
        let shared = line.iter().filter(|pair| telling.binary_search(pair).is_ok()).count();
        200 * shared / (line.len() + telling.len()).max(1)
    };
    let scored = file.iter().enumerate().map(|(index, line)| (likeness(line), index));
    let (score, index) = scored.max_by_key(|&(score, index)| (score, std::cmp::Reverse(index)))?;
    (score >= 50).then(|| index.saturating_sub(at))
}

/// How much a line says: its letters and digits, to a limit.
fn weight(line: &str) -> usize {
    line.chars().filter(|c| c.is_alphanumeric()).take(40).count()
}

/// Neighbouring characters of a line, without white space, sorted; of a long line its start.
fn pairs(line: &str) -> Vec<(char, char)> {
    let chars: Vec<char> = line.chars().filter(|c| !c.is_whitespace()).take(200).collect();
    let mut pairs: Vec<_> = chars.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tolerance::{Exact, Indentation, Punctuation, TrailingSpace};
    use proptest::prelude::*;

    #[test]
    fn each_step_of_tolerance_allows_more_than_the_one_before() {
        for (file, patch, least) in [
            ("a b", "a b", Exact),
            ("a b \t", "a b", TrailingSpace),
            ("\ta b", "    a b ", Indentation),
            ("x = “a” – ‘b’\u{a0}c", "x = \"a\" - 'b' c", Punctuation),
            ("\u{a0}a−b", "a-b", Punctuation),
        ] {
            for tolerance in Tolerance::ALL {
                assert_eq!(
                    tolerance.same(file, patch),
                    tolerance >= least,
                    "{file:?} {tolerance:?}"
                );
            }
        }
        assert!(!Punctuation.same("a  b", "a b"), "white space within a line counts");
    }

    #[test]
    fn all_places_are_found_in_order_and_an_empty_pattern_nowhere() {
        let file = ["a", "b", "a", "b", "a"];
        let at = |pattern: &[&str]| Places::new(&file, pattern, Exact, 0).collect::<Vec<_>>();
        assert_eq!(at(&["a", "b"]), [0, 2]);
        assert_eq!(at(&["b", "a"]), [1, 3]);
        assert_eq!(at(&["a", "b", "a"]), [0, 2], "they may overlap");
        assert_eq!(Places::new(&file, &["a"], Exact, 1).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(at(&[]), [0_usize; 0]);
        assert_eq!(at(&["a"; 9]), [0_usize; 0]);
    }

    proptest! {
        #[test]
        fn places_are_where_every_line_of_a_window_is_the_same(
            file in prop::collection::vec("[ab]", 0..30),
            pattern in prop::collection::vec("[ab]", 1..6),
            from in 0_usize..30,
        ) {
            let file: Vec<&str> = file.iter().map(String::as_str).collect();
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let windows = file.windows(pattern.len()).enumerate();
            let expected = windows.filter(|(at, window)| *at >= from && **window == *pattern);
            let expected: Vec<usize> = expected.map(|(at, _)| at).collect();
            prop_assert_eq!(Places::new(&file, &pattern, Exact, from).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_locator_is_the_line_before_its_beginning_before_a_part() {
        let file = ["// fn a", "fn a() {", "  fn a", "x fn b() y"];
        assert_eq!(locate(&file, "fn a", 0), Some(2));
        assert_eq!(locate(&file, "fn a()", 0), Some(1));
        assert_eq!(locate(&file, "fn b()", 0), Some(3));
        assert_eq!(locate(&file, "fn a()", 2), None);
        assert_eq!(locate(&file, "fn a", 9), None);
    }

    #[test]
    fn the_nearest_place_is_where_most_of_the_text_is() {
        let file = ["fn one() {", "    work();", "}", "", "fn two() {", "    work(1, other);", "}"];
        assert_eq!(nearest(&file, &["fn two() {", "    work(2);", "}"]), Some(4));
        assert_eq!(nearest(&file, &["    work(1, another);"]), Some(5));
        assert_eq!(nearest(&file, &["zzz"]), None);
        assert_eq!(nearest(&["x", "a", "b", "c"], &["a", "z", "c"]), Some(1));
        assert_eq!(nearest(&["x", "a", "b", "c"], &["a", "z", "z"]), None);
        assert_eq!(nearest(&[], &["x"]), None);
        assert_eq!(nearest(&file, &[]), None);
    }
}
