//! Reasons why cxr does not use what is in its folder: somebody else may have put it there.

use std::io;
use std::path::Path;

use crate::text::{escape, shell};

/// The reason why cxr does not use a file or a folder. It is the source of a
/// [`DiskError`](super::DiskError).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A folder of the program's is a link.
    #[error("it is a symbolic link, and cxr follows none there")]
    LinkedFolder,
    /// A folder of the program's belongs to another user.
    #[error("it belongs to user {0}, who is neither you nor the owner of the folder that it is in")]
    FolderOfAnother(u32),
    /// A file in a folder of the program's belongs to another user.
    #[error("it belongs to user {0}, who is neither you nor the owner of the folder that it is in")]
    FileOfAnother(u32),
    /// A file that would be written in its place has another name.
    #[error("it has another name (a hard link), and the file under that name would change too")]
    SecondName,
    /// A link, a folder or a pipe.
    #[error("it is not a file")]
    NotAFile,
    /// The file system renames no files.
    #[error("its file system does not rename files ({})", io::Error::from_raw_os_error(*.0))]
    NoRenames(i32),
    /// The file system writes files from the beginning to the end only.
    #[error("its file system does not write at any place in a file ({})", io::Error::from_raw_os_error(*.0))]
    NoWritesAnywhere(i32),
    /// Another process puts something else in its place again and again.
    #[error("another process keeps putting something else in its place")]
    Contended,
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}

impl Refusal {
    /// Returns the reason in an error, if it has one.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// Returns advice for the user.
    pub(super) fn remedy(self, path: &Path) -> String {
        let quoted = shell::path(path);
        match self {
            Self::LinkedFolder => format!("remove the link: {} {quoted}", shell::REMOVE),
            Self::FolderOfAnother(_) | Self::FileOfAnother(_) => {
                let aside = shell::path(&path.with_added_extension("other"));
                format!("use another folder, or move it away: {} {quoted} {aside}", shell::MOVE)
            }
            Self::SecondName => {
                let copy = shell::path(&path.with_added_extension("copy"));
                let (copies, moves) = (shell::COPY, shell::MOVE);
                // `cmd.exe` and the older PowerShell have no separator in common.
                let then = if cfg!(windows) { ", then:" } else { " &&" };
                let both = format!("{copies} {quoted} {copy}{then} {moves} {copy} {quoted}");
                format!("make it a file of its own: {both}")
            }
            Self::NotAFile => format!("remove it: {} {quoted}", shell::REMOVE_ALL),
            Self::NoRenames(_) | Self::NoWritesAnywhere(_) => format!(
                "fetch into a folder on another file system (-d), then copy the archives to \
                 {quoted}; cxr verify works there"
            ),
            Self::Contended => {
                let folder = escape::path(super::parent(path));
                format!("find out which program writes into {folder}, or use another folder")
            }
        }
    }
}
