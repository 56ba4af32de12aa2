//! Power cuts between any two file operations: no wrong file gets a final name, no file of the user
//! is lost, all bytes that the journal claims are on the disk, and the same command resumes.
//!
//! The program records its file operations. A simulated disk repeats them, and the power is cut
//! after every operation, with the unsynced changes lost, kept, or a mix of both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cxr::catalog::Catalog;
use cxr::disk::Folder;
use cxr::ranges::RangeSet;
use cxr::transfer::{JournalState, look};

use crate::support::{
    Archive, Cxr, DiskOperation, FINAL_NAME, Fault, FaultRule, Sandbox, Server, SimulatedDisk,
    Unsynced, archive, random,
};

/// The chunk size of these tests.
const CHUNK: u64 = 64 << 10;

/// The average number of states of each scenario that are resumed. All states are checked.
const RESUMED_STATES: usize = 12;

/// A fetch of one archive in a certain situation.
struct Scenario {
    /// The content of a file of the user under the archive's name.
    user_file: fn(&Archive) -> Option<Vec<u8>>,
    faults: fn() -> Vec<FaultRule>,
    options: &'static [&'static str],
    /// The length at which a journal is compacted.
    journal_bytes: &'static str,
    /// True if a complete copy of the user's file always exists. A file that is repaired in place
    /// must instead be restorable from the partial download and its undo log.
    keeps_copy: bool,
    /// The exit status.
    status: i32,
}

const PLAIN: Scenario = Scenario {
    user_file: |_| None,
    faults: || vec![Fault::Throttle { rate: 3 << 20 }.into()],
    options: &[],
    journal_bytes: "",
    keeps_copy: false,
    status: 0,
};

/// An incomplete download of another tool is adopted.
const ADOPTED: Scenario =
    Scenario { user_file: |archive| Some(archive.bytes[..200_000].to_vec()), ..PLAIN };

/// Another file is replaced and kept.
const REPLACED: Scenario = Scenario {
    user_file: |_| Some(b"something else altogether".repeat(5000)),
    options: &["--keep-corrupt"],
    keeps_copy: true,
    ..PLAIN
};

/// A damaged file is repaired.
const REPAIRED: Scenario =
    Scenario { user_file: |archive| Some(archive.flipped(200_000)), ..PLAIN };

/// The same, and the damaged file is kept.
const REPAIRED_AND_KEPT: Scenario =
    Scenario { options: &["--keep-corrupt"], keeps_copy: true, ..REPAIRED };

/// Two bytes are damaged. The source reports the size, sends bytes for one, and then fails: the
/// original is restored.
const RESTORED: Scenario = Scenario {
    user_file: |archive| {
        let mut bytes = archive.flipped(100_000);
        bytes[300_000] ^= 1;
        Some(bytes)
    },
    faults: || vec![Fault::Status(404).after(2)],
    status: 3,
    ..REPAIRED
};

/// A source sends a wrong bit once.
const WRONG_ONCE: Scenario =
    Scenario { faults: || vec![Fault::Flip { at: 30_000 }.first(1)], ..PLAIN };

/// The same without ranges: the whole archive is downloaded again.
const STARTED_OVER: Scenario = Scenario {
    faults: || vec![Fault::NoRanges.into(), Fault::Flip { at: 30_000 }.first(1)],
    ..PLAIN
};

/// The same, and the wrong download is kept.
const STARTED_OVER_AND_KEPT: Scenario = Scenario { options: &["--keep-corrupt"], ..STARTED_OVER };

/// Every record makes the journal too long.
const COMPACTED: Scenario = Scenario { journal_bytes: "0", ..PLAIN };

/// The recording file operations of a fetch.
struct Recording<'a> {
    scenario: &'a Scenario,
    archive: Archive,
    user_file: Option<Vec<u8>>,
    operations: Vec<DiskOperation>,
}

fn fetch(sandbox: &Sandbox, server: &Server, archive: &Archive) -> Cxr {
    sandbox
        .fetch(server, std::slice::from_ref(archive))
        .args(["-c", "2"])
        .chunk(CHUNK)
        .env("CXR_FAULT_SYNC_MS", "10")
}

