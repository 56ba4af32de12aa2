//! Gives extracted files their final names, and leaves other files of the user as they are.

use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};

use crate::disk::{DiskError, Entry, File, Found, Subfolder, crash_point};
use crate::hash::digest;
use crate::images::manifest::ManifestRow;
use crate::images::record::RecordedFile;
use crate::locate::png_file::{Depth, PngChecker};

/// The largest file that may be a damaged image.
const LARGEST_IMAGE: usize = 16 << 20;

/// Bytes that are compared at a time.
const BLOCK: usize = 256 << 10;

const DIFFERENT: &str = "a different file";

/// The first bytes of every PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Bytes of a PNG up to the end of its header (PNG, third edition, section 11.2.1).
const HEADER: usize = 8 + 8 + 13;

/// The results for the files of an archive.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// The number of files that got their names in this run.
    pub(super) written: usize,
    /// Those that had them before.
    pub(super) kept: usize,
    /// The names that something else has, with its description.
    pub(super) conflicts: Vec<(String, &'static str)>,
    /// The number of files that are neither under their names nor in the staging folder.
    pub(super) missing: usize,
}

impl Published {
    /// Returns true if every file is under its name.
    pub(super) fn is_complete(&self) -> bool {
        self.conflicts.is_empty() && self.missing == 0
    }
}

/// The origin of the files in the staging folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staged {
    /// This run wrote them, and the digest of the archive is right.
    Now,
    /// An earlier run wrote them, perhaps from an archive that it had not read to the end: each is compared
    /// with the record.
    Before,
}

/// Gives the files their final names. A file that lies there already stays, unless it is a damaged copy of
/// the new one.
pub(super) fn publish(
    files: &[RecordedFile],
    origin: Staged,
    staging: &Subfolder,
    target: &Subfolder,
) -> Result<Published, DiskError> {
    target.create()?;
    let mut published = Published::default();
    for RecordedFile { name, row } in files {
        let (staged, place) = (staging.entry(name), target.entry(name));
        match staged.look().map_err(DiskError::new(staged.path(), "inspected"))? {
            Some(Found::File(_)) if origin == Staged::Now || is_recorded(&staged, row)? => {
                place_file(name, &staged, &place, &mut published)?;
            }
            Some(_) => published.missing += 1,
            None => match place.look().map_err(DiskError::new(place.path(), "inspected"))? {
                Some(Found::File(size)) if size == row.bytes => published.kept += 1,
                _ => published.missing += 1,
            },
        }
    }
    target.sync_names()?;
    crash_point("images-named");
    Ok(published)
}

/// Returns true if the file has exactly the bytes of the record.
fn is_recorded(staged: &Entry, row: &ManifestRow) -> Result<bool, DiskError> {
    let file = staged.open().map_err(DiskError::new(staged.path(), "opened"))?;
    let (mut reader, mut sha256, mut size) = (file.reader(), Sha256::new(), 0);
    while size <= row.bytes {
        let block = next_block(&mut reader, &file)?;
        if block.is_empty() {
            break;
        }
        sha256.update(&block);
        size += block.len() as u64;
    }
    Ok(size == row.bytes && digest::Sha256::new(sha256.finalize().into()) == row.sha256)
}

fn place_file(
    name: &str,
    staged: &Entry,
    place: &Entry,
    published: &mut Published,
) -> Result<(), DiskError> {
    if staged.rename_new(place)? {
        published.written += 1;
    } else {
        match compare(staged, place)? {
            InPlace::Same => published.kept += 1,
            InPlace::Damaged => {
                staged.rename(place)?;
                published.written += 1;
            }
            InPlace::Other(what) => published.conflicts.push((name.to_owned(), what)),
        }
    }
    crash_point("image-named");
    Ok(())
}

