//! What `agent exec` makes of its standard input (exec-json.md 8 and 12.1): the prompt, something added to it, or
//! nothing. It never waits for a pipe that nobody writes to.

use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::args::Stdin;

/// How long a pipe beside a prompt may stay silent before the turn starts without it.
const PATIENCE: Duration = Duration::from_millis(200);

/// After this long of waiting for a prompt, a line says what is waited for.
const REMINDER: Duration = Duration::from_secs(5);

/// Bytes of standard input: more than any model reads, and a device that never ends is given up.
const MOST: usize = 64 << 20;

/// The prompt, and what of standard input may still come.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    /// Standard input was silent so far: what comes later is a further message.
    pub(crate) later: Option<Later>,
}

/// Standard input while it is read on a thread of its own, which ends with the process.
#[derive(Debug)]
pub(crate) struct Later(mpsc::Receiver<io::Result<Vec<u8>>>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("no prompt: give the task as an argument, or pipe it in")]
    Missing,
    #[error("No prompt provided via stdin.")]
    Empty,
    #[error(
        "standard input is not valid UTF-8{0}; convert it first, for example with `iconv -t UTF-8`"
    )]
    Encoding(&'static str),
    #[error("standard input does not end: after {} MiB the rest is not read", MOST >> 20)]
    TooLong,
    #[error("cannot read standard input: {0}")]
    Io(#[from] io::Error),
}

/// Finds the prompt. `note` says in one line what is being waited for.
///
/// # Errors
/// When there is none, or standard input cannot be read as text.
pub(crate) async fn prompt(
    argument: Option<&str>,
    how: Stdin,
    mut note: impl FnMut(&str),
) -> Result<Prompt, PromptError> {
    let terminal = io::stdin().is_terminal();
    let Some(argument) = argument.filter(|argument| *argument != "-") else {
        if terminal && argument.is_none() {
            return Err(PromptError::Missing);
        }
        let text = whole(&mut Later::start(), &mut note).await?;
        let text = text.trim().to_owned();
        return if text.is_empty() {
            Err(PromptError::Empty)
        } else {
            Ok(Prompt { text, later: None })
        };
    };
    if argument.trim().is_empty() {
        return Err(PromptError::Missing);
    }
    let alone = Prompt { text: argument.to_owned(), later: None };
    if terminal || how == Stdin::Ignore {
        return Ok(alone);
    }
    let mut input = Later::start();
    if how == Stdin::Auto && !is_regular_file() {
        match tokio::time::timeout(PATIENCE, input.0.recv()).await {
            Ok(first) => {
                let mut bytes = first.transpose()?.unwrap_or_default();
                input.read_to_end(&mut bytes).await?;
                return Ok(Prompt { text: with_block(argument, &decode(bytes)?), later: None });
            }
            Err(_) => {
                note(
                    "standard input is open but silent: starting without it; what comes later is passed on",
                );
                return Ok(Prompt { text: argument.to_owned(), later: Some(input) });
            }
        }
    }
    let text = whole(&mut input, &mut note).await?;
    Ok(Prompt { text: with_block(argument, &text), later: None })
}

async fn whole(input: &mut Later, note: &mut impl FnMut(&str)) -> Result<String, PromptError> {
    let mut bytes = Vec::new();
    let soon = tokio::time::timeout(REMINDER, input.read_to_end(&mut bytes)).await;
    match soon {
        Ok(read) => read?,
        Err(_) => {
            note("reading the prompt from standard input; end it with Ctrl-D");
            input.read_to_end(&mut bytes).await?;
        }
    }
    decode(bytes)
}

impl Later {
    fn start() -> Self {
        // Bounded: who writes may be faster than we are.
        let (sender, receiver) = mpsc::channel(16);
        let own = sender.clone();
        let started = std::thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = match io::stdin().read(&mut buffer) {
                    Ok(0) => return,
                    Ok(len) => Ok(buffer[..len].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if own.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        });
        if let Err(error) = started {
            let _ = sender.try_send(Err(error));
        }
        Self(receiver)
    }

    async fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> Result<(), PromptError> {
        while let Some(chunk) = self.0.recv().await {
            bytes.extend(chunk?);
            if bytes.len() > MOST {
                return Err(PromptError::TooLong);
            }
        }
        Ok(())
    }

    /// All of what still comes, as the block that is added to a prompt; none when nothing came.
    pub(crate) async fn block(mut self) -> Option<String> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await.ok()?;
        let text = decode(bytes).ok()?;
        (!text.is_empty()).then(|| block(&text))
    }
}

fn is_regular_file() -> bool {
    use std::os::fd::AsFd as _;
    let Ok(fd) = io::stdin().as_fd().try_clone_to_owned() else { return false };
    std::fs::File::from(fd).metadata().is_ok_and(|metadata| metadata.is_file())
}

fn block(text: &str) -> String {
    format!("<stdin>\n{text}\n</stdin>")
}

fn with_block(prompt: &str, stdin: &str) -> String {
    if stdin.is_empty() { prompt.to_owned() } else { format!("{prompt}\n\n{}", block(stdin)) }
}

/// UTF-8, with or without a byte order mark, or UTF-16 with one.
fn decode(bytes: Vec<u8>) -> Result<String, PromptError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units)
            .map_err(|_| PromptError::Encoding(" (its mark says UTF-16, its content is not)"))
    };
    match bytes.as_slice() {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            Err(PromptError::Encoding(" but UTF-32"))
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => decode(rest.to_vec()),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|_| PromptError::Encoding("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_understood_and_other_bytes_refused() {
        let decoded = |bytes: &[u8]| decode(bytes.to_vec()).map_err(|error| error.to_string());
        assert_eq!(decoded(b"\xef\xbb\xbfhi"), Ok("hi".to_owned()));
        assert_eq!(decoded(b"\xff\xfeh\0i\0"), Ok("hi".to_owned()));
        assert_eq!(decoded(b"\xfe\xff\0h\0i"), Ok("hi".to_owned()));
        assert!(decoded(b"\xff\xfe\0\0h\0\0\0").unwrap_err().contains("UTF-32"));
        assert!(decoded(b"caf\xe9").unwrap_err().contains("iconv"));
    }

    #[test]
    fn what_is_piped_in_stands_below_the_prompt() {
        assert_eq!(with_block("P", "x\n"), "P\n\n<stdin>\nx\n\n</stdin>");
        assert_eq!(with_block("P", ""), "P");
    }
}
