//! The owner's file, which says who is at work in a folder where the lock of the operating system
//! says nothing or not the truth, as on some Lustre and NFS mounts.
//!
//! The file is made so that only one can make it (`O_EXCL`). While its owner works, the time of its
//! last change moves. One that was left behind is replaced in one step, by a file that again only
//! one can have made; and whoever replaced it reads it back before it acts.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::super::{DiskError, File, Timing, pace, remove, rename};
use super::identity::{Identity, Standing};
use crate::disk::crash_point;

/// How often an owner touches its file.
pub(super) const BEAT: Duration = Duration::from_secs(3);

/// How long a file must have stood still while we watched before its owner is given up: ten beats,
/// and as long as network file systems remember by default what they have seen (nfs(5), `acregmin`
/// and `acdirmin`: 3 s and 30 s).
const STILL: Duration = Duration::from_secs(30);

/// An owner's file is shorter than this.
const LIMIT: usize = 4096;

/// The owner's file of a folder, as one process sees it.
#[derive(Debug)]
pub(super) struct Post {
    path: PathBuf,
    /// Who makes this one may replace the owner.
    next: PathBuf,
    me: Identity,
    /// Whether the lock of the operating system is ours and means something on this machine.
    honoured: bool,
    owner: Watch,
    taker: Watch,
}

/// What came of an attempt to be the owner.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nobody was there.
    Taken,
    /// Somebody was who is not any more; who and why, in words.
    TakenOver(String),
    /// Somebody is at work; who.
    Held(String),
    /// Somebody may be at work and is being watched; who.
    Watched(String),
    /// Things are changing: try at once again.
    Again,
}

/// Whose a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    /// `None` where it cannot be read, as while it is being written.
    identity: Option<Identity>,
    inode: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

/// A file under observation.
#[derive(Debug, Default)]
struct Watch {
    seen: Option<(Holder, Instant)>,
}

impl Post {
    pub(super) fn new(path: PathBuf) -> Self {
        let next = path.with_added_extension("next");
        let (owner, taker) = (Watch::default(), Watch::default());
        Self { path, next, me: Identity::own(), honoured: false, owner, taker }
    }

    /// The lock of the operating system is ours, and this machine's kernel gives it to nobody else.
    pub(super) const fn trust_the_lock(&mut self) {
        self.honoured = true;
    }

    /// Tries once to be the owner.
    pub(super) fn attempt(&mut self) -> Result<Attempt, DiskError> {
        if make(&self.path, &self.me)? {
            crash_point("owner-written");
            // It may have been too long without a name, and another one be the owner by now.
            return Ok(if self.is_mine()? { Attempt::Taken } else { Attempt::Again });
        }
        let Some(holder) = Holder::of(&self.path)? else { return Ok(Attempt::Again) };
        match self.owner.standing(&holder, &self.me, self.honoured) {
            Standing::Lives => Ok(Attempt::Held(holder.name())),
            Standing::Unknown => Ok(Attempt::Watched(holder.name())),
            Standing::Ended(why) => self.take_over(&holder, why),
        }
    }

