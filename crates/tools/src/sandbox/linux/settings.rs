//! The files git keeps its settings in, read byte by byte as git reads them: whoever reads one in another way judges
//! another file than the one that is obeyed.

/// A setting as git sees it: its name in small letters (the middle part as written), and its value. None: it has no `=`
/// behind its name.
pub(super) type Entry = (Vec<u8>, Option<Vec<u8>>);

/// What is in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) entries: Vec<Entry>,
    /// Git reads all of it. Otherwise git refuses the file, and `entries` are those of the lines that can be read all the
    /// same: somebody else may be less strict.
    pub(super) is_understood: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Settings {
    pub(super) fn read(text: &[u8]) -> Self {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        // Where git's own strings end is not where its file does.
        let mut settings = Self { entries: vec![], is_understood: !text.contains(&0) };
        let mut reader = Reader { rest: text, section: vec![] };
        while let Some(read) = reader.next_setting() {
            match read {
                Ok(entry) => settings.entries.push(entry),
                Err(NotUnderstood) => {
                    settings.is_understood = false;
                    reader.skip_line();
                }
            }
        }
        settings
    }
}

struct NotUnderstood;

struct Reader<'a> {
    rest: &'a [u8],
    /// With the dot behind it.
    section: Vec<u8>,
}

impl Reader<'_> {
    /// None at the end.
    fn next_setting(&mut self) -> Option<Result<Entry, NotUnderstood>> {
        loop {
            match self.peek()? {
                b'#' | b';' => self.skip_line(),
                b'[' => {
                    self.take();
                    if self.header().is_none() {
                        self.section.clear();
                        return Some(Err(NotUnderstood));
                    }
                }
                byte if is_space(byte) => drop(self.take()),
                byte if byte.is_ascii_alphabetic() => {
                    return Some(self.setting().ok_or(NotUnderstood));
                }
                _ => return Some(Err(NotUnderstood)),
            }
        }
    }

    /// The end of a line is one byte, whichever it is in the file.
    fn peek(&self) -> Option<u8> {
        if self.rest.starts_with(b"\r\n") { Some(b'\n') } else { self.rest.first().copied() }
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.rest = self.rest.strip_prefix(b"\r\n").unwrap_or_else(|| &self.rest[1..]);
        Some(byte)
    }

    fn take_in_line(&mut self) -> Option<u8> {
        self.peek().filter(|byte| *byte != b'\n')?;
        self.take()
    }

    /// Up to the end of the line, but not the end itself.
    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.take();
        }
    }

    /// Behind the bracket.
    fn header(&mut self) -> Option<()> {
        self.section.clear();
        loop {
            match self.take_in_line()? {
                b']' => break,
                b' ' | b'\t' | b'\r' => {
                    self.middle()?;
                    break;
                }
                byte if is_of_name(byte) || byte == b'.' => {
                    self.section.push(byte.to_ascii_lowercase());
                }
                _ => return None,
            }
        }
        self.section.push(b'.');
        Some(())
    }

    /// In quotes, and the bracket behind it.
    fn middle(&mut self) -> Option<()> {
        while self.peek().is_some_and(|byte| is_space(byte) && byte != b'\n') {
            self.take();
        }
        if self.take_in_line()? != b'"' {
            return None;
        }
        self.section.push(b'.');
        loop {
            match self.take_in_line()? {
                b'"' => break,
                b'\\' => {
                    let escaped = self.take_in_line()?;
                    self.section.push(escaped);
                }
                byte => self.section.push(byte),
            }
        }
        (self.take_in_line()? == b']').then_some(())
    }

    fn setting(&mut self) -> Option<Entry> {
        let mut name = self.section.clone();
        while let Some(byte) = self.peek().filter(|byte| is_of_name(*byte)) {
            name.push(byte.to_ascii_lowercase());
            self.take();
        }
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.take();
        }
        match self.peek() {
            None | Some(b'\n') => Some((name, None)),
            Some(b'=') => {
                self.take();
                Some((name, Some(self.value()?)))
            }
            Some(_) => None,
        }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let (mut value, mut is_quoted) = (Vec::new(), false);
        // Where it ends if nothing but spaces follows.
        let mut end = 0;
        loop {
            match self.peek() {
                None | Some(b'\n') => {
                    value.truncate(end);
                    return (!is_quoted).then_some(value);
                }
                Some(b'#' | b';') if !is_quoted => {
                    self.skip_line();
                    continue;
                }
                Some(byte) if is_space(byte) && !is_quoted => {
                    if !value.is_empty() {
                        value.push(byte);
                    }
                    self.take();
                    continue;
                }
                Some(b'"') => {
                    is_quoted = !is_quoted;
                    self.take();
                }
                Some(b'\\') => {
                    self.take();
                    value.extend(self.escaped()?);
                }
                Some(byte) => {
                    value.push(byte);
                    self.take();
                }
            }
            end = value.len();
        }
    }

    /// Behind a backslash. Nothing, where a line goes on in the next one.
    fn escaped(&mut self) -> Option<Option<u8>> {
        let byte = match self.peek().unwrap_or(b'\n') {
            b'\n' => None,
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'n' => Some(b'\n'),
            byte @ (b'\\' | b'"') => Some(byte),
            _ => return None,
        };
        self.take();
        Some(byte)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const READ: &[&[u8]] = &[
        b"[core]\n\thooksPath = a b \t ; note\n",
        b"\xef\xbb\xbf[core]\r\n\thooksPath = \"a  b\" # note\r\n",
        b"[core]\nhooksPath = scr\\\nipts\n\teditor\n",
        b"[alias]\n\tx = \"!f() { \\\n echo; }; f\"\n[core]hooksPath=x",
        b"[user]\n\tname = Andr\xe9\n[CORE \"A \\\"b\"]\n\tHooksPath = \"scr\"ipts \\\"\\t\\\\ \"\"\n",
        b"[a.B]c=d\n; [core]\\\n[include]path\n[e \t\"f\"] g = \n  h-1 =  i;j\n",
        b"[core]\n\tx = a\rb\n\ty = \\\n\n\tz = a \\\n",
    ];

    const REFUSED: &[&[u8]] = &[
        b"[core ]\nx = y\n",
        b"[core\n]\nx = y\n",
        b"[core \"a\nb\"]\nx = y\n",
        b"[core]\nx = \"y\n",
        b"[core]\nx = \\y\n",
        b"[core]\nx # y\n",
        b"[core]\n1x = y\n",
        b"[core]\n\x0bx = y\n",
        b"\xef\xbb[core]\nx = y\n",
        b"[core",
    ];

    /// What git itself says of a file.
    #[allow(clippy::disallowed_methods, reason = "git is asked, no command is run")]
    fn asked(text: &[u8]) -> Option<Vec<Entry>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut git = Command::new("git");
        let said = git.args(["config", "-z", "--list", "--file"]).arg(file.path()).output().ok()?;
        let entries = said.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        let entries = entries.map(|entry| match entry.iter().position(|byte| *byte == b'\n') {
            Some(end) => (entry[..end].to_vec(), Some(entry[end + 1..].to_vec())),
            None => (entry.to_vec(), None),
        });
        said.status.success().then(|| entries.collect())
    }

    #[test]
    fn a_file_says_what_git_reads_in_it() {
        for text in READ {
            let read = Settings::read(text);
            let shown = String::from_utf8_lossy(text);
            assert!(read.is_understood, "{shown}");
            assert_eq!(Some(read.entries), asked(text), "{shown}");
        }
    }

    #[test]
    fn what_git_refuses_is_not_understood_and_the_rest_is_read_all_the_same() {
        for text in REFUSED {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(asked(text), None, "{shown}");
            assert!(!Settings::read(text).is_understood, "{shown}");
            let followed = [text, &b"\n[after]\nx = y\n"[..]].concat();
            let entries = Settings::read(&followed).entries;
            assert!(entries.contains(&(b"after.x".to_vec(), Some(b"y".to_vec()))), "{shown}");
        }
        assert!(!Settings::read(b"[core]\nx = a\0b\n").is_understood);
    }
}
