//! Where git keeps passwords because its configuration says so: `credential.helper = store --file PATH`. No command reads
//! that either (S11).

use std::path::{Path, PathBuf};

use super::command_line;
use super::holding::Holding;
use super::persons;
use crate::sandbox::SandboxPolicy;
use crate::sandbox::secrets::can_be_hidden;

/// The files, whether they exist or not.
pub(super) fn files(policy: &SandboxPolicy) -> Vec<PathBuf> {
    let configs = persons::of_both(policy, persons::git_configs);
    let holding = Holding::everywhere(&configs, &policy.env);
    let working = policy.writable_roots.first().map_or(Path::new("/"), PathBuf::as_path);
    let named = holding.helpers.iter().flat_map(|helper| named_in(helper));
    let files = named.map(|file| holding.path(working, &file));
    files.filter(|file| can_be_hidden(file, &policy.writable_roots)).collect()
}

/// What stands behind `--file`, which may be abbreviated, in the helper's command line.
fn named_in(helper: &[u8]) -> Vec<Vec<u8>> {
    let commands = command_line::commands(helper);
    let named = commands.iter().flat_map(|words| {
        words.iter().enumerate().filter_map(|(at, word)| {
            let equals = word.iter().position(|byte| *byte == b'=');
            let option = &word[..equals.unwrap_or(word.len())];
            let is_file = option.len() > b"--".len() && b"--file".starts_with(option);
            let value = equals
                .map_or_else(|| words.get(at + 1).cloned(), |at| Some(word[at + 1..].to_vec()));
            value.filter(|_| is_file)
        })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_helper_is_found_in_each_way_to_say_it() {
        for (helper, file) in [
            ("store --file ~/.kept", Some("~/.kept")),
            ("store --file=/a/b", Some("/a/b")),
            ("store --fi '/a b'", Some("/a b")),
            ("!git credential-store --file \"$HOME/x\"", Some("$HOME/x")),
            ("store", None),
            ("cache --timeout 1", None),
        ] {
            let file: Vec<_> = file.into_iter().map(|file| file.as_bytes().to_vec()).collect();
            assert_eq!(named_in(helper.as_bytes()), file, "{helper}");
        }
    }
}
