//! A document that somebody asked for by its path.
#![expect(clippy::disallowed_methods, reason = "it may be a pipe or a terminal")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::DiskError;
use super::file_id::behind_links;
use crate::text::escape;

/// Names beside a document that are tried for its draft.
const DRAFTS: u32 = 100;

/// Where a document goes. It is made before the long work, so that a path at which nothing can be
/// written is found out at once, and leaves nothing behind until the document is there.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    /// How a document begins that may be replaced, and what it is.
    head: &'static str,
    what: &'static str,
    /// What is no file, as a pipe or a terminal: nothing can be put in its place.
    stream: Option<File>,
}

/// Why no document can be written at a path.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something else is there, and would be lost.
    #[error("{path} is there already and is no {what}: name another file, or remove this one",
        path = escape::path(.path))]
    Occupied {
        /// The file.
        path: PathBuf,
        /// What it should be if it may be replaced.
        what: &'static str,
    },
}

impl Destination {
    /// Sees to it that a document can be written at the path. A file that is there is replaced in
    /// the end if it is empty or begins with `head`, as `what`, an earlier document, does.
    ///
    /// # Errors
    ///
    /// If something else is there, or the folder lets no file be made in it.
    pub fn new(
        path: &Path,
        head: &'static str,
        what: &'static str,
    ) -> Result<Self, DestinationError> {
        let path = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                see_that_it_may_go(path, head, what)?;
                // A link stays, and what it leads to is replaced.
                path.canonicalize().map_err(DiskError::new(path, "found"))?
            }
            Ok(_) => {
                let stream = File::options().write(true).open(path);
                let stream = stream.map_err(DiskError::new(path, "written"))?;
                return Ok(Self { path: path.to_owned(), head, what, stream: Some(stream) });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => behind_links(path),
            Err(error) => return Err(DiskError::new(path, "written")(error).into()),
        };
        let (draft, _) = draft(&path)?;
        super::remove(&draft)?;
        Ok(Self { path, head, what, stream: None })
    }

    /// Writes the document: all of it or, as far as anybody else can see, nothing.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says, and if something else has come there meanwhile; what
    /// was there is then still there.
    pub fn write(self, document: &[u8]) -> Result<(), DestinationError> {
        if let Some(mut stream) = self.stream {
            return match stream.write_all(document) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                result => Ok(result.map_err(DiskError::new(&self.path, "written"))?),
            };
        }
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file()) {
            see_that_it_may_go(&self.path, self.head, self.what)?;
        }
        let (draft, mut file) = draft(&self.path)?;
        let written = file.write_all(document).and_then(|()| file.sync_data());
        let placed = written
            .map_err(DiskError::new(&self.path, "written"))
            .and_then(|()| super::rename(&draft, &self.path));
        if placed.is_err() {
            // What matters is why the document is not there.
            let _ = super::remove(&draft);
        }
        Ok(placed?)
    }
}

impl Destination {
    /// Opens it for lines that are written one by one, and empties it first.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn open(self) -> Result<File, DiskError> {
        match self.stream {
            Some(stream) => Ok(stream),
            None => File::create(&self.path).map_err(DiskError::new(&self.path, "written")),
        }
    }
}

/// Refuses to lose a file that is no earlier document.
fn see_that_it_may_go(path: &Path, head: &str, what: &'static str) -> Result<(), DestinationError> {
    if begins(path, head).map_err(DiskError::new(path, "read"))? {
        return Ok(());
    }
    Err(DestinationError::Occupied { path: path.to_owned(), what })
}

/// Whether the file is empty or begins so.
fn begins(path: &Path, head: &str) -> io::Result<bool> {
    let mut found = Vec::new();
    File::open(path)?.take(head.len() as u64).read_to_end(&mut found)?;
    Ok(found.is_empty() || found == head.as_bytes())
}

/// A new file in the folder of the document.
fn draft(document: &Path) -> Result<(PathBuf, File), DiskError> {
    let process = std::process::id();
    let mut number = 0;
    loop {
        let draft = document.with_file_name(format!(".cxr-{process}-{number}.new"));
        number += 1;
        match File::create_new(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < DRAFTS => {}
            Err(error) => return Err(DiskError::new(document, "written")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const HEAD: &str = "{\"schema\"";

    fn destination(path: &Path) -> Result<Destination, DestinationError> {
        Destination::new(path, HEAD, "report")
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_there_until_all_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let destination = destination(&path).unwrap();
        assert!(names(dir.path()).is_empty());
        destination.write(b"{\"schema\":1}").unwrap();
        assert_eq!(names(dir.path()), ["report.json"]);
        assert_eq!(fs::read(&path).unwrap(), b"{\"schema\":1}");
    }

    #[test]
    fn an_earlier_document_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for (before, is_replaced) in
            [(&b""[..], true), (b"{\"schema\":0}", true), (b"{\"sch", false), (b"\x1f\x8b", false)]
        {
            fs::write(&path, before).unwrap();
            let found = destination(&path);
            assert_eq!(found.is_ok(), is_replaced, "{before:?} {found:?}");
            if let Ok(destination) = found {
                destination.write(b"new").unwrap();
            }
            let after = if is_replaced { b"new" } else { before };
            assert_eq!(fs::read(&path).unwrap(), after);
        }
    }

    #[test]
    fn what_came_there_meanwhile_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let destination = destination(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        let error = destination.write(b"new").unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_link_stays_and_leads_to_the_document() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("file"), dir.path().join("link"));
        symlink("file", &link).unwrap();
        for is_there in [false, true] {
            assert_eq!(path.exists(), is_there);
            destination(&link).unwrap().write(b"{\"schema\"}").unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(fs::read(&path).unwrap(), b"{\"schema\"}");
        }
    }

    #[test]
    fn what_is_no_file_is_written_to_and_stays() {
        let null = Path::new("/dev/null");
        destination(null).unwrap().write(b"new").unwrap();
        assert!(!null.metadata().unwrap().is_file());
    }

    #[test]
    fn a_path_that_cannot_be_written_is_found_out_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("no/such/folder"), "/".into()] {
            let error = destination(&path).unwrap_err().to_string();
            assert!(error.contains("could not be written"), "{error}");
        }
    }

    #[test]
    fn drafts_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join(format!(".cxr-{}-0.new", std::process::id()));
        fs::write(&theirs, "theirs").unwrap();
        destination(&dir.path().join("x")).unwrap().write(b"new").unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(fs::read(dir.path().join("x")).unwrap(), b"new");
    }
}
