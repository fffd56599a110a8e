//! The files that say what a walk leaves out, and whether they can be read: a walk reads whatever is called so, through
//! links, to its end (R16).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::files::open_regular;

/// Bytes of one; nobody has written a longer one.
const MOST: u64 = 1 << 20;

/// Whether the ignore files in a directory can be read. Neither a pipe nor a device in their place would end, nor would
/// some files of the kernel, which say that they are empty.
pub fn has_plain_ignore_files(directory: &Path) -> bool {
    let names = [".gitignore", ".ignore", ".git/info/exclude"];
    names.iter().all(|name| is_plain(&directory.join(name)))
        && leads_to_plain_ones(&directory.join(".git"))
}

/// A `.git` that points elsewhere is followed by the walk as far as here, from where we are.
fn leads_to_plain_ones(git: &Path) -> bool {
    if !git.metadata().is_ok_and(|found| found.is_file()) {
        return true;
    }
    if !is_plain(git) {
        return false;
    }
    let line = first_line(git);
    let Some(dir) = line.as_deref().and_then(|line| line.strip_prefix("gitdir: ")) else {
        return true;
    };
    let pointer = Path::new(dir).join("commondir");
    if !is_plain(&pointer) {
        return false;
    }
    let Some(common) = first_line(&pointer) else { return true };
    let common = match common.starts_with('.') {
        true => Path::new(dir).join(common),
        false => PathBuf::from(common),
    };
    is_plain(&common.join("info/exclude"))
}

fn is_plain(path: &Path) -> bool {
    match path.metadata() {
        Ok(found) if found.is_file() => open_regular(path).map_or(true, |(file, found)| {
            found.len() <= MOST && (found.len() > 0 || is_empty(&file))
        }),
        Ok(_) => false,
        // The walk does without it, too.
        Err(_) => true,
    }
}

fn is_empty(mut file: &File) -> bool {
    // Fewer bytes some files of the kernel do not give.
    matches!(file.read(&mut [0; 4096]), Ok(0))
}

fn first_line(path: &Path) -> Option<String> {
    let (file, _) = open_regular(path).ok()?;
    BufReader::new(file.take(MOST)).lines().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs;
    use std::os::unix::fs::symlink;

    fn pipe(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn r16_only_ignore_files_that_end_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (rules, own) = (dir.path().join(".gitignore"), dir.path().join("own"));
        assert!(has_plain_ignore_files(dir.path()));
        fs::write(&own, "target\n").unwrap();
        for (target, expected) in [
            (own.to_str().unwrap(), true),
            ("nowhere", true),
            ("/dev/null", false),
            ("/dev/zero", false),
        ] {
            symlink(target, &rules).unwrap();
            assert_eq!(has_plain_ignore_files(dir.path()), expected, "{target}");
            fs::remove_file(&rules).unwrap();
        }
        fs::write(&rules, "").unwrap();
        assert!(has_plain_ignore_files(dir.path()));
        File::options().write(true).open(&rules).unwrap().set_len(MOST + 1).unwrap();
        assert!(!has_plain_ignore_files(dir.path()), "too long");
        fs::remove_file(&rules).unwrap();
        pipe(&rules);
        assert!(!has_plain_ignore_files(dir.path()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn r16_files_of_the_kernel_are_no_ignore_files() {
        let dir = tempfile::tempdir().unwrap();
        for target in ["/proc/self/pagemap", "/proc/self/environ"] {
            let rules = dir.path().join(".ignore");
            symlink(target, &rules).unwrap();
            assert!(!has_plain_ignore_files(dir.path()), "{target}");
            fs::remove_file(&rules).unwrap();
        }
    }

    #[test]
    fn r16_what_a_pointer_to_a_repository_leads_to_is_looked_at_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let of = |path: &str| dir.path().join(path);
        fs::create_dir_all(of("tree")).unwrap();
        fs::create_dir_all(of("git/info")).unwrap();
        fs::create_dir_all(of("git/of tree")).unwrap();
        let is_plain = || has_plain_ignore_files(&of("tree"));
        fs::write(of("tree/.git"), format!("gitdir: {}\n", of("git/of tree").display())).unwrap();
        assert!(is_plain());
        pipe(&of("git/of tree/commondir"));
        assert!(!is_plain());
        fs::remove_file(of("git/of tree/commondir")).unwrap();
        fs::write(of("git/of tree/commondir"), "..\n").unwrap();
        assert!(is_plain());
        pipe(&of("git/info/exclude"));
        assert!(!is_plain());
        fs::remove_file(of("tree/.git")).unwrap();
        symlink("/dev/zero", of("tree/.git")).unwrap();
        assert!(is_plain(), "the walk takes it for no pointer");
    }
}
