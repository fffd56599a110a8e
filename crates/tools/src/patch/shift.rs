//! How a patch that is indented otherwise than its file is brought to the file's indentation: pure. What lines of both
//! say has to be explained by one rule; where none does, it cannot be told.

/// From the indentation of a patch to that of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift<'a> {
    None,
    /// So much more.
    In(&'a str),
    /// So much less.
    Out(&'a str),
    /// A tab for so many spaces.
    Tabs(usize),
    /// So many spaces for a tab.
    Spaces(usize),
}

/// A line of the file, and what the patch says of it.
pub(super) type Pair<'a> = (&'a str, &'a str);

/// How wide people make a tab.
const USUAL: [usize; 3] = [2, 4, 8];

impl<'a> Shift<'a> {
    /// What the `added` lines need, as the removed lines tell, which have the same marker. Where these tell nothing,
    /// the kept ones do: but they often come with one space too few, and so tell only tabs from spaces. None when it
    /// cannot be told.
    pub(super) fn of(removed: &[Pair<'a>], kept: &[Pair<'a>], added: &[&str]) -> Option<Self> {
        let (removed, kept) = (indents(removed), indents(kept));
        let needed = |shift: &Self| added.iter().all(|line| shift.of_line(line).is_some());
        let found = if removed.iter().any(|pair| *pair != ("", "")) {
            Self::by_removed(&removed)
        } else {
            Self::by_kept(&kept)
        };
        let is_any_added = added.iter().any(|line| !line.trim().is_empty());
        found.filter(needed).or((!is_any_added).then_some(Self::None))
    }

    fn by_removed(pairs: &[Pair<'a>]) -> Option<Self> {
        let differing = pairs.iter().copied().find(|(is, said)| is != said);
        let Some((is, said)) = differing else { return Some(Self::None) };
        let by_text = match (is.strip_suffix(said), said.strip_suffix(is)) {
            (Some(more), _) => Some(Self::In(more)),
            (None, Some(more)) => Some(Self::Out(more)),
            (None, None) => None,
        };
        let explains = |shift: &Self| {
            pairs.iter().all(|(is, said)| shift.of_indent(said).as_deref() == Some(*is))
        };
        [by_text, Self::by_kind(is, said)].into_iter().flatten().find(explains)
    }

    fn by_kept(pairs: &[Pair<'a>]) -> Option<Self> {
        let mut told = pairs.iter().filter(|(is, said)| is.contains('\t') != said.contains('\t')).map(
            |(is, said)| {
                let usual = |shift: &Self| {
                    matches!(shift, Self::Tabs(width) | Self::Spaces(width) if USUAL.contains(width))
                };
                let with_marker = format!(" {said}");
                let shifts = [Self::by_kind(is, said), Self::by_kind(is, &with_marker)];
                shifts.into_iter().flatten().find(usual)
            },
        );
        let Some(first) = told.next() else { return Some(Self::None) };
        first.filter(|_| told.all(|shift| shift == first))
    }

    /// When one has tabs where the other has spaces.
    fn by_kind(is: &str, said: &str) -> Option<Self> {
        let (is, said) = (counted(is)?, counted(said)?);
        match (is, said) {
            ((tabs @ 1.., rest), (0, spaces)) => width(spaces, rest, tabs).map(Self::Tabs),
            ((0, spaces), (tabs @ 1.., rest)) => width(spaces, rest, tabs).map(Self::Spaces),
            _ => None,
        }
    }

    /// The line as the file would have it; none when it has not the indentation that is to go.
    pub(super) fn of_line(self, text: &str) -> Option<String> {
        if text.trim().is_empty() {
            return Some(text.to_owned());
        }
        let indent = indent(text);
        Some(self.of_indent(indent)? + &text[indent.len()..])
    }

    fn of_indent(self, indent: &str) -> Option<String> {
        let leading = |c: char| indent.len() - indent.trim_start_matches(c).len();
        Some(match self {
            Self::None => indent.to_owned(),
            Self::In(more) => format!("{more}{indent}"),
            Self::Out(more) => indent.strip_prefix(more)?.to_owned(),
            Self::Tabs(width) => {
                let tabs = leading(' ') / width;
                "\t".repeat(tabs) + &indent[tabs * width..]
            }
            Self::Spaces(width) => {
                let tabs = leading('\t');
                " ".repeat(tabs * width) + &indent[tabs..]
            }
        })
    }
}

/// Of the lines that have text.
fn indents<'a>(pairs: &[Pair<'a>]) -> Vec<Pair<'a>> {
    let filled = pairs.iter().filter(|(_, said)| !said.trim().is_empty());
    filled.map(|(is, said)| (indent(is), indent(said))).collect()
}

fn indent(text: &str) -> &str {
    &text[..text.len() - text.trim_start().len()]
}

/// Tabs, and the spaces after them; none of what is mixed otherwise.
fn counted(indent: &str) -> Option<(usize, usize)> {
    let spaces = indent.trim_start_matches('\t');
    spaces.chars().all(|c| c == ' ').then_some((indent.len() - spaces.len(), spaces.len()))
}

/// Of a tab, where so many of them and the rest are as wide as the spaces.
fn width(spaces: usize, rest: usize, tabs: usize) -> Option<usize> {
    let wide = spaces.checked_sub(rest)?;
    (wide > 0 && wide % tabs == 0).then_some(wide / tabs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_lines_tell_it_and_kept_ones_only_tabs_from_spaces() {
        use Shift::{In, None, Out, Spaces, Tabs};
        let nothing: &[Pair<'_>] = &[];
        for (removed, kept, shift) in [
            (&[("  a", "  a")][..], &[("\tb", "    b")][..], Some(None)),
            (&[("  a", "a"), ("    b", "  b")], nothing, Some(In("  "))),
            (&[("a", "  a")], nothing, Some(Out("  "))),
            (&[("\ta", "    a"), ("\t\tb", "        b")], nothing, Some(Tabs(4))),
            (&[("\t  a", "      a")], nothing, Some(Tabs(4))),
            (&[("    a", "\t\ta")], nothing, Some(Spaces(2))),
            (&[("\ta", "    a"), ("    b", "    b")], nothing, Option::None),
            (&[("  a", "a"), ("    b", "b")], nothing, Option::None),
            (nothing, &[("all:", "all:"), ("\ta", "    a")], Some(Tabs(4))),
            // The marker is missing.
            (nothing, &[("\ta", "   a")], Some(Tabs(4))),
            (nothing, &[("\t\ta", "               a")], Some(Tabs(8))),
            (nothing, &[("    a", "   a")], Some(None)),
            (nothing, &[("\ta", "     a")], Option::None),
            (nothing, &[("\ta", "  a"), ("\ta", "    a")], Option::None),
            (&[("a", "a")], &[("\tb", "  b")], Some(Tabs(2))),
        ] {
            assert_eq!(Shift::of(removed, kept, &["        x"]), shift, "{removed:?} {kept:?}");
        }
    }

    #[test]
    fn what_adds_nothing_needs_no_shift_and_what_lacks_the_indentation_has_none() {
        assert_eq!(Shift::of(&[("  a", "a"), ("    b", "b")], &[], &["", " "]), Some(Shift::None));
        assert_eq!(Shift::of(&[("a", "    a")], &[], &["  b"]), None);
        assert_eq!(Shift::Tabs(4).of_line("      b  c").unwrap(), "\t  b  c");
        assert_eq!(Shift::Spaces(4).of_line("\t b\tc").unwrap(), "     b\tc");
    }
}
