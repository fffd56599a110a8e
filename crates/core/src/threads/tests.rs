use super::*;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use agent_protocol::{
    ApprovalPolicy, Content, Event, Header, Item, ItemDetails, ROLLOUT_FORMAT, Record, SandboxMode,
    ThreadItem, ThreadStarted, TransportKind,
};

use crate::rollout::Rollout;

struct State {
    dir: tempfile::TempDir,
    threads: Threads,
}

impl State {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let threads = Threads::under(dir.path());
        Self { dir, threads }
    }

    /// A thread whose person said `message`, and whose log was written `age` seconds ago.
    fn thread(&self, id: &str, cwd: &str, message: &str, age: u64) {
        let header = Header {
            format: ROLLOUT_FORMAT,
            thread_id: id.into(),
            created_at: "2026-11-24T10:00:00.000Z".into(),
            agent_version: "0".into(),
            cwd: cwd.into(),
            provider: "openai".into(),
            model: "m".into(),
            forked_from: None,
            instructions: "\"type\":\"turn.started\"".into(),
            tools: vec![],
        };
        let mut rollout = Rollout::create(self.threads.dir(), &header).unwrap();
        rollout.append(&record(Event::TurnStarted {})).unwrap();
        rollout.append(&said(message)).unwrap();
        drop(rollout);
        self.touch(id, age);
    }

    fn touch(&self, id: &str, age: u64) {
        let file = File::options().append(true).open(self.threads.rollout(id)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).unwrap();
    }

    fn append(&self, id: &str, records: &[Record]) {
        let (mut rollout, _) = Rollout::open(&self.threads.rollout(id)).unwrap();
        records.iter().for_each(|record| rollout.append(record).unwrap());
    }

    fn ids(&self) -> Vec<String> {
        self.threads.list().unwrap().threads.into_iter().map(|thread| thread.id).collect()
    }
}

fn record(event: Event) -> Record {
    Record { seq: Some(1), at: "2026-11-24T10:00:00.000Z".into(), event, wire: vec![] }
}

fn said(text: &str) -> Record {
    let details = ItemDetails::UserMessage { text: text.into() };
    let item =
        ThreadItem { id: "i1".into(), details, call_id: None, step: None, duration_ms: None };
    Record {
        wire: vec![Item::user(&[Content::text(text)])],
        ..record(Event::ItemCompleted { item })
    }
}

fn gone_on_with(provider: &str, model: &str) -> Record {
    record(Event::ThreadStarted(ThreadStarted {
        thread_id: "t".into(),
        schema_version: 1,
        agent_version: "0".into(),
        model: model.into(),
        provider: provider.into(),
        transport: TransportKind::Websocket,
        cwd: "/".into(),
        sandbox: SandboxMode::ReadOnly,
        approval_policy: ApprovalPolicy::Never,
        resumed_from: None,
        session_path: None,
    }))
}

#[test]
fn threads_are_listed_the_one_changed_last_first() {
    let state = State::new();
    assert_eq!(state.ids(), Vec::<String>::new());
    state.thread("0a01", "/one", "\n  Mend the parser\nplease", 60);
    state.thread("0a02", "/two", "Say \"type\":\"turn.started\"", 10);
    let threads = state.threads.list().unwrap().threads;
    assert_eq!(threads[0].id, "0a02");
    assert_eq!((threads[1].title(), threads[1].turns), ("Mend the parser", 1));
    assert_eq!((threads[0].turns, threads[0].cwd.as_path()), (1, Path::new("/two")));
}

#[test]
fn the_index_is_only_a_help() {
    let state = State::new();
    state.thread("0a01", "/one", "first", 60);
    state.thread("0a02", "/one", "second", 30);
    let fresh = state.threads.list().unwrap().threads;
    let index = state.dir.path().join("threads.index");
    assert_eq!(state.threads.list().unwrap().threads, fresh);
    for damage in [
        &b"no index"[..],
        b"",
        br#"{"format":99,"threads":[]}"#,
        br#"{"format":2,"threads":[{"id":"0a01"}]}"#,
    ] {
        fs::write(&index, damage).unwrap();
        assert_eq!(state.threads.list().unwrap().threads, fresh);
    }
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    assert_eq!(state.threads.list().unwrap().threads, fresh);
    assert_eq!(fs::read_dir(state.dir.path()).unwrap().count(), 2);
}

