//! Progress on a terminal: a row for each archive in progress, and one for all archives.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use console::Term;

use super::Renderer;
use super::mean_rate::{MeanRate, time_left};
use super::rows::{self, Row};
use super::screen::{Screen, Size, USUAL};
use super::state::{ActiveArchive, Snapshot};
use crate::report::label;
use crate::text::escape;

/// The most often that the terminal is redrawn, per second.
pub(super) const HERTZ: u8 = 10;

/// A terminal that can change its size.
type Measure = Box<dyn Fn() -> Size + Send>;

/// The rows, and lines above them.
pub(super) struct Bars<W> {
    screen: Screen<W>,
    size: Measure,
    all: MeanRate,
    /// By [`ActiveArchive::number`].
    archives: HashMap<u64, MeanRate>,
    /// Set after the process was stopped: the shell has written to the terminal.
    is_continued: Arc<AtomicBool>,
}

impl Bars<io::Stderr> {
    /// Rows on standard error, even if it is not a terminal.
    pub(super) fn on_stderr(rewraps: bool) -> Self {
        let terminal = Term::stderr();
        let size = move || {
            let size = terminal.size_checked();
            size.map_or(USUAL, |(height, width)| (height.into(), width.into()))
        };
        let bars = Self::new(io::stderr(), rewraps, Box::new(size));
        // Without it, rows from before a stop may stay.
        #[cfg(unix)]
        let _ = signal_hook::flag::register(
            signal_hook::consts::SIGCONT,
            Arc::clone(&bars.is_continued),
        );
        bars
    }
}

impl<W: Write + Send> Bars<W> {
    fn new(out: W, rewraps: bool, size: Measure) -> Self {
        let is_continued = Arc::new(AtomicBool::new(false));
        let (screen, archives) = (Screen::new(out, rewraps), HashMap::new());
        Self { screen, size, all: MeanRate::default(), archives, is_continued }
    }

    /// The rows of the archives, as many as fit the height, and that of all.
    fn rows(&mut self, now: Instant, snapshot: &Snapshot, height: usize) -> Vec<Row> {
        let active = &snapshot.active;
        self.archives.retain(|number, _| active.iter().any(|archive| archive.number == *number));
        let mut rows: Vec<Row> = active.iter().map(|archive| self.row(now, archive)).collect();
        // One line is for the cursor.
        let height = height.saturating_sub(1);
        let has_total = snapshot.archives > 1 && height > 0;
        rows.truncate(height.saturating_sub(usize::from(has_total)));
        if has_total {
            rows.push(self.total(now, snapshot));
        }
        rows
    }

    fn row(&mut self, now: Instant, archive: &ActiveArchive) -> Row {
        let rate = self.archives.entry(archive.number).or_default().update(now, archive.moved);
        let label = label(&archive.archive, archive.source.as_deref());
        let label = escape::text(&label).into_owned();
        let (done, whole) = (archive.done, archive.size);
        row(archive.activity.to_string(), label, done, whole, rate)
    }

    fn total(&mut self, now: Instant, snapshot: &Snapshot) -> Row {
        let Snapshot { archives, settled, done, whole, moved, .. } = *snapshot;
        let rate = self.all.update(now, moved);
        let label = format!("{settled} of {archives} done");
        Row { is_total: true, ..row("all".to_owned(), label, done, whole, rate) }
    }
}

fn row(activity: String, label: String, done: u64, whole: Option<u64>, rate: f64) -> Row {
    let left = whole.and_then(|whole| time_left(whole.saturating_sub(done), rate));
    Row { activity, label, done, whole, rate, left, is_total: false }
}

impl<W: Write + Send> Renderer for Bars<W> {
    fn line(&mut self, text: &str) {
        self.screen.print(text, (self.size)());
    }

    fn update(&mut self, now: Instant, snapshot: &Snapshot) {
        let size = (self.size)();
        let (height, width) = size;
        let rows = self.rows(now, snapshot, height);
        if self.is_continued.swap(false, Ordering::Relaxed) {
            self.screen.forget();
        }
        self.screen.draw(rows::lines(&rows, width), size);
    }

