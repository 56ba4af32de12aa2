//! The power goes between any two operations on a file: nothing bad is under a final name, no file
//! of the user's is lost, what the journal said to be on the disk is there, and the same command
//! goes on from it.
//!
//! The program keeps a record of what it does to the disk. A simulated disk does the same, and is
//! cut off after every step, with what was not yet safe lost, kept, or some of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cxr::catalog::Catalog;
use cxr::disk::Folder;
use cxr::ranges::RangeSet;
use cxr::transfer::{JournalState, look};

use crate::support::{
    Archive, Cxr, DiskOperation, Fault, FaultRule, NAMES, Sandbox, Server, SimulatedDisk, Unsynced,
};
use crate::support::{archive, random};

/// Bytes of a chunk in these tests.
const CHUNK: u64 = 64 << 10;

/// So many states of each scene are gone on from; all are looked at.
const GONE_ON_FROM: usize = 12;

/// A fetch under circumstances of its own.
struct Scene {
    /// A file of the user's under the archive's name.
    mine: fn(&Archive) -> Option<Vec<u8>>,
    faults: fn() -> Vec<FaultRule>,
    options: &'static [&'static str],
    /// Whether the user's file is there until the archive takes its place, whatever happens. If
    /// it is mended in place, it is put together from what is kept of it.
    stays: bool,
    /// How it ends.
    status: i32,
}

const PLAIN: Scene = Scene {
    mine: |_| None,
    faults: || vec![Fault::Throttle { rate: 3 << 20 }.into()],
    options: &[],
    stays: false,
    status: 0,
};

/// A beginning that another tool left is continued.
const CONTINUED: Scene = Scene { mine: |archive| Some(archive.bytes[..200_000].to_vec()), ..PLAIN };

/// Another file is replaced, and to be kept.
const REPLACED: Scene = Scene {
    mine: |_| Some(b"something else altogether".repeat(5000)),
    options: &["--keep-corrupt"],
    stays: true,
    ..PLAIN
};

/// A damaged file is mended.
const MENDED: Scene = Scene { mine: |archive| Some(archive.flipped(200_000)), ..PLAIN };

/// The same, and it is to be kept as it was.
const MENDED_AND_KEPT: Scene = Scene { options: &["--keep-corrupt"], stays: true, ..MENDED };

/// Two places are damaged. The source tells how long the file should be, mends one, and gives
/// nothing more.
const PUT_BACK: Scene = Scene {
    mine: |archive| {
        let mut bytes = archive.flipped(100_000);
        bytes[300_000] ^= 1;
        Some(bytes)
    },
    faults: || vec![Fault::Status(404).after(2)],
    status: 3,
    ..MENDED
};

/// A source gives a wrong bit once.
const WRONG_ONCE: Scene = Scene { faults: || vec![Fault::Flip { at: 30_000 }.first(1)], ..PLAIN };

/// The same, and it gives no single ranges: all is fetched anew.
const BEGUN_AGAIN: Scene =
    Scene { faults: || vec![Fault::NoRanges.into(), Fault::Flip { at: 30_000 }.first(1)], ..PLAIN };

/// The same, and what was wrong is to be kept.
const BEGUN_AGAIN_AND_KEPT: Scene = Scene { options: &["--keep-corrupt"], ..BEGUN_AGAIN };

/// What a fetch did to the disk.
struct Recorded<'a> {
    scene: &'a Scene,
    archive: Archive,
    mine: Option<Vec<u8>>,
    steps: Vec<DiskOperation>,
}

fn fetch(sandbox: &Sandbox, server: &Server, archive: &Archive) -> Cxr {
    sandbox
        .fetch(server, std::slice::from_ref(archive))
        .args(["-c", "2"])
        .chunk(CHUNK)
        .env("CXR_FAULT_SYNC_MS", "10")
}

fn final_name() -> PathBuf {
    Path::new("data").join(NAMES[0])
}

