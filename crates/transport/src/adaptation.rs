//! What an endpoint turned out not to take, and requests without it (protocol.md 2.3, 6.2, 11). Each thing is left
//! out once; what the person asked for is never left out.

use std::borrow::Cow;

use agent_protocol::{
    ApiError, CustomFormat, FrameStyle, Request, Settings, SettingsFields, ToolSpec,
};

use crate::withheld::Withheld;
use crate::{Endpoint, Network};

/// Of one transport, for its life: a thread's requests change as rarely as can be, since each change costs the
/// provider's cache.
#[derive(Debug, Default)]
pub(crate) struct Adaptation {
    without: Vec<&'static str>,
    /// The settings that were adapted last, and what became of them.
    last: Option<(Settings, Settings)>,
    withheld: Withheld,
}

impl Adaptation {
    /// The request as this endpoint takes it.
    pub(crate) fn adapt<'a>(&mut self, request: &'a Request) -> Cow<'a, Request> {
        if request.settings.is_foreign() {
            return Cow::Borrowed(request);
        }
        let window = self.withheld.window_for(&request.window);
        if self.without.is_empty() && window.is_none() {
            return Cow::Borrowed(request);
        }
        let settings = self.settings(&request.settings);
        Cow::Owned(Request { settings, window: window.unwrap_or_else(|| request.window.clone()) })
    }

    fn settings(&mut self, asked: &Settings) -> Settings {
        if self.without.is_empty() {
            return asked.clone();
        }
        match &self.last {
            Some((before, adapted)) if before == asked => adapted.clone(),
            _ => {
                let mut fields = asked.fields().clone();
                self.without.iter().for_each(|name| leave_out(&mut fields, name));
                let adapted = Settings::new(fields);
                self.last = Some((asked.clone(), adapted.clone()));
                adapted
            }
        }
    }

    /// The name of what this error complains of and the next request can do without. `sent` is what `request` was
    /// adapted to.
    pub(crate) fn learn_from(
        &mut self,
        error: &ApiError,
        request: &Request,
        sent: &Request,
    ) -> Option<&'static str> {
        if request.settings.is_foreign() {
            return None;
        }
        self.learn_field(error, sent)
            .or_else(|| self.withheld.learn_from(error, &request.window, &sent.window))
    }

    fn learn_field(&mut self, error: &ApiError, request: &Request) -> Option<&'static str> {
        if !matches!(error.status, Some(400 | 422)) {
            return None;
        }
        let param = error.param.as_deref().unwrap_or_default();
        let is_about_grammar = [param, &*error.message].iter().any(|text| text.contains(GRAMMAR));
        let name = OPTIONAL.into_iter().find(|name| param.starts_with(name));
        let name = name.or(is_about_grammar.then_some(GRAMMAR))?;
        if self.without.contains(&name) || !is_set(request.settings.fields(), name) {
            return None;
        }
        self.without.push(name);
        self.last = None;
        Some(name)
    }
}

/// Fields that we add by ourselves.
const OPTIONAL: [&str; 4] = ["reasoning.summary", "text.verbosity", "include", "prompt_cache_key"];
/// What a custom tool's input is held to; without it the tool takes any text (protocol.md 3.4).
const GRAMMAR: &str = "grammar";

fn is_set(fields: &SettingsFields, name: &str) -> bool {
    match name {
        "reasoning.summary" => fields.reasoning.as_ref().is_some_and(|it| it.summary.is_some()),
        "text.verbosity" => fields.text.as_ref().is_some_and(|it| it.verbosity.is_some()),
        "include" => !fields.include.is_empty(),
        "prompt_cache_key" => !fields.prompt_cache_key.is_empty(),
        GRAMMAR => fields.tools.iter().any(|tool| {
            matches!(tool, ToolSpec::Custom { format: CustomFormat::Grammar { .. }, .. })
        }),
        _ => false,
    }
}

