//! Which archive a file's name means. Pure.

use std::path::Path;

use crate::catalog::{Archive, Catalog};

/// What a file's name says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// It is the archive's name or alias: the file is that archive or wrong.
    Exactly(&'a Archive),
    /// It was made from that name, as `images_003 (1).tar.gz` or `images_003.tar.gz.part`.
    Like(&'a Archive),
    /// It says nothing.
    Otherwise,
}

impl<'a> Named<'a> {
    /// The archive that the name says, if any.
    pub(super) fn archive(self) -> Option<&'a Archive> {
        match self {
            Self::Exactly(archive) | Self::Like(archive) => Some(archive),
            Self::Otherwise => None,
        }
    }
}

/// Reads the name of the file at `path`.
pub(super) fn named<'a>(path: &Path, catalog: &'a Catalog) -> Named<'a> {
    let archives = catalog.archives();
    if let Some(archive) = archives.iter().find(|archive| is_named(path, archive)) {
        return Named::Exactly(archive);
    }
    let Some(file) = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase())
    else {
        return Named::Otherwise;
    };
    // The last folder of a name may not be where the file is.
    if let Some(archive) = only(archives, |archive| names(archive).any(|name| name == file)) {
        return Named::Exactly(archive);
    }
    only(archives, |archive| names(archive).any(|name| continues(&file, &name)))
        .or_else(|| {
            only(archives, |archive| names(archive).any(|name| continues(&file, stem(&name))))
        })
        .map_or(Named::Otherwise, Named::Like)
}

/// Whether the path ends with the archive's name or alias, folders and all.
fn is_named(path: &Path, archive: &Archive) -> bool {
    path.ends_with(&archive.name)
        || archive.alias.as_ref().is_some_and(|alias| path.ends_with(alias))
}

/// The archive's name and alias without folders, in lower case.
fn names(archive: &Archive) -> impl Iterator<Item = String> {
    [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten().map(|name| {
        name.rsplit_once('/').map_or(name.as_str(), |(_, last)| last).to_ascii_lowercase()
    })
}

/// The only archive of which something is true.
fn only(archives: &[Archive], test: impl Fn(&Archive) -> bool) -> Option<&Archive> {
    let mut found = archives.iter().filter(|archive| test(archive));
    found.next().filter(|_| found.next().is_none())
}

/// Whether `file` is `name` and something after it that is no part of a longer word.
fn continues(file: &str, name: &str) -> bool {
    !name.is_empty()
        && file
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// What stands before the first dot that is not the first character.
fn stem(name: &str) -> &str {
    let dot = name.char_indices().skip(1).find(|&(_, c)| c == '.');
    dot.map_or(name, |(index, _)| &name[..index])
}

#[cfg(test)]
mod tests {
    use super::super::testing::archive;
    use super::*;

    #[test]
    fn names_mean_the_archive_that_they_were_made_from() {
        let mut archives = vec![
            archive("images_003.tar.gz", b"3"),
            archive("sub/a.csv", b"a"),
            archive("a.txt", b"t"),
        ];
        archives[0].alias = Some("images_03.tar.gz".to_owned());
        let catalog = Catalog::new(archives).unwrap();
        for (path, meaning) in [
            ("images_003.tar.gz", Some((true, 0))),
            ("/data/images_03.tar.gz", Some((true, 0))),
            ("IMAGES_003.TAR.GZ", Some((true, 0))),
            ("x/sub/a.csv", Some((true, 1))),
            ("a.csv", Some((true, 1))),
            ("images_003 (1).tar.gz", Some((false, 0))),
            ("images_03-1.tar.gz", Some((false, 0))),
            ("images_003.tar.gz.part", Some((false, 0))),
            ("images_003.tar", Some((false, 0))),
            ("images_003", Some((false, 0))),
            ("a.txt.1", Some((false, 2))),
            ("a (1).txt", None),
            ("images_0031.tar.gz", None),
            ("images_00.tar.gz", None),
            ("b.csv", None),
            ("/", None),
        ] {
            let expected = meaning.map_or(Named::Otherwise, |(exactly, index)| {
                let archive = &catalog.archives()[index];
                if exactly { Named::Exactly(archive) } else { Named::Like(archive) }
            });
            assert_eq!(named(Path::new(path), &catalog), expected, "{path}");
        }
    }
}
