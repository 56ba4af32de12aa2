//! Ended as by `kill -9` at every step between the first byte and the last: nothing bad is under a
//! final name, no file of the user's is lost, and the same command goes on.
//!
//! The steps are the crash points in the code, and every single operation on a file. Both are
//! compiled in with debug assertions only.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Archive, Cxr, Fault, FaultRule, Sandbox, Server, archive, files_under};

/// Bytes of a chunk in these tests.
const CHUNK: u64 = 128 << 10;

/// Connections in these tests.
const CONNECTIONS: u64 = 2;

/// A fetch of one archive under circumstances of its own.
struct Scene {
    /// What lies in the folder beforehand.
    prepare: fn(&Sandbox, &Server, &Archive),
    /// What the server does until the process is killed.
    faults: fn() -> Vec<FaultRule>,
    options: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// Images in the archive: each is about 0.4 MiB.
    images: usize,
    /// A file of the user's that must not be lost: how many bytes of it.
    mine: fn(&Archive) -> Vec<u8>,
    /// The crash points that it comes to, beside those of every fetch.
    points: &'static [&'static str],
    /// Whether what is fetched twice is bounded by what was in flight.
    bounded: bool,
    /// A damaged file of the user's that is mended in place: it is whole again whenever nothing
    /// can be fetched for it.
    mended: Option<fn(&Archive) -> Vec<u8>>,
}

const PLAIN: Scene = Scene {
    prepare: |_, _, _| {},
    faults: Vec::new,
    options: &[],
    variables: &[],
    mine: |_| Vec::new(),
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
    mended: None,
};

/// The folder is taken and left.
const LOCKED: Scene = Scene {
    variables: &[("CXR_TRIAL_STILL_MS", "50")],
    points: &["lock-taken", "owner-made", "owner-written", "owner-removed"],
    ..SMALL
};

/// The folder is taken over from a process that was killed.
const TAKEN_FROM_THE_DEAD: Scene = Scene {
    prepare: |sandbox, server, archive| {
        let killed = fetch(sandbox, server, archive).dies_at("part-written", 1).run();
        killed.expect(killed.was_killed(), "an end by the crash point");
    },
    points: &["taker-written", "owner-taken-over"],
    ..LOCKED
};

/// Parts are synced all the while.
const SYNCED: Scene = Scene {
    faults: || vec![Fault::Throttle { rate: 4 << 20 }.into()],
    variables: &[("CXR_TRIAL_SYNC_MS", "10")],
    points: &["part-synced", "sync-journalled"],
    ..PLAIN
};

/// A download that another tool left half done.
const ADOPTED: Scene = Scene {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), &archive.bytes[..700_000]);
    },
    mine: |archive| archive.bytes[..700_000].to_vec(),
    points: &["adoption-journalled", "file-adopted"],
    ..PLAIN
};

/// Another file under the name, which is to be kept.
const REPLACED: Scene = Scene {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), archive.flipped(500_000));
    },
    options: &["--keep-corrupt"],
    mine: |archive| archive.flipped(500_000),
    points: &["old-file-kept"],
    ..PLAIN
};

/// A source that gives a wrong bit once.
const WRONG_ONCE: Scene = Scene {
    faults: || vec![Fault::Flip { at: 300_000 }.into()],
    points: &["begun-again-in-the-journal", "loss-journalled", "part-given-up"],
    bounded: false,
    ..PLAIN
};

/// The same, where what is wrong is to be kept.
const WRONG_AND_KEPT: Scene = Scene { options: &["--keep-corrupt"], ..WRONG_ONCE };

/// A source that always gives the same wrong bit.
const ALWAYS_WRONG: Scene = Scene {
    points: &["journal-given-up", "part-given-up"],
    options: &["--keep-corrupt"],
    ..WRONG_ONCE
};

/// A part that has grown beyond the archive.
const TOO_LONG: Scene = Scene {
    prepare: |sandbox, server, archive| {
        let killed = fetch(sandbox, server, archive).dies_at("journal-appended", 4).run();
        killed.expect(killed.was_killed(), "an end by the crash point");
        let part = sandbox.own_file(".part");
        let file = fs::File::options().write(true).open(part).unwrap();
        file.set_len(archive.size() + 3_000_000).unwrap();
    },
    points: &["size-set"],
    ..PLAIN
};

