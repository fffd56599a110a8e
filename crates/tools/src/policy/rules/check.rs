//! What the rules say of a command, without running it, as other programs read it.

use std::path::Path;

use serde::Serialize;

use super::{Effect, Rule, Rules, by_name};
use crate::policy::places::in_their_places;
use crate::policy::repository::Repository;
use crate::policy::shell;

/// The answer. As JSON it has the names that Codex's `execpolicy check` gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleCheck {
    /// What becomes of the command; none when the rules leave it to the approval policy and the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Effect>,
    matched_rules: Vec<Matched>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Matched {
    prefix_rule_match: PrefixMatch,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrefixMatch {
    matched_prefix: Vec<String>,
    decision: Effect,
    /// The path by which the program was called, where the rule names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_program: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
    /// `FILE:LINE`; ours alone.
    rule: String,
}

impl Rules {
    /// What they say of a command line of the model's that would run in `cwd`.
    pub fn check(&self, line: &str, cwd: &Path) -> RuleCheck {
        let mut matched_rules = Vec::new();
        let mut note = |matched: Matched| {
            if !matched_rules.contains(&matched) {
                matched_rules.push(matched);
            }
        };
        for words in self.all_commands(line) {
            let strict = self.rules.iter().filter(|rule| rule.effect != Effect::Allow);
            strict.filter_map(|rule| rule.matched_by(&words)).for_each(&mut note);
        }
        let commands = shell::commands(line).unwrap_or_default();
        let own = Repository::of(cwd);
        let allowing: Vec<_> = in_their_places(&commands, cwd, &own)
            .map(|(words, places)| self.allowing(words, &places)?.matched_by(words))
            .collect();
        let all_allowed = !allowing.is_empty() && allowing.iter().all(Option::is_some);
        allowing.into_iter().flatten().for_each(note);
        let strictest = self.against(line).map(|rule| rule.effect);
        RuleCheck { decision: strictest.or(all_allowed.then_some(Effect::Allow)), matched_rules }
    }
}

impl Rule {
    fn matched_by(&self, words: &[String]) -> Option<Matched> {
        let (words, resolved_program) = match by_name(words) {
            _ if self.matches(words) => (words.to_vec(), None),
            Some(named) if self.matches(&named) => (named, words.first().cloned()),
            _ => return None,
        };
        let matched_prefix = words.into_iter().take(self.pattern.len()).collect();
        Some(Matched {
            prefix_rule_match: PrefixMatch {
                matched_prefix,
                decision: self.effect,
                resolved_program,
                justification: self.justification.clone(),
                rule: self.place.to_string(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: &str = r#"
prefix_rule(pattern=["git", ["push", "fetch"]], decision="prompt", justification="Others see it.")
prefix_rule(pattern=["git", "push", "--force"], decision="forbidden")
prefix_rule(pattern=["cargo", "test"])
host_executable(name="cargo", paths=["/opt/cargo"])
"#;

    fn decision(line: &str) -> serde_json::Value {
        let rules = Rules::parse(Path::new("my.rules"), RULES).0;
        serde_json::to_value(rules.check(line, Path::new("/"))).unwrap()["decision"].clone()
    }

    #[test]
    fn it_is_what_would_be_judged_of_the_same_line() {
        for (line, expected) in [
            ("git push origin", json!("prompt")),
            ("git push --force", json!("forbidden")),
            ("cargo test && git fetch", json!("prompt")),
            ("cargo test", json!("allow")),
            ("/opt/cargo test", json!("allow")),
            ("/tmp/cargo test", json!(null)),
            ("cargo test && ls", json!(null)),
            ("bash -c 'git push'", json!("prompt")),
            ("/usr/bin/git push", json!("prompt")),
            ("cargo test $x", json!(null)),
            ("", json!(null)),
        ] {
            assert_eq!(decision(line), expected, "{line}");
        }
    }

    #[test]
    fn each_rule_that_matches_is_named_with_the_words_it_matches() {
        let rules = Rules::parse(Path::new("my.rules"), RULES).0;
        let check =
            serde_json::to_value(rules.check("/usr/bin/git push --force", Path::new("/"))).unwrap();
        assert_eq!(
            check,
            json!({"decision": "forbidden", "matchedRules": [
                {"prefixRuleMatch": {"matchedPrefix": ["git", "push"], "decision": "prompt",
                    "resolvedProgram": "/usr/bin/git", "justification": "Others see it.", "rule": "my.rules:2"}},
                {"prefixRuleMatch": {"matchedPrefix": ["git", "push", "--force"], "decision": "forbidden",
                    "resolvedProgram": "/usr/bin/git", "rule": "my.rules:3"}},
            ]})
        );
        let none = serde_json::to_string(&rules.check("ls", Path::new("/"))).unwrap();
        assert_eq!(none, r#"{"matchedRules":[]}"#);
    }
}
