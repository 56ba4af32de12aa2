//! The archives that contain the selected images.

use super::{Archive, Catalog, ImageSet, Inventory, Selector};
use crate::text::units;

impl Catalog {
    /// The indices of the archives that contain an image of the set, ascending. An archive is known by
    /// its MD5 or SHA-256, so that a table with other names or addresses serves as well.
    pub fn archives_with(&self, images: &ImageSet) -> Vec<usize> {
        let is_needed = |archive: &Archive| {
            let places =
                Inventory::of(archive.md5(), archive.sha256()).map(|inventory| inventory.places());
            places.is_some_and(|places| images.within(places).next().is_some())
        };
        let indices = 0..self.archives.len();
        indices.filter(|&index| self.archives.get(index).is_some_and(is_needed)).collect()
    }

    /// Returns the words that select these archives on the command line.
    pub fn list(&self, indices: &[usize]) -> String {
        let archives = indices.iter().filter_map(|&index| self.archives.get(index));
        let selectors: Vec<Selector> = archives.map(|archive| self.selector(archive)).collect();
        // One more than there are, so that the words of all of them are given as well.
        Selector::join(selectors.iter(), usize::MAX).join(" ")
    }

    /// Says how many of these images are in these archives of the table, and what that saves.
    pub(crate) fn describe_images(&self, images: &ImageSet, archives: &[&Archive]) -> String {
        let inventories =
            archives.iter().filter_map(|archive| Inventory::of(archive.md5(), archive.sha256()));
        let here: usize =
            inventories.map(|inventory| images.within(inventory.places()).count()).sum();
        let all = images.len();
        let of = if here == all { String::new() } else { format!(" of {all}") };
        let is =
            if here == 1 && of.is_empty() { "selected image is" } else { "selected images are" };
        let start = format!("{here}{of} {is} in {}", units::count(archives.len(), "archive"));
        if archives.len() == self.archives.len() {
            return format!("{start}: all are needed, because an archive is fetched whole");
        }
        let bytes: Option<u64> = archives.iter().map(|archive| archive.size).sum();
        let bytes = bytes.map_or_else(String::new, |bytes| format!(" ({})", units::bytes(bytes)));
        format!("{start}, which {} fetched whole{bytes}", units::are(archives.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_of_a_selection_are_found_and_described() {
        let nih = Catalog::nih();
        let images: ImageSet = [0, 1, 20_000].into_iter().collect();
        let needed = nih.archives_with(&images);
        assert_eq!((&*needed, &*nih.list(&needed)), (&[0, 2][..], "1 3"));
        let describe = |indices: &[usize]| {
            let archives: Vec<_> = indices.iter().map(|&index| &nih.archives()[index]).collect();
            nih.describe_images(&images, &archives)
        };
        assert_eq!(
            describe(&[0, 2]),
            "3 selected images are in 2 archives, which are fetched whole (5.53 GiB)"
        );
        assert_eq!(
            describe(&[2]),
            "1 of 3 selected images are in 1 archive, which is fetched whole (3.66 GiB)"
        );
        let all: Vec<usize> = (0..12).collect();
        assert_eq!(
            describe(&all),
            "3 selected images are in 12 archives: all are needed, because an archive is fetched whole"
        );
        assert_eq!(nih.list(&all), "1-12");
    }

    #[test]
    fn another_table_is_searched_by_md5() {
        let nih = Catalog::nih();
        let line = |name, index: usize| format!("{}  {name}\n", nih.archives()[index].digest());
        let table = Catalog::from_checksums((line("b", 3) + &line("a", 0)).as_bytes()).unwrap();
        assert_eq!(table.archives_with(&[0, 20_000].into_iter().collect()), [1]);
        assert_eq!(table.archives_with(&[0, 25_000].into_iter().collect()), [0, 1]);
    }
}
