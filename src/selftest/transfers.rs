//! The checks that fetch and verify.

use std::path::Path;

use super::child;
use super::server::Mishap;
use super::stage::{CHUNK, Stage, again, all_ok};
use super::{Found, Trouble};
use crate::disk::{DiskError, File};
use crate::text::units;
use crate::verdict::Verdict;

/// A check by its name, and the one whose files it uses.
pub(super) struct Transfer {
    pub(super) name: &'static str,
    pub(super) behind: Option<&'static str>,
    pub(super) check: fn(&Stage<'_>) -> Found,
}

/// In their order.
pub(super) const TRANSFERS: [Transfer; 7] = [
    Transfer { name: "fetch", behind: None, check: plain },
    Transfer { name: "resets", behind: None, check: resets },
    Transfer { name: "stall", behind: None, check: stall },
    Transfer { name: "corrupt", behind: None, check: corrupt },
    Transfer { name: "kill", behind: None, check: kill },
    Transfer { name: "verify", behind: Some("fetch"), check: verified },
    Transfer { name: "repair", behind: Some("verify"), check: repair },
];

/// Where the samples lie that `verify` and `repair` use.
const PLAIN: &str = "fetch";

fn plain(stage: &Stage<'_>) -> Found {
    let all: Vec<usize> = (0..stage.samples.len()).collect();
    if stage.is_sabotaged("fetch") {
        stage.server.script(0, &[], Some(Mishap::Flip));
    }
    let report = stage.fetch(&stage.dir(PLAIN), &all);
    stage.server.script(0, &[], None);
    let size = units::bytes(report?.bytes_downloaded());
    Ok(format!("{} archives, {size}, over several connections, byte for byte", all.len()))
}

fn resets(stage: &Stage<'_>) -> Found {
    let chunk = CHUNK.get();
    let mishaps: Vec<_> = (0..5).map(|n| (n * chunk + chunk / 2, Mishap::Reset)).collect();
    let report = stage.fetch_through("resets", &mishaps)?;
    Ok(format!("gone on after each of {} broken connections; {}", mishaps.len(), again(&report)))
}

fn stall(stage: &Stage<'_>) -> Found {
    let report = stage.fetch_through("stall", &[(CHUNK.get() + 1000, Mishap::Stall)])?;
    Ok(format!("gone on after a connection that fell silent; {}", again(&report)))
}

fn corrupt(stage: &Stage<'_>) -> Found {
    let report = stage.fetch_through("corrupt", &[(3 * CHUNK.get() + 7, Mishap::Flip)])?;
    Ok(format!("a wrong bit on the way was noticed and fetched anew; {}", again(&report)))
}

/// Killed as by a power cut, the next fetch goes on from what is here.
fn kill(stage: &Stage<'_>) -> Found {
    let dir = stage.dir("kill");
    stage.server.script(0, &[(4 * CHUNK.get() + 1000, Mishap::Stall)], None);
    let kept = child::fetch_and_kill(stage, &dir);
    stage.server.script(0, &[], None);
    let kept = kept?;
    let report = stage.fetch(&dir, &[0])?;
    let reused: u64 = report.archives.iter().map(|archive| archive.bytes_reused).sum();
    if reused < kept {
        return Err(Trouble::machine(format!(
            "{} were here when a fetch was killed, and only {} of them afterwards",
            units::bytes(kept),
            units::bytes(reused)
        )));
    }
    Ok(format!("gone on after a kill, with the {} that were here", units::bytes(reused)))
}

fn verified(stage: &Stage<'_>) -> Found {
    let dir = stage.dir(PLAIN);
    if stage.is_sabotaged("verify") {
        flip(stage, &dir)?;
    }
    let report = stage.verify(&dir);
    all_ok(&report)?;
    Ok(format!("{} archives read back, each with its MD5", report.archives.len()))
}

/// A bit that has flipped on the disk is found by `verify` and mended by `fetch`.
fn repair(stage: &Stage<'_>) -> Found {
    let dir = stage.dir(PLAIN);
    flip(stage, &dir)?;
    let report = stage.verify(&dir);
    if report.count(Verdict::Corrupt) != 1 {
        let what = report.archives.first().map_or("", |archive| archive.verdict.word());
        return Err(Trouble::machine(format!("a damaged file was called {what}, not corrupt")));
    }
    if stage.is_sabotaged("repair") {
        stage.server.script(0, &[], Some(Mishap::Reset));
    }
    let all: Vec<usize> = (0..stage.samples.len()).collect();
    let report = stage.fetch(&dir, &all);
    stage.server.script(0, &[], None);
    let size = units::bytes(report?.bytes_downloaded());
    Ok(format!("a flipped bit in a file was found, and the file repaired; {size} fetched"))
}

/// Damages the first sample in the folder by one bit in its middle.
fn flip(stage: &Stage<'_>, dir: &Path) -> Result<(), Trouble> {
    let Some(sample) = stage.samples.first() else { return Ok(()) };
    let path = dir.join(&sample.archive.name);
    let at = sample.bytes.len() as u64 / 2;
    let mut byte = [0];
    let file = File::open_or_create(&path)?;
    file.read_at(&mut byte, at).map_err(DiskError::new(&path, "read"))?;
    file.write_at(at, &[vec![byte[0] ^ 1].into()])?;
    Ok(())
}
