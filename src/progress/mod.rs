//! What a person sees on the way, on standard error: bars on a terminal, lines elsewhere.
//!
//! Whoever works only leaves numbers in a tally and lines in a queue. One thread draws, so that a
//! terminal that is held up holds up nobody else.

mod bars;
pub mod event_log;
mod lines;
mod messages;
mod meter;
mod state;
mod wording;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use messages::Messages;
use parking_lot::Mutex;

use bars::Bars;
use lines::Lines;

use self::state::{Snapshot, Tally};
use crate::event::{Event, Listener};
use crate::report::label;
use crate::text::escape;

/// The usual time between two lines on the state of a run that has no bars.
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What a person wants to know.
    #[default]
    Normal,
    /// Every beginning and every failed attempt too.
    Verbose,
}

/// When something is done that depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// One of the ways to show a run.
trait Display: Send {
    /// Shows a line that stays.
    fn line(&mut self, text: &str);
    /// Shows how far everything is.
    fn tick(&mut self, now: Instant, snapshot: &Snapshot);
    /// Takes away what does not stay.
    fn finish(&mut self);
}

/// A listener that shows what happens.
pub struct Progress {
    tally: Arc<Tally>,
    verbosity: Verbosity,
    bars: bool,
    /// Archives whose first failed attempt was told of.
    retried: Mutex<HashSet<String>>,
    /// Archives whose first damage was told of.
    damaged: Mutex<HashSet<String>>,
    /// The queue of lines; closing it ends the thread.
    lines: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}

impl Progress {
    /// Shows a run from now on: with bars, or with lines and a line on its state at every
    /// `heartbeat`. A quiet run shows nothing.
    pub fn start(verbosity: Verbosity, bars: bool, heartbeat: Duration) -> Self {
        let (display, interval): (Box<dyn Display>, _) = if bars {
            (Box::new(Bars::on_stderr()), Duration::from_secs(1) / u32::from(bars::HERTZ))
        } else {
            let lines = Lines::new(messages::line, heartbeat, Instant::now());
            (Box::new(lines), heartbeat.min(Duration::from_secs(1)))
        };
        let mut progress = Self::with(verbosity, display, interval);
        progress.bars = bars;
        progress
    }

    fn with(verbosity: Verbosity, display: Box<dyn Display>, interval: Duration) -> Self {
        let tally = Arc::new(Tally::default());
        let (mut lines, mut thread) = (None, None);
        if verbosity > Verbosity::Quiet {
            let (sender, receiver) = mpsc::channel();
            let copy = Arc::clone(&tally);
            let show = move || show(display, &copy, &receiver, interval);
            // A run that cannot be shown is still a run.
            thread = thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
            lines = Some(sender);
        }
        Self {
            tally,
            verbosity,
            bars: false,
            retried: Mutex::default(),
            damaged: Mutex::default(),
            lines,
            thread,
        }
    }

    /// Shows what is left to be shown, and takes the bars away.
    pub fn finish(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // A thread that has failed has nothing more to show.
            let _ = thread.join();
        }
    }

    fn line(&self, text: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(text);
        }
    }

    /// Whether something is told of this archive that may come often: the first time, unless all
    /// is wanted.
    fn tells(&self, told: &Mutex<HashSet<String>>, archive: &str) -> bool {
        let mut told = told.lock();
        self.verbosity == Verbosity::Verbose || told.insert(archive.to_owned())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.close();
    }
}

