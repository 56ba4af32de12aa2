//! Notes of what was verified when, for checks that go on or are made again.
//!
//! They are kept only where they are asked for, in `.cxr/` of the folder; where that cannot be
//! written to, in a folder of the user's own. A note is believed only while the file is the same,
//! and only as far as the request says. Whoever can write to the folder can write its notes too:
//! a check without notes trusts nothing but the digests.

mod note;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use self::note::{Note, Pass, Wrong};
use super::VerifyRequest;
use super::advice::folder_of;
use super::check::blank;
use super::locate::is_broken;
use super::targets::Target;
use crate::catalog::{Archive, Catalog};
use crate::disk::{self, DiskError, Folder, Stamp};
use crate::event::{Event, Listener};
use crate::hash::Md5Hasher;
use crate::report::ArchiveReport;
use crate::text::units;
use crate::verdict::Verdict;

/// Which notes are believed, and where else they may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotesRequest {
    /// Go on with the pass that was interrupted: what it has read is not read again.
    pub resume: bool,
    /// What was verified no longer ago than this is not read again.
    pub since: Option<Duration>,
    /// The folder for notes of folders that cannot be written to; `None`: there is none.
    pub state: Option<PathBuf>,
}

/// The notes of all folders that are checked.
pub(super) struct Notes<'a> {
    request: &'a NotesRequest,
    catalog: &'a Catalog,
    sha256: bool,
    listener: &'a dyn Listener,
    folders: BTreeMap<PathBuf, Places>,
    now: SystemTime,
}

/// Where the notes of one folder are kept, the preferred place first.
struct Places {
    places: Vec<Folder>,
    /// The number of the pass that is under way, if there is one.
    pass: Option<u64>,
}

/// What is believed of a file.
pub(super) enum Belief<'a> {
    /// It is not to be read again: its report.
    Settled(Box<ArchiveReport>),
    /// It is wrong, and still to be found out where.
    Unlocated(Box<ArchiveReport>, Before<'a>),
    /// Nothing. It is to be read; as it was before, if it is a file.
    Unread(Option<Before<'a>>),
}

/// A file that is to be read, as it was before.
pub(super) struct Before<'a> {
    archive: &'a Archive,
    dir: PathBuf,
    path: PathBuf,
    stamp: Stamp,
}

