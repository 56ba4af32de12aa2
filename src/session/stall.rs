//! Detects a connection that has stalled. Pure.

use std::time::Duration;

/// A connection that delivers fewer bytes a second than this over the whole stall time-out has
/// stalled: a byte now and then must not keep a dead connection alive.
const MINIMUM_RATE: f64 = 100.0;

/// Measures the time in which too few bytes arrive.
pub(crate) struct StallTimer {
    pub(super) window: Duration,
    waited: Duration,
    bytes: u64,
}

impl StallTimer {
    pub(crate) const fn new(window: Duration) -> Self {
        Self { window, waited: Duration::ZERO, bytes: 0 }
    }

    /// The time in which the next bytes must arrive.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited).max(Duration::from_millis(1))
    }

    /// Notes bytes that arrived after a wait. Time spent on anything but waiting does not count.
    pub(super) fn received(&mut self, bytes: u64, waited: Duration) {
        self.bytes += bytes;
        self.waited += waited;
        if self.bytes as f64 >= MINIMUM_RATE * self.window.as_secs_f64() {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_is_a_stall_and_a_slow_connection_is_not() {
        let second = Duration::from_secs(1);
        let mut stall = StallTimer::new(10 * second);
        for _ in 0..9 {
            stall.received(1, second);
        }
        assert_eq!(stall.left(), second);
        stall.received(1000, Duration::ZERO);
        assert_eq!(stall.left(), 10 * second);
    }
}
