//! `--limit-rate`: how long to wait so that all connections together keep to it. Pure.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes a second for all connections together, if limited at all.
#[derive(Debug)]
pub(super) struct Throttle {
    rate: Option<NonZeroU64>,
    /// When all that was taken so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Throttle {
    /// A limit in bytes a second, or none.
    pub(super) const fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, paid: Mutex::new(None) }
    }

    /// Takes so many bytes that came, and says how long to wait before more.
    pub(super) fn take(&self, bytes: u64, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let price = Duration::from_secs_f64(bytes as f64 / rate.get() as f64);
        let until = paid.map_or(now, |paid| paid.max(now)) + price;
        *paid = Some(until);
        until - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_paid_for_in_time() {
        let now = Instant::now();
        let throttle = Throttle::new(NonZeroU64::new(1000));
        assert_eq!(throttle.take(500, now), Duration::from_millis(500));
        assert_eq!(throttle.take(500, now), Duration::from_secs(1));
        let later = now + Duration::from_secs(5);
        assert_eq!(throttle.take(100, later), Duration::from_millis(100));
        assert_eq!(Throttle::new(None).take(u64::MAX, now), Duration::ZERO);
    }
}
