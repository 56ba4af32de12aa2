//! A set of NIH's images, as a bit for each place in the list of all images.

use std::ops::Range;

use super::inventory::{ARCHIVES, IMAGES, Inventory};

const BITS: usize = u64::BITS as usize;

/// A set of images of NIH ChestX-ray14. An image is its place, 0 … 112,119, in the order of all names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    words: Vec<u64>,
}

impl ImageSet {
    /// The set without images.
    pub fn empty() -> Self {
        Self { words: vec![0; IMAGES.div_ceil(BITS)] }
    }

    /// The set of all images.
    pub fn all() -> Self {
        (0..IMAGES).collect()
    }

    /// Returns true if the image is in the set.
    pub fn contains(&self, place: usize) -> bool {
        self.words.get(place / BITS).is_some_and(|word| word >> (place % BITS) & 1 == 1)
    }

    /// Adds the image. A place that no image has changes nothing.
    pub fn insert(&mut self, place: usize) {
        if place < IMAGES
            && let Some(word) = self.words.get_mut(place / BITS)
        {
            *word |= 1 << (place % BITS);
        }
    }

    /// Removes the image.
    pub fn remove(&mut self, place: usize) {
        if let Some(word) = self.words.get_mut(place / BITS) {
            *word &= !(1 << (place % BITS));
        }
    }

    /// Keeps the images that are in both sets.
    pub fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns true if there is no image.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The places of the images, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.within(0..IMAGES)
    }

    /// The places of the images in this range, ascending.
    pub fn within(&self, places: Range<usize>) -> impl Iterator<Item = usize> {
        places.filter(|&place| self.contains(place))
    }

    /// Returns the number of images of the set in each of NIH's twelve archives.
    pub fn per_archive(&self) -> [usize; ARCHIVES] {
        std::array::from_fn(|archive| {
            Inventory::of_archive(archive)
                .map_or(0, |inventory| self.within(inventory.places()).count())
        })
    }

    /// Returns the indices of the archives that contain an image of the set.
    pub fn archives(&self) -> Vec<usize> {
        let counts = self.per_archive().into_iter().enumerate();
        counts.filter(|&(_, images)| images > 0).map(|(archive, _)| archive).collect()
    }
}

impl FromIterator<usize> for ImageSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut set = Self::empty();
        places.into_iter().for_each(|place| set.insert(place));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_places_that_exist() {
        let set: ImageSet = [0, 63, 64, 112_119, 112_120, usize::MAX].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 112_119]);
        assert!(!set.contains(112_120) && !set.contains(usize::MAX) && !set.contains(1));
        assert_eq!((set.len(), set.archives()), (4, vec![0, 11]));
        let mut fewer = set.clone();
        fewer.remove(63);
        fewer.remove(usize::MAX);
        fewer.insert(5);
        fewer.intersect(&set);
        assert_eq!(fewer.iter().collect::<Vec<_>>(), [0, 64, 112_119]);
    }

    #[test]
    fn all_images_are_in_twelve_archives() {
        let mut images = [10_000; 12];
        (images[0], images[11]) = (4999, 7121);
        assert_eq!(ImageSet::all().per_archive(), images);
        assert_eq!(ImageSet::all().len(), 112_120);
        assert!(ImageSet::empty().is_empty() && ImageSet::empty().archives().is_empty());
    }
}
