//! The screen, by keys as people say them and by what a thread says.

mod anything;

use super::*;
use crate::effect::{Change, Choice, GoOn, Next, Page, Scope};
use crate::key::keys;
use crate::overlay::Place;
use agent_protocol::{
    Action, CommandExecution, Decision, DeltaField, ErrorKind, Event, ItemDetails, Network,
    SandboxMode, Status, ThreadItem, ThreadStarted, Timing, TransportKind, TurnError, TurnFailed,
    Usage,
};

fn app() -> App {
    let mut app = App::new(Theme::colourless(), 40, 12);
    app.update(Input::Prompts(vec![]));
    app
}

fn type_in(app: &mut App, text: &str) -> Vec<Effect> {
    keys(text).unwrap().into_iter().flat_map(|key| app.update(Input::Key(key))).collect()
}

fn happened(app: &mut App, event: Event) {
    let record = Record { seq: None, at: String::new(), event, wire: vec![] };
    assert!(app.update(Input::Record(Box::new(record))).is_empty());
}

fn shown(app: &mut App) -> (Vec<String>, Vec<String>) {
    let Frame { finished, region, .. } = app.draw();
    let rows = (0..region.area.height).map(|y| {
        let row: String = (0..region.area.width).map(|x| region[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    });
    // The row that keeps the region apart is of no interest.
    let rows = rows.skip_while(String::is_empty).collect();
    (finished.iter().map(ToString::to_string).collect(), rows)
}

fn said(text: &str) -> Event {
    let details = ItemDetails::AgentMessage { text: text.into(), phase: None, partial: false };
    let item = ThreadItem { id: "i".into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

#[test]
fn a_message_is_sent_waits_in_sight_and_its_answer_is_finished_once() {
    let mut app = app();
    let effects = type_in(&mut app, "mend it<enter>");
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "mend it"));
    assert!(shown(&mut app).1[0].ends_with("mend it"));
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, said("Mended."));
    assert!(shown(&mut app).0.contains(&"Mended.".to_owned()));
    assert!(shown(&mut app).0.is_empty(), "nothing is handed out twice");
}

#[test]
fn esc_stops_what_runs_and_ctrl_c_twice_leaves() {
    let mut app = app();
    assert!(type_in(&mut app, "<esc>").is_empty());
    happened(&mut app, Event::TurnStarted {});
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Interrupt]);
    assert!(shown(&mut app).1.last().unwrap().contains("ctrl-c again leaves"));
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
}

#[test]
fn a_question_shows_every_byte_and_takes_nothing_but_an_answer() {
    let mut app = app();
    let action = Action::Run {
        command: "make\u{202e} x".into(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
        terminal: false,
    };
    let (call_id, reason) = ("c".to_owned(), "It needs the network.".to_owned());
    happened(
        &mut app,
        Event::ApprovalRequested {
            call_id,
            action,
            reason,
            rule: None,
            lifts: Some("It could write everywhere.".to_owned()),
            prefix: None,
        },
    );
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("make<U+202E> x") && region.contains("outside"), "{region}");
    assert!(type_in(&mut app, "x<enter>").is_empty());
    let once = Effect::Decide { call_id: "c".into(), decision: Decision::Once };
    assert_eq!(type_in(&mut app, "y"), [once]);
}

#[test]
fn a_message_that_cannot_be_sent_comes_back_with_the_reason() {
    let mut app = app();
    let effects = type_in(&mut app, "look<enter>");
    let [Effect::Send(message)] = &effects[..] else { panic!("{effects:?}") };
    let (message, reason) = (message.clone(), "no such picture".to_owned());
    assert!(app.update(Input::NotSent { message, reason }).is_empty());
    let (finished, region) = shown(&mut app);
    assert!(finished.contains(&"! Not sent: no such picture".to_owned()), "{finished:?}");
    assert_eq!(region[0], "› look");
}

#[test]
fn commands_of_the_screen_are_not_sent() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/compact<enter>"), [Effect::Compact]);
    assert_eq!(type_in(&mut app, "/quit<enter>"), [Effect::Leave]);
    assert!(type_in(&mut app, "/help<enter>").is_empty());
}

