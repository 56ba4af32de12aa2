//! The images that each of NIH's archives contains. `checksums/README.md` gives the source.
//!
//! The names are `PPPPPPPP_SSS.png`: the patients are numbered from 1, and the images of each
//! patient from 0, without gaps. The archives contain them in the order of their names.

use std::ops::Range;
use std::sync::LazyLock;

use super::Catalog;
#[cfg(any(debug_assertions, feature = "benchmarks"))]
use super::test_inventory;
use crate::hash::digest::{Md5, Sha256};

/// The number of images of each patient, a byte for each.
const IMAGES_PER_PATIENT: &[u8] = include_bytes!("../../checksums/images_per_patient.bin");

/// The number of archives.
pub const ARCHIVES: usize = 12;

/// The number of images in all archives. An image is known by its place in the order of all names.
pub const IMAGES: usize = 112_120;

/// The number of patients. They are numbered from 1.
pub const PATIENTS: usize = IMAGES_PER_PATIENT.len();

/// The number of images in each archive.
const IMAGES_PER_ARCHIVE: [usize; ARCHIVES] =
    [4999, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 7121];

/// The number of images of all patients before each one.
static BEFORE: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let before = |sum: &mut usize, &images: &u8| {
        let before = *sum;
        *sum += usize::from(images);
        Some(before)
    };
    IMAGES_PER_PATIENT.iter().scan(0, before).collect()
});

/// The names of the images of one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Their places in the list of all images.
    places: Range<usize>,
}

impl Inventory {
    /// Returns the inventory of the archive with this MD5, or without an MD5 with this SHA-256, if it
    /// is one of NIH's.
    pub(crate) fn of(md5: Option<Md5>, sha256: Option<Sha256>) -> Option<Self> {
        #[cfg(any(debug_assertions, feature = "benchmarks"))]
        if let Some(places) = md5.as_ref().and_then(test_inventory::places) {
            return Some(Self { places });
        }
        let nih = Catalog::nih();
        Self::of_archive(nih.archives().iter().position(|archive| match md5 {
            Some(_) => archive.md5() == md5,
            None => sha256.is_some() && archive.sha256() == sha256,
        })?)
    }

    /// Returns the inventory of the archive with this index, from 0.
    pub(crate) fn of_archive(archive: usize) -> Option<Self> {
        let start = IMAGES_PER_ARCHIVE.iter().take(archive).sum();
        Some(Self { places: start..start + IMAGES_PER_ARCHIVE.get(archive)? })
    }

    /// The places of the images in the list of all images.
    pub(crate) fn places(&self) -> Range<usize> {
        self.places.clone()
    }

    /// Returns the number of images.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the number of the image, from 0, if the archive contains one of this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let place = place_of(name)?;
        self.places.contains(&place).then(|| place - self.places.start)
    }

    /// Returns the name of the image with this number.
    pub(crate) fn name(&self, position: usize) -> String {
        name_of(self.places.start + position)
    }
}

/// Returns the place of the image with this name, if there is one.
pub fn place_of(name: &str) -> Option<usize> {
    let (patient, image) = name.strip_suffix(".png")?.split_once('_')?;
    let is_number =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(patient, 8) || !is_number(image, 3) {
        return None;
    }
    let image = image.parse::<usize>().ok()?;
    let places = places_of_patient(patient.parse().ok()?)?;
    (image < places.len()).then(|| places.start + image)
}

/// Returns the places of the images of a patient, counted from 1.
pub fn places_of_patient(patient: usize) -> Option<Range<usize>> {
    let patient = patient.checked_sub(1)?;
    let start = *BEFORE.get(patient)?;
    Some(start..start + usize::from(*IMAGES_PER_PATIENT.get(patient)?))
}

/// Returns the patient of the image at this place.
pub fn patient_of(place: usize) -> usize {
    BEFORE.partition_point(|&before| before <= place)
}

/// Returns the name of the image at this place.
pub fn name_of(place: usize) -> String {
    let patient = patient_of(place);
    let start = places_of_patient(patient).map_or(0, |places| places.start);
    format!("{patient:08}_{:03}.png", place - start)
}

/// Returns the index, from 0, of the archive that contains the image at this place.
pub fn archive_of(place: usize) -> usize {
    let ends = IMAGES_PER_ARCHIVE.iter().scan(0, |sum, images| {
        *sum += images;
        Some(*sum)
    });
    ends.take_while(|&end| end <= place).count()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256 as Sha2};

    use super::*;

    fn all() -> Vec<Inventory> {
        let nih = Catalog::nih();
        nih.archives().iter().map(|archive| Inventory::of(archive.md5(), None).unwrap()).collect()
    }

    /// The digest of all names is that of NIH's own list.
    #[test]
    fn the_names_are_those_of_the_published_list() {
        let mut names = String::new();
        for inventory in all() {
            (0..inventory.len()).for_each(|position| {
                names.push_str(&inventory.name(position));
                names.push('\n');
            });
        }
        assert_eq!(names.lines().count(), 112_120);
        assert_eq!(
            hex::encode(Sha2::digest(&names)),
            "9e749a0b70e21f2803b792b4e4d4c2d7bf7560e2c4bd75780a5b83904df79b7a"
        );
    }

    #[test]
    fn a_name_is_found_in_its_archive_only() {
        let all = all();
        for (archive, inventory) in all.iter().enumerate() {
            for position in [0, 1, 500, inventory.len() - 1] {
                let name = inventory.name(position);
                let found: Vec<_> = all.iter().map(|other| other.position(&name)).collect();
                let mut expected = [None; 12];
                expected[archive] = Some(position);
                assert_eq!(found, expected, "{name}");
            }
        }
        let first = (all[0].name(0), all[0].name(4998), all[1].name(0), all[11].name(7120));
        let names =
            ["00000001_000.png", "00001335_006.png", "00001336_000.png", "00030805_000.png"];
        assert_eq!((&*first.0, &*first.1, &*first.2, &*first.3), names.into());
    }

    #[test]
    fn a_place_has_one_name_one_patient_and_one_archive() {
        for place in [0, 2, 3, 4998, 4999, 14_998, 14_999, 104_998, 104_999, 112_119] {
            let name = name_of(place);
            assert_eq!(place_of(&name), Some(place));
            assert_eq!(format!("{:08}", patient_of(place)), name[..8]);
            assert!(places_of_patient(patient_of(place)).unwrap().contains(&place));
            let inventory = Inventory::of_archive(archive_of(place)).unwrap();
            assert!(inventory.places().contains(&place), "{name}");
        }
        assert_eq!((PATIENTS, Inventory::of_archive(ARCHIVES)), (30_805, None));
        assert_eq!((places_of_patient(0), places_of_patient(30_806)), (None, None));
    }

    #[test]
    fn other_names_are_found_nowhere() {
        for name in [
            "00000000_000.png",
            "00000001_003.png",
            "00000001_+00.png",
            "0000001_000.png",
            "00000001_0000.png",
            "00030806_000.png",
            "00000001_000.jpg",
            "99999999_999.png",
            "",
        ] {
            assert!(all().iter().all(|inventory| inventory.position(name).is_none()), "{name}");
        }
        assert_eq!(Inventory::of(Some(Md5::EMPTY), None), None);
    }
}