impl Listener for Progress {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Planned { archives, bytes } => self.tally.plan(archives, bytes),
            Event::Begun { archive, source, activity, size } => {
                self.tally.begin(archive, source, activity, size);
                let archive = &label(archive, source);
                if self.verbosity == Verbosity::Verbose {
                    self.line(format!("{} {}", wording::activity(activity), escape::text(archive)));
                }
            }
            Event::Position { archive, source, done } => {
                self.tally.advance(archive, source, done);
            }
            Event::Retrying { archive, source, reason, wait } => {
                let archive = &label(archive, source);
                if self.tells(&self.retried, archive) {
                    self.line(wording::retrying(archive, reason, wait));
                }
            }
            Event::Damaged { archive, damage, bytes } => {
                if self.tells(&self.damaged, archive) {
                    self.line(wording::damaged(archive, damage, bytes));
                }
            }
            Event::Notice { message } => self.line(escape::text(message).into_owned()),
            Event::Settled(report) => {
                self.tally.settle(report);
                // A person who watches bars reads the verdicts in the report right below.
                if !self.bars {
                    self.line(report.line(false));
                }
            }
        }
    }
}

impl When {
    /// True if bars are wanted, given whether standard error is a terminal and the value of `TERM`.
    pub fn wanted(self, is_terminal: bool, term: Option<OsString>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && term.is_none_or(|term| term != "dumb"),
        }
    }
}

/// Shows lines as they come and the state at every interval, until the queue is closed.
fn show(
    mut display: Box<dyn Display>,
    tally: &Tally,
    lines: &Receiver<String>,
    interval: Duration,
) {
    let mut next = Instant::now() + interval;
    loop {
        match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(line) => display.line(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now = Instant::now();
        if now >= next {
            display.tick(now, &tally.snapshot());
            next = now + interval;
        }
    }
    display.finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Activity;
    use crate::report::ArchiveReport;
    use crate::verdict::Verdict;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<String>>>);

    impl Display for Paper {
        fn line(&mut self, text: &str) {
            self.0.lock().push(text.to_owned());
        }
        fn tick(&mut self, _: Instant, snapshot: &Snapshot) {
            self.0.lock().push(format!("tick {}", snapshot.active.len()));
        }
        fn finish(&mut self) {
            self.line("finish");
        }
    }

    fn told(verbosity: Verbosity, interval: Duration) -> Vec<String> {
        let paper = Paper::default();
        let progress = Progress::with(verbosity, Box::new(paper.clone()), interval);
        let (reason, wait) = ("HTTP 503", Duration::ZERO);
        let again = Event::Retrying { archive: "a", source: None, reason, wait };
        let elsewhere = Event::Retrying { archive: "a", source: Some("m"), reason, wait };
        progress.on(Event::Planned { archives: 1, bytes: 5 });
        let (activity, size) = (Activity::Fetch, Some(5));
        progress.on(Event::Begun { archive: "a", source: None, activity, size });
        progress.on(again);
        progress.on(again);
        progress.on(elsewhere);
        progress.on(Event::Notice { message: "x\u{1b}" });
        progress.on(Event::Settled(&ArchiveReport::new("a", Verdict::Missing)));
        progress.finish();
        paper.0.lock().clone()
    }

    const NEVER: Duration = Duration::from_hours(1);
    const RETRY: &str = "a: HTTP 503; trying again";
    const ELSEWHERE: &str = "a at m: HTTP 503; trying again";

    #[test]
    fn a_line_an_event_and_of_failed_attempts_the_first() {
        let lines = told(Verbosity::Normal, NEVER);
        assert_eq!(lines, [RETRY, ELSEWHERE, "x\\u{1b}", "missing      a", "finish"]);
    }

    #[test]
    fn with_verbose_every_beginning_and_every_failed_attempt() {
        let lines = told(Verbosity::Verbose, NEVER);
        assert_eq!(
            lines,
            ["fetch a", RETRY, RETRY, ELSEWHERE, "x\\u{1b}", "missing      a", "finish"]
        );
    }

    #[test]
    fn with_quiet_nothing() {
        assert!(told(Verbosity::Quiet, NEVER).is_empty());
    }

    #[test]
    fn lines_that_never_end_do_not_keep_the_state_from_being_shown() {
        assert!(told(Verbosity::Normal, Duration::ZERO).iter().any(|line| line == "tick 0"));
    }
}
