//! A temporary folder for each test.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::archive::{Archive, md5_of};
use super::program::Cxr;
use super::server::Server;

/// A temporary folder, removed with its content when the test ends.
pub struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    /// Creates a sandbox with empty folders `data` and `home`.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("cxr-test-").tempdir().unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        Self { root }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }

    /// The folder for the archives.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file, and creates its folders.
    pub fn put(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A program that reads it sees the old file or the new one, never half of one.
        let beside = path.with_added_extension("put");
        fs::write(&beside, bytes).unwrap();
        fs::rename(&beside, &path).unwrap();
        path
    }

    /// Writes an archive into the data folder under its name.
    pub fn put_archive(&self, archive: &Archive) -> PathBuf {
        self.put(Path::new("data").join(&archive.name), &*archive.bytes)
    }

    /// Writes a table in the format of `md5sum`.
    pub fn table(&self, archives: &[Archive]) -> PathBuf {
        let mut lines = String::new();
        for Archive { name, md5, .. } in archives {
            writeln!(lines, "{md5}  {name}").unwrap();
        }
        self.put("table.md5", lines)
    }

    /// Writes a table in the format of `sha256sum`.
    pub fn sha256_table(&self, archives: &[Archive]) -> PathBuf {
        let line = |archive: &Archive| format!("{}  {}\n", archive.sha256(), archive.name);
        self.put("table.sha256", archives.iter().map(line).collect::<String>())
    }

    /// Writes a table with sizes, and with an address for each archive that has one.
    pub fn table_with_sizes(&self, archives: &[(&Archive, &str)]) -> PathBuf {
        let mut lines = String::from("name\tsize\tmd5\taddress\n");
        for (archive, address) in archives {
            let Archive { name, md5, .. } = archive;
            writeln!(lines, "{name}\t{}\t{md5}\t{address}", archive.size()).unwrap();
        }
        self.put("table.tsv", lines)
    }

    /// Writes a table with sizes and SHA-256s.
    pub fn table_with_sha256s(&self, archives: &[Archive]) -> PathBuf {
        let mut lines = String::from("name\tmd5\tsize\tsha256\n");
        for archive in archives {
            let Archive { name, md5, .. } = archive;
            writeln!(lines, "{name}\t{md5}\t{}\t{}", archive.size(), archive.sha256()).unwrap();
        }
        self.put("table.tsv", lines)
    }

    /// `cxr` with a clean environment, started in the sandbox.
    pub fn cxr<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Cxr {
        Cxr::new(self, arguments)
    }

    /// `cxr fetch` of these archives from a server into the data folder, in JSON, with short
    /// time-outs and few retries.
    pub fn fetch(&self, server: &Server, archives: &[Archive]) -> Cxr {
        self.fetch_from(&server.base(), archives)
    }

    /// As [`Sandbox::fetch`], from any source.
    pub fn fetch_from(&self, source: &str, archives: &[Archive]) -> Cxr {
        self.fetch_with(&self.table(archives)).args(["--from", source])
    }

    /// As [`Sandbox::fetch`], with a table that has sizes.
    pub fn fetch_with_sizes(&self, server: &Server, archives: &[Archive]) -> Cxr {
        let rows: Vec<_> = archives.iter().map(|archive| (archive, "")).collect();
        self.fetch_with(&self.table_with_sizes(&rows)).args(["--from", &server.base()])
    }

    /// As [`Sandbox::fetch`], with a table and without a source.
    pub fn fetch_with(&self, table: &Path) -> Cxr {
        self.cxr(["fetch", "--format", "json", "--dir", "data", "--checksums"]).arg(table).args([
            "--retries",
            "3",
            "--stall-timeout",
            "1",
            "--connect-timeout",
            "2",
        ])
    }

    /// `cxr verify` in JSON against a table of these archives.
    pub fn verify(&self, archives: &[Archive]) -> Cxr {
        let table = self.table(archives);
        self.cxr(["verify", "--format", "json", "--checksums"]).arg(table)
    }

    /// Asserts that the data folder has the archive, byte for byte.
    #[track_caller]
    pub fn assert_archive(&self, archive: &Archive) {
        self.assert_content(Path::new("data").join(&archive.name), &archive.bytes);
    }

    /// Asserts the content of a file.
    #[track_caller]
    pub fn assert_content(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.path(name);
        let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (found_md5, md5) = (md5_of(&found), md5_of(bytes));
        assert!(
            found == bytes,
            "{}: {} bytes, MD5 {found_md5}; expected {} bytes, MD5 {md5}",
            path.display(),
            found.len(),
            bytes.len(),
        );
    }

    /// Asserts that nothing is in the data folder under the archive's name.
    #[track_caller]
    pub fn assert_absent(&self, archive: &Archive) {
        let path = self.data().join(&archive.name);
        assert!(fs::symlink_metadata(&path).is_err(), "{} exists", path.display());
    }

    /// Returns the only file in `data/.cxr` whose name ends with `ending`.
    #[track_caller]
    pub fn working_file(&self, ending: &str) -> PathBuf {
        let mut found = self.files("data/.cxr");
        found.retain(|file| file.to_string_lossy().ends_with(ending));
        assert_eq!(found.len(), 1, "one {ending} in data/.cxr: {found:?}");
        self.path("data/.cxr").join(found.remove(0))
    }

    /// All files under a folder, as sorted paths relative to it, without folders.
    pub fn files(&self, folder: impl AsRef<Path>) -> Vec<PathBuf> {
        let folder = self.path(folder);
        let mut files: Vec<_> = files_under(&folder)
            .into_iter()
            .map(|file| file.strip_prefix(&folder).unwrap().to_owned())
            .collect();
        files.sort();
        files
    }
}

/// All files under a folder.
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files
}
