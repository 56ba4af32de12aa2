//! Runs that end as by `kill -9` at every step: no wrong file gets a final name, no file of the
//! user is lost, and the same command resumes.
//!
//! The steps are the crash points in the code and every file operation. Both are compiled only with
//! debug assertions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::extract_crash;
use crate::support::{Archive, Cxr, Fault, FaultRule, Sandbox, Server, archive, files_under};

/// The chunk size of these tests.
const CHUNK: u64 = 128 << 10;

/// The number of connections in these tests.
const CONNECTIONS: u64 = 2;

/// A fetch of one archive in a certain situation.
struct Scenario {
    /// Prepares the folder.
    prepare: fn(&Sandbox, &Server, &Archive),
    /// The faults of the server until the process is killed.
    faults: fn() -> Vec<FaultRule>,
    options: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// The images in the archive, of about 0.4 MiB each.
    images: usize,
    /// The content of a file of the user that must not be lost.
    user_file: fn(&Archive) -> Vec<u8>,
    /// The crash points that it reaches.
    points: &'static [&'static str],
    /// True if only the bytes in flight may be fetched twice.
    bounded: bool,
    /// The content of a damaged file of the user that is repaired in place. It is restored whenever
    /// nothing can be fetched for it.
    repaired: Option<fn(&Archive) -> Vec<u8>>,
}

const PLAIN: Scenario = Scenario {
    prepare: |_, _, _| {},
    faults: Vec::new,
    options: &[],
    variables: &[],
    user_file: |_| Vec::new(),
    images: 3,
    points: &[
        "journal-begun",
        "bytes-received",
        "block-written",
        "part-written",
        "journal-appended",
        "archive-synced",
        "archive-named",
        "name-synced",
        "journal-removed",
        "replacement-written",
        "receipt-written",
    ],
    bounded: true,
    repaired: None,
};

/// The folder is locked and unlocked.
const LOCKED: Scenario = Scenario {
    variables: &[("CXR_FAULT_OWNER_TIMEOUT_MS", "50")],
    points: &["lock-taken", "owner-made", "owner-written", "owner-removed"],
    ..SMALL
};

/// The lock of a killed process is taken over.
const LOCK_TAKEN_OVER: Scenario = Scenario {
    prepare: |sandbox, server, archive| {
        let killed = fetch(sandbox, server, archive).dies_at("part-written", 1).run();
        killed.expect(killed.was_killed(), "a kill at the crash point");
    },
    points: &["taker-written", "owner-taken-over"],
    ..LOCKED
};

/// The partial download is synced repeatedly.
const SYNCED: Scenario = Scenario {
    faults: || vec![Fault::Throttle { rate: 4 << 20 }.into()],
    variables: &[("CXR_FAULT_SYNC_MS", "10")],
    points: &["part-synced", "sync-journalled"],
    ..PLAIN
};

/// An incomplete download of another tool is adopted.
const ADOPTED: Scenario = Scenario {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), &archive.bytes[..700_000]);
    },
    user_file: |archive| archive.bytes[..700_000].to_vec(),
    points: &["adoption-journalled", "file-adopted"],
    ..PLAIN
};

/// Another file under the name is replaced and kept.
const REPLACED: Scenario = Scenario {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), archive.flipped(500_000));
    },
    options: &["--keep-corrupt"],
    user_file: |archive| archive.flipped(500_000),
    points: &["old-file-kept"],
    ..PLAIN
};

/// A source sends a wrong bit, and the rest of the run is right.
const WRONG_ONCE: Scenario = Scenario {
    faults: || vec![Fault::Flip { at: 300_000 }.into()],
    points: &["begun-again-in-the-journal", "loss-journalled", "part-removed"],
    bounded: false,
    ..PLAIN
};

/// The same, and the wrong download is kept.
const WRONG_AND_KEPT: Scenario = Scenario { options: &["--keep-corrupt"], ..WRONG_ONCE };

/// A source always sends the same wrong bit.
const ALWAYS_WRONG: Scenario = Scenario {
    points: &["journal-removed", "part-removed"],
    options: &["--keep-corrupt"],
    ..WRONG_ONCE
};

/// A partial download is longer than the archive.
const TOO_LONG: Scenario = Scenario {
    prepare: |sandbox, server, archive| {
        let killed = fetch(sandbox, server, archive).dies_at("journal-appended", 4).run();
        killed.expect(killed.was_killed(), "a kill at the crash point");
        let part = sandbox.working_file(".part");
        let file = fs::File::options().write(true).open(part).unwrap();
        file.set_len(archive.size() + 3_000_000).unwrap();
    },
    points: &["size-set"],
    ..PLAIN
};

