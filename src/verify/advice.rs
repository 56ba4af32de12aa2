//! Advice about a file that is not its archive. Pure.

use std::path::{Path, PathBuf};

use crate::catalog::{Archive, Catalog};
use crate::report::{NextStep, SuggestedCommand};
use crate::text::shell;
use crate::verdict::Verdict;

/// Returns the next step for the file at `path` that should be `archive`; `None` if it is right.
/// `content` is the archive that it is instead.
pub(super) fn advice(
    verdict: Verdict,
    archive: Option<&Archive>,
    content: Option<&Archive>,
    path: &Path,
    catalog: &Catalog,
) -> Option<NextStep> {
    if matches!(verdict, Verdict::Ok | Verdict::Present) {
        return None;
    }
    let Some(archive) = archive else {
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = shell::path(folder.unwrap_or(Path::new(".")));
            let line = format!("cxr verify --images {folder}");
            return Some(SuggestedCommand::Line(line.into()).into());
        }
        let by_hand = "omit the file, or name the table that has it with --checksums";
        return Some(NextStep::by_hand(by_hand));
    };
    let fetch = SuggestedCommand::fetch(catalog, archive, &folder_of(archive, path));
    Some(match content {
        Some(content) => {
            let name = shell::quote(content.name.as_ref());
            NextStep::only_after(format!("rename it to {name}"), fetch)
        }
        None => fetch.into(),
    })
}

/// The folder that contains the file, without the folders in the name of the archive.
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
        for (verdict, content, archive, path, catalog, words) in [
            (
                Verdict::Corrupt,
                None,
                &listed,
                "images_003.tar.gz",
                &catalog,
                "cxr fetch images_003.tar.gz",
            ),
            (
                Verdict::Corrupt,
                None,
                &listed,
                "./images_003.tar.gz",
                &catalog,
                "cxr fetch images_003.tar.gz",
            ),
            (
                Verdict::Incomplete,
                None,
                &listed,
                "/d/x y/images_003.tar.gz",
                &own,
                "cxr fetch -d '/d/x y' --checksums 'my table' images_003.tar.gz",
            ),
            (
                Verdict::Incomplete,
                None,
                &listed,
                "/d/images_03.tar.gz",
                &catalog,
                "cxr fetch -d /d images_003.tar.gz",
            ),
            (
                Verdict::Corrupt,
                None,
                &other,
                "-d/sub/-a b.csv",
                &own,
                "cxr fetch -d ./-d --checksums 'my table' --from SOURCE 'sub/-a b.csv'",
            ),
            (
                Verdict::Foreign,
                Some(&other),
                &listed,
                "d/images_003.tar.gz",
                &catalog,
                "rename it to 'sub/-a b.csv', then run: cxr fetch -d d images_003.tar.gz",
            ),
        ] {
            let next = advice(verdict, Some(archive), content, Path::new(path), catalog);
            assert_eq!(next.map(|next| next.to_string()).as_deref(), Some(words));
        }
        assert_eq!(advice(Verdict::Ok, Some(&listed), None, Path::new("x"), &catalog), None);
        let unlisted = |path: &str| {
            advice(Verdict::Foreign, None, None, Path::new(path), &catalog).unwrap().to_string()
        };
        assert!(unlisted("x").contains("--checksums"), "{}", unlisted("x"));
        assert_eq!(unlisted("a b/x.png"), "cxr verify --images 'a b'");
        assert_eq!(unlisted("x.PNG"), "cxr verify --images .");
    }
}
