//! The person's editor, for a message that is easier written there.

use std::io::Write as _;

use agent_core::Opened;
use agent_tools::OwnEnvironment;
use agent_tui::effect::Input;
use anyhow::Context as _;

use super::desk::failed;
use crate::config::Environment;

/// Lets the person write `text` on; what came of it. The editor is started in the workspace, as the person names files of it
/// there.
pub(super) fn edit(
    environment: &Environment,
    own: OwnEnvironment,
    text: String,
) -> impl Future<Output = Input> + 'static {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| environment.var(name));
    let editor = editor.unwrap_or("vi").to_owned();
    async move {
        // What ctrl-c means there is the editor's business.
        let _ours = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        let edited = tokio::task::spawn_blocking(move || write_in(&editor, &own, &text)).await;
        match edited {
            Ok(Ok(text)) => Input::Edited(text),
            Ok(Err(error)) => failed(&format!("{error:#}")),
            Err(error) => failed(&format!("the editor broke off: {error}")),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the person's own program, not the model's")]
fn write_in(editor: &str, own: &OwnEnvironment, text: &str) -> anyhow::Result<String> {
    let mut file = tempfile::Builder::new()
        .prefix("message-")
        .suffix(".md")
        .tempfile()
        .context("cannot make a file for the editor")?;
    file.write_all(text.as_bytes()).context("cannot write the editor's file")?;
    // EDITOR may hold arguments, as a shell reads them.
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(file.path());
    command.env_clear().envs(own.variables());
    let status = command.status().with_context(|| format!("cannot start the editor `{editor}`"))?;
    anyhow::ensure!(
        status.success(),
        "the editor `{editor}` ended with {status}; name another with VISUAL or EDITOR"
    );
    // By its name: editors replace files.
    let edited = Opened::open(file.path()).and_then(|opened| opened.text(Opened::BY_HAND));
    edited.context("cannot read what was written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_tools::Shared;
    use std::collections::BTreeMap;

    #[test]
    fn what_an_editor_writes_is_read_and_one_that_fails_is_named() {
        let own = OwnEnvironment::new(&BTreeMap::new(), &Shared::default());
        assert_eq!(write_in("printf more >>", &own, "some, ").unwrap(), "some, more");
        let error = write_in("false", &own, "text").unwrap_err().to_string();
        assert!(error.contains("`false`") && error.contains("EDITOR"), "{error}");
    }
}
