//! Takes one archive through as many attempts as it needs: judges what arrived, repairs it, or
//! starts over.

use std::sync::atomic::Ordering;

use super::hash_cursor::End;
use super::repair::{CannotRepair, RepairError, RepairSummary, Repairer, ReplacedBytes};
use super::{Ending, Job, RestoredFile, Transfer};
use crate::disk::{self, DiskError, Entry};
use crate::event::Event;
use crate::hash::digest::Digest;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::ranges::RangeSet;
use crate::source::Source;
use crate::text::{escape, units};

/// The number of times that a source may give a whole archive with a wrong MD5, each time another.
const ATTEMPTS: usize = 3;

/// The attempts at one archive.
pub(super) struct Attempts<'a> {
    pub(super) transfer: &'a Transfer<'a>,
    pub(super) archive: usize,
    pub(super) job: &'a Job,
    /// Bytes that were here before and are still part of the archive.
    pub(super) reused: RangeSet,
    wrong: Vec<WrongArchive>,
    /// Sources of attempts that began although another source had reported another size.
    doubted: Vec<usize>,
    /// An attempt began because the part could not be read.
    replaced: bool,
    repair: RepairSummary,
    /// Bytes that sources gave and that were replaced later.
    replaced_bytes: ReplacedBytes,
    /// A copy of this attempt's wrong bytes.
    pub(super) copy: Option<Entry>,
    /// The number of first bytes that are right although the rest cannot be repaired.
    pub(super) proven: u64,
    /// A user's file that is back in its place.
    pub(super) restored: Option<RestoredFile>,
}

/// An attempt in which every byte arrived and the MD5 was wrong.
struct WrongArchive {
    /// The source, if every byte came from one.
    source: Option<usize>,
    digest: Digest,
}

impl<'a> Attempts<'a> {
    /// The attempts at an archive of which `reused` was here before.
    pub(super) fn new(
        transfer: &'a Transfer<'a>,
        archive: usize,
        job: &'a Job,
        reused: RangeSet,
    ) -> Self {
        Self {
            transfer,
            archive,
            job,
            reused,
            wrong: Vec::new(),
            doubted: Vec::new(),
            replaced: false,
            repair: RepairSummary::default(),
            replaced_bytes: ReplacedBytes::default(),
            copy: None,
            proven: 0,
            restored: None,
        }
    }

    /// Runs to the end. `known` is the wrong digest of what is here, if it is known already.
    pub(super) fn run(&mut self, known: Option<Digest>) -> Ending {
        let ending = match self.run_attempts(known) {
            Ok(ending) => ending,
            Err(error) => {
                self.transfer.wait_for_leases(self.archive);
                Ending::Error(error)
            }
        };
        match (&ending, self.restore_at_end(&ending)) {
            (Ending::Error(_), _) | (_, Ok(())) => ending,
            (_, Err(error)) => Ending::Error(error),
        }
    }

    /// The bytes that were reused, the repairs, and the user's file that is back in its place.
    pub(super) fn into_results(self) -> (u64, RepairSummary, Option<RestoredFile>) {
        (self.reused.total(), self.repair, self.restored)
    }

    fn run_attempts(&mut self, known: Option<Digest>) -> Result<Ending, DiskError> {
        let mut end = known.map_or_else(|| self.follow(), End::Digest);
        loop {
            end = self.repaired(end)?;
            if !self.transfer.owns_the_folder()? {
                return Ok(self.transfer.early_ending());
            }
            end = match end {
                End::Digest(digest) if digest == self.job.archive.digest() => {
                    return self.verified(digest);
                }
                End::Digest(digest) => match self.next_source(digest) {
                    Some(source) => {
                        let from = self.transfer.context.sources[source].name();
                        self.report_wrong(digest, &format!("downloading it again from {from}"));
                        self.begin_again(source)?
                    }
                    None => return self.corrupt(digest),
                },
                End::Stranded if self.job.endless.swap(false, Ordering::Relaxed) => {
                    let Some(source) = self.open_source() else {
                        self.transfer.schedule.lock().void_leases(self.archive);
                        self.set_aside()?;
                        return Ok(Ending::Unreachable(self.answers()));
                    };
                    self.begin_again(source)?
                }
                End::Stranded => match self.doubted_source() {
                    Some(source) => self.begin_again(source)?,
                    None => return Ok(Ending::Unreachable(self.answers())),
                },
                End::Disk(error) => match self.source_after(&error) {
                    Some(source) => self.begin_again(source)?,
                    None => return Err(error),
                },
                End::Cancelled => {
                    self.transfer.wait_for_leases(self.archive);
                    return Ok(self.transfer.early_ending());
                }
            }
        }
    }

