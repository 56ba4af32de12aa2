//! What the checks of transfers stand on: a folder of their own, the server, and the ways to ask.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sample::Sample;
use super::server::{Mishap, Server};
use super::{SelftestRequest, Trouble};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::disk;
use crate::event::Listener;
use crate::fetch::{FetchRequest, fetch};
use crate::report::Report;
use crate::session::NetworkOptions;
use crate::source::SourceSpec;
use crate::text::{escape, units};
use crate::verdict::Verdict;
use crate::verify::{VerifyRequest, verify};

/// Bytes that a connection takes at a time: a sample has eight chunks.
pub(super) const CHUNK: NonZeroU64 = NonZeroU64::new(64 << 10).unwrap();

/// How long a line may be silent. A busy machine that takes longer is only asked again.
const STALL: Duration = Duration::from_millis(300);

const CONNECT: Duration = Duration::from_secs(2);
const BACKOFF: Duration = Duration::from_millis(20);
/// Each takes the time that a client takes to read the system's certificates.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const RETRIES: u32 = 4;

/// What the checks of transfers share.
pub(super) struct Stage<'a> {
    pub(super) request: &'a SelftestRequest,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a Cancel,
    pub(super) samples: &'a [Sample],
    pub(super) catalog: &'a Catalog,
    pub(super) server: &'a Server,
    /// A folder of the self-test's own.
    pub(super) scratch: &'a Path,
}

impl Stage<'_> {
    /// A folder in it, under a name of one's own.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Fetches samples into a folder, exactly as the command does. Every one must be there in the
    /// end, byte for byte.
    pub(super) fn fetch(&self, dir: &Path, selected: &[usize]) -> Result<Report, Trouble> {
        let source = SourceSpec::parse(self.server.base().as_ref());
        let request = FetchRequest {
            selected: selected.to_vec(),
            sources: vec![source.map_err(|error| Trouble::machine(error.to_string()))?],
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
        let report = report.map_err(|error| Trouble::machine(error.to_string()))?;
        all_ok(&report)?;
        selected.iter().try_for_each(|&index| self.is_exact(dir, index))?;
        Ok(report)
    }

    /// As [`Self::fetch`], where these mishaps must have happened to one sample on the way.
    pub(super) fn fetch_through(
        &self,
        name: &'static str,
        mishaps: &[(u64, Mishap)],
    ) -> Result<Report, Trouble> {
        let always = mishaps.first().map(|(_, mishap)| *mishap);
        self.server.script(0, mishaps, always.filter(|_| self.is_sabotaged(name)));
        let report = self.fetch(&self.dir(name), &[0]);
        let outstanding = self.server.outstanding(0);
        self.server.script(0, &[], None);
        let report = report?;
        if outstanding > 0 {
            return Err(Trouble::machine("what was to go wrong did not".to_owned()));
        }
        Ok(report)
    }

    /// Verifies a folder, exactly as the command does.
    pub(super) fn verify(&self, dir: &Path) -> Report {
        let request = VerifyRequest::new(self.catalog.clone(), vec![dir.to_owned()]);
        verify(&request, self.listener, self.cancel)
    }

    /// Whether a test wants this check to fail.
    pub(super) fn is_sabotaged(&self, name: &str) -> bool {
        self.request.sabotage.as_deref() == Some(name)
    }

    /// The MD5 decides for `fetch`; here all bytes are known, and compared.
    fn is_exact(&self, dir: &Path, index: usize) -> Result<(), Trouble> {
        let Some(sample) = self.samples.get(index) else { return Ok(()) };
        let path = dir.join(&sample.archive.name);
        let shown = escape::path(&path);
        match disk::read(&path, sample.bytes.len() + 1) {
            Ok(bytes) if bytes == *sample.bytes => Ok(()),
            Ok(_) => Err(Trouble::corrupt(format!("{shown} was said to be right, and is not"))),
            Err(error) => Err(Trouble::machine(format!("{shown} could not be read: {error}"))),
        }
    }
}

/// The first archive that is not `ok` is what is wrong.
pub(super) fn all_ok(report: &Report) -> Result<(), Trouble> {
    match report.archives.iter().find(|archive| archive.verdict != Verdict::Ok) {
        None if report.is_ok() => Ok(()),
        None => Err(Trouble::machine("nothing was checked".to_owned())),
        Some(archive) => {
            let detail = archive.detail.as_deref().unwrap_or("no reason is known");
            Err(Trouble::new(archive.verdict, format!("{}: {detail}", archive.name)))
        }
    }
}

/// How much of what came, came again.
pub(super) fn again(report: &Report) -> String {
    let sizes = report.archives.iter().filter_map(|archive| archive.actual_size).sum();
    let reused: u64 = report.archives.iter().map(|archive| archive.bytes_reused).sum();
    let more = (report.bytes_downloaded() + reused).saturating_sub(sizes);
    format!("{} of {} came twice", units::bytes(more), units::bytes(sizes))
}
