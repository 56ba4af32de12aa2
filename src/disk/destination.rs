//! A document that the user asks for by its path.
#![expect(clippy::disallowed_methods, reason = "it may be a pipe or a terminal")]

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::DiskError;
use super::file_id::follow_links;
use crate::text::{escape, shell};

/// The most names that are tried for the draft of a document.
const DRAFTS: u32 = 100;

/// The path of a document. It is checked before the long work, so that an error shows at once, and
/// the file appears only when the document is complete.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    /// The beginning of a document that may be replaced.
    head: &'static str,
    /// The name of that kind of document.
    kind: &'static str,
    /// A pipe or a terminal, which cannot be replaced.
    stream: Option<File>,
}

/// A failure to write a document.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// An operation on the disk failed.
    #[error("{0}; {advice}", advice = .0.remedy())]
    Disk(#[from] DiskError),
    /// Another file exists at the path.
    #[error(
        "{path} exists and is not a {kind}; cxr left it unchanged; name another file, or remove it: \
         {remove} {command}",
        remove = shell::REMOVE,
        path = escape::path(.path),
        command = shell::path(.path)
    )]
    Occupied {
        /// The file.
        path: PathBuf,
        /// The kind of document that cxr would replace.
        kind: &'static str,
    },
}

impl Destination {
    /// Checks that a document can be written at the path. It replaces a file that is empty or begins
    /// with `head`, as an earlier document of this `kind` does.
    ///
    /// # Errors
    ///
    /// Fails if another file is at the path, or no file can be created there.
    pub fn new(
        path: &Path,
        head: &'static str,
        kind: &'static str,
    ) -> Result<Self, DestinationError> {
        let path = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                check_replaceable(path, head, kind)?;
                // A symbolic link stays, and its target is replaced.
                path.canonicalize().map_err(DiskError::new(path, "found"))?
            }
            Ok(_) => {
                let stream = File::options().write(true).open(path);
                let stream = stream.map_err(DiskError::new(path, "written"))?;
                return Ok(Self { path: path.to_owned(), head, kind, stream: Some(stream) });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => follow_links(path),
            Err(error) => return Err(DiskError::new(path, "written")(error).into()),
        };
        let (draft, _) = create_draft(&path)?;
        super::remove(&draft)?;
        Ok(Self { path, head, kind, stream: None })
    }

    /// Writes the document, which appears in one step.
    ///
    /// # Errors
    ///
    /// Returns the errors of the operating system, and fails if another file has appeared at the
    /// path. The previous file is then unchanged.
    pub fn write(
        self,
        document: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), DestinationError> {
        let write = |file: &File| {
            let mut file = BufWriter::new(file);
            document(&mut file).and_then(|()| file.flush())
        };
        if let Some(stream) = self.stream {
            return match write(&stream) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                result => Ok(result.map_err(DiskError::new(&self.path, "written"))?),
            };
        }
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file()) {
            check_replaceable(&self.path, self.head, self.kind)?;
        }
        let (draft, file) = create_draft(&self.path)?;
        let written = write(&file).and_then(|()| file.sync_data());
        let renamed = written
            .map_err(DiskError::new(&self.path, "written"))
            .and_then(|()| super::rename(&draft, &self.path));
        if renamed.is_err() {
            // The first error matters more than this one.
            let _ = super::remove(&draft);
        }
        Ok(renamed?)
    }

    /// Opens the file, emptied, to write it line by line.
    ///
    /// # Errors
    ///
    /// Returns the errors of the operating system.
    pub fn open(self) -> Result<File, DiskError> {
        match self.stream {
            Some(stream) => Ok(stream),
            None => File::create(&self.path).map_err(DiskError::new(&self.path, "written")),
        }
    }
}

/// Fails if the file is neither empty nor an earlier document.
fn check_replaceable(path: &Path, head: &str, kind: &'static str) -> Result<(), DestinationError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        File::open(path)?.take(head.len() as u64).read_to_end(&mut found)?;
        Ok(found)
    };
    let found = read().map_err(DiskError::new(path, "read"))?;
    if found.is_empty() || found == head.as_bytes() {
        return Ok(());
    }
    Err(DestinationError::Occupied { path: path.to_owned(), kind })
}

/// Creates a new file in the folder of the document.
fn create_draft(document: &Path) -> Result<(PathBuf, File), DiskError> {
    let process = std::process::id();
    let mut number = 0;
    loop {
        let draft = document.with_file_name(format!(".cxr-{process}-{number}.new"));
        number += 1;
        match File::create_new(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < DRAFTS => {}
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
    fn the_document_appears_only_when_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let destination = destination(&path).unwrap();
        assert!(names(dir.path()).is_empty());
        destination.write(|out| out.write_all(b"{\"schema\":1}")).unwrap();
        assert_eq!(names(dir.path()), ["report.json"]);
        assert_eq!(fs::read(&path).unwrap(), b"{\"schema\":1}");
    }

    #[test]
    fn only_an_earlier_document_or_an_empty_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for (before, is_replaced) in
            [(&b""[..], true), (b"{\"schema\":0}", true), (b"{\"sch", false), (b"\x1f\x8b", false)]
        {
            fs::write(&path, before).unwrap();
            let found = destination(&path);
            assert_eq!(found.is_ok(), is_replaced, "{before:?} {found:?}");
            if let Ok(destination) = found {
                destination.write(|out| out.write_all(b"new")).unwrap();
            }
            let after = if is_replaced { b"new" } else { before };
            assert_eq!(fs::read(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let destination = destination(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        let error = destination.write(|out| out.write_all(b"new")).unwrap_err().to_string();
        assert!(error.contains("exists and is not a report"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("file"), dir.path().join("link"));
        symlink("file", &link).unwrap();
        for is_there in [false, true] {
            assert_eq!(path.exists(), is_there);
            destination(&link).unwrap().write(|out| out.write_all(b"{\"schema\"}")).unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(fs::read(&path).unwrap(), b"{\"schema\"}");
        }
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let null = Path::new("/dev/null");
        destination(null).unwrap().write(|out| out.write_all(b"new")).unwrap();
        assert!(!null.metadata().unwrap().is_file());
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("no/such/folder"), "/".into()] {
            let error = destination(&path).unwrap_err().to_string();
            assert!(error.contains("could not be written"), "{error}");
        }
    }

    #[test]
    fn a_foreign_draft_stays() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join(format!(".cxr-{}-0.new", std::process::id()));
        fs::write(&theirs, "theirs").unwrap();
        destination(&dir.path().join("x")).unwrap().write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(fs::read(dir.path().join("x")).unwrap(), b"new");
    }
}
