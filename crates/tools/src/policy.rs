//! The policy: what an action is allowed to do, decided from values alone but for three looks ([`places`],
//! [`repository`], and which program a name stands for).
//! Enforcing it is the sandbox's business.

mod beyond;
mod changes;
mod known_safe;
mod offer;
mod places;
mod repository;
mod rules;
pub(crate) mod shell;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use agent_protocol::{Action, ApprovalPolicy, RejectReason, RuleScope, SandboxMode};

use crate::search_path::SearchPath;
use crate::shared::Shared;

use beyond::obeys_another_repository;
use places::{Places, in_their_places};
use repository::Repository;
use rules::{Author, Effect, Rule};
pub use rules::{RuleCheck, RuleError, Rules};

/// What the person allowed for a thread.
#[derive(Clone, Debug)]
pub struct Policy {
    approval: ApprovalPolicy,
    sandbox: SandboxMode,
    /// Where the thread works.
    workspace: PathBuf,
    /// Where that was when the thread began: what the model makes later is not it.
    repository: Repository,
    /// Whether what its configuration names may run unasked.
    trusts_repository: bool,
    search: SearchPath,
    rules: Rules,
    files: RuleFiles,
    /// The homes of what says how we work.
    own: Vec<PathBuf>,
    /// What links there lead to.
    linked: Vec<PathBuf>,
    remembered: Vec<Action>,
}

/// Where rules go that the person makes by an answer; where there is no file, no such answer is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFiles {
    /// Those that hold everywhere.
    pub always: Option<PathBuf>,
    /// Those that hold in this project.
    pub project: Option<PathBuf>,
}

/// What becomes of an action. `rule` is what decided, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow {
        rule: String,
    },
    Ask(Question),
    /// It may not; the model reads why.
    Deny {
        reason: String,
        rule: String,
        because: RejectReason,
    },
}

/// What the person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub reason: String,
    pub rule: String,
    /// What of the confinement would not hold, for this command and for those that a lasting rule would allow.
    pub lifts: Option<String>,
    /// The words that a lasting rule would begin with.
    pub prefix: Option<Vec<String>>,
}

/// The rule of what the person allowed with [`Policy::remember`].
pub const FOR_THIS_THREAD: &str = "the person, for this thread";

const UNTRUSTED: &str = "approval policy untrusted";

impl Policy {
    pub fn new(approval: ApprovalPolicy, sandbox: SandboxMode, workspace: PathBuf) -> Self {
        let repository = Repository::of(&workspace);
        Self {
            approval,
            sandbox,
            workspace,
            repository,
            trusts_repository: false,
            search: SearchPath::default(),
            rules: Rules::default(),
            files: RuleFiles::default(),
            own: Vec::new(),
            linked: Vec::new(),
            remembered: Vec::new(),
        }
    }

    /// With these rules, and where new ones go.
    #[must_use]
    pub fn with_rules(self, rules: Rules, files: RuleFiles) -> Self {
        Self { rules, files, ..self }
    }

    /// The person trusts the directory, and with it what the configuration of its repository has git run.
    #[must_use]
    pub fn trusting_repository(self) -> Self {
        Self { trusts_repository: true, ..self }
    }

    /// Below these directories no edit beyond the sandbox is ever allowed: their files say what we may do.
    #[must_use]
    pub fn guarding(self, own: Vec<PathBuf>) -> Self {
        Self { own, ..self }
    }

    /// What lies here says what we may do as well, because links in those directories lead here: no edit of it is allowed,
    /// be it in the workspace.
    #[must_use]
    pub fn guarding_linked(self, linked: Vec<PathBuf>) -> Self {
        Self { linked, ..self }
    }

    /// Commands look for programs along `path`; what is found below a `shared` directory, or through one, is none that is
    /// known by its name.
    #[must_use]
    pub fn searching(self, path: &OsStr, shared: Shared) -> Self {
        Self { search: SearchPath::new(path, shared), ..self }
    }

