//! Fetches and verifies the archives of the NIH ChestX-ray14 data set.
//!
//! Data flows one way, and each room knows only the ones before it:
//!
//! - [`catalog`] says what should exist: names, digests, sizes, addresses; it reads and writes
//!   checksum files and understands the selectors of the command line.
//! - [`digest`], [`escape`] and [`units`] are the small words that every room speaks: a digest, text
//!   that is safe to show, and numbers as people read them.
//! - [`identify`] says what kind of file begins with given bytes, and [`shell`] writes a file name
//!   so that it can be pasted into a command.
//! - [`cancel`] is how a signal ends a run in good order.
//! - [`disk`] is the one room that changes anything on the disk, [`ranges`] its sets of bytes.
//! - [`source`] knows where bytes come from.
//! - [`locate`] says where an archive is broken, from the archive alone.
//! - [`hash`] computes the MD5 of many streams at once.
//! - [`interchange`] writes the table for other tools, with the addresses that sources have.
//! - [`transfer`] brings archives from sources to their final names, in chunks.
//! - [`verdict`] holds the seven words, and [`report`] what is said of every archive.
//! - [`event`] carries what happens on the way to whoever listens, such as a progress bar.
//! - [`event_log`] listens and writes one JSON object a line, for programs.
//! - [`progress`] listens and speaks to standard error: bars, lines, and messages.
//! - [`verify`] checks what is here, and [`fetch`] gets what is not: the two that do the work.
//! - [`selftest`] has them work against a server of its own, and says whether they can here.
//! - [`leftovers`] finds what belongs to no archive of the table any more.
//! - [`list`] shows the catalogue and what is here of it, and [`mod@cite`] what NIH asks for.
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
pub mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod hash;
pub mod interchange;
pub mod list;
pub mod locate;
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
