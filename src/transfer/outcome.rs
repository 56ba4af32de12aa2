//! What a transfer is told of an archive, and what it tells of it in the end.

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
    /// Whatever the caller knows it by.
    pub index: usize,
    /// The archive.
    pub archive: Archive,
    /// What is here of it.
    pub kept: JournalState,
    /// The digest of what is here, where all of it is and the digest is wrong.
    pub wrong: Option<Digest>,
}

/// What became of an archive.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As in the plan.
    pub index: usize,
    /// How it ended.
    pub ending: Ending,
    /// The size of the archive in bytes, if known by now.
    pub size: Option<u64>,
    /// Bytes of it that are here.
    pub here: u64,
    /// Bytes received.
    pub downloaded: u64,
    /// Bytes that were here before and stayed.
    pub reused: u64,
    /// Requests made.
    pub attempts: u32,
    /// From when it was taken in hand.
    pub time: Duration,
    /// The sources that gave bytes.
    pub sources: Vec<String>,
    /// What was done about damages.
    pub mending: RepairSummary,
    /// A file of the user's that was to be mended, where it is again as it was.
    pub returned: Option<RestoredFile>,
}

/// A file of the user's that was to be built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestoredFile {
    /// Where it is again.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
}

impl Outcome {
    /// Of an archive of which nothing happened.
    pub(super) fn stopped(
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
            mending: RepairSummary::default(),
            returned: None,
        }
    }
}

/// How the transfer of an archive ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It is under its final name, and its MD5 is this one, the right one.
    Verified(Digest),
    /// Every source gave wrong bytes.
    Corrupt {
        /// The last wrong digest.
        digest: Digest,
        /// Who gave what, in words.
        detail: String,
        /// Where the wrong bytes are kept, if they are.
        kept: Option<PathBuf>,
    },
    /// No source could give it; what each answered, in words.
    Unreachable(String),
    /// This machine could not write or read it.
    Error(DiskError),
    /// All were stopped because of another archive.
    Stopped(StopReason),
    /// The run was ended.
    Cancelled,
}

/// Why all archives are stopped.
#[derive(Debug, Clone)]
pub(crate) enum StopReason {
    /// The disk takes no more: why, in words.
    DiskFull(String),
    /// One has failed, in words, and the others were not to go on then.
    Failed(String),
    /// Another cxr has taken the folder over: which, in words.
    TakenOver(String),
}
