//! Secrets known by value are taken out of what tools say before anything else sees it, so that what is sent, shown and
//! kept are the same bytes (S23): out of what a command prints as it comes, out of everything else when it is done.
//! Items of the provider are never altered.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use agent_protocol::{Content, Event, ItemDetails, TurnFailed};
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind, Span, packed};
use serde::{Deserialize, Serialize};

use crate::ToolOutput;

/// Shorter values would be found everywhere.
const SHORTEST: usize = 8;

/// So many bytes that may begin a value are held back until it is known whether they do. Fewer are let out at once, or
/// the answer to a key that was typed, or the end of a question, would be missing while the command waits.
const HELD_FROM: usize = SHORTEST / 2;

const MARK: &str = "[secret removed]";

/// The values that must not appear; all clones know the same. Prints none of them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Arc<Known>>>);

#[derive(Default)]
struct Known {
    /// Sorted.
    values: Vec<String>,
    search: OnceLock<Option<Search>>,
}

impl Secrets {
    /// Values of fewer than 8 bytes are left out.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let secrets = Self::default();
        secrets.learn(values);
        secrets
    }

    /// These must not appear from now on, either.
    pub(crate) fn learn(&self, values: impl IntoIterator<Item = String>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(Known::of(known.values.iter().cloned().chain(values)));
    }

    fn known(&self) -> Arc<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes them out of all that is shown, sent or kept of it.
    pub fn remove_from(&self, output: &mut ToolOutput) {
        for part in &mut output.content {
            if let Content::Text { text } = part {
                self.remove(text);
            }
        }
        match &mut output.details {
            ItemDetails::CommandExecution(command) => self.remove(&mut command.aggregated_output),
            ItemDetails::FileChange { changes, .. } => {
                changes
                    .iter_mut()
                    .filter_map(|change| change.diff.as_mut())
                    .for_each(|diff| self.remove(diff));
            }
            ItemDetails::ToolCall { summary, .. } => self.remove(summary),
            _ => {}
        }
    }

    /// Takes them out of what an event says of a failure: a server may name the key that it refuses.
    pub fn remove_from_failure(&self, event: &mut Event) {
        match event {
            Event::TurnFailed(TurnFailed { error, .. }) => {
                let named = [&mut error.provider_code, &mut error.request_id];
                let texts = named.into_iter().flatten().chain([&mut error.message]);
                texts.for_each(|text| self.remove(text));
            }
            Event::TransportRetry { message, .. }
            | Event::TransportFallback { reason: message, .. }
            | Event::Error { message } => self.remove(message),
            Event::ItemCompleted { item } => {
                if let ItemDetails::Error { message } = &mut item.details {
                    self.remove(message);
                }
            }
            _ => {}
        }
    }

    /// Takes them out of a text.
    pub fn remove(&self, text: &mut String) {
        let known = self.known();
        let Some(search) = known.search() else { return };
        let found: Vec<_> = search.all_in(text.as_bytes()).collect();
        if !found.is_empty() {
            // Between values that are text there is text.
            *text = String::from_utf8_lossy(&marked(text.as_bytes(), 0, &found)).into_owned();
        }
    }
}

impl Known {
    fn of(values: impl Iterator<Item = String>) -> Self {
        let mut values: Vec<_> = values.filter(|value| value.len() >= SHORTEST).collect();
        // As a terminal prints them.
        let lines = values.iter().filter(|value| value.contains('\n') && !value.contains("\r\n"));
        values.extend(lines.map(|value| value.replace('\n', "\r\n")).collect::<Vec<_>>());
        values.sort_unstable();
        values.dedup();
        Self { values, search: OnceLock::new() }
    }

    /// None when there are no values.
    fn search(&self) -> Option<&Search> {
        self.search.get_or_init(|| Search::of(&self.values)).as_ref()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.known().values.len())
    }
}

/// What finds the values.
struct Search {
    finder: Finder,
    /// Bytes of the longest value.
    longest: usize,
    /// The bytes that values begin with.
    first: [bool; 256],
}

/// Finds the leftmost value, and the longest of those.
enum Finder {
    /// Twenty times as quick: what a command prints without end is not to wait for us.
    Packed(packed::Searcher),
    /// For more values than that takes, and other processors.
    Automaton(AhoCorasick),
}

impl Finder {
    fn of(values: &[String]) -> Option<Self> {
        let mut quick = packed::Config::new();
        quick.match_kind(packed::MatchKind::LeftmostLongest);
        if let Some(quick) = quick.builder().extend(values).build() {
            return Some(Self::Packed(quick));
        }
        // The other kinds take many times the memory.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(values);
        automaton.ok().map(Self::Automaton)
    }

