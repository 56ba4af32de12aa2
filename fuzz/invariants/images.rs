//! Fuzz target: promises about every `images.tsv`.

use super::is_plain_name;
use super::manifest::Manifest;
use crate::fuzzing::assert_message;

/// A record that is read has only names that stay in their folder, and is the same after it is
/// written. The message about any other is safe and short.
pub(crate) fn images_tsv(bytes: &[u8]) {
    match Manifest::read(bytes) {
        Err(error) => assert_message(&error.to_string()),
        Ok(manifest) => {
            assert!(manifest.rows().all(|(name, archive, _)| {
                is_plain_name(name)
                    && is_plain_name(archive)
                    && manifest.get(name, archive).is_some()
            }));
            let mut written = Vec::new();
            assert!(manifest.write(&mut written).is_ok());
            assert_eq!(Manifest::read(&written[..]).ok(), Some(manifest));
        }
    }
}
