//! The thread that is shown: gone on with, forked, gone back in, changed, looked at.

use super::*;

#[test]
fn an_earlier_thread_is_chosen_seen_as_it_was_and_gone_on_with() {
    let (scene, server) = scene(ScriptedModel::new().says("It is 42.").says("Still 42."));
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    leave(screen);
    let before = server.frames().len();
    let mut screen = scene.screen(&["resume", "-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    screen.wait_for("Go on with which thread?");
    screen.press("what<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("and now?<enter>");
    screen.wait_for("Still 42.");
    let sent = sent_after(before, &server);
    assert!(sent.contains("what is it?") && sent.contains("read-only"), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 1);
}

#[test]
fn an_earlier_thread_is_gone_on_with_by_what_the_command_line_says() {
    let model = ScriptedModel::new().says("It is 42.").says("Still 42.").says("42 for ever.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &["what is it?"]);
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("/name answer<enter>");
    screen.wait_for("is called answer.");
    leave(screen);
    for (args, answer) in [
        (["resume", "answer", "and now?"], "Still 42."),
        (["resume", "--last", "and then?"], "42 for ever."),
    ] {
        let before = server.frames().len();
        let screen = show(&scene, &args);
        screen.wait_for(answer);
        wait_until_ready(&screen);
        let sent = sent_after(before, &server);
        assert!(sent.contains("what is it?") && sent.contains(args[2]), "{sent}");
        leave(screen);
    }
    assert_eq!(scene.rollouts().len(), 1);
}

#[test]
fn what_cannot_be_done_is_said_in_sentences() {
    let (scene, _server) = scene(ScriptedModel::new());
    let mut screen = show(&scene, &[]);
    for (command, said) in [
        ("/undo", "! Nothing left to undo."),
        ("/redo", "! Nothing was undone in this thread."),
        ("/resume zz", "! There is no thread `zz`."),
    ] {
        screen.press(&format!("{command}<enter>"));
        screen.wait_for(said);
        wait_until_ready(&screen);
    }
    leave(screen);
}

#[test]
fn going_back_takes_the_files_along_and_gives_the_message_back() {
    let model = ScriptedModel::new().calls_freely("apply_patch", PATCH).says("Noted.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("note one<enter>");
    screen.wait_for("Noted.");
    wait_until_ready(&screen);
    assert_eq!(scene.read("notes.md").unwrap(), "one\n");
    screen.press("<esc>");
    screen.wait_for("esc again");
    screen.press("<esc>");
    screen.wait_for("Go back to before which message?");
    screen.press("<enter>");
    screen.wait_for("What goes back?");
    screen.press("<enter>");
    screen.wait_for("Back to before");
    screen.wait_for("› note one");
    assert_eq!(scene.read("notes.md"), None);
    let before = server.frames().len();
    screen.press(" again<enter>");
    screen.wait_until("it is noted again", |_| scene.read("notes.md").is_some());
    wait_until_ready(&screen);
    let sent = sent_after(before, &server);
    assert!(sent.contains("note one again") && !sent.contains("Noted."), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 2, "what came after it is kept");
}

#[test]
fn what_a_turn_changed_is_put_back_and_the_model_is_told() {
    let model = ScriptedModel::new()
        .calls_freely("apply_patch", PATCH)
        .says("Noted.")
        .says("I will look again.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("note one<enter>");
    screen.wait_for("Noted.");
    wait_until_ready(&screen);
    screen.press("/undo<enter>");
    screen.wait_for("Undid turn 1");
    screen.wait_for("/redo takes this back.");
    assert_eq!(scene.read("notes.md"), None);
    wait_until_ready(&screen);
    screen.press("/redo<enter>");
    screen.wait_for("Took back the last undo");
    assert_eq!(scene.read("notes.md").unwrap(), "one\n");
    wait_until_ready(&screen);
    std::fs::write(scene.workspace().join("notes.md"), "mine\n").unwrap();
    screen.press("/undo<enter>");
    screen.wait_for("/undo stays at this turn; /rewind goes on to those before it.");
    wait_until_ready(&screen);
    screen.press("go on<enter>");
    screen.wait_for("I will look again.");
    let sent = sent_after(0, &server);
    assert!(sent.contains("put back files") && sent.contains("taken back an undo"), "{sent}");
    leave(screen);
}

#[test]
fn who_goes_on_with_other_permissions_than_before_is_told() {
    let (scene, _server) = scene(ScriptedModel::new().says("First."));
    let begin = ["-m", "scripted", "-s", "read-only", "-a", "untrusted"];
    let go_on = ["resume", "--last", "-m", "scripted", "-s", "workspace-write", "-a", "never"];
    let mut screen = scene.screen(&begin, COLUMNS, ROWS);
    wait_until_ready(&screen);
    screen.press("one<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    leave(screen);
    let screen = scene.screen(&go_on, COLUMNS, ROWS);
    screen.wait_for("This thread had the sandbox read-only and asked: untrusted;");
    screen.wait_for("workspace-write and asks: never.");
    wait_until_ready(&screen);
    leave(screen);
    let screen = scene.screen(&go_on, COLUMNS, ROWS);
    wait_until_ready(&screen);
    assert!(!screen.screen().contains("and asks: never"), "{}", screen.screen());
    leave(screen);
}

#[test]
fn the_thread_that_runs_is_changed_and_a_new_one_begun() {
    let (scene, server) =
        scene(ScriptedModel::new().says("First.").says("Second.").says("Once more."));
    let mut screen = show(&scene, &[]);
    screen.press("one<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    screen.press("/sandbox read-only<enter>");
    screen.wait_for("The sandbox is read-only from here on.");
    screen.press("the second message<enter>");
    screen.wait_for("Second.");
    wait_until_ready(&screen);
    let sent = sent_after(0, &server);
    assert!(sent.contains("`read-only` from here on"), "{sent}");
    let before = server.frames().len();
    screen.press("/approvals never<enter>");
    screen.wait_for("The approval policy is never from here on. You are never asked");
    screen.press("again<enter>");
    screen.wait_for("Once more.");
    wait_until_ready(&screen);
    let sent = sent_after(before, &server);
    assert!(sent.contains("Approvals from here on: never."), "{sent}");
    screen.press("/status<enter>");
    screen.wait_for("read-only; asks: never");
    let before = server.frames().len();
    // In one go: what is typed behind a command is said in the thread that it opens.
    screen.press("/new<enter>the third message<enter>");
    screen.wait_until("the new thread answers", |screen| {
        screen.scrollback().iter().filter(|row| *row == "First.").count() == 2
    });
    let sent = sent_after(before, &server);
    assert!(sent.contains("the third message") && !sent.contains("the second message"), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 2);
}

/// The next command's room is ready before anybody knows what the person does until then.
#[test]
fn s3_a_room_made_for_one_policy_is_not_used_under_another() {
    let touch = |name| json!({"cmd": format!("touch {name} || echo no {name}")});
    let model = ["one", "two", "three"].into_iter().fold(ScriptedModel::new(), |model, name| {
        model.calls("exec_command", touch(name)).says(&format!("So much for {name}."))
    });
    let (scene, _server) = scene(model);
    let mut screen = show(&scene, &[]);
    let mut made = vec![];
    for (name, then) in [("one", "read-only"), ("two", "workspace-write"), ("three", "read-only")] {
        screen.press(&format!("make {name}<enter>"));
        screen.wait_for(&format!("So much for {name}."));
        wait_until_ready(&screen);
        made.push(scene.read(name).is_some());
        screen.press(&format!("/sandbox {then}<enter>"));
        screen.wait_for(&format!("The sandbox is {then} from here on."));
        wait_until_ready(&screen);
    }
    assert_eq!(made, [true, false, true]);
    leave(screen);
}

#[test]
fn what_the_thread_changed_and_where_its_time_went_can_be_read() {
    let model = ScriptedModel::new().calls_freely("apply_patch", PATCH).says("Noted.");
    let (scene, _server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("/diff<enter>");
    screen.wait_for("This thread has changed no file.");
    screen.press("note one<enter>");
    screen.wait_for("Noted.");
    wait_until_ready(&screen);
    screen.press("/diff<enter>");
    screen.wait_for("What this thread changed");
    screen.wait_for("notes.md (new)");
    screen.press("q/trace<enter>");
    screen.wait_for("Where time and bytes went");
    screen.wait_for("turn 1  note one");
    screen.wait_for("apply_patch");
    assert!(!screen.screen().contains("<U+001B>"), "{}", screen.screen());
    screen.press("q");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn a_fork_begins_with_all_of_this_thread_and_leaves_it_as_it_was() {
    let (scene, server) = scene(ScriptedModel::new().says("It is 42.").says("Still 42."));
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    let earlier = scene.rollouts().remove(0);
    let before = std::fs::read(&earlier).unwrap();
    let frames = server.frames().len();
    screen.press("/fork<enter>and now?<enter>");
    screen.wait_for("Still 42.");
    let sent = sent_after(frames, &server);
    assert!(sent.contains("what is it?") && sent.contains("It is 42."), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 2);
    assert_eq!(std::fs::read(&earlier).unwrap(), before);
}

#[test]
fn another_model_is_asked_from_here_on() {
    let (scene, server) = scene(ScriptedModel::new().says("First.").says("Second."));
    let mut screen = show(&scene, &[]);
    screen.press("one<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    let frames = server.frames().len();
    screen.press("/model scripted-too<enter>");
    screen.wait_for("scripted-too");
    screen.press("two<enter>");
    screen.wait_for("Second.");
    assert!(sent_after(frames, &server).contains(r#""model":"scripted-too""#));
    leave(screen);
}

#[test]
fn the_list_of_models_has_those_of_the_provider_and_of_profiles() {
    let (scene, _server) = scene(ScriptedModel::new());
    std::fs::write(scene.home().join("fast.config.toml"), "model = \"of-a-profile\"\n").unwrap();
    let mut screen = scene.screen(&["-m", "mine", "-s", "workspace-write"], COLUMNS, ROWS);
    screen.wait_for("mine medium · workspace-write");
    screen.press("/model<enter>");
    screen.wait_for("› mine");
    screen.wait_for("  scripted");
    screen.wait_for("  of-a-profile");
    screen.press("<esc>");
    leave(screen);
}

#[test]
fn another_model_and_effort_leave_running_what_runs_and_another_sandbox_asks_before() {
    let waits = json!({"cmd": "sleep 1000", "yield_time_ms": 250});
    let model = ScriptedModel::new().calls("exec_command", waits).says("First.").says("Second.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("one<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    let frames = server.frames().len();
    screen.press("/model scripted-too<enter>");
    screen.wait_for("scripted-too answers from here on.");
    screen.press("/effort high<enter>");
    screen.wait_for("scripted-too high");
    screen.press("two<enter>");
    screen.wait_for("Second.");
    wait_until_ready(&screen);
    let sent = sent_after(frames, &server);
    assert!(
        sent.contains(r#""model":"scripted-too""#) && sent.contains(r#""effort":"high""#),
        "{sent}"
    );
    assert!(screen.screen().contains("1 in the background"), "{}", screen.screen());
    assert!(!screen.screen().contains("`sleep 1000` in the background"), "{}", screen.screen());
    screen.press("/sandbox read-only<enter>");
    screen.wait_for("This ends 1 command in the background.");
    screen.press("<down><enter>");
    screen.wait_for("The sandbox is read-only from here on.");
    screen.wait_for("`sleep 1000` in the background");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 1, "it is one thread");
}

#[test]
fn conversation_and_files_go_back_apart() {
    for (scope, file, says) in
        [("conversation", Some("one\n"), "Back to before"), ("files", None, "Undid turn 1")]
    {
        let model = ScriptedModel::new().calls_freely("apply_patch", PATCH).says("Noted.");
        let (scene, _server) = scene(model.says("I see."));
        let mut screen = show(&scene, &[]);
        screen.press("note one<enter>");
        screen.wait_for("Noted.");
        wait_until_ready(&screen);
        screen.press("/rewind 1<enter>");
        screen.wait_for("What goes back?");
        screen.press(&format!("{scope}<enter>"));
        screen.wait_for(says);
        assert_eq!(scene.read("notes.md").as_deref(), file, "{scope}");
        wait_until_ready(&screen);
        leave(screen);
    }
}

#[test]
fn who_goes_back_again_and_again_takes_the_changes_of_earlier_turns_back_as_well() {
    let add = |name| format!("*** Begin Patch\n*** Add File: {name}\n+text\n*** End Patch\n");
    let model = ScriptedModel::new()
        .says("First.")
        .calls_freely("apply_patch", &add("one.txt"))
        .says("Second.")
        .calls_freely("apply_patch", &add("two.txt"))
        .says("Third.")
        .says("Fourth.");
    let (scene, _server) = scene(model);
    let mut screen = show(&scene, &[]);
    for (message, answer) in
        [("m1", "First."), ("m2", "Second."), ("m3", "Third."), ("m4", "Fourth.")]
    {
        screen.press(&format!("{message}<enter>"));
        screen.wait_for(answer);
        wait_until_ready(&screen);
    }
    let back_to = |screen: &mut PtyScreen, turn: u32, says: &str| {
        screen.press(&format!("<c-u>/rewind {turn} both<enter>"));
        screen.wait_for(says);
        wait_until_ready(screen);
    };
    back_to(&mut screen, 4, "No file was changed since then.");
    screen.press("<c-u>/diff<enter>");
    screen.wait_until("both are in the diff", |screen| {
        let shown = screen.screen();
        let files = ["one.txt", "two.txt"].iter().all(|file| shown.contains(file));
        files && shown.contains("What this thread changed")
    });
    screen.press("<esc>");
    wait_until_ready(&screen);
    back_to(&mut screen, 2, "Undid turn 2");
    assert_eq!((scene.read("one.txt"), scene.read("two.txt")), (None, None));
    screen.wait_for("--redo, 2 times");
    let named = screen.screen().matches("To take this back").count();
    assert_eq!(named, 1, "{}", screen.screen());
    leave(screen);
}

/// A file was added in each of two turns: `one.txt` and `two.txt`.
fn after_two_turns() -> (Scene, ScriptedServer, PtyScreen) {
    let add = |name| format!("*** Begin Patch\n*** Add File: {name}\n+text\n*** End Patch\n");
    let model = ScriptedModel::new()
        .calls_freely("apply_patch", &add("one.txt"))
        .says("First.")
        .calls_freely("apply_patch", &add("two.txt"))
        .says("Second.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    for (message, answer) in [("m1", "First."), ("m2", "Second.")] {
        screen.press(&format!("{message}<enter>"));
        screen.wait_for(answer);
        wait_until_ready(&screen);
    }
    (scene, server, screen)
}

#[test]
fn files_of_two_turns_that_went_back_come_back_by_two_redos_as_it_is_said() {
    let (scene, _server, mut screen) = after_two_turns();
    screen.press("/rewind 1 files<enter>");
    screen.wait_for("To take this back: /redo, 2 times, a turn each time");
    wait_until_ready(&screen);
    assert_eq!((scene.read("one.txt"), scene.read("two.txt")), (None, None));
    for files in [1, 2] {
        screen.press("/redo<enter>");
        screen.wait_until("one more is back", |_| {
            let there = ["one.txt", "two.txt"].iter().filter(|file| scene.read(file).is_some());
            there.count() == files
        });
        wait_until_ready(&screen);
    }
    leave(screen);
}

#[test]
fn who_leaves_is_told_how_to_go_on_unless_nothing_was_said() {
    const WAY_BACK: &str = "To go on: agent resume ";
    let (scene, _server) = scene(ScriptedModel::new().says("It is 42."));
    let way_back = |left: &agent_testkit::Left| {
        let found = left.rows.iter().filter_map(|row| row.strip_prefix(WAY_BACK));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut screen = show(&scene, &[]);
    screen.press("/quit<enter>");
    assert_eq!(way_back(&screen.finish()), [""; 0]);
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("/quit<enter>");
    let left = screen.finish();
    left.gave_the_terminal_back();
    let [thread] = &way_back(&left)[..] else { panic!("{:#?}", left.rows) };
    assert_eq!(left.rows.last(), Some(&format!("{WAY_BACK}{thread}")));
    let screen = show(&scene, &["resume", thread]);
    screen.wait_for("It is 42.");
    screen.signal(rustix::process::Signal::TERM);
    assert_eq!(way_back(&screen.finish()), [thread.as_str()]);
}

/// An answer of which the first lines are there at once, and the last ones hardly ever.
fn a_slow_answer() -> Step {
    Step::new().says(&"word\n\n".repeat(2_000)).at_tokens_per_second(60.0)
}

#[test]
fn a_thread_that_waited_for_the_end_of_the_turn_does_not_swallow_what_the_turn_said_last() {
    for flags in [&[][..], &["--alt-screen"]] {
        let answer = Step::new().says("It begins.\n\nIt ends.").at_tokens_per_second(8.0);
        let (scene, _server) = scene(ScriptedModel::new().step(answer).says("Also this."));
        let mut screen = show(&scene, flags);
        screen.press("go<enter>");
        screen.wait_for("esc stops");
        screen.press("/new<enter>");
        screen.wait_for("A new thread begins here.");
        let rows = screen.scrollback().join("\n");
        assert_eq!(rows.matches("It ends.").count(), 1, "{rows}");
        let places = ["It begins.", "It ends.", "A new thread"].map(|text| rows.find(text));
        assert!(places.is_sorted() && places[0].is_some(), "{rows}");
        leave(screen);
    }
}

#[test]
fn whoever_leaves_a_turn_that_runs_keeps_what_was_seen_of_it_however_that_is_done() {
    type Leave = fn(&mut PtyScreen);
    const NOT_SENT: &str = "Not sent: “for later”; going back (Up) finds it next time.";
    let ways: [Leave; 4] = [
        |screen| screen.press("<c-u>/quit<enter>"),
        |screen| screen.press("<c-c><c-c>"),
        |screen| screen.signal(rustix::process::Signal::TERM),
        |screen| screen.signal(rustix::process::Signal::HUP),
    ];
    for (number, way) in ways.iter().enumerate() {
        let run = json!({"cmd": "echo it ran"});
        let (scene, _server) =
            scene(ScriptedModel::new().calls("exec_command", run).step(a_slow_answer()));
        let mut screen = show(&scene, &[]);
        screen.press("go<enter>");
        screen.wait_for("word");
        screen.press("for later<tab>");
        screen.wait_for("for later (after this turn");
        way(&mut screen);
        let left = screen.finish();
        left.gave_the_terminal_back();
        let times = |text: &str| left.rows.iter().filter(|row| row.starts_with(text)).count();
        for text in ["▌ go", "  it ran", "• Stopped.", "To go on: agent resume", NOT_SENT] {
            assert_eq!(times(text), 1, "{number}: {text}: {:#?}", left.rows);
        }
        assert!(times("word") > 0 && times("▌ for later") == 0, "{number}: {:#?}", left.rows);
        let mut screen = show(&scene, &[]);
        screen.press("<up>");
        screen.wait_for("› for later");
        leave(screen);
    }
}

#[test]
fn a_turn_whose_agent_was_killed_is_marked_and_the_model_is_told_once() {
    let model = ScriptedModel::new().step(a_slow_answer()).says("On it.").says("And on.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("go<enter>");
    screen.wait_for("word");
    screen.signal(rustix::process::Signal::KILL);
    screen.finish();
    for answer in ["On it.", "And on."] {
        let frames = server.frames().len();
        let mut screen = show(&scene, &["resume", "--last"]);
        screen.wait_for("Broken off: the agent ended before this turn did.");
        screen.press("go on<enter>");
        screen.wait_for(answer);
        wait_until_ready(&screen);
        let rows = screen.scrollback().join("\n");
        assert_eq!(rows.matches("Broken off").count(), 1, "{rows}");
        let sent = sent_after(frames, &server);
        assert_eq!(sent.matches("ended in the middle of the turn").count(), 1, "{sent}");
        leave(screen);
    }
}

#[test]
fn what_has_to_stay_of_one_turn_keeps_nothing_of_the_turns_before_it() {
    let (scene, _server, mut screen) = after_two_turns();
    // Shown when it is known what the last turn changed: what comes later is the person's.
    screen.press("/diff<enter>");
    screen.wait_for("What this thread changed");
    screen.press("<esc>");
    wait_until_ready(&screen);
    std::fs::write(scene.workspace().join("two.txt"), "mine").unwrap();
    screen.press("/rewind 1 files<enter>");
    screen.wait_for("Undid turn 1");
    assert_eq!((scene.read("one.txt"), scene.read("two.txt")), (None, Some("mine".to_owned())));
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn how_much_goes_into_the_window_is_known_from_the_provider_once_there_is_an_answer() {
    let (scene, server) = scene(ScriptedModel::new().says("First.").says("Second."));
    server.list_models(
        r#"{"object":"list","data":[{"id":"scripted","context_length":100000},{"id":"scripted-too"}]}"#,
    );
    let mut screen = show(&scene, &[]);
    assert_eq!(server.times_asked_for_models(), 0, "nothing is asked before the first request");
    screen.press("one<enter>");
    screen.wait_for("% context left");
    screen.press("/model<enter>");
    screen.wait_for("  scripted-too");
    screen.press("<esc>");
    assert_eq!(server.times_asked_for_models(), 1, "the list is the same");
    leave(screen);
}

#[test]
fn the_branch_is_the_one_that_is_checked_out_now() {
    let (scene, _server) = scene(ScriptedModel::new());
    let head = scene.workspace().join(".git/HEAD");
    let switch = |branch: &str| std::fs::write(&head, format!("ref: refs/heads/{branch}\n"));
    switch("first").unwrap();
    let mut screen = show(&scene, &[]);
    screen.wait_for("workspace (first)");
    switch("second").unwrap();
    screen.focus(true);
    screen.wait_for("workspace (second)");
    switch("third").unwrap();
    screen.press("!true<enter>");
    screen.wait_for("workspace (third)");
    switch("fourth").unwrap();
    screen.press("/status<enter>");
    screen.wait_for("branch fourth");
    leave(screen);
}

#[test]
fn a_repository_that_is_made_while_the_screen_is_open_is_noticed() {
    let (scene, _server) = scene(ScriptedModel::new());
    let scene = scene.outside_git();
    let mut screen = show(&scene, &[]);
    screen.wait_for("workspace");
    let scene = scene.file(".git/HEAD", "ref: refs/heads/made\n");
    screen.press("!true<enter>");
    screen.wait_for("workspace (made)");
    std::fs::remove_dir_all(scene.workspace().join(".git")).unwrap();
    screen.press("/status<enter>");
    screen.wait_until("it is no repository", |screen| !screen.screen().contains("(made)"));
    leave(screen);
}

#[test]
fn where_the_last_thread_cannot_be_read_the_screen_goes_on_with_the_one_before_and_says_so() {
    let (scene, _server) = scene(ScriptedModel::new().says("One."));
    let mut screen = show(&scene, &[]);
    screen.press("remember 7<enter>");
    screen.wait_for("One.");
    leave(screen);
    let folder = scene.rollouts()[0].parent().unwrap().with_file_name("0a02");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("rollout.jsonl"), "rubbish\n").unwrap();
    let screen = scene.screen(&["resume", "--last", "-m", "scripted"], COLUMNS, ROWS);
    screen.wait_for("note: passed over the thread 0a02");
    screen.wait_for("▌ remember 7");
    leave(screen);
}
