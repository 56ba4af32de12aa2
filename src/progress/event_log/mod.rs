//! The event log: one JSON object per line, for programs that show the progress in their own way.
//! `docs/events.md` describes each line.

mod record;

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use self::record::{LogLine, Record, Totals, seconds};
use super::receive;
use super::state::ProgressState;
use crate::event::{Event, Listener};
use crate::report::{JsonArchive, Report, Summary, write_json};
use crate::verdict::ExitStatus;

/// The time between two lines on the state of the run.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most lines that wait for a slow reader. Beyond that, lines that a reader can do without are
/// left out and counted.
const MAX_WAITING: usize = 10_000;

/// A listener that writes the event log.
pub struct EventLog {
    log: Arc<Log>,
    thread: JoinHandle<io::Result<()>>,
}

/// Shared by the listener and the thread that writes.
struct Log {
    start: Instant,
    state: ProgressState,
    settled: AtomicU64,
    retries: AtomicU64,
    /// Closed at the end. Lines get their time while it is locked, so that times never go back.
    queue: Mutex<Option<Sender<Vec<u8>>>>,
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").finish_non_exhaustive()
    }
}

impl EventLog {
    /// The first bytes of every line.
    pub const HEAD: &str = "{\"schema\":\"cxr.events/";

    /// Starts a log on `out`, with a first line on the command.
    ///
    /// # Errors
    ///
    /// Returns an error if the system gives no thread.
    pub fn start(command: &'static str, out: Box<dyn Write + Send>) -> io::Result<Self> {
        Self::with(command, out, INTERVAL)
    }

    fn with(
        command: &'static str,
        out: Box<dyn Write + Send>,
        interval: Duration,
    ) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel();
        let log = Arc::new(Log {
            start: Instant::now(),
            state: ProgressState::default(),
            settled: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            queue: Mutex::new(Some(sender)),
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        });
        let copy = Arc::clone(&log);
        let thread = thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || copy.write(&lines, out, interval))?;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        log.send(&Record::Started {
            command,
            version: env!("CARGO_PKG_VERSION"),
            unix_time: seconds(time),
        });
        Ok(Self { log, thread })
    }

    /// Writes the last line, after all that still wait.
    ///
    /// # Errors
    ///
    /// Returns the first error of a write. A reader that has gone away is no error.
    pub fn finish(self, report: &Report, status: ExitStatus) -> io::Result<()> {
        self.log.send(&Record::Summary {
            ok: report.is_ok(),
            exit_status: status.code(),
            error: report.error.as_deref(),
            summary: Summary(report),
            totals: self.log.totals(),
            lost: self.log.lost.load(Ordering::Relaxed),
        });
        *self.log.queue.lock() = None;
        self.thread.join().unwrap_or_else(|_| {
            Err(io::Error::other("the thread that writes the event log panicked"))
        })
    }
}

impl Listener for EventLog {
    fn on(&self, event: Event<'_>) {
        let log = &self.log;
        match event {
            Event::Planned { archives, bytes } => {
                log.state.plan(archives, bytes);
                log.send_progress();
            }
            Event::Begun { archive, source, activity, size } => {
                log.state.begin(archive, source, activity, size);
                log.send(&Record::Begun { archive, source, activity, size });
            }
            Event::Position { archive, source, done } => {
                log.state.advance(archive, source, done);
            }
            Event::Retrying { archive, source, reason, wait } => {
                let retries = log.retries.fetch_add(1, Ordering::Relaxed) + 1;
                let wait_seconds = seconds(wait);
                log.send(&Record::Retry { archive, source, reason, wait_seconds, retries });
            }
            Event::Damaged { archive, damage, bytes } => log.send(&Record::Damaged {
                archive,
                start: damage.range.start,
                end: damage.range.end,
                member: damage.member.as_deref(),
                bytes,
            }),
            Event::Notice { message } => log.send(&Record::Notice { message }),
            Event::Settled(archive) => {
                log.state.settle(archive);
                log.settled.fetch_add(1, Ordering::Relaxed);
                log.send(&Record::Verdict { archive: JsonArchive(archive), totals: log.totals() });
            }
        }
    }
}

impl Log {
    fn send(&self, record: &Record<'_>) {
        let is_needed = matches!(
            record,
            Record::Started { .. } | Record::Verdict { .. } | Record::Summary { .. }
        );
        let queue = self.queue.lock();
        let Some(queue) = &*queue else { return };
        if !is_needed && self.waiting.load(Ordering::Relaxed) >= MAX_WAITING {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut line = Vec::new();
        // Writing to memory cannot fail, and the thread receives until the queue is closed.
        let _ = write_json(&LogLine::new(self.start.elapsed(), record), &mut line);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = queue.send(line);
    }

    fn send_progress(&self) {
        let active = self.state.snapshot().active;
        self.send(&Record::Progress { totals: self.totals(), active });
    }

    fn totals(&self) -> Totals {
        let snapshot = self.state.snapshot();
        Totals {
            archives: snapshot.archives,
            settled: self.settled.load(Ordering::Relaxed),
            bytes_done: snapshot.done,
            bytes_total: snapshot.whole,
            bytes_moved: snapshot.moved,
            retries: self.retries.load(Ordering::Relaxed),
        }
    }

    /// Writes lines as they come, and queues the state at every interval, until the queue is closed.
    /// After an error it only empties the queue.
    fn write(
        &self,
        lines: &Receiver<Vec<u8>>,
        mut out: Box<dyn Write + Send>,
        interval: Duration,
    ) -> io::Result<()> {
        let mut result = Ok(());
        receive(lines, interval, |line| {
            let Some(line) = line else { return self.send_progress() };
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if result.is_ok() {
                result = out.write_all(&line).and_then(|()| out.flush());
            }
        });
        result.or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    }
}

#[cfg(test)]
mod tests;
