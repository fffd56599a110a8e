//! What of a conversation an endpoint refuses, and the conversation without it: sealed reasoning of another provider or
//! model (protocol.md 3.6), an image it cannot read (6.2). What comes after a refusal is sent as it is.

use agent_protocol::{ApiError, Item, ItemKind, Window, WindowLog};
use serde_json::{Value, json};

/// Nothing is withheld until something was refused, and nothing once the history was rewritten.
#[derive(Debug, Default)]
pub(crate) struct Withheld(Option<Shorter>);

/// The conversation without what was refused, kept in step with it so that a chain holds from request to request.
#[derive(Debug)]
struct Shorter {
    of: Window,
    log: WindowLog,
}

impl Withheld {
    /// The window to send in place of this one.
    pub(crate) fn window_for(&mut self, window: &Window) -> Option<Window> {
        let (whole, last) = window.split_last();
        let copy = self.0.as_mut().filter(|copy| whole.continues(&copy.of, 0));
        let Some(copy) = copy else {
            self.0 = None;
            return None;
        };
        whole.from(copy.of.len()).for_each(|item| copy.log.push(item.clone()));
        copy.of = whole;
        let sent = copy.log.window();
        Some(last.map_or_else(|| sent.clone(), |last| sent.with_last(last.clone())))
    }

    /// What the error complains of, when `sent`, which stood for `window`, can do without it.
    pub(crate) fn learn_from(
        &mut self,
        error: &ApiError,
        window: &Window,
        sent: &Window,
    ) -> Option<&'static str> {
        if !matches!(error.status, None | Some(400 | 422)) {
            return None;
        }
        let texts = [error.code.as_deref(), error.param.as_deref(), Some(&*error.message)];
        let (sent, _) = sent.split_last();
        let is_sealed = texts.into_iter().flatten().any(|text| text.contains("encrypted_content"));
        let (name, items) = if is_sealed {
            ("sealed reasoning", without_reasoning(&sent))
        } else if error.code().contains("image") {
            ("an image", without_newest_image(&sent))
        } else {
            return None;
        };
        let mut log = WindowLog::default();
        items?.into_iter().for_each(|item| log.push(item));
        self.0 = Some(Shorter { of: window.split_last().0, log });
        Some(name)
    }
}

/// `None` when there is none.
fn without_reasoning(window: &Window) -> Option<Vec<Item>> {
    let is_reasoning = |item: &&Item| matches!(item.kind(), ItemKind::Reasoning { .. });
    window.iter().any(|item| is_reasoning(&item)).then(|| {
        let others = window.iter().filter(|item| !is_reasoning(item));
        others.cloned().collect()
    })
}

/// The images before it have been taken before. `None` when there is none.
fn without_newest_image(window: &Window) -> Option<Vec<Item>> {
    let mut items: Vec<_> = window.iter().cloned().collect();
    let (place, item) =
        items.iter().enumerate().rev().find_map(|(at, item)| Some((at, without_images(item)?)))?;
    items[place] = item;
    Some(items)
}

/// The item with a word in place of each image, if it has any.
fn without_images(item: &Item) -> Option<Item> {
    if !item.json().contains("input_image") {
        return None;
    }
    let mut value: Value = serde_json::from_str(item.json()).ok()?;
    let mut found = false;
    for name in ["content", "output"] {
        for part in value[name].as_array_mut().into_iter().flatten() {
            if part["type"] == "input_image" {
                *part = json!({"type": "input_text", "text": "[an image that was refused]"});
                found = true;
            }
        }
    }
    if found { Item::from_json(&value.to_string()).ok() } else { None }
}
