//! Every kind of damage to a file: `verify` locates it, and `fetch` repairs it with few bytes.
//!
//! Each test prints the widths of the located ranges and the bytes fetched. The variables
//! `CXR_TESTS_REPAIR_FLIPS` and `CXR_TESTS_REPAIR_MIB` set the number of damages and the size of
//! the archives; see `tests/README.md`.

use std::ops::Range;

use crate::support::{
    Archive, Report, Sandbox, Server, gunzip, large_archive, large_compressible, random,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn given(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|given| given.parse().unwrap())
}

/// The size of the archives: by default small enough for a build without optimisation.
fn mebibytes() -> usize {
    given("CXR_TESTS_REPAIR_MIB").unwrap_or(4)
}

/// The number of flipped bits, each in its own archive.
fn flips() -> usize {
    given("CXR_TESTS_REPAIR_FLIPS").unwrap_or(4)
}

/// The number of times that every other damage is done.
fn rounds() -> usize {
    (flips() / 30).max(1)
}

/// The results for one kind of damage.
struct Results {
    good: Archive,
    /// The widths of the ranges that `verify` reports.
    widths: Vec<u64>,
    /// The bytes that `fetch` downloaded.
    fetched: Vec<u64>,
}

impl Results {
    fn new(good: Archive) -> Self {
        Self { good, widths: Vec::new(), fetched: Vec::new() }
    }

    /// Asserts that `verify` locates the damage in `bytes` and that `fetch` repairs it. Returns the
    /// bytes downloaded.
    #[track_caller]
    fn repair(&mut self, bytes: &[u8]) -> u64 {
        let sandbox = Sandbox::new();
        sandbox.put(format!("data/{}", self.good.name), bytes);
        if let Some(range) = self.located(&sandbox, bytes) {
            self.widths.push(range.end - range.start);
        }
        let report = fetched_over(&sandbox, &self.good);
        self.fetched.push(report.downloaded());
        report.downloaded()
    }

    /// Returns the range that `verify` reports, and asserts that it contains the first wrong byte.
    /// Returns `None` if no check in the archive notices the damage.
    #[track_caller]
    fn located(&self, sandbox: &Sandbox, bytes: &[u8]) -> Option<Range<u64>> {
        let good = &self.good.bytes;
        let at = good.iter().zip(bytes).position(|(a, b)| a != b);
        let at = at.unwrap_or(good.len().min(bytes.len()));
        let report = sandbox.verify(std::slice::from_ref(&self.good)).arg("data").report(1);
        let damage = &report.only().is("corrupt").value["damage"][0];
        let (Some(start), Some(end)) = (damage["start"].as_u64(), damage["end"].as_u64()) else {
            report.only().because("no check of its gzip stream and of its tar fails");
            // Most of the gzip header has no check.
            assert!(at < 10 || gunzip(bytes) == gunzip(good), "byte {at}{}", report.shown());
            return None;
        };
        // Missing bytes are missing at the end.
        let is_inside = (start..end.max(bytes.len() as u64 + 1)).contains(&(at as u64));
        assert!(is_inside && end > start, "byte {at} not in {start} to {end}{}", report.shown());
        Some(start..end)
    }

    /// Prints the results.
    fn print(&self, what: &str) {
        let (widths, fetched) = (Percentiles::of(&self.widths), Percentiles::of(&self.fetched));
        let (size, count) = (self.good.size(), self.fetched.len());
        let share = |bytes: u64| bytes as f64 * 100.0 / size as f64;
        eprintln!(
            "{what}: {count} in {size} bytes, {} located; range {} / {} / {}; fetched {} / {} / {} \
             ({:.3} / {:.3} / {:.3} %)",
            self.widths.len(),
            widths.median,
            widths.percentile_95,
            widths.largest,
            fetched.median,
            fetched.percentile_95,
            fetched.largest,
            share(fetched.median),
            share(fetched.percentile_95),
            share(fetched.largest),
        );
    }
}