    /// What becomes of `action` under what the person said so far.
    pub fn judge(&self, action: &Action) -> Verdict {
        if self.remembered.contains(&deed(action)) {
            return allow(FOR_THIS_THREAD);
        }
        match action {
            Action::Note | Action::Read { .. } => allow("changes nothing"),
            Action::Attend { input, escalated, .. } => self.judge_input(input, *escalated),
            Action::Edit { paths, beyond, .. } => self.judge_edit(paths, beyond),
            Action::Run { command, escalated, cwd, terminal, justification } => {
                if let Some(rule) = self.rules.against(command) {
                    return self.judge_by(rule, *escalated);
                }
                let verdict = if *escalated {
                    self.judge_line_outside(command, cwd, justification.as_deref())
                } else {
                    self.judge_confined(command, cwd, *terminal)
                };
                self.with_offer(verdict, command, cwd, *escalated)
            }
        }
    }

    fn judge_by(&self, rule: &Rule, escalated: bool) -> Verdict {
        let why = rule.justification.as_deref();
        let asks = match self.approval {
            ApprovalPolicy::Never => false,
            ApprovalPolicy::Granular(asked) => asked.rules,
            ApprovalPolicy::OnRequest | ApprovalPolicy::Untrusted => true,
        };
        if rule.effect == Effect::Prompt && asks {
            return Verdict::Ask(Question {
                reason: match (why, rule.author) {
                    (Some(why), Author::Person) => why.to_owned(),
                    (Some(why), Author::Project) => format!("a rule of the project says: {why}"),
                    (None, author) => format!("a rule of {author} says to ask"),
                },
                rule: rule.in_log(),
                lifts: escalated.then(|| NO_SANDBOX.to_owned()),
                prefix: None,
            });
        }
        let does = match rule.effect {
            Effect::Prompt => "says to ask the person, and nobody can be asked",
            Effect::Allow | Effect::Forbidden => "forbids this command",
        };
        let why = why.map(|why| format!(" It says: {why}")).unwrap_or_default();
        let reason = format!(
            "A rule of {} {does}.{why} It did not run; do not try it another way.",
            rule.author
        );
        deny(&reason, rule.in_log())
    }

    /// What is known to only read is not allowed outside by that (S19).
    fn judge_line_outside(&self, line: &str, cwd: &Path, justification: Option<&str>) -> Verdict {
        let commands = shell::commands(line).unwrap_or_default();
        let something = in_their_places(&commands, cwd, &self.repository)
            .filter(|(words, _)| !self.touches_nothing(words));
        let rules: Option<Vec<_>> =
            something.map(|(words, places)| self.letting_out(words, &places)).collect();
        match rules {
            Some(rules) if !rules.is_empty() => allow_by(&rules),
            _ => {
                let mut places = in_their_places(&commands, cwd, &self.repository);
                let why = places.find_map(|(words, places)| self.why_no_rule(words, &places));
                let verdict = self.judge_escalated(justification.unwrap_or(UNEXPLAINED));
                match why {
                    Some(why) => also_saying(verdict, why),
                    None => verdict,
                }
            }
        }
    }

