//! S10: a command that leaves something where we would look for a project's configuration. Without the sandbox it is
//! there afterwards; with it, it is not, and what was there before is.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::place::{Host, Place};

/// What a command does about one of the project's own folders. Both are scripts for bash.
pub(crate) struct Obeyed {
    pub(crate) name: &'static str,
    /// Done beforehand, by the person.
    before: &'static str,
    script: &'static str,
    /// The workspace is the person's home.
    at_home: bool,
}

const fn obeyed(name: &'static str, before: &'static str, script: &'static str) -> Obeyed {
    Obeyed { name, before, script, at_home: false }
}

const fn at_home(name: &'static str, before: &'static str, script: &'static str) -> Obeyed {
    Obeyed { name, before, script, at_home: true }
}

/// The person's own, which is to stay.
const OWN: &str = "mkdir .codex .agent; echo own >.codex/config.toml; echo own >.agent/config.toml";

/// The person's own in their home.
const AT_HOME: &str = r#"
    mkdir -p .config/agent/rules .config/git; echo own >.config/agent/config.toml
    for file in .bashrc .profile .gitconfig .config/git/config; do echo '# own' >$file; done
"#;

/// What the session, the shell and editors start with.
const AT_STARTS: &str = r#"
    for file in .bashrc.d/x .oh-my-zsh/custom/x .vim/vimrc .vim/plugin/x .emacs .emacs.d/init.el .screenrc \
        .config/tmux/tmux.conf .config/plasma-workspace/env/x .local/share/systemd/user/x .cargo/config.toml .gdbinit
    do mkdir -p $(dirname $file); echo evil >>$file; done
"#;

/// What we obey beside the configuration. A home that is there may be closed as a whole.
const BESIDE_CONFIG: &str = r#"
    mkdir -p .config/agent
    for file in work.config.toml other.config.toml AGENTS.override.md credentials.json
    do echo evil >.config/agent/$file; done; true
"#;

/// The person keeps what is obeyed in the workspace, and has a link to each file.
const LINKED: &str = r#"
    for file in $(cat <<'END'
        .config/agent/config.toml .config/agent/work.config.toml .config/agent/AGENTS.override.md
        .config/agent/rules/x .config/agent/rules/projects/x.rules .config/agent/prompts/x.md .config/agent/skills/x/SKILL.md
        .bashrc .gitconfig .config/git/config .config/git/ignore .config/fish/functions/x.fish .config/nvim/lua/plugins/x.lua
        .config/systemd/user/x.service.d/x.conf .config/tmux/tmux.conf .vim/plugin/x .ssh/config
END
    )
    do
        mkdir -p $(dirname $file) $HOME/$(dirname $file); echo '# own' >$file; ln -sf $PWD/$file $HOME/$file
    done
    mkdir -p dots/prompts/deep $HOME/.codex/rules; echo own >dots/prompts/deep/x.md; echo own >dots/codex.toml
    ln -s $PWD/dots/prompts $HOME/.codex/prompts; ln -s $PWD/dots/codex.toml $HOME/.codex/config.toml
    ln -s $PWD/dots/new.rules $HOME/.codex/rules/default.rules
"#;

