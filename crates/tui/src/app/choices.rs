//! What of the thread and of the screen is chosen from a list: model, effort, sandbox, approvals, colours.

use agent_protocol::{ApprovalPolicy, SandboxMode};

use super::App;
use crate::effect::{Choice, Effect, Next};
use crate::overlay::Picker;
use crate::slash::Verb;
use crate::theme::Scheme;

/// What models take, from the least to the most.
const EFFORTS: [&str; 8] = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

const SANDBOXES: [(SandboxMode, &str); 3] = [
    (SandboxMode::ReadOnly, "nothing is written but temporary files"),
    (SandboxMode::WorkspaceWrite, "the workspace may be written"),
    (SandboxMode::DangerFullAccess, "no sandbox at all"),
];

const POLICIES: [(ApprovalPolicy, &str); 3] = [
    (ApprovalPolicy::OnRequest, "when more is wanted than the sandbox gives"),
    (ApprovalPolicy::Untrusted, "before everything that is not known to only look"),
    (ApprovalPolicy::Never, "what would need a question is refused"),
];

impl App {
    /// Model, effort, sandbox or approvals: without an argument, the list of what there is.
    pub(super) fn change(&mut self, verb: Verb, argument: &str) -> Vec<Effect> {
        if argument.is_empty() {
            let (title, choices) = self.choices(verb);
            self.overlays.push(Box::new(Picker::new(verb, title, choices)));
            return if verb == Verb::Model { vec![Effect::FindModels] } else { vec![] };
        }
        match verb {
            Verb::Model => vec![Effect::UseModel(argument.to_owned())],
            Verb::Effort if !self.efforts().contains(&argument) => {
                let levels = self.efforts().join(", ");
                self.fail(format!("There is no effort `{argument}`. There are: {levels}."));
                vec![]
            }
            Verb::Effort => vec![Effect::UseEffort(argument.to_owned())],
            Verb::Approvals => self.open_parsed(argument.parse().map(Next::Approvals)),
            _ => self.open_parsed(argument.parse().map(Next::Sandbox)),
        }
    }

    fn open_parsed(&mut self, next: Result<Next, String>) -> Vec<Effect> {
        match next {
            Ok(next) => self.open(next),
            Err(error) => {
                self.fail(format!("{error}."));
                vec![]
            }
        }
    }

    /// The levels of effort, and the one that the configuration has chosen: it may know more than we do.
    fn efforts(&self) -> Vec<&str> {
        let current = self.facts.effort.as_deref().filter(|level| !EFFORTS.contains(level));
        EFFORTS.iter().copied().chain(current).collect()
    }

    fn choices(&self, verb: Verb) -> (&'static str, Vec<Choice>) {
        let thread = self.transcript.thread.as_ref();
        let choice = |value: &str, note: &str, is_current: bool| Choice {
            value: value.to_owned(),
            label: value.to_owned(),
            note: note.to_owned(),
            is_here: true,
            is_current,
        };
        match verb {
            Verb::Effort => {
                let current = self.facts.effort.as_deref();
                let levels = self.efforts();
                let levels = levels.iter().map(|level| choice(level, "", current == Some(level)));
                ("How long should the model think?", levels.collect())
            }
            Verb::Sandbox => {
                let current = thread.map(|thread| thread.sandbox);
                let modes = SANDBOXES
                    .iter()
                    .map(|(mode, says)| choice(mode.as_str(), says, current == Some(*mode)));
                ("How far may commands and edits reach?", modes.collect())
            }
            Verb::Approvals => {
                let current = thread.map(|thread| thread.approval_policy);
                let policies = POLICIES
                    .iter()
                    .map(|(policy, says)| choice(policy.as_str(), says, current == Some(*policy)));
                ("About what do you want to be asked?", policies.collect())
            }
            _ => {
                let current = thread.map(|thread| thread.model.as_str());
                let mut names: Vec<_> = self.facts.models.iter().map(String::as_str).collect();
                if let Some(current) = current.filter(|current| !names.contains(current)) {
                    names.insert(0, current);
                }
                let models = names.into_iter().map(|name| choice(name, "", current == Some(name)));
                ("Which model? /model NAME takes any other", models.collect())
            }
        }
    }

    /// Lists them below those that are known, where the list is still open.
    pub(super) fn offer_models(&mut self, models: Vec<String>) {
        let known = &mut self.facts.models;
        let new: Vec<_> = models.into_iter().filter(|name| !known.contains(name)).collect();
        known.extend(new);
        let (_, choices) = self.choices(Verb::Model);
        if let Some(top) = self.overlays.last_mut() {
            top.take_choices(Verb::Model, &choices);
        }
    }

    pub(super) fn choose_theme(&mut self, argument: &str) -> Vec<Effect> {
        if !argument.is_empty() {
            let found = Scheme::named(argument);
            match found {
                Some(scheme) => {
                    self.note(format!("The theme is {} from here on.", scheme.name()));
                }
                None => self
                    .fail(format!("There is no theme `{argument}`; /theme shows those there are.")),
            }
            return found.map(Effect::Dress).into_iter().collect();
        }
        let choice = |scheme: Scheme| Choice {
            value: scheme.name().to_owned(),
            label: scheme.name().to_owned(),
            note: if scheme == Scheme::Auto { "as the terminal says" } else { "" }.to_owned(),
            is_here: true,
            is_current: scheme == self.scheme,
        };
        let choices = Scheme::ALL.into_iter().map(choice).collect();
        self.overlays.push(Box::new(Picker::new(Verb::Theme, "Which colours?", choices)));
        vec![]
    }
}