    /// Why a rule that speaks of this command does not let it out: who has one would wonder.
    fn why_no_rule(&self, words: &[String], places: &Places) -> Option<&'static str> {
        let rule = self.rules.speaking_of(words)?;
        let mut programs = beyond::programs(words, rule.pattern.len());
        if obeys_another_repository(words, places) {
            Some(ANOTHER_REPOSITORY)
        } else {
            (!programs.all(|program| self.is_as_said(program))).then_some(OF_PROJECT)
        }
    }

    /// The rule that allows this command outside. The name of a program, which is all that a rule says of it, is not
    /// that of a file the model or the project may have put there; a path is the person's own word.
    fn letting_out(&self, words: &[String], places: &Places) -> Option<&Rule> {
        let rule = self.rules.allowing(words, places)?;
        let mut programs = beyond::programs(words, rule.pattern.len());
        programs.all(|program| self.is_as_said(program)).then_some(rule)
    }

    fn is_as_said(&self, program: &str) -> bool {
        program.contains('/') || self.search.finds_the_systems(program)
    }

    fn touches_nothing(&self, words: &[String]) -> bool {
        known_safe::touches_nothing(words)
            && words.first().is_some_and(|name| self.search.finds_the_systems(name))
    }

    /// Into a terminal anything can be typed later, a pager's `!` included.
    fn judge_confined(&self, line: &str, cwd: &Path, terminal: bool) -> Verdict {
        let asked = self.unless_untrusted("it is not known to change nothing");
        let Verdict::Ask(_) = asked else { return asked };
        let Some(commands) = shell::commands(line) else { return asked };
        let is_known = |cwd: &&Path| self.trusts_repository && *cwd == self.workspace;
        let only_read = known_safe::only_read(&commands, Some(cwd).filter(is_known));
        let mut used = Vec::new();
        let places = in_their_places(&commands, cwd, &self.repository);
        for ((words, places), only_reads) in places.zip(only_read) {
            match self.rules.allowing(words, &places) {
                Some(rule) => used.push(rule),
                None if only_reads
                    && !terminal
                    && self.search.finds_the_systems(&words[0])
                    && !obeys_another_repository(words, &places) => {}
                None => return asked,
            }
        }
        if used.is_empty() { allow("known to change nothing") } else { allow_by(&used) }
    }

    fn with_offer(&self, verdict: Verdict, line: &str, cwd: &Path, escalated: bool) -> Verdict {
        match verdict {
            Verdict::Ask(question) if self.files.always.is_some() => {
                let counts = |prefix: &Vec<String>| !escalated || self.is_as_said(&prefix[0]);
                let prefix = offer::prefix(line, cwd, &self.repository, &self.rules).filter(counts);
                let caution = prefix.as_deref().and_then(offer::caution);
                let lifts: Vec<_> = question.lifts.into_iter().chain(caution).collect();
                let lifts = (!lifts.is_empty()).then(|| lifts.join("\n"));
                Verdict::Ask(Question { lifts, prefix, ..question })
            }
            other => other,
        }
    }

    /// Whoever allowed a command to run did not see what is typed into it afterwards (S20).
    fn judge_input(&self, input: &str, escalated: bool) -> Verdict {
        match input {
            "" => allow("changes nothing"),
            CTRL_C => allow("only interrupts"),
            _ if escalated => {
                self.judge_escalated("it is typed into a command that runs outside the sandbox")
            }
            _ => self.unless_untrusted("what is typed into a command can change something"),
        }
    }

    fn judge_edit(&self, paths: &[PathBuf], beyond: &[PathBuf]) -> Verdict {
        let rule = format!("sandbox {}", self.sandbox);
        if self.is_own(paths, beyond) {
            let reason = format!("{OWN} Not written: {}.", listed(paths));
            return deny(&reason, "the agent's own files".to_owned());
        }
        if beyond.is_empty() {
            return self.unless_untrusted("it changes files");
        }
        let paths = listed(beyond);
        if self.asks_for_more() {
            return Verdict::Ask(Question {
                reason: "it changes files that the sandbox protects".to_owned(),
                rule,
                lifts: Some(format!("The sandbox would let these be written: {paths}")),
                prefix: None,
            });
        }
        if self.sandbox == SandboxMode::ReadOnly {
            return deny(READ_ONLY, rule);
        }
        let reason = format!(
            "These files may not be written here: {paths}. Nothing of the patch was applied, and nobody can be asked."
        );
        Verdict::Deny { reason, rule, because: RejectReason::Sandbox }
    }

    /// Whether some of it says what we may do; then only the person changes it (S20).
    fn is_own(&self, paths: &[PathBuf], beyond: &[PathBuf]) -> bool {
        let lies_in = |path: &PathBuf, own: &[PathBuf]| own.iter().any(|own| path.starts_with(own));
        let is_confined = self.sandbox != SandboxMode::DangerFullAccess;
        beyond.iter().any(|path| lies_in(path, &self.own))
            || (is_confined && paths.iter().any(|path| lies_in(path, &self.linked)))
    }

    fn judge_escalated(&self, reason: &str) -> Verdict {
        if self.sandbox == SandboxMode::DangerFullAccess {
            return allow("sandbox danger-full-access");
        }
        let rule = format!("approval policy {}", self.approval);
        if !self.asks_for_more() {
            return deny(NOBODY, rule);
        }
        Verdict::Ask(Question {
            reason: reason.to_owned(),
            rule,
            lifts: Some(NO_SANDBOX.to_owned()),
            prefix: None,
        })
    }

    /// Whether the person may be asked for more rights than the sandbox gives.
    fn asks_for_more(&self) -> bool {
        match self.approval {
            ApprovalPolicy::Never => false,
            ApprovalPolicy::Granular(asked) => asked.sandbox_approval,
            ApprovalPolicy::OnRequest | ApprovalPolicy::Untrusted => true,
        }
    }

    fn unless_untrusted(&self, reason: &str) -> Verdict {
        if self.approval == ApprovalPolicy::Untrusted {
            let (reason, rule) = (reason.to_owned(), UNTRUSTED.to_owned());
            Verdict::Ask(Question { reason, rule, lifts: None, prefix: None })
        } else {
            allow(&format!("sandbox {}", self.sandbox))
        }
    }

    /// The person allowed what begins with `prefix`. Returns the rule, as the log has it.
    ///
    /// # Errors
    /// When the rule cannot be written down; then it does not hold.
    pub fn keep(&mut self, scope: RuleScope, prefix: &[String]) -> io::Result<String> {
        let pattern: Vec<_> = prefix.iter().map(|word| vec![word.clone()]).collect();
        self.add(scope, &rules::statement(Effect::Allow, &pattern, None))
    }

    /// The person allowed this action for the rest of the thread.
    pub fn remember(&mut self, action: &Action) {
        self.remembered.push(deed(action));
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// What would be done, whatever is said about it.
fn deed(action: &Action) -> Action {
    let mut deed = action.clone();
    if let Action::Run { justification, .. } = &mut deed {
        *justification = None;
    }
    deed
}

const CTRL_C: &str = "\u{3}";

const UNEXPLAINED: &str = "it is to run outside the sandbox; the model does not say why";

const NO_SANDBOX: &str =
    "Outside the sandbox it can change every file of yours, read your secrets and use the network.";

const READ_ONLY: &str = "The sandbox is read-only: no file may change, so nothing was done. Do not try another way; \
                         answer with what you would change. The person can allow edits by starting the agent with \
                         `-s workspace-write`.";

const OWN: &str = "These files say what the agent may do: only the person changes them.";

const ANOTHER_REPOSITORY: &str = "The rule about it does not count here: it is about the repository of this thread, and the command may run in another one.";

const OF_PROJECT: &str = "The rule about it does not count here: PATH finds this program where the model or the project may have put it.";

const NOBODY: &str = "Nothing runs outside the sandbox here, and nobody can be asked. Find a way inside it, or say \
                      what you could not do and why.";

fn allow_by(rules: &[&Rule]) -> Verdict {
    let mut places: Vec<_> = rules.iter().map(|rule| rule.place.to_string()).collect();
    places.sort();
    places.dedup();
    allow(&format!("rule {}", places.join(", ")))
}

/// Besides what it says: to the person, or to the model where nobody is asked.
fn also_saying(verdict: Verdict, why: &str) -> Verdict {
    match verdict {
        Verdict::Ask(question) => {
            let lifts = question.lifts.into_iter().chain([why.to_owned()]).collect::<Vec<_>>();
            Verdict::Ask(Question { lifts: Some(lifts.join("\n")), ..question })
        }
        Verdict::Deny { reason, rule, because } => {
            Verdict::Deny { reason: format!("{why} {reason}"), rule, because }
        }
        allowed @ Verdict::Allow { .. } => allowed,
    }
}

fn deny(reason: &str, rule: String) -> Verdict {
    Verdict::Deny { reason: reason.to_owned(), rule, because: RejectReason::Policy }
}

fn allow(rule: &str) -> Verdict {
    Verdict::Allow { rule: rule.to_owned() }
}

#[cfg(test)]
mod tests;
