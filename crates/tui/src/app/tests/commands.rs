//! Each command behind a slash: what comes of it where something was said and done, one command a row of the table.

use super::*;
use crate::effect::PageEntry;
use crate::slash::TABLE;
use crate::theme::{Background, Colours, Look, Scheme};
use agent_protocol::ApprovalPolicy;

/// A thread in which one message was said, a command run, and an answer given.
fn worked() -> App {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    let models = vec!["gpt-6-sol".to_owned(), "gpt-6-luna".to_owned()];
    app.update(Input::Facts(Facts { models, ..Facts::default() }));
    happened(&mut app, Event::TurnStarted {});
    let item = |id: &str, details| ThreadItem {
        id: id.into(),
        details,
        call_id: None,
        step: None,
        duration_ms: None,
    };
    let message = ItemDetails::UserMessage { text: "mend it".into() };
    happened(&mut app, Event::ItemCompleted { item: item("1", message) });
    let command = CommandExecution {
        status: Status::Completed,
        exit_code: Some(0),
        aggregated_output: "1 passed\n".into(),
        ..CommandExecution::begun("/bin/bash -c 'make test'")
    };
    let command = ItemDetails::CommandExecution(command);
    happened(&mut app, Event::ItemCompleted { item: item("2", command) });
    happened(&mut app, said_as("3", "Mended."));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    shown(&mut app);
    app
}

