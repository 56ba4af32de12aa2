//! Measures the speed of connections and chooses between sources. Pure.
//!
//! The order of preference holds, unless a source is slow: then another one is tried, and gets the
//! work if it is much faster.

use std::time::{Duration, Instant};

/// The factor by which another source must be faster to replace one.
const FASTER: f64 = 2.0;

/// Bytes a second of one connection, below which a source of unknown speed is tried: a chunk of
/// 32 MiB takes more than a minute.
const SLOW: f64 = 512.0 * 1024.0;

/// Bytes that are enough to measure a speed, however soon they arrived.
const ENOUGH: u64 = 1 << 20;

/// A lease that ends within this time is not halved: another connection would have to send a request
/// first, and the server would keep sending bytes of the first that are no longer wanted.
const MOMENT: Duration = Duration::from_millis(200);

/// The age at which a lease has a speed, if no source is replaced for being slow.
const SLOW_SOURCE_TIME: Duration = Duration::from_secs(10);

/// The speeds of all sources.
#[derive(Debug)]
pub(super) struct Speeds {
    /// The age of a lease before its source may be replaced.
    patience: Duration,
    /// True if sources are compared. Otherwise the order of preference holds.
    compares: bool,
    leases: Vec<TimedLease>,
    /// For each source, the speed of its past connections in bytes a second.
    known: Vec<Option<f64>>,
    /// For each source, the bytes and the time of leases that were too short to measure a speed.
    short: Vec<(u64, Duration)>,
    /// For each source, the last time it was chosen for a comparison.
    tried: Vec<Option<Instant>>,
}

/// A lease and what it has delivered.
#[derive(Debug)]
struct TimedLease {
    lease: u64,
    source: usize,
    begun: Instant,
    received: u64,
}

impl TimedLease {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Bytes a second; `None` if it is too soon to say.
    fn speed(&self, now: Instant, patience: Duration) -> Option<f64> {
        speed(self.received, self.age(now), patience)
    }
}

/// Bytes a second; `None` if the bytes are too few and the time is too short.
fn speed(received: u64, age: Duration, patience: Duration) -> Option<f64> {
    let tells = received >= ENOUGH || age >= patience / 4;
    tells.then(|| received as f64 / age.as_secs_f64().max(1e-6))
}

impl Speeds {
    /// Without patience, the order of preference holds.
    pub(super) fn new(sources: usize, patience: Option<Duration>) -> Self {
        let (known, tried) = (vec![None; sources], vec![None; sources]);
        let compares = patience.is_some() && sources > 1;
        let patience = patience.unwrap_or(SLOW_SOURCE_TIME);
        let short = vec![(0, Duration::ZERO); sources];
        Self { patience, compares, leases: Vec::new(), known, short, tried }
    }

    /// A lease begins.
    pub(super) fn begin(&mut self, lease: u64, source: usize, now: Instant) {
        self.leases.push(TimedLease { lease, source, begun: now, received: 0 });
    }

    /// It has delivered this many more bytes.
    pub(super) fn delivered(&mut self, lease: u64, bytes: u64) {
        if let Some(timed) = self.leases.iter_mut().find(|timed| timed.lease == lease) {
            timed.received += bytes;
        }
    }

    /// It has ended.
    pub(super) fn end(&mut self, lease: u64, now: Instant) {
        let Some(index) = self.leases.iter().position(|timed| timed.lease == lease) else {
            return;
        };
        let timed = self.leases.swap_remove(index);
        let (received, age) = &mut self.short[timed.source];
        *received += timed.received;
        *age += timed.age(now);
        if let Some(speed) = speed(*received, *age, self.patience) {
            (*received, *age) = (0, Duration::ZERO);
            let before = &mut self.known[timed.source];
            *before = Some(before.map_or(speed, |before| f64::midpoint(before, speed)));
        }
    }

    /// Bytes a second of one connection to the source; `None` if unknown.
    fn of(&self, source: usize, now: Instant) -> Option<f64> {
        let leases = self.leases.iter().filter(|timed| timed.source == source);
        let speeds = leases.filter_map(|timed| timed.speed(now, self.patience));
        let (sum, count) =
            speeds.fold((0.0, 0.0), |(sum, count), speed| (sum + speed, count + 1.0));
        if count > 0.0 { Some(sum / count) } else { self.known[source] }
    }

    /// Returns true if a lease will deliver this many more bytes in a moment.
    pub(super) fn ends_soon(&self, lease: u64, bytes: u64, now: Instant) -> bool {
        let Some(timed) = self.leases.iter().find(|timed| timed.lease == lease) else {
            return false;
        };
        let speed = timed.speed(now, self.patience).or_else(|| self.of(timed.source, now));
        speed.is_some_and(|speed| (bytes as f64) < speed * MOMENT.as_secs_f64())
    }

    fn is_in_use(&self, source: usize) -> bool {
        self.leases.iter().any(|timed| timed.source == source)
    }

    /// Chooses one of these sources, listed in order of preference.
    pub(super) fn choose(
        &self,
        sources: impl IntoIterator<Item = usize>,
        now: Instant,
    ) -> Option<usize> {
        let mut sources = sources.into_iter();
        if !self.compares {
            return sources.next();
        }
        sources.reduce(|best, other| {
            let is_better = match (self.of(best, now), self.of(other, now)) {
                (Some(best), Some(other)) => other >= FASTER * best,
                (Some(best), None) => best < SLOW && !self.is_in_use(other),
                (None, _) => false,
            };
            if is_better { other } else { best }
        })
    }

