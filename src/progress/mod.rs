//! Shows a run on standard error, with bars on a terminal and lines elsewhere; and writes the event
//! log.
//!
//! Worker threads only update numbers and queue lines. One thread writes, so a terminal or a reader
//! that is slow delays nobody else.

mod bars;
mod event_log;
mod lines;
mod mean_rate;
mod messages;
mod rows;
mod screen;
mod state;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use event_log::EventLog;
pub use messages::Messages;

use self::bars::Bars;
use self::lines::Lines;
use self::state::{ProgressState, Snapshot};
use crate::event::{Event, Listener};
use crate::locate::Damage;
use crate::report::label;
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The usual time between two lines on the state of a run that has no bars.
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// The amount of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Notes, verdicts, and the first failed attempt of each archive as well.
    #[default]
    Normal,
    /// Every start of work on an archive and every failed attempt as well.
    Verbose,
}

/// The form of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Bars on a terminal.
    Bars {
        /// True if the terminal wraps the lines again that are longer than its new width.
        rewraps: bool,
    },
    /// Lines, and at this interval a line on the state of the run.
    Lines(Duration),
}

/// The verdicts that are shown as soon as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveVerdicts {
    /// All.
    All,
    /// Those of archives with a problem.
    Problems,
    /// None: the report appears at the same place.
    None,
}

/// A way to show a run.
trait Renderer: Send {
    /// Prints a line that stays.
    fn line(&mut self, text: &str);
    /// Shows the state of the run.
    fn update(&mut self, now: Instant, snapshot: &Snapshot);
    /// Removes everything that does not stay.
    fn finish(&mut self);
}

/// A listener that shows a run.
pub struct Progress {
    state: Arc<ProgressState>,
    verbosity: Verbosity,
    verdicts: LiveVerdicts,
    /// The kinds of event that were shown, by archive.
    shown: Mutex<HashSet<(&'static str, String)>>,
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
    /// Shows a run from now on. A quiet run shows nothing.
    pub fn start(verbosity: Verbosity, display: Display, verdicts: LiveVerdicts) -> Self {
        let second = Duration::from_secs(1);
        let (renderer, interval): (Box<dyn Renderer>, _) = match display {
            Display::Bars { rewraps } => {
                (Box::new(Bars::on_stderr(rewraps)), second / u32::from(bars::HERTZ))
            }
            Display::Lines(heartbeat) => {
                let lines = Lines::new(messages::line, heartbeat, Instant::now());
                (Box::new(lines), heartbeat.min(second))
            }
        };
        let mut progress = Self::with(verbosity, renderer, interval);
        progress.verdicts = verdicts;
        progress
    }

    fn with(verbosity: Verbosity, renderer: Box<dyn Renderer>, interval: Duration) -> Self {
        let state = Arc::new(ProgressState::default());
        let (mut lines, mut thread) = (None, None);
        if verbosity > Verbosity::Quiet {
            let (sender, receiver) = mpsc::channel();
            let copy = Arc::clone(&state);
            let show = move || show(renderer, &copy, &receiver, interval);
            // The run continues without progress if the system gives no thread.
            thread = thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
            lines = Some(sender);
        }
        let (verdicts, shown) = (LiveVerdicts::All, Mutex::default());
        Self { state, verbosity, verdicts, shown, lines, thread }
    }

    /// Shows the remaining lines, and removes the bars.
    pub fn finish(self) {
        drop(self);
    }

    fn line(&self, text: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(text);
        }
    }

    /// True if the event is to be shown: the first of its kind for the archive, or, if verbose, each.
    fn shows(&self, kind: &'static str, archive: &str) -> bool {
        let mut shown = self.shown.lock();
        self.verbosity == Verbosity::Verbose || shown.insert((kind, archive.to_owned()))
    }
}

impl LiveVerdicts {
    const fn include(self, verdict: Verdict) -> bool {
        match self {
            Self::All => true,
            Self::Problems => verdict.is_problem(),
            Self::None => false,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to show.
            let _ = thread.join();
        }
    }
}

impl Listener for Progress {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Planned { archives, bytes } => self.state.plan(archives, bytes),
            Event::Begun { archive, source, activity, size } => {
                self.state.begin(archive, source, activity, size);
                if self.verbosity == Verbosity::Verbose {
                    self.line(format!("{activity} {}", escape::text(&label(archive, source))));
                }
            }
            Event::Position { archive, source, done } => {
                self.state.advance(archive, source, done);
            }
            Event::Retrying { archive, source, reason, wait } => {
                let archive = &label(archive, source);
                if self.shows("retry", archive) {
                    self.line(retrying(archive, reason, wait));
                }
            }
            Event::Damaged { archive, damage, bytes } => {
                if self.shows("damage", archive) {
                    self.line(damaged(archive, damage, bytes));
                }
            }
            Event::Notice { message } => self.line(escape::text(message).into_owned()),
            Event::Settled(report) => {
                self.state.settle(report);
                if self.verdicts.include(report.verdict) {
                    self.line(report.line(false));
                }
            }
        }
    }
}

