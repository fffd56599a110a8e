//! Server-sent events, read as they come: bytes in, the `data` of each event out (protocol.md 7). Tolerant of
//! everything servers do: any line ending, split data, comments, no event names.

use std::str::Utf8Error;

/// C1.2, for HTTP.
const EVENT_BYTES: usize = 64 << 20;

#[derive(Debug, Default)]
pub(crate) struct Sse {
    /// Bytes of lines that are not complete yet, from `start` on.
    bytes: Vec<u8>,
    start: usize,
    /// Up to here there is no line ending.
    searched: usize,
    /// The line before ended in a CR: an LF right after it belongs to it.
    after_cr: bool,
    begun: bool,
    data: Vec<u8>,
    has_data: bool,
    /// `data` was given out and makes room for the next.
    taken: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SseError {
    #[error("an event of more than {EVENT_BYTES} bytes")]
    TooLong,
    #[error("an event that is not UTF-8: {0}")]
    NotUtf8(#[from] Utf8Error),
}

impl Sse {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The data of the next event that is complete.
    pub(crate) fn next(&mut self) -> Result<Option<&str>, SseError> {
        if std::mem::take(&mut self.taken) {
            self.data.clear();
            self.has_data = false;
        }
        while let Some((start, end)) = self.line() {
            if start == end {
                if self.has_data {
                    self.taken = true;
                    return Ok(Some(std::str::from_utf8(&self.data)?));
                }
            } else {
                self.field(start, end);
            }
        }
        let waiting = self.bytes.len() - self.start + self.data.len();
        if waiting > EVENT_BYTES { Err(SseError::TooLong) } else { Ok(None) }
    }

    /// Where the next complete line lies.
    fn line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr
            && let Some(byte) = self.bytes.get(self.start)
        {
            if *byte == b'\n' {
                self.start += 1;
                self.searched = self.searched.max(self.start);
            }
            self.after_cr = false;
        }
        if !self.begun && !self.bytes.is_empty() {
            // A byte order mark may stand before everything.
            const BOM: &[u8] = "\u{feff}".as_bytes();
            if self.bytes.starts_with(BOM) {
                self.start = BOM.len();
                self.searched = self.start;
            } else if BOM.starts_with(&self.bytes) {
                return None;
            }
            self.begun = true;
        }
        let found = memchr::memchr2(b'\n', b'\r', &self.bytes[self.searched..]);
        let Some(found) = found else {
            self.searched = self.bytes.len();
            return None;
        };
        let (start, end) = (self.start, self.searched + found);
        self.after_cr = self.bytes[end] == b'\r';
        self.start = end + 1;
        self.searched = self.start;
        Some((start, end))
    }

    fn field(&mut self, start: usize, end: usize) {
        let line = &self.bytes[start..end];
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        if name != b"data" {
            return; // A comment, `event`, `id`, `retry`: the data says all of it itself.
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<String> {
        let mut sse = Sse::default();
        let mut events = Vec::new();
        for chunk in chunks {
            sse.push(chunk);
            while let Some(data) = sse.next().unwrap() {
                events.push(data.to_owned());
            }
        }
        events
    }

    #[test]
    fn every_way_servers_write_events_is_read() {
        for (stream, events) in [
            ("event: x\ndata: {\"a\":1}\n\n", vec![r#"{"a":1}"#]),
            ("data: a\r\n\r\ndata:b\r\n\r\n", vec!["a", "b"]),
            ("data: a\rdata: b\r\r", vec!["a\nb"]),
            (": ping\n\n:\n\ndata: a\n\n", vec!["a"]),
            ("id: 1\nretry: 5\n\ndata\n\n", vec![""]),
            ("data:  two spaces\n\n", vec![" two spaces"]),
            ("data: [DONE]\n\n", vec!["[DONE]"]),
            ("data: cut off", vec![]),
            ("data: cut off\n", vec![]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("datax: a\n\n\n\n", vec![]),
            ("data: grüße\n\n", vec!["grüße"]),
        ] {
            assert_eq!(read(&[stream.as_bytes()]), events, "{stream:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused_before_memory_is() {
        let mut sse = Sse::default();
        let chunk = vec![b'x'; EVENT_BYTES / 2 + 1];
        sse.push(b"data: ");
        sse.push(&chunk);
        assert!(sse.next().unwrap().is_none());
        sse.push(&chunk);
        assert!(matches!(sse.next(), Err(SseError::TooLong)));
    }

    #[test]
    fn an_event_that_is_not_text_is_refused() {
        let mut sse = Sse::default();
        sse.push(b"data: \xff\n\n");
        assert!(matches!(sse.next(), Err(SseError::NotUtf8(_))));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_split_the_events_are_the_same(
            lines in proptest::collection::vec("(data: ?|event:|:|)[a-zäß\u{feff}]{0,6}", 0..12),
            ends in proptest::collection::vec(prop_oneof!["\n", "\r\n", "\r"], 12),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let stream: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&chunks), read(&[bytes]));
        }
    }
}