/// A file of the user's in which a bit is wrong.
const MENDED: Scene = Scene {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), archive.flipped(200_000));
    },
    mended: Some(|archive| archive.flipped(200_000)),
    points: &["adoption-journalled", "file-adopted", "old-bytes-saved", "loss-journalled"],
    images: 1,
    ..PLAIN
};

/// The same, and its source says how long it should be, but gives nothing.
const PUT_BACK: Scene = Scene {
    faults: || vec![Fault::Status(404).after(1)],
    points: &["old-bytes-restored", "file-put-back"],
    ..MENDED
};

/// A file of the user's that is damaged too much to be mended.
const BESIDE: Scene = Scene {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), half_of(archive));
    },
    mended: Some(half_of),
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

/// As plain, and small: there is an end at every operation.
const SMALL: Scene =
    Scene { images: 1, variables: &[("CXR_TRIAL_STILL_MS", "50")], points: &[], ..PLAIN };

/// A file of the user's that turns out to be wrong, and is to be kept.
const TAKEN_OVER: Scene = Scene {
    prepare: |sandbox, _, archive| {
        sandbox.put(Path::new("data").join(&archive.name), &archive.flipped(100_000)[..300_000]);
    },
    options: &["--keep-corrupt"],
    mine: |archive| archive.flipped(100_000)[..300_000].to_vec(),
    bounded: false,
    ..SMALL
};

const SCENES: &[&Scene] = &[
    &PLAIN,
    &LOCKED,
    &TAKEN_FROM_THE_DEAD,
    &SYNCED,
    &ADOPTED,
    &REPLACED,
    &WRONG_ONCE,
    &WRONG_AND_KEPT,
    &ALWAYS_WRONG,
    &TOO_LONG,
    &MENDED,
    &PUT_BACK,
    &BESIDE,
];

fn fetch(sandbox: &Sandbox, server: &Server, archive: &Archive) -> Cxr {
    let connections = CONNECTIONS.to_string();
    sandbox.fetch(server, std::slice::from_ref(archive)).args(["-c", &connections]).chunk(CHUNK)
}

impl Scene {
    /// Plays it, with an end that `kill` brings about. Gives whether it came to that end.
    fn play(&self, kill: impl FnOnce(Cxr) -> Cxr) -> bool {
        let (sandbox, archive) = (Sandbox::new(), archive(1, self.images));
        let server = Server::with([&archive]);
        (self.prepare)(&sandbox, &server, &archive);
        for fault in (self.faults)() {
            server.does(fault);
        }
        let fetch = || {
            let fetch = fetch(&sandbox, &server, &archive).args(self.options);
            self.variables.iter().fold(fetch, |fetch, (name, value)| fetch.env(name, value))
        };
        let outcome = kill(fetch()).run();
        let killed = outcome.was_killed();
        outcome.expect(killed || outcome.status.is_some(), "an end by `kill -9` or in good order");
        let mine = (self.mine)(&archive);
        match self.mended {
            None => is_safe(&sandbox, &archive, &mine),
            Some(damaged) => comes_back(&sandbox, &server, &archive, &damaged(&archive)),
        }
        server.behaves();
        let outcome = fetch().run();
        outcome.exits(0).report().all_ok();
        sandbox.has(&archive);
        let allowed = archive.size() + CONNECTIONS * CHUNK;
        let sent = server.sent();
        let within = !self.bounded || sent <= allowed;
        outcome.expect(within, format_args!("{sent} bytes sent to be at most {allowed}"));
        killed
    }

    /// Plays it with an end at the first operation on a file, at the second, and so on to the last.
    fn die_at_every(&self, operation: &str, effect: &str) {
        let mut deaths = 0;
        while self.play(|cxr| cxr.disk(&format!("{operation} * {effect} after={deaths}"))) {
            deaths += 1;
            assert!(deaths < 1000, "there is no end");
        }
        assert!(deaths > 0, "no operation is called {operation}");
        eprintln!("{operation}: died {deaths} times");
    }