    /// Returns true if a lease should end because one of the other sources delivers the rest sooner,
    /// or may do so.
    pub(super) fn leaves(
        &mut self,
        lease: u64,
        others: impl IntoIterator<Item = usize>,
        now: Instant,
    ) -> bool {
        let timed = self.leases.iter().find(|timed| timed.lease == lease);
        let Some(timed) = timed.filter(|_| self.compares) else { return false };
        let own = timed.speed(now, self.patience);
        let Some(own) = own.filter(|_| timed.age(now) >= self.patience) else { return false };
        for other in others {
            match self.of(other, now) {
                Some(speed) if speed >= FASTER * own => return true,
                None if own < SLOW && !self.is_in_use(other) && !self.was_tried(other, now) => {
                    self.tried[other] = Some(now);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Returns true if a connection is about to try it.
    fn was_tried(&self, source: usize, now: Instant) -> bool {
        self.tried[source].is_some_and(|at| now.saturating_duration_since(at) < self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MIB: u64 = 1 << 20;

    /// Leases 0, 1, … of these sources, each with the bytes received in twenty seconds.
    fn speeds(received: &[(usize, u64)]) -> (Speeds, Instant) {
        measured(received, Some(10 * SECOND))
    }

    fn measured(received: &[(usize, u64)], patience: Option<Duration>) -> (Speeds, Instant) {
        let begun = Instant::now();
        let mut speeds = Speeds::new(3, patience);
        for (lease, &(source, bytes)) in (0..).zip(received) {
            speeds.begin(lease, source, begun);
            speeds.delivered(lease, bytes);
        }
        (speeds, begun + 20 * SECOND)
    }

    #[test]
    fn the_order_stands_while_nobody_is_slow() {
        let (mut speeds, now) = speeds(&[(0, 20 * MIB)]);
        assert_eq!(speeds.choose([0, 1, 2], now), Some(0));
        assert!(!speeds.leaves(0, [1, 2], now));
        assert_eq!(speeds.choose([], now), None);
        // Nor is anybody compared where that is not wanted.
        let (mut speeds, now) = measured(&[(0, 1000), (1, 20 * MIB)], None);
        assert_eq!(speeds.choose([0, 1, 2], now), Some(0));
        assert!(!speeds.leaves(0, [1, 2], now));
    }

    #[test]
    fn who_is_slow_is_compared_with_one_other_at_a_time() {
        let (mut speeds, now) = speeds(&[(0, MIB), (0, MIB)]);
        assert!(speeds.leaves(0, [1], now));
        assert!(!speeds.leaves(1, [1], now), "one is enough to find out");
        speeds.end(0, now);
        assert_eq!(speeds.choose([0, 1], now), Some(1));
        speeds.begin(2, 1, now);
        assert_eq!(speeds.choose([0, 1], now), Some(0));
        // It turns out to be as slow.
        speeds.delivered(1, MIB);
        speeds.delivered(2, MIB);
        let now = now + 20 * SECOND;
        assert!(!speeds.leaves(1, [1], now) && !speeds.leaves(2, [0], now));
        assert_eq!(speeds.choose([0, 1], now), Some(0));
        // Or to be faster.
        speeds.delivered(2, 4 * MIB);
        assert!(speeds.leaves(1, [1], now) && !speeds.leaves(2, [0], now));
        assert_eq!(speeds.choose([0, 1], now), Some(1));
        speeds.end(2, now);
        assert_eq!(speeds.choose([0, 1], now), Some(1), "what it was is remembered");
    }

    #[test]
    fn what_comes_soon_is_told_from_what_does_not() {
        for patience in [Some(10 * SECOND), None] {
            // A mebibyte a second, but for the last, of which nothing is known yet.
            let (mut speeds, now) = measured(&[(0, 20 * MIB), (1, 20 * 1000)], patience);
            let fifth = MIB / 5;
            speeds.begin(2, 0, now);
            for (lease, bytes, is_soon) in [
                (0, fifth - 1, true),
                (0, fifth + 1, false),
                (1, 201, false),
                (1, 199, true),
                (2, fifth - 1, true),
                (2, fifth + 1, false),
                (7, 1, false),
            ] {
                assert_eq!(speeds.ends_soon(lease, bytes, now), is_soon, "{lease}: {bytes}");
            }
            speeds.begin(3, 2, now);
            assert!(!speeds.ends_soon(3, 1, now), "nobody knows the source");
        }
    }

    #[test]
    fn many_short_leases_tell_a_speed_together() {
        let mut now = Instant::now();
        let mut speeds = Speeds::new(2, Some(10 * SECOND));
        for lease in 0..6 {
            assert_eq!(speeds.choose([0, 1], now), Some(usize::from(lease == 5)), "{lease}");
            speeds.begin(lease, 0, now);
            now += SECOND / 2;
            speeds.delivered(lease, 4000);
            speeds.end(lease, now);
        }
    }

    #[test]
    fn nobody_is_left_before_its_time() {
        let (mut speeds, now) = speeds(&[(0, MIB), (1, 100 * MIB)]);
        let soon = now.checked_sub(11 * SECOND).unwrap();
        assert!(!speeds.leaves(0, [1], soon) && speeds.leaves(0, [1], now));
        assert!(!speeds.leaves(7, [1], now), "there is no such lease");
    }
}
