//! What happens, as one JSON object a line, for programs that draw or decide something themselves.
//!
//! `docs/events.md` tells what each line means. Whoever works only leaves lines in a queue; one
//! thread writes them, so that a reader who is slow holds up nobody.

mod record;

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use self::record::{Counters, Line, Record, activity, milliseconds};
use crate::event::{Event, Listener};
use crate::progress::state::Tally;
use crate::report::{Report, Summary, write_json};
use crate::verdict::ExitStatus;

/// How often it is said how far everything is.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lines that may wait for a reader who is slow. Beyond them, those that can be done without are
/// left out, and counted.
const PATIENCE: usize = 10_000;

/// A listener that writes lines.
pub struct EventLog {
    shared: Arc<Shared>,
    thread: JoinHandle<io::Result<()>>,
}

/// What the listener and the thread that writes have in common.
struct Shared {
    start: Instant,
    tally: Tally,
    settled: AtomicU64,
    retries: AtomicU64,
    /// Closed at the end. Lines get their time while it is locked, so that it never falls.
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
    /// What every line begins with.
    pub const HEAD: &str = "{\"schema\":\"cxr.events/";

    /// Begins to write to `out`, with a first line about the command.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(command: &'static str, out: Box<dyn Write + Send>) -> io::Result<Self> {
        Self::with(command, out, INTERVAL)
    }

    fn with(
        command: &'static str,
        out: Box<dyn Write + Send>,
        interval: Duration,
    ) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel();
        let shared = Arc::new(Shared {
            start: Instant::now(),
            tally: Tally::default(),
            settled: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            queue: Mutex::new(Some(sender)),
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        });
        let copy = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || copy.write(&lines, out, interval))?;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        shared.say(&Record::Started {
            command,
            version: env!("CARGO_PKG_VERSION"),
            unix_time: milliseconds(time.as_secs_f64()),
        });
        Ok(Self { shared, thread })
    }

    /// Writes the last line, and all that still wait.
    ///
    /// # Errors
    ///
    /// The first that kept a line from being written. A reader that has gone away is none.
    pub fn finish(self, report: &Report, status: ExitStatus) -> io::Result<()> {
        self.shared.say(&Record::Summary {
            ok: report.is_ok(),
            exit_status: status.code(),
            error: report.error.as_deref(),
            summary: Summary(report),
            counters: self.shared.counters(),
            lost: self.shared.lost.load(Ordering::Relaxed),
        });
        self.shared.close();
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writer has ended early")))
    }
}

impl Listener for EventLog {
    fn on(&self, event: Event<'_>) {
        let shared = &self.shared;
        match event {
            Event::Planned { archives, bytes } => {
                shared.tally.plan(archives, bytes);
                shared.say_progress();
            }
            Event::Begun { archive, source, activity: doing, size } => {
                shared.tally.begin(archive, source, doing, size);
                shared.say(&Record::Begun { archive, source, activity: activity(doing), size });
            }
            Event::Position { archive, source, done } => {
                shared.tally.advance(archive, source, done);
            }
            Event::Retrying { archive, source, reason, wait } => {
                let retries = shared.retries.fetch_add(1, Ordering::Relaxed) + 1;
                let wait_seconds = milliseconds(wait.as_secs_f64());
                shared.say(&Record::Retry { archive, source, reason, wait_seconds, retries });
            }
            Event::Damaged { archive, damage, bytes } => shared.say(&Record::Damaged {
                archive,
                start: damage.range.start,
                end: damage.range.end,
                member: damage.member.as_deref(),
                bytes,
            }),
            Event::Notice { message } => shared.say(&Record::Notice { message }),
            Event::Settled(archive) => {
                shared.tally.settle(archive);
                shared.settled.fetch_add(1, Ordering::Relaxed);
                let counters = shared.counters();
                shared.say(&Record::Verdict { archive, counters });
            }
        }
    }
}

impl Shared {
    fn say(&self, record: &Record<'_>) {
        let is_needed = matches!(
            record,
            Record::Started { .. } | Record::Verdict { .. } | Record::Summary { .. }
        );
        let queue = self.queue.lock();
        let Some(queue) = &*queue else { return };
        if !is_needed && self.waiting.load(Ordering::Relaxed) >= PATIENCE {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut line = Vec::new();
        // Memory takes every line, and the thread takes lines until the queue is closed.
        let _ = write_json(&Line::new(self.start.elapsed(), record), &mut line);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = queue.send(line);
    }

    fn say_progress(&self) {
        let active = self.tally.snapshot().active.into_iter().map(Into::into).collect();
        self.say(&Record::Progress { counters: self.counters(), active });
    }

    fn counters(&self) -> Counters {
        let snapshot = self.tally.snapshot();
        Counters {
            archives: snapshot.archives,
            settled: self.settled.load(Ordering::Relaxed),
            bytes_done: snapshot.done,
            bytes_total: snapshot.whole,
            bytes_moved: snapshot.moved,
            retries: self.retries.load(Ordering::Relaxed),
        }
    }

    fn close(&self) {
        *self.queue.lock() = None;
    }

    /// Writes lines as they come, and says at every interval how far everything is, until the
    /// queue is closed. After an error it only empties the queue.
    fn write(
        &self,
        lines: &Receiver<Vec<u8>>,
        mut out: Box<dyn Write + Send>,
        interval: Duration,
    ) -> io::Result<()> {
        let mut result = Ok(());
        let mut next = self.start + interval;
        loop {
            match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    if result.is_ok() {
                        result = out.write_all(&line).and_then(|()| out.flush());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next {
                self.say_progress();
                next = Instant::now() + interval;
            }
        }
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests;
