//! Progress on a terminal: a bar for each archive in progress, and one for all archives.

use std::collections::HashMap;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Renderer;
use super::mean_rate::{MeanRate, time_left};
use super::state::{ActiveArchive, Snapshot};
use crate::report::label;
use crate::text::{escape, units};

/// The most often that the terminal is redrawn, per second.
pub(super) const HERTZ: u8 = 10;

/// The bars, and lines above them.
pub(super) struct Bars {
    multi: MultiProgress,
    /// The bar of all archives, if there are several.
    all: Option<Bar>,
    /// By [`ActiveArchive::number`].
    archives: HashMap<u64, Bar>,
}

struct Bar {
    bar: ProgressBar,
    rate: MeanRate,
}

impl Bars {
    /// Bars on standard error, even if it is not a terminal.
    pub(super) fn on_stderr() -> Self {
        let terminal = Box::new(console::Term::buffered_stderr());
        Self::new(ProgressDrawTarget::term_like_with_hz(terminal, HERTZ))
    }

    fn new(target: ProgressDrawTarget) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        Self { multi, all: None, archives: HashMap::new() }
    }

    fn remove_settled(&mut self, active: &[ActiveArchive]) {
        self.archives.retain(|number, bar| {
            let stays = active.iter().any(|archive| archive.number == *number);
            if !stays {
                self.multi.remove(&bar.bar);
            }
            stays
        });
    }

    fn show_all(&mut self, now: Instant, snapshot: &Snapshot) {
        if snapshot.archives < 2 {
            return;
        }
        let multi = &self.multi;
        let all = self.all.get_or_insert_with(|| {
            Bar::new(snapshot.whole, "all".to_owned(), |bar| multi.add(bar))
        });
        all.set(now, snapshot.done, snapshot.whole, snapshot.moved);
    }

    fn show(&mut self, now: Instant, archive: &ActiveArchive) {
        let (multi, all) = (&self.multi, &self.all);
        let bar = self.archives.entry(archive.number).or_insert_with(|| {
            let label = label(&archive.archive, archive.source.as_deref());
            let prefix = format!("{:<6} {}", archive.activity, escape::text(&label));
            Bar::new(archive.size, prefix, |bar| match all {
                Some(all) => multi.insert_before(&all.bar, bar),
                None => multi.add(bar),
            })
        });
        bar.set(now, archive.done, archive.size, archive.moved);
    }
}

impl Renderer for Bars {
    fn line(&mut self, text: &str) {
        // If this fails, the terminal is closed and nobody reads it.
        let _ = self.multi.println(text);
    }

    fn update(&mut self, now: Instant, snapshot: &Snapshot) {
        self.remove_settled(&snapshot.active);
        self.show_all(now, snapshot);
        for archive in &snapshot.active {
            self.show(now, archive);
        }
    }

    fn finish(&mut self) {
        let _ = self.multi.clear();
    }
}

impl Bar {
    /// A bar that `add` puts in its place. Without a size there is nothing to draw, only numbers.
    fn new(
        size: Option<u64>,
        prefix: String,
        add: impl FnOnce(ProgressBar) -> ProgressBar,
    ) -> Self {
        let template = match size {
            Some(_) => "{prefix:24} [{wide_bar}] {msg}",
            None => "{prefix:24} {msg}",
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        // Hidden, so that nothing is drawn before the bar is in its place.
        let bar = ProgressBar::hidden().with_style(style).with_prefix(prefix);
        Self { bar: add(bar), rate: MeanRate::default() }
    }

    fn set(&mut self, now: Instant, done: u64, whole: Option<u64>, moved: u64) {
        let rate = self.rate.update(now, moved);
        if let Some(whole) = whole {
            self.bar.set_length(whole);
        }
        self.bar.set_message(numbers(done, whole, rate));
        self.bar.set_position(done);
    }
}

/// Percent, bytes, rate and time left, in columns of fixed width.
fn numbers(done: u64, whole: Option<u64>, rate: f64) -> String {
    let percent = whole.map(|whole| format!("{} %", units::percent(done, whole)));
    let left = whole.and_then(|whole| time_left(whole.saturating_sub(done), rate));
    format!(
        "{:>5}  {:>9}  {:>10}  {:>10}",
        percent.unwrap_or_default(),
        units::bytes(done),
        units::rate(rate),
        left.map(units::estimate).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::InMemoryTerm;

    use super::*;
    use crate::event::Activity;
    use crate::progress::state::ProgressState;
    use crate::report::ArchiveReport;
    use crate::verdict::Verdict;

    const MIB: u64 = 1 << 20;

    struct TestTerminal {
        terminal: InMemoryTerm,
        bars: Bars,
        state: ProgressState,
        now: Instant,
    }

    impl TestTerminal {
        fn new() -> Self {
            let terminal = InMemoryTerm::new(20, 80);
            let bars = Bars::new(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            Self { terminal, bars, state: ProgressState::default(), now: Instant::now() }
        }

        /// Returns the lines on the terminal one second later.
        fn lines_after_a_second(&mut self) -> Vec<String> {
            self.now += Duration::from_secs(1);
            self.bars.update(self.now, &self.state.snapshot());
            self.terminal.contents().lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn each_archive_has_a_bar_and_all_have_one() {
        let mut test = TestTerminal::new();
        test.state.plan(3, 400 * MIB);
        test.state.begin("a.tar.gz", None, Activity::Fetch, Some(100 * MIB));
        test.state.begin("b.tar.gz", None, Activity::Verify, Some(100 * MIB));
        test.state.advance("a.tar.gz", None, 0);
        test.lines_after_a_second();
        test.state.advance("a.tar.gz", None, 10 * MIB);
        assert_eq!(
            test.lines_after_a_second(),
            [
                "fetch  a.tar.gz          [=>          ]  10 %   10.0 MiB  10.0 MiB/s         9 s",
                "verify b.tar.gz          [            ]   0 %        0 B       0 B/s",
                "all                      [>           ]   2 %   10.0 MiB  10.0 MiB/s        39 s",
            ]
        );
    }

    #[test]
    fn a_bar_can_go_back_and_never_passes_its_end() {
        let mut test = TestTerminal::new();
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
        let mut test = TestTerminal::new();
        test.state.plan(2, 300);
        test.state.begin("a", None, Activity::Fetch, Some(100));
        test.state.begin("b", None, Activity::Fetch, Some(200));
        assert_eq!(test.lines_after_a_second().len(), 3);
        test.state.settle(&ArchiveReport::new("a", Verdict::Unreachable));
        test.bars.line("unreachable  a");
        let lines = test.lines_after_a_second();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "unreachable  a");
        assert!(lines[1].starts_with("fetch  b "), "{lines:?}");
        assert!(lines[2].starts_with("all "), "{lines:?}");
        test.bars.finish();
        assert_eq!(test.terminal.contents(), "unreachable  a");
    }

    #[test]
    fn an_archive_of_unknown_size_has_only_numbers() {
        let mut test = TestTerminal::new();
        test.state.begin("a", None, Activity::Fetch, None);
        test.state.advance("a", None, 5 * MIB);
        let lines = test.lines_after_a_second();
        assert!(lines[0].contains("5.00 MiB") && !lines[0].contains('%'), "{lines:?}");
    }

    #[test]
    fn a_name_is_shown_escaped() {
        let mut test = TestTerminal::new();
        test.state.begin("a\u{1b}[2Jb", None, Activity::Fetch, Some(1));
        assert!(test.lines_after_a_second()[0].starts_with("fetch  a\\u{1b}[2Jb"));
    }
}