fn asks(app: &mut App, command: &str) {
    let action = Action::Run {
        command: command.into(),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
        terminal: false,
    };
    let (call_id, reason) = ("c".to_owned(), "Because.".to_owned());
    happened(
        app,
        Event::ApprovalRequested {
            call_id,
            action,
            reason,
            rule: None,
            lifts: Some("It could write everywhere.".to_owned()),
            prefix: None,
        },
    );
}

#[test]
fn nothing_is_allowed_before_all_of_it_was_seen() {
    let mut app = app();
    let command: Vec<_> = (0..20).map(|line| format!("line{line}")).collect();
    asks(&mut app, &command.join("\n"));
    assert!(shown(&mut app).1.iter().any(|row| row.contains("more rows")));
    for _ in 0..9 {
        if shown(&mut app).1.iter().any(|row| row.contains("line19")) {
            break;
        }
        assert!(type_in(&mut app, "y").is_empty(), "it was not seen yet");
    }
    let (_, region) = shown(&mut app);
    assert!(region.iter().any(|row| row.contains("line19")), "{region:?}");
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn a_question_that_comes_while_one_writes_waits_until_that_is_done() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "and then t");
    asks(&mut app, "make");
    assert!(type_in(&mut app, "ry that").is_empty());
    let (_, region) = shown(&mut app);
    assert!(region.contains(&"› and then try that".to_owned()), "{region:?}");
    assert!(region.iter().any(|row| row.contains("tab shows the")), "{region:?}");
    assert_eq!(type_in(&mut app, "<enter>").len(), 1, "the message");
    assert!(shown(&mut app).1.iter().any(|row| row.contains("$ make")));
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn a_question_that_waits_is_shown_by_a_key() {
    let mut app = app();
    type_in(&mut app, "a draft");
    asks(&mut app, "make");
    assert!(type_in(&mut app, "<tab>").is_empty());
    assert!(matches!(&type_in(&mut app, "n")[..], [Effect::Decide { .. }]));
    assert!(shown(&mut app).1.contains(&"› a draft".to_owned()));
}

#[test]
fn a_refusal_can_say_what_to_do_instead() {
    let mut app = app();
    asks(&mut app, "rm -r target");
    let effects = type_in(&mut app, "tuse cargo clean<enter>");
    let message = Some("use cargo clean".to_owned());
    let expected = Effect::Decide { call_id: "c".into(), decision: Decision::Deny { message } };
    assert_eq!(effects, [expected]);
}

#[test]
fn a_question_that_was_answered_elsewhere_is_gone() {
    let mut app = app();
    asks(&mut app, "make");
    let (call_id, decision) = ("c".to_owned(), Decision::Once);
    happened(&mut app, Event::ApprovalResolved { call_id, decision, rule: None });
    assert!(!shown(&mut app).1.iter().any(|row| row.contains("make")));
    assert!(type_in(&mut app, "y").is_empty());
}

#[test]
fn a_slash_offers_commands_and_tab_or_enter_takes_one() {
    let mut app = App::new(Theme::colourless(), 40, 12);
    assert_eq!(type_in(&mut app, "/"), [Effect::FindPrompts]);
    assert!(shown(&mut app).1.iter().any(|row| row.contains("/new")));
    assert!(type_in(&mut app, "<enter>").is_empty(), "a lone slash means none of them");
    type_in(&mut app, "comp");
    assert!(shown(&mut app).1[0].starts_with("› /compact"));
    type_in(&mut app, "<tab>");
    assert_eq!(shown(&mut app).1[0], "› /compact");
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::Compact]);
    assert_eq!(type_in(&mut app, "/comp<enter>"), [Effect::Compact]);
    let second = type_in(&mut app, "/<down><enter>");
    assert_eq!(second, [Effect::FindThreads(GoOn::Resume)]);
}

#[test]
fn an_unknown_command_names_the_nearest_and_can_be_mended() {
    let mut app = app();
    assert!(type_in(&mut app, "/copmact<esc><enter>").is_empty());
    let (finished, region) = shown(&mut app);
    let said = finished.join(" ");
    assert!(said.contains("/copmact") && said.contains("/compact"), "{said}");
    assert_eq!(region[0], "› /copmact");
}

#[test]
fn what_changes_the_thread_waits_for_the_end_of_the_turn() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    assert!(type_in(&mut app, "/new<enter>").is_empty());
    assert!(shown(&mut app).0.join(" ").contains("end of the turn"));
    assert_eq!(type_in(&mut app, "<c-u>/compact<enter>"), [Effect::Compact]);
}

