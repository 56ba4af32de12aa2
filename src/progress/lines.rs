//! Progress without a terminal: a line for each event, and a heartbeat.

use std::time::{Duration, Instant};

use super::Renderer;
use super::mean_rate::{MeanRate, time_left};
use super::state::Snapshot;
use crate::text::units;

/// Writes lines, and at an interval a line on how far the run is.
pub(super) struct Lines<W> {
    write: W,
    interval: Duration,
    last: Instant,
    rate: MeanRate,
}

impl<W: FnMut(&str)> Lines<W> {
    /// Passes lines to `write`; the first interval begins at `now`.
    pub(super) fn new(write: W, interval: Duration, now: Instant) -> Self {
        let mut rate = MeanRate::default();
        rate.update(now, 0);
        Self { write, interval, last: now, rate }
    }
}

impl<W: FnMut(&str) + Send> Renderer for Lines<W> {
    fn line(&mut self, text: &str) {
        (self.write)(text);
    }

    fn update(&mut self, now: Instant, snapshot: &Snapshot) {
        let rate = self.rate.update(now, snapshot.moved);
        if now.duration_since(self.last) < self.interval {
            return;
        }
        self.last = now;
        if snapshot.whole.is_none() && snapshot.active.is_empty() {
            return;
        }
        (self.write)(&position(snapshot.done, snapshot.whole, rate));
    }

    fn finish(&mut self) {}
}

/// `12.3 of 42.0 GiB (29 %), 45.1 MiB/s, 11 min left`, as far as the numbers are known.
fn position(done: u64, whole: Option<u64>, rate: f64) -> String {
    let bytes = match whole {
        Some(whole) => format!("{} ({} %)", units::part(done, whole), units::percent(done, whole)),
        None => units::bytes(done),
    };
    let left = whole.and_then(|whole| time_left(whole.saturating_sub(done), rate));
    let left = left.map_or_else(String::new, |left| format!(", {} left", units::estimate(left)));
    format!("{bytes}, {}{left}", units::rate(rate))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_heartbeat_keeps_its_interval() {
        let start = Instant::now();
        let written = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&written);
        let write = move |line: &str| copy.lock().push(line.to_owned());
        let mut lines = Lines::new(write, Duration::from_secs(30), start);
        let mut snapshot = Snapshot { whole: Some(90 << 20), ..Snapshot::default() };
        for second in 0..=65_u64 {
            snapshot.done = second << 20;
            snapshot.moved = second << 20;
            lines.update(start + Duration::from_secs(second), &snapshot);
        }
        lines.line("done");
        assert_eq!(
            *written.lock(),
            [
                "30.0 of 90.0 MiB (33 %), 1.00 MiB/s, 1 min left",
                "60.0 of 90.0 MiB (66 %), 1.00 MiB/s, 30 s left",
                "done"
            ]
        );
    }

    #[test]
    fn a_position_has_bytes_rate_and_time_left() {
        let rate = 45.1 * 1_048_576.0;
        assert_eq!(
            position(12 * GIB, Some(42 * GIB), rate),
            "12.0 of 42.0 GiB (28 %), 45.1 MiB/s, 12 min left"
        );
        assert_eq!(position(5, Some(GIB), 0.0), "0.00 of 1.00 GiB (0 %), 0 B/s");
        assert_eq!(position(GIB, None, 0.0), "1.00 GiB, 0 B/s");
        assert_eq!(position(GIB, Some(GIB), 1e9), "1.00 of 1.00 GiB (100 %), 954 MiB/s, 0 s left");
    }
}
