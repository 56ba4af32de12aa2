//! Fetches and verifies the archives of the NIH ChestX-ray14 data set.
//!
//! The modules, in the order in which they depend on each other. A module imports only modules that stand
//! before it, which `tests/layers.rs` checks.
//!
//! - [`cancel`] stops a run cleanly after a signal.
//! - [`ranges`] holds sets of bytes.
//! - [`text`] makes text safe to show, quotes it for a shell, and writes numbers with their units.
//! - [`hash`] computes the MD5 of many streams side by side, in SIMD lanes.
//! - [`catalog`] says what should exist: names, digests, sizes, addresses. It reads and writes tables.
//! - [`disk`] is the only module that changes anything on the disk. It also locks the folder.
//! - [`locate`] finds out what a file is and where an archive is damaged, from its bytes alone.
//! - `schedule` decides which range is fetched next, from which source. It is pure.
//! - [`source`] reads archives from HTTP(S) servers, buckets and folders.
//! - [`verdict`] holds the seven verdicts and the exit status.
//! - [`report`] writes the verdicts and their reasons as text, JSON, JUnit and annotations.
//! - `other_names` finds archives that lie in a folder under other names.
//! - [`event`] passes what happens in a run to its listeners.
//! - `rate` limits the bytes per second.
//! - [`session`] exchanges one HTTP request and response, and cuts a connection that stalls.
//! - [`transfer`] downloads and repairs archives, and gives them their final names.
//! - [`interchange`] writes a table with its addresses for other tools.
//! - [`images`] knows the places and the bytes of extracted images, and checks them.
//! - [`verify`] checks the archives in folders and on mirrors.
//! - [`labels`] holds NIH's labels and split, selects images by them, and writes their files.
//! - [`list`] lists the catalog and the state of each archive in a folder.
//! - [`extract`] unpacks verified archives into images.
//! - [`fetch`] finds out what a folder lacks, transfers it, and verifies it.
//! - [`selftest`] runs fetches against a server of its own to test this machine.
//! - [`progress`] listens to events and shows them: bars, lines, messages and the event log.
//!
//! ```no_run
//! use cxr::{cancel::Cancel, catalog::Catalog, event::Silent};
//! use cxr::fetch::{FetchRequest, fetch};
//!
//! let request = FetchRequest::new(Catalog::nih(), "nih");
//! let report = fetch(&request, &Silent, &Cancel::new())?;
//! for archive in &report.archives {
//!     assert_eq!(archive.verdict.word(), "ok", "{}: {:?}", archive.name, archive.detail);
//! }
//! # Ok::<(), cxr::fetch::FetchError>(())
//! ```

pub mod cancel;
pub mod catalog;
pub mod disk;
pub mod event;
pub mod extract;
pub mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[path = "../fuzz/invariants/mod.rs"]
pub mod fuzzing;
pub mod hash;
pub mod images;
pub mod interchange;
pub mod labels;
pub mod list;
pub mod locate;
mod other_names;
pub mod progress;
pub mod ranges;
mod rate;
pub mod report;
mod schedule;
pub mod selftest;
pub mod session;
pub mod source;
pub mod text;
pub mod transfer;
pub mod verdict;
pub mod verify;
