//! Checks the file of one image.

use std::fmt;
use std::io;
use std::path::Path;

use super::manifest::ManifestRow;
use crate::disk::File;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::locate::png_file::{Depth, PngChecker};
use crate::locate::{DamageKind, ImageHeader};
use crate::text::escape;
use crate::verdict::Verdict;

/// The largest file that is read: ten times the largest of NIH's.
const LARGEST_IMAGE: usize = 16 << 20;

/// Bytes of the pixels of an image, without and with the filter of each row, grey and RGBA.
const PIXELS: [usize; 4] = [1 << 20, (1 << 20) + 1024, 4 << 20, (4 << 20) + 1024];

/// The result for a file that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoodImage {
    pub(super) bytes: u64,
    pub(super) is_rgba: bool,
    /// True if the file is equal to its row of a record.
    pub(super) is_compared: bool,
}

/// The reason why the file of an image is not right. Displayed, it follows the name of the image.
#[derive(Debug)]
pub(super) enum ImageProblem {
    /// It vanished, or is a link to nothing.
    Missing,
    Empty,
    Truncated,
    Corrupt(DamageKind),
    /// It has other bytes than its row of a record, and cannot be checked in another way.
    OtherBytes,
    Resized(u32, u32),
    /// A PNG of another form than NIH's.
    OtherForm,
    /// The pixels are whole, and the bytes are not those of the record.
    Rewritten,
    OtherKind(FileKind),
    Pixels,
    TooLarge,
    NoFile,
    Unreadable(io::Error),
}

/// A kind of problem. A report counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProblemGroup {
    Truncated,
    Empty,
    Corrupt,
    Resized,
    Rewritten,
    Different,
    Missing,
    Unreadable,
}

impl ProblemGroup {
    /// Returns the words after a number of images.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::Corrupt => "corrupt",
            Self::Resized => "resized",
            Self::Rewritten => "written again by another program",
            Self::Different => "replaced by something else",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns the verdict on an image with such a problem.
    pub(super) const fn verdict(self) -> Verdict {
        match self {
            Self::Missing => Verdict::Missing,
            Self::Truncated | Self::Empty | Self::Corrupt => Verdict::Corrupt,
            Self::Resized | Self::Rewritten | Self::Different => Verdict::Foreign,
            Self::Unreadable => Verdict::Error,
        }
    }
}

impl ImageProblem {
    pub(super) const fn group(&self) -> ProblemGroup {
        match self {
            Self::Missing => ProblemGroup::Missing,
            Self::Empty => ProblemGroup::Empty,
            Self::Truncated => ProblemGroup::Truncated,
            Self::Corrupt(_) | Self::OtherBytes => ProblemGroup::Corrupt,
            Self::Resized(..) => ProblemGroup::Resized,
            Self::Rewritten => ProblemGroup::Rewritten,
            Self::OtherForm | Self::OtherKind(_) | Self::Pixels | Self::TooLarge | Self::NoFile => {
                ProblemGroup::Different
            }
            Self::Unreadable(_) => ProblemGroup::Unreadable,
        }
    }
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no file"),
            Self::Empty => f.write_str("the file is empty"),
            Self::Truncated => f.write_str("the file ends too early"),
            Self::Corrupt(kind) => kind.fmt(f),
            Self::OtherBytes => f.write_str("its bytes are not those of the record"),
            Self::Resized(width, height) => write!(f, "{width} x {height} pixels"),
            Self::OtherForm => DamageKind::ImageForm.fmt(f),
            Self::Rewritten => {
                f.write_str("its pixels are whole, and its bytes are not those of the record")
            }
            Self::OtherKind(kind) => write!(f, "it is {kind}"),
            Self::Pixels => f.write_str("it has the size of decompressed pixels and is no PNG"),
            Self::TooLarge => f.write_str("it has more than 16 MiB"),
            Self::NoFile => f.write_str("it is not a file"),
            Self::Unreadable(error) => f.write_str(&escape::text(&error.to_string())),
        }
    }
}

/// Checks one file after another. It keeps its memory for the next.
#[derive(Debug)]
pub(super) struct ImageFileChecker {
    png: PngChecker,
    bytes: Vec<u8>,
}

impl ImageFileChecker {
    pub(super) fn new() -> Self {
        Self { png: PngChecker::new(), bytes: Vec::new() }
    }

    /// Reads the file and checks it: as one of NIH's images, and against its row of a record.
    pub(super) fn check(
        &mut self,
        path: &Path,
        is_nih: bool,
        row: Option<&ManifestRow>,
    ) -> Result<GoodImage, ImageProblem> {
        self.read(path)?;
        let is_equal = row.map(|row| row.describes(&self.bytes));
        let is_rgba = if is_nih {
            let header = self.check_nih()?;
            if is_equal == Some(false) {
                return Err(ImageProblem::Rewritten);
            }
            header.is_rgba()
        } else {
            if is_equal != Some(true) {
                let is_short = row.is_some_and(|row| (self.bytes.len() as u64) < row.bytes);
                return Err(match self.bytes.is_empty() {
                    true => ImageProblem::Empty,
                    false if is_short => ImageProblem::Truncated,
                    false => ImageProblem::OtherBytes,
                });
            }
            false
        };
        let bytes = self.bytes.len() as u64;
        Ok(GoodImage { bytes, is_rgba, is_compared: is_equal.is_some() })
    }

    fn read(&mut self, path: &Path) -> Result<(), ImageProblem> {
        self.bytes.clear();
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ImageProblem::Missing,
            // Such as a socket (open(2), ENXIO).
            _ if path.metadata().is_ok_and(|metadata| !metadata.is_file()) => ImageProblem::NoFile,
            _ => ImageProblem::Unreadable(error),
        })?;
        let metadata = file.metadata().map_err(ImageProblem::Unreadable)?;
        if !metadata.is_file() {
            return Err(ImageProblem::NoFile);
        }
        if metadata.len() > LARGEST_IMAGE as u64 {
            return Err(ImageProblem::TooLarge);
        }
        file.read_into(&mut self.bytes, LARGEST_IMAGE).map_err(ImageProblem::Unreadable)
    }

    fn check_nih(&mut self) -> Result<ImageHeader, ImageProblem> {
        if self.bytes.is_empty() {
            return Err(ImageProblem::Empty);
        }
        let header = self.png.check(&self.bytes, Depth::Pixels);
        let header = header.map_err(|kind| match kind {
            DamageKind::PngSignature => other_kind(&self.bytes),
            DamageKind::PngEnd => ImageProblem::Truncated,
            DamageKind::ImageTooLarge => ImageProblem::OtherForm,
            kind => ImageProblem::Corrupt(kind),
        })?;
        match header {
            header if header.is_nih() => Ok(header),
            ImageHeader { width: 1024, height: 1024, .. } => Err(ImageProblem::OtherForm),
            ImageHeader { width, height, .. } => Err(ImageProblem::Resized(width, height)),
        }
    }
}

/// Returns the problem of a file that does not begin as a PNG.
fn other_kind(bytes: &[u8]) -> ImageProblem {
    match identify::kind(&bytes[..bytes.len().min(HEAD)]) {
        FileKind::Unknown if PIXELS.contains(&bytes.len()) => ImageProblem::Pixels,
        // A damaged beginning, or lost blocks.
        FileKind::Zeros | FileKind::Unknown => ImageProblem::Corrupt(DamageKind::PngSignature),
        kind => ImageProblem::OtherKind(kind),
    }
}
