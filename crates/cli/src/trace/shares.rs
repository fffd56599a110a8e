//! How the time of turns divides among the model, the tools, the network, the person and ourselves.

use std::iter::Sum;

use serde::Serialize;

use super::model::Turn;
use super::units::percent;

/// Milliseconds; they add up to the time of the turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Shares {
    /// From a request's leaving to the end of its response.
    pub(crate) model_ms: f64,
    /// Tools that ran on after the response had ended. What ran beside it cost nobody anything.
    pub(crate) tools_ms: f64,
    /// Waiting for a connection.
    pub(crate) connect_ms: f64,
    /// Waiting for the person's word.
    pub(crate) person_ms: f64,
    /// All the rest.
    pub(crate) agent_ms: f64,
}

impl Shares {
    pub(super) fn of(turn: &Turn) -> Self {
        let sum = |of: fn(&super::model::Step) -> f64| turn.steps.iter().map(of).sum::<f64>();
        let waited = sum(|step| step.report.tool_wait_ms);
        let asked = sum(|step| {
            step.calls.iter().map(|call| call.asked_ms).sum::<f64>().min(step.report.tool_wait_ms)
        });
        let (model_ms, connect_ms) =
            (sum(|step| step.report.total_ms), sum(|step| step.report.connect_ms));
        Self {
            model_ms,
            tools_ms: waited - asked,
            connect_ms,
            person_ms: asked,
            agent_ms: (turn.duration_ms - model_ms - connect_ms - waited).max(0.0),
        }
    }

    pub(crate) fn total_ms(&self) -> f64 {
        self.model_ms + self.tools_ms + self.connect_ms + self.person_ms + self.agent_ms
    }

    /// Each with its name, as in `92 % model`; what took no time is left out, save the three that always count.
    pub(crate) fn parts(&self) -> Vec<(&'static str, f64)> {
        let always = [("model", self.model_ms), ("tools", self.tools_ms), ("agent", self.agent_ms)];
        let others = [("connecting", self.connect_ms), ("you", self.person_ms)];
        always.into_iter().chain(others.into_iter().filter(|(_, ms)| *ms > 0.0)).collect()
    }

    /// `92 % model, 6.0 % tools, 0.4 % agent`.
    pub(crate) fn sentence(&self) -> String {
        let total = self.total_ms();
        let parts =
            self.parts().into_iter().map(|(name, ms)| format!("{} {name}", percent(ms, total)));
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl Sum for Shares {
    fn sum<I: Iterator<Item = Self>>(shares: I) -> Self {
        shares.fold(Self::default(), |all, one| Self {
            model_ms: all.model_ms + one.model_ms,
            tools_ms: all.tools_ms + one.tools_ms,
            connect_ms: all.connect_ms + one.connect_ms,
            person_ms: all.person_ms + one.person_ms,
            agent_ms: all.agent_ms + one.agent_ms,
        })
    }
}
