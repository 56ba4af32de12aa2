//! What is damaged is found and fetched anew, and nothing else.

use crate::support::{Archive, Fault, Report, Sandbox, Server, large, random};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes of the archives in these tests: as many as an unoptimised program walks through in a
/// second or two. `CXR_TESTS_MENDING_MIB` makes them larger.
fn size() -> usize {
    let given = std::env::var("CXR_TESTS_MENDING_MIB").ok();
    given.map_or(8, |given| given.parse().unwrap())
}

/// The archive that these tests damage.
fn good() -> Archive {
    large(size())
}

/// What a fetch did about a damaged file under the final name.
struct Mended {
    report: Report,
    /// Bytes of the archive.
    size: u64,
}

impl Mended {
    /// Fetches over a file, and expects the archive, byte for byte.
    #[track_caller]
    fn of(bytes: &[u8]) -> Self {
        let (sandbox, good) = (Sandbox::new(), good());
        let server = Server::with([&good]);
        sandbox.put(format!("data/{}", good.name), bytes);
        let table = sandbox.table_with_sizes(&[(&good, "")]);
        let report = sandbox.fetch_with(&table).args(["--from", &server.base()]).report(0);
        report.all_ok();
        sandbox.has(&good);
        assert!(sandbox.files("data/.cxr").iter().all(|file| {
            let name = file.to_string_lossy();
            name == "lock" || name.ends_with(".receipt")
        }));
        Self { report, size: good.size() }
    }

    fn fetched(&self) -> u64 {
        self.report.downloaded()
    }

    /// No more than so many bytes were fetched, and the rest was reused.
    #[track_caller]
    fn took(&self, most: usize) -> &Self {
        let most = most as u64;
        assert!(self.fetched() <= most, "{} of {most}{}", self.fetched(), self.report.shown());
        let reused = self.report.only().reused();
        assert!(reused + self.fetched() >= self.size, "{reused} reused{}", self.report.shown());
        assert!(reused <= self.size, "{}", self.report.shown());
        self.report.only().because("mended");
        self
    }
}

#[test]
fn one_bit_that_came_wrong_takes_a_few_bytes_more() {
    let (sandbox, all) = (Sandbox::new(), vec![good()]);
    let server = Server::with(&all);
    server.does(Fault::Flip { at: 3_000_000 }.from(3_000_000).first(1));
    let report = sandbox.fetch(&server, &all).arg("-c1").chunk(1_000_000).report(0);
    report.all_ok();
    sandbox.has(&all[0]);
    let more = report.downloaded() - all[0].size();
    assert!((1..=128 << 10).contains(&more), "{more} bytes more{}", report.shown());
}

#[test]
fn one_flipped_bit_takes_a_few_bytes() {
    let mut random = random();
    for _ in 0..5 {
        let mut bytes = good().bytes.to_vec();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(0..8);
        let mended = Mended::of(&bytes);
        eprintln!("{at} {} {}", mended.fetched(), mended.report.only().detail());
        mended.took(128 * KIB);
    }
}

#[test]
fn ten_flipped_bits() {
    let mut random = random();
    let mut bytes = good().bytes.to_vec();
    for _ in 0..10 {
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(0..8);
    }
    Mended::of(&bytes).took(10 * 256 * KIB);
}

#[test]
fn zeros() {
    let mut random = random();
    for length in [512, 4 * KIB, MIB] {
        let mut bytes = good().bytes.to_vec();
        let at = random.usize(..bytes.len() - length);
        bytes[at..at + length].fill(0);
        let mended = Mended::of(&bytes);
        eprintln!("{at} {} {}", mended.fetched(), mended.report.only().detail());
        mended.took(2 * length + 192 * KIB);
    }
}

#[test]
fn junk_behind_the_archive_is_cut_off() {
    let mut bytes = good().bytes.to_vec();
    bytes.extend(b"and more");
    let mended = Mended::of(&bytes);
    assert_eq!(mended.fetched(), 0, "{}", mended.report.shown());
}

#[test]
fn a_block_missing_or_doubled() {
    let good = good();
    let at = good.bytes.len() * 4 / 5;
    for bytes in [
        [&good.bytes[..at], &good.bytes[at + 4 * KIB..]].concat(),
        [&good.bytes[..at], &good.bytes[at - 4 * KIB..]].concat(),
    ] {
        let mended = Mended::of(&bytes);
        eprintln!("{} {}", mended.fetched(), mended.report.shown());
    }
}

#[test]
fn what_cannot_be_read_of_a_file_is_fetched_and_written_over() {
    let (sandbox, good) = (Sandbox::new(), good());
    let server = Server::with([&good]);
    let at = good.bytes.len() / 3;
    sandbox.put(format!("data/{}", good.name), &*good.bytes);
    let table = sandbox.table_with_sizes(&[(&good, "")]);
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]);
    // A disk takes another block when it is written to.
    let rules = format!("read .tar.gz EIO at={at}; read .part EIO at={at} until=written");
    let report = fetch.disk(&rules).report(0);
    eprintln!("{}", report.shown());
    report.all_ok();
    sandbox.has(&good);
    report.only().because("mended");
    assert!(report.downloaded() <= 192 << 10, "{}", report.shown());
}