pub(crate) const OBEYED: &[Obeyed] = &[
    obeyed("s10_made_where_there_was_none", "", "mkdir .codex; echo evil >.codex/config.toml"),
    obeyed("s10_made_in_our_own_folder", "", "mkdir .agent; echo evil >.agent/config.toml"),
    obeyed("s10_skills", "", "mkdir -p .agents/skills; echo evil >.agents/skills/x"),
    obeyed("s10_written_over", OWN, "echo evil >.codex/config.toml"),
    obeyed("s10_appended", OWN, "echo evil >>.agent/config.toml"),
    obeyed("s10_put_beside", OWN, "echo evil >.codex/rules"),
    obeyed("s10_renamed_over", OWN, "echo evil >x; mv -f x .codex/config.toml"),
    obeyed("s10_moved_away", OWN, "mv .codex x; mkdir .codex; echo evil >.codex/config.toml"),
    obeyed("s10_removed", OWN, "rm -r .codex; mkdir .codex; echo evil >.codex/config.toml"),
    obeyed("s10_a_folder_moved_there", "", "mkdir x; echo evil >x/config.toml; mv x .codex"),
    obeyed(
        "s10_exchanged",
        OWN,
        r#"
        mkdir x; echo evil >x/config.toml
        python3 -c 'import ctypes; ctypes.CDLL(None).renameat2(-100, b"x", -100, b".codex", 2)' || mv -T x .codex
    "#,
    ),
    obeyed("s10_a_link_to_a_folder", "", "mkdir x; echo evil >x/config.toml; ln -s x .codex"),
    obeyed("s10_a_link_in_the_folder", OWN, "echo evil >x; ln -sf ../x .codex/config.toml"),
    obeyed("s10_a_hard_link", OWN, "echo evil >x; ln -f x .codex/config.toml"),
    obeyed(
        "s10_behind_the_persons_own_link",
        "mkdir real; echo own >real/config.toml; ln -s real .codex",
        "rm .codex; mkdir x; echo evil >x/config.toml; ln -s x .codex",
    ),
    obeyed(
        "s10_what_the_persons_own_link_leads_to",
        "mkdir real; echo own >real/config.toml; ln -s real .codex",
        "echo evil >real/config.toml",
    ),
    obeyed(
        "s10_by_another_name",
        "mkdir .codex; echo own >.codex/config.toml; ln .codex/config.toml x",
        "echo evil >x",
    ),
    at_home(
        "s10_our_home_where_there_was_none",
        "",
        "mkdir -p .config/agent; echo evil >.config/agent/config.toml",
    ),
    at_home("s10_our_home", AT_HOME, "echo evil >.config/agent/config.toml"),
    at_home("s10_our_profiles_and_the_like_where_there_was_no_home", "", BESIDE_CONFIG),
    at_home("s10_our_profiles_and_the_like_where_there_were_none", AT_HOME, BESIDE_CONFIG),
    at_home(
        "s10_our_profiles_and_the_like_that_are_there",
        "mkdir -p .config/agent; for file in work.config.toml AGENTS.override.md; do echo own >.config/agent/$file; done",
        BESIDE_CONFIG,
    ),
    at_home("s10_our_rules", AT_HOME, "echo evil >.config/agent/rules/x"),
    at_home(
        "s10_our_home_moved_away",
        AT_HOME,
        "mv .config x; mkdir -p .config/agent; echo evil >.config/agent/config.toml",
    ),
    at_home(
        "s10_our_trust",
        "",
        "mkdir -p .local/state/agent; echo evil >.local/state/agent/trust.json",
    ),
    at_home("s9_start_of_a_shell", "", "echo evil >>.bashrc; echo evil >.profile"),
    at_home(
        "s9_start_of_a_shell_that_is_there",
        AT_HOME,
        "echo evil >>.bashrc; mv .bashrc .profile",
    ),
    at_home("s9_configuration_of_the_person", "", "echo '# evil' >.gitconfig"),
    at_home(
        "s9_configuration_of_the_person_that_is_there",
        AT_HOME,
        "echo '# evil' >>.gitconfig; mkdir -p .config/git; echo '# evil' >.config/git/config",
    ),
    at_home("s10_start_of_sessions_and_programs", "", AT_STARTS),
    at_home(
        "s10_start_of_sessions_and_programs_that_is_there",
        "mkdir -p .vim .config/tmux; echo own >.vim/vimrc; echo own >.config/tmux/tmux.conf; echo own >.emacs",
        AT_STARTS,
    ),
    obeyed(
        "s10_what_links_in_the_home_lead_to",
        LINKED,
        "for file in $(find . -type f -path './.*'; find dots -type f); do echo evil >>$file; done; true",
    ),
    obeyed(
        "s10_what_links_in_the_home_lead_to_written_anew",
        LINKED,
        "for file in $(find . -type f -path './.*'; find dots -type f); do echo evil >x; mv -f x $file; done; true",
    ),
    obeyed(
        "s10_what_links_in_the_home_lead_to_moved_away",
        LINKED,
        "for place in .config .vim .ssh dots; do mv $place x; cp -r x $place; find $place -type f -exec sh -c 'echo evil >>$1' x {} \\;; rm -rf x; done; true",
    ),
    obeyed(
        "s10_what_a_link_in_the_home_leads_to_once_it_is_there",
        LINKED,
        "echo evil >dots/new.rules",
    ),
    obeyed(
        "s10_what_a_link_in_the_home_leads_to_by_another",
        "mkdir -p one two $HOME/.config/agent; echo own >one/codex.toml; ln -s one dots; ln -s $PWD/dots/codex.toml $HOME/.config/agent/config.toml",
        "rm dots; ln -s two dots; echo evil >two/codex.toml",
    ),
    obeyed(
        "s10_by_what_outlives_the_command",
        "",
        r#"
        (setsid bash -c 'trap "" TERM HUP INT; for i in $(seq 60); do mkdir -p .codex && echo evil >.codex/config.toml; sleep 0.05; done' >/dev/null 2>&1 &)
        sleep 0.1
    "#,
    ),
];

