//! The owner's file, which names the process that works in a folder. It is needed where the lock of
//! the operating system does not hold, as on some Lustre and NFS mounts.
//!
//! Only one process can create the file (`O_EXCL`). Its owner changes the file's time regularly. A
//! file whose owner has ended is replaced in one step by a second file, which again only one process
//! can create. That process reads the file back before it acts.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime};

use super::identity::{Identity, Liveness};
use crate::disk::at::Facts;
use crate::disk::refusal::Refusal;
use crate::disk::{DiskError, Entry, Interval, crash_point, interval};

/// The time between two touches of the owner's file.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);

/// The time without a heartbeat, as watched from here, after which an owner counts as ended: ten
/// heartbeats, and as long as network file systems cache attributes by default (nfs(5), `acregmin`
/// and `acdirmin`: 3 s and 30 s).
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of an owner's file.
const LIMIT: usize = 4096;

pub(super) const UNKNOWN_PROCESS: &str = "an unknown process";

/// The owner's file of a folder, for one process.
#[derive(Debug)]
pub(super) struct OwnerFile {
    file: Entry,
    /// The process that creates this file may replace the owner.
    next: Entry,
    identity: Identity,
    /// This process has the lock of the operating system, and this machine enforces it.
    pub(super) has_lock: bool,
    owner_watch: LivenessWatch,
    successor_watch: LivenessWatch,
}

/// The result of one attempt to become the owner. The texts name the other process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClaimOutcome {
    /// There was no owner.
    Claimed,
    /// The previous owner had ended.
    TakenOver(String),
    /// The owner is alive.
    Held(String),
    /// The owner may be alive, and its heartbeat is being watched.
    Watched(String),
    /// The files have changed meanwhile: try again at once.
    Retry,
}

/// The content and the state of an owner's file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OwnerRecord {
    /// `None` if the content is invalid, as while it is being written.
    identity: Option<Identity>,
    inode: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

/// Watches a file for heartbeats.
#[derive(Debug, Default)]
struct LivenessWatch {
    last: Option<(OwnerRecord, Instant)>,
}

impl OwnerFile {
    pub(super) fn new(file: Entry) -> Self {
        let next = file.with_added_extension("next");
        let (owner_watch, successor_watch) = (LivenessWatch::default(), LivenessWatch::default());
        let identity = Identity::own();
        Self { file, next, identity, has_lock: false, owner_watch, successor_watch }
    }

    /// Tries once to become the owner.
    pub(super) fn claim(&mut self) -> Result<ClaimOutcome, DiskError> {
        if create(&self.file, &self.identity)? {
            crash_point("owner-written");
            // The file may have been invalid for too long, so that another process replaced it.
            let is_own = self.is_own()?;
            return Ok(if is_own { ClaimOutcome::Claimed } else { ClaimOutcome::Retry });
        }
        let Some(owner) = OwnerRecord::read(&self.file)? else { return Ok(ClaimOutcome::Retry) };
        match self.owner_watch.liveness(&owner, &self.identity, self.has_lock) {
            Liveness::Alive => Ok(ClaimOutcome::Held(owner.name())),
            Liveness::Unknown => Ok(ClaimOutcome::Watched(owner.name())),
            Liveness::Ended(why) => self.take_over(&owner, why),
        }
    }

    /// Replaces an owner that has ended.
    fn take_over(&mut self, ended: &OwnerRecord, why: &str) -> Result<ClaimOutcome, DiskError> {
        if !create(&self.next, &self.identity)? {
            return self.check_successor();
        }
        crash_point("taker-written");
        let is_same = OwnerRecord::read(&self.file)?.is_some_and(|now| now.is_same(ended));
        if !is_same {
            self.next.remove()?;
            return Ok(ClaimOutcome::Retry);
        }
        match self.next.rename(&self.file) {
            // Another process has removed our file, because this process seemed to have ended.
            Err(error) if error.source.kind() == ErrorKind::NotFound => {}
            result => result?,
        }
        crash_point("owner-taken-over");
        let taken_over = ClaimOutcome::TakenOver(format!("{}, {why}", ended.name()));
        Ok(if self.is_own()? { taken_over } else { ClaimOutcome::Retry })
    }

    /// Checks another process that is replacing the owner, or has ended while it did.
    fn check_successor(&mut self) -> Result<ClaimOutcome, DiskError> {
        let Some(successor) = OwnerRecord::read(&self.next)? else {
            return Ok(ClaimOutcome::Retry);
        };
        Ok(match self.successor_watch.liveness(&successor, &self.identity, self.has_lock) {
            Liveness::Alive => ClaimOutcome::Held(successor.name()),
            Liveness::Unknown => ClaimOutcome::Watched(successor.name()),
            Liveness::Ended(_) => {
                self.next.remove()?;
                ClaimOutcome::Retry
            }
        })
    }

