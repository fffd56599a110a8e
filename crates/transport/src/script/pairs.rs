//! The rule that every call has its output and every output its call (C3.1), as the API enforces it.

use std::collections::HashMap;

use agent_protocol::{ApiError, Item, Window};

/// The API's own error for a conversation that breaks the rule.
pub(crate) fn unpaired(window: &Window) -> Option<ApiError> {
    let mut open: HashMap<&str, bool> = HashMap::new();
    for item in window.iter() {
        if let Some(call) = item.as_call() {
            if open.insert(&call.call_id, is_async(item)).is_some() {
                return Some(refusal(format!("Duplicate call id {}.", call.call_id)));
            }
        } else if let Some(call_id) = item.answers()
            && open.remove(call_id).is_none()
        {
            return Some(refusal(format!(
                "No tool call found for function call output with call_id {call_id}."
            )));
        }
    }
    // The first in the conversation's order, so that the same mistake has the same words.
    let left = window
        .iter()
        .filter_map(Item::as_call)
        .find(|call| open.get(&*call.call_id) == Some(&false));
    left.map(|call| refusal(format!("No tool output found for function call {}.", call.call_id)))
}

/// Its output may come in any later request.
fn is_async(item: &Item) -> bool {
    #[derive(serde::Deserialize)]
    struct Call {
        #[serde(default)]
        r#async: bool,
    }
    item.json().contains("\"async\"")
        && serde_json::from_str(item.json()).is_ok_and(|Call { r#async }| r#async)
}

fn refusal(message: String) -> ApiError {
    ApiError {
        status: Some(400),
        kind: Some("invalid_request_error".to_owned()),
        message,
        param: Some("input".to_owned()),
        ..ApiError::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_output_behind_it() {
        let call = r#"{"type":"function_call","call_id":"a","name":"t","arguments":"{}"}"#;
        let later =
            r#"{"type":"function_call","call_id":"a","name":"t","arguments":"{}","async":true}"#;
        let output = r#"{"type":"function_call_output","call_id":"a","output":""}"#;
        let missing = "No tool output found for function call a.";
        let orphan = "No tool call found for function call output with call_id a.";
        for (items, message) in [
            (&[call, output][..], None),
            (&[call, output, call, output], None),
            (&[later], None),
            (&[call], Some(missing)),
            (&[output], Some(orphan)),
            (&[output, call], Some(orphan)),
            (&[call, output, output], Some(orphan)),
            (&[call, call, output], Some("Duplicate call id a.")),
        ] {
            let window = items.iter().map(|json| Item::from_json(json).unwrap()).collect();
            assert_eq!(
                unpaired(&window).map(|error| error.message).as_deref(),
                message,
                "{items:?}"
            );
        }
    }
}
