//! The distribution of streams among processor cores. It is pure: it knows numbers only.
//!
//! On one core, a set of streams takes a time that depends on the kernel, not on the bytes. A wide set
//! costs the least time of all cores together; several narrow ones, each on a core, are done sooner.
//! The cores also read the bytes, which costs time for each stream.

use super::cost::CostModel;

/// The work for the bytes of a stream, beside their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Files are read, perhaps from memory.
    Files,
    /// Bytes come from the network, or are unpacked as well.
    Work,
}

impl Feed {
    /// The time for a block, in hundredths of the time in which one stream is hashed. Measured: 12 to
    /// 17 to read it from the page cache, 80 and more to receive it and to write it to a file.
    pub(super) const fn percent(self) -> u64 {
        match self {
            Self::Files => 15,
            Self::Work => 80,
        }
    }
}

/// The threads that read files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderThreads {
    /// This number of threads read, and the threads of the engine hash.
    Feed(usize),
    /// This number of threads hash what they read.
    Hash(usize),
}

impl ReaderThreads {
    /// The number of threads.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Feed(threads) | Self::Hash(threads) => threads,
        }
    }
}

/// The best division may take this part of its time longer, if it uses fewer sets: that saves a
/// multiple of it in processor time.
const TOLERANCE: f64 = 0.05;

/// The time to read a block that the same core hashes, in times of its hash: it stays in the cache. Measured:
/// 0.08 to 0.09.
const OWN_FEED: f64 = 0.09;

/// The factor by which the work takes longer on cores that are busy all the time, because their threads wait
/// for each other. Measured with eight to twelve files on two cores: 1.2 to 1.4.
const SHARED: f64 = 1.25;

/// Streams for which the number of sets is computed in advance. That for more of them is the last one.
const PLANNED: usize = 64;

/// Divides streams among the cores.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    costs: CostModel,
    cores: usize,
    /// The time to read a block, in hundredths of the time to hash one alone.
    feed: u64,
    /// The best number of sets, by the number of streams.
    sets: Vec<usize>,
}

/// The state of the streams and of the sets in which they are hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Streams that have bytes, or may get some soon.
    pub(super) streams: usize,
    /// Those of them that are in a set now, and the number of these sets.
    pub(super) taken: usize,
    pub(super) sets: usize,
    /// The sources are faster than the hash.
    pub(super) is_hash_behind: bool,
}

/// The numbers of streams for the next set: it waits until most of the least are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Distribution {
    pub(super) fn new(costs: CostModel, cores: usize, feed: u64) -> Self {
        let mut new = Self { costs, cores, feed, sets: Vec::new() };
        new.sets = (0..=PLANNED).map(|streams| new.best_sets(streams)).collect();
        new
    }

    /// Returns the width of the next set. All widths differ by at most one. If the sources are the
    /// slower ones, the sets are as wide as possible: that leaves the most time to the sources.
    pub(super) fn width(&self, load: Load) -> Width {
        let Load { streams, taken, sets: busy, is_hash_behind } = load;
        let sets = if is_hash_behind { self.sets(streams) } else { 1 };
        let widest = streams.div_ceil(sets).clamp(1, self.costs.lanes());
        // The streams that are left are for the sets that are left. Without one, they wait for a full set.
        let (streams, sets) = if busy < sets {
            (streams.saturating_sub(taken), sets - busy)
        } else {
            (streams, sets)
        };
        Width {
            least: (streams / sets).clamp(1, widest),
            most: streams.div_ceil(sets).clamp(1, widest),
        }
    }

    /// Returns the threads that read this number of files, in the way that is the faster one. A core that
    /// hashes what it reads does one after the other, which is for many files only: others are done sooner
    /// if one core reads while another one hashes.
    pub(super) fn readers(&self, files: usize) -> ReaderThreads {
        let of_core = files.div_ceil(self.cores);
        let own = self.costs.time(of_core) + self.costs.time(1) * of_core as f64 * OWN_FEED;
        let sets = self.sets(files);
        let shared = self.time(files, sets).max(self.work(files, sets) * SHARED);
        if files > self.cores && own < shared {
            ReaderThreads::Hash(self.cores)
        } else {
            ReaderThreads::Feed(self.feeders(files))
        }
    }

    /// Returns the number of threads that feed the others: their part of the whole work.
    fn feeders(&self, streams: usize) -> usize {
        let feed = self.feed_time(streams);
        let all = feed + self.hash_time(streams, self.sets(streams));
        let threads =
            (1..streams).find(|&threads| threads as f64 * all >= feed * self.cores as f64);
        threads.unwrap_or(streams.max(1))
    }

    fn sets(&self, streams: usize) -> usize {
        self.sets[streams.min(PLANNED)]
    }

    /// The fewest sets that are about as fast as any.
    fn best_sets(&self, streams: usize) -> usize {
        let most = streams.min(self.cores).max(1);
        let times: Vec<_> = (1..=most).map(|sets| self.time(streams, sets)).collect();
        let limit = times.iter().copied().fold(f64::INFINITY, f64::min) * (1.0 + TOLERANCE);
        1 + times.iter().position(|&time| time <= limit).unwrap_or(0)
    }

    /// The time for one block of each stream: as long as the sets need, whose streams take turns, or if
    /// the cores have more to do, as long as these need.
    fn time(&self, streams: usize, sets: usize) -> f64 {
        let speed = of_sets(streams, sets, |width| width as f64 / self.costs.time(width));
        (streams as f64 / speed).max(self.work(streams, sets))
    }

    /// The part of each core in the work.
    fn work(&self, streams: usize, sets: usize) -> f64 {
        (self.hash_time(streams, sets) + self.feed_time(streams)) / self.cores as f64
    }

    /// The time of all sets together.
    fn hash_time(&self, streams: usize, sets: usize) -> f64 {
        of_sets(streams, sets, |width| self.costs.time(width))
    }

    fn feed_time(&self, streams: usize) -> f64 {
        self.costs.time(1) * (streams as u64 * self.feed) as f64 / 100.0
    }
}

