//! One archive through as many rounds as it takes: what came is judged, mended, begun anew.

use std::path::PathBuf;

use super::hash_cursor::End;
use super::repair::wrong_sources::ReplacedBytes;
use super::repair::{CannotRepair, RepairError, RepairSummary, Repairer};
use super::{Ending, Job, RestoredFile, Transfer};
use crate::disk::{self, DiskError};
use crate::event::{Activity, Event};
use crate::hash::digest::Digest;
use crate::ranges::RangeSet;
use crate::source::Source;
use crate::text::escape;
use crate::text::units;

/// How often a source may give a whole archive with a wrong MD5, each time another one.
const ROUNDS: usize = 3;

/// One archive through as many rounds as it takes.
pub(super) struct Attempts<'a> {
    pub(super) transfer: &'a Transfer<'a>,
    pub(super) archive: usize,
    pub(super) job: &'a Job,
    /// Bytes that were here before and are still part of it.
    reused: RangeSet,
    wrong: Vec<Wrong>,
    /// Sources that were begun from though another had told another size.
    doubted: Vec<usize>,
    /// It was begun anew because it could not be read.
    replaced: bool,
    mending: RepairSummary,
    /// What was given and is no longer part of it.
    exchanged: ReplacedBytes,
    /// What is kept of the present round's wrong bytes already.
    pub(super) copy: Option<PathBuf>,
    /// So many of the first bytes are right though the rest cannot be mended.
    pub(super) proven: u64,
    /// A file of the user's that is where it was again.
    pub(super) returned: Option<RestoredFile>,
}

/// A round in which every byte came and the MD5 was wrong.
struct Wrong {
    /// The source, if all bytes were from one.
    source: Option<usize>,
    digest: Digest,
}

/// What is left when an archive has its ending.
pub(super) struct Remains {
    pub(super) reused: u64,
    pub(super) mending: RepairSummary,
    pub(super) returned: Option<RestoredFile>,
}