struct Percentiles {
    median: u64,
    percentile_95: u64,
    largest: u64,
}

impl Percentiles {
    fn of(numbers: &[u64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        let at = |share: usize| {
            let index = (sorted.len() * share).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(0)
        };
        Self { median: at(50), percentile_95: at(95), largest: at(100) }
    }
}

/// Fetches over a damaged file. Asserts that the archive is complete and no working file is left.
#[track_caller]
fn fetched_over(sandbox: &Sandbox, good: &Archive) -> Report {
    let server = Server::with([good]);
    let table = sandbox.table_with_sizes(&[(good, "")]);
    // With several connections, one may read into the chunk of another and fetch bytes twice.
    let fetch = sandbox.fetch_with(&table).args(["--connections", "1"]);
    let report = fetch.args(["--from", &server.base()]).report(0);
    report.all_ok();
    sandbox.assert_archive(good);
    let is_known = |name: &str| name == "lock" || name.ends_with(".receipt");
    let files = sandbox.files("data/.cxr");
    assert!(files.iter().all(|file| is_known(&file.to_string_lossy())), "{files:?}");
    let (reused, size) = (report.only().reused(), good.size());
    let all = reused + report.downloaded();
    assert!(reused <= size && all >= size, "{reused} reused{}", report.shown());
    report
}

/// Flips bits, each in its own archive. Asserts that 128 KiB repair 95 of 100, whatever the size of
/// the archive.
fn one_bit_each(good: Archive, what: &str) {
    let mut random = random();
    let mut results = Results::new(good);
    for _ in 0..flips() {
        let mut bytes = results.good.bytes.to_vec();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(0..8);
        results.repair(&bytes);
    }
    results.print(what);
    let Percentiles { percentile_95, .. } = Percentiles::of(&results.fetched);
    assert!(percentile_95 <= 128 * KIB as u64, "{:?}", results.fetched);
}

#[test]
fn one_flipped_bit_is_located_and_repaired() {
    one_bit_each(large_archive(mebibytes()), "a flipped bit");
}

/// The original images cannot be compressed further, so that gzip stores them. These are coded.
#[test]
fn one_flipped_bit_of_compressed_images_is_located_and_repaired() {
    one_bit_each(large_compressible(mebibytes()), "a flipped bit, compressed");
}

/// Repairs one kind of damage several times. `damage` returns the damaged bytes and the most that
/// the repair may download.
fn each_time(what: &str, mut damage: impl FnMut(&[u8], &mut fastrand::Rng) -> (Vec<u8>, usize)) {
    let mut random = random();
    let mut results = Results::new(large_archive(mebibytes()));
    for _ in 0..rounds() {
        let (bytes, most) = damage(&results.good.bytes.clone(), &mut random);
        let fetched = results.repair(&bytes);
        assert!(fetched <= most as u64, "{what}: {fetched} bytes of {most}");
    }
    results.print(what);
}

/// A random range of `length` bytes.
fn place(good: &[u8], length: usize, random: &mut fastrand::Rng) -> Range<usize> {
    let at = random.usize(..=good.len() - length);
    at..at + length
}

#[test]
fn ten_flipped_bits_are_located_and_repaired() {
    each_time("ten flipped bits", |good, random| {
        let mut bytes = good.to_vec();
        // One in each tenth, and none near the next: a repair takes damages that are close to each
        // other for one that is larger.
        let tenth = good.len() / 10;
        for number in 0..10 {
            bytes[number * tenth + random.usize(..tenth / 2)] ^= 1 << random.u32(0..8);
        }
        (bytes, 10 * 192 * KIB)
    });
}

#[test]
fn runs_of_zeros_are_located_and_repaired() {
    // In a small archive, less damage can be repaired.
    let long = MIB.min(mebibytes() * MIB / 16);
    for length in [512, 4 * KIB, long] {
        each_time(&format!("{length} zeros"), |good, random| {
            let mut bytes = good.to_vec();
            bytes[place(good, length, random)].fill(0);
            (bytes, 2 * length + 192 * KIB)
        });
    }
}

#[test]
fn two_swapped_blocks_are_located_and_repaired() {
    each_time("two blocks swapped", |good, random| {
        let mut bytes = good.to_vec();
        let mut block = || random.usize(..good.len() / (4 * KIB)) * 4 * KIB;
        let (one, other) = (block(), block());
        bytes[one..one + 4 * KIB].copy_from_slice(&good[other..other + 4 * KIB]);
        bytes[other..other + 4 * KIB].copy_from_slice(&good[one..one + 4 * KIB]);
        if one == other {
            bytes[one] ^= 1;
        }
        (bytes, 2 * 192 * KIB)
    });
}

/// The most bytes for a repair if all bytes from `from` on are shifted.
fn shifted(good: &[u8], from: usize) -> usize {
    good.len() - from + MIB + 128 * KIB
}

#[test]
fn a_missing_block_is_located_and_repaired() {
    each_time("a block missing", |good, random| {
        let gone = place(good, 4 * KIB, random);
        (without(good, gone.clone()), shifted(good, gone.start))
    });
}

fn without(good: &[u8], gone: Range<usize>) -> Vec<u8> {
    [&good[..gone.start], &good[gone.end..]].concat()
}

#[test]
fn a_doubled_block_is_located_and_repaired() {
    each_time("a block doubled", |good, random| {
        let twice = place(good, 4 * KIB, random);
        let bytes = [&good[..twice.end], &good[twice.start..]].concat();
        (bytes, shifted(good, twice.end))
    });
}

#[test]
fn a_missing_end_is_located_and_repaired() {
    each_time("a truncated tail", |good, random| {
        let length = random.usize(1..good.len());
        (good[..length].to_vec(), good.len() - length + 64 * KIB)
    });
}

#[test]
fn appended_bytes_are_located_and_cut_off() {
    each_time("junk appended", |good, random| {
        let mut junk = vec![0; random.usize(1..5000)];
        random.fill(&mut junk);
        ([good, &junk].concat(), 0)
    });
}

/// Flips a bit in each of these bytes.
fn flip_each(what: &str, bytes: impl Fn(&[u8]) -> Range<usize>) {
    let mut random = random();
    let mut results = Results::new(large_archive(mebibytes()));
    for at in bytes(&results.good.bytes).step_by(if flips() < 30 { 4 } else { 1 }) {
        let mut bytes = results.good.bytes.to_vec();
        bytes[at] ^= 1 << random.u32(0..8);
        let fetched = results.repair(&bytes);
        assert!(fetched <= 64 * KIB as u64, "{what}: {fetched} bytes for byte {at}");
    }
    results.print(what);
}

#[test]
fn damage_to_the_gzip_header_and_trailer_is_repaired() {
    flip_each("the gzip header", |_| 0..10);
    flip_each("the gzip trailer", |good| good.len() - 8..good.len());
}

/// A transfer in text mode changes every line end: one in 256 bytes.
#[test]
fn converted_line_ends_are_located_and_repaired() {
    let mut results = Results::new(large_archive(mebibytes()));
    let good = results.good.bytes.clone();
    let line_end = |&byte: &u8| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] };
    let longer: Vec<u8> = good.iter().flat_map(line_end).collect();
    let mut next = good[1..].iter().chain(&[0]);
    let mut shorter = good.to_vec();
    shorter.retain(|&byte| next.next() != Some(&b'\n') || byte != b'\r');
    for bytes in [longer, shorter] {
        let fetched = results.repair(&bytes);
        assert!(fetched <= shifted(&good, 0) as u64, "{fetched}");
    }
    results.print("LF to CR LF, and CR LF to LF");
}