/// Divides the streams into sets as evenly as possible, and returns the sum over the sets.
fn of_sets(streams: usize, sets: usize, of_width: impl Fn(usize) -> f64) -> f64 {
    let (least, wider) = (streams / sets, streams % sets);
    let of_wider = if wider == 0 { 0.0 } else { of_width(least + 1) * wider as f64 };
    of_wider + of_width(least) * (sets - wider) as f64
}

#[cfg(test)]
impl Distribution {
    /// The shortest time for one block of each stream, with any number of sets.
    pub(super) fn best_time(&self, streams: usize) -> f64 {
        let times = (1..=streams.min(self.cores).max(1)).map(|sets| self.time(streams, sets));
        times.fold(f64::INFINITY, f64::min)
    }

    /// The widths of the sets if nothing is taken yet.
    pub(super) fn widths(&self, streams: usize, is_hash_behind: bool) -> (usize, usize) {
        let Width { least, most } = self.width(Load { streams, taken: 0, sets: 0, is_hash_behind });
        (least, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Platform;

    /// Kernels of 1, 2, 8 and 16 lanes that take these times.
    fn on(times: [u32; 4], cores: usize, feed: u64) -> Distribution {
        Distribution::new(CostModel::new(Platform::SIMULATED, &times), cores, feed)
    }

    #[test]
    fn streams_are_spread_over_the_cores_before_lanes_are_widened() {
        // The more streams on a core, the slower is each of them.
        for cores in 1..=16 {
            let distribution = on([100, 200, 800, 1600], cores, 0);
            for streams in 1..=64 {
                let sets = cores.min(streams);
                let expected = ((streams / sets).min(16), streams.div_ceil(sets).min(16));
                assert_eq!(distribution.widths(streams, true), expected, "{streams} on {cores}");
            }
        }
    }

    /// Widths for 1, 2, 3, 6, 12 and 16 streams on two cores that also read, on several processors.
    #[test]
    fn a_second_core_hashes_if_that_is_faster_although_both_read() {
        for (name, times, expected) in [
            ("Ice Lake, AVX-512", [85, 100, 79, 90], [1, 2, 3, 6, 12, 16]),
            ("Ice Lake, AVX2", [85, 100, 111, 155], [1, 2, 3, 6, 12, 16]),
            ("narrow vectors", [85, 100, 165, 330], [1, 2, 2, 6, 6, 8]),
            ("no vectors", [85, 100, 400, 800], [1, 2, 2, 3, 6, 8]),
        ] {
            let found =
                [1, 2, 3, 6, 12, 16].map(|streams| on(times, 2, 15).widths(streams, true).1);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn sets_are_as_wide_as_possible_if_the_sources_are_slower() {
        for (streams, widths) in [(0, 1), (1, 1), (12, 12), (16, 16), (40, 16)] {
            let found = on([100, 200, 800, 1600], 64, 0).widths(streams, false);
            assert_eq!(found, (widths, widths));
        }
    }

    #[test]
    fn the_streams_that_are_left_are_for_the_sets_that_are_left() {
        let distribution = on([100, 200, 800, 1600], 4, 0);
        let next = |streams, taken, sets| {
            let load = Load { streams, taken, sets, is_hash_behind: true };
            let Width { least, most } = distribution.width(load);
            (least, most)
        };
        assert_eq!(next(25, 0, 0), (6, 7));
        assert_eq!(next(25, 7, 1), (6, 6));
        assert_eq!(next(25, 19, 3), (6, 6));
        // A stream came, and one set is already full.
        assert_eq!(next(26, 18, 3), (7, 7));
        // A new set takes half of what another one had.
        assert_eq!(next(18, 12, 2), (3, 3));
        // All sets are being hashed.
        assert_eq!(next(25, 20, 4), (6, 7));
    }

    #[test]
    fn enough_threads_read_and_no_more() {
        let readers = |files, cores| on([85, 100, 79, 90], cores, 15).readers(files);
        assert_eq!([0, 1, 2].map(|files| readers(files, 2)), [ReaderThreads::Feed(1); 3]);
        assert_eq!(
            [readers(12, 16), readers(64, 64)],
            [ReaderThreads::Feed(8), ReaderThreads::Feed(35)]
        );
        assert_eq!([3, 4, 6].map(|files| readers(files, 2)), [ReaderThreads::Feed(1); 3]);
        assert_eq!([8, 12, 40].map(|files| readers(files, 2)), [ReaderThreads::Hash(2); 3]);
        assert_eq!(readers(12, 1), ReaderThreads::Hash(1));
    }
}