#[test]
fn what_is_known_is_not_read_again_and_what_was_appended_is() {
    let state = State::new();
    state.thread("0a01", "/one", "first", 60);
    state.ids();
    state.append(
        "0a01",
        &[gone_on_with("ollama", "qwen"), record(Event::TurnStarted {}), said("more")],
    );
    let mut file = File::options().append(true).open(state.threads.rollout("0a01")).unwrap();
    file.write_all(br#"{"seq":9,"at":"","type":"turn.started""#).unwrap();
    let thread = state.threads.find("0a01").unwrap();
    assert_eq!(
        (thread.turns, thread.provider.as_str(), thread.model.as_str()),
        (2, "ollama", "qwen")
    );
    assert_eq!(thread.title(), "first");
    // A torn line is set aside when the thread goes on; what follows is not taken for its rest.
    state.append("0a01", &[record(Event::TurnStarted {})]);
    assert_eq!(state.threads.find("0a01").unwrap().turns, 3);
}

#[test]
fn the_list_goes_by_the_rollout_where_its_format_was_raised_since() {
    let state = State::new();
    state.thread("0a01", "/one", "first", 60);
    let path = state.threads.rollout("0a01");
    let listed = fs::metadata(&path).unwrap();
    assert_eq!(state.ids(), ["0a01"]);
    let text = fs::read_to_string(&path).unwrap();
    let format = format!("\"format\":{ROLLOUT_FORMAT}");
    // In place, by one that keeps the size and the time, and by one that grows.
    for raised in ["\"format\":7".to_owned(), "\"format\":7,\"more\":[]".to_owned()] {
        let raise = || {
            fs::write(&path, text.replacen(&format, &raised, 1)).unwrap();
            let file = File::options().append(true).open(&path).unwrap();
            file.set_modified(listed.modified().unwrap()).unwrap();
            fs::metadata(&path).unwrap().ctime_nsec()
        };
        // The kernel's clock for files may stand still for a moment.
        while raise() == listed.ctime_nsec() {}
        let Listing { threads, unreadable } = state.threads.list().unwrap();
        assert!(threads.is_empty());
        assert!(matches!(unreadable[..], [RolloutError::TooNew { format: 7, .. }]), "{raised}");
        fs::write(&path, &text).unwrap();
        assert_eq!(state.ids(), ["0a01"]);
    }
}

#[test]
fn what_a_later_version_wrote_in_the_index_does_not_make_its_rollouts_readable() {
    let state = State::new();
    state.thread("0a01", "/one", "first", 60);
    state.ids();
    let index = state.dir.path().join("threads.index");
    let mut stored: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let path = state.threads.rollout("0a01");
    fs::write(&path, "{\"format\":7,\"shape\":\"unknown\"}\n").unwrap();
    let found = fs::metadata(&path).unwrap();
    let entry = &mut stored["threads"][0];
    entry["format"] = 7.into();
    entry["size"] = found.size().into();
    entry["mtime_ns"] = (found.mtime() * 1_000_000_000 + found.mtime_nsec()).into();
    entry["ctime_ns"] = (found.ctime() * 1_000_000_000 + found.ctime_nsec()).into();
    fs::write(&index, stored.to_string()).unwrap();
    assert_eq!(state.threads.list().unwrap().unreadable.len(), 1);
}

#[test]
fn a_thread_is_found_by_id_prefix_title_or_name() {
    let state = State::new();
    state.thread("0a01-11", "/one", "Mend the parser", 60);
    state.thread("0a01-22", "/one", "Mend the printer", 30);
    state.threads.set_name("0a01-22", "printer work\n").unwrap();
    for (which, id) in [
        ("0a01-11", "0a01-11"),
        ("0A01-2", "0a01-22"),
        ("mend the parser", "0a01-11"),
        ("mend", "0a01-11"),
        ("Printer", "0a01-22"),
    ] {
        assert_eq!(state.threads.find(which).unwrap().id, id, "{which}");
    }
    state.threads.set_name("0a01-22", "").unwrap();
    for which in ["0a01", "mend the p"] {
        let error = state.threads.find(which).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{which}` may mean any of these threads:\n  0a01-22  Mend the printer\n  0a01-11  Mend the parser"
            )
        );
    }
    for which in ["", "nothing", "../x"] {
        assert!(matches!(state.threads.find(which), Err(ThreadsError::Unknown(_))), "{which}");
    }
}

#[test]
fn the_last_thread_is_one_of_the_directory_and_the_provider() {
    let state = State::new();
    state.thread("0a01", "/one", "a", 60);
    state.thread("0a02", "/one", "b", 30);
    state.thread("0a03", "/two", "c", 10);
    state.append("0a02", &[gone_on_with("ollama", "q")]);
    state.touch("0a02", 30);
    let last = |cwd: Option<&str>, provider| {
        let among = Among { cwd: cwd.map(Path::new), provider };
        state.threads.last(among).unwrap().thread.map(|thread| thread.id)
    };
    assert_eq!(last(Some("/one"), Some("openai")).as_deref(), Some("0a01"));
    assert_eq!(last(Some("/one"), None).as_deref(), Some("0a02"));
    assert_eq!(last(None, None).as_deref(), Some("0a03"));
    assert_eq!(last(Some("/three"), None), None);
}

#[test]
fn a_rollout_that_cannot_be_read_hides_no_other() {
    let state = State::new();
    state.thread("0a01", "/one", "a", 60);
    for (id, text) in [("0a02", "{\"format\":999}\n"), ("0a03", "rubbish"), ("0a04", "")] {
        fs::create_dir_all(state.threads.dir().join(id)).unwrap();
        fs::write(state.threads.rollout(id), text).unwrap();
    }
    fs::create_dir_all(state.threads.dir().join("empty")).unwrap();
    let listing = state.threads.list().unwrap();
    assert_eq!((listing.threads.len(), listing.unreadable.len()), (1, 3));
}

#[test]
fn where_the_newest_cannot_be_read_no_other_is_taken_for_the_last() {
    let state = State::new();
    state.thread("0a01", "/one", "a", 60);
    // A folder can be opened and not be read, by nobody.
    fs::create_dir_all(state.threads.rollout("0a02")).unwrap();
    let is_said = |error| {
        matches!(error, ThreadsError::Rollout(RolloutError::Io { path, .. })
            if path == state.threads.rollout("0a02"))
    };
    assert!(is_said(state.threads.last(Among::default()).unwrap_err()));
    assert!(is_said(state.threads.find("0a02").unwrap_err()));
    assert_eq!(state.threads.find("0a01").unwrap().id, "0a01");
    // What is older than the one that is asked for does not matter.
    state.thread("0a03", "/one", "b", 0);
    let now = File::options().append(true).open(state.threads.rollout("0a03")).unwrap();
    now.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60)).unwrap();
    let last = state.threads.last(Among::default()).unwrap().thread;
    assert_eq!(last.map(|thread| thread.id).as_deref(), Some("0a03"));
}

#[test]
fn what_is_later_than_the_last_and_damaged_or_of_a_newer_format_is_told_with_it() {
    let state = State::new();
    for (id, age) in [("0a01", 90), ("0a02", 60), ("0a03", 30), ("0a04", 10)] {
        state.thread(id, "/one", id, age);
    }
    for (id, text, age) in
        [("0a01", "rubbish", 90), ("0a03", "rubbish", 30), ("0a04", "{\"format\":999}\n", 10)]
    {
        fs::write(state.threads.rollout(id), text).unwrap();
        state.touch(id, age);
    }
    let last = state.threads.last(Among::default()).unwrap();
    assert_eq!(last.thread.map(|thread| thread.id).as_deref(), Some("0a02"));
    let over: Vec<_> = last.passed_over.iter().map(RolloutError::path).collect();
    assert_eq!(over, [state.threads.rollout("0a04"), state.threads.rollout("0a03")]);
}

#[test]
fn a_thread_is_removed_with_all_that_is_beside_it_unless_somebody_works_on_it() {
    let state = State::new();
    state.thread("0a01", "/one", "a", 60);
    let thread = state.threads.find("0a01").unwrap();
    let held = Rollout::open(&thread.path).unwrap();
    assert!(matches!(state.threads.remove(&thread), Err(ThreadsError::InUse { .. })));
    drop(held);
    let undo = state.threads.undo_dir("0a01");
    fs::create_dir_all(undo.join("objects")).unwrap();
    state.threads.remove(&thread).unwrap();
    assert_eq!(state.ids(), Vec::<String>::new());
    assert!(!undo.exists());
    assert_eq!(fs::read_dir(state.threads.dir()).unwrap().count(), 0);
}

#[test]
fn a_fork_from_before_a_turn_holds_nothing_of_it_and_the_thread_stays() {
    let state = State::new();
    state.thread("1111", "/w", "first", 0);
    state.append("1111", &[record(Event::TurnStarted {}), said("second")]);
    let before = fs::read(state.threads.rollout("1111")).unwrap();
    let fork = state.threads.fork_before(&state.threads.rollout("1111"), 2).unwrap();
    let loaded = read_rollout(&fork).unwrap();
    assert_eq!(loaded.records, [record(Event::TurnStarted {}), said("first")]);
    assert_eq!(loaded.header.forked_from.as_deref(), Some("1111"));
    assert_eq!(fs::read(state.threads.rollout("1111")).unwrap(), before);
    let empty = state.threads.fork_before(&state.threads.rollout("1111"), 1).unwrap();
    assert!(read_rollout(&empty).unwrap().records.is_empty());
}

#[test]
fn a_fork_that_cannot_undo_what_it_took_over_is_none_and_leaves_nothing() {
    let state = State::new();
    state.thread("1111", "/w", "first", 0);
    let undo = state.threads.undo_dir("1111");
    fs::create_dir_all(&undo).unwrap();
    fs::write(undo.join("sets"), "no folder").unwrap();
    let refused = state.threads.fork(&state.threads.rollout("1111")).unwrap_err();
    assert!(refused.to_string().contains("undo/1111/sets"), "{refused}");
    assert_eq!(fs::read_dir(undo.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(state.threads.dir()).unwrap().count(), 1);
}

#[test]
fn s11_what_earlier_versions_kept_of_changes_is_hidden_unless_one_works_with_it() {
    let state = State::new();
    for id in ["1111", "2222", "3333"] {
        state.thread(id, "/w", "first", 0);
    }
    let earlier = |id: &str| state.threads.dir().join(id).join("undo");
    for id in ["1111", "2222"] {
        fs::create_dir(earlier(id)).unwrap();
        fs::write(earlier(id).join("lock"), "").unwrap();
        assert_eq!(state.threads.undo_dir(id), earlier(id), "it can be undone all the same");
    }
    let held = File::open(earlier("2222").join("lock")).unwrap();
    held.lock().unwrap();
    state.threads.hide_changes();
    let hidden = state.threads.undo_dir("1111");
    assert!(hidden.starts_with(state.dir.path().join("undo")) && hidden.join("lock").exists());
    assert!(!earlier("1111").exists());
    assert_eq!(state.threads.undo_dir("2222"), earlier("2222"));
    drop(held);
    state.threads.hide_changes();
    assert!(!earlier("2222").exists());
    assert!(!earlier("3333").exists() && !state.threads.undo_dir("3333").exists());
}

#[test]
fn a_thread_that_cannot_be_read_is_found_with_the_reason() {
    let state = State::new();
    state.thread("0199-newer", "/w", "one", 1);
    state.thread("0198-damaged", "/w", "two", 2);
    state.threads.set_name("0198-damaged", "parser").unwrap();
    let newer = "{\"format\":7,\"shape\":\"unknown\"}\n";
    std::fs::write(state.threads.rollout("0199-newer"), newer).unwrap();
    std::fs::write(state.threads.rollout("0198-damaged"), "no\n").unwrap();
    let why = |which: &str| state.threads.find(which).unwrap_err().to_string();
    for which in ["0199-newer", "0199"] {
        assert!(why(which).contains("is of format 7; this version reads up to"), "{}", why(which));
    }
    for which in ["0198-damaged", "Parser"] {
        assert!(why(which).contains("line 1 is not a record"), "{}", why(which));
    }
    assert_eq!(why("0197"), "there is no thread `0197`");
}