#[test]
fn a_list_is_narrowed_by_typing_and_what_is_taken_is_the_argument() {
    let mut app = app();
    type_in(&mut app, "/sandbox<enter>");
    assert!(shown(&mut app).1.iter().any(|row| row.contains("read-only")));
    let change = Change::Sandbox(SandboxMode::WorkspaceWrite);
    assert_eq!(type_in(&mut app, "work<enter>"), [Effect::Open(Next::Again(change))]);
    let change = Change::Effort("high".into());
    assert_eq!(type_in(&mut app, "/effort high<enter>"), [Effect::Open(Next::Again(change))]);
    assert!(type_in(&mut app, "/sandbox loose<enter>").is_empty());
    assert!(shown(&mut app).0.join(" ").contains("loose"));
}

#[test]
fn prompts_of_the_person_are_commands_too() {
    let mut app = app();
    let prompts = vec![Prompt::markdown("fix.md", "Fix $1 at once.")];
    type_in(&mut app, "/fi");
    app.update(Input::Prompts(prompts));
    assert!(shown(&mut app).1[0].contains("/fix"));
    let effects = type_in(&mut app, "x a.rs<enter>");
    assert!(
        matches!(&effects[..], [Effect::Send(message)] if message.text() == "Fix a.rs at once.")
    );
}

#[test]
fn the_pager_shows_all_and_finds_what_is_searched() {
    let mut app = app();
    let text: String = (0..50).map(|row| format!("row {row}\n")).collect();
    app.update(Input::Page { title: "Rows".into(), page: Page::Plain(text) });
    let frame = app.draw();
    assert_eq!((frame.place, frame.region.area.height), (Place::Whole, 12));
    assert_eq!(shown(&mut app).1[..2], ["Rows", "row 0"]);
    type_in(&mut app, "G");
    assert_eq!(shown(&mut app).1[10], "row 49");
    type_in(&mut app, "g/row 2<enter>");
    assert_eq!(shown(&mut app).1[1], "row 2");
    type_in(&mut app, "n");
    assert_eq!(shown(&mut app).1[1], "row 20");
    type_in(&mut app, "N<c-c>");
    assert_eq!(shown(&mut app).1[0], "›");
}

#[test]
fn the_whole_conversation_can_be_read_while_more_of_it_comes() {
    let mut app = app();
    happened(&mut app, said("The first answer."));
    type_in(&mut app, "<c-t>");
    happened(&mut app, said("Another one."));
    let (finished, region) = shown(&mut app);
    assert!(finished.is_empty(), "the scrollback waits");
    assert!(region.contains(&"Another one.".to_owned()), "{region:?}");
    type_in(&mut app, "q");
    assert!(shown(&mut app).0.contains(&"Another one.".to_owned()));
}

#[test]
fn the_last_answer_is_copied_and_the_conversation_exported() {
    let mut app = app();
    assert!(type_in(&mut app, "/copy<enter>").is_empty());
    happened(&mut app, said("Mended."));
    assert_eq!(type_in(&mut app, "/copy<enter>"), [Effect::Copy("Mended.".into())]);
    let effects = type_in(&mut app, "/export a.md<enter>");
    let [Effect::Write { path, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(path.as_deref(), Some(std::path::Path::new("a.md")));
    assert!(text.contains("Mended."));
}

#[test]
fn an_earlier_thread_is_chosen_from_this_directory_first() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/resume<enter>"), [Effect::FindThreads(GoOn::Resume)]);
    let thread = |value: &str, label: &str, is_here| Choice {
        value: value.into(),
        label: label.into(),
        is_here,
        ..Choice::default()
    };
    let threads = vec![thread("1", "mend the parser", true), thread("2", "elsewhere", false)];
    app.update(Input::Threads { how: GoOn::Resume, threads });
    let (_, region) = shown(&mut app);
    assert!(region.contains(&"› mend the parser".to_owned()), "{region:?}");
    assert!(!region.iter().any(|row| row.contains("elsewhere")));
    let effects = type_in(&mut app, "<tab>else<enter>");
    assert_eq!(effects, [Effect::Open(Next::Earlier(GoOn::Resume, "2".into()))]);
}

#[test]
fn who_chooses_no_thread_to_begin_with_leaves() {
    let mut app = app();
    let threads = vec![Choice { label: "one".into(), is_here: true, ..Choice::default() }];
    app.update(Input::Threads { how: GoOn::Resume, threads });
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Leave]);
}