impl Obeyed {
    pub(crate) fn works(&self, user: u32, host: &Host) -> bool {
        let place = self.place(user, host);
        // What goes on in the background may take its time, and what it writes be empty for a moment.
        let seen = format!("grep -qs evil {} && exec touch seen", FILES.join(" "));
        let looking = format!("for i in $(seq 200); do {seen}; sleep 0.02; done");
        place.run_unconfined(&format!("{}\n{looking}", self.script));
        place.workspace.join("seen").exists()
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let place = self.place(user, host);
        let before = kept(&place.workspace);
        let part = if self.at_home { "line-at-home" } else { "line" };
        let ran = place.run(&[part, tier, self.script]);
        if is_evil(&place.workspace) {
            Outcome::Trouble(format!("({tier}) it is there:\n{}", ran.said))
        } else if kept(&place.workspace) != before {
            Outcome::Trouble(format!("({tier}) what was there is not:\n{}", ran.said))
        } else {
            Outcome::Held
        }
    }

    fn place(&self, user: u32, host: &Host) -> Place {
        let place = Place::new(user, host);
        place.run_unconfined(self.before);
        place
    }
}

const FILES: [&str; 38] = [
    ".codex/config.toml",
    ".codex/rules",
    ".agent/config.toml",
    ".agents/skills/x",
    ".config/agent/config.toml",
    ".config/agent/rules/x",
    ".config/agent/work.config.toml",
    ".config/agent/other.config.toml",
    ".config/agent/AGENTS.override.md",
    ".config/agent/credentials.json",
    ".config/git/config",
    ".local/state/agent/trust.json",
    ".bashrc",
    ".profile",
    ".gitconfig",
    ".bashrc.d/x",
    ".oh-my-zsh/custom/x",
    ".vim/vimrc",
    ".vim/plugin/x",
    ".emacs",
    ".emacs.d/init.el",
    ".screenrc",
    ".config/tmux/tmux.conf",
    ".config/plasma-workspace/env/x",
    ".local/share/systemd/user/x",
    ".cargo/config.toml",
    ".gdbinit",
    ".config/agent/rules/projects/x.rules",
    ".config/agent/prompts/x.md",
    ".config/agent/skills/x/SKILL.md",
    ".config/git/ignore",
    ".config/fish/functions/x.fish",
    ".config/nvim/lua/plugins/x.lua",
    ".config/systemd/user/x.service.d/x.conf",
    ".ssh/config",
    "dots/prompts/deep/x.md",
    "dots/codex.toml",
    "dots/new.rules",
];

fn is_evil(workspace: &Path) -> bool {
    FILES.iter().any(|file| {
        fs::read_to_string(workspace.join(file)).is_ok_and(|text| text.contains("evil"))
    })
}

fn kept(workspace: &Path) -> Vec<Option<String>> {
    FILES.iter().map(|file| fs::read_to_string(workspace.join(file)).ok()).collect()
}