    fn find(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        let span = Span { start: from, end: bytes.len() };
        let found = match self {
            Self::Packed(quick) => quick.find_in(bytes, span),
            Self::Automaton(automaton) => automaton.find(Input::new(bytes).span(span)),
        };
        found.map(|found| found.range())
    }
}

impl Search {
    fn of(values: &[String]) -> Option<Self> {
        let longest = values.iter().map(String::len).max()?;
        let mut first = [false; 256];
        values.iter().for_each(|value| first[usize::from(value.as_bytes()[0])] = true);
        Some(Self { finder: Finder::of(values)?, longest, first })
    }

    fn all_in<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            let found = self.finder.find(bytes, at)?;
            at = found.end;
            Some(found)
        })
    }

    /// The values that are surely in there, and where what may begin one more is at the end.
    fn found_in(&self, values: &[String], bytes: &[u8]) -> (Vec<Range<usize>>, usize) {
        let (mut found, mut held) = (vec![], self.unfinished(values, bytes, 0));
        for value in self.all_in(bytes) {
            if held <= value.start {
                break;
            }
            if held < value.end {
                held = self.unfinished(values, bytes, value.end);
            }
            found.push(value);
        }
        (found, held)
    }

    /// Where, from `from` on, the bytes begin a value that they do not end; their length where nowhere.
    fn unfinished(&self, values: &[String], bytes: &[u8], from: usize) -> usize {
        let from = from.max((bytes.len() + 1).saturating_sub(self.longest));
        let begins = |rest: &[u8]| {
            let next = values.partition_point(|value| value.as_bytes() <= rest);
            values.get(next).is_some_and(|value| value.as_bytes().starts_with(rest))
        };
        (from..bytes.len())
            .find(|&at| self.first[usize::from(bytes[at])] && begins(&bytes[at..]))
            .unwrap_or(bytes.len())
    }
}

/// Takes the values out of a stream of bytes that comes in pieces, wherever it is cut.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Redactor {
    #[serde(with = "values")]
    known: Arc<Known>,
    /// The end of what came, where it may begin a value: shorter than the longest.
    tail: Vec<u8>,
    /// Bytes of the tail that were let out.
    told: usize,
}

impl Redactor {
    /// What is learnt later does not count.
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self { known: secrets.known(), ..Self::default() }
    }

    /// What may be seen of all that came, and was not yet.
    pub(crate) fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Self { known, tail, told } = self;
        let Some(search) = known.search() else { return bytes.into() };
        let joined = if tail.is_empty() { vec![] } else { [tail, bytes].concat() };
        let came = if tail.is_empty() { bytes } else { &joined };
        let (found, held) = search.found_in(&known.values, came);
        let seen = if came.len() - held < HELD_FROM { came.len() } else { held };
        let clean = if tail.is_empty() && found.is_empty() {
            (&bytes[..seen]).into()
        } else {
            marked(&came[..seen], *told, &found).into()
        };
        *told = seen.max(*told).saturating_sub(held);
        *tail = came[held..].to_vec();
        clean
    }

    /// What was held back, when nothing comes any more.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let (tail, told) = (std::mem::take(&mut self.tail), std::mem::take(&mut self.told));
        // A shorter value may be in what could have been a longer one.
        let search = self.known.search();
        let found =
            search.map(|search| search.all_in(&tail).collect::<Vec<_>>()).unwrap_or_default();
        marked(&tail, told, &found)
    }
}

impl std::fmt::Debug for Redactor {
    /// Its tail may be a part of a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// The bytes from `from` on, with a mark for each value.
fn marked(bytes: &[u8], from: usize, values: &[Range<usize>]) -> Vec<u8> {
    let (mut marked, mut at) = (Vec::with_capacity(bytes.len()), from);
    for value in values {
        marked.extend_from_slice(bytes.get(at..value.start).unwrap_or_default());
        marked.extend_from_slice(MARK.as_bytes());
        at = value.end;
    }
    marked.extend_from_slice(bytes.get(at..).unwrap_or_default());
    marked
}

/// For the process that goes on with a stream. Nothing else writes values anywhere.
mod values {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use std::sync::Arc;

    use super::Known;

