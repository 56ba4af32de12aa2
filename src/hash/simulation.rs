//! Simulates the engine: its table of streams with cores that take time by the cost model. There is no
//! thread and no clock, so that any number of cores can be tried. Sources are always faster than the
//! hash.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::cost::CostModel;
use super::distribution::Distribution;
use super::md5::{BLOCK, Platform};
use super::stream_table::{BACKLOG, HashJob, MAX_BYTES, StreamTable};

/// Times of kernels of 1, 2, 8 and 16 lanes: measured ones, and ones that gain nothing.
const PROCESSORS: [[u32; 4]; 4] =
    [[85, 100, 79, 90], [85, 100, 111, 155], [85, 100, 165, 330], [100, 200, 800, 1600]];

/// Bytes that a source pushes at a time.
const PUSHED: usize = 128 << 10;

/// A stream that begins at a time and has a number of bytes.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    begin: f64,
    bytes: usize,
}

struct Simulation {
    table: StreamTable,
    costs: CostModel,
    now: f64,
    /// The sets that are being hashed, with the time at which each is done.
    cores: Vec<Option<(f64, Vec<HashJob>)>>,
    /// The bytes that are not pushed yet.
    sources: BTreeMap<u64, usize>,
}

impl Simulation {
    fn new(costs: CostModel, distribution: &Distribution, cores: usize) -> Self {
        let table = StreamTable::new(distribution.clone(), BACKLOG);
        let cores = (0..cores).map(|_| None).collect();
        Self { table, costs, now: 0.0, cores, sources: BTreeMap::new() }
    }

    /// Hashes everything and returns the time.
    fn run(&mut self, mut arrivals: Vec<Arrival>) -> f64 {
        arrivals.sort_by(|one, other| other.begin.total_cmp(&one.begin));
        loop {
            while let Some(next) = arrivals.pop_if(|next| next.begin <= self.now) {
                self.sources.insert(self.table.open(), next.bytes);
            }
            self.push();
            self.take();
            let done = self.cores.iter().flatten().map(|(done, _)| *done);
            let next =
                done.chain(arrivals.last().map(|next| next.begin)).fold(f64::INFINITY, f64::min);
            if next.is_infinite() {
                assert!(self.table.is_empty(), "the streams are not hashed to their ends");
                return self.now;
            }
            self.now = next;
            self.put_back();
        }
    }

    /// Fills the streams, and closes those that are hashed.
    fn push(&mut self) {
        static ZEROS: [u8; PUSHED] = [0; PUSHED];
        let Self { table, sources, .. } = self;
        sources.retain(|&id, left| {
            while *left > 0
                && table.push(id, &Bytes::from_static(&ZEROS[..PUSHED.min(*left)])).is_ok()
            {
                *left -= PUSHED.min(*left);
            }
            let is_done = *left == 0 && table.end(id).is_ok();
            if is_done {
                table.close(id);
            }
            !is_done
        });
    }

    /// Lets every free core take a set. If all are free, their patience ends.
    fn take(&mut self) {
        for core in 0..self.cores.len() {
            if self.cores[core].is_none() {
                let jobs = self.table.take(self.cores.iter().any(Option::is_some));
                if jobs.is_empty() {
                    // The other cores would get nothing either.
                    return;
                }
                self.cores[core] = Some((self.now + self.time(&jobs), jobs));
            }
        }
    }

    /// Streams leave a set as they run out of bytes.
    fn time(&self, jobs: &[HashJob]) -> f64 {
        let mut blocks: Vec<_> = jobs.iter().map(|job| job.bytes().div_ceil(BLOCK)).collect();
        blocks.sort_unstable();
        let before = std::iter::once(0).chain(blocks.iter().copied());
        let steps = before.zip(&blocks).zip((1..=jobs.len()).rev());
        steps.map(|((before, now), width)| (now - before) as f64 * self.costs.time(width)).sum()
    }

    fn put_back(&mut self) {
        for core in &mut self.cores {
            if let Some((_, jobs)) = core.take_if(|(done, _)| *done <= self.now) {
                self.table.put_back(jobs);
            }
        }
    }
}

/// The time if each of the open streams always got the speed that the distribution promises.
fn promised(distribution: &Distribution, arrivals: &[Arrival]) -> f64 {
    let mut left: Vec<_> =
        arrivals.iter().map(|it| (it.begin, (it.bytes / BLOCK) as f64)).collect();
    let mut now = 0.0;
    loop {
        let open = |(begin, blocks): &(f64, f64)| *begin <= now && *blocks > 0.01;
        let streams = left.iter().filter(|it| open(it)).count();
        let time = distribution.best_time(streams);
        let end = left.iter().filter(|it| open(it)).map(|(_, blocks)| now + blocks * time);
        let begin = left.iter().map(|(begin, _)| *begin).filter(|&begin| begin > now);
        let next = end.chain(begin).fold(f64::INFINITY, f64::min);
        if next.is_infinite() {
            return now;
        }
        for (_, blocks) in left.iter_mut().filter(|it| open(it)) {
            *blocks -= (next - now) / time;
        }
        now = next;
    }
}

/// Runs simulations on this number of cores. Each must take about the time that is promised: the last
/// pieces of streams cannot be divided.
fn check(times: [u32; 4], cores: usize, cases: impl IntoIterator<Item = Vec<Arrival>>) {
    let costs = CostModel::new(Platform::SIMULATED, &times);
    let distribution = Distribution::new(costs, cores, 0);
    for arrivals in cases {
        let promised = promised(&distribution, &arrivals);
        let limit = 1.2 * promised + 2.0 * (MAX_BYTES / BLOCK) as f64 * costs.time(16);
        let streams = arrivals.len();
        let time = Simulation::new(costs, &distribution, cores).run(arrivals);
        let case = format!("{streams} streams on {cores} cores of {times:?}");
        assert!(time <= limit, "{case}: {time}, promised {promised}");
    }
}

#[test]
fn equal_streams_are_balanced_on_any_number_of_cores() {
    for cores in 1..=64 {
        let arrival = Arrival { begin: 0.0, bytes: 1 << 20 };
        // More cores than streams change nothing.
        let cases = (cores..=64).step_by(3).map(|streams| vec![arrival; streams]);
        check(PROCESSORS[cores % PROCESSORS.len()], cores, cases);
    }
}

#[test]
fn work_moves_as_streams_begin_and_end() {
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (cores, streams) = (random.usize(1..=64), random.usize(1..=64));
        let last = 1e8 * random.f64();
        let arrival = |_| Arrival { begin: last * random.f64(), bytes: random.usize(1..4 << 20) };
        let arrivals = (0..streams).map(arrival).collect();
        check(PROCESSORS[random.usize(..PROCESSORS.len())], cores, [arrivals]);
    }
}
