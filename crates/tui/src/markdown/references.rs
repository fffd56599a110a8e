//! Links whose target stands elsewhere in the message: `[text][label]`, and `[label]: target`, which is not shown. What was
//! handed out never changes, so there a link leads nowhere whose definition came later.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{BrokenLink, CowStr, LinkType};

/// Of more labels nothing is remembered: each frame takes a copy.
const MOST: usize = 200;

/// What the blocks so far have defined, and what they have named without that.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    targets: HashMap<String, String>,
    wanted: HashSet<String>,
    /// Something that was named before was defined.
    came_late: bool,
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

    /// Takes a definition, the first of its label. Whether it has to be shown, because it is not remembered.
    pub(super) fn define(&mut self, label: &str, target: &str) -> bool {
        let label = key(label);
        if self.targets.contains_key(&label) {
            return false;
        }
        if self.targets.len() == MOST {
            return true;
        }
        self.came_late |= self.wanted.contains(&label) || self.wanted.len() == MOST;
        self.targets.insert(label, target.to_owned());
        false
    }

    /// Whether, since this was asked last, something was defined that had been named before.
    pub(super) fn take_late(&mut self) -> bool {
        std::mem::take(&mut self.came_late)
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
