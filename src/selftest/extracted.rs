//! The check that extracts images.

use std::path::Path;

use super::setup::{Setup, all_ok, flip_bit};
use super::{CheckError, CheckResult};
use crate::disk;
use crate::extract::{ExtractRequest, extract};
use crate::images::manifest::{MANIFEST_NAME, Manifest};
use crate::locate::png_file::{Depth, PngChecker};
use crate::text::{escape, units};

/// The most bytes of a list of images.
const LARGEST_LIST: usize = 1 << 20;

/// Extracts all samples, exactly as the command does, and compares every image and its row in the list.
pub(super) fn extract_and_compare(setup: &Setup<'_>, from: &Path, to: &Path) -> CheckResult {
    let request = ExtractRequest {
        to: Some(to.to_owned()),
        ..ExtractRequest::new(setup.catalog.clone(), from)
    };
    let report = extract(&request, setup.listener, setup.cancel);
    all_ok(&report.map_err(|error| CheckError::machine(error.to_string()))?)?;
    let folder = to.join("images");
    if setup.is_sabotaged("extract")
        && let Some((name, image)) = setup.samples.first().and_then(|sample| sample.images.first())
    {
        flip_bit(&folder.join(name), image.len() as u64 / 2)?;
    }
    let list = read(&to.join(MANIFEST_NAME), LARGEST_LIST)?;
    let list = Manifest::read(&list[..])
        .map_err(|error| CheckError::corrupt(format!("{MANIFEST_NAME}: {error}")))?;
    let (mut images, mut bytes) = (0, 0);
    for sample in setup.samples {
        for (name, image) in &sample.images {
            compare(&folder.join(name), image)?;
            if !list.get(name, &sample.archive.name).is_some_and(|row| row.describes(image)) {
                let detail = format!("{MANIFEST_NAME} does not describe {name} as it is");
                return Err(CheckError::corrupt(detail));
            }
            images += 1;
            bytes += image.len() as u64;
        }
    }
    Ok(format!("extracted {images} images, {}; every pixel is right", units::bytes(bytes)))
}

fn compare(path: &Path, expected: &[u8]) -> Result<(), CheckError> {
    let image = read(path, expected.len() + 1)?;
    let pixels = PngChecker::new().check(&image, Depth::Pixels);
    match pixels {
        Ok(_) if image == expected => Ok(()),
        result => {
            let why = result.err().map_or("it is another image".to_owned(), |why| why.to_string());
            let shown = escape::path(path);
            Err(CheckError::corrupt(format!("{shown} differs from the archive: {why}")))
        }
    }
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, CheckError> {
    disk::read(path, limit).map_err(|error| {
        CheckError::machine(format!("{} could not be read: {error}", escape::path(path)))
    })
}
