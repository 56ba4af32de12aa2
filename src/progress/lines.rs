//! Progress where there is no terminal: a line an event, and a heartbeat.

use std::time::{Duration, Instant};

use super::meter::Meter;
use super::state::Snapshot;
use super::{Display, wording};

/// Writes lines, and says from time to time how far the run is.
pub(super) struct Lines<W> {
    write: W,
    interval: Duration,
    last: Instant,
    meter: Meter,
}

impl<W: FnMut(&str)> Lines<W> {
    /// Lines that go to `write`, with a heartbeat at this interval from `now` on.
    pub(super) fn new(write: W, interval: Duration, now: Instant) -> Self {
        let mut meter = Meter::default();
        meter.rate(now, 0);
        Self { write, interval, last: now, meter }
    }
}

impl<W: FnMut(&str) + Send> Display for Lines<W> {
    fn line(&mut self, text: &str) {
        (self.write)(text);
    }

    fn tick(&mut self, now: Instant, snapshot: &Snapshot) {
        let rate = self.meter.rate(now, snapshot.moved);
        if now.duration_since(self.last) < self.interval {
            return;
        }
        self.last = now;
        if snapshot.whole.is_none() && snapshot.active.is_empty() {
            return;
        }
        (self.write)(&wording::position(snapshot.done, snapshot.whole, rate));
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn the_heart_beats_at_its_interval() {
        let start = Instant::now();
        let written = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&written);
        let write = move |line: &str| copy.lock().push(line.to_owned());
        let mut lines = Lines::new(write, Duration::from_secs(30), start);
        let mut snapshot = Snapshot { whole: Some(90 << 20), ..Snapshot::default() };
        for second in 0..=65_u64 {
            snapshot.done = second << 20;
            snapshot.moved = second << 20;
            lines.tick(start + Duration::from_secs(second), &snapshot);
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
}