/// Shows lines as they come and the state at every interval, until the queue is closed.
fn show(
    mut renderer: Box<dyn Renderer>,
    state: &ProgressState,
    lines: &Receiver<String>,
    interval: Duration,
) {
    receive(lines, interval, |line| match line {
        Some(line) => renderer.line(&line),
        None => renderer.update(Instant::now(), &state.snapshot()),
    });
    renderer.finish();
}

/// Passes on everything in the queue as it comes, and `None` at every interval, until the queue is
/// closed.
fn receive<T>(queue: &Receiver<T>, interval: Duration, mut handle: impl FnMut(Option<T>)) {
    let mut next = Instant::now() + interval;
    loop {
        match queue.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(value) => handle(Some(value)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next {
            handle(None);
            next = Instant::now() + interval;
        }
    }
}

fn retrying(archive: &str, reason: &str, wait: Duration) -> String {
    let (archive, reason) = (escape::text(archive), escape::text(reason));
    if wait.is_zero() {
        return format!("{archive}: {reason}; trying again");
    }
    format!("{archive}: {reason}; trying again in {}", units::duration(wait))
}

fn damaged(archive: &str, damage: &Damage, bytes: u64) -> String {
    let Range { start, end } = damage.range;
    let member = damage.member.as_deref();
    let member = member.map_or_else(String::new, |member| format!(" ({})", escape::text(member)));
    let (archive, bytes) = (escape::text(archive), units::bytes(bytes));
    format!("{archive}: damaged at bytes {start} to {end}{member}; downloading {bytes} again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Activity;
    use crate::report::ArchiveReport;

    #[derive(Clone, Default)]
    struct RecordedLines(Arc<Mutex<Vec<String>>>);

    impl Renderer for RecordedLines {
        fn line(&mut self, text: &str) {
            self.0.lock().push(text.to_owned());
        }
        fn update(&mut self, _: Instant, snapshot: &Snapshot) {
            self.0.lock().push(format!("update {}", snapshot.active.len()));
        }
        fn finish(&mut self) {
            self.line("finish");
        }
    }

    fn lines_of_a_run(verbosity: Verbosity, interval: Duration) -> Vec<String> {
        let recorded = RecordedLines::default();
        let progress = Progress::with(verbosity, Box::new(recorded.clone()), interval);
        let (reason, wait) = ("HTTP 503", Duration::ZERO);
        let again = Event::Retrying { archive: "a", source: None, reason, wait };
        let elsewhere = Event::Retrying { archive: "a", source: Some("m"), reason, wait };
        progress.on(Event::Planned { archives: &["a".to_owned()], bytes: 5 });
        let (activity, size) = (Activity::Fetch, Some(5));
        progress.on(Event::Begun { archive: "a", source: None, activity, size });
        progress.on(again);
        progress.on(again);
        progress.on(elsewhere);
        progress.on(Event::Notice { message: "x\u{1b}" });
        progress.on(Event::Settled(&ArchiveReport::new("a", Verdict::Missing)));
        progress.finish();
        recorded.0.lock().clone()
    }

    const NEVER: Duration = Duration::from_hours(1);
    const RETRY: &str = "a: HTTP 503; trying again";
    const ELSEWHERE: &str = "a at m: HTTP 503; trying again";

    #[test]
    fn each_event_has_a_line_and_only_the_first_retry_of_an_archive() {
        let lines = lines_of_a_run(Verbosity::Normal, NEVER);
        assert_eq!(lines, [RETRY, ELSEWHERE, "x\\u{1b}", "missing      a", "finish"]);
    }

    #[test]
    fn verbose_shows_every_start_and_every_retry() {
        let lines = lines_of_a_run(Verbosity::Verbose, NEVER);
        assert_eq!(
            lines,
            ["fetch a", RETRY, RETRY, ELSEWHERE, "x\\u{1b}", "missing      a", "finish"]
        );
    }

    #[test]
    fn verdicts_are_shown_where_they_are_wanted() {
        let shown = |verdicts: LiveVerdicts| {
            let recorded = RecordedLines::default();
            let mut progress = Progress::with(Verbosity::Normal, Box::new(recorded.clone()), NEVER);
            progress.verdicts = verdicts;
            for (name, verdict) in
                [("a", Verdict::Ok), ("b", Verdict::Present), ("c", Verdict::Corrupt)]
            {
                progress.on(Event::Settled(&ArchiveReport::new(name, verdict)));
            }
            progress.finish();
            recorded.0.lock().len() - 1
        };
        assert_eq!(
            [LiveVerdicts::All, LiveVerdicts::Problems, LiveVerdicts::None].map(shown),
            [3, 1, 0]
        );
    }

    #[test]
    fn quiet_shows_nothing() {
        assert!(lines_of_a_run(Verbosity::Quiet, NEVER).is_empty());
    }

    #[test]
    fn the_state_is_shown_even_while_lines_keep_coming() {
        assert!(
            lines_of_a_run(Verbosity::Normal, Duration::ZERO).iter().any(|line| line == "update 0")
        );
    }

    #[test]
    fn text_from_a_server_is_escaped() {
        let line = retrying("a", "HTTP 503 \u{1b}[2J", Duration::from_secs(4));
        assert_eq!(line, "a: HTTP 503 \\u{1b}[2J; trying again in 4.0 s");
    }
}