/// A file of the user with a wrong bit is repaired.
const REPAIRED: Scenario = Scenario {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), archive.flipped(200_000));
    },
    repaired: Some(|archive| archive.flipped(200_000)),
    points: &["adoption-journalled", "file-adopted", "old-bytes-saved", "loss-journalled"],
    images: 1,
    ..PLAIN
};

/// The same, but the source reports only the size: the original is restored.
const RESTORED: Scenario = Scenario {
    faults: || vec![Fault::Status(404).after(1)],
    points: &["old-bytes-restored", "file-put-back"],
    ..REPAIRED
};

/// A file of the user is too damaged to be repaired: the archive is downloaded beside it.
const DOWNLOADED_BESIDE: Scenario = Scenario {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), half_of(archive));
    },
    repaired: Some(half_of),
    points: &["old-bytes-restored", "file-put-back", "begun-again-in-the-journal"],
    images: 8,
    bounded: false,
    ..PLAIN
};

/// A file whose second half was never written.
fn half_of(archive: &Archive) -> Vec<u8> {
    let mut bytes = archive.bytes.to_vec();
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    bytes
}

/// As `PLAIN`, and small: it is run once for every file operation.
const SMALL: Scenario = Scenario {
    images: 1,
    variables: &[("CXR_FAULT_OWNER_TIMEOUT_MS", "50")],
    points: &[],
    ..PLAIN
};

/// An adopted file of the user is wrong and is kept.
const ADOPTED_AND_WRONG: Scenario = Scenario {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), &archive.flipped(100_000)[..300_000]);
    },
    options: &["--keep-corrupt"],
    user_file: |archive| archive.flipped(100_000)[..300_000].to_vec(),
    bounded: false,
    ..SMALL
};

/// Every record makes the journal too long.
const COMPACTED: Scenario = Scenario {
    variables: &[("CXR_FAULT_JOURNAL_BYTES", "0"), ("CXR_FAULT_OWNER_TIMEOUT_MS", "50")],
    points: &["journal-compacted"],
    ..SMALL
};

/// The same while a file of the user is repaired.
const COMPACTED_IN_REPAIR: Scenario = Scenario { variables: COMPACTED.variables, ..REPAIRED };

const SCENARIOS: &[&Scenario] = &[
    &PLAIN,
    &LOCKED,
    &LOCK_TAKEN_OVER,
    &SYNCED,
    &ADOPTED,
    &REPLACED,
    &WRONG_ONCE,
    &WRONG_AND_KEPT,
    &ALWAYS_WRONG,
    &TOO_LONG,
    &REPAIRED,
    &RESTORED,
    &DOWNLOADED_BESIDE,
    &COMPACTED,
];

fn fetch(sandbox: &Sandbox, server: &Server, archive: &Archive) -> Cxr {
    let connections = CONNECTIONS.to_string();
    sandbox.fetch(server, std::slice::from_ref(archive)).args(["-c", &connections]).chunk(CHUNK)
}

impl Scenario {
    /// Runs the scenario with the crash that `crash` sets up, and then without. Returns true if the
    /// run crashed.
    fn run(&self, crash: impl FnOnce(Cxr) -> Cxr) -> bool {
        let (sandbox, archive) = (Sandbox::new(), archive(1, self.images));
        let server = Server::with([&archive]);
        (self.prepare)(&sandbox, &server, &archive);
        for fault in (self.faults)() {
            server.inject(fault);
        }
        let fetch = || {
            let fetch = fetch(&sandbox, &server, &archive).args(self.options);
            self.variables.iter().fold(fetch, |fetch, (name, value)| fetch.env(name, value))
        };
        let outcome = crash(fetch()).run();
        let killed = outcome.was_killed();
        outcome.expect(killed || outcome.status.is_some(), "a kill or a normal end");
        match self.repaired {
            None => assert_safe(&sandbox, &archive, &(self.user_file)(&archive)),
            Some(damaged) => assert_restored(&sandbox, &server, &archive, &damaged(&archive)),
        }
        server.clear_faults();
        let outcome = fetch().run();
        outcome.exits(0).report().all_ok();
        sandbox.assert_archive(&archive);
        let allowed = archive.size() + CONNECTIONS * CHUNK;
        let sent = server.sent();
        let within = !self.bounded || sent <= allowed;
        outcome.expect(within, format_args!("at most {allowed} bytes sent, not {sent}"));
        killed
    }

    /// Runs the scenario with a crash at the first file operation, at the second, and so on.
    fn crash_at_every(&self, operation: &str, effect: &str) {
        let mut crashes = 0;
        while self.run(|cxr| cxr.disk_faults(&format!("{operation} * {effect} after={crashes}"))) {
            crashes += 1;
            assert!(crashes < 1000, "more than 1000 operations");
        }
        assert!(crashes > 0, "no operation {operation}");
        eprintln!("{operation}: {crashes} crashes");
    }

