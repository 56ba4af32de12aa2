//! The setup that the transfer checks share: a folder, the server, and ways to fetch and verify.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sample::Sample;
use super::server::{Fault, Server};
use super::{CheckError, SelftestRequest};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::disk::{self, DiskError, Entry};
use crate::event::Listener;
use crate::fetch::{FetchRequest, fetch};
use crate::report::Report;
use crate::session::NetworkOptions;
use crate::source::SourceSpec;
use crate::text::{escape, units};
use crate::verdict::Verdict;
use crate::verify::{VerifyRequest, verify};

/// The size of a chunk; a sample has eight.
pub(super) const CHUNK: NonZeroU64 = NonZeroU64::new(64 << 10).unwrap();

/// The stall timeout. It only costs a retry if a busy machine takes longer.
const STALL: Duration = Duration::from_millis(300);

const CONNECT: Duration = Duration::from_secs(2);
const BACKOFF: Duration = Duration::from_millis(20);
/// Few, because each connection takes the time to read the system's certificates.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const RETRIES: u32 = 4;

/// The setup that the transfer checks share.
pub(super) struct Setup<'a> {
    pub(super) request: &'a SelftestRequest,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a Cancel,
    pub(super) samples: &'a [Sample],
    pub(super) catalog: &'a Catalog,
    pub(super) server: &'a Server,
    /// The folder that the self-test created.
    pub(super) scratch: &'a Path,
}

impl Setup<'_> {
    /// Returns the path of a folder below it.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Fetches samples into a folder, exactly as the command does, and compares all their bytes.
    pub(super) fn fetch(&self, dir: &Path, selected: &[usize]) -> Result<Report, CheckError> {
        let source = SourceSpec::parse(self.server.base().as_ref());
        let request = FetchRequest {
            selected: selected.to_vec(),
            sources: vec![source.map_err(|error| CheckError::machine(error.to_string()))?],
            connections: CONNECTIONS,
            network: NetworkOptions {
                retries: RETRIES,
                stall_timeout: STALL,
                connect_timeout: CONNECT,
                backoff: BACKOFF,
                ..NetworkOptions::default()
            },
            chunk: CHUNK,
            ..FetchRequest::new(self.catalog.clone(), dir)
        };
        let report = fetch(&request, self.listener, self.cancel);
        let report = report.map_err(|error| CheckError::machine(error.to_string()))?;
        all_ok(&report)?;
        selected.iter().try_for_each(|&index| self.compare_bytes(dir, index))?;
        Ok(report)
    }

    /// Fetches the first sample. All of these faults must happen.
    pub(super) fn fetch_with_faults(
        &self,
        name: &'static str,
        faults: &[(u64, Fault)],
    ) -> Result<Report, CheckError> {
        let always = faults.first().map(|(_, fault)| *fault);
        self.server.set_faults(0, faults, always.filter(|_| self.is_sabotaged(name)));
        let report = self.fetch(&self.dir(name), &[0]);
        let pending_faults = self.server.pending_faults(0);
        self.server.set_faults(0, &[], None);
        let report = report?;
        if pending_faults > 0 {
            return Err(CheckError::machine(
                "not all faults of the check have happened".to_owned(),
            ));
        }
        Ok(report)
    }

    /// Verifies a folder, exactly as the command does.
    pub(super) fn verify(&self, dir: &Path) -> Report {
        let request = VerifyRequest::new(self.catalog.clone(), vec![dir.to_owned()]);
        verify(&request, self.listener, self.cancel)
    }

    /// True if a test makes this check fail.
    pub(super) fn is_sabotaged(&self, name: &str) -> bool {
        self.request.sabotage.as_deref() == Some(name)
    }

    /// Compares a file with its sample. `fetch` only compares MD5s.
    fn compare_bytes(&self, dir: &Path, index: usize) -> Result<(), CheckError> {
        let Some(sample) = self.samples.get(index) else { return Ok(()) };
        let path = dir.join(&sample.archive.name);
        let shown = escape::path(&path);
        match disk::read(&path, sample.bytes.len() + 1) {
            Ok(bytes) if bytes == *sample.bytes => Ok(()),
            Ok(_) => Err(CheckError::corrupt(format!(
                "{shown} has the verdict ok, but its bytes differ from the archive"
            ))),
            Err(error) => Err(CheckError::machine(format!("{shown} could not be read: {error}"))),
        }
    }
}

/// Fails with the first archive that is not `ok`.
pub(super) fn all_ok(report: &Report) -> Result<(), CheckError> {
    match report.archives.iter().find(|archive| archive.verdict != Verdict::Ok) {
        None if report.is_ok() => Ok(()),
        None => Err(CheckError::machine("nothing was checked".to_owned())),
        Some(archive) => {
            let detail = archive.detail.as_deref().unwrap_or("no reason is known");
            Err(CheckError::new(archive.verdict, format!("{}: {detail}", archive.name)))
        }
    }
}

/// Describes how many bytes were received more than once.
pub(super) fn repeated(report: &Report) -> String {
    let sizes = report.archives.iter().filter_map(|archive| archive.actual_size).sum();
    let reused: u64 = report.archives.iter().map(|archive| archive.bytes_reused).sum();
    let more = (report.bytes_downloaded() + reused).saturating_sub(sizes);
    format!("{} of {} were received twice", units::bytes(more), units::bytes(sizes))
}

/// Flips a bit of a file.
pub(super) fn flip_bit(path: &Path, at: u64) -> Result<(), CheckError> {
    let mut byte = [0];
    let file = Entry::at(path).open_or_create()?;
    file.read_at(&mut byte, at).map_err(DiskError::new(path, "read"))?;
    file.write_at(at, &[byte[0] ^ 1])?;
    Ok(())
}
