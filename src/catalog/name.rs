//! Which names may be files in the folder of the archives. A table comes from anywhere, and must
//! not make the program write anywhere.

/// The longest name in bytes: `PATH_MAX` of Linux, which no path can pass.
const LONGEST: usize = 4096;

/// The folder in which unfinished work is kept.
const OWN_FOLDER: &str = ".cxr";

/// Why a name cannot be an archive's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("is no name")]
    Empty,
    /// It starts at the root.
    #[error("is absolute; names must be relative to the folder of the archives")]
    Absolute,
    /// It leaves the folder.
    #[error("has `..` in it; names must stay in the folder of the archives")]
    Parent,
    /// It lies where unfinished work is kept.
    #[error("lies in `.cxr`, where cxr keeps unfinished work")]
    OwnFolder,
    /// It ends with `/`, or has `.` or nothing between two of them.
    #[error("is not the name of a file")]
    Folder,
    /// No file system takes it.
    #[error("has a NUL character in it")]
    Nul,
    /// No file system takes it.
    #[error("is longer than 4096 bytes")]
    TooLong,
}

/// Whether a name may be an archive's: relative, plain, inside the folder, outside `.cxr`.
pub(super) fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > LONGEST {
        return Err(NameError::TooLong);
    }
    if name.contains('\0') {
        return Err(NameError::Nul);
    }
    if name.starts_with('/') {
        return Err(NameError::Absolute);
    }
    if name.split('/').any(|part| part == "..") {
        return Err(NameError::Parent);
    }
    if name.split('/').any(|part| part.is_empty() || part == ".") {
        return Err(NameError::Folder);
    }
    // Some file systems take no notice of case.
    if name.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(OWN_FOLDER)) {
        return Err(NameError::OwnFolder);
    }
    Ok(())
}

/// The name without `./` and doubled `/`, which `md5sum ./*` and `find` write.
pub(super) fn plain(name: &str) -> String {
    let ends_as_folder = name.ends_with('/') || name.ends_with("/.");
    let parts: Vec<&str> =
        name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if name.starts_with('/') { "/" } else { "" };
    let end = if ends_as_folder && !parts.is_empty() { "/" } else { "" };
    format!("{root}{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_do_harm_are_refused() {
        for (name, error) in [
            ("", NameError::Empty),
            ("/etc/passwd", NameError::Absolute),
            ("..", NameError::Parent),
            ("a/../../b", NameError::Parent),
            ("../a", NameError::Parent),
            (".cxr", NameError::OwnFolder),
            (".cxr/parts/a", NameError::OwnFolder),
            (".CxR/a", NameError::OwnFolder),
            ("a/", NameError::Folder),
            ("a//b", NameError::Folder),
            ("./a", NameError::Folder),
            ("a/.", NameError::Folder),
            ("a\0b", NameError::Nul),
        ] {
            assert_eq!(check(name), Err(error), "{name:?}");
        }
        assert_eq!(check(&"a".repeat(4097)), Err(NameError::TooLong));
    }

    #[test]
    fn other_names_are_not() {
        for name in ["a", "a/b", "..a", "a..", ".cxrx", "a/.cxr2", "...", "a b", "\\", "Zürich"] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn what_find_writes_becomes_plain() {
        for (written, name) in [
            ("./a", "a"),
            (".//a/./b", "a/b"),
            ("a", "a"),
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
