//! A keeper: a thread that takes one archive in hand and stays with it to its outcome.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use super::front::{End, Front};
use super::part::Part;
use super::{Ending, Job, Outcome, Plan, Transfer, lock};
use crate::digest::Digest;
use crate::disk::{self, DiskError};
use crate::event::{Activity, Event};
use crate::units;

/// How often a source may give a whole archive with a wrong MD5, each time another one.
const ROUNDS: usize = 3;

/// One of the keepers.
pub(super) struct Keeper<'a, T> {
    transfer: &'a Transfer<'a>,
    outcomes: Sender<T>,
}

/// A round in which every byte came and the MD5 was wrong.
struct Wrong {
    /// The source, if all bytes were from one.
    source: Option<usize>,
    digest: Digest,
}

impl<'a, T: From<Outcome>> Keeper<'a, T> {
    pub(super) const fn new(transfer: &'a Transfer<'a>, outcomes: Sender<T>) -> Self {
        Self { transfer, outcomes }
    }

    /// Works until no archive is left or the run is being ended.
    pub(super) fn run(&self) {
        while let Some(archive) = self.next() {
            let plan = lock(&self.transfer.plans)[archive].clone();
            let outcome = self.keep(archive, plan);
            // The receiver lives as long as it expects outcomes.
            let _ = self.outcomes.send(outcome.into());
        }
    }

    /// Waits for an archive that nobody keeps; `None` at the end.
    fn next(&self) -> Option<usize> {
        let mut schedule = lock(&self.transfer.schedule);
        loop {
            // One that is not begun any more has its outcome all the same.
            match schedule.keep() {
                Ok(archive) => return Some(archive),
                Err(closed) if closed => return None,
                Err(_) if self.transfer.is_over() => return None,
                Err(_) => schedule = self.transfer.wait(schedule, None),
            }
        }
    }

    fn keep(&self, archive: usize, plan: Plan) -> Outcome {
        let begun = Instant::now();
        let Plan { index, archive: wanted, kept } = plan;
        let reused = kept.written.total();
        if self.transfer.is_over() {
            lock(&self.transfer.schedule).settle(archive);
            let (ending, size) = (self.stopped(), wanted.size);
            let sources = kept.sources;
            return Outcome {
                index,
                ending,
                size,
                here: reused,
                downloaded: 0,
                reused,
                attempts: 0,
                time: begun.elapsed(),
                sources,
            };
        }
        let (name, size) = (wanted.name.clone(), wanted.size);
        self.transfer.listener.on(Event::Begun {
            archive: &name,
            source: None,
            activity: Activity::Fetch,
            size,
        });
        self.transfer.listener.on(Event::Position { archive: &name, source: None, done: reused });
        let front = Front::new(self.transfer.engine, size, kept.written.clone());
        let job = match Part::open(self.transfer.folder, &wanted, kept) {
            Ok(part) => Arc::new(Job {
                archive: wanted,
                front,
                part: RwLock::new(part),
                downloaded: AtomicU64::new(0),
                attempts: AtomicU32::new(0),
            }),
            Err(error) => {
                lock(&self.transfer.schedule).settle(archive);
                self.transfer.changed.notify_all();
                let (ending, sources) = (Ending::Error(error), Vec::new());
                return Outcome {
                    index,
                    ending,
                    size,
                    here: 0,
                    downloaded: 0,
                    reused: 0,
                    attempts: 0,
                    time: begun.elapsed(),
                    sources,
                };
            }
        };
        lock(&self.transfer.jobs)[archive] = Some(Arc::clone(&job));
        if self.transfer.is_over() {
            // The word may have gone round before this job could hear it.
            job.front.stop(End::Cancelled);
        }
        lock(&self.transfer.schedule).take_in_hand(archive);
        self.transfer.changed.notify_all();
        let mut rounds = Rounds {
            transfer: self.transfer,
            archive,
            job: &job,
            reused,
            wrong: Vec::new(),
            doubted: false,
        };
        let ending = rounds.run().unwrap_or_else(Ending::Error);
        let reused = rounds.reused;
        let mut schedule = lock(&self.transfer.schedule);
        schedule.settle(archive);
        let (size, here) = (schedule.chunks(archive).size(), schedule.chunks(archive).total_done());
        drop(schedule);
        lock(&self.transfer.jobs)[archive] = None;
        self.transfer.changed.notify_all();
        Outcome {
            index,
            ending,
            size,
            here,
            downloaded: job.downloaded.load(Ordering::Relaxed),
            reused,
            attempts: job.attempts.load(Ordering::Relaxed),
            time: begun.elapsed(),
            sources: job.part().sources(),
        }
    }

    fn stopped(&self) -> Ending {
        stopped(self.transfer)
    }
}

fn stopped(transfer: &Transfer<'_>) -> Ending {
    match lock(&transfer.halted).clone() {
        Some(why) => Ending::Stopped(why),
        None => Ending::Cancelled,
    }
}

