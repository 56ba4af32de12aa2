//! What to do about a file that is not its archive. Pure.

use std::path::{Path, PathBuf};

use super::judge::Remedy;
use crate::catalog::{Archive, Catalog};
use crate::report::{NextStep, SuggestedCommand};
use crate::text::shell;

/// Returns the next step for the file at `path` that should be `archive`; `None` if it is right.
pub(super) fn advice(
    remedy: Remedy<'_>,
    archive: Option<&Archive>,
    path: &Path,
    catalog: &Catalog,
) -> Option<NextStep> {
    let archive = match (remedy, archive) {
        (Remedy::Nothing, _) => return None,
        (Remedy::Unlisted, _) | (_, None) => {
            let by_hand = "omit the file, or name the table that has it with --checksums";
            return Some(NextStep::by_hand(by_hand));
        }
        (_, Some(archive)) => archive,
    };
    let fetch = SuggestedCommand::fetch(catalog, archive, &folder_of(archive, path));
    Some(match remedy {
        Remedy::Rename(content) => {
            let name = shell::quote(content.name.as_ref());
            NextStep::then(format!("rename it to {name}"), fetch)
        }
        _ => fetch.into(),
    })
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
    fn the_command_has_the_folder_the_table_and_the_archive() {
        let listed = archive("images_003.tar.gz", b"3");
        let mut other = archive("sub/-a b.csv", b"a");
        other.address = None;
        let catalog = Catalog::new(vec![listed.clone(), other.clone()]).unwrap();
        let own = catalog.clone().read_from("my table".into());
        for (remedy, archive, path, catalog, words) in [
            (Remedy::Repair, &listed, "images_003.tar.gz", &catalog, "cxr fetch images_003.tar.gz"),
            (
                Remedy::Repair,
                &listed,
                "./images_003.tar.gz",
                &catalog,
                "cxr fetch images_003.tar.gz",
            ),
            (
                Remedy::Continue,
                &listed,
                "/d/x y/images_003.tar.gz",
                &own,
                "cxr fetch -d '/d/x y' --checksums 'my table' images_003.tar.gz",
            ),
            (
                Remedy::Continue,
                &listed,
                "/d/images_03.tar.gz",
                &catalog,
                "cxr fetch -d /d images_003.tar.gz",
            ),
            (
                Remedy::Repair,
                &other,
                "-d/sub/-a b.csv",
                &own,
                "cxr fetch -d ./-d --checksums 'my table' --from SOURCE 'sub/-a b.csv'",
            ),
            (
                Remedy::Rename(&other),
                &listed,
                "d/images_003.tar.gz",
                &catalog,
                "rename it to 'sub/-a b.csv', then run: cxr fetch -d d images_003.tar.gz",
            ),
        ] {
            let next = advice(remedy, Some(archive), Path::new(path), catalog);
            assert_eq!(next.map(|next| next.to_string()).as_deref(), Some(words));
        }
        assert_eq!(advice(Remedy::Nothing, Some(&listed), Path::new("x"), &catalog), None);
        let unlisted = advice(Remedy::Unlisted, None, Path::new("x"), &catalog).unwrap();
        assert!(unlisted.to_string().contains("--checksums"), "{unlisted}");
    }
}