impl Scenario {
    fn record(&self) -> Recording<'_> {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
        let server = Server::with([&archive]);
        for rule in (self.faults)() {
            server.inject(rule);
        }
        let user_file = (self.user_file)(&archive);
        if let Some(user_file) = &user_file {
            sandbox.put(FINAL_NAME, user_file);
        }
        let fetch = fetch(&sandbox, &server, &archive).args(self.options);
        let fetch = fetch.env("CXR_FAULT_JOURNAL_BYTES", self.journal_bytes);
        // After a reboot, which another host stands for, only synced bytes are trusted.
        let fetch = fetch.env("CXR_FAULT_HOST", "before").env("CXR_FAULT_RECORD", "record");
        fetch.run().exits(self.status);
        let mut operations = DiskOperation::all(&sandbox.path("record"));
        operations.retain(|operation| operation.name != "read" && operation.name != "close");
        Recording { scenario: self, archive, user_file, operations }
    }

    /// Cuts the power after every operation. Checks every state, and resumes from some of them.
    fn cut_power_everywhere(&self) {
        let mut random = random();
        let recording = self.record();
        let mut disk = recording.disk();
        let mut promised = RangeSet::new();
        let server = Server::with([&recording.archive]);
        let mut states = 0;
        for (number, operation) in recording.operations.iter().enumerate() {
            disk.apply(operation);
            let before = std::mem::take(&mut promised);
            promised = recording.promised(&disk, operation, before);
            let number_mixed = if operation.changes_names() { 10 } else { 2 };
            let mixed: Vec<_> = (0..number_mixed).map(|_| Unsynced::Mixed(random.fork())).collect();
            for unsynced in [Unsynced::Lost, Unsynced::Kept].into_iter().chain(mixed) {
                states += 1;
                let shown = format!(
                    "operation {number}, {} {}, {unsynced:?}",
                    operation.name,
                    operation.path.display()
                );
                let sandbox = restore(&disk.after(unsynced));
                recording.assert_safe(&sandbox, &promised, &shown);
                if random.usize(..recording.operations.len() * 4) < RESUMED_STATES {
                    eprintln!("resuming after {shown}");
                    recording.assert_resumes(&sandbox, &server);
                }
            }
        }
        eprintln!("{} operations, {states} states", recording.operations.len());
    }
}

/// Writes the files that exist after the power cut into a sandbox.
fn restore(files: &BTreeMap<PathBuf, Vec<u8>>) -> Sandbox {
    let sandbox = Sandbox::new();
    for (path, bytes) in files {
        // After a real reboot the owner is recognized at once. Here it would be another host, and
        // the next run would wait.
        if !path.to_string_lossy().contains(".cxr/owner") {
            sandbox.put(path, bytes);
        }
    }
    sandbox
}