impl Scene {
    fn record(&self) -> Recorded<'_> {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
        let server = Server::with([&archive]);
        for rule in (self.faults)() {
            server.does(rule);
        }
        let mine = (self.mine)(&archive);
        if let Some(mine) = &mine {
            sandbox.put(final_name(), mine);
        }
        let fetch = fetch(&sandbox, &server, &archive).args(self.options);
        // Another host is another boot: then only what is on the disk is believed.
        let fetch = fetch.env("CXR_FAULT_HOST", "before").env("CXR_FAULT_RECORD", "record");
        fetch.run().exits(self.status);
        let mut steps = DiskOperation::all(&sandbox.path("record"));
        steps.retain(|step| step.name != "read" && step.name != "close");
        Recorded { scene: self, archive, mine, steps }
    }

    /// Cuts the power after every step. Every state is looked at; from some, the program goes on.
    fn is_cut_everywhere(&self) {
        let mut random = random();
        let recorded = self.record();
        let mut disk = recorded.disk();
        let mut told = RangeSet::new();
        let server = Server::with([&recorded.archive]);
        let mut states = 0;
        for (number, step) in recorded.steps.iter().enumerate() {
            disk.apply(step);
            let before = std::mem::take(&mut told);
            told = recorded.told(&disk, step, before);
            let number_mixed = if step.changes_names() { 10 } else { 2 };
            let mixed: Vec<_> = (0..number_mixed).map(|_| Unsynced::Mixed(random.fork())).collect();
            for fate in [Unsynced::Lost, Unsynced::Kept].into_iter().chain(mixed) {
                states += 1;
                let shown =
                    format!("step {number}, {} {}, {fate:?}", step.name, step.path.display());
                let sandbox = restore(&disk.after(fate));
                recorded.is_safe(&sandbox, &told, &shown);
                if random.usize(..recorded.steps.len() * 4) < GONE_ON_FROM {
                    eprintln!("going on after {shown}");
                    recorded.goes_on(&sandbox, &server);
                }
            }
        }
        eprintln!("{} steps, {states} states", recorded.steps.len());
    }
}

/// A folder as it is found after the cut.
fn restore(files: &BTreeMap<PathBuf, Vec<u8>>) -> Sandbox {
    let sandbox = Sandbox::new();
    for (path, bytes) in files {
        // A machine that was restarted is known at once. Here it would be another one, and watched.
        if !path.to_string_lossy().contains(".cxr/owner") {
            sandbox.put(path, bytes);
        }
    }
    sandbox
}

