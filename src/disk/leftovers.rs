//! Partial downloads in `.cxr/` of archives that are not in the table, from another table or another
//! version. cxr never uses or removes them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::{Folder, StateFile, allocated};
use crate::catalog::Catalog;
use crate::text::{escape, shell, units};

/// The most files that one message names.
const NAMED: usize = 6;

/// A file of an archive that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leftover {
    /// The file. JSON has U+FFFD for invalid UTF-8.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// The bytes that it takes on the disk.
    pub bytes: u64,
}

fn lossy<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Returns all leftovers in the order of their names, and none if the folder cannot be read.
pub fn leftovers(catalog: &Catalog, dir: &Path) -> Vec<Leftover> {
    let folder = Folder::new(dir);
    // What cxr does not use is none of its leftovers.
    let entries = folder.check().and_then(|()| {
        fs::read_dir(folder.own()).map_err(super::DiskError::new(folder.own(), "read"))
    });
    let entries = entries.into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    // A table may have many more archives than the folder has files.
    let mut unknown: HashSet<PathBuf> =
        paths.filter(|path| StateFile::is_unfinished(path)).collect();
    for archive in catalog.archives() {
        if unknown.is_empty() {
            break;
        }
        for file in StateFile::UNFINISHED {
            unknown.remove(folder.state_file(archive, file).path());
        }
    }
    let mut found: Vec<_> = unknown
        .into_iter()
        .filter_map(|path| {
            let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Leftover { path, bytes: allocated(&metadata) })
        })
        .collect();
    found.sort();
    found
}

/// Returns a message about the leftovers with the command that deletes them, and `None` if there are
/// none.
pub fn describe(leftovers: &[Leftover], dir: &Path) -> Option<String> {
    let count = leftovers.len();
    if count == 0 {
        return None;
    }
    let what = units::count(count, "file");
    let bytes = leftovers.iter().map(|leftover| leftover.bytes).fold(0, u64::saturating_add);
    let named: Vec<String> =
        leftovers.iter().take(NAMED).map(|leftover| shell::path(&leftover.path)).collect();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" (and {more} more, which `cxr list --format json` shows)"),
    };
    Some(format!(
        "{} holds {what} ({}) of partial downloads of archives that are not in this table; cxr does not use them; to delete them while no cxr is running there: {} {}{more}",
        escape::path(Folder::new(dir).own()),
        units::bytes(bytes),
        shell::REMOVE,
        named.join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_archives_in_the_table_are_not_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join(".cxr");
        fs::create_dir(&own).unwrap();
        fs::create_dir(own.join("corrupt")).unwrap();
        fs::create_dir(own.join("folder.part")).unwrap();
        let catalog = Catalog::nih();
        let known = Folder::new(dir.path()).state_file(&catalog.archives()[0], StateFile::Part);
        fs::write(known.path(), "begun").unwrap();
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
        let names: Vec<_> = found.iter().filter_map(|found| found.path.file_name()).collect();
        assert_eq!(names, ["b.00000000.journal", "other.tar.gz.00000000.part"]);
        let message = describe(&found, dir.path()).unwrap();
        assert!(message.contains("2 files (9.77 KiB)") && message.contains(": rm /"), "{message}");
    }

    #[test]
    fn without_leftovers_there_is_no_message() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(describe(&leftovers(&Catalog::nih(), dir.path()), dir.path()), None);
    }

    #[test]
    fn a_message_names_only_some_of_many() {
        let one = Leftover { path: PathBuf::from("x y"), bytes: 1 };
        let message = describe(&vec![one; 9], Path::new("d")).unwrap();
        assert_eq!(message.matches("'x y'").count(), NAMED);
        assert!(message.contains("(and 3 more, which"), "{message}");
    }
}
