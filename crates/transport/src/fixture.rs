//! Settings for the tests in this crate's files.

use agent_protocol::{Settings, SettingsFields, ToolChoice};

pub(crate) fn settings(instructions: &str) -> Settings {
    Settings::new(SettingsFields {
        model: "m".to_owned(),
        instructions: instructions.to_owned(),
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: None,
        text: None,
        store: false,
        include: vec![],
        service_tier: None,
        prompt_cache_key: "thread".to_owned(),
        max_output_tokens: None,
    })
}