    /// Runs the scenario with a crash at each of its crash points, the first three times that the
    /// run reaches it.
    fn crash_at_every_point(&self) {
        for point in self.points {
            let mut crashes = 0;
            while crashes < 3 && self.run(|cxr| cxr.dies_at(point, crashes + 1)) {
                crashes += 1;
            }
            assert!(crashes > 0, "{point} was never reached");
        }
    }
}

/// Asserts that only the archive or the file of the user is under the final name, and that the file
/// of the user exists.
#[track_caller]
fn assert_safe(sandbox: &Sandbox, archive: &Archive, user_file: &[u8]) {
    let path = sandbox.data().join(&archive.name);
    if let Ok(found) = fs::read(&path) {
        let is_right = found == *archive.bytes || (!user_file.is_empty() && found == user_file);
        assert!(is_right, "{} wrong bytes under {}", found.len(), archive.name);
    }
    let read = |file: &PathBuf| fs::read(sandbox.data().join(file)).unwrap();
    let files = sandbox.files("data");
    let is_kept = files.iter().any(|file| read(file).starts_with(user_file));
    assert!(user_file.is_empty() || is_kept, "the file of the user is lost: {files:?}");
}

/// Asserts that a run that can fetch nothing restores the file of the user, unless the archive is
/// already complete.
#[track_caller]
fn assert_restored(sandbox: &Sandbox, server: &Server, archive: &Archive, damaged: &[u8]) {
    server.inject(Fault::Status(404));
    let outcome = fetch(sandbox, server, archive).run();
    if outcome.status != Some(0) {
        outcome.exits(3);
        sandbox.assert_content(Path::new("data").join(&archive.name), damaged);
    }
}

#[test]
fn a_crash_at_any_point_of_a_repair_loses_nothing() {
    REPAIRED.crash_at_every_point();
    RESTORED.crash_at_every_point();
    DOWNLOADED_BESIDE.crash_at_every_point();
}

#[test]
fn a_crash_before_any_file_operation_of_a_repair_loses_nothing() {
    REPAIRED.crash_at_every("change", "die");
}

#[test]
fn a_crash_before_any_file_operation_of_restoring_the_original_loses_nothing() {
    RESTORED.crash_at_every("change", "die");
}

#[test]
fn a_crash_in_the_middle_of_any_write_of_a_repair_loses_nothing() {
    REPAIRED.crash_at_every("write", "torn");
    RESTORED.crash_at_every("write", "torn");
}

#[test]
fn a_crash_at_any_point_of_a_plain_fetch_loses_nothing() {
    PLAIN.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_locking_and_unlocking_loses_nothing() {
    LOCKED.crash_at_every_point();
    LOCK_TAKEN_OVER.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_a_sync_loses_nothing() {
    SYNCED.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_adopting_a_file_loses_nothing() {
    ADOPTED.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_replacing_a_file_loses_nothing() {
    REPLACED.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_starting_over_loses_nothing() {
    WRONG_ONCE.crash_at_every_point();
    WRONG_AND_KEPT.crash_at_every_point();
}

#[test]
fn a_crash_at_any_point_of_discarding_a_download_loses_nothing() {
    ALWAYS_WRONG.crash_at_every_point();
}

#[test]
fn a_crash_while_an_overlong_partial_download_is_cut_loses_nothing() {
    TOO_LONG.crash_at_every_point();
}

#[test]
fn a_crash_before_any_file_operation_of_a_fetch_loses_nothing() {
    SMALL.crash_at_every("change", "die");
}

#[test]
fn a_crash_before_any_file_operation_of_adopting_a_wrong_file_loses_nothing() {
    ADOPTED_AND_WRONG.crash_at_every("change", "die");
}

#[test]
fn a_crash_in_the_middle_of_any_write_of_a_fetch_loses_nothing() {
    SMALL.crash_at_every("write", "torn");
    SMALL.crash_at_every("append", "torn");
}

#[test]
fn a_crash_while_a_journal_is_compacted_loses_nothing() {
    COMPACTED.crash_at_every_point();
    COMPACTED_IN_REPAIR.crash_at_every("change", "die");
}

/// The names of all crash points in the code.
pub fn crash_points() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut in_code = BTreeSet::new();
    for file in files_under(&source) {
        let text = fs::read_to_string(file).unwrap();
        let calls = text.split("crash_point(\"").skip(1);
        in_code.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    in_code
}

#[test]
fn every_crash_point_in_the_code_is_tested() {
    let points = SCENARIOS.iter().flat_map(|scenario| scenario.points);
    let points = points.chain(&extract_crash::POINTS).chain(&extract_crash::DELETION_POINTS);
    let tested: BTreeSet<String> = points.map(|&point| point.to_owned()).collect();
    assert_eq!(crash_points(), tested);
}
