//! Links whose target stands elsewhere in the message: `[text][label]`, and `[label]: target` in a block of its own. What is
//! drawn never changes, so only a definition that came before can be followed; one that comes later is shown.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{BrokenLink, CowStr, LinkType};

/// Of more labels nothing is remembered: each frame takes a copy.
const MOST: usize = 200;

/// What the blocks so far have defined, and what they have named without that.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    targets: HashMap<String, String>,
    wanted: HashSet<String>,
}

impl References {
    /// Where a link leads whose own block does not say it; nowhere for one that will be defined later.
    pub(super) fn follow(
        &mut self,
        source: &str,
        link: &BrokenLink<'_>,
    ) -> Option<(CowStr<'static>, CowStr<'static>)> {
        let label = key(&link.reference);
        if let Some(target) = self.targets.get(&label) {
            return Some((target.clone().into(), "".into()));
        }
        if self.wanted.len() < MOST {
            self.wanted.insert(label);
        }
        // `table[row][column]` is no link.
        let before = source[..link.span.start].chars().next_back();
        let is_index = before.is_some_and(|c| c.is_alphanumeric() || ")]_".contains(c));
        let is_meant = link.link_type == LinkType::Reference && !is_index;
        is_meant.then(|| ("".into(), "".into()))
    }

    /// Takes a definition. Whether it has to be shown: something was drawn that needs it, or something may be.
    pub(super) fn define(&mut self, label: &str, target: &str) -> bool {
        let label = key(label);
        let is_needed = self.wanted.contains(&label) || self.wanted.len() == MOST;
        let is_kept = self.targets.len() < MOST || self.targets.contains_key(&label);
        if is_kept {
            self.targets.entry(label).or_insert_with(|| target.to_owned());
        }
        is_needed || !is_kept
    }
}

/// Whether a block that begins with this line may be nothing but definitions.
pub(super) fn may_define(line: &str) -> bool {
    line.trim_start().starts_with('[') && line.contains("]:")
}

/// Labels are the same in capitals, and whatever white space is in them.
fn key(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