fn leave_out(fields: &mut SettingsFields, name: &str) {
    match name {
        "reasoning.summary" => {
            if let Some(reasoning) = &mut fields.reasoning {
                reasoning.summary = None;
            }
            fields.reasoning =
                fields.reasoning.take().filter(|reasoning| *reasoning != Default::default());
        }
        "text.verbosity" => {
            if let Some(text) = &mut fields.text {
                text.verbosity = None;
            }
            fields.text = fields.text.take().filter(|text| *text != Default::default());
        }
        "include" => fields.include.clear(),
        "prompt_cache_key" => fields.prompt_cache_key.clear(),
        GRAMMAR => fields.tools.iter_mut().for_each(|tool| {
            if let ToolSpec::Custom { format, .. } = tool {
                *format = CustomFormat::Text;
            }
        }),
        _ => {}
    }
}

/// Lean where endpoint and model can read it (protocol.md 2.3). Our own gateway reads it for every model.
pub(crate) fn style_of(
    endpoint: &Endpoint,
    network: &Network,
    request: &Request,
    is_gateway: bool,
) -> FrameStyle {
    let reads = endpoint.facts.lean && reads_lean(&request.settings.fields().model);
    if (is_gateway || reads) && !network.is_classic(endpoint.authority()) {
        FrameStyle::Lean
    } else {
        FrameStyle::Classic
    }
}

/// GPT-5.6 and later, whatever stands before or behind: `openai/gpt-6-sol`.
fn reads_lean(model: &str) -> bool {
    let Some((_, version)) = model.rsplit_once("gpt-") else { return false };
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let mut numbers =
        version[..end].split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    (major, minor) >= (5, 6)
}

/// GPT-6 and later (protocol.md 2.4).
pub(crate) fn can_be_steered(model: &str) -> bool {
    let version = model.rsplit_once("gpt-").map(|(_, version)| version.split(['-', '.']).next());
    version.flatten().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 6)
}

#[cfg(test)]
mod tests {
    use agent_protocol::{Item, ReasoningOptions};

    use super::*;
    use crate::fixture::settings;

    #[test]
    fn models_are_known_by_their_version() {
        for (model, lean, steered) in [
            ("gpt-5.5", false, false),
            ("gpt-5.6-sol", true, false),
            ("gpt-5.10", true, false),
            ("gpt-6-sol", true, true),
            ("openai/gpt-6", true, true),
            ("gpt-oss-120b", false, false),
            ("gpt-", false, false),
            ("grok-7", false, false),
        ] {
            assert_eq!((reads_lean(model), can_be_steered(model)), (lean, steered), "{model}");
        }
    }

    #[test]
    fn a_field_of_ours_that_is_refused_is_left_out_once_and_for_good() {
        let mut fields = settings("i").fields().clone();
        let effort = Some("high".to_owned());
        fields.reasoning = Some(ReasoningOptions { effort, summary: Some("auto".to_owned()) });
        let window = [Item::developer("a")].into_iter().collect();
        let request = Request { settings: Settings::new(fields), window };
        let refused = |param: &str| ApiError {
            status: Some(400),
            param: Some(param.to_owned()),
            ..ApiError::default()
        };
        let mut adaptation = Adaptation::default();
        assert!(matches!(adaptation.adapt(&request), Cow::Borrowed(_)));
        for (param, learned) in [
            ("reasoning.summary", Some("reasoning.summary")),
            ("reasoning.summary", None),
            ("reasoning.effort", None),
            ("include[0]", None),
            ("model", None),
        ] {
            assert_eq!(
                adaptation.learn_from(&refused(param), &request, &request),
                learned,
                "{param}"
            );
        }
        let adapted = adaptation.adapt(&request).into_owned();
        assert!(adapted.settings.json().contains(r#""reasoning":{"effort":"high"}"#));
        assert!(adaptation.adapt(&request).settings == adapted.settings);
    }
}