    /// Checks whether a process owns the file, and removes the file of one that has ended. Returns
    /// [`ClaimOutcome::Claimed`] if there is none.
    pub(super) fn evict(&mut self) -> Result<ClaimOutcome, DiskError> {
        let Some(owner) = OwnerRecord::read(&self.file)? else { return Ok(ClaimOutcome::Claimed) };
        match self.owner_watch.liveness(&owner, &self.identity, self.has_lock) {
            Liveness::Alive => Ok(ClaimOutcome::Held(owner.name())),
            Liveness::Unknown => Ok(ClaimOutcome::Watched(owner.name())),
            Liveness::Ended(_) if create(&self.next, &self.identity)? => {
                let is_same = OwnerRecord::read(&self.file)?.is_some_and(|now| now.is_same(&owner));
                let removed = if is_same { self.file.remove() } else { Ok(()) };
                self.next.remove()?;
                removed.map(|()| ClaimOutcome::Retry)
            }
            // Another process is replacing or removing it at this moment.
            Liveness::Ended(_) => Ok(match self.check_successor()? {
                ClaimOutcome::Held(name) => ClaimOutcome::Watched(name),
                outcome => outcome,
            }),
        }
    }

    /// Returns true if this process is the owner.
    pub(super) fn is_own(&self) -> Result<bool, DiskError> {
        let owner = OwnerRecord::read(&self.file)?.and_then(|record| record.identity);
        Ok(owner.is_some_and(|owner| owner.is_same(&self.identity)))
    }

    /// Names the present owner.
    pub(super) fn owner(&self) -> String {
        name_of(&self.file).unwrap_or_else(|| UNKNOWN_PROCESS.to_owned())
    }

    /// Changes the time of the file.
    pub(super) fn touch(&self) -> Result<(), DiskError> {
        let file = self.file.open_anyones_to_touch();
        let file = file.map_err(DiskError::new(self.file.path(), "opened"))?;
        file.touch(SystemTime::now())
    }

    /// Removes the file if it is this process's, and no other process is replacing it.
    pub(super) fn remove(&self) -> Result<(), DiskError> {
        match self.announce_removal() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Nobody else gets the lock meanwhile.
            Err(_) if self.has_lock => {}
            Err(error) => return Err(error),
        }
        let removed = self.is_own().and_then(|own| if own { self.file.remove() } else { Ok(()) });
        crash_point("owner-removed");
        self.next.remove()?;
        removed
    }
}

impl OwnerFile {
    /// Creates the file of a successor, so that there is no other one. On a full disk, an empty file
    /// is enough. Returns false if there is one.
    fn announce_removal(&self) -> Result<bool, DiskError> {
        match create(&self.next, &self.identity) {
            Err(error) if error.is_full() => Ok(self.next.create_new()?.is_some()),
            result => result,
        }
    }
}

impl OwnerRecord {
    /// Reads an owner's file. Returns `None` if there is none.
    fn read(entry: &Entry) -> Result<Option<Self>, DiskError> {
        let read = || -> io::Result<_> {
            match entry.open_anyones() {
                Ok(file) => {
                    Ok((Identity::from_json(&file.read(LIMIT)?), Facts::of(file.as_std())?))
                }
                // It names no owner.
                Err(error) if Refusal::of(&error) == Some(Refusal::NotAFile) => {
                    Ok((None, entry.facts()?))
                }
                Err(error) => Err(error),
            }
        };
        match read() {
            Ok((identity, Facts { inode, changed, .. })) => {
                Ok(Some(Self { identity, inode, changed }))
            }
            // On a network file system, an open file that is replaced becomes stale.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(DiskError::new(entry.path(), "read")(error)),
        }
    }

    fn name(&self) -> String {
        self.identity.as_ref().map_or_else(|| UNKNOWN_PROCESS.to_owned(), Identity::to_string)
    }

    /// Returns true for the same file of the same process, touched or not.
    fn is_same(&self, other: &Self) -> bool {
        self.inode == other.inode && self.identity == other.identity
    }
}

impl LivenessWatch {
    /// Returns the present state of an owner, as far as `observer` can see it.
    fn liveness(&mut self, owner: &OwnerRecord, observer: &Identity, has_lock: bool) -> Liveness {
        let known = owner.identity.as_ref().map(|identity| identity.liveness(observer, has_lock));
        if let Some(known @ (Liveness::Alive | Liveness::Ended(_))) = known {
            return known;
        }
        let (last, since) = self.last.get_or_insert_with(|| (owner.clone(), Instant::now()));
        if last != owner {
            let is_same = last.is_same(owner);
            self.last = Some((owner.clone(), Instant::now()));
            return if is_same { Liveness::Alive } else { Liveness::Unknown };
        }
        // A file gets its content right after its creation.
        let timeout = if owner.identity.is_some() { TIMEOUT } else { HEARTBEAT };
        if since.elapsed() >= interval(Interval::OwnerTimeout, timeout) {
            return Liveness::Ended("which gave no heartbeat while cxr watched it");
        }
        Liveness::Unknown
    }
}

/// Names the process in an owner's file, if there is one.
pub(super) fn name_of(file: &Entry) -> Option<String> {
    OwnerRecord::read(file).ok().flatten().map(|record| record.name())
}

/// Creates the file for `identity`. Returns false if it exists.
fn create(entry: &Entry, identity: &Identity) -> Result<bool, DiskError> {
    let Some(file) = entry.create_new()? else { return Ok(false) };
    crash_point("owner-made");
    // On a network file system, others see the content only after a close.
    let written = file.write_at(0, &identity.to_json()).and_then(|()| file.close());
    if written.is_err() {
        // A file without content would delay the next run.
        let _ = entry.remove();
    }
    written.map(|()| true)
}
