//! Every kind of damage to a file: `verify` says where it is, and `fetch` mends it with few bytes.
//!
//! Each test prints how wide the ranges are and how much was fetched. `CXR_TESTS_MENDING_FLIPS`
//! and `CXR_TESTS_MENDING_MIB` make it more damages and larger archives; `tests/README.md` says
//! how.

use std::io::Read;
use std::ops::Range;

use flate2::read::MultiGzDecoder;

use crate::support::{Archive, Report, Sandbox, Server, large, large_of_noise, random};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn given(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|given| given.parse().unwrap())
}

/// Bytes of the archives: few enough for a program that is not optimised.
fn mebibytes() -> usize {
    given("CXR_TESTS_MENDING_MIB").unwrap_or(4)
}

/// How many bits are flipped, each in an archive of its own.
fn flips() -> usize {
    given("CXR_TESTS_MENDING_FLIPS").unwrap_or(4)
}

/// How often every other damage is done.
fn rounds() -> usize {
    (flips() / 30).max(1)
}

/// What came of damages of one kind.
struct Tally {
    good: Archive,
    /// Of the range that `verify` tells.
    widths: Vec<u64>,
    /// Bytes that `fetch` had to have.
    fetched: Vec<u64>,
}

impl Tally {
    fn new(good: Archive) -> Self {
        Self { good, widths: Vec::new(), fetched: Vec::new() }
    }

    /// `verify` says where a file is damaged, and `fetch` makes it the archive, byte for byte.
    /// Returns how many bytes that took.
    #[track_caller]
    fn mends(&mut self, bytes: &[u8]) -> u64 {
        let sandbox = Sandbox::new();
        sandbox.put(format!("data/{}", self.good.name), bytes);
        if let Some(range) = self.located(&sandbox, bytes) {
            self.widths.push(range.end - range.start);
        }
        let report = fetched_over(&sandbox, &self.good);
        self.fetched.push(report.downloaded());
        report.downloaded()
    }

    /// The range that `verify` tells, in which the first wrong byte is. None where every image is
    /// whole all the same.
    #[track_caller]
    fn located(&self, sandbox: &Sandbox, bytes: &[u8]) -> Option<Range<u64>> {
        let good = &self.good.bytes;
        let at = good.iter().zip(bytes).position(|(a, b)| a != b);
        let at = at.unwrap_or(good.len().min(bytes.len()));
        let report = sandbox.verify(std::slice::from_ref(&self.good)).arg("data").report(1);
        let damage = &report.only().is("corrupt").value["damage"][0];
        let (Some(start), Some(end)) = (damage["start"].as_u64(), damage["end"].as_u64()) else {
            report.only().because("every image in it is whole");
            // Within its header, gzip does not say whether it is right.
            assert!(at < 10 || content(bytes) == content(good), "byte {at}{}", report.shown());
            return None;
        };
        // What is missing is missing at the end.
        let is_told = (start..end.max(bytes.len() as u64 + 1)).contains(&(at as u64));
        assert!(is_told && end > start, "byte {at} not in {start} to {end}{}", report.shown());
        Some(start..end)
    }

    /// Prints what it came to.
    fn tell(&self, what: &str) {
        let (widths, fetched) = (Shares::of(&self.widths), Shares::of(&self.fetched));
        let (size, count) = (self.good.size(), self.fetched.len());
        let share = |bytes: u64| bytes as f64 * 100.0 / size as f64;
        eprintln!(
            "{what}: {count} in {size} bytes, {} located; range {} / {} / {}; fetched {} / {} / {} \
             ({:.3} / {:.3} / {:.3} %)",
            self.widths.len(),
            widths.median,
            widths.most_of,
            widths.largest,
            fetched.median,
            fetched.most_of,
            fetched.largest,
            share(fetched.median),
            share(fetched.most_of),
            share(fetched.largest),
        );
    }
}

/// The median, what 95 of 100 do not exceed, and the largest.
struct Shares {
    median: u64,
    most_of: u64,
    largest: u64,
}

