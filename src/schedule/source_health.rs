//! The state of each source, and of each source with each archive. Pure.

use std::time::{Duration, Instant};

use super::retry::AfterFailure;

/// The time after which an overloaded source gets more connections again.
const EASE: Duration = Duration::from_secs(15);

/// A source that served a connection within this time is not down.
const LATELY: Duration = Duration::from_secs(2);

/// The time for which a source is expected to serve as many connections at a time as it has.
const PROVEN: Duration = Duration::from_mins(1);

/// The connections to one source.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionGate {
    /// The source wants no requests until then.
    paused: Option<Instant>,
    /// The largest number of connections.
    limit: usize,
    /// The time at which the limit doubles.
    easing: Option<Instant>,
    /// Open connections, and those that have delivered bytes.
    active: usize,
    delivering: usize,
    /// The largest number of connections that delivered bytes at one time, and the last time.
    proven: Option<(usize, Instant)>,
    /// The last time a connection that had delivered bytes ended.
    served: Option<Instant>,
    /// The source has refused connections after it had served some: idle ones may count for it.
    pub counts_idle: bool,
    /// The source was skipped for an archive and has delivered nothing since.
    pub dead: bool,
}

/// The state of one source with one archive.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that was noticed")]
pub(crate) struct SourceHealth {
    /// The reason why the source is skipped for this archive.
    pub skipped: Option<String>,
    /// The reason was a size that contradicts the known one.
    pub by_size: bool,
    /// Attempts in a row without a new byte.
    pub failures: u32,
    /// Responses in a row that did not fit their range.
    pub contradictions: u32,
    /// Refusals in a row that may have been about the number of connections.
    pub crowded: u32,
    /// The time of the last failure that counted.
    pub counted: Option<Instant>,
    /// The time before which no request is sent.
    pub not_before: Option<Instant>,
    /// The source has delivered bytes of this archive in this run.
    pub delivered: bool,
    /// A cache or a proxy may have mixed up responses: requests bypass them.
    pub suspicious: bool,
    /// The source sends whole files only.
    pub sends_whole: bool,
    /// The ETags of the archive there.
    pub tags: Tags,
}

/// The ETags of one archive at one source in one attempt (RFC 9110, section 8.8.3).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tags {
    /// A checksum of the last one.
    last: Option<u32>,
    changed: bool,
}

impl Default for ConnectionGate {
    fn default() -> Self {
        Self {
            paused: None,
            limit: usize::MAX,
            easing: None,
            active: 0,
            delivering: 0,
            proven: None,
            served: None,
            counts_idle: false,
            dead: false,
        }
    }
}

impl ConnectionGate {
    /// The time at which the next connection may open.
    pub(crate) fn opens(&self, now: Instant) -> Opening {
        if let Some(until) = self.paused.filter(|&until| until > now) {
            return Opening::At(until);
        }
        if self.active < self.limit {
            return Opening::Now;
        }
        self.easing.map_or(Opening::Later, Opening::At)
    }

    /// Doubles the limit when it is time.
    pub(crate) fn ease(&mut self, now: Instant) {
        while let Some(at) = self.easing.filter(|&at| at <= now) {
            self.limit = self.limit.saturating_mul(2);
            // Far more than there are connections: no limit.
            self.easing = (self.limit < 1024).then(|| at + EASE);
        }
    }

    /// A connection opens.
    pub(crate) const fn enter(&mut self) {
        self.active += 1;
    }

    /// Its first bytes arrive.
    pub(crate) fn deliver(&mut self, now: Instant) {
        self.delivering += 1;
        self.dead = false;
        if self.delivering >= self.proven(now) {
            self.proven = Some((self.delivering, now));
        }
    }

    /// The number of connections at one time that the source has served of late.
    fn proven(&self, now: Instant) -> usize {
        let recent = self.proven.filter(|(_, at)| now.duration_since(*at) < PROVEN);
        recent.map_or(self.delivering, |(most, _)| most.max(self.delivering))
    }

    pub(crate) const fn open_connections(&self) -> usize {
        self.active
    }

    /// It ends.
    pub(crate) fn leave(&mut self, had_delivered: bool, now: Instant) {
        self.active = self.active.saturating_sub(1);
        if had_delivered {
            self.served = Some(now);
            self.delivering = self.delivering.saturating_sub(1);
        }
    }

    /// The source wants no requests until this time.
    pub(crate) fn pause(&mut self, until: Instant) {
        self.paused = Some(self.paused.map_or(until, |already| already.max(until)));
    }

    /// The source refused a connection. If it serves others, limits it to these for a while and
    /// returns true.
    pub(crate) fn crowded(&mut self, now: Instant) -> bool {
        let serves = self.serves(now);
        self.counts_idle |= serves || self.served.is_some();
        if serves {
            self.limit_to_served(now);
        }
        serves
    }

    /// The source refused one of its `opened` connections, in words that can mean anything.
    pub(crate) fn refused(&mut self, opened: usize, now: Instant) -> Refusal {
        self.counts_idle |= self.active > 0 || self.served.is_some();
        if self.active == 0 && !self.serves(now) {
            return if self.served.is_some() { Refusal::Counts } else { Refusal::Final };
        }
        if opened > self.proven(now) {
            self.limit_to_served(now);
        }
        Refusal::TooMany
    }

