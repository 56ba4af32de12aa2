//! Removes the marks that browsers, scripts and copies add to a name. Pure.

/// The ends of names of downloads that are not complete: of browsers, curl and wget wrappers,
/// `WinSCP`, rclone and others.
const DOWNLOADS: [&str; 10] = [
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".filepart",
    ".opdownload",
    ".incomplete",
    ".tmp",
    ".temp",
    ".!ut",
];

/// The end of the control file of aria2, beside a download that is not complete.
pub(super) const CONTROL_FILE: &str = ".aria2";

/// Returns the name in lower case without folders, marks of copies and downloads, and leading zeros;
/// and true if it had the mark of a download.
pub(super) fn full_name(path: &str) -> (String, bool) {
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let mut name = name.trim_start_matches('.').trim();
    name = name.strip_prefix("copy of ").unwrap_or(name);
    let mut is_download = false;
    while let Some(shorter) = without_end(name) {
        is_download |= DOWNLOADS.iter().any(|end| name.ends_with(end));
        name = shorter;
    }
    let mut plain = without_zeros(&without_copies(name));
    if let Some(stem) = plain.strip_suffix(".tgz") {
        plain = format!("{stem}.tar.gz");
    }
    (plain, is_download)
}

/// Returns the full name up to its first dot.
pub(super) fn base_name(path: &str) -> String {
    let mut full = full_name(path).0;
    full.truncate(full.find('.').unwrap_or(full.len()));
    full
}

/// Removes the mark of a download, a backup, or of wget, which numbers files: `a.gz.1`.
fn without_end(name: &str) -> Option<&str> {
    let mut ends = DOWNLOADS.iter().chain(&["~", ".bak", ".old", ".orig"]);
    let shorter = ends.find_map(|end| name.strip_suffix(end)).or_else(|| {
        let (rest, number) = name.rsplit_once('.')?;
        let is_number = number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
        (!number.is_empty() && is_number && rest.contains('.')).then_some(rest)
    });
    shorter.filter(|rest| !rest.is_empty())
}

/// Removes ` (1)`, ` - copy` and ` copy 2`, which may stand before any of the extensions.
fn without_copies(name: &str) -> String {
    let parts = name.split('.').map(|part| {
        let mut part = part.trim_end();
        if let Some((rest, number)) = part.strip_suffix(')').and_then(|part| part.rsplit_once('('))
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            part = rest.trim_end();
        }
        let bare = part.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
        let copy = [" - copy", "-copy", " copy", "_copy"].into_iter();
        let mut shorter =
            copy.filter_map(|copy| part.strip_suffix(copy).or_else(|| bare.strip_suffix(copy)));
        shorter.next().unwrap_or(part)
    });
    parts.collect::<Vec<_>>().join(".")
}

/// Removes leading zeros of numbers, and writes spaces and `-` as `_`.
fn without_zeros(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    let mut in_number = false;
    while let Some(c) = chars.next() {
        let leads = c == '0' && !in_number && chars.peek().is_some_and(char::is_ascii_digit);
        if leads {
            continue;
        }
        in_number = c.is_ascii_digit();
        plain.push(if matches!(c, ' ' | '-') { '_' } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_copies_and_downloads_are_removed() {
        for (name, is_download) in [
            ("images_001.tar.gz", false),
            ("images_001.tar (1).gz", false),
            ("images_001 (12).tar.gz", false),
            ("images_001(1).tar.gz", false),
            ("images_001.tar.gz.1", false),
            ("images_001 - Copy.tar.gz", false),
            ("images_001 copy 2.tar.gz", false),
            ("Copy of images_001.tar.gz", false),
            ("images_001.tar.gz~", false),
            ("images_001.tar.gz.bak", false),
            ("images_1.tar.gz", false),
            ("images_01.tar.gz", false),
            ("images-001.tar.gz", false),
            ("IMAGES_001.TAR.GZ", false),
            ("images_001.tgz", false),
            ("CXR8/images/images_001.tar.gz", false),
            ("images_001.tar.gz.part", true),
            ("images_001 (1).tar.gz.crdownload", true),
            ("images_001.tar.gz.1.part", true),
            ("images_001.tar.gz.download", true),
        ] {
            assert_eq!(full_name(name), ("images_1.tar.gz".to_owned(), is_download), "{name}");
        }
    }

    #[test]
    fn other_names_stay_different() {
        for name in [
            "images_010.tar.gz",
            "images_002.tar.gz",
            "images_0011.tar.gz",
            "images_001_labels.tar.gz",
            "images_001.tar",
            "(1)",
            "",
            ".1",
            "1.1",
            "~",
            ".part",
        ] {
            assert_ne!(full_name(name).0, "images_1.tar.gz", "{name}");
        }
        assert_eq!(full_name("table_100.csv").0, "table_100.csv");
        assert_eq!(full_name("0.csv").0, "0.csv");
    }

    #[test]
    fn a_base_name_has_no_extension() {
        for name in ["images_001.tar", "images_001.AbCdEf.tar.gz.part", ".images_001.tar.gz.Xy12ab"]
        {
            assert_eq!(base_name(name), "images_1", "{name}");
        }
    }
}