impl Recording<'_> {
    fn disk(&self) -> SimulatedDisk {
        let user_file =
            self.user_file.iter().map(|user_file| (FINAL_NAME.into(), user_file.clone()));
        SimulatedDisk::new(Path::new("data"), user_file)
    }

    /// The state of the journal as read after a reboot.
    fn journal_state(&self, sandbox: &Sandbox) -> JournalState {
        let table = format!("{}  {}\n", self.archive.md5, self.archive.name);
        let catalog = Catalog::from_checksums(table.as_bytes()).unwrap();
        let looked = look(&Folder::new(&sandbox.data()), &catalog.archives()[0]);
        looked.map(|looked| looked.recovered).unwrap_or_default()
    }

    /// The bytes of the partial download that are trusted after a reboot.
    fn trusted(&self, sandbox: &Sandbox) -> RangeSet {
        self.journal_state(sandbox).written
    }

    /// The bytes that synced journal records claim to be on the disk.
    fn promised(
        &self,
        disk: &SimulatedDisk,
        operation: &DiskOperation,
        before: RangeSet,
    ) -> RangeSet {
        let is_promised = operation.is("sync", ".journal") || operation.is("sync-folder", ".cxr");
        // A complete archive has its final name and no partial download.
        let is_named = operation.target == Path::new(FINAL_NAME) && self.scenario.status == 0;
        let is_withdrawn = operation.is("append", ".journal") && operation.says("lost")
            || operation.is("rename", ".journal.new")
            || operation.is("rename", ".part") && !is_named
            || operation.is("remove", ".part");
        match (is_promised, is_withdrawn) {
            (true, _) => self.trusted(&restore(&disk.after(Unsynced::Kept))),
            (_, true) => RangeSet::new(),
            (false, false) => before,
        }
    }

    /// Asserts that only the archive or the user's file is under the final name, that the user's
    /// file exists or can be restored, and that all promised bytes are on the disk.
    #[track_caller]
    fn assert_safe(&self, sandbox: &Sandbox, promised: &RangeSet, shown: &str) {
        let found = fs::read(sandbox.path(FINAL_NAME)).ok();
        let is_archive = found.as_ref() == Some(&*self.archive.bytes);
        assert!(
            found.is_none() || is_archive || found == self.user_file,
            "under the name: {shown}"
        );
        if let Some(user_file) = self.user_file.as_ref().filter(|_| self.scenario.keeps_copy) {
            let read = |file: PathBuf| fs::read(sandbox.path("data").join(file)).unwrap();
            let exists =
                sandbox.files("data").into_iter().map(read).any(|bytes| bytes == *user_file);
            assert!(exists, "the user's file is lost: {shown}");
        }
        if is_archive {
            return;
        }
        let JournalState { written: trusted, original, .. } = self.journal_state(sandbox);
        let is_adopted = self.user_file.is_some() && found.is_none() && !self.scenario.keeps_copy;
        assert!(!is_adopted || original.is_some(), "the adopted file is unknown: {shown}");
        if let Some(user_file) = self.user_file.as_ref().filter(|_| is_adopted) {
            assert!(self.can_be_restored(sandbox, user_file), "the user's file is lost: {shown}");
        }
        for range in promised.iter() {
            let gap = trusted.gap_after(range.start, range.end);
            assert!(gap.is_none(), "{gap:?} is missing in {range:?}: {shown}");
        }
        let part = if trusted.is_empty() {
            Vec::new()
        } else {
            fs::read(sandbox.working_file(".part")).unwrap()
        };
        for range in trusted.iter() {
            let at = |byte| usize::try_from(byte).unwrap();
            let range = at(range.start)..at(range.end);
            if part.get(range.clone()) != self.archive.bytes.get(range.clone()) {
                let unexpected =
                    range.into_iter().find(|&at| !self.is_expected(at, part.get(at).copied()));
                assert!(unexpected.is_none(), "byte {unexpected:?} was never written: {shown}");
            }
        }
    }

    /// Returns true if the partial download and its undo log make the user's file, or if the
    /// partial download is the archive.
    fn can_be_restored(&self, sandbox: &Sandbox, user_file: &[u8]) -> bool {
        let mut bytes = fs::read(sandbox.working_file(".part")).unwrap();
        if bytes == **self.archive.bytes {
            return true;
        }
        let undo = sandbox.working_file(".part").with_extension("undo");
        let saved = fs::read(undo).unwrap_or_default();
        let number = |bytes: &[u8]| usize::try_from(u64::from_le_bytes(bytes.try_into().unwrap()));
        // After the name of the format: offset, length, CRC and bytes of each piece.
        let mut rest = saved.get(11..).unwrap_or_default();
        while rest.len() >= 20 {
            let (at, length) = (number(&rest[..8]).unwrap(), number(&rest[8..16]).unwrap());
            let Some(piece) = rest.get(20..20 + length) else { break };
            let crc = crc32fast::hash(&[&rest[..16], piece].concat());
            if rest[16..20] != crc.to_le_bytes() {
                // An incomplete piece: its bytes have not been overwritten yet.
                break;
            }
            bytes.resize(bytes.len().max(at + length), 0);
            bytes[at..at + length].copy_from_slice(piece);
            rest = &rest[20 + length..];
        }
        bytes.truncate(user_file.len());
        bytes == user_file
    }

    /// Returns true if this byte is right, or the wrong one of the source, or the user's.
    fn is_expected(&self, at: usize, byte: Option<u8>) -> bool {
        let user_file = self.user_file.as_ref().and_then(|user_file| user_file.get(at)).copied();
        let right = self.archive.bytes.get(at).copied();
        let wrong = right.map(|byte| byte ^ 0x10);
        byte.is_some() && (byte == right || byte == user_file || byte == wrong && at == 30_000)
    }

    /// Asserts that the same command keeps or restores the user's file if the source has nothing,
    /// and fetches the archive if the source has it.
    #[track_caller]
    fn assert_resumes(&self, sandbox: &Sandbox, server: &Server) {
        if let Some(user_file) = &self.user_file {
            self.assert_restored(sandbox, server, user_file);
        }
        server.clear_faults();
        server.clear_log();
        let trusted = self.trusted(sandbox).total();
        let outcome = fetch(sandbox, server, &self.archive).args(self.scenario.options).run();
        outcome.exits(0).report().all_ok();
        sandbox.assert_archive(&self.archive);
        let is_bounded = self.user_file.is_none() && (self.scenario.faults)().len() == 1;
        let most = self.archive.size() - trusted + CHUNK;
        let sent = server.sent();
        outcome.expect(
            sent <= most || !is_bounded,
            format_args!("at most {most} bytes sent, not {sent}"),
        );
    }

    #[track_caller]
    fn assert_restored(&self, sandbox: &Sandbox, server: &Server, user_file: &[u8]) {
        server.inject(Fault::Status(404));
        let outcome = fetch(sandbox, server, &self.archive).args(self.scenario.options).run();
        let is_beginning = self.archive.bytes.starts_with(user_file);
        match outcome.status {
            Some(0) => sandbox.assert_archive(&self.archive),
            // An adopted beginning stays a partial download, and a replaced file may be kept.
            _ if is_beginning || self.scenario.options == REPLACED.options => {
                outcome.exits(3);
                self.assert_safe(sandbox, &RangeSet::new(), "after a run that got nothing");
            }
            _ => {
                outcome.exits(3);
                sandbox.assert_content(FINAL_NAME, user_file);
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_fetch_loses_nothing() {
    PLAIN.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_adopting_a_file_loses_nothing() {
    ADOPTED.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_replacing_a_file_loses_nothing() {
    REPLACED.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_loses_nothing() {
    REPAIRED.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_that_keeps_the_file_loses_nothing() {
    REPAIRED_AND_KEPT.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_restoring_the_original_loses_nothing() {
    RESTORED.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_repairing_a_download_loses_nothing() {
    WRONG_ONCE.cut_power_everywhere();
}

#[test]
fn a_power_cut_at_any_step_of_starting_over_loses_nothing() {
    STARTED_OVER.cut_power_everywhere();
    STARTED_OVER_AND_KEPT.cut_power_everywhere();
}

#[test]
fn a_power_cut_while_a_journal_is_compacted_loses_nothing() {
    COMPACTED.cut_power_everywhere();
}
