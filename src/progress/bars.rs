//! Progress on a terminal: a bar for each archive under way, and one for all of them.

use std::collections::HashMap;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::meter::{Meter, time_left};
use super::state::{Active, Snapshot};
use super::{Display, wording};
use crate::report::label;
use crate::text::{escape, units};

/// How often the terminal is drawn anew, at most, in a second.
pub(super) const HERTZ: u8 = 10;

/// Bars, and lines above them.
pub(super) struct Bars {
    multi: MultiProgress,
    /// The bar of all archives, which comes when there is more than one.
    all: Option<Bar>,
    /// By the number of the archive's beginning.
    archives: HashMap<u64, Bar>,
}

struct Bar {
    bar: ProgressBar,
    meter: Meter,
}

impl Bars {
    /// Bars on standard error, be it a terminal or not.
    pub(super) fn on_stderr() -> Self {
        let terminal = Box::new(console::Term::buffered_stderr());
        Self::new(ProgressDrawTarget::term_like_with_hz(terminal, HERTZ))
    }

    fn new(target: ProgressDrawTarget) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        Self { multi, all: None, archives: HashMap::new() }
    }

    /// Takes the bars away whose archives are no longer under way.
    fn remove_settled(&mut self, active: &[Active]) {
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

    fn show(&mut self, now: Instant, archive: &Active) {
        let (multi, all) = (&self.multi, &self.all);
        let bar = self.archives.entry(archive.number).or_insert_with(|| {
            let activity = wording::activity(archive.activity);
            let label = label(&archive.archive, archive.source.as_deref());
            let prefix = format!("{activity:<6} {}", escape::text(&label));
            Bar::new(archive.size, prefix, |bar| match all {
                Some(all) => multi.insert_before(&all.bar, bar),
                None => multi.add(bar),
            })
        });
        bar.set(now, archive.done, archive.size, archive.moved);
    }
}

impl Display for Bars {
    fn line(&mut self, text: &str) {
        // The terminal is gone if this fails, and with it whoever would read of it.
        let _ = self.multi.println(text);
    }

    fn tick(&mut self, now: Instant, snapshot: &Snapshot) {
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
    /// A bar that `add` puts in its place; what has no size has no proportion to draw.
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
        // Nothing is drawn before the bar stands in its place.
        let bar = ProgressBar::hidden().with_style(style).with_prefix(prefix);
        Self { bar: add(bar), meter: Meter::default() }
    }

    fn set(&mut self, now: Instant, done: u64, whole: Option<u64>, moved: u64) {
        let rate = self.meter.rate(now, moved);
        if let Some(whole) = whole {
            self.bar.set_length(whole);
        }
        self.bar.set_message(numbers(done, whole, rate));
        self.bar.set_position(done);
    }
}

/// Percent, bytes, rate and time left, in columns that do not move.
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
    use crate::progress::state::Tally;
    use crate::report::ArchiveReport;
    use crate::verdict::Verdict;

    const MIB: u64 = 1 << 20;

    struct Stage {
        terminal: InMemoryTerm,
        bars: Bars,
        tally: Tally,
        now: Instant,
    }

    impl Stage {
        fn new() -> Self {
            let terminal = InMemoryTerm::new(20, 80);
            let bars = Bars::new(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            Self { terminal, bars, tally: Tally::default(), now: Instant::now() }
        }

        /// A second goes by.
        fn shown(&mut self) -> Vec<String> {
            self.now += Duration::from_secs(1);
            self.bars.tick(self.now, &self.tally.snapshot());
            self.terminal.contents().lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn a_bar_for_each_archive_and_one_for_all() {
        let mut stage = Stage::new();
        stage.tally.plan(3, 400 * MIB);
        stage.tally.begin("a.tar.gz", None, Activity::Fetch, Some(100 * MIB));
        stage.tally.begin("b.tar.gz", None, Activity::Verify, Some(100 * MIB));
        stage.tally.advance("a.tar.gz", None, 0);
        stage.shown();
        stage.tally.advance("a.tar.gz", None, 10 * MIB);
        assert_eq!(
            stage.shown(),
            [
                "fetch  a.tar.gz          [=>          ]  10 %   10.0 MiB  10.0 MiB/s         9 s",
                "verify b.tar.gz          [            ]   0 %        0 B       0 B/s",
                "all                      [>           ]   2 %   10.0 MiB  10.0 MiB/s        39 s",
            ]
        );
    }

    #[test]
    fn a_position_that_goes_back_is_followed_and_none_is_past_the_end() {
        let mut stage = Stage::new();
        stage.tally.begin("a", None, Activity::Fetch, Some(100));
        for (position, percent) in [(60, " 60 %"), (20, " 20 %"), (1000, "100 %")] {
            stage.tally.advance("a", None, position);
            let lines = stage.shown();
            assert_eq!(lines.len(), 1);
            assert!(lines[0].contains(percent), "{lines:?}");
        }
    }

    #[test]
    fn a_settled_archive_leaves_its_line_above_the_bars() {
        let mut stage = Stage::new();
        stage.tally.plan(2, 300);
        stage.tally.begin("a", None, Activity::Fetch, Some(100));
        stage.tally.begin("b", None, Activity::Fetch, Some(200));
        assert_eq!(stage.shown().len(), 3);
        stage.tally.settle(&ArchiveReport::new("a", Verdict::Unreachable));
        stage.bars.line("unreachable  a");
        let lines = stage.shown();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "unreachable  a");
        assert!(lines[1].starts_with("fetch  b "), "{lines:?}");
        assert!(lines[2].starts_with("all "), "{lines:?}");
        stage.bars.finish();
        assert_eq!(stage.terminal.contents(), "unreachable  a");
    }

    #[test]
    fn an_archive_of_unknown_size_has_numbers_only() {
        let mut stage = Stage::new();
        stage.tally.begin("a", None, Activity::Fetch, None);
        stage.tally.advance("a", None, 5 * MIB);
        let lines = stage.shown();
        assert!(lines[0].contains("5.00 MiB") && !lines[0].contains('%'), "{lines:?}");
    }

    #[test]
    fn a_name_is_shown_escaped() {
        let mut stage = Stage::new();
        stage.tally.begin("a\u{1b}[2Jb", None, Activity::Fetch, Some(1));
        assert!(stage.shown()[0].starts_with("fetch  a\\u{1b}[2Jb"));
    }
}
