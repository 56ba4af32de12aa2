//! What lies unfinished in `.cxr/` and belongs to no archive of the table: begun with another
//! table or by another version. It is never used, and nobody but the user removes it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Folder, Kept};
use crate::catalog::Catalog;
use crate::disk;
use crate::text::{escape, shell, units};

/// Files that are named at most in one message.
const NAMED: usize = 6;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leftover {
    /// Where it is; what is not UTF-8 is U+FFFD.
    pub path: String,
    /// Bytes of the disk that it takes.
    pub bytes: u64,
    /// Where it is.
    #[serde(skip)]
    file: PathBuf,
}

/// Every part and journal that is none of these archives', in the order of their names. A folder
/// that cannot be read has none.
pub fn leftovers(catalog: &Catalog, dir: &Path) -> Vec<Leftover> {
    let folder = Folder::new(dir);
    let known: HashSet<PathBuf> = catalog
        .archives()
        .iter()
        .flat_map(|archive| Kept::UNFINISHED.map(|kept| folder.kept(archive, kept)))
        .collect();
    let entries = fs::read_dir(folder.own()).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| Kept::is_unfinished(path));
    let mut found: Vec<_> =
        files.filter(|path| !known.contains(path)).filter_map(|path| look(&path)).collect();
    found.sort();
    found
}

fn look(path: &Path) -> Option<Leftover> {
    let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
    Some(Leftover {
        path: path.to_string_lossy().into_owned(),
        bytes: disk::allocated(&metadata),
        file: path.to_owned(),
    })
}

/// What to say of them: how much they take, and how to be rid of them; `None` where there are
/// none.
pub fn words(leftovers: &[Leftover], dir: &Path) -> Option<String> {
    let count = leftovers.len();
    let what = match count {
        0 => return None,
        1 => "1 file",
        _ => &*format!("{count} files"),
    };
    let bytes = leftovers.iter().map(|leftover| leftover.bytes).fold(0, u64::saturating_add);
    let named: Vec<String> =
        leftovers.iter().take(NAMED).map(|leftover| shell::path(&leftover.file)).collect();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" (and {more} more, which `cxr list --format json` names)"),
    };
    Some(format!(
        "{} holds {what} ({}) of unfinished downloads of archives that are not in this table, which does not use them; to be rid of them, while no cxr is at work there: rm {}{more}",
        escape::path(Folder::new(dir).own()),
        units::bytes(bytes),
        named.join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_no_archive_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join(".cxr");
        fs::create_dir(&own).unwrap();
        fs::create_dir(own.join("corrupt")).unwrap();
        fs::create_dir(own.join("folder.part")).unwrap();
        let catalog = Catalog::nih();
        let known = Folder::new(dir.path()).kept(&catalog.archives()[0], Kept::Part);
        fs::write(known, "begun").unwrap();
        for name in [
            "lock",
            "corrupt/a.part.1",
            "a.00000000.receipt",
            "other.tar.gz.00000000.part",
            "b.00000000.journal",
        ] {
            fs::write(own.join(name), vec![1; 5000]).unwrap();
        }
        let found = leftovers(&catalog, dir.path());
        let names: Vec<_> = found.iter().filter_map(|found| found.file.file_name()).collect();
        assert_eq!(names, ["b.00000000.journal", "other.tar.gz.00000000.part"]);
        let words = words(&found, dir.path()).unwrap();
        assert!(words.contains("2 files (9.77 KiB)") && words.contains(": rm /"), "{words}");
    }

    #[test]
    fn where_there_are_none_there_is_nothing_to_say() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(words(&leftovers(&Catalog::nih(), dir.path()), dir.path()), None);
    }

    #[test]
    fn of_many_some_are_named() {
        let file = PathBuf::from("x y");
        let one = Leftover { path: "x y".to_owned(), bytes: 1, file };
        let words = words(&vec![one; 9], Path::new("d")).unwrap();
        assert_eq!(words.matches("'x y'").count(), NAMED);
        assert!(words.contains("(and 3 more, which"), "{words}");
    }
}
