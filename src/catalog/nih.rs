//! The built-in table. `checksums/README.md` gives the source of each number.

use super::{Archive, Catalog, Digests, checksum_line};
use crate::hash::digest::{Md5, Sha256};

/// The MD5s, exactly as NIH prints them.
pub(super) const MD5SUMS: &str = include_str!("../../checksums/MD5SUMS");

/// Names, the names in NIH's own script, sizes, SHA-256s and addresses, in the same order.
const ARCHIVES: &str = include_str!("../../checksums/archives.tsv");

impl Catalog {
    /// The twelve archives of NIH ChestX-ray14.
    pub fn nih() -> Self {
        // The tests check that no line is left out.
        let lines = checksum_line::lines(MD5SUMS.as_bytes());
        let md5s = lines.filter_map(|(_, line)| checksum_line::read(line).ok());
        let rows = ARCHIVES.lines().skip(1).filter_map(row);
        let archives = md5s.zip(rows).map(|(line, row)| with_md5(row, line.md5()));
        Self::indexed(archives.collect())
    }
}

/// Adds the MD5 to the SHA-256.
fn with_md5(row: Archive, md5: Option<Md5>) -> Archive {
    let digests = Digests::new(md5, row.sha256()).unwrap_or(row.digests);
    Archive { digests, ..row }
}

/// Reads a line, which has no MD5.
fn row(line: &str) -> Option<Archive> {
    let mut columns = line.split('\t').map(str::to_owned);
    Some(Archive {
        name: columns.next()?,
        alias: Some(columns.next()?),
        size: Some(columns.next()?.parse().ok()?),
        digests: columns.next()?.parse::<Sha256>().ok()?.into(),
        address: Some(columns.next()?),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn both_files_have_the_same_twelve_archives() {
        let catalog = Catalog::nih();
        let published = Catalog::from_checksums(MD5SUMS.as_bytes()).unwrap();
        assert_eq!(catalog.archives().len(), 12);
        let pairs = catalog.archives().iter().zip(published.archives());
        for (number, (ours, theirs)) in (1..).zip(pairs) {
            assert_eq!((&ours.name, ours.md5()), (&theirs.name, theirs.md5()));
            assert_eq!(ours.name, format!("images_{number:03}.tar.gz"));
            assert_eq!(ours.alias, Some(format!("images_{number:02}.tar.gz")));
        }
        assert_eq!(Catalog::new(catalog.archives().to_vec()), Ok(catalog));
    }

    #[test]
    fn sizes_sha_256s_and_addresses_are_complete() {
        let catalog = Catalog::nih();
        let sizes = catalog.archives().iter().filter_map(|archive| archive.size);
        assert_eq!(sizes.sum::<u64>(), 45_079_862_784);
        let sha256s: HashSet<_> = catalog.archives().iter().filter_map(Archive::sha256).collect();
        assert_eq!(sha256s.len(), 12);
        let addresses: HashSet<_> =
            catalog.archives().iter().filter_map(|archive| archive.address.as_deref()).collect();
        assert_eq!(addresses.len(), 12);
        for address in addresses {
            assert!(address.starts_with("https://nihcc.box.com/shared/static/"), "{address}");
        }
    }
}
