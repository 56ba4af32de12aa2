//! A catalogue as a checksum file.

use std::borrow::Cow;

use super::super::{Archive, Catalog, nih};

impl Catalog {
    /// The table as `md5sum -c` reads it. The built-in one is, byte for byte, what NIH prints;
    /// any other has the two spaces and the escapes of GNU's `md5sum`.
    pub fn md5sums(&self) -> String {
        if *self == Self::nih() {
            return nih::MD5SUMS.to_owned();
        }
        let line = |archive: &Archive| {
            let (mark, name) = escaped(&archive.name);
            format!("{mark}{}  {name}\n", archive.md5)
        };
        self.archives().iter().map(line).collect()
    }

    /// The table in BSD's form, as GNU's `md5sum --tag` writes it and `md5sum -c` reads it.
    pub fn bsd_md5sums(&self) -> String {
        let line = |archive: &Archive| {
            let (mark, name) = escaped(&archive.name);
            format!("{mark}MD5 ({name}) = {}\n", archive.md5)
        };
        self.archives().iter().map(line).collect()
    }
}

/// The mark of a line in which the name has escapes, and the name as it stands there.
fn escaped(name: &str) -> (&'static str, Cow<'_, str>) {
    if !name.contains(['\\', '\n', '\r']) {
        return ("", Cow::Borrowed(name));
    }
    let name = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    ("\\", Cow::Owned(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    #[test]
    fn the_built_in_table_is_what_nih_prints() {
        let text = Catalog::nih().md5sums();
        assert_eq!(text.as_bytes(), include_bytes!("../../../checksums/MD5SUMS"));
        assert!(text.starts_with("fe8ed0a6961412fddcbb3603c11b3698 images_001.tar.gz\n"));
    }

    #[test]
    fn any_other_is_written_as_gnu_does_and_read_again() {
        let text = format!(
            "{HEX}  a b\n{HEX}   leading\n{HEX}  *star\n\\{HEX}  back\\\\slash\\nline\\rend\n"
        );
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        assert_eq!(catalog.archives()[3].name, "back\\slash\nline\rend");
        assert_eq!(catalog.md5sums(), text);
        let tagged = catalog.bsd_md5sums();
        assert!(
            tagged.ends_with(&format!("\n\\MD5 (back\\\\slash\\nline\\rend) = {HEX}\n")),
            "{tagged}"
        );
        assert_eq!(Catalog::from_checksums(tagged.as_bytes()).unwrap(), catalog);
    }
}
