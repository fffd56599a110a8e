//! What is said before the person says anything: instructions, facts about the surroundings, AGENTS.md. In this
//! order, since what changes least must stand first for the provider's prompt cache to hit.

mod docs;
mod imports;
mod surroundings;

use agent_protocol::{Content, Item};

pub use docs::{DocSearch, Docs};
pub use surroundings::{GitFacts, Surroundings, approval_rule};

/// Our own instructions for a coding agent.
pub const BASE_INSTRUCTIONS: &str = include_str!("prompt/base.md");

/// The beginning of a thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// For the `instructions` of every request.
    pub instructions: String,
    /// The first items of the window.
    pub items: Vec<Item>,
    /// What the person should know of it, a sentence each.
    pub notes: Vec<String>,
}

impl Opening {
    /// `instructions` stand in for our own; `developer` is added to the facts. Reads the documents `search` finds.
    pub fn new(
        instructions: Option<String>,
        surroundings: &Surroundings,
        developer: Option<&str>,
        search: &DocSearch,
    ) -> Self {
        let facts = surroundings.to_string();
        let facts = match developer.map(str::trim).filter(|text| !text.is_empty()) {
            Some(more) => format!("{facts}\n\n{more}"),
            None => facts,
        };
        let docs = search.read();
        let mut items = vec![Item::developer(&facts)];
        if let Some(text) = docs.message(&surroundings.cwd) {
            items.push(Item::user(&[Content::text(text)]));
        }
        let instructions = instructions.unwrap_or_else(|| BASE_INSTRUCTIONS.trim_end().to_owned());
        Self { instructions, items, notes: docs.notes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::{ApprovalPolicy, SandboxMode};

    #[test]
    fn facts_stand_before_the_projects_own_words_and_those_are_the_persons() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("AGENTS.md"), "Use tabs.\n").unwrap();
        let surroundings = Surroundings {
            cwd: dir.path().to_owned(),
            shell: "bash".into(),
            os: "linux x86_64".into(),
            date: "2026-11-24".into(),
            sandbox: SandboxMode::ReadOnly,
            network: false,
            approval: ApprovalPolicy::Never,
            allowed: vec![],
            writable_roots: vec![],
            git: None,
        };
        let search = DocSearch {
            homes: vec![],
            directories: vec![dir.path().to_owned()],
            fallback_names: vec![],
            max_bytes: 32_768,
            hidden: agent_tools::Hidden::default(),
        };
        let opening = Opening::new(None, &surroundings, Some("Be brief."), &search);
        assert_eq!(opening.instructions, BASE_INSTRUCTIONS.trim_end());
        let [facts, docs] = opening.items.as_slice() else { panic!("{:?}", opening.items) };
        assert!(
            facts.json().contains(r#""role":"developer""#) && facts.json().contains("Be brief.")
        );
        assert!(docs.json().contains(r#""role":"user""#));
        let expected = format!(
            "# AGENTS.md instructions for {}\n\n<INSTRUCTIONS>\nUse tabs.\n\n</INSTRUCTIONS>",
            dir.path().display()
        );
        let sent: serde_json::Value = serde_json::from_str(docs.json()).unwrap();
        assert_eq!(sent["content"][0]["text"], expected);

        let replaced = Opening::new(Some("Mine.".into()), &surroundings, None, &search);
        assert_eq!(replaced.instructions, "Mine.");
    }

    #[test]
    fn the_base_instructions_stay_short() {
        let words = BASE_INSTRUCTIONS.split_whitespace().count();
        assert!((300..=1200).contains(&words), "{words} words");
    }
}
