//! NIH's record of each image, decompressed when it is first needed. `metadata/README.md` describes the
//! packed form.

use std::sync::LazyLock;

use serde::Serialize;
use zlib_rs::{Inflate, InflateFlush};

use super::finding::Findings;
use crate::catalog::inventory::{IMAGES, PATIENTS, patient_of};

static PACKED: &[u8] = include_bytes!("../../metadata/images.gz");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(&decompress(PACKED)));

/// The part of the data set to which NIH assigns a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// 86,524 images of 28,008 patients, for training and validation.
    TrainVal,
    /// 25,596 images of 2,797 patients.
    Test,
}

impl Split {
    /// Returns the word for it in options and files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TrainVal => "train_val",
            Self::Test => "test",
        }
    }
}

/// The position in which an image was taken: the direction of the rays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum View {
    /// From back to front.
    #[serde(rename = "PA")]
    Pa,
    /// From front to back, as in beds.
    #[serde(rename = "AP")]
    Ap,
}

impl View {
    /// Returns the word for it in options and files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pa => "PA",
            Self::Ap => "AP",
        }
    }
}

/// One image, as `Data_Entry_2017_v2020.csv` and the two lists describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The part of the data set.
    pub split: Split,
    /// The number of the patient, from 1.
    pub patient: usize,
    /// The number of the visit, which is not the number in the name of the image.
    pub follow_up: u8,
    /// The age of the patient in years.
    pub age: u8,
    /// The sex of the patient, `F` or `M`.
    pub sex: char,
    /// The position in which the image was taken.
    pub view: View,
    /// The width of the original image. All published images are 1024 × 1024.
    pub width: u16,
    /// The height of the original image.
    pub height: u16,
    /// The labels.
    pub findings: Findings,
    /// The labels as NIH writes them, with `|` between them.
    pub findings_text: &'static str,
    /// The size of a pixel of the original image in millimetres, in both directions.
    pub(super) spacing: &'static str,
}

/// Returns the record of the image at this place of the list of all images.
pub fn record(place: usize) -> Option<Record> {
    TABLE.record(place)
}

const MALE: u8 = 1;
const TEST: u8 = 2;

/// The columns, each with one value for each image, and one with a value for each patient.
struct Table {
    findings: Vec<u16>,
    follow_ups: Vec<u8>,
    ages: Vec<u8>,
    views: Vec<u8>,
    widths: Vec<u16>,
    heights: Vec<u16>,
    spacings: Vec<u8>,
    patients: Vec<u8>,
    /// The sets of labels, as text and as bits.
    findings_texts: Vec<(&'static str, Findings)>,
    spacing_texts: Vec<&'static str>,
}

impl Table {
    /// Reads the columns. The tests check that all of them are there.
    fn read(mut rest: &[u8]) -> Self {
        let mut column = |length: usize| {
            let (column, left) = rest.split_at(length.min(rest.len()));
            rest = left;
            column.to_vec()
        };
        let pairs = |bytes: Vec<u8>| -> Vec<u16> {
            bytes.chunks_exact(2).map(|pair| u16::from(pair[0]) | u16::from(pair[1]) << 8).collect()
        };
        let findings = pairs(column(2 * IMAGES));
        let (follow_ups, ages, views) = (column(IMAGES), column(IMAGES), column(IMAGES));
        let (widths, heights) = (pairs(column(2 * IMAGES)), pairs(column(2 * IMAGES)));
        let (spacings, patients) = (column(IMAGES), column(PATIENTS));
        let texts: &'static str = String::from_utf8_lossy(rest).into_owned().leak();
        let (findings_texts, spacing_texts) = texts.split_once("\n\n").unwrap_or_default();
        Self {
            findings,
            follow_ups,
            ages,
            views,
            widths,
            heights,
            spacings,
            patients,
            findings_texts: findings_texts
                .lines()
                .map(|text| (text, Findings::of_text(text)))
                .collect(),
            spacing_texts: spacing_texts.lines().collect(),
        }
    }

    fn record(&self, place: usize) -> Option<Record> {
        let patient = patient_of(place);
        let flags = *self.patients.get(patient.checked_sub(1)?)?;
        let &(findings_text, findings) =
            self.findings_texts.get(usize::from(*self.findings.get(place)?))?;
        Some(Record {
            split: if flags & TEST == 0 { Split::TrainVal } else { Split::Test },
            patient,
            follow_up: *self.follow_ups.get(place)?,
            age: *self.ages.get(place)?,
            sex: if flags & MALE == 0 { 'F' } else { 'M' },
            view: if *self.views.get(place)? == 0 { View::Pa } else { View::Ap },
            width: *self.widths.get(place)?,
            height: *self.heights.get(place)?,
            findings,
            findings_text,
            spacing: self.spacing_texts.get(usize::from(*self.spacings.get(place)?))?,
        })
    }
}

/// Zlib's number for a gzip header and the largest window.
const GZIP: u8 = 16 + 15;

/// Decompresses a built-in file. The tests check that none is damaged.
pub(super) fn decompress(packed: &[u8]) -> Vec<u8> {
    // The last four bytes are the length (RFC 1952).
    let length = packed.last_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    let mut bytes = vec![0; length as usize];
    let _ = Inflate::new(true, GZIP).decompress(packed, &mut bytes, InflateFlush::Finish);
    bytes
}
