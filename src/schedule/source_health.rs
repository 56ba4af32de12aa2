//! What is known of the sources: of each as a whole, and of each with each archive. Pure.

use std::time::{Duration, Instant};

use super::retry::AfterFailure;

/// How long a source that had too much to do is left with fewer connections before more are tried.
const EASE: Duration = Duration::from_secs(15);

/// A source that served a connection so short a time ago is not down.
const LATELY: Duration = Duration::from_secs(2);

/// A source with all its connections.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionGate {
    /// Until when the source has asked to be left alone.
    paused: Option<Instant>,
    /// Connections that it may have.
    limit: usize,
    /// When the limit is next doubled.
    easing: Option<Instant>,
    /// Connections at it now, and those among them that have brought bytes.
    active: usize,
    delivering: usize,
    /// When one that had brought bytes ended last.
    served: Option<Instant>,
    /// It was given up for an archive and has given nothing since.
    pub dead: bool,
}

/// A source and one archive.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that was noticed")]
pub(crate) struct SourceHealth {
    /// Why the source is given up for this archive.
    pub given_up: Option<String>,
    /// It was for another size than the one that was known.
    pub by_size: bool,
    /// Attempts in a row without a new byte.
    pub failures: u32,
    /// When the last of them was counted.
    pub counted: Option<Instant>,
    /// When it may be asked again.
    pub not_before: Option<Instant>,
    /// It has given bytes of this archive in this run.
    pub delivered: bool,
    /// Something on the way has mixed answers up: caches are to be passed by.
    pub suspicious: bool,
    /// It sends whole files only.
    pub sends_whole: bool,
    /// What it calls the archive.
    pub tags: Tags,
}

/// What a source calls one archive (RFC 9110, section 8.8.3) in one round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tags {
    /// The last one, shortened.
    last: Option<u32>,
    /// There has been another one before.
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
            served: None,
            dead: false,
        }
    }
}

impl ConnectionGate {
    /// When a connection may next go there: `None` for now, or a moment, or, where others must end
    /// first, no moment at all.
    pub(crate) fn opens(&self, now: Instant) -> Opening {
        if let Some(until) = self.paused.filter(|&until| until > now) {
            return Opening::At(until);
        }
        if self.active < self.limit {
            return Opening::Now;
        }
        self.easing.map_or(Opening::Later, Opening::At)
    }

    /// Time passes: after a while without trouble the limit doubles.
    pub(crate) fn ease(&mut self, now: Instant) {
        while let Some(at) = self.easing.filter(|&at| at <= now) {
            self.limit = self.limit.saturating_mul(2);
            // Far more than there are connections: no limit.
            self.easing = (self.limit < 1024).then(|| at + EASE);
        }
    }

    /// A connection goes there.
    pub(crate) const fn enter(&mut self) {
        self.active += 1;
    }

    /// Its first byte came.
    pub(crate) const fn deliver(&mut self) {
        self.delivering += 1;
        self.dead = false;
    }

    /// It ended.
    pub(crate) fn leave(&mut self, had_delivered: bool, now: Instant) {
        self.active = self.active.saturating_sub(1);
        if had_delivered {
            self.served = Some(now);
            self.delivering = self.delivering.saturating_sub(1);
        }
    }

    /// The source asks all connections to wait.
    pub(crate) fn pause(&mut self, until: Instant) {
        self.paused = Some(self.paused.map_or(until, |already| already.max(until)));
    }

    /// It turned a connection away. If it serves others, it gets no more than those for a while.
    /// Says whether it does.
    pub(crate) fn crowded(&mut self, now: Instant) -> bool {
        let lately = self.served.is_some_and(|served| now.duration_since(served) < LATELY);
        if self.delivering == 0 && !lately {
            return false;
        }
        self.limit = self.delivering.max(1);
        self.easing = Some(now + EASE);
        true
    }
}

/// When a source can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Now.
    Now,
    /// At this moment.
    At(Instant),
    /// When something else has changed.
    Later,
}

impl Opening {
    /// The one that comes later.
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
    /// The source calls this state of the archive so.
    pub(crate) fn see(&mut self, tag: &str) {
        let tag = crc32fast::hash(tag.as_bytes());
        self.changed |= self.last.is_some_and(|last| last != tag);
        self.last = Some(tag);
    }

    /// Whether it has been called by another one before.
    pub(crate) const fn have_changed(self) -> bool {
        self.changed
    }
}

impl SourceHealth {
    /// When this archive may be asked for there; `None` if never again.
    pub(crate) fn opens(&self, now: Instant) -> Option<Opening> {
        if self.given_up.is_some() {
            return None;
        }
        Some(self.not_before.filter(|&at| at > now).map_or(Opening::Now, Opening::At))
    }

    /// The source is given up, for a reason in words.
    pub(crate) fn give_up(&mut self, why: String) -> AfterFailure {
        self.given_up = Some(why.clone());
        AfterFailure::Skip(why)
    }

    /// A new byte came.
    pub(crate) const fn progress(&mut self) {
        self.failures = 0;
        self.delivered = true;
    }

    /// An attempt that began at `begun` failed. Attempts that were under way together count once.
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
        let mut standing = SourceHealth::default();
        assert_eq!(standing.fail(start, start + second), 1);
        assert_eq!(standing.fail(start, start + 2 * second), 1);
        assert_eq!(standing.fail(start + second, start + 3 * second), 2);
        standing.progress();
        assert_eq!(standing.fail(start, start + 4 * second), 1);
    }

    #[test]
    fn a_crowded_source_gets_as_many_connections_as_it_serves_and_more_after_a_while() {
        let now = Instant::now();
        let mut gate = ConnectionGate::default();
        for _ in 0..5 {
            gate.enter();
        }
        assert!(!gate.crowded(now));
        gate.deliver();
        gate.deliver();
        for _ in 0..3 {
            gate.leave(false, now);
            assert!(gate.crowded(now));
        }
        assert_eq!(gate.opens(now), Opening::At(now + EASE));
        gate.ease(now + EASE);
        assert_eq!(gate.opens(now + EASE), Opening::Now);
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
