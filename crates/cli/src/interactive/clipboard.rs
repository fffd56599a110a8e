//! A picture from the clipboard, by whichever program of the desktop knows it. The terminal is not asked: what would come
//! back cannot be told from what somebody types.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use agent_tools::{Hidden, OwnEnvironment, image_content};
use agent_tui::composer::Image;
use agent_tui::effect::Input;
use tokio::io::AsyncReadExt as _;

use super::desk::failed;
use crate::config::Environment;

/// The programs that write a picture of the clipboard to their standard output, and the variable without which one is no
/// use.
const READERS: &[(&str, &[&str], Option<&str>)] = &[
    ("wl-paste", &["--no-newline", "--type", "image/png"], Some("WAYLAND_DISPLAY")),
    ("xclip", &["-selection", "clipboard", "-target", "image/png", "-out"], Some("DISPLAY")),
    ("pngpaste", &["-"], None),
];

/// A program that waits for an owner of the clipboard who is gone is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// More is no picture that a model could look at.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Takes the picture into `folder`, and hands it to the composer.
pub(super) fn take(
    environment: &Environment,
    own: OwnEnvironment,
    folder: PathBuf,
) -> impl Future<Output = Input> + Send + use<> {
    let readers = readers(environment, own.path());
    async move {
        if readers.is_empty() {
            return failed(
                "No program that reads pictures from the clipboard was found: wl-paste (wl-clipboard), xclip or pngpaste. A \
                 picture can also be given by its path, pasted or with -i.",
            );
        }
        for (program, arguments) in readers {
            let Some(bytes) = read(&program, arguments, &own).await else { continue };
            let kept =
                tokio::task::spawn_blocking(move || keep(&folder, "clipboard", &bytes)).await;
            return match kept {
                Ok(Ok(path)) => Input::Picture(Image::at(path)),
                Ok(Err(error)) => failed(&format!("The picture cannot be taken: {error}.")),
                Err(error) => failed(&format!("The picture cannot be taken: {error}.")),
            };
        }
        failed("There is no picture in the clipboard; text is pasted by the terminal's own key.")
    }
}

/// Those that are there, by their whole paths.
fn readers(environment: &Environment, path: &OsStr) -> Vec<(PathBuf, &'static [&'static str])> {
    let dirs: Vec<_> = std::env::split_paths(path).collect();
    let usable = READERS.iter().filter(|(_, _, display)| {
        display.is_none_or(|variable| environment.var(variable).is_some())
    });
    let found = usable.filter_map(|(name, arguments, _)| {
        let file = dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file())?;
        Some((file, *arguments))
    });
    found.collect()
}

/// What the program writes; none when it fails, or there is nothing.
#[expect(clippy::disallowed_methods, reason = "the person's own program, not the model's")]
async fn read(program: &Path, arguments: &[&str], own: &OwnEnvironment) -> Option<Vec<u8>> {
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(own.variables())
        .current_dir(own.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut out = child.stdout.take()?.take(MOST_BYTES);
    let mut bytes = Vec::new();
    let reading = async {
        out.read_to_end(&mut bytes).await.ok()?;
        child.wait().await.ok()
    };
    let status = tokio::time::timeout(PATIENCE, reading).await.ok().flatten()?;
    (status.success() && !bytes.is_empty()).then_some(bytes)
}

/// Writes it under a name of its own, which begins with `kind`; what is no picture does not stay.
pub(super) fn keep(folder: &Path, kind: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    agent_core::create_private_dir(folder)?;
    let mut number = 1;
    let (path, mut file) = loop {
        let path = folder.join(format!("{kind}-{number}.png"));
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => break (path, file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    // No command can have put anything in its place.
    let is_image = || image_content(&path, &Hidden::default()).map(drop).map_err(io::Error::other);
    let kept = file.write_all(bytes).and_then(|()| is_image());
    if kept.is_err() {
        // Nobody has been told of it.
        let _ = std::fs::remove_file(&path);
    }
    kept.map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_this_desktop_are_asked() {
        let scratch = tempfile::tempdir().unwrap();
        for name in ["wl-paste", "xclip"] {
            std::fs::write(scratch.path().join(name), "").unwrap();
        }
        let bare = Environment::bare(Path::new("/home/p"), scratch.path());
        let names = |variables: &[&str]| {
            let variables = variables.iter();
            let environment = variables.fold(bare.clone(), |all, name| all.with(name, "x"));
            let found = readers(&environment, scratch.path().as_os_str()).into_iter();
            found.map(|(file, _)| file.file_name().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(names(&[]).is_empty());
        assert_eq!(names(&["DISPLAY"]), ["xclip"]);
        assert_eq!(names(&["DISPLAY", "WAYLAND_DISPLAY"]), ["wl-paste", "xclip"]);
    }

    #[test]
    fn what_is_no_picture_is_not_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("images");
        keep(&folder, "clipboard", b"some text").unwrap_err();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}