#[test]
fn a_thread_that_is_gone_on_with_is_seen_as_it_was() {
    let record = |event| Record { seq: None, at: String::new(), event, wire: vec![] };
    let answer = |id: &str, text| match said(text) {
        Event::ItemCompleted { item } => {
            record(Event::ItemCompleted { item: ThreadItem { id: id.into(), ..item } })
        }
        other => panic!("{other:?}"),
    };
    let records = [record(Event::TurnStarted {}), answer("1", "Mended."), answer("2", "Yes.")];
    let mut app = app();
    app.remember(&records);
    assert!(app.has_turns() && !app.is_running());
    assert_eq!(shown(&mut app).0, ["", "Mended.", "", "Yes."]);
}

#[test]
fn an_answer_that_lasts_is_given_only_where_its_words_are_offered() {
    let mut app = app();
    asks(&mut app, "make test");
    shown(&mut app);
    assert!(type_in(&mut app, "ep").is_empty(), "nothing was offered");
    let mut app = App::new(Theme::colourless(), 80, 24);
    let action = Action::Run {
        command: "make test".into(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
        terminal: false,
    };
    let prefix = vec!["make".to_owned(), "test".to_owned()];
    let asked = Event::ApprovalRequested {
        call_id: "c".into(),
        action,
        reason: "Because.".into(),
        rule: None,
        lifts: None,
        prefix: Some(prefix.clone()),
    };
    happened(&mut app, asked);
    assert!(shown(&mut app).1.join("\n").contains("begins with make test"));
    let decision = Decision::Always { prefix };
    assert_eq!(type_in(&mut app, "e"), [Effect::Decide { call_id: "c".into(), decision }]);
}

fn files(query: &str, paths: &[&str]) -> Input {
    let found = paths
        .iter()
        .map(|path| FileMatch { path: (*path).to_owned(), positions: vec![] })
        .collect();
    Input::Files { query: query.into(), found }
}

#[test]
fn an_at_sign_finds_a_file_and_what_comes_late_for_another_word_is_not_shown() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "see @"), [Effect::FindFiles(String::new())]);
    assert_eq!(
        type_in(&mut app, "ma"),
        [Effect::FindFiles("m".into()), Effect::FindFiles("ma".into())]
    );
    app.update(files("m", &["mod.rs"]));
    assert_eq!(shown(&mut app).1[0], "› see @ma");
    app.update(files("ma", &["src/main.rs", "a map.md"]));
    assert_eq!(shown(&mut app).1[..2], ["› src/main.rs", "  a map.md"]);
    assert!(type_in(&mut app, "<tab>").is_empty());
    assert_eq!(shown(&mut app).1[0], "› see src/main.rs");
    type_in(&mut app, "@a");
    app.update(files("a", &["a map.md"]));
    type_in(&mut app, "<enter>");
    assert_eq!(shown(&mut app).1[0], "› see src/main.rs 'a map.md'");
}

#[test]
fn a_command_line_of_ones_own_is_run_and_waits_while_a_turn_runs() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "! ls -l<enter>"), [Effect::Run("ls -l".into())]);
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "!make<enter>");
    assert!(shown(&mut app).1[0].ends_with("! make"));
    let details = ItemDetails::CommandExecution(agent_protocol::CommandExecution::begun("make"));
    let item =
        ThreadItem { id: "i7".into(), details, call_id: None, step: None, duration_ms: None };
    happened(&mut app, Event::ItemStarted { item, rule: None });
    assert!(!shown(&mut app).1.iter().any(|row| row.ends_with("! make")));
}

#[test]
fn messages_of_earlier_threads_are_a_key_away() {
    let mut app = app();
    app.update(Input::History(vec!["mend the parser".into(), "go on".into()]));
    type_in(&mut app, "<up><up>");
    assert_eq!(shown(&mut app).1[0], "› mend the parser");
    type_in(&mut app, "<c-u><c-r>on<enter>");
    assert_eq!(shown(&mut app).1[0], "› go on");
}

#[test]
fn an_editor_goes_on_with_what_is_written() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "so<c-g>").last(), Some(&Effect::Edit("so".into())));
    app.update(Input::Edited("so much more\n".into()));
    assert_eq!(shown(&mut app).1[0], "› so much more");
}

