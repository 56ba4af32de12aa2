//! The cost model: the time of each kernel on this processor, measured once, and the kernel to use
//! for a number of streams.
//!
//! Processors differ in the order of their kernels: one stream is fastest in a vector on some, and in
//! plain registers on others. A measurement of 0.2 ms knows the processor that it runs on, and its
//! neighbours; a table of processors would know neither.

use std::time::{Duration, Instant};

use super::md5::{BLOCK, INITIAL, Platform, WIDEST};

/// Blocks in a measurement: enough that the clock itself costs nothing, and so few that most are not
/// interrupted.
const BLOCKS: usize = 32;

/// Measurements of each kernel, in turns. The shortest counts: whatever disturbs one makes it longer.
const ROUNDS: usize = 16;

/// Ends the measurement early, where a program without optimisation or a slow processor takes longer.
const LIMIT: Duration = Duration::from_micros(500);

/// By the number of streams on one core, the kernel and the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct CostModel {
    /// The time for one block of each stream, in any unit.
    times: [u32; WIDEST + 1],
    /// The index of the kernel that hashes the first of the streams.
    kernels: [u8; WIDEST + 1],
    lanes: usize,
}

impl CostModel {
    /// The times as they are measured on this processor.
    pub(super) fn measure(platform: Platform) -> Self {
        let row = [0; BLOCKS * BLOCK];
        let (rows, mut states) = ([&row[..]; WIDEST], [INITIAL; WIDEST]);
        let mut shortest = vec![Duration::MAX; platform.kernels().len()];
        let start = Instant::now();
        for round in 0..ROUNDS {
            if round > 2 && start.elapsed() > LIMIT {
                break;
            }
            for (kernel, shortest) in platform.kernels().iter().zip(&mut shortest) {
                let start = Instant::now();
                kernel.compress(&mut states, &rows);
                *shortest = start.elapsed().min(*shortest);
            }
        }
        let nanoseconds = |time: &Duration| u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        Self::new(platform, &shortest.iter().map(nanoseconds).collect::<Vec<_>>())
    }

    /// The narrowest kernel that has enough lanes is the best, as on most processors.
    pub(super) fn assumed(platform: Platform) -> Self {
        let times: Vec<u32> = (100..).take(platform.kernels().len()).collect();
        Self::new(platform, &times)
    }

    /// The kernels of the platform take these times, from the narrowest to the widest.
    pub(super) fn new(platform: Platform, of_kernels: &[u32]) -> Self {
        let (mut times, mut kernels) = ([0; WIDEST + 1], [0; WIDEST + 1]);
        for streams in 1..=platform.lanes() {
            let lanes = platform.kernels().iter().map(|kernel| kernel.lanes());
            // One kernel for all of them, or for the first ones, and the best way for the rest.
            let ways = lanes.zip(of_kernels).zip(0..).map(|((lanes, &time), kernel)| {
                (u32::saturating_add(time.max(1), times[streams.saturating_sub(lanes)]), kernel)
            });
            (times[streams], kernels[streams]) = ways.min().unwrap_or((1, 0));
        }
        Self { times, kernels, lanes: platform.lanes() }
    }

    /// The most streams that one kernel hashes.
    pub(super) const fn lanes(&self) -> usize {
        self.lanes
    }

    /// The time that one core takes for one block of each of the streams.
    pub(super) fn time(&self, streams: usize) -> f64 {
        let full = f64::from(self.times[self.lanes]) * (streams / self.lanes) as f64;
        full + f64::from(self.times[streams % self.lanes])
    }

    /// The index of the kernel for the first of the streams. It takes as many as it has lanes.
    pub(super) fn kernel(&self, streams: usize) -> usize {
        self.kernels[streams.min(self.lanes)].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(model: &CostModel, platform: Platform, streams: usize) -> usize {
        platform.kernels()[model.kernel(streams)].lanes()
    }

    #[test]
    fn the_fastest_kernels_are_chosen() {
        let with = |times: &[u32]| CostModel::new(Platform::SIMULATED, times);
        let chosen = |times: &[u32], streams| lanes(&with(times), Platform::SIMULATED, streams);
        // A processor on which one stream is fastest in eight lanes, and one on which two need them.
        for (times, expected) in [
            ([85, 100, 79, 90], [(1, 8), (2, 8), (3, 8), (8, 8), (9, 16), (16, 16), (40, 16)]),
            ([70, 90, 100, 300], [(1, 1), (2, 2), (3, 8), (8, 8), (9, 1), (10, 2), (16, 8)]),
        ] {
            for (streams, lanes) in expected {
                assert_eq!(chosen(&times, streams), lanes, "{streams} of {times:?}");
            }
        }
        assert_eq!(with(&[70, 90, 100, 300]).time(11).to_string(), "200");
        assert_eq!(with(&[70, 90, 100, 130]).time(35).to_string(), "360");
    }

    #[test]
    fn without_a_measurement_the_narrowest_kernel_with_enough_lanes_is_chosen() {
        for platform in Platform::available() {
            let model = CostModel::assumed(platform);
            for streams in 1..=20 {
                let enough =
                    platform.kernels().iter().map(|it| it.lanes()).find(|&it| it >= streams);
                let expected = enough.unwrap_or(platform.lanes());
                assert_eq!(lanes(&model, platform, streams), expected, "{}", platform.name());
            }
        }
    }

    #[test]
    fn every_kernel_is_measured() {
        for platform in Platform::available() {
            let model = CostModel::measure(platform);
            assert!((1..=64).all(|streams| model.time(streams) > 0.0), "{model:?}");
            assert!(model.time(64) > model.time(1), "{model:?}");
        }
    }
}
