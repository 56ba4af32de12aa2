//! Fuzz targets: promises about lists of images and about files of labels.

use super::{Metadata, Patients, read_names};
use crate::catalog::inventory::name_of;
use crate::fuzzing::assert_message;

/// A list is refused with a short message, or it names images that a list of their names gives again.
/// So are patients.
pub(crate) fn names(bytes: &[u8]) {
    if let Err(error) = Patients::parse(&String::from_utf8_lossy(bytes)) {
        assert_message(&error.to_string());
    }
    match read_names(bytes) {
        Err(error) => assert_message(&error.to_string()),
        Ok(images) => {
            let names: Vec<String> = images.iter().map(name_of).collect();
            assert_eq!(read_names(names.join("\n").as_bytes()), Ok(images));
        }
    }
}

/// Only a file that is the same when it is written again counts as one of this program.
pub(crate) fn metadata(bytes: &[u8]) {
    if let Some(own) = Metadata::read_own(bytes) {
        assert_eq!(own.to_csv(), bytes);
    }
}