fn step_started(app: &mut App) {
    happened(app, Event::TurnStarted {});
    happened(app, Event::StepStarted { step: 1 });
}

fn delta(field: DeltaField, text: &str) -> Event {
    Event::ItemDelta { item_id: "i".into(), field, delta: text.into() }
}

#[test]
fn while_a_turn_runs_it_says_what_it_is_doing() {
    let mut app = app();
    let doing = |app: &mut App| {
        let rows = shown(app).1;
        rows.into_iter().find(|row| row.ends_with("esc stops")).unwrap()
    };
    app.update(Input::Tick(1_000));
    step_started(&mut app);
    assert_eq!(doing(&mut app), "• connecting, 0 s · esc stops");
    happened(&mut app, delta(DeltaField::Reasoning, "Hm."));
    app.update(Input::Tick(3_500));
    assert_eq!(doing(&mut app), "• thinking, 2 s · esc stops");
    happened(&mut app, said("I see."));
    let command = CommandExecution::begun("/bin/bash -c 'cargo test'");
    let item = ThreadItem {
        id: "i2".into(),
        details: ItemDetails::CommandExecution(command),
        call_id: Some("c".into()),
        step: None,
        duration_ms: None,
    };
    happened(&mut app, Event::ItemStarted { item, rule: None });
    app.update(Input::Tick(15_900));
    assert_eq!(doing(&mut app), "• running `cargo test`, 12 s · esc stops");
}

#[test]
fn a_message_for_after_the_turn_can_be_taken_back_and_is_sent_when_it_is_over() {
    let mut app = app();
    step_started(&mut app);
    assert!(type_in(&mut app, "then this<tab>").is_empty());
    assert!(shown(&mut app).1.iter().any(|row| row.contains("then this (after")));
    type_in(&mut app, "<up> too<tab>");
    let failed = |kind| Event::TurnFailed(turn_failed(kind));
    happened(&mut app, failed(ErrorKind::Interrupted));
    assert_eq!(shown(&mut app).1[0], "› then this too");
}

fn turn_failed(kind: ErrorKind) -> TurnFailed {
    TurnFailed {
        error: TurnError {
            message: "interrupted".into(),
            kind,
            retryable: true,
            http_status: None,
            provider_code: None,
            request_id: None,
        },
        usage: Usage::default(),
        turn_usage: Usage::default(),
        duration_ms: 0,
        steps: 1,
        timing: Timing::default(),
        network: Network {
            transport: TransportKind::Websocket,
            connects: 1,
            reconnects: 0,
            bytes_up: 0,
            bytes_down: 0,
        },
    }
}

#[test]
fn what_runs_in_the_background_is_counted_and_can_be_stopped() {
    let mut app = app();
    let command = CommandExecution {
        pid: Some(77),
        status: agent_protocol::Status::Completed,
        ..CommandExecution::begun("/bin/bash -c 'npm run dev'")
    };
    let details = ItemDetails::CommandExecution(command);
    let item =
        ThreadItem { id: "i3".into(), details, call_id: None, step: None, duration_ms: None };
    happened(&mut app, Event::ItemCompleted { item });
    assert!(shown(&mut app).1.last().unwrap().contains("1 in the background"));
    type_in(&mut app, "/ps<enter>");
    assert_eq!(type_in(&mut app, "npm<enter>"), [Effect::Stop { pid: 77 }]);
    let (command, reason) = ("npm run dev".to_owned(), "you stopped it".to_owned());
    happened(&mut app, Event::ProcessReaped { pid: 77, command, reason });
    assert!(!shown(&mut app).1.last().unwrap().contains("background"));
}

