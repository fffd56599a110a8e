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

/// Every line index at which all of `pattern` stands in `file`, in order. An empty pattern stands nowhere.
pub(crate) fn places<'a>(
    file: &'a [&str],
    pattern: &'a [&str],
    tolerance: Tolerance,
) -> impl Iterator<Item = usize> + 'a {
    let windows = file.windows(pattern.len().max(1)).enumerate();
    windows
        .filter(move |(_, window)| {
            !pattern.is_empty() && window.iter().zip(pattern).all(|(a, b)| tolerance.same(a, b))
        })
        .map(|(index, _)| index)
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
    by_votes(file, pattern).or_else(|| by_likeness(file, pattern))
}

/// Each line of the pattern that is in the file votes for the start it would mean, with the weight of its text:
/// a brace says little, a signature much.
fn by_votes(file: &[&str], pattern: &[&str]) -> Option<usize> {
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, line) in pattern.iter().enumerate() {
        wanted.entry(plain(line.trim()).collect()).or_default().push(index);
    }
    let mut votes: HashMap<usize, usize> = HashMap::new();
    for (index, line) in file.iter().enumerate() {
        let line: String = plain(line.trim()).collect();
        let weight = weight(&line);
        for at in wanted.get(&line).into_iter().flatten() {
            if weight > 2 {
                *votes.entry(index.saturating_sub(*at)).or_default() += weight;
            }
        }
    }
    let best = votes.into_iter().max_by_key(|&(start, votes)| (votes, std::cmp::Reverse(start)));
    best.map(|(start, _)| start)
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
        let at = |pattern: &[&str]| places(&file, pattern, Exact).collect::<Vec<_>>();
        assert_eq!(at(&["a", "b"]), [0, 2]);
        assert_eq!(at(&["b", "a"]), [1, 3]);
        assert_eq!(at(&[]), [0_usize; 0]);
        assert_eq!(at(&["a"; 9]), [0_usize; 0]);
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
        assert_eq!(nearest(&[], &["x"]), None);
        assert_eq!(nearest(&file, &[]), None);
    }
}