    pub(super) fn serialize<S: Serializer>(from: &Arc<Known>, to: S) -> Result<S::Ok, S::Error> {
        from.values.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Known>, D::Error> {
        Ok(Arc::new(Known::of(Vec::deserialize(from)?.into_iter())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(values.iter().copied().map(str::to_owned))
    }

    /// What is seen after each of the pieces, and at the end.
    fn seen(values: &[&str], pieces: &[&[u8]]) -> Vec<String> {
        let mut redactor = Redactor::new(&secrets(values));
        let mut seen: Vec<_> =
            pieces.iter().map(|piece| redactor.push(piece).into_owned()).collect();
        seen.push(redactor.finish());
        seen.iter().map(|bytes| bytes.escape_ascii().to_string()).collect()
    }

    #[test]
    fn secrets_are_taken_out_longest_first_and_short_values_stay() {
        let secrets = secrets(&["sk-123456", "sk-123456789", "abc"]);
        let mut text = "key=sk-123456789, other=sk-123456, abc".to_owned();
        secrets.remove(&mut text);
        assert_eq!(text, "key=[secret removed], other=[secret removed], abc");
        assert_eq!(format!("{secrets:?}"), "2 secrets");
    }

    #[test]
    fn s23_a_value_is_found_in_a_stream_wherever_it_is_cut() {
        const VALUES: &[&str] = &["tokvalue12345", "sk-123456", "sk-123456789", "one\ntwo\nthree"];
        for (pieces, expected) in [
            (&[&b"a tokval"[..], b"ue12345 b"][..], &["a ", "[secret removed] b", ""][..]),
            (&[b"tokval", b"id"], &["", "tokvalid", ""]),
            (&[b"tokval"], &["", "tokval"]),
            // So little is let out at once, and known when the rest comes.
            (&[b"a to", b"kvalue12345"], &["a to", "[secret removed]", ""]),
            (&[b"to", b"kv", b"alue12345!"], &["to", "", "[secret removed]!", ""]),
            (&[b"to", b"kv", b"!"], &["to", "", "kv!", ""]),
            (&[b"tok", b"tok", b"tok"], &["tok", "tok", "tok", ""]),
            // One may go on as another.
            (&[b"sk-123456", b"789."], &["", "[secret removed].", ""]),
            (&[b"sk-123456", b"7, 8"], &["", "[secret removed]7, 8", ""]),
            (&[b"sk-123456"], &["", "[secret removed]"]),
            (&[b"\xff\0sk-12", b"3456\xff"], &["\\xff\\x00", "[secret removed]\\xff", ""]),
            (&[b"one\r\ntwo\r", b"\nthree\r\n"], &["", "[secret removed]\\r\\n", ""]),
        ] {
            assert_eq!(seen(VALUES, pieces), expected);
        }
        assert_eq!(seen(&[], &[b"tokval", b"ue12345"]), ["tokval", "ue12345", ""]);
    }

    #[test]
    fn of_many_secrets_each_is_found() {
        let values: Vec<_> = (0..200).map(|number| format!("value-{number:03}")).collect();
        let secrets = Secrets::new(values.clone());
        let mut text = values.join(" ") + " value-200";
        secrets.remove(&mut text);
        assert_eq!(text, format!("{MARK} ").repeat(200) + "value-200");
    }

    #[test]
    fn another_process_goes_on_where_this_one_stopped() {
        let mut first = Redactor::new(&secrets(&["tokvalue12345"]));
        assert_eq!(*first.push(b"a tokval"), *b"a ");
        let handed = serde_json::to_string(&first).unwrap();
        let mut second: Redactor = serde_json::from_str(&handed).unwrap();
        assert_eq!(*second.push(b"ue12345"), *b"[secret removed]");
    }

    proptest! {
        #[test]
        fn s23_cut_anywhere_nothing_but_values_is_missing_and_none_is_there(
            parts in proptest::collection::vec(
                prop_oneof!["ababcabab", "ababcababcab", "bcababca", "[abc ]{1,6}"],
                0..12,
            ),
            size in 1_usize..20,
        ) {
            let values = ["ababcabab", "ababcababcab", "bcababca"];
            let text = parts.concat();
            let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
            let cut = seen(&values, &pieces).concat();
            for value in values {
                prop_assert!(!cut.contains(value), "{text} {cut}");
            }
            let whole = seen(&values, &[text.as_bytes()]).concat();
            // At most what is let out at once stands before a mark.
            let marks = |seen: &str| seen.matches(MARK).count();
            prop_assert_eq!(marks(&cut), marks(&whole), "{} {} {}", text, cut, whole);
            if marks(&whole) == 0 {
                prop_assert_eq!(cut, text);
            }
        }
    }
}
