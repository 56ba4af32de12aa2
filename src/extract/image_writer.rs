//! Writes the files of one archive into its staging folder.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::members::{Member, plain};
use super::unpacker::{FileSink, Taking};
use super::{ContentError, UnpackError};
use crate::catalog::ImageSet;
use crate::catalog::inventory::Inventory;
use crate::disk::{File, Found, Subfolder, crash_point};
use crate::hash::{Sha256Lanes, Sha256List, digest};
use crate::images::is_plain_name;
use crate::images::manifest::ManifestRow;
use crate::images::record::RecordedFile;
use crate::locate::DamageKind;
use crate::locate::png_file::{Depth, PngChecker};

/// The largest image of NIH's that is accepted. Four bytes for each pixel are 4 MiB.
const LARGEST_IMAGE: u64 = 16 << 20;

/// The largest other file that is taken whole.
const LARGEST_WHOLE: u64 = 512 << 10;

/// The most files of an archive.
const MOST_FILES: usize = 1_000_000;

/// The files that an archive may contain.
#[derive(Debug, Clone)]
pub(super) enum ExpectedFiles<'a> {
    /// The images of the inventory, each exactly once, and those of the set are wanted.
    Images(Inventory, Option<&'a ImageSet>),
    /// Files of any plain name.
    Any,
}

impl ExpectedFiles<'_> {
    /// Returns the names of the wanted images.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let inventory = if let Self::Images(inventory, _) = self { Some(inventory) } else { None };
        inventory.into_iter().flat_map(|inventory| {
            let wanted = (0..inventory.len()).filter(|&position| self.is_wanted(position));
            wanted.map(|position| inventory.name(position))
        })
    }

    fn is_wanted(&self, position: usize) -> bool {
        match self {
            Self::Images(inventory, Some(wanted)) => {
                wanted.contains(inventory.places().start + position)
            }
            _ => true,
        }
    }
}

pub(super) struct ImageWriter<'a> {
    expected: ExpectedFiles<'a>,
    staging: &'a Subfolder,
    /// The folder of the final names.
    target: &'a Subfolder,
    checker: PngChecker,
    /// The names or positions of the files so far.
    names: HashSet<String>,
    positions: Vec<bool>,
    /// The names, sizes and CRC-32s of the files that were taken.
    taken: Vec<(Box<str>, u64, u32)>,
    /// Their SHA-256s.
    digests: Sha256List<'a>,
    open: Option<OpenFile>,
}

/// A file that is written in pieces.
struct OpenFile {
    file: File,
    name: String,
    crc: crc32fast::Hasher,
    sha256: Sha256,
    bytes: u64,
}

impl<'a> ImageWriter<'a> {
    pub(super) fn new(
        expected: ExpectedFiles<'a>,
        staging: &'a Subfolder,
        target: &'a Subfolder,
        lanes: &'a Sha256Lanes,
    ) -> Self {
        let positions = match &expected {
            ExpectedFiles::Images(inventory, _) => vec![false; inventory.len()],
            ExpectedFiles::Any => Vec::new(),
        };
        Self {
            expected,
            staging,
            target,
            checker: PngChecker::new(),
            names: HashSet::new(),
            positions,
            taken: Vec::new(),
            digests: lanes.list(),
            open: None,
        }
    }

    /// Fails unless every image of the inventory was there.
    pub(super) fn check_complete(&self) -> Result<(), ContentError> {
        let ExpectedFiles::Images(inventory, _) = &self.expected else { return Ok(()) };
        let missing = || self.positions.iter().enumerate().filter(|(_, is_here)| !**is_here);
        match missing().next() {
            Some((first, _)) => {
                Err(ContentError::Missing(missing().count(), inventory.name(first)))
            }
            None => Ok(()),
        }
    }

    /// Returns true if the file has its final name already.
    fn is_in_place(&self, name: &str, content: &[u8]) -> bool {
        let entry = self.target.entry(name);
        let size = content.len() as u64;
        matches!(entry.look(), Ok(Some(Found::File(found))) if found == size)
            && entry.read(content.len() + 1).is_ok_and(|found| found == content)
    }

