//! What rooms leave each other, as bytes: paths and files may hold any.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// Written and read in one format (see `earlier.rs`).
pub(super) trait Encoded: Sized {
    fn write(&self, to: &mut Vec<u8>);
    /// None, where the bytes say nothing of the kind. What was read is taken away from them.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

impl Encoded for u64 {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.to_ne_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (number, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(Self::from_ne_bytes(*number))
    }
}

impl Encoded for i64 {
    fn write(&self, to: &mut Vec<u8>) {
        self.cast_unsigned().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from).map(u64::cast_signed)
    }
}

impl Encoded for u32 {
    fn write(&self, to: &mut Vec<u8>) {
        u64::from(*self).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from)?.try_into().ok()
    }
}

impl Encoded for bool {
    fn write(&self, to: &mut Vec<u8>) {
        u64::from(*self).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from).map(|number| number != 0)
    }
}

/// Not as a sequence like others: files may be long.
impl Encoded for Vec<u8> {
    fn write(&self, to: &mut Vec<u8>) {
        (self.len() as u64).write(to);
        to.extend_from_slice(self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::read(from)?).ok()?;
        let (bytes, rest) = from.split_at_checked(length)?;
        *from = rest;
        Some(bytes.to_vec())
    }
}

impl Encoded for OsString {
    fn write(&self, to: &mut Vec<u8>) {
        self.as_bytes().to_vec().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Vec::read(from).map(Self::from_vec)
    }
}

impl Encoded for PathBuf {
    fn write(&self, to: &mut Vec<u8>) {
        self.as_os_str().to_owned().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        OsString::read(from).map(Self::from)
    }
}

impl<T: Encoded> Encoded for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        self.iter().for_each(|value| value.write(to));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match bool::read(from)? {
            true => T::read(from).map(Some),
            false => Some(None),
        }
    }
}

impl<A: Encoded, B: Encoded> Encoded for (A, B) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

impl<K: Encoded + Ord, V: Encoded> Encoded for BTreeMap<K, V> {
    fn write(&self, to: &mut Vec<u8>) {
        write_all(self.iter(), to, |(key, value), to| {
            key.write(to);
            value.write(to);
        });
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(read_all::<(K, V)>(from)?.into_iter().collect())
    }
}

pub(super) fn write_all<T>(
    values: impl ExactSizeIterator<Item = T>,
    to: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    (values.len() as u64).write(to);
    values.for_each(|value| write(value, to));
}

pub(super) fn read_all<T: Encoded>(from: &mut &[u8]) -> Option<Vec<T>> {
    let count = u64::read(from)?;
    (0..count).map(|_| T::read(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_half_of_it_is_nothing() {
        let path = PathBuf::from(OsString::from_vec(b"e\xff/x".to_vec()));
        type Value = BTreeMap<PathBuf, (Option<Vec<u8>>, i64)>;
        let value = Value::from([(path, (Some(b"a\0b".to_vec()), -7))]);
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        assert_eq!(Value::read(&mut &*bytes), Some(value));
        for end in 0..bytes.len() {
            assert_eq!(Value::read(&mut &bytes[..end]), None, "{end}");
        }
    }
}
