//! `metadata.csv`: a row for each image, with the split and the labels, as pandas and the `imagefolder` of
//! Hugging Face load it; and lists of names with labels.

use std::fmt::Write as _;

use super::finding::Finding;
use super::parts::Parts;
use super::records::{Split, record};
use crate::catalog::ImageSet;
use crate::catalog::inventory::{archive_of, name_of, place_of};
use crate::images::Layout;

/// The name of the file.
pub const METADATA_NAME: &str = "metadata.csv";

/// The largest file that is read back, in bytes: all images take 12 MB.
pub(crate) const MAX_METADATA_BYTES: usize = 32 << 20;

/// The contents of a `metadata.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The images.
    pub images: ImageSet,
    /// The parts to which they belong.
    pub parts: Parts,
    /// The places of the images beside the file.
    pub layout: Layout,
}

impl Metadata {
    /// Returns the file.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut csv = header();
        self.images.iter().for_each(|place| self.write_row(place, &mut csv));
        csv.into_bytes()
    }

    fn write_row(&self, place: usize, csv: &mut String) {
        let Some(record) = record(place) else { return };
        let path = path(self.layout, place);
        let (part, view) = (self.parts.word(place, record.split), record.view.word());
        // Writing to a string cannot fail.
        let _ = write!(
            csv,
            "{path},{part},{},{},{},{},{view},{},{},{}",
            record.patient,
            record.follow_up,
            record.age,
            record.sex,
            record.width,
            record.height,
            record.findings_text
        );
        for finding in Finding::ALL {
            csv.push_str(if record.findings.has(finding) { ",1" } else { ",0" });
        }
        csv.push('\n');
    }

    /// Returns true if the rows of a file are exactly those of this one.
    fn has_rows(&self, mut rows: &str) -> bool {
        let mut row = String::new();
        for place in self.images.iter() {
            row.clear();
            self.write_row(place, &mut row);
            match rows.strip_prefix(&*row) {
                Some(rest) => rows = rest,
                None => return false,
            }
        }
        rows.is_empty()
    }

    /// Reads a file that this program wrote. Returns `None` for any other: a single byte of difference
    /// shows that somebody else has worked on it.
    pub fn read_own(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let rows = text.strip_prefix(&header())?;
        let (mut images, mut validation) = (ImageSet::empty(), ImageSet::empty());
        let mut has_parts = false;
        for row in rows.lines() {
            let mut cells = row.split(',');
            let place = place_of(cells.next()?.rsplit('/').next()?)?;
            images.insert(place);
            match cells.next()? {
                "val" => {
                    validation.insert(place);
                    has_parts = true;
                }
                "train" => has_parts = true,
                _ => {}
            }
        }
        let parts = Parts { validation: has_parts.then_some(validation) };
        let first = rows.split(',').next()?;
        let place = images.iter().next();
        let layout = Layout::ALL
            .into_iter()
            .find(|layout| place.is_none_or(|place| path(*layout, place) == first))?;
        let read = Self { images, parts, layout };
        read.has_rows(rows).then_some(read)
    }

    /// Returns the names of the images of a part, one a line.
    pub(crate) fn names(&self, part: &str) -> Vec<u8> {
        self.lines(part, |place, line| line.push_str(&name_of(place)))
    }

    /// Returns the names of the images of a part with fourteen 0 or 1 behind each, as the programs that
    /// reproduce `CheXNet` read them.
    pub(super) fn chexnet(&self, part: &str) -> Vec<u8> {
        let (prefix, findings) = (self.layout == Layout::Archive, &Finding::ALL[..14]);
        self.lines(part, |place, line| {
            let name = if prefix { path(self.layout, place) } else { name_of(place) };
            line.push_str(&name);
            let record = record(place);
            for finding in findings {
                let has = record.is_some_and(|record| record.findings.has(*finding));
                line.push_str(if has { " 1" } else { " 0" });
            }
        })
    }

    fn lines(&self, part: &str, write: impl Fn(usize, &mut String)) -> Vec<u8> {
        let mut lines = String::new();
        for place in self.images.iter() {
            let split = record(place).map_or(Split::TrainVal, |record| record.split);
            if self.parts.word(place, split) == part {
                write(place, &mut lines);
                lines.push('\n');
            }
        }
        lines.into_bytes()
    }
}

fn header() -> String {
    let mut header =
        "file_name,split,patient_id,follow_up,age,sex,view,width,height,finding_labels".to_owned();
    for finding in Finding::ALL {
        header.push(',');
        header.push_str(finding.word());
    }
    header.push('\n');
    header
}

/// Returns the path of an image beside the file.
fn path(layout: Layout, place: usize) -> String {
    let archive = format!("images_{:03}", archive_of(place) + 1);
    layout.path(&archive, &name_of(place)).to_string_lossy().into_owned()
}
