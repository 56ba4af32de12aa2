//! Checks the names of archives. A table may come from anywhere, and must not make cxr write
//! anywhere.

use crate::text::windows_names;

/// The longest name in bytes: `PATH_MAX` of Linux, the limit of every path.
const LONGEST: usize = 4096;

/// The folder in which cxr keeps unfinished work.
const OWN_FOLDER: &str = ".cxr";

/// Checks that a name is relative, plain, in the folder of the archives, and outside `.cxr`. An
/// error follows the name in a message.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    // Some file systems ignore case.
    let is_own = name.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(OWN_FOLDER));
    let has = |wrong: fn(&str) -> bool| name.split('/').any(wrong);
    Err(match name {
        "" => "is not a name",
        "-" => {
            "is not a name: `md5sum` writes it for its standard input; write the name of the file \
             in its place"
        }
        _ if name.len() > LONGEST => "is longer than 4096 bytes",
        _ if name.contains('\0') => "contains a NUL character",
        _ if name.starts_with('/') => {
            "is absolute; names must be relative to the folder of the archives"
        }
        _ if has(|part| part == "..") => {
            "contains `..`; names must stay in the folder of the archives"
        }
        _ if has(|part| part.is_empty() || part == ".") => "is not the name of a file",
        _ if cfg!(windows)
            && let Some(why) = name.split('/').find_map(windows_names::check) =>
        {
            why
        }
        _ if is_own => "is in `.cxr`, where cxr keeps unfinished work",
        _ => return Ok(()),
    })
}

/// Removes `./` and repeated `/`, which `md5sum ./*` and `find` write, and `.\` at the beginning,
/// which programs of Windows write.
pub(super) fn plain(name: &str) -> String {
    let ends_as_folder = name.ends_with('/') || name.ends_with("/.");
    let parts: Vec<&str> =
        name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if name.starts_with('/') { "/" } else { "" };
    let end = if ends_as_folder && !parts.is_empty() { "/" } else { "" };
    let mut plain = format!("{root}{}{end}", parts.join("/"));
    while let Some(rest) = plain.strip_prefix(".\\") {
        plain = rest.to_owned();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_names_are_refused() {
        let reason = |name: &str| check(name).unwrap_err();
        for (name, expected) in [
            ("", "is not a name"),
            ("-", "is not a name: `md5sum` writes it for its standard input"),
            ("/etc/passwd", "is absolute"),
            ("..", "contains `..`"),
            ("a/../../b", "contains `..`"),
            ("../a", "contains `..`"),
            (".cxr", "is in `.cxr`"),
            (".cxr/parts/a", "is in `.cxr`"),
            (".CxR/a", "is in `.cxr`"),
            ("a/", "is not the name of a file"),
            ("a//b", "is not the name of a file"),
            ("./a", "is not the name of a file"),
            ("a/.", "is not the name of a file"),
            ("a\0b", "contains a NUL"),
        ] {
            assert!(reason(name).starts_with(expected), "{name:?}: {}", reason(name));
        }
        assert_eq!(reason(&"a".repeat(4097)), "is longer than 4096 bytes");
    }

    #[test]
    fn other_names_are_accepted() {
        for name in ["a", "a/b", "..a", "a..", ".cxrx", "a/.cxr2", "...", "a b", "\\", "Zürich"] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn names_from_find_become_plain() {
        for (written, name) in [
            ("./a", "a"),
            (".//a/./b", "a/b"),
            ("a", "a"),
            (".\\a", "a"),
            (".\\.\\a\\b", "a\\b"),
            (".", ""),
            ("./", ""),
            ("a/", "a/"),
            ("a/.", "a/"),
            ("./../a", "../a"),
            ("//a", "/a"),
            ("/", "/"),
        ] {
            assert_eq!(plain(written), name, "{written:?}");
        }
    }
}
