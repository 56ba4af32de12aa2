//! Fuzz targets: promises about every table and every word on the command line.

use std::path::{Component, Path};
use std::sync::LazyLock;

use super::{Archive, Catalog};
use crate::fuzzing::assert_message;

/// A table is refused with a short message, or its names stay in the folder of the archives and it
/// can be written as a checksum file and read again.
pub(crate) fn checksums(bytes: &[u8]) {
    let catalog = match Catalog::from_checksums(bytes) {
        Ok(catalog) => catalog,
        Err(error) => return assert_message(&error.to_string()),
    };
    let content = |catalog: &Catalog| -> Vec<_> {
        catalog.archives().iter().map(|archive| (archive.name.clone(), archive.digest())).collect()
    };
    catalog.archives().iter().for_each(assert_inside);
    let again = Catalog::from_checksums(catalog.bsd_sums().to_string().as_bytes());
    assert_eq!(again.as_ref().map(content), Ok(content(&catalog)));
}

fn assert_inside(archive: &Archive) {
    for name in [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten() {
        let mut parts = Path::new(name).components();
        assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{name:?}");
        let first = Path::new(name).iter().next();
        assert!(first.is_some_and(|first| !first.eq_ignore_ascii_case(".cxr")), "{name:?}");
    }
}

/// Made once: a fuzzer uses them very often.
static CATALOGS: LazyLock<[Catalog; 2]> = LazyLock::new(|| [Catalog::nih(), odd()]);

/// Several words select the archives that each of them selects, in order and without repetition; or
/// a short message names the first word that selects nothing.
pub(crate) fn selectors(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split('\n').collect();
    for catalog in &*CATALOGS {
        let one_by_one = words.iter().map(|word| catalog.select(&[word]));
        let expected = one_by_one.collect::<Result<Vec<_>, _>>().map(|selected| {
            let mut all = selected.concat();
            all.sort_unstable();
            all.dedup();
            all
        });
        let selected = catalog.select(&words);
        assert_eq!(selected, expected);
        let last = selected.map(|selected| selected.last().copied());
        match last {
            Ok(last) => assert!(last.is_some_and(|last| last < catalog.archives().len())),
            Err(error) => assert_message(&error.to_string()),
        }
    }
}

/// A table whose names contain the special characters of words.
fn odd() -> Catalog {
    let names = ["1", "2-3", "a,b", "a-b", "a-b.gz", "c.tar.gz", "c.gz", "d/3.gz", " e ", "--"];
    let md5 = crate::hash::digest::Md5::EMPTY;
    let lines = names.map(|name| format!("MD5 ({name}) = {md5}\n")).concat();
    Catalog::from_checksums(lines.as_bytes()).unwrap_or_else(|_| Catalog::nih())
}