/// What comes of a command.
enum Comes {
    Of(Effect),
    /// An effect that says too much to be written here, told by its beginning.
    Like(&'static str),
    /// Something is to be seen.
    Seen(&'static str),
}

use Comes::{Like, Of, Seen};

fn earlier(how: GoOn, which: &str) -> Comes {
    Of(Effect::Open(Next::Earlier(how, which.to_owned())))
}

fn back(scope: Scope) -> Comes {
    Of(Effect::Open(Next::Rewind { turn: 1, scope }))
}

fn trust(answer: TrustAnswer) -> Comes {
    Of(Effect::Open(Next::Trust { answer, then: vec![] }))
}

fn commands() -> Vec<(&'static str, Comes)> {
    vec![
        ("/new<enter>", Of(Effect::Open(Next::New))),
        ("/resume<enter>", Of(Effect::FindThreads(GoOn::Resume))),
        ("/resume parser<enter>", earlier(GoOn::Resume, "parser")),
        ("/fork<enter>", earlier(GoOn::Fork, "0199")),
        ("/fork parser<enter>", earlier(GoOn::Fork, "parser")),
        ("/rewind<enter>", Seen("› mend it  turn 1")),
        ("/rewind 1<enter>", Seen("What goes back?")),
        ("/rewind<enter><enter><enter>", back(Scope::Both)),
        ("/rewind<enter><enter><down><enter>", back(Scope::Conversation)),
        ("/rewind<enter><enter><down><down><enter>", back(Scope::Files)),
        ("/name parser<enter>", Of(Effect::Name("parser".into()))),
        ("/permissions<enter>", Of(Effect::ShowPermissions)),
        ("/trust<enter>", trust(TrustAnswer::All)),
        ("/trust no<enter>", trust(TrustAnswer::Nothing)),
        ("/key<enter>sk-1<enter>", Of(Effect::Open(Next::Key("sk-1".into())))),
        ("/login<enter>sk-1<enter>", Of(Effect::Open(Next::Key("sk-1".into())))),
        ("/key<enter>sk-1<esc>", Seen("›")),
        ("/model<enter><esc>", Of(Effect::FindModels)),
        ("/model other<enter>", Of(Effect::UseModel("other".into()))),
        ("/model a b<enter>", Seen("! A model's name has no spaces; `a b` is none.")),
        ("/effort<enter>low<enter>", Of(Effect::UseEffort("low".into()))),
        ("/effort ultra<enter>", Of(Effect::UseEffort("ultra".into()))),
        (
            "/effort bananas<enter>",
            Seen("! There is no effort `bananas`. There are: none, minimal"),
        ),
        ("/sandbox read-only<enter>", Of(Effect::Open(Next::Sandbox(SandboxMode::ReadOnly)))),
        ("/approvals<enter>never<enter>", Of(Effect::Open(Next::Approvals(ApprovalPolicy::Never)))),
        ("/approvals loose<enter>", Seen("! `loose` is not one of: untrusted, on-request, never.")),
        ("/status<enter>", Seen("thread      0199")),
        ("/ps<enter>", Seen("Nothing runs in the background.")),
        ("/ps 1<enter>", Seen("! No process `1` runs in the background.")),
        ("/ps make<enter>", Seen("! No process `make` runs in the background.")),
        ("/output<enter><enter>", Seen("1 passed")),
        ("/diff<enter>", Of(Effect::ShowDiff { turn_runs: false })),
        ("/trace<enter>", Of(Effect::ShowTrace)),
        ("/undo<enter>", Of(Effect::Open(Next::Undo))),
        ("/redo<enter>", Of(Effect::Open(Next::Redo))),
        ("/compact<enter>", Of(Effect::Compact)),
        ("/review<enter>", Of(Effect::Review(String::new()))),
        ("/review the tests<enter>", Of(Effect::Review("the tests".into()))),
        ("/init<enter>", Like("Send(Message { parts: [Text(\"Write a file AGENTS.md")),
        ("/copy<enter>", Of(Effect::Copy("Mended.".into()))),
        (
            "/export<enter>",
            Like("Write { path: None, text: \"## mend it\\n\\n```console\\n$ make test"),
        ),
        ("/export a.md<enter>", Like("Write { path: Some(\"a.md\")")),
        ("/theme<enter>", Seen("› auto   as the terminal says")),
        ("/theme light<enter>", Of(Effect::Dress(Scheme::Light))),
        ("/theme<enter><down><enter>", Of(Effect::Dress(Scheme::Dark))),
        ("/theme pink<enter>", Seen("! There is no theme `pink`")),
        ("/vim<enter>", Seen("INSERT · ")),
        ("/vim<enter>/vim<enter>", Seen("gpt-6-sol · ")),
        ("/help<enter>", Seen("/trace")),
        ("/keys<enter>", Seen("ctrl-t")),
        ("/quit<enter>", Of(Effect::Leave)),
    ]
}

#[test]
fn each_command_does_what_it_says() {
    for (keys, comes) in commands() {
        let mut app = worked();
        let effects = type_in(&mut app, keys);
        let (finished, region) = shown(&mut app);
        match comes {
            Of(effect) => assert_eq!(effects, [effect], "{keys}"),
            Like(beginning) => {
                let [effect] = &effects[..] else { panic!("{keys}: {effects:?}") };
                assert!(format!("{effect:?}").starts_with(beginning), "{keys}: {effect:?}");
            }
            Seen(text) => {
                assert!(effects.is_empty(), "{keys}: {effects:?}");
                let rows = [finished, region].concat();
                assert!(rows.iter().any(|row| row.contains(text)), "{keys}: {rows:#?}");
            }
        }
    }
}

#[test]
fn trust_takes_no_or_nothing() {
    for (keys, answer) in
        [("/trust No<enter>", TrustAnswer::Nothing), ("/trust<enter>", TrustAnswer::All)]
    {
        let effects = type_in(&mut worked(), keys);
        assert_eq!(effects, [Effect::Open(Next::Trust { answer, then: vec![] })], "{keys}");
    }
    let mut app = worked();
    assert!(type_in(&mut app, "/trust nope<enter>").is_empty());
    let said = "! /trust takes `no` or nothing; `nope` is neither.";
    assert!(shown(&mut app).0.iter().any(|row| row == said));
    assert_eq!(app.composer.text(), "/trust nope");
}

#[test]
fn a_command_that_takes_nothing_is_not_done_with_words_behind_it() {
    let takers_of_nothing = TABLE.iter().filter(|slash| slash.argument.is_empty());
    for name in takers_of_nothing.map(|slash| slash.name).chain(["clear", "exit"]) {
        for runs in [false, true] {
            let mut app = worked();
            if runs {
                happened(&mut app, Event::TurnStarted {});
            }
            assert!(type_in(&mut app, &format!("/{name} the tests<enter>")).is_empty(), "{name}");
            let said = format!("! /{name} takes nothing behind it; nothing was done.");
            assert!(shown(&mut app).0.contains(&said), "{name}");
            assert_eq!(app.composer.text(), format!("/{name} the tests"));
        }
    }
}

#[test]
fn none_of_the_commands_is_left_out_of_this_page() {
    let said: Vec<_> = commands().into_iter().map(|(keys, _)| keys).collect();
    for slash in TABLE {
        let is_it = |keys: &&str| {
            keys[1..].strip_prefix(slash.name).is_some_and(|rest| rest.starts_with([' ', '<']))
        };
        assert!(said.iter().any(is_it), "/{} has no test", slash.name);
    }
}

#[test]
fn a_thread_in_which_nothing_was_said_is_neither_forked_nor_gone_back_in() {
    for keys in ["/fork<enter>", "/rewind<enter>"] {
        let mut app = app();
        happened(&mut app, thread_started());
        assert!(type_in(&mut app, keys).is_empty(), "{keys}");
        assert!(shown(&mut app).0.iter().any(|row| row.ends_with("Nothing was said yet.")));
    }
}

#[test]
fn keys_are_told_in_words() {
    let entries = pages::keys();
    let said: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            PageEntry::Named { name, says } => Some((name.as_str(), says.as_str())),
            _ => None,
        })
        .collect();
    assert!(said.contains(&("pagedown", "a page down in it")));
    assert!(said.iter().all(|(_, says)| !says.contains(['<', '>'])), "{said:#?}");
}