/// One archive through as many rounds as it takes.
struct Rounds<'a> {
    transfer: &'a Transfer<'a>,
    archive: usize,
    job: &'a Job,
    /// Bytes that were here before and are still part of it.
    reused: u64,
    wrong: Vec<Wrong>,
    doubted: bool,
}

impl Rounds<'_> {
    fn run(&mut self) -> Result<Ending, DiskError> {
        loop {
            let end = self.job.front.follow(&self.job.part());
            if !self.transfer.is_ours()? {
                return Ok(stopped(self.transfer));
            }
            match end {
                End::Digest(digest) if digest == self.job.archive.md5 => {
                    return self.verified(digest);
                }
                End::Digest(digest) => match self.next_source(digest) {
                    Some(source) => {
                        self.tell_wrong(source, digest);
                        self.begin_again(source)?;
                    }
                    None => return self.corrupt(digest),
                },
                End::Stranded => match self.doubtful() {
                    Some(source) => self.begin_again(source)?,
                    None => return Ok(Ending::Unreachable(self.answers())),
                },
                End::Disk(error) => {
                    self.transfer.wait_for_flights(self.archive);
                    return Err(error);
                }
                End::Cancelled => {
                    self.transfer.wait_for_flights(self.archive);
                    return Ok(stopped(self.transfer));
                }
            }
        }
    }

    /// The digest is right: the part becomes the archive.
    fn verified(&self, digest: Digest) -> Result<Ending, DiskError> {
        let size = lock(&self.transfer.schedule).chunks(self.archive).size().unwrap_or_default();
        let target = self.transfer.folder.archive(&self.job.archive);
        if self.transfer.options.keep_corrupt && target.symlink_metadata().is_ok() {
            disk::rename(&target, &self.transfer.folder.corrupt(&self.job.archive)?)?;
            disk::crash_point("old-file-kept");
        }
        self.job.part().become_archive(size, &target)?;
        Ok(Ending::Verified(digest))
    }

    /// The source of the next round: one that has given the fewest wrong archives, and none that
    /// has given the same one twice.
    fn next_source(&mut self, digest: Digest) -> Option<usize> {
        let names: Vec<String> =
            self.transfer.sources.iter().map(super::super::source::Source::name).collect();
        let gave = self.job.part().sources();
        let alone = match &gave[..] {
            [only] if self.reused == 0 => names.iter().position(|name| name == only),
            _ => None,
        };
        let mut schedule = lock(&self.transfer.schedule);
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
    /// say. Once, and only where something was built on that size.
    fn doubtful(&mut self) -> Option<usize> {
        let source = lock(&self.transfer.schedule).doubtful(self.archive)?;
        let first = !std::mem::replace(&mut self.doubted, true);
        (first && self.reused > 0).then_some(source)
    }

    fn tell_wrong(&self, source: usize, digest: Digest) {
        let message = format!(
            "{}: all bytes came and their MD5 is {digest}, should be {}{}; fetching it anew from {}",
            crate::escape::text(&self.job.archive.name),
            self.job.archive.md5,
            self.suspicion(),
            self.transfer.sources[source].name(),
        );
        self.transfer.listener.on(Event::Notice { message: &message });
    }

    /// What may be the reason of a wrong MD5.
    fn suspicion(&self) -> String {
        let before = match self.reused {
            0 => String::new(),
            bytes => format!("; {} of them were here before", units::bytes(bytes)),
        };
        let has_changed = lock(&self.transfer.schedule).changed_at(self.archive).next().is_some();
        format!("{before}{}", changed(has_changed))
    }

    fn begin_again(&mut self, source: usize) -> Result<(), DiskError> {
        let name = &self.job.archive.name;
        let keep = self.kept()?;
        let mut part = self.job.part.write().unwrap_or_else(PoisonError::into_inner);
        part.begin_again(keep.as_deref())?;
        drop(part);
        self.reused = 0;
        self.job.front.begin_again(self.transfer.engine, self.job.archive.size);
        lock(&self.transfer.schedule).begin_again(self.archive, source);
        self.transfer.listener.on(Event::Position { archive: name, source: None, done: 0 });
        self.transfer.changed.notify_all();
        Ok(())
    }

    /// Where wrong bytes are to be kept, if they are.
    fn kept(&self) -> Result<Option<PathBuf>, DiskError> {
        let wanted = self.transfer.options.keep_corrupt;
        wanted.then(|| self.transfer.folder.corrupt(&self.job.archive)).transpose()
    }

    fn corrupt(&self, digest: Digest) -> Result<Ending, DiskError> {
        let kept = self.kept()?;
        self.job.part().discard(kept.as_deref())?;
        Ok(Ending::Corrupt { digest, detail: self.answers(), kept })
    }

    /// What every source that was given up answered.
    fn answers(&self) -> String {
        let answers = lock(&self.transfer.schedule).answers(self.archive);
        let words = answers
            .into_iter()
            .map(|(source, why)| format!("{}: {why}", self.transfer.sources[source].name()));
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