#[test]
fn one_goes_back_to_an_earlier_message_and_says_with_what() {
    let mut app = app();
    let message = |id: &str, text: &str| {
        let details = ItemDetails::UserMessage { text: text.into() };
        let item =
            ThreadItem { id: id.into(), details, call_id: None, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    };
    type_in(&mut app, "<esc><esc>");
    assert!(shown(&mut app).1[0].starts_with('›'), "there is nothing to go back to");
    for (id, text) in [("1", "first"), ("2", "second")] {
        happened(&mut app, Event::TurnStarted {});
        happened(&mut app, message(id, text));
        happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    }
    type_in(&mut app, "<esc>");
    assert!(shown(&mut app).1.last().unwrap().contains("esc again"));
    type_in(&mut app, "<esc>");
    assert!(shown(&mut app).1.iter().any(|row| row.starts_with("› second")));
    type_in(&mut app, "first<enter>");
    let effects = type_in(&mut app, "conv<enter>");
    let back = Next::Rewind { turn: 1, scope: Scope::Conversation };
    assert_eq!(effects, [Effect::Open(back)]);
}

fn thread_started() -> Event {
    Event::ThreadStarted(ThreadStarted {
        thread_id: "0199".into(),
        schema_version: 1,
        agent_version: "0.1.0".into(),
        model: "gpt-6-sol".into(),
        provider: "openai".into(),
        transport: TransportKind::Websocket,
        cwd: "/home/me/project".into(),
        sandbox: SandboxMode::WorkspaceWrite,
        approval_policy: agent_protocol::ApprovalPolicy::OnRequest,
        resumed_from: None,
        session_path: None,
    })
}

#[test]
fn the_line_of_facts_says_what_the_person_wants_and_a_key_takes_it_away() {
    let mut app = app();
    happened(&mut app, thread_started());
    let last = |app: &mut App| shown(app).1.last().unwrap().clone();
    assert_eq!(last(&mut app), "gpt-6-sol · workspace-write · project");
    let names = ["git-branch", "no-such-thing", "model-with-reasoning"].map(str::to_owned);
    app.update(Input::Facts(Facts {
        effort: Some("high".into()),
        branch: Some("main".into()),
        status_line: Some(names.into()),
        ..Facts::default()
    }));
    assert_eq!(last(&mut app), "main · gpt-6-sol high");
    type_in(&mut app, "<f2>");
    assert_eq!(last(&mut app), "›");
    type_in(&mut app, "<c-c>");
    assert_eq!(last(&mut app), "ctrl-c again leaves");
}

/// The region at a width, as it is drawn.
fn screen(columns: u16, play: impl Fn(&mut App)) -> String {
    let mut app = App::new(Theme::default(), columns, 24);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    play(&mut app);
    let (finished, region) = shown(&mut app);
    [finished, region].concat().join("\n")
}

fn patch_delta(index: u32, path: &str, diff: &str) -> Event {
    let count = |mark| Some(diff.lines().filter(|line| line.starts_with(mark)).count() as u64);
    let change = agent_protocol::FileChange {
        path: path.into(),
        kind: agent_protocol::ChangeKind::Update,
        additions: count('+'),
        deletions: count('-'),
        diff: Some(diff.into()),
        diff_truncated: false,
        move_path: None,
    };
    Event::PatchDelta { item_id: "p".into(), call_id: Some("c".into()), index, change }
}

fn running(line: &str) -> Event {
    let details = ItemDetails::CommandExecution(CommandExecution::begun(line));
    let call_id = Some("c".to_owned());
    let item = ThreadItem { id: "i9".into(), details, call_id, step: None, duration_ms: None };
    Event::ItemStarted { item, rule: None }
}

#[test]
fn the_screen_in_each_of_its_states() {
    type Play = fn(&mut App);
    let states: [(&str, Play); 9] = [
        ("idle", |_| {}),
        ("at_work", |app| {
            type_in(app, "mend it<enter>");
            step_started(app);
            happened(app, running("/bin/bash -c 'cargo test'"));
            let output = delta(DeltaField::Output, "running 3 tests\ntest a ... ok\n");
            let Event::ItemDelta { field, delta, .. } = output else { unreachable!() };
            happened(app, Event::ItemDelta { item_id: "i9".into(), field, delta });
            type_in(app, "and then this<tab>");
        }),
        ("speaking", |app| {
            step_started(app);
            happened(app, delta(DeltaField::Text, "It fails because `tr` does\n\n- one\n- two"));
        }),
        ("thinking", |app| {
            step_started(app);
            happened(
                app,
                delta(DeltaField::Reasoning, "**Look**\nfirst, then\nrun, then\nmend it"),
            );
        }),
        ("writing_a_patch", |app| {
            step_started(app);
            let written = "@@ fn greet() {\n     let name = user();\n-    println!(\"Hi\");\n+    println!(\"Hi, {name}\");\n";
            happened(app, patch_delta(0, "/home/me/project/src/app.rs", written));
            happened(
                app,
                patch_delta(1, "/home/me/project/docs/greeting.md", &"+A line\n".repeat(20)),
            );
            happened(
                app,
                patch_delta(
                    1,
                    "/home/me/project/docs/greeting.md",
                    "+The \u{1b}[2Jlast one so far is long enough to be cut\n",
                ),
            );
        }),
        ("asking", |app| {
            step_started(app);
            happened(app, running("/bin/bash -c 'cargo publish'"));
            let action = Action::Run {
                command: "cargo publish --token \u{202e}x".into(),
                cwd: "/home/me/project".into(),
                escalated: true,
                justification: None,
                terminal: false,
            };
            let (call_id, reason) = ("c".into(), "May I publish this crate?".into());
            happened(
                app,
                Event::ApprovalRequested {
                    call_id,
                    action,
                    reason,
                    rule: None,
                    lifts: None,
                    prefix: None,
                },
            );
        }),
        ("completing", |app| {
            type_in(app, "/re");
        }),
        ("choosing", |app| {
            type_in(app, "/sandbox<enter>");
        }),
        ("status", |app| {
            type_in(app, "/status<enter>");
        }),
    ];
    for (name, play) in states {
        for columns in [40, 80, 200] {
            insta::assert_snapshot!(format!("{name}_at_{columns}"), screen(columns, play));
        }
    }
}

#[test]
fn what_was_seen_live_is_what_is_seen_when_the_thread_is_read_back() {
    let record = |event: Event| Record { seq: None, at: String::new(), event, wire: vec![] };
    let command = |status, output: &str| {
        let command = CommandExecution {
            status,
            exit_code: (status == Status::Completed).then_some(0),
            aggregated_output: output.into(),
            ..CommandExecution::begun("/bin/bash -c 'make'")
        };
        let details = ItemDetails::CommandExecution(command);
        let call_id = Some("c".to_owned());
        ThreadItem { id: "i2".into(), details, call_id, step: Some(1), duration_ms: None }
    };
    let (call_id, reason) = ("c".to_owned(), "It wants more.".to_owned());
    let action = Action::Note;
    let events = [
        thread_started(),
        Event::TurnStarted {},
        Event::StepStarted { step: 1 },
        delta(DeltaField::Reasoning, "Hm"),
        Event::ItemStarted { item: command(Status::InProgress, ""), rule: None },
        Event::ApprovalRequested {
            call_id: call_id.clone(),
            action,
            reason,
            rule: None,
            lifts: None,
            prefix: None,
        },
        Event::ApprovalResolved { call_id, decision: Decision::Once, rule: None },
        Event::ItemDelta { item_id: "i2".into(), field: DeltaField::Output, delta: "cc".into() },
        Event::ItemCompleted { item: command(Status::Completed, "cc a.c\n") },
        delta(DeltaField::Text, "It "),
        said("It works."),
        Event::TurnFailed(turn_failed(ErrorKind::Interrupted)),
    ];
    let mut live = app();
    let mut lines = Vec::new();
    for event in &events {
        live.update(Input::Record(Box::new(record(event.clone()))));
        lines.extend(shown(&mut live).0);
    }
    let kept: Vec<_> =
        events.iter().filter(|event| event.is_durable()).cloned().map(record).collect();
    let mut read_back = app();
    read_back.remember(&kept);
    assert_eq!(shown(&mut read_back).0, lines);
    assert_eq!(shown(&mut read_back).1, shown(&mut live).1);
}

#[test]
fn a_question_before_there_is_a_thread_is_answered_or_left() {
    let mut app = app();
    let choice = |value: &str, label: &str| Choice {
        value: value.into(),
        label: label.into(),
        is_here: true,
        ..Choice::default()
    };
    let choices = vec![choice("key", "Give a key"), choice("demo", "See the demo")];
    let ask = Input::Ask { title: "Welcome.".into(), choices };
    app.update(ask.clone());
    assert_eq!(type_in(&mut app, "demo<enter>"), [Effect::Chosen("demo".into())]);
    app.update(ask);
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Leave]);
}