    fn finish(&mut self) {
        self.screen.draw(Vec::new(), (self.size)());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use vt100::Parser;

    use super::*;
    use crate::event::Activity;
    use crate::progress::state::ProgressState;
    use crate::report::ArchiveReport;
    use crate::verdict::Verdict;

    const MIB: u64 = 1 << 20;

    /// A terminal in memory.
    #[derive(Clone)]
    struct Terminal(Arc<Mutex<Parser>>);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Terminals move to the first column at a new line.
            let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
            self.0.lock().unwrap().process(text.as_bytes());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct TestTerminal {
        terminal: Terminal,
        bars: Bars<Terminal>,
        state: ProgressState,
        now: Instant,
    }

    impl TestTerminal {
        fn new(height: u16) -> Self {
            let terminal = Terminal(Arc::new(Mutex::new(Parser::new(height, 80, 0))));
            let copy = terminal.clone();
            let size = move || {
                let (height, width) = copy.0.lock().unwrap().screen().size();
                (height.into(), width.into())
            };
            let bars = Bars::new(terminal.clone(), false, Box::new(size));
            Self { terminal, bars, state: ProgressState::default(), now: Instant::now() }
        }

        fn lines(&self) -> Vec<String> {
            let contents = self.terminal.0.lock().unwrap().screen().contents();
            contents.trim_end().lines().map(str::to_owned).collect()
        }

        /// Returns the lines on the terminal one second later.
        fn lines_after_a_second(&mut self) -> Vec<String> {
            self.now += Duration::from_secs(1);
            self.bars.update(self.now, &self.state.snapshot());
            self.lines()
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn each_archive_has_a_row_in_the_order_of_the_plan_and_all_have_one() {
        let mut test = TestTerminal::new(20);
        test.state.plan(&names(&["a.tar.gz", "b.tar.gz", "c.tar.gz"]), 400 * MIB);
        test.state.begin("b.tar.gz", None, Activity::Verify, Some(100 * MIB));
        test.state.begin("a.tar.gz", None, Activity::Fetch, Some(100 * MIB));
        test.state.advance("a.tar.gz", None, 0);
        test.lines_after_a_second();
        test.state.advance("a.tar.gz", None, 10 * MIB);
        assert_eq!(
            test.lines_after_a_second(),
            [
                "fetch  a.tar.gz    [=>            ]  10 %     10 of 100 MiB  10.0 MiB/s     9 s",
                "verify b.tar.gz    [              ]   0 %      0 of 100 MiB       0 B/s",
                "all    0 of 3 done [>             ]   2 %     10 of 400 MiB  10.0 MiB/s    39 s",
            ]
        );
    }

    #[test]
    fn a_bar_can_go_back_and_never_passes_its_end() {
        let mut test = TestTerminal::new(20);
        test.state.begin("a", None, Activity::Fetch, Some(100));
        for (position, percent) in [(60, " 60 %"), (20, " 20 %"), (1000, "100 %")] {
            test.state.advance("a", None, position);
            let lines = test.lines_after_a_second();
            assert_eq!(lines.len(), 1);
            assert!(lines[0].contains(percent), "{lines:?}");
        }
    }

    #[test]
    fn the_line_of_a_settled_archive_stays_above_the_bars() {
        let mut test = TestTerminal::new(20);
        test.state.plan(&names(&["a", "b"]), 300);
        test.state.begin("a", None, Activity::Fetch, Some(100));
        test.state.begin("b", None, Activity::Fetch, Some(200));
        assert_eq!(test.lines_after_a_second().len(), 3);
        test.state.settle(&ArchiveReport::new("a", Verdict::Unreachable));
        test.bars.line("unreachable  a");
        let lines = test.lines_after_a_second();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "unreachable  a");
        assert!(lines[1].starts_with("fetch  b "), "{lines:?}");
        assert!(lines[2].starts_with("all    1 of 2 done "), "{lines:?}");
        test.bars.finish();
        assert_eq!(test.lines(), ["unreachable  a"]);
    }

    #[test]
    fn a_line_of_any_length_breaks_no_row() {
        let mut test = TestTerminal::new(20);
        test.state.begin("a", None, Activity::Fetch, Some(100));
        for length in [79, 80, 81, 160, 200] {
            test.lines_after_a_second();
            test.bars.line(&"x".repeat(length));
        }
        let lines = test.lines_after_a_second();
        let written = lines.iter().filter(|line| line.starts_with('x')).map(String::len);
        assert_eq!(written.sum::<usize>(), 600, "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("fetch")).count(), 1, "{lines:?}");
    }

    #[test]
    fn rows_that_do_not_fit_the_height_are_left_out() {
        for height in 2..16 {
            let mut test = TestTerminal::new(height);
            let names: Vec<String> = (b'a'..=b'l').map(|name| char::from(name).into()).collect();
            test.state.plan(&names, 1200);
            for name in &names {
                test.state.begin(name, None, Activity::Fetch, Some(100));
            }
            for _ in 0..3 {
                let lines = test.lines_after_a_second();
                assert_eq!(lines.len(), usize::from(height - 1).min(13), "{lines:?}");
                assert!(lines.last().unwrap().starts_with("all "), "{lines:?}");
            }
            test.bars.finish();
            assert_eq!(test.lines(), [""; 0]);
        }
    }

    #[test]
    fn after_a_stop_the_rows_are_drawn_anew() {
        let mut test = TestTerminal::new(20);
        test.state.begin("a", None, Activity::Fetch, Some(100));
        test.lines_after_a_second();
        test.terminal.write_all(b"[1]+  Stopped\n$ fg\n").unwrap();
        test.bars.is_continued.store(true, Ordering::Relaxed);
        let lines = test.lines_after_a_second();
        assert_eq!(lines[1..3], ["[1]+  Stopped", "$ fg"]);
        assert_eq!(lines.len(), 4, "{lines:?}");
    }

    #[test]
    fn an_archive_of_unknown_size_has_only_numbers() {
        let mut test = TestTerminal::new(20);
        test.state.begin("a", None, Activity::Fetch, None);
        test.state.advance("a", None, 5 * MIB);
        let lines = test.lines_after_a_second();
        assert!(lines[0].contains("5.00 MiB") && !lines[0].contains('%'), "{lines:?}");
    }

    #[test]
    fn a_name_is_shown_escaped() {
        let mut test = TestTerminal::new(20);
        test.state.begin("a\u{1b}[2Jb", None, Activity::Fetch, Some(1));
        assert!(test.lines_after_a_second()[0].starts_with("fetch  a\\u{1b}[2Jb"));
    }
}
