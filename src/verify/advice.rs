//! What to do next, in words and with the command. Pure.

use std::path::{Path, PathBuf};

use super::judge::Remedy;
use crate::catalog::Archive;
use crate::text::shell;

/// What to do about the file at `path` that ought to be `archive`; nothing where it is right.
pub(super) fn advice(remedy: Remedy<'_>, archive: Option<&Archive>, path: &Path) -> Option<String> {
    match (remedy, archive) {
        (Remedy::Nothing, _) => None,
        (Remedy::Unlisted, _) | (_, None) => {
            Some("leave it out, or name the table that lists it with --checksums".to_owned())
        }
        (Remedy::Continue, Some(archive)) => Some(fetch_over(archive, path, "continues it")),
        (Remedy::Repair, Some(archive)) => Some(fetch_over(archive, path, "repairs it")),
        (Remedy::Replace, Some(archive)) => Some(fetch_over(archive, path, "replaces it")),
        (Remedy::Rename(content), Some(archive)) => {
            let name = shell::quote(content.name.as_ref());
            Some(format!(
                "rename it to {name}; {}",
                fetch(archive, &folder_of(archive, path), "fetches the right one")
            ))
        }
    }
}

/// The command that fetches the archive into the folder, and what that does.
pub(super) fn fetch(archive: &Archive, dir: &Path, does: &str) -> String {
    let mut command = format!("cxr fetch {}", shell::path(Path::new(&archive.name)));
    if !matches!(dir.to_str(), Some("" | "." | "./")) {
        command = format!("{command} -d {}", shell::path(dir));
    }
    if archive.address.is_none() {
        // The archive is of another table, and its user knows where it comes from.
        command.push_str(" --checksums FILE --from SOURCE");
    }
    format!("`{command}` {does}")
}

/// The same where something is under the archive's name, or under another one.
fn fetch_over(archive: &Archive, path: &Path, does: &str) -> String {
    let dir = folder_of(archive, path);
    if path.ends_with(&archive.name) {
        fetch(archive, &dir, does)
    } else {
        fetch(archive, &dir, "fetches it under its own name")
    }
}

/// The folder of archives in which the file is.
pub(super) fn folder_of(archive: &Archive, path: &Path) -> PathBuf {
    let name = [Some(&archive.name), archive.alias.as_ref()]
        .into_iter()
        .flatten()
        .find(|name| path.ends_with(name));
    let levels = name.map_or(1, |name| Path::new(name).components().count());
    path.ancestors().nth(levels).unwrap_or_else(|| Path::new("")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::archive;
    use super::*;

    #[test]
    fn commands_name_the_archive_and_the_folder() {
        let listed = archive("images_003.tar.gz", b"3");
        let mut other = archive("sub/-a b.csv", b"a");
        other.address = None;
        for (remedy, archive, path, words) in [
            (
                Remedy::Repair,
                &listed,
                "images_003.tar.gz",
                "`cxr fetch images_003.tar.gz` repairs it",
            ),
            (
                Remedy::Repair,
                &listed,
                "./images_003.tar.gz",
                "`cxr fetch images_003.tar.gz` repairs it",
            ),
            (
                Remedy::Continue,
                &listed,
                "/d/x y/images_003.tar.gz",
                "`cxr fetch images_003.tar.gz -d '/d/x y'` continues it",
            ),
            (
                Remedy::Continue,
                &listed,
                "/d/images_03.tar.gz",
                "`cxr fetch images_003.tar.gz -d /d` fetches it under its own name",
            ),
            (
                Remedy::Repair,
                &other,
                "-d/sub/-a b.csv",
                "`cxr fetch 'sub/-a b.csv' -d ./-d --checksums FILE --from SOURCE` repairs it",
            ),
            (
                Remedy::Rename(&other),
                &listed,
                "d/images_003.tar.gz",
                "rename it to 'sub/-a b.csv'; `cxr fetch images_003.tar.gz -d d` fetches the right one",
            ),
        ] {
            assert_eq!(advice(remedy, Some(archive), Path::new(path)).as_deref(), Some(words));
        }
        assert_eq!(advice(Remedy::Nothing, Some(&listed), Path::new("x")), None);
        let unlisted = advice(Remedy::Unlisted, None, Path::new("x")).unwrap();
        assert!(unlisted.contains("--checksums"), "{unlisted}");
    }
}