#[test]
fn a_key_is_never_shown() {
    let mut app = app();
    app.update(Input::AskSecret { title: "The key:".into() });
    app.update(Input::Paste("sk-secret\n".into()));
    type_in(&mut app, "1");
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("**********") && !region.contains("secret"), "{region}");
    assert!(!format!("{app:?}").contains("secret"));
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::Chosen("sk-secret1".into())]);
}

#[test]
fn of_the_facts_those_that_do_not_fit_are_left_out() {
    let mut app = App::new(Theme::colourless(), 24, 12);
    happened(&mut app, thread_started());
    assert_eq!(shown(&mut app).1.last().unwrap(), "gpt-6-sol");
}

#[test]
fn of_a_long_message_the_beginning_is_shown_and_a_picture_is_heard_by_another_name() {
    let mut app = app();
    let text = "a row\n".repeat(100);
    app.update(Input::Paste(text.clone()));
    let effects = type_in(&mut app, "<enter>");
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == text));
    let heard = |text: &str| {
        let details = ItemDetails::UserMessage { text: text.into() };
        let item =
            ThreadItem { id: "i".into(), details, call_id: None, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    };
    happened(&mut app, heard(text.trim()));
    let (finished, region) = shown(&mut app);
    assert_eq!(region[0], "›", "nothing waits");
    assert!(finished.len() < 30 && finished.last().unwrap().contains("more lines"), "{finished:?}");
    app.update(Input::Paste("/tmp/picture.png".into()));
    type_in(&mut app, "look<enter>");
    happened(&mut app, heard("look\n[image]"));
    assert_eq!(shown(&mut app).1[0], "›");
}

