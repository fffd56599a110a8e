//! What an edit keeps of a file, and what keeps an edit from a file (R6).

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use agent_testkit::{Finished, Scene};
use rustix::process::{Pid, Signal, kill_process};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// A workspace with one file of these bytes.
fn scene(bytes: &[u8]) -> (Scene, PathBuf) {
    let scene = Scene::new(AGENT);
    let path = scene.workspace().join("file");
    fs::write(&path, bytes).unwrap();
    (scene, path)
}

async fn change_two(scene: &Scene) -> Finished {
    let patch =
        "*** Begin Patch\n*** Update File: file\n@@\n one\n-two\n+zwei\n+drei\n*** End Patch\n";
    scene.run_with_input(&["apply-patch"], patch).await
}

#[tokio::test]
async fn r6_line_endings_mark_and_missing_final_newline_survive() {
    for (what, before, after) in [
        ("plain", "one\ntwo\nfour\n", "one\nzwei\ndrei\nfour\n"),
        ("no final newline", "one\ntwo\nfour", "one\nzwei\ndrei\nfour"),
        ("no final newline where the change is", "one\ntwo", "one\nzwei\ndrei"),
        ("endings of Windows", "one\r\ntwo\r\nfour\r\n", "one\r\nzwei\r\ndrei\r\nfour\r\n"),
        ("the same without the last", "one\r\ntwo\r\nfour", "one\r\nzwei\r\ndrei\r\nfour"),
        ("byte order mark", "\u{feff}one\ntwo\n", "\u{feff}one\nzwei\ndrei\n"),
        ("both", "\u{feff}one\r\ntwo\r\nfour", "\u{feff}one\r\nzwei\r\ndrei\r\nfour"),
        ("blanks at the ends", "one\ntwo\nfour \t\n\n\n", "one\nzwei\ndrei\nfour \t\n\n\n"),
        ("mixed endings elsewhere", "one\ntwo\nfour\r\nfive\n", "one\nzwei\ndrei\nfour\r\nfive\n"),
    ] {
        let (scene, path) = scene(before.as_bytes());
        change_two(&scene).await.succeeded();
        assert_eq!(fs::read_to_string(path).unwrap(), after, "{what}");
    }
}

#[tokio::test]
async fn r6_mode_and_owner_survive() {
    for mode in [0o600, 0o751, 0o666, 0o444] {
        let (scene, path) = scene(b"one\ntwo\n");
        // Only root may give a file away.
        let _ = std::os::unix::fs::chown(&path, Some(4242), Some(4343));
        let owner = fs::metadata(&path).map(|file| (file.uid(), file.gid())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let run = change_two(&scene).await;
        let file = fs::metadata(&path).unwrap();
        assert_eq!(file.mode() & 0o7777, mode);
        assert_eq!((file.uid(), file.gid()), owner);
        let changed = fs::read_to_string(&path).unwrap() != "one\ntwo\n";
        assert_eq!(changed, run.code == Some(0), "{mode:o}: {}", run.stderr);
    }
}

#[tokio::test]
async fn r6_what_is_no_text_is_refused_and_not_a_byte_of_it_changes() {
    for bytes in [
        &b"one\ntwo\n\0"[..],
        b"one\ntwo\ncaf\xe9\n",
        b"\xff\xfeo\0n\0e\0\n\0",
        b"one\ntwo\n\xed\xa0\x80",
    ] {
        let (scene, path) = scene(bytes);
        let run = change_two(&scene).await;
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("file"), "{}", run.stderr);
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn r6_a_link_stays_a_link_and_another_name_is_told_of() {
    let (scene, path) = scene(b"one\ntwo\n");
    let real = scene.workspace().join("real");
    fs::rename(&path, &real).unwrap();
    symlink("real", &path).unwrap();
    change_two(&scene).await.succeeded();
    assert_eq!(fs::read_link(&path).unwrap(), PathBuf::from("real"));
    assert_eq!(fs::read_to_string(real).unwrap(), "one\nzwei\ndrei\n");

    let (scene, path) = self::scene(b"one\ntwo\n");
    fs::hard_link(&path, scene.workspace().join("other")).unwrap();
    let run = change_two(&scene).await.succeeded();
    assert!((run.stdout + &run.stderr).contains("hard links"), "it is not silent");
    assert_eq!(scene.read("other").unwrap(), "one\ntwo\n");
}

#[tokio::test]
async fn r6_an_edit_applies_only_where_its_context_still_is() {
    let (scene, path) = scene(b"eins\ntwo\n");
    let run = change_two(&scene).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("one\n") && run.stderr.contains("eins"), "{}", run.stderr);
    assert_eq!(fs::read(path).unwrap(), b"eins\ntwo\n");
}

/// Saves again and again, as editors do: beside the file first, then in its place.
struct Editor {
    over: Arc<AtomicBool>,
    /// What was saved last; while it is held, nothing is saved.
    saved: Arc<Mutex<u32>>,
    saving: Option<JoinHandle<()>>,
}

impl Editor {
    fn on(path: &Path) -> Self {
        let (over, saved) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0)));
        let (path, ended, last) = (path.to_owned(), over.clone(), saved.clone());
        let saving = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let mut last = last.lock().unwrap();
                *last += 1;
                let temporary = path.with_extension("saving");
                fs::write(&temporary, format!("{last}\ntail\n")).unwrap();
                fs::rename(temporary, &path).unwrap();
                drop(last);
                std::thread::yield_now();
            }
        });
        Self { over, saved, saving: Some(saving) }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.saving.take().map(JoinHandle::join);
    }
}

