//! Notes on files that were verified, for checks that are resumed or repeated.
//!
//! cxr writes notes only on request, into the `.cxr/` of the folder, or into a folder of the user's
//! if that one cannot be written to. A note is used only while the file is unchanged, and only as
//! far as the request says. Whoever can write to the folder can write its notes too: a check
//! without notes trusts nothing but the digests.

mod note;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use self::note::{Note, NotedFault, read_pass, remove_pass, write_pass};
use super::VerifyRequest;
use super::file_check::blank;
use super::locate_damage::{add_detail, is_damaged};
use super::targets::VerifyTarget;
use crate::catalog::Archive;
use crate::disk::{self, DiskError, Folder, Stamp};
use crate::event::{Event, Listener};
use crate::hash::Md5Hasher;
use crate::report::ArchiveReport;
use crate::text::units;
use crate::verdict::Verdict;

/// The notes to use, and where else they may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotesRequest {
    /// Resumes the pass that was interrupted: files that it has read are not read again.
    pub resume: bool,
    /// Files that were verified within this time are not read again.
    pub since: Option<Duration>,
    /// The place for notes on folders that cannot be written to, if there is one.
    pub state: Option<PathBuf>,
}

/// The notes on all folders of a check.
pub(super) struct Notes<'a> {
    request: &'a NotesRequest,
    check: &'a VerifyRequest,
    listener: &'a dyn Listener,
    folders: BTreeMap<PathBuf, NoteFolders>,
    now: SystemTime,
}

/// The folders for the notes on one folder, the preferred one first. They are not held open: a check
/// may be of thousands.
struct NoteFolders {
    folders: Vec<Folder>,
    /// The number of the pass in progress, if there is one.
    pass: Option<u64>,
}

/// A file that is to be read, in its state before that.
pub(super) struct NotedFile<'a> {
    archive: &'a Archive,
    dir: PathBuf,
    path: PathBuf,
    stamp: Stamp,
}

