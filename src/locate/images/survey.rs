//! Counts the images of an archive and decodes each of them.

use std::ops::Range;

use super::super::tar_header::MemberKind;
use super::super::{Damage, DamageKind};
use super::image_header::ImageHeader;
use super::image_stream::ImageStream;
use super::png_file::{Depth, PngCheck, budget};
use crate::catalog::Inventory;

/// The content of an archive. An image is a file that is called `.png`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageCounts {
    /// Images, of which some are broken, and some were not checked because they are too large.
    pub(crate) images: u64,
    pub(crate) broken: u64,
    pub(crate) unchecked: u64,
    /// Other members, without folders.
    pub(crate) others: u64,
    /// Members after the end of the tar: programs do not unpack them.
    pub(crate) hidden: u64,
    /// The first broken image.
    pub(crate) first_broken: Option<Damage>,
    /// The images that belong into the archive, if that is known.
    pub(crate) expected: Option<ExpectedImages>,
}

/// The images that belong into an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedImages {
    pub(crate) number: u64,
    /// Those that are there, broken or not.
    pub(crate) found: u64,
    pub(crate) first_missing: Option<String>,
}

/// The images so far.
#[derive(Debug, Clone)]
pub(in super::super) struct ImageSurvey {
    inventory: Option<Inventory>,
    /// For each image of the inventory, true if it was there.
    found: Vec<bool>,
    /// The current image.
    current: Option<SurveyedImage>,
    pixels: ImageStream,
    /// The last known position in the archive.
    position: u64,
    /// True after the end of the tar.
    has_ended: bool,
    counts: ImageCounts,
}

#[derive(Debug, Clone)]
struct SurveyedImage {
    check: PngCheck,
    name: String,
    /// The byte of the archive at which it begins.
    start: u64,
    /// True if it is one of NIH's by its name.
    is_nih: bool,
}

impl ImageSurvey {
    pub(in super::super) fn new(size: u64, inventory: Option<Inventory>) -> Self {
        Self {
            found: vec![false; inventory.as_ref().map_or(0, Inventory::len)],
            inventory,
            current: None,
            pixels: ImageStream::new(budget(size)),
            position: 0,
            has_ended: false,
            counts: ImageCounts::default(),
        }
    }

    /// Begins a member of `size` bytes.
    pub(in super::super) fn begin(&mut self, name: &str, kind: MemberKind, size: u64) {
        self.end_image(self.position);
        let is_png = name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("png"));
        match kind {
            _ if self.has_ended => self.counts.hidden += 1,
            MemberKind::Folder => {}
            MemberKind::File if is_png => self.begin_image(name, size),
            _ => self.counts.others += 1,
        }
    }

    fn begin_image(&mut self, name: &str, size: u64) {
        self.counts.images += 1;
        let base = name.rsplit_once('/').map_or(name, |(_, base)| base);
        let place = self.inventory.as_ref().and_then(|inventory| inventory.position(base));
        if let Some(found) = place.and_then(|place| self.found.get_mut(place)) {
            *found = true;
        }
        self.current = Some(SurveyedImage {
            check: PngCheck::new(size, Depth::Pixels),
            name: name.to_owned(),
            start: self.position,
            is_nih: place.is_some(),
        });
    }

    /// Takes bytes of the current member.
    pub(in super::super) fn take(&mut self, bytes: &[u8]) {
        if let Some(image) = &mut self.current {
            image.check.take(bytes, &mut self.pixels);
        }
    }

    /// Notes the position in the archive.
    pub(in super::super) fn advance(&mut self, position: u64, has_ended: bool) {
        self.position = position;
        self.has_ended |= has_ended;
    }

    fn end_image(&mut self, end: u64) {
        let Some(SurveyedImage { check, name, start, is_nih }) = self.current.take() else {
            return;
        };
        let has_form = |header: ImageHeader| !is_nih || header.is_nih();
        match check.finish().map(has_form) {
            Ok(true) => {}
            Err(DamageKind::ImageTooLarge) => self.counts.unchecked += 1,
            result => {
                let kind = result.err().unwrap_or(DamageKind::ImageForm);
                self.counts.broken += 1;
                let range = Range { start, end: end.max(start + 1) };
                let damage = || Damage { range, member: Some(name), kind };
                self.counts.first_broken.get_or_insert_with(damage);
            }
        }
    }

    pub(in super::super) fn finish(mut self, size: u64) -> ImageCounts {
        self.end_image(size);
        self.counts.expected = self.inventory.map(|inventory| ExpectedImages {
            number: self.found.len() as u64,
            found: self.found.iter().filter(|&&found| found).count() as u64,
            first_missing: self
                .found
                .iter()
                .position(|&found| !found)
                .map(|place| inventory.name(place)),
        });
        self.counts
    }
}
