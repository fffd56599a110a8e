//! A recording of what was asked and answered, in one file: written beside any transport, and played as one. Secrets
//! never reach it. What is done with the answers, and what tools say to them, is not its business.

mod compare;
mod event;
mod file;
mod redact;
mod replay;

use std::fs::File;
use std::io::{self, Write as _};

use agent_protocol::{Request, ResponseEvent};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::Instant;

use crate::{Control, Transport, TransportError};
use event::{RecordedEvent, Told};
use file::{Asked, Line, RecordedItem, digest};
pub use file::{Recorded, RecordedRequest, RecordingError};
pub use redact::Redaction;
pub use replay::{Comparison, Replay, ReplayOptions, Speed};

/// A transport that writes down what passes through it.
pub struct Recording {
    inner: Box<dyn Transport>,
    writer: Writer,
}

/// The file, and what of the last request stands in it.
struct Writer {
    file: File,
    redaction: Redaction,
    requests: u32,
    settings: String,
    /// Of the last window, item by item.
    window: Vec<String>,
    line: Vec<u8>,
}

/// An item whose JSON is longer stands in the file by its digest alone; it is an image.
const LONGEST_ITEM: usize = 1 << 20;

impl Recording {
    /// Begins a recording in an empty file. `about` is whatever its reader should know of the run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(
        inner: Box<dyn Transport>,
        file: File,
        about: &serde_json::Value,
        redaction: Redaction,
    ) -> io::Result<Self> {
        let mut writer = Writer {
            file,
            redaction,
            requests: 0,
            settings: String::new(),
            window: Vec::new(),
            line: Vec::new(),
        };
        let about = writer.redaction.json(&about.to_string());
        writer.write(&Line::Recording { format: file::FORMAT, about: file::raw(about)? })?;
        Ok(Self { inner, writer })
    }
}

impl Transport for Recording {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        let Self { inner, writer } = self;
        writer.beside(request, inner.respond(request, control))
    }

    fn compact<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        let Self { inner, writer } = self;
        writer.beside(request, inner.compact(request, control))
    }

    fn warm_up(&mut self, request: &Request) {
        self.inner.warm_up(request);
    }
}

/// Whoever asked for a recording does not want a run without one.
fn failed(error: &io::Error) -> TransportError {
    TransportError::Script(format!("cannot write the recording: {error}"))
}

impl Writer {
    /// Writes of a request what the ones before it did not say.
    fn request(&mut self, request: &Request) -> io::Result<()> {
        let settings = self.redaction.json(request.settings.json());
        let items: Vec<_> = request.window.iter().map(|item| digest(item.json())).collect();
        let kept = items.iter().zip(&self.window).take_while(|(new, old)| new == old).count();
        let new = request.window.iter().skip(kept).zip(&items[kept..]);
        let new = new.map(|(item, digest)| {
            let json =
                (item.json().len() <= LONGEST_ITEM).then(|| self.redaction.json(item.json()));
            let item = json.map(file::raw).transpose()?;
            Ok(RecordedItem { digest: digest.clone(), item })
        });
        let new = new.collect::<io::Result<Vec<_>>>()?;
        self.requests += 1;
        let asked = Asked {
            number: self.requests,
            settings_digest: digest(&settings),
            settings: (settings != self.settings)
                .then(|| file::raw(settings.clone()))
                .transpose()?,
            kept,
            items: new,
        };
        self.window = items;
        self.settings = settings;
        self.write(&Line::Request(asked))
    }

    /// Writes the request; then the same answer, written down as it passes.
    fn beside<'a>(
        &'a mut self,
        request: &Request,
        answer: BoxStream<'a, Result<ResponseEvent, TransportError>>,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        if let Err(error) = self.request(request) {
            return stream::iter([Err(failed(&error))]).boxed();
        }
        let begun = Instant::now();
        answer
            .map(move |event| {
                let after_ms = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
                match self.event(after_ms, &event) {
                    Ok(()) => event,
                    Err(error) => Err(failed(&error)),
                }
            })
            .boxed()
    }

    fn event(
        &mut self,
        after_ms: f64,
        event: &Result<ResponseEvent, TransportError>,
    ) -> io::Result<()> {
        let told = match event {
            Ok(event) => Told::of(event),
            Err(error) => Some(Told::of_error(error)),
        };
        let Some(told) = told else { return Ok(()) };
        self.write(&Line::Event(RecordedEvent { after_ms, told: told.redacted(&self.redaction)? }))
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }
}

#[cfg(test)]
mod tests;