    fn follow(&self) -> End {
        self.job.cursor.follow(&self.job.part())
    }

    /// Repairs an archive that is wrong or cannot be read, if possible. Otherwise returns `end`.
    fn repaired(&mut self, end: End) -> Result<End, DiskError> {
        let needs_repair = match &end {
            End::Digest(digest) => {
                *digest != self.job.archive.digest()
                    && self.wrong.iter().all(|wrong| wrong.digest != *digest)
            }
            End::Disk(error) => error.is_unreadable(),
            End::Stranded | End::Cancelled => false,
        };
        if !needs_repair || (self.reused.is_empty() && self.other_document().is_some()) {
            return Ok(end);
        }
        // If a part could not be read, other bytes may still be arriving.
        let size = match self.job.cursor.wait_for_all() {
            Ok(0) => return Ok(end),
            Ok(size) => size,
            Err(end) => return Ok(end),
        };
        if let End::Digest(digest) = end {
            self.report_wrong(digest, "locating the damage");
        }
        let mut repairer = Repairer::new(self.transfer, self.archive, self.job, size)?;
        let result = repairer.run();
        let Repairer { summary, lost, copy, proven, replaced_bytes, .. } = repairer;
        self.repair.add(summary);
        self.replaced_bytes.add(replaced_bytes);
        lost.iter().for_each(|range| self.reused.remove(range));
        self.copy = copy.or(self.copy.take());
        match result {
            Ok(digest) => Ok(End::Digest(digest)),
            Err(RepairError::End(end)) => Ok(end),
            Err(RepairError::Cannot(why)) => {
                self.proven = if why == CannotRepair::TooMuch { proven } else { 0 };
                self.repair.failed = Some(why);
                Ok(end)
            }
        }
    }

    /// The digest is right: the part becomes the archive.
    fn verified(&mut self, digest: Digest) -> Result<Ending, DiskError> {
        let context = &self.transfer.context;
        self.repair.wrong = self.replaced_bytes.wrong_sources(self.transfer, self.job);
        let size = self.transfer.schedule.lock().chunks(self.archive).size().unwrap_or_default();
        let target = context.folder.archive(&self.job.archive);
        if context.keep_corrupt && target.symlink_metadata().is_ok() {
            let kept = context.folder.corrupt(&self.job.archive)?;
            Entry::at(&target).rename(&kept)?;
            // Before another file gets its name.
            kept.sync_folder()?;
            disk::crash_point("old-file-kept");
        }
        let original = self.job.part().original().map_or(0, |original| original.length);
        self.repair.cut = original.saturating_sub(size);
        if self.repair.cut > 0 && self.copy.is_none() && context.keep_corrupt {
            let kept = context.folder.corrupt(&self.job.archive)?;
            self.job.part().copy_to(&kept)?;
        }
        self.job.wait_for_writers().become_archive(size, &target)?;
        Ok(Ending::Verified(digest))
    }

    /// The source of the next attempt: one that has given the fewest wrong archives, and none that
    /// has given the same one twice.
    fn next_source(&mut self, digest: Digest) -> Option<usize> {
        let names: Vec<String> = self.transfer.context.sources.iter().map(Source::name).collect();
        let gave = self.job.part().sources();
        let alone = match &gave[..] {
            [only] if self.reused.is_empty() => names.iter().position(|name| name == only),
            _ => None,
        };
        let other_document = self.other_document();
        let mut schedule = self.transfer.schedule.lock();
        if let Some(source) = alone {
            let before = self.wrong.iter().filter(|wrong| wrong.source == Some(source));
            let same = before.clone().any(|wrong| wrong.digest == digest);
            let kind = digest.kind();
            let other =
                other_document.map(|found| format!("{found} in place of the archive, {kind}"));
            let is_last = other.is_some() || same || before.count() + 1 >= ATTEMPTS;
            let twice = if same { "twice the same" } else { "another wrong" };
            let each = if same { "" } else { " each time" };
            if is_last {
                let why = other.unwrap_or_else(|| format!("{twice} {kind}{each},"));
                let changed = etag_note(schedule.changed_at(self.archive).any(|at| at == source));
                schedule.skip(self.archive, source, format!("gave {why} {digest}{changed}"));
            }
        }
        self.wrong.push(WrongArchive { source: alone, digest });
        let attempts = |source: &usize| {
            self.wrong.iter().filter(|wrong| wrong.source == Some(*source)).count()
        };
        // Sources that give bytes only together must not be asked for ever.
        let left = self.wrong.len() < ATTEMPTS * names.len() + 1;
        (0..names.len())
            .filter(|&source| left && schedule.is_open(self.archive, source))
            .min_by_key(attempts)
    }