impl<'a> Attempts<'a> {
    /// Of an archive of which `reused` was here before.
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
            mending: RepairSummary::default(),
            exchanged: ReplacedBytes::default(),
            copy: None,
            proven: 0,
            returned: None,
        }
    }

    /// To the end. `known` is the wrong digest of what is here, if that was found out already.
    pub(super) fn run(&mut self, known: Option<Digest>) -> Ending {
        let ending = match self.go(known) {
            Ok(ending) => ending,
            Err(error) => {
                self.transfer.wait_for_leases(self.archive);
                Ending::Error(error)
            }
        };
        match (&ending, self.give_back(&ending)) {
            (Ending::Error(_), _) | (_, Ok(())) => ending,
            (_, Err(error)) => Ending::Error(error),
        }
    }

    /// What is to be reported beside the ending.
    pub(super) fn remains(self) -> Remains {
        let Self { reused, mending, returned, .. } = self;
        Remains { reused: reused.total(), mending, returned }
    }

    fn go(&mut self, known: Option<Digest>) -> Result<Ending, DiskError> {
        let mut end = known.map_or_else(|| self.follow(), End::Digest);
        loop {
            end = self.mended(end)?;
            if !self.transfer.owns_the_folder()? {
                return Ok(self.transfer.early_ending());
            }
            end = match end {
                End::Digest(digest) if digest == self.job.archive.md5 => {
                    return self.verified(digest);
                }
                End::Digest(digest) => match self.next_source(digest) {
                    Some(source) => {
                        let from = self.transfer.context.sources[source].name();
                        self.tell_wrong(digest, &format!("fetching it anew from {from}"));
                        self.begin_again(source)?
                    }
                    None => return self.corrupt(digest),
                },
                End::Stranded => match self.doubtful() {
                    Some(source) => self.begin_again(source)?,
                    None => return Ok(Ending::Unreachable(self.answers())),
                },
                End::Disk(error) => match self.another_place(&error) {
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

    /// Mends what came out wrong, or cannot be read, where that can be. Otherwise it is as it was.
    fn mended(&mut self, end: End) -> Result<End, DiskError> {
        let calls = match &end {
            End::Digest(digest) => {
                *digest != self.job.archive.md5
                    && self.wrong.iter().all(|wrong| wrong.digest != *digest)
            }
            End::Disk(error) => error.is_unreadable(),
            End::Stranded | End::Cancelled => false,
        };
        if !calls {
            return Ok(end);
        }
        // Where some of it could not be read, other bytes may still be on their way.
        let size = match self.job.cursor.wait_for_all() {
            Ok(0) => return Ok(end),
            Ok(size) => size,
            Err(end) => return Ok(end),
        };
        if let End::Digest(digest) = end {
            self.tell_wrong(digest, "looking for what is damaged");
        }
        let mut mender = Repairer::new(self.transfer, self.archive, self.job, size)?;
        let result = mender.run();
        let Repairer { done, lost, copy, proven, exchanged, .. } = mender;
        self.mending.add(done);
        self.exchanged.add(exchanged);
        lost.iter().for_each(|range| self.reused.remove(range));
        self.copy = copy.or(self.copy.take());
        match result {
            Ok(digest) => Ok(End::Digest(digest)),
            Err(RepairError::End(end)) => Ok(end),
            Err(RepairError::CannotRepair(why)) => {
                self.proven = if why == CannotRepair::TooMuch { proven } else { 0 };
                self.mending.failed = Some(why);
                Ok(end)
            }
        }
    }

    /// The digest is right: the part becomes the archive.
    fn verified(&mut self, digest: Digest) -> Result<Ending, DiskError> {
        self.mending.wrong = self.exchanged.wrong(self.transfer, self.job);
        let size = self.transfer.schedule.lock().chunks(self.archive).size().unwrap_or_default();
        let target = self.transfer.context.folder.archive(&self.job.archive);
        if self.transfer.context.keep_corrupt && target.symlink_metadata().is_ok() {
            let kept = self.transfer.context.folder.corrupt(&self.job.archive)?;
            disk::rename(&target, &kept)?;
            // Before its old name is another's.
            disk::sync_folder(disk::parent(&kept))?;
            disk::crash_point("old-file-kept");
        }
        let original = self.job.part().original().map_or(0, |original| original.length);
        self.mending.cut = original.saturating_sub(size);
        if self.mending.cut > 0 && self.copy.is_none() && self.transfer.context.keep_corrupt {
            let kept = self.transfer.context.folder.corrupt(&self.job.archive)?;
            self.job.part().copy_to(&kept)?;
        }
        self.job.part().become_archive(size, &target)?;
        Ok(Ending::Verified(digest))
    }

    /// The source of the next round: one that has given the fewest wrong archives, and none that
    /// has given the same one twice.
    fn next_source(&mut self, digest: Digest) -> Option<usize> {
        let names: Vec<String> = self.transfer.context.sources.iter().map(Source::name).collect();
        let gave = self.job.part().sources();
        let alone = match &gave[..] {
            [only] if self.reused.is_empty() => names.iter().position(|name| name == only),
            _ => None,
        };
        let mut schedule = self.transfer.schedule.lock();
        if let Some(source) = alone {
            let before = self.wrong.iter().filter(|wrong| wrong.source == Some(source));
            let same = before.clone().any(|wrong| wrong.digest == digest);
            if same || before.count() + 1 >= ROUNDS {
                let why = if same { "twice the same MD5" } else { "another wrong MD5 each time" };
                let changed = changed(schedule.changed_at(self.archive).any(|at| at == source));
                schedule.give_up(self.archive, source, format!("gave {why}, {digest}{changed}"));
            }
        }
        self.wrong.push(Wrong { source: alone, digest });
        let rounds = |source: &usize| {
            self.wrong.iter().filter(|wrong| wrong.source == Some(*source)).count()
        };
        // A source that is never the only one to give bytes must not go on for ever.
        let left = self.wrong.len() < ROUNDS * names.len() + 1;
        (0..names.len())
            .filter(|&source| left && schedule.is_open(self.archive, source))
            .min_by_key(rounds)
    }

    /// A source to begin again from, where all were given up over a size that the table does not
    /// say. Each once.
    fn doubtful(&mut self) -> Option<usize> {
        let doubtful = self.transfer.schedule.lock().doubtful(self.archive);
        let source = doubtful.into_iter().find(|source| !self.doubted.contains(source))?;
        self.doubted.push(source);
        Some(source)
    }

    /// A source to begin again from, where what is here cannot be read and not be mended either.
    /// Once: other blocks of the disk may be better.
    fn another_place(&mut self, error: &DiskError) -> Option<usize> {
        if !error.is_unreadable() || std::mem::replace(&mut self.replaced, true) {
            return None;
        }
        let schedule = self.transfer.schedule.lock();
        (0..self.transfer.context.sources.len())
            .find(|&source| schedule.is_open(self.archive, source))
    }

    /// Tells of a wrong digest, and what is done about it.
    fn tell_wrong(&self, digest: Digest, what: &str) {
        let message = format!(
            "{}: all bytes came and their MD5 is {digest}, should be {}{}; {what}",
            escape::text(&self.job.archive.name),
            self.job.archive.md5,
            self.suspicion(),
        );
        self.transfer.context.listener.on(Event::Notice { message: &message });
    }

    /// What may be the reason of a wrong MD5, and why it cannot be mended.
    fn suspicion(&self) -> String {
        let before = match self.reused.total() {
            0 => String::new(),
            bytes => format!("; {} of them were here before", units::bytes(bytes)),
        };
        let has_changed = self.transfer.schedule.lock().changed_at(self.archive).next().is_some();
        let why = match &self.mending.failed {
            None | Some(CannotRepair::Vague) => String::new(),
            Some(why) => format!("; {why}"),
        };
        format!("{before}{}{why}", changed(has_changed))
    }

    /// Begins again with what is right of the beginning, and follows what comes.
    fn begin_again(&mut self, source: usize) -> Result<End, DiskError> {
        self.transfer.schedule.lock().call_off(self.archive);
        self.exchanged.note(self.transfer, self.job, 0..u64::MAX);
        let kept = self.set_aside()?;
        let done = kept.written.clone();
        self.job.wait_for_writers().begin_again(kept)?;
        self.reused = done.clone();
        let (archive, size) = (&self.job.archive.name, self.job.archive.size);
        let position = done.total();
        self.job.cursor.begin_again(self.transfer.context.engine, size, done.clone());
        self.transfer.schedule.lock().begin_again(self.archive, source, done);
        let activity = Activity::Fetch;
        self.transfer.context.listener.on(Event::Begun { archive, source: None, activity, size });
        self.transfer.context.listener.on(Event::Position {
            archive,
            source: None,
            done: position,
        });
        self.transfer.changed.notify_all();
        Ok(self.follow())
    }

    fn corrupt(&mut self, digest: Digest) -> Result<Ending, DiskError> {
        let detail = self.answers();
        if self.job.part().original().is_some() {
            // It is given back at the end.
            return Ok(Ending::Corrupt { digest, detail, kept: None });
        }
        let copy = self.copy.clone();
        let kept = self.kept()?;
        self.job.part().discard(kept.as_deref())?;
        Ok(Ending::Corrupt { digest, detail, kept: kept.or(copy) })
    }

    /// What every source that was given up answered.
    fn answers(&self) -> String {
        let answers = self.transfer.schedule.lock().answers(self.archive);
        let words = answers.into_iter().map(|(source, why)| {
            format!("{}: {why}", self.transfer.context.sources[source].name())
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// What to say of a source whose `ETag` was another one in mid-download.
const fn changed(has_changed: bool) -> &'static str {
    if has_changed {
        "; its ETag changed meanwhile: it was replaced there, or two servers differ"
    } else {
        ""
    }
}
