//! The input and the result of the transfer of one archive.

use std::path::PathBuf;
use std::time::Duration;

use super::journal::JournalState;
use super::repair::RepairSummary;
use crate::catalog::Archive;
use crate::disk::DiskError;
use crate::hash::digest::Digest;

/// An archive to be transferred.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The caller's number for it.
    pub index: usize,
    pub archive: Archive,
    /// The bytes that are here.
    pub kept: JournalState,
    /// The digest of what is here, if every byte is here and the digest is wrong.
    pub wrong: Option<Digest>,
}

/// The result of a [`Plan`].
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As in the plan.
    pub index: usize,
    pub ending: Ending,
    /// The size of the archive in bytes, if known.
    pub size: Option<u64>,
    /// Bytes of the archive that are here.
    pub here: u64,
    /// Bytes received.
    pub downloaded: u64,
    /// Bytes that were here before and stayed.
    pub reused: u64,
    /// Requests made.
    pub attempts: u32,
    pub time: Duration,
    /// The sources that gave bytes.
    pub sources: Vec<String>,
    pub repair: RepairSummary,
    /// A user's file that was under repair and is back in its place.
    pub restored: Option<RestoredFile>,
}

/// A user's file that is back as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestoredFile {
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
}

impl Outcome {
    /// The result for an archive that was not touched.
    pub(super) fn untouched(
        index: usize,
        archive: &Archive,
        kept: &JournalState,
        ending: Ending,
    ) -> Self {
        let here = kept.written.total();
        Self {
            index,
            ending,
            size: archive.size,
            here,
            downloaded: 0,
            reused: here,
            attempts: 0,
            time: Duration::ZERO,
            sources: kept.origins.names().to_vec(),
            repair: RepairSummary::default(),
            restored: None,
        }
    }
}

/// The end of the transfer of an archive.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It has its final name, and its digest is the right one: this.
    Verified(Digest),
    /// Every source gave wrong bytes.
    Corrupt {
        /// The last wrong digest.
        digest: Digest,
        /// Each source and what it gave.
        detail: String,
        /// The place where the wrong bytes are kept, if they are.
        kept: Option<PathBuf>,
    },
    /// No source could give it. Each source and what it answered.
    Unreachable(String),
    /// This machine could not write or read it.
    Error(DiskError),
    /// All archives were stopped because of another one.
    Stopped(StopReason),
    Cancelled,
}

/// The reason why all archives are stopped. The texts are safe to show.
#[derive(Debug, Clone)]
pub(crate) enum StopReason {
    /// The disk is full: the error.
    DiskFull(String),
    /// An archive has failed, and the others were to stop then: the archive and its verdict.
    Failed(String),
    /// Another run has taken the folder over: its description.
    TakenOver(String),
}
