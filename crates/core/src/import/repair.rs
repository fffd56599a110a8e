//! Makes a window one that the API takes: every call has exactly one output, behind it (C3.1).

use std::collections::{HashMap, HashSet};

use agent_protocol::{Content, Item, ItemKind, ToolCall};

const UNKNOWN: &str = "interrupted: outcome unknown, nothing was recorded of this call";

/// The window, and how many calls and outputs were not as they must be.
pub(super) fn paired(items: Vec<Item>) -> (Vec<Item>, u32) {
    let called: HashMap<String, usize> = items
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(at, item)| Some((item.as_call()?.call_id.clone(), at)))
        .collect();
    let answered: HashSet<String> = items
        .iter()
        .enumerate()
        .filter_map(|(at, item)| {
            item.answers().filter(|id| called.get(*id).is_some_and(|call| *call < at))
        })
        .map(str::to_owned)
        .collect();
    let mut paired = Vec::with_capacity(items.len());
    let mut repaired = 0;
    let mut silent: Vec<ToolCall> = Vec::new();
    let mut open = HashSet::new();
    for (at, item) in items.into_iter().enumerate() {
        if item.as_call().is_none() {
            close(&mut silent, &mut paired);
        }
        match item.kind() {
            ItemKind::ToolCall(call) if called.get(&call.call_id) == Some(&at) => {
                if answered.contains(&call.call_id) {
                    open.insert(call.call_id.clone());
                } else {
                    silent.push(call.clone());
                    repaired += 1;
                }
                paired.push(item);
            }
            ItemKind::ToolOutput { call_id } if open.remove(call_id) => paired.push(item),
            ItemKind::ToolCall(_) | ItemKind::ToolOutput { .. } => repaired += 1,
            _ => paired.push(item),
        }
    }
    close(&mut silent, &mut paired);
    (paired, repaired)
}

fn close(silent: &mut Vec<ToolCall>, window: &mut Vec<Item>) {
    window.extend(silent.drain(..).map(|call| Item::output(&call, &[Content::text(UNKNOWN)])));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(letter: char) -> Item {
        let id = letter.to_ascii_lowercase();
        Item::from_json(&match letter {
            '-' => r#"{"type":"message","role":"user","content":"-"}"#.to_owned(),
            letter if letter.is_lowercase() => {
                format!(
                    r#"{{"type":"function_call","call_id":"{id}","name":"t","arguments":"{{}}"}}"#
                )
            }
            _ => format!(r#"{{"type":"function_call_output","call_id":"{id}","output":""}}"#),
        })
        .unwrap()
    }

    fn letters(items: &[Item]) -> String {
        let letter = |item: &Item| match item.kind() {
            ItemKind::ToolCall(call) => call.call_id.clone(),
            ItemKind::ToolOutput { call_id } => call_id.to_uppercase(),
            _ => "-".to_owned(),
        };
        items.iter().map(letter).collect()
    }

    #[test]
    fn calls_get_the_output_they_lack_and_others_go() {
        for (found, expected, repairs) in [
            ("-abAB-", "-abAB-", 0),
            ("-a-", "-aA-", 1),
            ("-ab-", "-abAB-", 2),
            ("-abA", "-abBA", 1),
            ("A-a", "-aA", 2),
            ("-aAA", "-aA", 1),
            ("-aAaA", "-aA", 2),
            ("B-", "-", 1),
        ] {
            let (paired, repaired) = paired(found.chars().map(item).collect());
            assert_eq!((letters(&paired).as_str(), repaired), (expected, repairs), "{found}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_found_each_call_has_one_output_behind_it(found in "[-abcABC]{0,12}") {
            let (window, _) = paired(found.chars().map(item).collect());
            let window = letters(&window);
            for call in ['a', 'b', 'c'] {
                let at = |letter: char| window.match_indices(letter).map(|(at, _)| at).collect::<Vec<_>>();
                let (calls, outputs) = (at(call), at(call.to_ascii_uppercase()));
                prop_assert_eq!(calls.len(), usize::from(found.contains(call)));
                prop_assert_eq!(calls.len(), outputs.len());
                prop_assert!(calls.iter().zip(&outputs).all(|(call, output)| call < output), "{}", window);
            }
            prop_assert_eq!(window.matches('-').count(), found.matches('-').count());
        }
    }
}
