//! Where cells lead to when they are clicked.

use crate::markdown::Link;

/// A longer one is no use to a person, and terminals have limits.
pub(super) const MAX_TARGET: usize = 2000;

/// What a click may do: look at a page, or write to somebody. A file is none of it: what is opened with it is the desktop's
/// choice, which may run it, and a command or the model may have written it (S21). A target names nothing that is not plain to see.
fn may_be_opened(target: &str) -> bool {
    let schemes = ["https://", "http://", "mailto:"];
    // What is behind it may attach a file to the letter.
    let says_more = target.starts_with("mailto:") && target.contains('?');
    target.len() <= MAX_TARGET
        && !says_more
        && target.bytes().all(|byte| byte.is_ascii_graphic())
        && schemes.iter().any(|scheme| target.len() > scheme.len() && target.starts_with(scheme))
}

/// Where column `x` of the row of these links leads.
pub(super) fn target_at<'a>(links: impl IntoIterator<Item = &'a Link>, x: u16) -> Option<&'a str> {
    let leads = links.into_iter().find(|link| link.columns.contains(&usize::from(x)))?;
    Some(&*leads.target).filter(|target| may_be_opened(target))
}

/// What follows leads to `target`; to nothing if it is empty.
pub(super) fn link(target: &str) -> String {
    format!("\x1b]8;;{target}\x1b\\")
}
