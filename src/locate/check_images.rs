//! Decodes the images of a whole file.

use super::Damage;
use super::decoder::ArchiveDecoder;
use super::images::{ImageCounts, ImageSurvey};
use super::inflate::DecodeStatus;
use super::scan_file::{Cancelled, read_blocks};
use crate::cancel::Cancel;
use crate::catalog::Inventory;
use crate::disk::File;

/// Decodes all images of an archive of `size` bytes that is complete in itself. Returns `None` if
/// it is not after all, or if it cannot be read. `listen` gets the number of bytes that are done.
pub(crate) fn check_images(
    file: &File,
    size: u64,
    inventory: Option<Inventory>,
    cancel: &Cancel,
    mut listen: impl FnMut(u64),
) -> Result<Option<ImageCounts>, Cancelled> {
    let mut decoder = ArchiveDecoder::new();
    decoder.tar.survey = Some(Box::new(ImageSurvey::new(size, inventory)));
    let mut is_sound = true;
    read_blocks(file, 0..size, cancel, |block, done| {
        is_sound = block.is_ok_and(|block| push(&mut decoder, block).is_ok());
        listen(done);
        is_sound
    })?;
    let survey = decoder.tar.survey.take().filter(|_| is_sound && decoder.is_complete());
    Ok(survey.map(|survey| survey.finish(size)))
}

fn push(decoder: &mut ArchiveDecoder, mut bytes: &[u8]) -> Result<(), Damage> {
    while decoder.step(&mut bytes)? != DecodeStatus::NeedsInput {}
    Ok(())
}
