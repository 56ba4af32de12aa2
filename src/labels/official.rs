//! NIH's own files, byte for byte, written from the packed columns.

use std::fmt::Write as _;

use super::records::{Record, Split, decompress, record};
use crate::catalog::inventory::{IMAGES, PATIENTS, name_of, places_of_patient};

static BOXES: &[u8] = include_bytes!("../../metadata/BBox_List_2017.csv.gz");

const HEADER: &str = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,\
                      View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n";

/// The csv of all images.
pub(super) const DATA_ENTRY: &str = "Data_Entry_2017_v2020.csv";

/// The MD5 of the earlier publication of the csv, which says `Patient Gender`.
pub(super) const EARLIER_DATA_ENTRY: &str = "27d223bb367648f1fd40e28dd42a0af3";

/// The four files, each with its MD5 and the function that returns its content.
pub(super) type OfficialFile = (&'static str, &'static str, fn() -> Vec<u8>);
pub(super) const FILES: [OfficialFile; 4] = [
    (DATA_ENTRY, "63a8ca1a1b1f7a0e77d3db6522191103", data_entry),
    ("BBox_List_2017.csv", "c288912caf65ab8b6c7aff6717d11005", || decompress(BOXES)),
    ("train_val_list.txt", "067e3a84206964892e6300e4a4c0a205", || list(Split::TrainVal)),
    ("test_list.txt", "adeeabf20ea2a8eb66ced87b78434400", || list(Split::Test)),
];

/// Returns the csv. Its rows are in the order of the patients and of their follow-up numbers.
fn data_entry() -> Vec<u8> {
    let mut csv = HEADER.to_owned();
    for places in (1..=PATIENTS).filter_map(places_of_patient) {
        let mut rows: Vec<(usize, Record)> =
            places.filter_map(|place| Some((place, record(place)?))).collect();
        rows.sort_by_key(|(_, record)| record.follow_up);
        for (place, row) in rows {
            let Record { findings_text, follow_up, patient, age, sex, spacing, .. } = row;
            let (name, view) = (name_of(place), row.view.word());
            let (width, height) = (row.width, row.height);
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{name},{findings_text},{follow_up},{patient},{age},{sex},{view},{width},{height},\
                 {spacing},{spacing}"
            );
        }
    }
    csv.into_bytes()
}

/// Returns the list of a part, which has no line end after the last name.
fn list(split: Split) -> Vec<u8> {
    let is_in = |place: &usize| record(*place).is_some_and(|record| record.split == split);
    let names: Vec<String> = (0..IMAGES).filter(is_in).map(name_of).collect();
    names.join("\n").into_bytes()
}
