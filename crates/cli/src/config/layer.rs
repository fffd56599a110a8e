//! One source of settings, as typed: a file, `-c`, the flags. Which source wins is `config.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::Opened;
use toml::Value;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::key::KeyPath;
use super::retired::{self, Translation};
use super::schema::{self, Kind, Known};
use super::{ConfigError, Notes};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    BuiltIn,
    /// `agent exec`, where nobody is asked.
    Exec,
    /// Lines count from 1.
    File {
        path: Arc<Path>,
        line: usize,
    },
    /// `-c`.
    Override,
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Exec => f.write_str("exec asks nobody"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Override => f.write_str("-c"),
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One setting of one source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: KeyPath,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// The settings of one source. They fit the schema; retired ones are translated.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    /// Retired `[profiles.NAME]` tables.
    pub(crate) profiles: BTreeMap<String, Vec<Entry>>,
}

impl Layer {
    /// Reads a file; none if there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, others decide over it, it is not TOML, or holds a wrong value.
    pub(crate) fn read(
        path: &Path,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<Option<Self>, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
        let opened = match Opened::open(path) {
            Ok(opened) => opened,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        agent_core::require_ours(path)?;
        let bytes = opened.bytes(Opened::BY_HAND).map_err(unreadable)?;
        Self::of_bytes(&bytes, path, environment, notes).map(Some)
    }

    /// Reads what is in the file at `path`.
    ///
    /// # Errors
    /// When it is not TOML or holds a wrong value.
    pub(crate) fn of_bytes(
        bytes: &[u8],
        path: &Path,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(bytes, error.valid_up_to()),
            message: "this is not UTF-8".to_owned(),
        })?;
        Self::parse(text, path, environment, notes)
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// When it is not TOML or holds a wrong value.
    pub(crate) fn parse(
        text: &str,
        path: &Path,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<Self, ConfigError> {
        let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(text.as_bytes(), error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let shared: Arc<Path> = Arc::from(path);
        let mut reader = Reader {
            origin: &|offset| Origin::File {
                path: shared.clone(),
                line: line_of(text.as_bytes(), offset),
            },
            base: path.parent().unwrap_or(path),
            environment,
            notes,
            layer: Self::default(),
        };
        reader.table(&KeyPath::default(), document.get_ref())?;
        Ok(reader.layer)
    }

    /// The settings the binary comes with.
    ///
    /// # Errors
    /// None can occur: a test reads the same text.
    pub(crate) fn built_in(
        text: &str,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<Self, ConfigError> {
        let mut layer = Self::parse(text, Path::new("built in"), environment, notes)?;
        layer.entries.iter_mut().for_each(|entry| entry.origin = Origin::BuiltIn);
        Ok(layer)
    }

    /// Adds `key = value` of `-c`: the value is TOML, else a string as it stands.
    ///
    /// # Errors
    /// When the key is none, or the value does not fit it.
    pub(crate) fn assign(
        &mut self,
        key: &str,
        value: &str,
        environment: &Environment,
        notes: &mut Notes,
    ) -> Result<(), ConfigError> {
        let path = KeyPath::parse(key)
            .map_err(|error| ConfigError::BadOverride { key: key.to_owned(), error })?;
        let parsed = DeValue::parse(value);
        let value = match &parsed {
            Ok(value) => value.get_ref().clone(),
            Err(_) => DeValue::String(value.into()),
        };
        let mut reader = Reader {
            origin: &|_| Origin::Override,
            base: &environment.cwd,
            environment,
            notes,
            layer: std::mem::take(self),
        };
        reader.value(&path, &value, 0)?;
        *self = reader.layer;
        Ok(())
    }

    /// Adds a value that is known to fit.
    pub(crate) fn set(&mut self, key: KeyPath, value: impl Into<Value>, origin: Origin) {
        self.entries.push(Entry { key, value: value.into(), origin });
    }
}

/// A file that is not there, or whose directory is none.
pub(super) fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The line, from 1, of the byte at `offset`.
fn line_of(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// Walks a table and collects what the schema knows.
struct Reader<'a> {
    origin: &'a dyn Fn(usize) -> Origin,
    /// Where relative paths start.
    base: &'a Path,
    environment: &'a Environment,
    notes: &'a mut Notes,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            self.value(&path.child(name.get_ref()), value.get_ref(), name.span().start)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        key: &KeyPath,
        value: &DeValue<'_>,
        offset: usize,
    ) -> Result<(), ConfigError> {
        let origin = (self.origin)(offset);
        let plain = || plain(value).ok_or_else(|| too_large(key, &origin));
        if !matches!(schema::lookup(key), Known::Section) {
            match retired::translate(key, &plain()?) {
                Translation::Same => {}
                Translation::Now { key, value, note } => {
                    if let Some(note) = note {
                        self.notes.object(format!("{origin}: {note}"))?;
                    }
                    return self.keep(key, value, origin);
                }
                Translation::Dropped { note } => {
                    return self.notes.object(format!("{origin}: {note}"));
                }
            }
        }
        match (schema::lookup(key), value) {
            (Known::Section, DeValue::Table(table)) => self.table(key, table),
            (Known::Section, other) => Err(ConfigError::Wrong {
                origin,
                key: key.clone(),
                found: other.type_str().to_owned(),
                allowed: "a table".to_owned(),
            }),
            (Known::Key(_), _) => self.keep(key.clone(), plain()?, origin),
            (Known::Unknown, _) => self.notes.object(unknown(key, &origin)),
        }
    }

    /// Takes a value up if it fits its key.
    fn keep(&mut self, key: KeyPath, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Known::Key(known) = schema::lookup(&key) else {
            return self.notes.object(unknown(&key, &origin));
        };
        if !known.kind.takes(&value) {
            let found = found(&key, &value);
            return Err(ConfigError::Wrong { origin, key, found, allowed: known.kind.allowed() });
        }
        for name in known.kind.strangers(&value) {
            self.notes.object(unknown(&key.child("granular").child(name), &origin))?;
        }
        let value = match known.kind {
            Kind::File => self.absolute(value),
            Kind::Files => match value {
                Value::Array(all) => {
                    Value::Array(all.into_iter().map(|one| self.absolute(one)).collect())
                }
                other => other,
            },
            _ => value,
        };
        match key.parts() {
            [profiles, name, inner @ ..] if profiles == "profiles" => {
                let entry = Entry { key: inner.iter().collect(), value, origin };
                self.layer.profiles.entry(name.clone()).or_default().push(entry);
            }
            _ => self.layer.entries.push(Entry { key, value, origin }),
        }
        Ok(())
    }

    fn absolute(&self, value: Value) -> Value {
        match value {
            Value::String(path) => {
                let path: PathBuf = self.environment.absolute(Path::new(&path), self.base);
                // A path of the file is UTF-8, and so is one joined to a base that is.
                path.into_os_string()
                    .into_string()
                    .map_or(Value::String(path_lost()), Value::String)
            }
            other => other,
        }
    }
}

/// Stands for a path below a directory whose name is no text; nothing is there.
fn path_lost() -> String {
    "/nonexistent".to_owned()
}

fn unknown(key: &KeyPath, origin: &Origin) -> String {
    let hint = schema::nearest(key).map(|name| format!("; `{name}` is near")).unwrap_or_default();
    format!("{origin}: unknown key `{key}`{hint}")
}

fn too_large(key: &KeyPath, origin: &Origin) -> ConfigError {
    ConfigError::Wrong {
        origin: origin.clone(),
        key: key.clone(),
        found: "a number too large for 64 bits".to_owned(),
        allowed: "a smaller one".to_owned(),
    }
}

/// Names a value that does not fit, without giving a secret away.
fn found(key: &KeyPath, value: &Value) -> String {
    let text = value.to_string();
    if schema::is_secret(key) || text.len() > 60 {
        format!("a value of type {}", value.type_str())
    } else {
        text
    }
}

fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(all) => {
            Value::Array(all.iter().map(|one| plain(one.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), plain(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}
