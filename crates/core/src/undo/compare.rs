//! Two looks at a workspace, compared: what a turn changed.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::entry::{Entry, RelativePath};
use super::log::Change;
use super::manifest::{Manifest, Node};
use super::place::Place;
use super::walk::below;

/// Files by which paths become visible or hidden.
const RULES: [&[u8]; 2] = [b".gitignore", b".ignore"];

/// Kernel clocks tick slowly: a file may look this much older than it is.
const TICK_NS: i64 = 50_000_000;

/// Sorted by path.
pub(super) fn changes(place: &Place, before: &Manifest, after: &Manifest) -> Vec<Change> {
    let paths: BTreeSet<&[u8]> =
        before.nodes.iter().chain(&after.nodes).map(|node| &*node.path).collect();
    let rules_changed = paths.iter().any(|path| {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        RULES.contains(&name) && entry(before.find(path)) != entry(after.find(path))
    });
    let changes = paths.into_iter().filter_map(|path| {
        let (old, new) = (before.find(path), after.find(path));
        let mut change = Change {
            path: RelativePath::from_bytes(path),
            before: entry(old),
            after: entry(new),
            meanwhile: false,
        };
        if let (None, Some(new)) = (old, new) {
            if before.is_closed_above(path) {
                // It may have been there all the time: not to be taken away.
                return None;
            }
            if rules_changed {
                change.before = hidden(place, before, new)?;
            }
        }
        (change.before != change.after).then_some(change)
    });
    changes.collect()
}

fn entry(node: Option<&Node>) -> Option<Entry> {
    node.map(Node::entry)
}

/// What stood at a path that only became visible because the ignore rules changed. The outer none: nothing happened
/// to it.
#[expect(
    clippy::option_option,
    reason = "nothing happened, or something to what may not have been there"
)]
fn hidden(place: &Place, before: &Manifest, node: &Node) -> Option<Option<Entry>> {
    let begun = before.begun_ns.saturating_sub(TICK_NS);
    if node.stat.ctime_ns < begun {
        return None;
    }
    let born = place.metadata(&below(&node.path)).and_then(|found| found.created()).ok();
    let born = born.and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
    let is_new =
        born.is_some_and(|born| i64::try_from(born.as_nanos()).is_ok_and(|born| born >= begun));
    // It was there, and nobody knows how it was: not to be taken away.
    let unknown = || Entry { content: None, mtime_ns: Some(0), ..node.entry() };
    Some((!is_new).then(unknown))
}
