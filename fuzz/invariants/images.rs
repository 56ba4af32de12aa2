//! Fuzz targets: promises about every `images.tsv`, and records of deleted archives.

use super::manifest::Manifest;
use super::{deleted as record, is_plain_name};
use crate::fuzzing::{assert_message, assert_visible};

/// A record that is read has only names that stay in their folder, and is the same after it is
/// written. The message about any other is safe and short.
pub(crate) fn images_tsv(bytes: &[u8]) {
    match Manifest::read(bytes) {
        Err(error) => assert_message(&error.to_string()),
        Ok(manifest) => {
            assert!(manifest.rows().all(|(name, archive, _)| {
                is_plain_name(name)
                    && archive.split('/').all(is_plain_name)
                    && manifest.get(name, archive).is_some()
            }));
            let mut written = Vec::new();
            assert!(manifest.write(&mut written).is_ok());
            assert_eq!(Manifest::read(&written[..]).ok(), Some(manifest));
        }
    }
}

/// A record of a deleted archive that can be read is the same after it is written and read again, and its
/// date can be shown.
pub(crate) fn deleted(bytes: &[u8]) {
    let Some(deleted) = record::read(bytes) else { return };
    deleted.date().iter().for_each(|date| assert_visible(date));
    let written = serde_json::to_vec(&deleted).expect("records are text and numbers");
    assert_eq!(record::read(&written), Some(deleted));
}