    /// Replaces an owner that is no more.
    fn take_over(&mut self, gone: &Holder, why: &str) -> Result<Attempt, DiskError> {
        if !make(&self.next, &self.me)? {
            return self.others_are_at_it();
        }
        crash_point("taker-written");
        let is_same = Holder::of(&self.path)?.is_some_and(|now| now.is_same(gone));
        if !is_same {
            remove(&self.next)?;
            return Ok(Attempt::Again);
        }
        match rename(&self.next, &self.path) {
            // Somebody has taken us for dead meanwhile.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
        crash_point("owner-taken-over");
        let taken = Attempt::TakenOver(format!("{}, {why}", gone.name()));
        Ok(if self.is_mine()? { taken } else { Attempt::Again })
    }

    /// Another one is about to replace the owner, or was.
    fn others_are_at_it(&mut self) -> Result<Attempt, DiskError> {
        let Some(taker) = Holder::of(&self.next)? else { return Ok(Attempt::Again) };
        Ok(match self.taker.standing(&taker, &self.me, self.honoured) {
            Standing::Lives => Attempt::Held(taker.name()),
            Standing::Unknown => Attempt::Watched(taker.name()),
            Standing::Ended(_) => {
                remove(&self.next)?;
                Attempt::Again
            }
        })
    }

    /// Whether this process is the owner.
    pub(super) fn is_mine(&self) -> Result<bool, DiskError> {
        let holder = Holder::of(&self.path)?;
        Ok(holder.and_then(|holder| holder.identity).is_some_and(|owner| owner.is(&self.me)))
    }

    /// Who is the owner now, in words.
    pub(super) fn holder(&self) -> String {
        match Holder::of(&self.path) {
            Ok(Some(holder)) => holder.name(),
            _ => NAMELESS.to_owned(),
        }
    }

    /// Lets the file's time move.
    pub(super) fn touch(&self) -> Result<(), DiskError> {
        let file = File::open(&self.path).map_err(DiskError::new(&self.path, "opened"))?;
        file.touch(SystemTime::now())
    }

    /// Removes the file, if it is still this process's, in good order: not while another one is
    /// about to replace it.
    pub(super) fn leave(&self) -> Result<(), DiskError> {
        if !make(&self.next, &self.me)? {
            return Ok(());
        }
        let left = self.is_mine().and_then(|mine| if mine { remove(&self.path) } else { Ok(()) });
        crash_point("owner-removed");
        remove(&self.next)?;
        left
    }
}

const NAMELESS: &str = "a process that left no name";

impl Holder {
    /// Whose the file is; `None` if there is none.
    fn of(path: &Path) -> Result<Option<Self>, DiskError> {
        let read = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Ok((file.read(LIMIT)?, metadata))
        };
        match read() {
            Ok((bytes, metadata)) => Ok(Some(Self {
                identity: Identity::from_json(&bytes),
                inode: metadata.ino(),
                changed: (metadata.mtime(), metadata.mtime_nsec()),
            })),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(DiskError::new(path, "read")(error)),
        }
    }

    fn name(&self) -> String {
        self.identity.as_ref().map_or_else(|| NAMELESS.to_owned(), Identity::to_string)
    }

    /// Whether it is the same file by the same hand, whenever it was touched.
    fn is_same(&self, other: &Self) -> bool {
        self.inode == other.inode && self.identity == other.identity
    }
}

/// A file that is replaced on a network file system while it is open is stale.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle)
}

impl Watch {
    /// What can be said of the holder by now, seen from `me`.
    fn standing(&mut self, holder: &Holder, me: &Identity, honoured: bool) -> Standing {
        let known = holder.identity.as_ref().map(|identity| identity.standing(me, honoured));
        if let Some(known @ (Standing::Lives | Standing::Ended(_))) = known {
            return known;
        }
        let (first, since) = self.seen.get_or_insert_with(|| (holder.clone(), Instant::now()));
        if first != holder {
            let is_same = first.is_same(holder);
            self.seen = Some((holder.clone(), Instant::now()));
            return if is_same { Standing::Lives } else { Standing::Unknown };
        }
        // Between the making of a file and its name there is only a moment.
        let patience = if holder.identity.is_some() { STILL } else { BEAT };
        if since.elapsed() >= pace(Timing::Still, patience) {
            return Standing::Ended("which gave no sign of life while it was watched");
        }
        Standing::Unknown
    }
}

/// Makes the file in the name of `me`; `false` if there is one.
fn make(path: &Path, me: &Identity) -> Result<bool, DiskError> {
    let Some(file) = File::new(path)? else { return Ok(false) };
    crash_point("owner-made");
    // Others on a network file system see what is in it once it was closed.
    let written = file.write_at(0, &[me.to_json().into()]).and_then(|()| file.close_once());
    if written.is_err() {
        // A file without a name would hold up the next run.
        let _ = remove(path);
    }
    written.map(|()| true)
}
