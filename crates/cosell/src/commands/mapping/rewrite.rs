//! Puts a new text in the place of the mapping file: shown before, asked for, and with the old one kept beside it.

use std::{
    fs::OpenOptions,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// Most copies that are kept beside a file.
const MOST_COPIES: usize = 100;

/// Asks the person at the terminal. `yes`: was asked for on the command line.
pub(super) fn may_write(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody is at the terminal to be asked: {question}\n  fix: say --yes");
    }
    // Beside the answer, which may be read by a program.
    writeln!(std::io::stderr(), "{question} [y/N]").context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes `new` into the file, if it still holds `old`; the path of the copy of `old`.
///
/// # Errors
/// If somebody changed the file meanwhile, or it cannot be written: then it is as it was.
pub(super) fn rewrite(path: &Path, old: &str, new: &str) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    // Behind a link it is the file itself that changes, and the link that stays.
    let path = &path.canonicalize().with_context(|| format!("cannot find {shown}"))?;
    let present = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    if present != old {
        bail!("{shown} was changed meanwhile, and is left as it is\n  fix: run the command again");
    }
    let copy = keep(path, old)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(new.as_bytes())?;
        file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    written.with_context(|| format!("cannot write {shown}"))?;
    Ok(copy)
}

/// A copy of the text beside the file, under a name that nothing has yet.
fn keep(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for number in 1..=MOST_COPIES {
        let copy = path.with_file_name(format!("{name}.{number}.bak"));
        match OpenOptions::new().write(true).create_new(true).open(&copy) {
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes()).and_then(|()| {
                    file.set_permissions(std::fs::metadata(path)?.permissions())?;
                    file.sync_all()
                });
                written.with_context(|| format!("cannot write {}", copy.display()))?;
                return Ok(copy);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", copy.display())),
        }
    }
    bail!("there are {MOST_COPIES} copies of {name} already\n  fix: remove what you do not need of them")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    #[test]
    fn the_old_text_is_kept_and_a_file_that_changed_meanwhile_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mapping.toml");
        std::fs::write(&path, "old").unwrap();
        let copy = rewrite(&path, "old", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(copy).unwrap(), "old");
        assert!(rewrite(&path, "old", "newer").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        let second = rewrite(&path, "new", "newer").unwrap();
        assert!(second.ends_with("mapping.toml.2.bak"), "{second:?}");
    }
}