    fn serves(&self, now: Instant) -> bool {
        let lately = self.served.is_some_and(|served| now.duration_since(served) < LATELY);
        self.delivering > 0 || lately
    }

    fn limit_to_served(&mut self, now: Instant) {
        self.limit = self.delivering.max(1);
        self.easing = Some(now + EASE);
    }
}

/// The meaning of a refusal that may be about the archive or about the number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There was no other connection, and the source has served none: it gives nothing.
    Final,
    /// There was no other connection, but the source may count some that have ended.
    Counts,
    /// There were other connections.
    TooMany,
}

/// The time at which a source can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Now,
    At(Instant),
    /// Not before something else changes.
    Later,
}

impl Opening {
    /// The later of the two.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Later, _) | (_, Self::Later) => Self::Later,
            (Self::At(a), Self::At(b)) => Self::At(a.max(b)),
            (Self::At(at), Self::Now) | (Self::Now, Self::At(at)) => Self::At(at),
            (Self::Now, Self::Now) => Self::Now,
        }
    }
}

impl Tags {
    pub(crate) fn note(&mut self, tag: &str) {
        let tag = crc32fast::hash(tag.as_bytes());
        self.changed |= self.last.is_some_and(|last| last != tag);
        self.last = Some(tag);
    }

    pub(crate) const fn have_changed(self) -> bool {
        self.changed
    }
}

impl SourceHealth {
    /// The time at which this archive may be requested; `None` for never.
    pub(crate) fn opens(&self, now: Instant) -> Option<Opening> {
        if self.skipped.is_some() {
            return None;
        }
        Some(self.not_before.filter(|&at| at > now).map_or(Opening::Now, Opening::At))
    }

    /// Skips the source, for this reason.
    pub(crate) fn skip(&mut self, why: String) -> AfterFailure {
        self.skipped = Some(why.clone());
        AfterFailure::Skip(why)
    }

    /// New bytes arrived.
    pub(crate) const fn progress(&mut self) {
        self.failures = 0;
        self.crowded = 0;
        self.delivered = true;
    }

    /// Counts a failed attempt that began at `begun`. Attempts that ran at the same time count once.
    pub(crate) fn fail(&mut self, begun: Instant, now: Instant) -> u32 {
        if self.failures == 0 || self.counted.is_none_or(|counted| begun >= counted) {
            self.failures += 1;
            self.counted = Some(now);
        }
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_were_under_way_together_count_once() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut health = SourceHealth::default();
        assert_eq!(health.fail(start, start + second), 1);
        assert_eq!(health.fail(start, start + 2 * second), 1);
        assert_eq!(health.fail(start + second, start + 3 * second), 2);
        health.progress();
        assert_eq!(health.fail(start, start + 4 * second), 1);
    }

    #[test]
    fn a_crowded_source_gets_as_many_connections_as_it_serves_and_more_after_a_while() {
        let now = Instant::now();
        let mut gate = ConnectionGate::default();
        for _ in 0..5 {
            gate.enter();
        }
        assert!(!gate.crowded(now));
        gate.deliver(now);
        gate.deliver(now);
        for _ in 0..3 {
            gate.leave(false, now);
            assert!(gate.crowded(now));
        }
        assert_eq!(gate.opens(now), Opening::At(now + EASE));
        gate.ease(now + EASE);
        assert_eq!(gate.opens(now + EASE), Opening::Now);
    }

    #[test]
    fn a_refusal_counts_if_nothing_else_explains_it() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut gate = ConnectionGate::default();
        for _ in 0..4 {
            gate.enter();
        }
        gate.leave(false, now);
        assert_eq!(gate.refused(4, now), Refusal::TooMany, "others are open");
        gate.deliver(now);
        gate.deliver(now);
        gate.leave(false, now);
        assert_eq!(gate.refused(3, now), Refusal::TooMany);
        assert_eq!(gate.opens(now), Opening::At(now + EASE));
        gate.leave(true, now);
        gate.leave(true, now);
        assert_eq!(gate.refused(1, now + second), Refusal::TooMany, "it served some just now");
        assert_eq!(gate.refused(1, now + 3 * second), Refusal::Counts);
        assert!(gate.counts_idle);
        let mut gate = ConnectionGate::default();
        assert_eq!(gate.refused(1, now), Refusal::Final);
        assert!(!gate.counts_idle, "it has served none that could be idle");
    }

    #[test]
    fn as_many_connections_as_were_served_of_late_are_not_made_fewer() {
        let now = Instant::now();
        let mut gate = ConnectionGate::default();
        for _ in 0..3 {
            gate.enter();
            gate.deliver(now);
        }
        gate.leave(true, now);
        assert_eq!(gate.refused(3, now), Refusal::TooMany);
        assert_eq!(gate.opens(now), Opening::Now);
        assert_eq!(gate.refused(3, now + PROVEN), Refusal::TooMany);
        assert_eq!(gate.opens(now), Opening::At(now + PROVEN + EASE), "that was long ago");
    }

    #[test]
    fn a_paused_source_opens_when_it_said() {
        let now = Instant::now();
        let mut gate = ConnectionGate::default();
        gate.pause(now + Duration::from_secs(7));
        gate.pause(now + Duration::from_secs(3));
        assert_eq!(gate.opens(now), Opening::At(now + Duration::from_secs(7)));
        assert_eq!(gate.opens(now + Duration::from_secs(7)), Opening::Now);
    }
}