    /// The kind of the wrong bytes, if they begin like another document: no second download is
    /// needed to know that the source has no other.
    fn other_document(&self) -> Option<FileKind> {
        let head = self.job.part().read(0, HEAD).ok()?;
        let kind = identify::kind(&head);
        identify::is_out_of_place(&kind, &self.job.archive.name).then_some(kind)
    }

    /// A source to start over with, if all were skipped over a size that is not in the table. Each
    /// source once.
    fn doubted_source(&mut self) -> Option<usize> {
        let doubtful = self.transfer.schedule.lock().doubtful(self.archive);
        let source = doubtful.into_iter().find(|source| !self.doubted.contains(source))?;
        self.doubted.push(source);
        Some(source)
    }

    /// A source to start over with, if the part can neither be read nor repaired. Once: other blocks
    /// of the disk may be better.
    fn source_after(&mut self, error: &DiskError) -> Option<usize> {
        if !error.is_unreadable() || std::mem::replace(&mut self.replaced, true) {
            return None;
        }
        self.open_source()
    }

    fn open_source(&self) -> Option<usize> {
        let schedule = self.transfer.schedule.lock();
        let mut sources = 0..self.transfer.context.sources.len();
        sources.find(|&source| schedule.is_open(self.archive, source))
    }

    /// Reports a wrong digest, and what happens next.
    fn report_wrong(&self, digest: Digest, next: &str) {
        let Job { archive, .. } = self.job;
        let message = format!(
            "{}: the archive is complete, but its {} is {digest}, should be {}{}; {next}",
            escape::text(&archive.name),
            digest.kind(),
            archive.digest(),
            self.possible_reason(),
        );
        self.transfer.context.listener.on(Event::Notice { message: &message });
    }

    /// A possible reason of the wrong digest, and the reason why it cannot be repaired.
    fn possible_reason(&self) -> String {
        let before = match self.reused.total() {
            0 => String::new(),
            bytes => format!("; {} were already here", units::bytes(bytes)),
        };
        let changed = self.transfer.schedule.lock().changed_at(self.archive).next().is_some();
        let why = match &self.repair.failed {
            None | Some(CannotRepair::NotLocated) => String::new(),
            Some(why) => format!("; {why}"),
        };
        format!("{before}{}{why}", etag_note(changed))
    }

    /// Starts over with the first bytes that are right, and follows what arrives.
    fn begin_again(&mut self, source: usize) -> Result<End, DiskError> {
        let transfer = self.transfer;
        transfer.schedule.lock().void_leases(self.archive);
        self.replaced_bytes.note(transfer, self.job, 0..u64::MAX);
        let mut reused = std::mem::take(&mut self.reused);
        let kept = self.set_aside()?;
        let done = kept.written.clone();
        // Among the bytes that stay are some that this run fetched for a repair.
        done.gaps(0..u64::MAX).into_iter().for_each(|gap| reused.remove(gap));
        self.reused = reused;
        self.job.wait_for_writers().begin_again(kept)?;
        let (archive, position) = (&self.job.archive, done.total());
        self.job.cursor.begin_again(transfer.context.engine, archive.size, done.clone());
        transfer.schedule.lock().begin_again(self.archive, source, done);
        transfer.report_begun(archive, archive.size);
        transfer.report_position(archive, position);
        transfer.schedule.notify_all();
        Ok(self.follow())
    }

    fn corrupt(&mut self, digest: Digest) -> Result<Ending, DiskError> {
        self.reused = RangeSet::new();
        let detail = self.answers();
        if self.job.part().original().is_some() {
            // The user's file is restored at the end.
            return Ok(Ending::Corrupt { digest, detail, kept: None });
        }
        let copy = self.copy.clone();
        let kept = self.place_for_corrupt()?;
        self.job.wait_for_writers().discard(kept.as_ref())?;
        let kept = kept.or(copy).map(|kept| kept.path().to_owned());
        Ok(Ending::Corrupt { digest, detail, kept })
    }

    /// Each skipped source and the reason.
    fn answers(&self) -> String {
        let answers = self.transfer.schedule.lock().answers(self.archive);
        let sources = self.transfer.context.sources;
        let texts =
            answers.into_iter().map(|(source, why)| format!("{}: {why}", sources[source].name()));
        texts.collect::<Vec<_>>().join("; ")
    }
}

/// A note on a source whose `ETag` changed during the download.
const fn etag_note(has_changed: bool) -> &'static str {
    if has_changed {
        "; its ETag changed during the download: the file was replaced there, or two servers differ"
    } else {
        ""
    }
}