    fn create(&self, member: &Member, name: &str) -> Result<File, UnpackError> {
        match self.staging.entry(name).create_new()? {
            Some(file) => Ok(file),
            None => Err(ContentError::refused(
                &member.name,
                "has the name of another one on this file system",
            )
            .into()),
        }
    }

    fn check_image(&mut self, name: &str, content: &[u8]) -> Result<(), ContentError> {
        if let ExpectedFiles::Any = self.expected {
            return Ok(());
        }
        let header = self.checker.check(content, Depth::Checksums);
        let damaged = |kind| ContentError::Image(name.to_owned(), kind);
        let is_nih = header.map_err(damaged)?.is_nih();
        if is_nih { Ok(()) } else { Err(damaged(DamageKind::ImageForm)) }
    }

    /// Returns the files that were taken.
    pub(super) fn finish(self) -> Vec<RecordedFile> {
        let files = self.taken.into_iter().zip(self.digests.finish());
        let file = |((name, bytes, crc32), sha256)| RecordedFile {
            name,
            row: ManifestRow { bytes, crc32, sha256 },
        };
        files.map(file).collect()
    }
}

impl FileSink for ImageWriter<'_> {
    fn begin(&mut self, member: &Member) -> Result<Taking, UnpackError> {
        let refuse = |what| Err(ContentError::refused(&member.name, what).into());
        let name = plain(&member.name);
        match &self.expected {
            ExpectedFiles::Images(inventory, _) => {
                let Some(position) = inventory.position(name) else {
                    return refuse("is not an image of this archive");
                };
                if std::mem::replace(&mut self.positions[position], true) {
                    return refuse("occurs twice");
                }
                match member.size {
                    0..=LARGEST_IMAGE if self.expected.is_wanted(position) => Ok(Taking::Whole),
                    0..=LARGEST_IMAGE => Ok(Taking::Skipped),
                    _ => refuse("is larger than any image"),
                }
            }
            ExpectedFiles::Any => {
                // Bytes that are not UTF-8 were replaced by this character.
                if !is_plain_name(name) || name.contains(char::REPLACEMENT_CHARACTER) {
                    return refuse("does not have a plain name");
                }
                if !self.names.insert(name.to_owned()) {
                    return refuse("occurs twice");
                }
                if self.names.len() > MOST_FILES {
                    return Err(ContentError::TooManyFiles.into());
                }
                let is_small = member.size <= LARGEST_WHOLE;
                Ok(if is_small { Taking::Whole } else { Taking::Pieces })
            }
        }
    }

    fn whole(&mut self, member: &Member, content: Vec<u8>) -> Result<Vec<u8>, UnpackError> {
        let name = plain(&member.name);
        self.check_image(name, &content)?;
        if !self.is_in_place(name, &content) {
            let file = self.create(member, name)?;
            file.append(&content)?;
            file.close()?;
            crash_point("image-written");
        }
        self.taken.push((name.into(), member.size, crc32fast::hash(&content)));
        Ok(self.digests.push(content))
    }

    fn piece(&mut self, member: &Member, content: Option<&[u8]>) -> Result<(), UnpackError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenFile {
                file: self.create(member, plain(&member.name))?,
                name: plain(&member.name).to_owned(),
                crc: crc32fast::Hasher::new(),
                sha256: Sha256::new(),
                bytes: 0,
            },
        };
        if let Some(content) = content {
            open.file.append(content)?;
            open.crc.update(content);
            open.sha256.update(content);
            open.bytes += content.len() as u64;
            self.open = Some(open);
            return Ok(());
        }
        open.file.close()?;
        crash_point("image-written");
        self.digests.push_digest(digest::Sha256::new(open.sha256.finalize().into()));
        self.taken.push((open.name.into(), open.bytes, open.crc.finalize()));
        Ok(())
    }
}