#[test]
fn shortening_the_conversation_between_turns_is_seen_and_can_be_stopped() {
    let mut app = app();
    happened(&mut app, Event::StepStarted { step: 1 });
    assert!(shown(&mut app).1.iter().any(|row| row.contains("esc stops")));
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn with_vims_keys_esc_leaves_inserting_before_it_stops_anything() {
    let mut app = app();
    app.use_vim();
    happened(&mut app, Event::TurnStarted {});
    assert!(type_in(&mut app, "mend<esc>").is_empty());
    assert!(shown(&mut app).1.last().unwrap().starts_with("NORMAL"));
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn all_that_a_command_printed_can_be_read() {
    let mut app = app();
    let ran = |id: &str, line: &str, output: &str, truncated| {
        let command = CommandExecution {
            aggregated_output: output.into(),
            exit_code: Some(0),
            status: Status::Completed,
            truncated,
            ..CommandExecution::begun(format!("/bin/bash -c '{line}'"))
        };
        let details = ItemDetails::CommandExecution(command);
        let call_id = Some(format!("call-{id}"));
        let item = ThreadItem { id: id.into(), details, call_id, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    };
    happened(&mut app, ran("1", "make", "a lot", true));
    happened(&mut app, ran("2", "seq 3", "1\n2\n3\n", false));
    type_in(&mut app, "<c-o>");
    assert_eq!(shown(&mut app).1[..4], ["seq 3", "1", "2", "3"]);
    type_in(&mut app, "q/output<enter>");
    let effects = type_in(&mut app, "make<enter>");
    let (call_id, title, known) = ("call-1".into(), "make".into(), "a lot".into());
    assert_eq!(effects, [Effect::ShowOutput { call_id, title, known }]);
}

#[test]
fn a_thread_is_given_a_name() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/name the parser<enter>"), [Effect::Name("the parser".into())]);
    assert_eq!(type_in(&mut app, "/clear<enter>"), [Effect::Open(Next::New)]);
}

#[test]
fn a_command_is_shown_byte_for_byte_and_a_reason_broken_at_words() {
    let mut app = app();
    let action = Action::Run {
        command: format!("echo {}", "ab  cd ".repeat(8)),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
        terminal: false,
    };
    let reason = "It needs the network, which the sandbox does not give.".to_owned();
    happened(
        &mut app,
        Event::ApprovalRequested {
            call_id: "c".into(),
            action,
            reason,
            rule: None,
            lifts: None,
            prefix: None,
        },
    );
    let region = shown(&mut app).1;
    assert!(region.contains(&"  It needs the network, which the".to_owned()), "{region:#?}");
    let shown: String =
        region[2..4].iter().map(|row| format!("{row:40}")[4..].to_owned()).collect();
    assert!(shown.starts_with(&format!("echo {}", "ab  cd ".repeat(8).trim_end())), "{shown:?}");
}