#[tokio::test]
async fn r6_what_an_editor_saves_meanwhile_is_never_lost() {
    const PATCH: &str =
        "*** Begin Patch\n*** Update File: file\n@@\n-tail\n+tail, patched\n*** End Patch\n";
    let (scene, path) = scene(b"0\ntail\n");
    let editor = Editor::on(&path);
    for _ in 0..60 {
        let run = scene.run_with_input(&["apply-patch"], PATCH).await;
        assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
        let saved = editor.saved.lock().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("{saved}\n")), "{saved} was lost: {text:?}");
    }
}

/// How many files a patch from the shell adds.
const FILES: usize = 60;

/// `agent apply-patch` when it has begun to change the workspace.
async fn applying(scene: &Scene) -> tokio::process::Child {
    let files = (0..FILES).map(|n| format!("*** Add File: new/{n}\n+{n}\n"));
    let patch = format!("*** Begin Patch\n{}*** End Patch\n", files.collect::<String>());
    let mut command = scene.command(&["apply-patch"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, patch.as_bytes()).await.unwrap();
    drop(input);
    while !scene.workspace().join("new").exists() && child.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    child
}

#[tokio::test]
async fn r5_a_patch_from_the_shell_that_is_asked_to_end_is_finished_first() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let scene = Scene::new(AGENT);
        let mut child = applying(&scene).await;
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, signal);
        }
        assert_eq!(child.wait().await.unwrap().code(), Some(0), "{signal:?}");
        let new = scene.workspace().join("new");
        assert_eq!(fs::read_dir(new).unwrap().count(), FILES, "{signal:?}");
    }
}

#[tokio::test]
async fn r5_a_patch_from_the_shell_that_was_killed_is_undone_before_the_next() {
    let mut halves = 0;
    for begun in 0..10 {
        let scene = Scene::new(AGENT).unrehearsed();
        let mut child = applying(&scene).await;
        let new = scene.workspace().join("new");
        let count = || fs::read_dir(&new).map_or(0, Iterator::count);
        while count() < begun * FILES / 10 && child.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        child.kill().await.unwrap();
        halves += usize::from(count() > 0 && count() < FILES);
        let next = "*** Begin Patch\n*** Add File: other\n+x\n*** End Patch\n";
        scene.run_with_input(&["apply-patch"], next).await.succeeded();
        assert!(!new.exists() || count() == FILES, "{} files, at {begun}", count());
        let names =
            fs::read_dir(scene.workspace()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with(".agent-")));
    }
    assert!(halves > 0, "a kill came within a patch");
}
