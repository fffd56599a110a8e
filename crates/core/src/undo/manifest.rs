//! A workspace at one moment: every covered path with its stat and where its content is kept. On disk it is a cache:
//! compact, checked as a whole, thrown away when it does not fit.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use super::entry::{Digest, Entry, EntryKind};

/// Sorted by path.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// When the look at the workspace began; nanoseconds since 1970.
    pub(super) begun_ns: i64,
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Below the workspace, never empty.
    pub(super) path: Box<[u8]>,
    pub(super) stat: Stat,
    pub(super) what: What,
    /// It changed so shortly before it was read that a later change may not show in its stat.
    pub(super) is_racy: bool,
}

/// What tells that a file is still the same, at the price of one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mtime_ns: i64,
    pub(super) ctime_ns: i64,
    pub(super) mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Directory,
    /// Bytes of a file or target of a link, kept in the pack.
    Content {
        digest: Digest,
        offset: u64,
        len: u64,
    },
    Uncovered(Why),
}

/// Why the content of a file is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    TooLarge,
    /// All that may be kept of a workspace is.
    Full,
    Unreadable,
}

impl Stat {
    pub(super) fn of(found: &Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            inode: found.ino(),
            size: found.size(),
            mtime_ns: ns(found.mtime(), found.mtime_nsec()),
            ctime_ns: ns(found.ctime(), found.ctime_nsec()),
            mode: found.mode(),
        }
    }

    /// None for what is neither a file nor a link nor a directory.
    pub(super) fn kind(&self) -> Option<EntryKind> {
        match self.mode & 0o170_000 {
            0o100_000 => Some(EntryKind::File),
            0o120_000 => Some(EntryKind::Symlink),
            0o040_000 => Some(EntryKind::Directory),
            _ => None,
        }
    }

    /// A directory changes its times and size with what is in it.
    pub(super) fn shows_same(&self, other: &Self) -> bool {
        let directory = self.kind() == Some(EntryKind::Directory);
        if directory { self.mode == other.mode } else { self == other }
    }
}

impl Node {
    pub(super) fn entry(&self) -> Entry {
        let kind = self.stat.kind().unwrap_or(EntryKind::File);
        let content = match self.what {
            What::Content { digest, .. } => Some(digest),
            _ => None,
        };
        let is_dir = kind == EntryKind::Directory;
        Entry {
            kind,
            mode: self.stat.mode & 0o7777,
            size: if is_dir { 0 } else { self.stat.size },
            content,
            mtime_ns: (content.is_none() && !is_dir).then_some(self.stat.mtime_ns),
        }
    }
}

impl Manifest {
    pub(super) fn find(&self, path: &[u8]) -> Option<&Node> {
        let index = self.nodes.binary_search_by(|node| (*node.path).cmp(path)).ok()?;
        self.nodes.get(index)
    }

    /// Whether the path lies in a directory that could not be read.
    pub(super) fn is_closed_above(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
        ends.filter_map(|end| self.find(&path[..end]))
            .any(|directory| matches!(directory.what, What::Uncovered(_)))
    }

    /// Bytes of the pack that it speaks of.
    pub(super) fn live_bytes(&self) -> u64 {
        let lens = self.nodes.iter().map(|node| match node.what {
            What::Content { len, .. } => len,
            _ => 0,
        });
        lens.sum()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.nodes.len() * 160);
        out.extend(MAGIC);
        out.extend(self.begun_ns.to_le_bytes());
        out.extend((self.nodes.len() as u64).to_le_bytes());
        for node in &self.nodes {
            out.extend((node.path.len() as u64).to_le_bytes());
            out.extend(&*node.path);
            let stat = &node.stat;
            out.extend(stat.inode.to_le_bytes());
            out.extend(stat.size.to_le_bytes());
            out.extend(stat.mtime_ns.to_le_bytes());
            out.extend(stat.ctime_ns.to_le_bytes());
            out.extend(u64::from(stat.mode).to_le_bytes());
            out.push(u8::from(node.is_racy));
            match node.what {
                What::Directory => out.push(0),
                What::Content { digest, offset, len } => {
                    out.push(1);
                    out.extend(digest.0);
                    out.extend(offset.to_le_bytes());
                    out.extend(len.to_le_bytes());
                }
                What::Uncovered(Why::TooLarge) => out.push(2),
                What::Uncovered(Why::Full) => out.push(3),
                What::Uncovered(Why::Unreadable) => out.push(4),
            }
        }
        let sum = Digest::of(&out);
        out.extend(sum.0);
        out
    }

    /// None when they are not a whole manifest of this format.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).0 != *sum {
            return None;
        }
        let mut reader = Reader(body.strip_prefix(MAGIC)?);
        let begun_ns = reader.signed()?;
        let count = reader.number()?;
        let nodes = (0..count).map(|_| reader.node()).collect::<Option<Vec<_>>>()?;
        reader.0.is_empty().then_some(Self { begun_ns, nodes })
    }
}

const MAGIC: &[u8; 8] = b"agentws1";

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn signed(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn node(&mut self) -> Option<Node> {
        let len = usize::try_from(self.number()?).ok()?;
        let (path, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let stat = Stat {
            inode: self.number()?,
            size: self.number()?,
            mtime_ns: self.signed()?,
            ctime_ns: self.signed()?,
            mode: u32::try_from(self.number()?).ok()?,
        };
        let [is_racy, what] = self.array()?;
        let what = match what {
            0 => What::Directory,
            1 => What::Content {
                digest: Digest(self.array()?),
                offset: self.number()?,
                len: self.number()?,
            },
            2 => What::Uncovered(Why::TooLarge),
            3 => What::Uncovered(Why::Full),
            4 => What::Uncovered(Why::Unreadable),
            _ => return None,
        };
        Some(Node { path: path.into(), stat, what, is_racy: is_racy == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_the_disk_and_damage_is_noticed() {
        let stat = Stat { inode: 1, size: 2, mtime_ns: -3, ctime_ns: 4, mode: 0o100_644 };
        let content = What::Content { digest: Digest::of(b"x"), offset: 5, len: 6 };
        let whats =
            [What::Directory, content, What::Uncovered(Why::Full), What::Uncovered(Why::TooLarge)];
        let node = |(index, what)| Node {
            path: vec![b'a' + index as u8, 0xff].into(),
            stat,
            what,
            is_racy: index == 1,
        };
        let manifest =
            Manifest { begun_ns: 9, nodes: whats.into_iter().enumerate().map(node).collect() };
        let bytes = manifest.to_bytes();
        let read = Manifest::from_bytes(&bytes).unwrap();
        assert_eq!((read.begun_ns, &read.nodes), (9, &manifest.nodes));
        assert_eq!(read.find(b"b\xff").map(|node| node.what), Some(content));
        for cut in 0..bytes.len() {
            assert!(Manifest::from_bytes(&bytes[..cut]).is_none());
            let mut damaged = bytes.clone();
            damaged[cut] ^= 1;
            assert!(Manifest::from_bytes(&damaged).is_none());
        }
    }
}
