//! What is pasted: text as it is while it is short, a chip when it is long, a picture when it is the path of one.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Chip, Composer, Image, chip::cleaned};

/// More than this is shown as a chip.
const MAX_LINES: usize = 10;
const MAX_BYTES: usize = 1000;

/// Tells whether there is a file, which nothing here can see: the path of a picture that is none is text.
#[derive(Clone)]
pub(super) struct Files(Arc<dyn Fn(&Path) -> bool + Send + Sync>);

impl Default for Files {
    fn default() -> Self {
        Self(Arc::new(|_| true))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

impl Composer {
    /// Asks `is_file` whether a path that is pasted leads to a file.
    pub fn know_files(&mut self, is_file: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        self.files = Files(Arc::new(is_file));
    }

    /// Takes what was pasted.
    pub fn paste(&mut self, text: &str) {
        if self.search_for(text) {
            return;
        }
        // A command line of the person's own has no pictures, and means the path.
        let takes_pictures = !self.is_field && self.first_char() != Some('!');
        let there = |paths: &Vec<PathBuf>| paths.iter().all(|path| (self.files.0)(path));
        let paths = image_paths(text).filter(|paths| takes_pictures && there(paths));
        if let Some(paths) = paths {
            for path in paths {
                self.attach(Image::at(path));
            }
            return;
        }
        let text = cleaned(text);
        let long = text.len() > MAX_BYTES || text.lines().nth(MAX_LINES).is_some();
        if long { self.insert_chip(text) } else { self.buffer.insert(&text) }
    }

    /// Adds a picture at the cursor.
    pub fn attach(&mut self, image: Image) {
        self.leave_search();
        let name = cleaned(&image.name).replace(['\n', '\t'], " ");
        let image = Image { name, ..image };
        if let Some(c) = self.chips.add(Chip::Image(image)) {
            self.buffer.insert(&format!("{c} "));
        }
    }

    fn insert_chip(&mut self, text: String) {
        let text: Arc<str> = text.into();
        match self.chips.add(Chip::Pasted(Arc::clone(&text))) {
            Some(c) => self.buffer.insert(c.encode_utf8(&mut [0; 4])),
            None => self.buffer.insert(&text),
        }
    }
}

/// The paths, when pictures were dropped on the terminal: whole paths, as shells or file managers write them.
fn image_paths(text: &str) -> Option<Vec<PathBuf>> {
    if text.len() > 64 * 1024 {
        return None;
    }
    let whole = text.trim();
    // With quotes and escapes it has to be read as a shell would; with more than one root it is several.
    let is_unix = whole.starts_with('/') || whole.starts_with("~/");
    let is_for_shell = is_unix && (whole.contains(['\\', '\'', '"']) || whole.contains(" /"));
    if let Some(path) = image_path(whole).filter(|_| !is_for_shell) {
        return Some(vec![path]);
    }
    let Some(words) = words(whole) else {
        // No shell wrote it: an apostrophe is one.
        return image_path(whole).map(|path| vec![path]);
    };
    (!words.is_empty()).then(|| words.iter().map(|word| image_path(word)).collect())?
}

/// The absolute path of a picture.
fn image_path(text: &str) -> Option<PathBuf> {
    if text.contains('\n') {
        return None;
    }
    let decoded = text.strip_prefix("file://").map(decoded);
    let path = decoded.as_deref().unwrap_or(text);
    let extension = path.rsplit_once('.')?.1.to_ascii_lowercase();
    if !matches!(extension.as_str(), "png" | "jpg" | "jpeg" | "gif" | "webp") {
        return None;
    }
    let is_windows = path.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/");
    let is_unix = path.starts_with('/') || path.starts_with("~/");
    (is_windows || is_unix).then(|| PathBuf::from(path))
}

/// `text` as a shell would split it, which is at no other space: quotes and backslashes resolved.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, ' ' | '\t' | '\n' | '\r') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// `%20` and its like resolved.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| after.get(..2)).flatten();
        let byte = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_pictures_are_known_as_terminals_paste_them() {
        for (text, paths) in [
            ("/tmp/a.png", Some(&["/tmp/a.png"][..])),
            ("'/tmp/a b.PNG' ", Some(&["/tmp/a b.PNG"])),
            ("/tmp/a\\ b.jpg /tmp/c.gif", Some(&["/tmp/a b.jpg", "/tmp/c.gif"])),
            ("/tmp/a b.png", Some(&["/tmp/a b.png"])),
            ("/tmp/a.png /tmp/b.png", Some(&["/tmp/a.png", "/tmp/b.png"])),
            ("file:///tmp/%ED%95%9C%20b.webp", Some(&["/tmp/한 b.webp"])),
            ("C:\\pics\\a.png", Some(&["C:\\pics\\a.png"])),
            ("~/a.jpeg", Some(&["~/a.jpeg"])),
            ("/tmp/q\\'x.png", Some(&["/tmp/q'x.png"])),
            ("'/tmp/q'\\''x.png'", Some(&["/tmp/q'x.png"])),
            ("\"/tmp/q'x.png\" /tmp/b.png", Some(&["/tmp/q'x.png", "/tmp/b.png"])),
            ("/tmp/Shot\\ at\\ 1.00\u{202f}PM.png", Some(&["/tmp/Shot at 1.00\u{202f}PM.png"])),
            ("/tmp/q'x.png", Some(&["/tmp/q'x.png"])),
            ("assets/a.png", None),
            ("/tmp/a.txt", None),
            ("/tmp/a.png and text", None),
            ("/tmp/a.png\n/etc/b", None),
            ("it's", None),
            ("", None),
        ] {
            let expected = paths.map(|paths| paths.iter().map(PathBuf::from).collect());
            assert_eq!(image_paths(text), expected, "{text:?}");
        }
    }
}