impl<'a> Notes<'a> {
    /// The notes of every folder in which a target lies.
    pub(super) fn open(
        request: &'a NotesRequest,
        check: &'a VerifyRequest,
        targets: &[Target<'_>],
        listener: &'a dyn Listener,
    ) -> Self {
        let VerifyRequest { catalog, sha256, .. } = check;
        let (folders, now) = (BTreeMap::new(), SystemTime::now());
        let mut notes = Self { request, catalog, sha256: *sha256, listener, folders, now };
        for target in targets {
            if let Target::File { path, expected: Some(archive), .. } = target {
                let dir = folder_of(archive, path);
                if !notes.folders.contains_key(&dir) {
                    let places = notes.begin(&dir);
                    notes.folders.insert(dir, places);
                }
            }
        }
        notes
    }

    /// Finds the pass that was interrupted in the folder, or begins one.
    fn begin(&self, dir: &Path) -> Places {
        let mut places = Places { places: places(dir, self.request.state.as_deref()), pass: None };
        if self.request.resume {
            let interrupted = places.places.iter().find_map(Pass::read);
            let pass = interrupted.unwrap_or_else(|| Pass::new(fastrand::u64(..)));
            places.pass = Some(pass.number());
            if interrupted.is_none() {
                self.tell(places.write(|folder| pass.write(folder)), "cannot be resumed");
            }
        }
        places
    }

    /// What is believed of a file.
    pub(super) fn believe<'t>(
        &self,
        path: &Path,
        archive: &'t Archive,
        locates: bool,
    ) -> Belief<'t> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        let Some(metadata) = metadata else { return Belief::Unread(None) };
        let (dir, stamp) = (folder_of(archive, path), Stamp::of(&metadata));
        let known = self.folders.get(&dir).and_then(|places| self.known(places, archive, &stamp));
        let before = Before { archive, dir, path: path.to_owned(), stamp };
        let Some((age, note)) = known else { return Belief::Unread(Some(before)) };
        let ago = units::duration(age);
        let Some(wrong) = note.wrong() else {
            return Belief::Settled(Box::new(ArchiveReport {
                actual_size: Some(stamp.size()),
                bytes_reused: stamp.size(),
                detail: Some(format!("verified {ago} ago, unchanged since")),
                ..blank(path, Some(archive), Verdict::Ok)
            }));
        };
        let mut report = Box::new(wrong.report(path, archive, self.catalog, &stamp));
        if locates && !wrong.is_located() && is_broken(&report) {
            return Belief::Unlocated(report, before);
        }
        let detail = report.detail.take().map_or_else(String::new, |detail| detail + "; ");
        report.detail = Some(format!("{detail}found so {ago} ago, unchanged since"));
        Belief::Settled(report)
    }

    /// The note on the file, where it is believed, and how old it is.
    fn known(&self, places: &Places, archive: &Archive, stamp: &Stamp) -> Option<(Duration, Note)> {
        let note = places.latest(archive).filter(|note| note.holds(archive, stamp, self.sha256))?;
        // What is yet to come was noted by a clock that was wrong.
        let age = self.now.duration_since(note.time()).ok();
        let is_of_this_pass = places.pass.is_some() && note.pass() == places.pass;
        let is_recent = self.request.since.is_some_and(|since| age.is_some_and(|age| age <= since));
        let is_believed = is_of_this_pass || (is_recent && note.wrong().is_none());
        is_believed.then(|| (age.unwrap_or_default(), note))
    }

    /// Notes what became of a file, and whether it is known where it is broken. One that has changed
    /// since it was looked at is not noted.
    pub(super) fn keep(&self, before: &Before<'_>, report: &ArchiveReport, is_located: bool) {
        let Before { archive, dir, path, stamp } = before;
        let Some(places) = self.folders.get(dir) else { return };
        let is_same = fs::metadata(path).is_ok_and(|now| Stamp::of(&now) == *stamp);
        let is_ok = report.verdict == Verdict::Ok;
        let wrong = places.pass.filter(|_| is_same).and_then(|_| Wrong::new(report, is_located));
        // Of what is wrong the next pass wants to know nothing, unless an earlier note says otherwise.
        let is_needed = if is_ok { is_same } else { places.latest(archive).is_some() };
        if !is_needed && wrong.is_none() {
            return;
        }
        let sha256 = report.actual_sha256.filter(|_| self.sha256);
        let note = Note::new(archive, *stamp, is_ok, wrong, sha256, places.pass);
        // A power cut must not take the bytes and leave the note.
        let safe = if is_ok { disk::sync_file(path) } else { Ok(()) };
        let written = safe.and_then(|()| places.write(|folder| note.write(folder, archive)));
        self.tell(written, "will be read again");
    }

    /// All has been checked: the next pass begins anew.
    pub(super) fn end(&self) {
        for places in self.folders.values().filter(|places| places.pass.is_some()) {
            for folder in &places.places {
                // What cannot be removed here was not written here either.
                let _ = Pass::remove(folder);
            }
        }
    }

    fn tell(&self, written: Result<(), DiskError>, so: &str) {
        if let Err(error) = written {
            let message = format!("no note could be kept, and what is checked {so}: {error}");
            self.listener.on(Event::Notice { message: &message });
        }
    }
}

impl Places {
    /// The latest note of the archive, wherever it is.
    fn latest(&self, archive: &Archive) -> Option<Note> {
        let notes = self.places.iter().filter_map(|folder| Note::read(folder, archive));
        notes.max_by_key(Note::time)
    }

    /// Writes at the first place where that can be done.
    fn write(&self, write: impl Fn(&Folder) -> Result<(), DiskError>) -> Result<(), DiskError> {
        let mut first = None;
        for folder in &self.places {
            match disk::create_folder(folder.own()).and_then(|()| write(folder)) {
                Ok(()) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(()), Err)
    }
}

/// The folder itself, and one for it among the user's own.
fn places(dir: &Path, state: Option<&Path>) -> Vec<Folder> {
    let own = Folder::new(dir);
    let elsewhere = state.and_then(|state| {
        let whole = fs::canonicalize(own.dir()).ok()?;
        let mut name = Md5Hasher::new();
        name.update(whole.as_os_str().as_encoded_bytes());
        Some(Folder::with_own(dir, state.join(name.finish().to_string())))
    });
    [Some(own), elsewhere].into_iter().flatten().collect()
}
