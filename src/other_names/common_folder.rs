//! Notices a table whose names all begin with a folder that the files are not in: the table was
//! written in another folder.

use std::path::{Path, PathBuf};

use super::OtherNames;
use crate::catalog::Archive;
use crate::text::{command_line, escape, shell};

impl OtherNames<'_> {
    /// Says how to fix the table, if all its names begin with a folder that does not exist here, and
    /// a file without that folder in its name does.
    pub(crate) fn superfluous_folder(&self) -> Option<String> {
        let found = self.found.get()?;
        let folder = common_folder(self.catalog.archives())?;
        if self.dir.join(folder).symlink_metadata().is_ok() {
            return None;
        }
        let here = self.catalog.archives().iter().find_map(|archive| {
            let name = archive.name.strip_prefix(folder)?.strip_prefix('/')?;
            found.has_name(name).then_some(name)
        })?;
        Some(format!(
            "every name in the table begins with {}/, and {} is here without it; {}",
            escape::text(folder),
            escape::text(here),
            self.remedy(folder)
        ))
    }

    fn remedy(&self, folder: &str) -> String {
        if let Some(above) = folder_above(&self.dir, folder) {
            return format!("use the folder {} in its place", shell::path(&above));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
        let file = self.catalog.file().filter(|file| !command_line::is_read_once(file));
        match file.filter(|_| folder.chars().all(is_plain)) {
            Some(file) => {
                let mut new = file.as_os_str().to_owned();
                new.push(".new");
                let (old, new) = (shell::path(file), shell::path(Path::new(&new)));
                format!("write a table without it: sed 's|{folder}/||' {old} > {new}")
            }
            None => "write the table in the folder of the files".to_owned(),
        }
    }
}

/// Returns the folder that all names begin with, if there is one.
fn common_folder(archives: &[Archive]) -> Option<&str> {
    let mut folder = archives.first()?.name.rsplit_once('/')?.0;
    for Archive { name, .. } in archives {
        while !name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
            folder = folder.rsplit_once('/')?.0;
        }
    }
    Some(folder)
}

/// Returns the folder in which the names of the table are right, if `dir` is `folder` in it.
fn folder_above(dir: &Path, folder: &str) -> Option<PathBuf> {
    let full = dir.canonicalize().ok()?;
    let levels = Path::new(folder).components().count();
    full.ends_with(folder).then(|| full.ancestors().nth(levels).map(Path::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_longest_common_folder_is_found() {
        let md5 = "fe8ed0a6961412fddcbb3603c11b3698";
        for (names, expected) in [
            (&["a/b", "a/c"][..], Some("a")),
            (&["a/b/c", "a/b/d"], Some("a/b")),
            (&["a/b/c", "a/d"], Some("a")),
            (&["a/b", "ab/c"], None),
            (&["a/b", "c"], None),
            (&["c"], None),
        ] {
            let lines: Vec<_> = names.iter().map(|name| format!("{md5}  {name}")).collect();
            let catalog = Catalog::from_checksums(lines.join("\n").as_bytes()).unwrap();
            assert_eq!(common_folder(catalog.archives()), expected, "{names:?}");
        }
    }
}
