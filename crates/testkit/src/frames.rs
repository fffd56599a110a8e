//! WebSocket frames in a stream of bytes, read without changing them, and small unmasked ones written.

/// Collects bytes and gives them back a message at a time.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Of a text message in several frames: the payload so far.
    partial: Vec<u8>,
}

/// As many whole frames as end with `text`, or with no text message at all.
pub(crate) struct Unit {
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: Option<String>,
}

struct Header {
    last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    payload: std::ops::Range<usize>,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next unit whose frames have all arrived.
    pub(crate) fn next(&mut self) -> Option<Unit> {
        let mut end = 0;
        let mut partial = self.partial.clone();
        loop {
            let header = header(&self.buffer[end..])?;
            let frame = &self.buffer[end..];
            if frame.len() < header.payload.end {
                return None;
            }
            let mut payload = frame[header.payload.clone()].to_vec();
            if let Some(mask) = header.mask {
                payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            }
            end += header.payload.end;
            let text = match header.opcode {
                0 | 1 => {
                    partial.extend(payload);
                    if !header.last {
                        continue;
                    }
                    Some(String::from_utf8_lossy(&std::mem::take(&mut partial)).into_owned())
                }
                _ if !partial.is_empty() => continue,
                _ => None,
            };
            self.partial.clear();
            return Some(Unit { bytes: self.buffer.drain(..end).collect(), text });
        }
    }
}

fn header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 != 0 {
        let mask = bytes.get(at..at + 4)?.try_into().ok()?;
        at += 4;
        Some(mask)
    } else {
        None
    };
    let length = usize::try_from(length).ok()?;
    Some(Header {
        last: first & 0x80 != 0,
        opcode: first & 0x0f,
        mask,
        payload: at..at.checked_add(length)?,
    })
}

/// A frame as a server writes it.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

pub(crate) fn close(code: u16) -> Vec<u8> {
    unmasked(8, &code.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_whole_however_they_arrive() {
        let long = "x".repeat(70_000);
        let mut bytes = unmasked(1, b"{}");
        bytes.extend(unmasked(9, b"ping"));
        bytes.extend(unmasked(1, long.as_bytes()));
        // In two fragments with a ping between, the first masked.
        bytes.extend([0x01, 0x81, 1, 2, 3, 4, b'a' ^ 1]);
        bytes.extend(unmasked(9, b""));
        bytes.extend([0x80, 0x01, b'b']);
        for chunk in [1, 7, 100_000] {
            let mut reader = Reader::default();
            let (mut texts, mut through) = (Vec::new(), Vec::new());
            for part in bytes.chunks(chunk) {
                reader.push(part);
                while let Some(unit) = reader.next() {
                    texts.push(unit.text);
                    through.extend(unit.bytes);
                }
            }
            let expected = [Some("{}"), None, Some(&*long), Some("ab")];
            assert_eq!(texts.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
            assert_eq!(through, bytes);
        }
    }
}
