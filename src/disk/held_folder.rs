//! A folder that is opened when it is first needed, and is then the same folder for the whole run.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::at::{Facts, FolderHandle, user};
use super::refusal::Refusal;
use super::syscalls::{Operation, perform};
use super::{DiskError, create_folder, parent, system};

/// The number of the user who may do everything.
const ROOT: u32 = 0;

#[derive(Debug)]
pub(super) struct HeldFolder {
    path: PathBuf,
    place: Place,
    opened: OnceLock<OpenFolder>,
}

#[derive(Debug)]
enum Place {
    /// A folder of the user's, at any path.
    User,
    /// The program's own folder in a folder of the user's.
    Own,
    /// A folder in another one. In the program's own folder, the same users' files are used.
    Inner(Arc<HeldFolder>),
}

/// An open folder, and the users whose files in it are used: `None` if anybody's are.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) handle: FolderHandle,
    owners: Option<Vec<u32>>,
    /// Other users may create, rename and remove files here.
    pub(super) is_shared: bool,
}

impl HeldFolder {
    fn new(path: PathBuf, place: Place) -> Arc<Self> {
        Arc::new(Self { path, place, opened: OnceLock::new() })
    }

    pub(super) fn user(path: &Path) -> Arc<Self> {
        Self::new(path.to_owned(), Place::User)
    }

    pub(super) fn own(path: PathBuf) -> Arc<Self> {
        Self::new(path, Place::Own)
    }

    pub(super) fn inner(self: &Arc<Self>, name: &str) -> Arc<Self> {
        Self::new(self.path.join(name), Place::Inner(Arc::clone(self)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open folder.
    pub(super) fn open(&self) -> io::Result<&OpenFolder> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.open_anew(false)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// Creates the folder if it does not exist, syncs that against a power cut, and opens it.
    pub(super) fn create(&self) -> Result<(), DiskError> {
        if self.opened.get().is_some() {
            return Ok(());
        }
        let outer = match &self.place {
            Place::Inner(outer) => {
                outer.create()?;
                Self::user(&outer.path)
            }
            _ => Self::user(parent(&self.path)),
        };
        create_folder(&outer.path)?;
        let outer = match &self.place {
            Place::Inner(inner) => inner,
            _ => &outer,
        };
        let create = |_| outer.open()?.handle.create_folder(self.name());
        match perform(&self.path, Operation::CreateFolder, create) {
            Ok(()) => match sync(outer) {
                // This user may pass through the parent but not read it, as is often so above a home.
                Err(error) if error.source.kind() == ErrorKind::PermissionDenied => {}
                result => result?,
            },
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(DiskError::new(&self.path, "created")(error)),
        }
        let opened = self.open_anew(true).map_err(DiskError::new(&self.path, "used"))?;
        self.opened.get_or_init(|| opened);
        Ok(())
    }

    fn name(&self) -> &Path {
        self.path.file_name().map_or(Path::new("."), Path::new)
    }

    /// `may_write`: a file may be created to learn to whom the files of this process belong.
    fn open_anew(&self, may_write: bool) -> io::Result<OpenFolder> {
        match &self.place {
            Place::User => {
                let handle = FolderHandle::open(&self.path)?;
                Ok(OpenFolder { handle, owners: None, is_shared: false })
            }
            Place::Own => {
                let outer = FolderHandle::open(parent(&self.path))?;
                let owners = vec![user(), ROOT, outer.own_facts()?.owner];
                self.open_within(&outer, owners, may_write)
            }
            Place::Inner(outer) => {
                let OpenFolder { handle, owners, .. } = outer.open()?;
                if let Some(owners) = owners {
                    return self.open_within(handle, owners.clone(), may_write);
                }
                let handle = self.open_unlinked(handle)?;
                Ok(OpenFolder { handle, owners: None, is_shared: false })
            }
        }
    }

    /// Opens the folder in the outer one, and nothing that a link leads to.
    fn open_unlinked(&self, outer: &FolderHandle) -> io::Result<FolderHandle> {
        outer.folder(self.name()).map_err(|error| {
            let is_link = || outer.facts(self.name()).is_ok_and(|facts| facts.is_link());
            if system::is_not_a_folder(&error) && is_link() {
                Refusal::LinkedFolder.into()
            } else {
                error
            }
        })
    }

    fn open_within(
        &self,
        outer: &FolderHandle,
        mut owners: Vec<u32>,
        may_write: bool,
    ) -> io::Result<OpenFolder> {
        let handle = self.open_unlinked(outer)?;
        let Facts { owner, is_open_to_others, .. } = handle.own_facts()?;
        if !owners.contains(&owner) {
            if !may_write || owner_of_new_file(&handle)? != owner {
                return Err(Refusal::FolderOfAnother(owner).into());
            }
            owners.push(owner);
        }
        let is_shared = is_open_to_others || owner != user();
        Ok(OpenFolder { handle, owners: Some(owners), is_shared })
    }
}

impl OpenFolder {
    /// Returns true if the files of this user are used.
    pub(super) fn trusts(&self, owner: u32) -> bool {
        self.owners.as_ref().is_none_or(|owners| owners.contains(&owner))
    }
}

/// Syncs the names in a folder. Without this, a rename may not survive a power cut. Succeeds on
/// file systems that cannot do it.
pub(super) fn sync(folder: &HeldFolder) -> Result<(), DiskError> {
    let sync = |_| folder.open()?.handle.sync();
    match perform(&folder.path, Operation::SyncFolder, sync) {
        // FUSE and some network file systems have no such operation.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result.map_err(DiskError::new(&folder.path, "synced")),
    }
}

/// Returns the user to whom the files belong that this process creates in a folder. A file server
/// may give them to another user, as NFS does with those of root.
fn owner_of_new_file(folder: &FolderHandle) -> io::Result<u32> {
    let name = format!("owner-{:08x}.new", fastrand::u32(..));
    let file = folder.create_file(Path::new(&name))?;
    let facts = Facts::of(&file);
    folder.remove_file(Path::new(&name))?;
    Ok(facts?.owner)
}

/// Removes an empty folder that is in another one, if it exists.
pub(super) fn remove(folder: &HeldFolder) -> Result<(), DiskError> {
    let Place::Inner(outer) = &folder.place else { return Ok(()) };
    let remove = |_| outer.open()?.handle.remove_folder(folder.name());
    match perform(&folder.path, Operation::Remove, remove) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DiskError::new(&folder.path, "removed")(error))
        }
        _ => Ok(()),
    }
}