impl<'a> Notes<'a> {
    /// Opens the notes on every folder that contains a target. With `resume`, finds the pass that
    /// was interrupted there, or begins one.
    pub(super) fn open(
        request: &'a NotesRequest,
        check: &'a VerifyRequest,
        targets: &[VerifyTarget<'_>],
        listener: &'a dyn Listener,
    ) -> Self {
        let (folders, now) = (BTreeMap::new(), SystemTime::now());
        let mut notes = Self { request, check, listener, folders, now };
        for target in targets {
            if let Some((_, _, dir)) = target.noted()
                && !notes.folders.contains_key(&dir)
            {
                let folders = notes.open_folder(&dir);
                notes.folders.insert(dir, folders);
            }
        }
        notes
    }

    fn open_folder(&self, dir: &Path) -> NoteFolders {
        let folders = note_folders(dir, self.request.state.as_deref());
        let mut folders = NoteFolders { folders, pass: None };
        if self.request.resume {
            folders.pass = folders.folders.iter().find_map(|folder| read_pass(&folder.closed()));
            if folders.pass.is_none() {
                let pass = fastrand::u64(..);
                folders.pass = Some(pass);
                let written = folders.write(|folder| write_pass(folder, pass));
                self.report_failure(written, "this check cannot be resumed");
            }
        }
        folders
    }

    /// Settles the target if its file need not be read again. Otherwise returns the file in its
    /// present state.
    pub(super) fn look_up<'t>(
        &self,
        target: &mut VerifyTarget<'t>,
        locates: bool,
    ) -> Option<NotedFile<'t>> {
        let (path, archive, dir) = target.noted()?;
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let stamp = Stamp::of(&metadata);
        let note = self.folders.get(&dir).and_then(|folders| self.usable(folders, archive, &stamp));
        let file = NotedFile { archive, dir, path: path.to_owned(), stamp };
        let Some((age, note)) = note else { return Some(file) };
        let mut report = match &note.wrong {
            Some(fault) => {
                let report = fault.report(path, archive, &self.check.catalog, &stamp);
                ArchiveReport { next: target.next_step().or(report.next), ..report }
            }
            None => target.conclude(
                0,
                ArchiveReport {
                    actual_size: Some(stamp.size()),
                    bytes_reused: stamp.size(),
                    ..blank(path, Some(archive), Verdict::Ok)
                },
            )?,
        };
        if locates && note.wrong.as_ref().is_some_and(|fault| !fault.located) && is_damaged(&report)
        {
            *target = VerifyTarget::Unlocated(Box::new(report));
            return Some(file);
        }
        let age = units::duration(age);
        let told = match note.wrong {
            Some(_) => format!("found {age} ago, unchanged since, not read again now"),
            None => format!("verified {age} ago, unchanged since"),
        };
        add_detail(&mut report, &told);
        *target = VerifyTarget::Settled(Box::new(report));
        None
    }

    /// Returns the note on the file and its age, if the request allows its use.
    fn usable(
        &self,
        folders: &NoteFolders,
        archive: &Archive,
        stamp: &Stamp,
    ) -> Option<(Duration, Note)> {
        let note = folders.latest(archive)?;
        // A note from the future has the time of a wrong clock.
        let age = self.now.duration_since(note.time()).ok();
        let is_of_this_pass = folders.pass.is_some() && note.pass == folders.pass;
        let is_recent = self.request.since.is_some_and(|since| age.is_some_and(|age| age <= since));
        let is_usable = note.applies(archive, stamp, self.check.sha256)
            && (is_of_this_pass || (is_recent && note.wrong.is_none()));
        is_usable.then(|| (age.unwrap_or_default(), note))
    }

    /// Writes a note on the file, unless it has changed since it was looked up. `is_located` is true
    /// if the report has the damage.
    pub(super) fn keep(&self, file: &NotedFile<'_>, report: &ArchiveReport, is_located: bool) {
        let NotedFile { archive, dir, path, stamp } = file;
        if report.path.as_ref() != Some(path) {
            return;
        }
        let Some(folders) = self.folders.get(dir) else { return };
        let is_same = fs::metadata(path).is_ok_and(|now| Stamp::of(&now) == *stamp);
        let is_ok = report.verdict == Verdict::Ok;
        let fault = folders.pass.filter(|_| is_same);
        let fault = fault.and_then(|_| NotedFault::new(report, is_located));
        // A fault is of no use to the next pass, unless an earlier note says otherwise.
        let is_needed = if is_ok { is_same } else { folders.latest(archive).is_some() };
        if !is_needed && fault.is_none() {
            return;
        }
        let sha256 = report.actual_sha256.filter(|_| self.check.sha256);
        let note = Note::new(archive, *stamp, is_ok, fault, sha256, folders.pass);
        // A power cut must not take the bytes and leave the note.
        let safe = if is_ok { disk::sync_file(path) } else { Ok(()) };
        let written = safe.and_then(|()| folders.write(|folder| note.write(folder, archive)));
        self.report_failure(written, "the next check reads this file again");
    }

    /// Ends the pass after everything was checked, so that the next check begins a new one.
    pub(super) fn end_pass(&self) {
        for folders in self.folders.values().filter(|folders| folders.pass.is_some()) {
            for folder in &folders.folders {
                // A mark that cannot be removed could not be written either.
                let _ = remove_pass(&folder.closed());
            }
        }
    }

    fn report_failure(&self, written: Result<(), DiskError>, consequence: &str) {
        if let Err(error) = written {
            let message = format!("cannot write a note: {error}; {consequence}");
            self.listener.on(Event::Notice { message: &message });
        }
    }
}

impl NoteFolders {
    /// The latest note on the archive in any of the folders.
    fn latest(&self, archive: &Archive) -> Option<Note> {
        let notes = self.folders.iter().filter_map(|folder| Note::read(&folder.closed(), archive));
        notes.max_by_key(Note::time)
    }

    /// Writes into the first folder that can be written to.
    fn write(&self, write: impl Fn(&Folder) -> Result<(), DiskError>) -> Result<(), DiskError> {
        let mut first = Ok(());
        for folder in self.folders.iter().map(Folder::closed) {
            let written = folder.create().and_then(|()| write(&folder));
            if written.is_ok() {
                return Ok(());
            }
            first = first.and(written);
        }
        first
    }
}

/// The folder itself, and one for it in the user's place for notes.
fn note_folders(dir: &Path, state: Option<&Path>) -> Vec<Folder> {
    let own = Folder::new(dir);
    let elsewhere = state.and_then(|state| {
        let whole = fs::canonicalize(own.dir()).ok()?;
        let mut name = Md5Hasher::new();
        name.update(whole.as_os_str().as_encoded_bytes());
        Some(Folder::with_own(dir, state.join(name.finish().to_string())))
    });
    [Some(own), elsewhere].into_iter().flatten().collect()
}
