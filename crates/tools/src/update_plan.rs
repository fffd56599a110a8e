//! The plan the model keeps for the person: recorded and shown, nothing else comes of it.

use agent_protocol::{Action, Content, ItemDetails, Todo, ToolCall, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments};

pub(crate) const NAME: &str = "update_plan";

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description:
            "Show the person your plan and how far you are. Pass the whole plan each time; \
                      at most one step is in progress."
                .into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "explanation": {"type": "string", "description": "Why the plan changed."},
                "plan": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "step": {"type": "string"},
                        "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]}
                    },
                    "required": ["step", "status"],
                    "additionalProperties": false
                }}
            },
            "required": ["plan"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    plan: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    step: String,
    status: Stage,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Pending,
    InProgress,
    Completed,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let Args { plan } = arguments::parse(call, &spec(toolbox.config()))?;
    let items = plan
        .into_iter()
        .map(|step| Todo {
            text: step.step,
            completed: step.status == Stage::Completed,
            in_progress: step.status == Stage::InProgress,
        })
        .collect();
    let details = ItemDetails::TodoList { items };
    let output = ToolOutput {
        content: vec![Content::text("Plan updated")],
        details: details.clone(),
        success: true,
        rejected: None,
    };
    Ok(Prepared {
        action: Action::Note,
        details,
        perform: Box::new(|_progress| Box::pin(async { output })),
    })
}