impl Recorded<'_> {
    fn disk(&self) -> SimulatedDisk {
        let mine = self.mine.iter().map(|mine| (final_name(), mine.clone()));
        SimulatedDisk::new(Path::new("data"), mine)
    }

    /// What another boot would know of the part here.
    fn known(&self, sandbox: &Sandbox) -> JournalState {
        let table = format!("{}  {}\n", self.archive.md5, self.archive.name);
        let catalog = Catalog::from_checksums(table.as_bytes()).unwrap();
        let looked = look(&Folder::new(&sandbox.data()), &catalog.archives()[0]);
        looked.map(|looked| looked.recovered).unwrap_or_default()
    }

    /// Which bytes of it it would believe.
    fn believed(&self, sandbox: &Sandbox) -> RangeSet {
        self.known(sandbox).written
    }

    /// What the journal has said to be on the disk, and has been put there itself.
    fn told(&self, disk: &SimulatedDisk, step: &DiskOperation, before: RangeSet) -> RangeSet {
        let is_told = step.is("sync", ".journal") || step.is("sync-folder", ".cxr");
        // Under its final name an archive has all of it.
        let is_named = step.target == final_name() && self.scene.status == 0;
        let is_taken_back = step.is("append", ".journal") && step.says("lost")
            || step.is("rename", ".journal.new")
            || step.is("rename", ".part") && !is_named
            || step.is("remove", ".part");
        match (is_told, is_taken_back) {
            (true, _) => self.believed(&restore(&disk.after(Unsynced::Kept))),
            (_, true) => RangeSet::new(),
            (false, false) => before,
        }
    }

    /// Nothing but the archive or the user's file is under the final name, the user's file is
    /// somewhere, and what was told to be on the disk is there.
    #[track_caller]
    fn is_safe(&self, sandbox: &Sandbox, told: &RangeSet, shown: &str) {
        let found = fs::read(sandbox.path(final_name())).ok();
        let is_archive = found.as_ref() == Some(&*self.archive.bytes);
        assert!(found.is_none() || is_archive || found == self.mine, "under the name: {shown}");
        if let Some(mine) = self.mine.as_ref().filter(|_| self.scene.stays) {
            let read = |file: PathBuf| fs::read(sandbox.path("data").join(file)).unwrap();
            let there = sandbox.files("data").into_iter().map(read).any(|bytes| bytes == *mine);
            assert!(there, "the user's file is lost: {shown}");
        }
        if is_archive {
            return;
        }
        let JournalState { written: believed, original, .. } = self.known(sandbox);
        let is_taken_over = self.mine.is_some() && found.is_none() && !self.scene.stays;
        assert!(!is_taken_over || original.is_some(), "the part is nobody's: {shown}");
        if let Some(mine) = self.mine.as_ref().filter(|_| is_taken_over) {
            assert!(self.can_be_put_back(sandbox, mine), "the user's file is lost: {shown}");
        }
        for range in told.iter() {
            let gap = believed.gap_after(range.start, range.end);
            assert!(gap.is_none(), "{gap:?} is forgotten of {range:?}: {shown}");
        }
        let part = if believed.is_empty() {
            Vec::new()
        } else {
            fs::read(sandbox.own_file(".part")).unwrap()
        };
        for range in believed.iter() {
            let at = |byte| usize::try_from(byte).unwrap();
            let range = at(range.start)..at(range.end);
            if part.get(range.clone()) != self.archive.bytes.get(range.clone()) {
                let alien = range.into_iter().find(|&at| !self.has_come(at, part.get(at).copied()));
                assert!(alien.is_none(), "byte {alien:?} never came: {shown}");
            }
        }
    }

    /// Whether the part and what was saved of it make the user's file, or the part is the archive.
    fn can_be_put_back(&self, sandbox: &Sandbox, mine: &[u8]) -> bool {
        let mut bytes = fs::read(sandbox.own_file(".part")).unwrap();
        if bytes == **self.archive.bytes {
            return true;
        }
        let undo = sandbox.own_file(".part").with_extension("undo");
        let saved = fs::read(undo).unwrap_or_default();
        let number = |bytes: &[u8]| usize::try_from(u64::from_le_bytes(bytes.try_into().unwrap()));
        // Behind the name of the format: offset, length, CRC and bytes of each piece.
        let mut rest = saved.get(11..).unwrap_or_default();
        while rest.len() >= 20 {
            let (at, length) = (number(&rest[..8]).unwrap(), number(&rest[8..16]).unwrap());
            let Some(piece) = rest.get(20..20 + length) else { break };
            let crc = crc32fast::hash(&[&rest[..16], piece].concat());
            if rest[16..20] != crc.to_le_bytes() {
                // It was not whole on the disk, and so nothing was written over.
                break;
            }
            bytes.resize(bytes.len().max(at + length), 0);
            bytes[at..at + length].copy_from_slice(piece);
            rest = &rest[20 + length..];
        }
        bytes.truncate(mine.len());
        bytes == mine
    }

    /// Whether this byte is one that somebody wrote there: right, wrong as from the source, or the
    /// user's.
    fn has_come(&self, at: usize, byte: Option<u8>) -> bool {
        let mine = self.mine.as_ref().and_then(|mine| mine.get(at)).copied();
        let right = self.archive.bytes.get(at).copied();
        let wrong = right.map(|byte| byte ^ 0x10);
        byte.is_some() && (byte == right || byte == mine || byte == wrong && at == 30_000)
    }

    /// The same command goes on: from a source that has nothing, the user's file comes back or
    /// stays; and from one that has the archive, the archive comes.
    #[track_caller]
    fn goes_on(&self, sandbox: &Sandbox, server: &Server) {
        if let Some(mine) = &self.mine {
            self.comes_back(sandbox, server, mine);
        }
        server.behaves();
        server.forget();
        let believed = self.believed(sandbox).total();
        let outcome = fetch(sandbox, server, &self.archive).args(self.scene.options).run();
        outcome.exits(0).report().all_ok();
        sandbox.has(&self.archive);
        let is_bounded = self.mine.is_none() && (self.scene.faults)().len() == 1;
        let most = self.archive.size() - believed + CHUNK;
        let sent = server.sent();
        outcome.expect(sent <= most || !is_bounded, format_args!("{sent} sent to be <= {most}"));
    }

    #[track_caller]
    fn comes_back(&self, sandbox: &Sandbox, server: &Server, mine: &[u8]) {
        server.does(Fault::Status(404));
        let outcome = fetch(sandbox, server, &self.archive).args(self.scene.options).run();
        let is_beginning = self.archive.bytes.starts_with(mine);
        match outcome.status {
            Some(0) => sandbox.has(&self.archive),
            // What was continued stays the part, and what is replaced may be kept by now.
            _ if is_beginning || self.scene.options == REPLACED.options => {
                outcome.exits(3);
                self.is_safe(sandbox, &RangeSet::new(), "after a run that got nothing");
            }
            _ => {
                outcome.exits(3);
                sandbox.holds(final_name(), mine);
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_fetch_loses_nothing() {
    PLAIN.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_adopting_a_file_loses_nothing() {
    CONTINUED.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_replacing_a_file_loses_nothing() {
    REPLACED.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_loses_nothing() {
    MENDED.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_that_keeps_the_file_loses_nothing() {
    MENDED_AND_KEPT.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_restoring_the_original_loses_nothing() {
    PUT_BACK.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_repairing_a_download_loses_nothing() {
    WRONG_ONCE.is_cut_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_starting_over_loses_nothing() {
    BEGUN_AGAIN.is_cut_everywhere();
    BEGUN_AGAIN_AND_KEPT.is_cut_everywhere();
}
