//! The shadow of a workspace: a copy of its covered contents as last seen, kept outside it and shared by all threads
//! that work there, so that the next look reads only what has changed. A cache: it may be lost at any time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use super::entry::{Digest, EntryKind};
use super::manifest::{Manifest, Node, Stat, What, Why};
use super::place::Place;
use super::walk::{self, below, bytes_of, path_of};
use super::{Caps, UndoError};
use crate::private::{create_private_dir, replace};

/// The shadow of one workspace, held by us alone while it is open.
pub(super) struct Shadow {
    root: PathBuf,
    /// The same, opened: what a command puts in the place of a directory meanwhile leads nowhere else.
    place: Place,
    exclude: PathBuf,
    caps: Caps,
    dir: PathBuf,
    _lock: File,
}

/// Changes within this time of a look may carry the same time stamp as what was seen: the clock of file systems ticks
/// slowly.
const TICK_NS: i64 = 50_000_000;

/// Bytes of a pack that nobody speaks of any more, beyond as many as are in use, before it is begun anew.
const MOST_WASTE: u64 = 64 << 20;

/// A shadow that nobody used for so long is removed.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

impl Shadow {
    /// Waits for another process that looks at the same workspace.
    pub(super) fn open(
        shadows: &Path,
        root: &Path,
        place: Place,
        exclude: &Path,
        caps: Caps,
    ) -> Result<Self, UndoError> {
        let key = Digest::of(&bytes_of(root)).to_string();
        let dir = shadows.join(&key[..32]);
        let is_new = !dir.exists();
        create_private_dir(&dir).map_err(UndoError::io("make the directory", &dir))?;
        if is_new {
            remove_old(shadows, &dir);
        }
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let lock = options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(UndoError::io("open", &path))?;
        lock.lock().map_err(UndoError::io("lock", &path))?;
        let (root, exclude) = (root.to_owned(), exclude.to_owned());
        Ok(Self { root, place, exclude, caps, dir, _lock: lock })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn manifest_path(&self) -> PathBuf {
        self.dir.join("manifest")
    }

    pub(super) fn pack_path(&self) -> PathBuf {
        self.dir.join("pack")
    }

    /// Forgets everything: the next look reads all files.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(self.manifest_path());
        let _ = fs::remove_file(self.pack_path());
    }