    /// Plays it with an end at each of its crash points, the first few times that it comes there.
    fn die_everywhere(&self) {
        for point in self.points {
            let mut deaths = 0;
            while deaths < 3 && self.play(|cxr| cxr.dies_at(point, deaths + 1)) {
                deaths += 1;
            }
            assert!(deaths > 0, "{point} was never passed");
        }
    }
}

/// Nothing but the archive or the user's own file is under the final name, and the user's file is
/// somewhere.
#[track_caller]
fn is_safe(sandbox: &Sandbox, archive: &Archive, mine: &[u8]) {
    let path = sandbox.data().join(&archive.name);
    if let Ok(found) = fs::read(&path) {
        let right = found == *archive.bytes || (!mine.is_empty() && found == mine);
        assert!(right, "{} bytes that are nobody's under {}", found.len(), archive.name);
    }
    let kept = |file: &Path| fs::read(sandbox.path("data").join(file)).unwrap().starts_with(mine);
    let files = sandbox.files("data");
    assert!(mine.is_empty() || files.iter().any(|file| kept(file)), "lost; there is {files:?}");
}

/// Where nothing can be fetched, the user's file is what it was, unless the archive has taken its
/// place already.
#[track_caller]
fn comes_back(sandbox: &Sandbox, server: &Server, archive: &Archive, damaged: &[u8]) {
    server.does(Fault::Status(404));
    let outcome = fetch(sandbox, server, archive).run();
    if outcome.status != Some(0) {
        outcome.exits(3);
        sandbox.holds(Path::new("data").join(&archive.name), damaged);
    }
}

#[test]
fn a_crash_at_any_point_of_a_repair_loses_nothing() {
    MENDED.die_everywhere();
    PUT_BACK.die_everywhere();
    BESIDE.die_everywhere();
}

#[test]
fn a_crash_before_any_file_operation_of_a_repair_loses_nothing() {
    MENDED.die_at_every("change", "die");
}

#[test]
fn a_crash_before_any_file_operation_of_restoring_the_original_loses_nothing() {
    PUT_BACK.die_at_every("change", "die");
}

#[test]
fn a_crash_in_the_middle_of_any_write_of_a_repair_loses_nothing() {
    MENDED.die_at_every("write", "torn");
    PUT_BACK.die_at_every("write", "torn");
}

#[test]
fn a_crash_at_any_point_of_a_plain_fetch_loses_nothing() {
    PLAIN.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_locking_and_unlocking_loses_nothing() {
    LOCKED.die_everywhere();
    TAKEN_FROM_THE_DEAD.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_a_sync_loses_nothing() {
    SYNCED.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_adopting_a_file_loses_nothing() {
    ADOPTED.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_replacing_a_file_loses_nothing() {
    REPLACED.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_starting_over_loses_nothing() {
    WRONG_ONCE.die_everywhere();
    WRONG_AND_KEPT.die_everywhere();
}

#[test]
fn a_crash_at_any_point_of_discarding_a_download_loses_nothing() {
    ALWAYS_WRONG.die_everywhere();
}

#[test]
fn a_crash_while_an_overlong_partial_download_is_cut_loses_nothing() {
    TOO_LONG.die_everywhere();
}

#[test]
fn a_crash_before_any_file_operation_of_a_fetch_loses_nothing() {
    SMALL.die_at_every("change", "die");
}

#[test]
fn a_crash_before_any_file_operation_of_adopting_a_wrong_file_loses_nothing() {
    TAKEN_OVER.die_at_every("change", "die");
}

#[test]
fn a_crash_in_the_middle_of_any_write_of_a_fetch_loses_nothing() {
    SMALL.die_at_every("write", "torn");
    SMALL.die_at_every("append", "torn");
}

/// Every crash point in the code.
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

/// A crash point that no scene comes to would prove nothing.
#[test]
fn every_crash_point_in_the_code_is_tested() {
    let died_at: BTreeSet<String> =
        SCENES.iter().flat_map(|scene| scene.points).map(|&point| point.to_owned()).collect();
    assert_eq!(crash_points(), died_at);
}
