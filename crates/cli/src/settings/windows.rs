//! How many tokens go into the windows of well-known models, for endpoints that do not say it. The configuration, and
//! what an endpoint says, count before.

/// By the beginning of the name; the first that fits counts. Where a window is shared out, what is left for the input.
const KNOWN: [(&str, u64); 13] = [
    ("gpt-5-chat", 128_000),
    ("gpt-5", 272_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4o", 128_000),
    ("chatgpt-4o", 128_000),
    ("gpt-4-turbo", 128_000),
    ("codex-mini", 200_000),
    ("o1-mini", 128_000),
    ("o1", 200_000),
    ("o3", 200_000),
    ("o4-mini", 200_000),
    ("claude", 200_000),
    ("gemini-2.5", 1_048_576),
];

/// The window of the model of this name, which may have its provider's before it.
pub(super) fn known(model: &str) -> Option<u64> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_it = |beginning: &str| {
        let rest = name.strip_prefix(beginning);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    };
    KNOWN.iter().find(|(beginning, _)| is_it(beginning)).map(|(_, tokens)| *tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_known_by_the_beginning_of_its_names_and_nothing_else_is() {
        for (model, tokens) in [
            ("gpt-5", Some(272_000)),
            ("gpt-5.5", Some(272_000)),
            ("openai/gpt-5.1-codex-max", Some(272_000)),
            ("gpt-5-chat-latest", Some(128_000)),
            ("gpt-4.1-mini", Some(1_047_576)),
            ("gpt-4o-mini-2024-07-18", Some(128_000)),
            ("o3-pro", Some(200_000)),
            ("o1-mini", Some(128_000)),
            ("gpt-50", None),
            ("o30", None),
            ("my-gpt-5", None),
            ("gpt-oss:20b", None),
        ] {
            assert_eq!(known(model), tokens, "{model}");
        }
    }
}