#[test]
fn a_diff_of_a_turn_that_runs_says_that_it_is_not_part_of_it() {
    let mut app = worked();
    happened(&mut app, Event::TurnStarted {});
    let effects = type_in(&mut app, "/diff<enter>");
    assert_eq!(effects, [Effect::ShowDiff { turn_runs: true }]);
    assert!(shown(&mut app).0.join("\n").contains("when the turn is over"));
}

#[test]
fn the_theme_that_was_chosen_is_said() {
    for (keys, said) in [
        ("/theme light<enter>", "• The theme is light from here on."),
        ("/theme<enter><down><enter>", "• The theme is dark from here on."),
    ] {
        let mut app = worked();
        type_in(&mut app, keys);
        assert!(shown(&mut app).0.iter().any(|row| row == said), "{keys}");
    }
}

#[test]
fn the_colours_that_were_chosen_are_those_of_what_comes_next() {
    let mut app = worked();
    let background = Background::Dark;
    let look = Look { colours: Colours::All, background, scheme: Scheme::Light, unicode: true };
    app.restyle(look);
    assert_eq!(app.theme, look.theme());
    type_in(&mut app, "/theme<enter>");
    let (_, region) = shown(&mut app);
    assert!(region.iter().any(|row| row.contains("› light")), "{region:?}");
}

#[test]
fn where_nothing_was_said_there_is_nothing_to_go_back_to_to_trace_or_to_shorten() {
    for command in ["/rewind", "/trace", "/compact"] {
        let mut app = app();
        assert!(type_in(&mut app, &format!("{command}<enter>")).is_empty());
        assert!(shown(&mut app).0.join("\n").contains("Nothing was said yet."), "{command}");
    }
}

#[test]
fn what_is_checked_out_is_looked_for_when_it_may_be_another() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    let branch = |name: &str| Some(name.to_owned());
    let facts = Facts { finds_branch: true, branch: branch("main"), ..Facts::default() };
    app.update(Input::Facts(facts));
    happened(&mut app, thread_started());
    let looks = |app: &mut App, event: Event| {
        let record = Record { seq: None, at: String::new(), event, wire: vec![] };
        app.update(Input::Record(Box::new(record))) == [Effect::FindBranch]
    };
    assert!(!looks(&mut app, Event::TurnStarted {}));
    assert!(looks(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted))));
    let line = |call_id: Option<&str>| {
        let details = ItemDetails::CommandExecution(CommandExecution {
            status: Status::Completed,
            ..CommandExecution::begun("git switch next")
        });
        let call_id = call_id.map(str::to_owned);
        let item = ThreadItem { id: "i".into(), details, call_id, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    };
    assert!(!looks(&mut app, line(Some("c"))), "the turn has not ended yet");
    assert!(looks(&mut app, line(None)), "it was the person's own");
    assert_eq!(app.update(Input::Focused), [Effect::FindBranch]);
    app.update(Input::Branch(branch("next")));
    assert!(shown(&mut app).1.last().unwrap().contains("project (next)"));
    assert_eq!(type_in(&mut app, "/status<enter>"), [Effect::FindBranch]);
    app.update(Input::Branch(branch("later")));
    let said = shown(&mut app).0.join("\n");
    assert!(said.contains("branch later"), "{said}");
}
