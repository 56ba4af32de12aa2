//! The checks that fetch, verify and extract.

use std::path::Path;

use super::extracted::extract_and_compare;
use super::killed_fetch;
use super::server::Fault;
use super::setup::{CHUNK, Setup, all_ok, flip_bit, repeated};
use super::{CheckError, CheckResult};
use crate::text::units;
use crate::verdict::Verdict;

/// A check that fetches, verifies or extracts.
pub(super) struct TransferCheck {
    pub(super) name: &'static str,
    /// The check whose files this one uses.
    pub(super) after: Option<&'static str>,
    pub(super) check: fn(&Setup<'_>) -> CheckResult,
}

/// The checks, in order.
pub(super) const TRANSFERS: [TransferCheck; 8] = [
    TransferCheck { name: "fetch", after: None, check: fetched },
    TransferCheck { name: "resets", after: None, check: resets },
    TransferCheck { name: "stall", after: None, check: stall },
    TransferCheck { name: "corrupt", after: None, check: corrupt },
    TransferCheck { name: "kill", after: None, check: kill },
    TransferCheck { name: "verify", after: Some("fetch"), check: verified },
    TransferCheck { name: "repair", after: Some("verify"), check: repair },
    TransferCheck { name: "extract", after: Some("repair"), check: extracted },
];

/// The folder with the samples that `verify`, `repair` and `extract` use.
const FETCHED: &str = "fetch";

fn fetched(setup: &Setup<'_>) -> CheckResult {
    let all: Vec<usize> = (0..setup.samples.len()).collect();
    if setup.is_sabotaged("fetch") {
        setup.server.set_faults(0, &[], Some(Fault::Flip));
    }
    let report = setup.fetch(&setup.dir(FETCHED), &all);
    setup.server.set_faults(0, &[], None);
    let size = units::bytes(report?.bytes_downloaded());
    Ok(format!(
        "fetched {} archives, {size}, over several connections; every byte is right",
        all.len()
    ))
}

fn resets(setup: &Setup<'_>) -> CheckResult {
    let chunk = CHUNK.get();
    let faults: Vec<_> = (0..5).map(|n| (n * chunk + chunk / 2, Fault::Reset)).collect();
    let report = setup.fetch_with_faults("resets", &faults)?;
    Ok(format!("resumed after each of {} broken connections; {}", faults.len(), repeated(&report)))
}

fn stall(setup: &Setup<'_>) -> CheckResult {
    let report = setup.fetch_with_faults("stall", &[(CHUNK.get() + 1000, Fault::Stall)])?;
    Ok(format!("resumed after a stalled connection; {}", repeated(&report)))
}

fn corrupt(setup: &Setup<'_>) -> CheckResult {
    let report = setup.fetch_with_faults("corrupt", &[(3 * CHUNK.get() + 7, Fault::Flip)])?;
    Ok(format!("detected and replaced a bit that was wrong on arrival; {}", repeated(&report)))
}

/// A fetch resumes after an earlier one was killed.
fn kill(setup: &Setup<'_>) -> CheckResult {
    let dir = setup.dir("kill");
    setup.server.set_faults(0, &[(4 * CHUNK.get() + 1000, Fault::Stall)], None);
    let kept = killed_fetch::fetch_and_kill(setup, &dir);
    setup.server.set_faults(0, &[], None);
    let kept = kept?;
    let report = setup.fetch(&dir, &[0])?;
    let reused: u64 = report.archives.iter().map(|archive| archive.bytes_reused).sum();
    if reused < kept {
        return Err(CheckError::machine(format!(
            "a fetch was killed after {}, and the next one reused only {}",
            units::bytes(kept),
            units::bytes(reused)
        )));
    }
    Ok(format!("resumed after a kill, and reused {}", units::bytes(reused)))
}

fn verified(setup: &Setup<'_>) -> CheckResult {
    let dir = setup.dir(FETCHED);
    if setup.is_sabotaged("verify") {
        flip(setup, &dir)?;
    }
    let report = setup.verify(&dir);
    all_ok(&report)?;
    Ok(format!("read {} archives; every MD5 is right", report.archives.len()))
}

/// `verify` finds a flipped bit on the disk, and `fetch` repairs it.
fn repair(setup: &Setup<'_>) -> CheckResult {
    let dir = setup.dir(FETCHED);
    flip(setup, &dir)?;
    let report = setup.verify(&dir);
    if report.count(Verdict::Corrupt) != 1 {
        let what = report.archives.verdicts().next().map_or("", Verdict::word);
        return Err(CheckError::machine(format!(
            "the verdict on a damaged file is {what}: expected corrupt"
        )));
    }
    if setup.is_sabotaged("repair") {
        setup.server.set_faults(0, &[], Some(Fault::Reset));
    }
    let all: Vec<usize> = (0..setup.samples.len()).collect();
    let report = setup.fetch(&dir, &all);
    setup.server.set_faults(0, &[], None);
    let size = units::bytes(report?.bytes_downloaded());
    Ok(format!("found a flipped bit in a file and repaired the file; fetched {size}"))
}

fn extracted(setup: &Setup<'_>) -> CheckResult {
    extract_and_compare(setup, &setup.dir(FETCHED), &setup.dir("extract"))
}

/// Flips a bit in the middle of the first sample in the folder.
fn flip(setup: &Setup<'_>, dir: &Path) -> Result<(), CheckError> {
    let Some(sample) = setup.samples.first() else { return Ok(()) };
    flip_bit(&dir.join(&sample.archive.name), sample.bytes.len() as u64 / 2)
}
