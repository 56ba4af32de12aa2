//! From the name of a file to its archive. Pure.

use std::path::Path;

use crate::catalog::{Archive, Catalog};

/// The archive that the name of a file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameMatch<'a> {
    /// The name or alias of the archive: the file is that archive, or it is wrong.
    Exact(&'a Archive),
    /// Made from that name, such as `images_003 (1).tar.gz` or `images_003.tar.gz.part`.
    Similar(&'a Archive),
    None,
}

impl<'a> NameMatch<'a> {
    pub(super) fn archive(self) -> Option<&'a Archive> {
        match self {
            Self::Exact(archive) | Self::Similar(archive) => Some(archive),
            Self::None => None,
        }
    }
}

/// Finds the archive that the name of the file at `path` stands for.
pub(super) fn match_name<'a>(path: &Path, catalog: &'a Catalog) -> NameMatch<'a> {
    let archives = catalog.archives();
    if let Some(archive) = archives.iter().find(|archive| is_named(path, archive)) {
        return NameMatch::Exact(archive);
    }
    let Some(file) = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase())
    else {
        return NameMatch::None;
    };
    // A name can have folders that the path does not have.
    if let Some(archive) = only(archives, |archive| names(archive).any(|name| name == file)) {
        return NameMatch::Exact(archive);
    }
    only(archives, |archive| names(archive).any(|name| continues(&file, &name)))
        .or_else(|| {
            only(archives, |archive| names(archive).any(|name| continues(&file, stem(&name))))
        })
        .map_or(NameMatch::None, NameMatch::Similar)
}

/// True if the path ends with the name or alias of the archive, including folders.
fn is_named(path: &Path, archive: &Archive) -> bool {
    path.ends_with(&archive.name)
        || archive.alias.as_ref().is_some_and(|alias| path.ends_with(alias))
}

/// The name and alias of the archive without folders, in lower case.
fn names(archive: &Archive) -> impl Iterator<Item = String> {
    [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten().map(|name| {
        name.rsplit_once('/').map_or(name.as_str(), |(_, last)| last).to_ascii_lowercase()
    })
}

/// The archive that passes the test, if there is exactly one.
fn only(archives: &[Archive], test: impl Fn(&Archive) -> bool) -> Option<&Archive> {
    let mut found = archives.iter().filter(|archive| test(archive));
    found.next().filter(|_| found.next().is_none())
}

/// True if `file` is `name` and a suffix that does not make the last word longer.
fn continues(file: &str, name: &str) -> bool {
    !name.is_empty()
        && file
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// The name up to the first dot, except a dot at its start.
fn stem(name: &str) -> &str {
    let dot = name.char_indices().skip(1).find(|&(_, c)| c == '.');
    dot.map_or(name, |(index, _)| &name[..index])
}

#[cfg(test)]
mod tests {
    use super::super::testing::archive;
    use super::*;

    #[test]
    fn a_name_matches_the_archive_that_it_was_made_from() {
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
            let expected = meaning.map_or(NameMatch::None, |(exactly, index)| {
                let archive = &catalog.archives()[index];
                if exactly { NameMatch::Exact(archive) } else { NameMatch::Similar(archive) }
            });
            assert_eq!(match_name(Path::new(path), &catalog), expected, "{path}");
        }
    }
}
