//! The check of files that may be right: files under the names of archives, and files under other
//! names that may be archives.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, Scope};

use parking_lot::Mutex;

use super::ask_size::ask_size;
use crate::catalog::{Archive, Catalog};
use crate::other_names::OtherFile;
use crate::report::ArchiveReport;
use crate::transfer::Context;
use crate::verdict::Verdict;
use crate::verify::{FileChecker, check_files};

/// An archive to check.
pub(super) struct Check {
    pub(super) index: usize,
    pub(super) files: Files,
}

/// The files that may be an archive.
pub(super) enum Files {
    /// The file under its name or alias.
    Own(PathBuf),
    /// Files under other names, the likeliest first: one of them may be the archive.
    Others(Vec<OtherFile>),
}

impl Files {
    fn get(&self, number: usize) -> Option<(&PathBuf, Option<&OtherFile>)> {
        match self {
            Self::Own(path) => (number == 0).then_some((path, None)),
            Self::Others(files) => files.get(number).map(|file| (&file.path, Some(file))),
        }
    }
}

/// The result of a check.
pub(super) enum CheckResult {
    /// The report on the file.
    Checked(Box<ArchiveReport>),
    /// None of the files under other names is the archive.
    NotFound,
}

/// An archive that was checked.
pub(super) struct CheckedArchive {
    pub(super) index: usize,
    pub(super) result: CheckResult,
    /// Its size, if the table has none and a source gave it.
    pub(super) size: Option<u64>,
}

impl CheckResult {
    /// Returns true if the size of the archive says how to go on.
    fn needs_size(&self) -> bool {
        match self {
            Self::Checked(report) => {
                !matches!(report.verdict, Verdict::Ok | Verdict::Error) || !report.damage.is_empty()
            }
            Self::NotFound => true,
        }
    }
}

/// Checks files in a run.
pub(super) struct Checker<'scope, 'env, 'r, T> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) context: &'scope Context<'scope>,
    pub(super) catalog: &'scope Catalog,
    /// The archives of the run.
    pub(super) archives: &'scope [&'scope Archive],
    /// Gets every archive that was checked.
    pub(super) messages: &'r Sender<T>,
}

impl<T: From<CheckedArchive> + Send> Checker<'_, '_, '_, T>
where
    T: 'static,
{
    /// Checks the files of all these archives.
    pub(super) fn run(&self, checks: &[Check]) {
        let Context { engine, listener, cancel, .. } = *self.context;
        let checker = FileChecker::new(self.catalog, engine, listener, cancel);
        let asking = Arc::new(AtomicUsize::new(0));
        let mut open: Vec<&Check> = checks.iter().collect();
        for number in 0.. {
            open.retain(|check| check.files.get(number).is_some());
            if open.is_empty() {
                break;
            }
            let files: Vec<_> = open
                .iter()
                .filter_map(|&check| Some((check.files.get(number)?.0, check.index)))
                .map(|(path, index)| (path.as_path(), Some(self.archives[index])))
                .collect();
            let undecided = Mutex::new(Vec::new());
            check_files(&checker, &files, None, |file, report| {
                let check = open[file];
                match self.conclude(check, number, report) {
                    Some(result) => self.settle(check.index, result, &asking),
                    None => undecided.lock().push(check),
                }
            });
            open = undecided.into_inner();
        }
    }

    /// The result that follows from the report on the file of this number; `None` if the next file
    /// is to be checked.
    fn conclude(&self, check: &Check, number: usize, report: ArchiveReport) -> Option<CheckResult> {
        let Some((_, Some(other))) = check.files.get(number) else {
            return Some(CheckResult::Checked(Box::new(report)));
        };
        if report.verdict == Verdict::Ok {
            return Some(CheckResult::Checked(Box::new(other.named_in(report))));
        }
        let is_last = check.files.get(number + 1).is_none() || self.context.cancel.is_cancelled();
        is_last.then_some(CheckResult::NotFound)
    }

    /// Sends the result, with the size of the archive if it is needed. `asking` counts the threads
    /// that ask for sizes.
    fn settle(&self, index: usize, result: CheckResult, asking: &Arc<AtomicUsize>) {
        let (context, archive) = (self.context, self.archives[index]);
        if archive.size.is_some() || !result.needs_size() {
            // The receiver lives as long as it expects messages.
            let _ = self.messages.send(CheckedArchive { index, result, size: None }.into());
            return;
        }
        let (result, messages) = (Mutex::new(Some(result)), self.messages.clone());
        let question = Arc::new(SizeQuestion { context, archive, index, result, messages });
        question.answer_aside(self.scope, asking);
    }
}

struct SizeQuestion<'scope, T> {
    context: &'scope Context<'scope>,
    archive: &'scope Archive,
    index: usize,
    result: Mutex<Option<CheckResult>>,
    messages: Sender<T>,
}

impl<'scope, T: From<CheckedArchive> + Send + 'static> SizeQuestion<'scope, T> {
    /// Asks for the size without holding up the check, because a busy source takes its time.
    /// `asking` counts the threads that do so.
    fn answer_aside(self: Arc<Self>, scope: &'scope Scope<'scope, '_>, asking: &Arc<AtomicUsize>) {
        let (copy, count) = (Arc::clone(&self), Arc::clone(asking));
        let answer = move || {
            copy.answer();
            count.fetch_sub(1, Ordering::Relaxed);
        };
        let is_free = asking.fetch_add(1, Ordering::Relaxed) < self.context.options.jobs.get();
        if !is_free || thread::Builder::new().spawn_scoped(scope, answer).is_err() {
            self.answer();
            asking.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn answer(&self) {
        let size = ask_size(self.context, self.archive);
        if let Some(result) = self.result.lock().take() {
            // The receiver lives as long as it expects messages.
            let _ = self.messages.send(CheckedArchive { index: self.index, result, size }.into());
        }
    }
}