/// The file or other thing at the place of a file.
#[derive(Debug, PartialEq, Eq)]
enum InPlace {
    Same,
    /// A copy of the file that is cut off or damaged.
    Damaged,
    /// Something of the user's.
    Other(&'static str),
}

fn compare(staged: &Entry, place: &Entry) -> Result<InPlace, DiskError> {
    let found = place.look().map_err(DiskError::new(place.path(), "inspected"))?;
    let size = match found {
        Some(Found::Other(what)) => return Ok(InPlace::Other(what)),
        Some(Found::File(size)) => size,
        // It has vanished meanwhile.
        None => return Ok(InPlace::Damaged),
    };
    let open = |entry: &Entry| entry.open().map_err(DiskError::new(entry.path(), "opened"));
    let (old, new) = (open(place)?, open(staged)?);
    let (mut old_reader, mut new_reader) = (old.reader(), new.reader());
    loop {
        let old_block = next_block(&mut old_reader, &old)?;
        let new_block = next_block(&mut new_reader, &new)?;
        if old_block.len() < BLOCK && new_block.starts_with(&old_block) {
            let is_same = old_block.len() == new_block.len();
            return Ok(if is_same { InPlace::Same } else { InPlace::Damaged });
        }
        if old_block != new_block {
            break;
        }
    }
    if size > LARGEST_IMAGE as u64 {
        return Ok(InPlace::Other(DIFFERENT));
    }
    let read_whole =
        |file: &File| file.read(LARGEST_IMAGE).map_err(DiskError::new(file.path(), "read"));
    Ok(classify(&read_whole(&old)?, &read_whole(&new)?))
}

/// Reads a block, which is shorter only at the end of the file.
fn next_block(reader: &mut impl io::Read, file: &File) -> Result<Vec<u8>, DiskError> {
    let mut block = Vec::with_capacity(BLOCK);
    let read = reader.take(BLOCK as u64).read_to_end(&mut block);
    read.map(|_| block).map_err(DiskError::new(file.path(), "read"))
}

/// Compares a small file with the right one, from which it differs.
fn classify(old: &[u8], new: &[u8]) -> InPlace {
    // An image of another size or form is the user's, also a broken one.
    let has_same_header = old.get(..HEADER) == new.get(..HEADER);
    let is_broken = new.starts_with(PNG)
        && has_same_header
        && PngChecker::new().check(old, Depth::Pixels).is_err();
    let is_empty = old.iter().all(|&byte| byte == 0) && old.len() <= new.len();
    if is_broken || is_empty { InPlace::Damaged } else { InPlace::Other(DIFFERENT) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::disk::Folder;

    #[test]
    fn files_of_an_earlier_run_get_their_names_only_with_the_bytes_of_the_record() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let [staging, target] = ["staging", "target"].map(|name| folder.subfolder(Path::new(name)));
        staging.create().unwrap();
        let file = |name: &str, bytes: &[u8]| RecordedFile {
            name: name.into(),
            row: ManifestRow::of(bytes),
        };
        let files = [file("right", b"right"), file("wrong", b"wrong"), file("short", b"short")];
        for (name, bytes) in [("right", "right"), ("wrong", "WRONG"), ("short", "shor")] {
            fs::write(staging.path().join(name), bytes).unwrap();
        }
        let published = publish(&files, Staged::Before, &staging, &target).unwrap();
        assert_eq!((published.written, published.missing, published.kept), (1, 2, 0));
        assert!(!published.is_complete());
        let names: Vec<_> = fs::read_dir(target.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(fs::read(target.path().join("right")).unwrap(), b"right");
    }

    #[test]
    fn only_a_damaged_copy_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let [place, staged] = ["place", "staged"].map(|name| Entry::at(&dir.path().join(name)));
        let new = [&b"\x89PNG\r\n\x1a\n"[..], &vec![7; BLOCK]].concat();
        fs::write(staged.path(), &new).unwrap();
        for (old, expected) in [
            (&new[..], InPlace::Same),
            (&new[..9], InPlace::Damaged),
            (&new[..BLOCK], InPlace::Damaged),
            (b"", InPlace::Damaged),
            (&[0; 9], InPlace::Damaged),
            (b"\x89PNG\r\n\x1a\nsomething else", InPlace::Other(DIFFERENT)),
            (&[&new[..100], b"something else"].concat(), InPlace::Damaged),
            (b"\xff\xd8\xff a JPEG", InPlace::Other(DIFFERENT)),
            (b"notes", InPlace::Other(DIFFERENT)),
            (&[&new[..], b"and more"].concat(), InPlace::Damaged),
        ] {
            fs::write(place.path(), old).unwrap();
            assert_eq!(compare(&staged, &place).unwrap(), expected, "{:?}", old.get(..20));
        }
    }
}
