//! Whether bytes still come: a window of time, in which so many must. Pure.

use std::time::Duration;

/// A line that brings fewer bytes a second than this over the whole stall time-out is stalled: a
/// byte now and then must not keep a dead connection alive.
const DRIP: f64 = 100.0;

/// Watches that bytes come: a window of time, in which so many must.
pub(crate) struct Watch {
    pub(crate) window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Watch {
    pub(crate) const fn new(window: Duration) -> Self {
        Self { window, waited: Duration::ZERO, bytes: 0 }
    }

    /// How long the next bytes may take.
    pub(crate) fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited).max(Duration::from_millis(1))
    }

    /// So many bytes came after so long. Time spent on anything but waiting does not count.
    pub(crate) fn saw(&mut self, bytes: u64, waited: Duration) {
        self.bytes += bytes;
        self.waited += waited;
        if self.bytes as f64 >= DRIP * self.window.as_secs_f64() {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_is_a_stall_and_a_slow_line_is_not() {
        let second = Duration::from_secs(1);
        let mut watch = Watch::new(10 * second);
        for _ in 0..9 {
            watch.saw(1, second);
        }
        assert_eq!(watch.left(), second);
        watch.saw(1000, Duration::ZERO);
        assert_eq!(watch.left(), 10 * second);
    }
}
