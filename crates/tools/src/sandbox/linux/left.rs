//! What is said of the processes that a command left running. They end with it (R8), and who started a server wonders where
//! it is.

use std::collections::BTreeSet;

use super::tree::Left;

/// So many different names are said.
const MOST: usize = 5;

/// A line for who reads the command's output; none when nothing was left.
pub(super) fn said(left: &Left) -> Option<String> {
    let Left { names, is_cut } = left;
    let processes = match (names.len(), is_cut) {
        (0, false) => return None,
        (1, false) => "1 process".to_owned(),
        (count, false) => format!("{count} processes"),
        (count, true) => format!("{count} processes or more"),
    };
    let different: BTreeSet<_> = names.iter().map(String::as_str).collect();
    let mut shown: Vec<_> = different.iter().copied().take(MOST).collect();
    if different.len() > MOST {
        shown.push("…");
    }
    Some(format!(
        "ended with the command: {processes} it left running ({}); what is to go on is run in the foreground, as a \
         session",
        shown.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_said_once_and_not_too_many() {
        let left = |names: &[&str], is_cut| {
            said(&Left { names: names.iter().map(|name| (*name).into()).collect(), is_cut })
        };
        let begins = |names: &[&str], begin: &str| left(names, false).unwrap().starts_with(begin);
        assert_eq!(left(&[], false), None);
        let cut = left(&["a", "a"], true).unwrap();
        assert!(
            cut.starts_with("ended with the command: 2 processes or more it left running (a); ")
        );
        assert!(begins(&["node"], "ended with the command: 1 process it left running (node); "));
        assert!(begins(
            &["b", "a", "b"],
            "ended with the command: 3 processes it left running (a, b); "
        ));
        assert!(begins(
            &["1", "2", "3", "4", "5", "6", "7"],
            "ended with the command: 7 processes it left running (1, 2, 3, 4, 5, …); "
        ));
    }
}