impl Shares {
    fn of(numbers: &[u64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        let at = |share: usize| {
            let index = (sorted.len() * share).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(0)
        };
        Self { median: at(50), most_of: at(95), largest: at(100) }
    }
}

/// Fetches over a damaged file; then the archive is there and nothing else.
#[track_caller]
fn fetched_over(sandbox: &Sandbox, good: &Archive) -> Report {
    let server = Server::with([good]);
    let table = sandbox.table_with_sizes(&[(good, "")]);
    // Several connections get the same bytes twice where one goes on into the other's.
    let fetch = sandbox.fetch_with(&table).args(["--connections", "1"]);
    let report = fetch.args(["--from", &server.base()]).report(0);
    report.all_ok();
    sandbox.has(good);
    let is_known = |name: &str| name == "lock" || name.ends_with(".receipt");
    let files = sandbox.files("data/.cxr");
    assert!(files.iter().all(|file| is_known(&file.to_string_lossy())), "{files:?}");
    let (reused, size) = (report.only().reused(), good.size());
    let all = reused + report.downloaded();
    assert!(reused <= size && all >= size, "{reused} reused{}", report.shown());
    report
}

fn content(archive: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut content).ok().map(|_| content)
}

/// Flips one bit after the other, each in an archive of its own. In 95 of 100 cases 128 KiB mend
/// it, whatever the size of the archive.
fn one_bit_each(good: Archive, what: &str) {
    let mut random = random();
    let mut tally = Tally::new(good);
    for _ in 0..flips() {
        let mut bytes = tally.good.bytes.to_vec();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(0..8);
        tally.mends(&bytes);
    }
    tally.tell(what);
    let Shares { most_of, .. } = Shares::of(&tally.fetched);
    assert!(most_of <= 128 * KIB as u64, "{:?}", tally.fetched);
}

#[test]
fn one_flipped_bit_is_located_and_repaired() {
    one_bit_each(large(mebibytes()), "a flipped bit");
}

/// The original images cannot be compressed any further, and so are stored in the archives of
/// these tests; in these, all is in codes.
#[test]
fn one_flipped_bit_of_compressed_images_is_located_and_repaired() {
    one_bit_each(large_of_noise(mebibytes()), "a flipped bit, compressed");
}

/// Does a damage some times, and fetches no more than so many bytes for each.
fn each_time(what: &str, mut damage: impl FnMut(&[u8], &mut fastrand::Rng) -> (Vec<u8>, usize)) {
    let mut random = random();
    let mut tally = Tally::new(large(mebibytes()));
    for _ in 0..rounds() {
        let (bytes, most) = damage(&tally.good.bytes.clone(), &mut random);
        let fetched = tally.mends(&bytes);
        assert!(fetched <= most as u64, "{what}: {fetched} bytes of {most}");
    }
    tally.tell(what);
}

/// A place for so many bytes.
fn place(good: &[u8], length: usize, random: &mut fastrand::Rng) -> Range<usize> {
    let at = random.usize(..=good.len() - length);
    at..at + length
}

#[test]
fn ten_flipped_bits_are_located_and_repaired() {
    each_time("ten flipped bits", |good, random| {
        let mut bytes = good.to_vec();
        for _ in 0..10 {
            bytes[random.usize(..good.len())] ^= 1 << random.u32(0..8);
        }
        (bytes, 10 * 192 * KIB)
    });
}

#[test]
fn runs_of_zeros_are_located_and_repaired() {
    // Of small archives not as much can be mended.
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

/// All that follows is shifted: what comes before is kept.
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

/// Flips a bit of each of these bytes.
fn flip_each(what: &str, bytes: impl Fn(&[u8]) -> Range<usize>) {
    let mut random = random();
    let mut tally = Tally::new(large(mebibytes()));
    for at in bytes(&tally.good.bytes).step_by(if flips() < 30 { 4 } else { 1 }) {
        let mut bytes = tally.good.bytes.to_vec();
        bytes[at] ^= 1 << random.u32(0..8);
        let fetched = tally.mends(&bytes);
        assert!(fetched <= 64 * KIB as u64, "{what}: {fetched} bytes for byte {at}");
    }
    tally.tell(what);
}

#[test]
fn damage_to_the_gzip_header_and_trailer_is_repaired() {
    flip_each("the gzip header", |_| 0..10);
    flip_each("the gzip trailer", |good| good.len() - 8..good.len());
}

/// A transfer in text mode changes every line end, and there is one in 256 bytes.
#[test]
fn converted_line_ends_are_located_and_repaired() {
    let mut tally = Tally::new(large(mebibytes()));
    let good = tally.good.bytes.clone();
    let line_end = |&byte: &u8| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] };
    let longer: Vec<u8> = good.iter().flat_map(line_end).collect();
    let mut next = good[1..].iter().chain(&[0]);
    let mut shorter = good.to_vec();
    shorter.retain(|&byte| next.next() != Some(&b'\n') || byte != b'\r');
    for bytes in [longer, shorter] {
        let fetched = tally.mends(&bytes);
        assert!(fetched <= shifted(&good, 0) as u64, "{fetched}");
    }
    tally.tell("LF to CR LF, and CR LF to LF");
}
