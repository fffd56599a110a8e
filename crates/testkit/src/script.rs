//! A scripted model as a test writes it: a line a step.

use agent_transport::{Script, Scripted, Step};
use serde_json::Value;

use crate::ScriptedServer;

/// What the model will do, a response each call. What a line does not reach is said with [`ScriptedModel::step`].
#[derive(Clone, Debug, Default)]
pub struct ScriptedModel(Vec<Step>);

impl ScriptedModel {
    pub fn new() -> Self {
        Self::default()
    }

    /// A response that is a message.
    #[must_use]
    pub fn says(self, text: &str) -> Self {
        self.step(Step::new().says(text))
    }

    /// A response that calls a function.
    #[must_use]
    pub fn calls(self, tool: &str, arguments: Value) -> Self {
        self.step(Step::new().calls(tool, arguments))
    }

    /// A response that calls several functions.
    #[must_use]
    pub fn calls_at_once<const N: usize>(self, calls: [(&str, Value); N]) -> Self {
        let step = calls
            .into_iter()
            .fold(Step::new(), |step, (tool, arguments)| step.calls(tool, arguments));
        self.step(step)
    }

    /// A response that calls a custom tool, whose input is free text.
    #[must_use]
    pub fn calls_freely(self, tool: &str, input: &str) -> Self {
        self.step(Step::new().calls_freely(tool, input))
    }

    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    pub fn script(self) -> Script {
        Script::new("test", self.0)
    }

    /// The model without any socket.
    pub fn transport(self) -> Scripted {
        Scripted::new(self.script())
    }

    /// The model behind a gateway on a socket of its own.
    pub fn serve(self) -> ScriptedServer {
        ScriptedServer::start(self.script())
    }
}