    /// Looks at the workspace, and at the paths of `also` that exist but are hidden by now. What changed since the last
    /// look is copied.
    pub(super) fn look(&self, also: Option<&Manifest>) -> Result<Manifest, UndoError> {
        let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let begun_ns = i64::try_from(begun.as_nanos()).unwrap_or(i64::MAX);
        let last = self.last();
        let walk::Walked { mut found, closed, .. } =
            walk::walk(&self.root, &self.exclude, self.caps.paths, last.nodes.len())?;
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let hidden = self.hidden(also, &found);
        if !hidden.is_empty() {
            found.extend(hidden);
            found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
        let manifest = self.cover(begun_ns, found, &closed, &last)?;
        let path = self.manifest_path();
        replace(&path, &manifest.to_bytes()).map_err(UndoError::io("write", &path))?;
        Ok(manifest)
    }

    /// Paths of an earlier look that exist but were not found now.
    fn hidden(&self, earlier: Option<&Manifest>, found: &walk::Found) -> walk::Found {
        let nodes = earlier.iter().flat_map(|earlier| &earlier.nodes);
        let missing =
            nodes.filter(|node| found.binary_search_by(|(path, _)| path.cmp(&node.path)).is_err());
        let stats = missing.filter_map(|node| {
            let metadata = self.place.metadata(&below(&node.path)).ok()?;
            Some((node.path.clone(), Stat::of(&metadata)))
        });
        stats.filter(|(_, stat)| stat.kind().is_some()).collect()
    }

    fn last(&self) -> Manifest {
        let last =
            fs::read(self.manifest_path()).ok().and_then(|bytes| Manifest::from_bytes(&bytes));
        let last = last.unwrap_or_default();
        let pack = fs::metadata(self.pack_path()).map_or(0, |pack| pack.len());
        let live = last.live_bytes();
        if pack < live || pack > 2 * live + MOST_WASTE {
            self.forget();
            return Manifest::default();
        }
        last
    }

    /// Keeps what is known and reads the rest, the smallest first: they are what a person writes.
    fn cover(
        &self,
        begun_ns: i64,
        found: walk::Found,
        closed: &[PathBuf],
        last: &Manifest,
    ) -> Result<Manifest, UndoError> {
        let mut nodes = Vec::with_capacity(found.len());
        let mut jobs = Vec::new();
        let mut kept = 0;
        for (path, stat) in found {
            let known = last.find(&path);
            let same = known.filter(|known| known.stat.shows_same(&stat) && !known.is_racy);
            let what = match (stat.kind(), same.map(|node| node.what)) {
                (Some(EntryKind::Directory), _) => {
                    match closed.contains(&path_of(&self.root, &path)) {
                        true => What::Uncovered(Why::Unreadable),
                        false => What::Directory,
                    }
                }
                (_, Some(what @ What::Content { len, .. })) => {
                    kept += len;
                    what
                }
                _ if stat.size > self.caps.file => What::Uncovered(Why::TooLarge),
                _ => {
                    let was = known.map(|known| known.what);
                    jobs.push(Job { node: nodes.len(), path: below(&path), stat, was });
                    What::Uncovered(Why::Unreadable)
                }
            };
            nodes.push(Node { path, stat, what, is_racy: false });
        }
        jobs.sort_by_key(|job| job.stat.size);
        for job in split_off_beyond(&mut jobs, self.caps.total.saturating_sub(kept)) {
            nodes[job.node].what = What::Uncovered(Why::Full);
        }
        self.copy(&jobs, begun_ns, &mut nodes)?;
        Ok(Manifest { begun_ns, nodes })
    }

    fn copy(&self, jobs: &[Job], begun_ns: i64, nodes: &mut [Node]) -> Result<(), UndoError> {
        let path = self.pack_path();
        let failed = || UndoError::io("write", &path);
        let mut readers = 0;
        let mut options = OpenOptions::new();
        let pack = options
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed())?;
        let mut offset = pack.metadata().map_err(failed())?.len();
        let mut pack = io::BufWriter::with_capacity(1 << 20, pack);
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::sync_channel::<(usize, Copied)>(64);
        std::thread::scope(|scope| {
            for _ in 0..walk::threads().min(jobs.len()) {
                let (next, sender) = (&next, sender.clone());
                let reader = move || {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Ok(copied) = job.read(&self.place) else { continue };
                        if sender.send((job.node, copied)).is_err() {
                            break;
                        }
                    }
                };
                // One is enough; none is too few.
                match std::thread::Builder::new().spawn_scoped(scope, reader) {
                    Ok(_) => readers += 1,
                    Err(error) if readers == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            drop(sender);
            for (index, copied) in receiver {
                let node = &mut nodes[index];
                node.stat = copied.stat;
                node.is_racy = copied.changed
                    || copied.stat.ctime_ns.max(copied.stat.mtime_ns) >= begun_ns - TICK_NS;
                node.what = match copied.content {
                    Content::Known(what) => what,
                    Content::New(digest, bytes) => {
                        pack.write_all(&bytes)?;
                        let what = What::Content { digest, offset, len: bytes.len() as u64 };
                        offset += bytes.len() as u64;
                        what
                    }
                };
            }
            pack.flush()
        })
        .map_err(failed())
    }
}

/// A file or link to be read.
struct Job {
    /// Its index in the manifest.
    node: usize,
    /// Below the workspace.
    path: PathBuf,
    stat: Stat,
    /// What it was at the last look.
    was: Option<What>,
}

struct Copied {
    stat: Stat,
    content: Content,
    /// Somebody wrote to it meanwhile.
    changed: bool,
}

enum Content {
    Known(What),
    New(Digest, Vec<u8>),
}

impl Job {
    fn read(&self, place: &Place) -> io::Result<Copied> {
        let (stat, bytes, changed) = if self.stat.kind() == Some(EntryKind::Symlink) {
            (self.stat, bytes_of(&place.read_link(&self.path)?).into_vec(), false)
        } else {
            read_file(place, &self.path, self.stat.size)?
        };
        let digest = Digest::of(&bytes);
        let content = match self.was {
            Some(known @ What::Content { digest: was, .. }) if was == digest => {
                Content::Known(known)
            }
            _ => Content::New(digest, bytes),
        };
        Ok(Copied { stat, content, changed })
    }
}

/// The stat and bytes of a regular file, and whether it changed while it was read.
fn read_file(place: &Place, path: &Path, size: u64) -> io::Result<(Stat, Vec<u8>, bool)> {
    let (file, found) = place.open_file(path)?;
    let stat = Stat::of(&found);
    let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0));
    // What grows while it is read is cut where it ended when it was looked at: it is read again next time.
    (&file).take(stat.size.max(size)).read_to_end(&mut bytes)?;
    let changed = Stat::of(&file.metadata()?) != stat || bytes.len() as u64 != stat.size;
    Ok((stat, bytes, changed))
}

/// Takes away the jobs that do not fit into `room` bytes.
fn split_off_beyond(jobs: &mut Vec<Job>, room: u64) -> Vec<Job> {
    let mut used = 0_u64;
    let fits = jobs.iter().take_while(|job| {
        used = used.saturating_add(job.stat.size);
        used <= room
    });
    let fits = fits.count();
    jobs.split_off(fits)
}

/// The bytes that a manifest speaks of, if they are still what they were.
pub(super) fn read_content(pack: &File, what: What) -> Option<Vec<u8>> {
    let What::Content { digest, offset, len } = what else { return None };
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    pack.read_exact_at(&mut bytes, offset).ok()?;
    (Digest::of(&bytes) == digest).then_some(bytes)
}

/// Best effort: whoever still needs one of them makes it anew.
fn remove_old(shadows: &Path, but: &Path) {
    for entry in fs::read_dir(shadows).into_iter().flatten().flatten() {
        let path = entry.path();
        let used = fs::metadata(path.join("manifest")).and_then(|manifest| manifest.modified());
        let is_old = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEPT_FOR));
        if is_old && path != but {
            let _ = fs::remove_dir_all(path);
        }
    }
}
