//! What is said of the processes that a command left running. They end with it (R8), and who started a server wonders where
//! it is.

use std::collections::BTreeSet;

/// So many different names are said.
const MOST: usize = 5;

/// A line for who reads the command's output; none when nothing was left.
pub(super) fn said(names: &[String]) -> Option<String> {
    let processes = match names.len() {
        0 => return None,
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
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
        let said =
            |names: &[&str]| said(&names.iter().map(|name| (*name).into()).collect::<Vec<_>>());
        let begins = |names: &[&str], begin: &str| said(names).unwrap().starts_with(begin);
        assert_eq!(said(&[]), None);
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
