//! The result for the images of one archive, and its report. Pure.

use std::collections::BTreeMap;

use super::expected::ExpectedArchive;
use super::file_check::{GoodImage, ImageProblem, ProblemGroup};
use crate::disk::FileKey;
use crate::report::{ArchiveReport, ImageSummary, ProblemImage};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The most files with a problem that a document names, for each archive.
const NAMED: usize = 100;

/// The images of one archive so far.
#[derive(Debug)]
pub(super) struct ArchiveTally {
    /// For each place, the file that was there.
    found: Vec<Option<FileKey>>,
    good: u64,
    rgba: u64,
    /// Good images that were compared with a record.
    compared: u64,
    /// Files in the place of an image that has another file.
    repeated: u64,
    bytes: u64,
    /// For each kind of problem, the number of images, and the first with its reason.
    problems: BTreeMap<ProblemGroup, (u64, String, String)>,
    /// The first files with a problem, by the names of their images.
    named: BTreeMap<String, ProblemImage>,
}

/// The knowledge of a whole run when an archive gets its report.
#[derive(Debug)]
pub(super) struct TreeFacts<'a> {
    /// The record with which images were compared, escaped.
    pub(super) record: Option<&'a str>,
    /// The reason why images may be there that were not found, escaped.
    pub(super) unread: Option<&'a str>,
    /// True if the run was interrupted.
    pub(super) is_interrupted: bool,
}

impl ArchiveTally {
    pub(super) fn new(expected: &ExpectedArchive<'_>) -> Self {
        Self {
            found: vec![None; expected.places()],
            good: 0,
            rgba: 0,
            compared: 0,
            repeated: 0,
            bytes: 0,
            problems: BTreeMap::new(),
            named: BTreeMap::new(),
        }
    }

    /// The number of good images so far.
    pub(super) fn good(&self) -> u64 {
        self.good
    }

    /// The bytes of all good images so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn file(&self, position: usize) -> Option<FileKey> {
        self.found.get(position).copied().flatten()
    }

    /// Returns true if this file was there under another name, such as a link to it.
    pub(super) fn has(&self, position: usize, file: FileKey) -> bool {
        self.file(position) == Some(file)
    }

    /// Adds the result for a file in the place of an image.
    pub(super) fn add(
        &mut self,
        expected: &ExpectedArchive<'_>,
        position: usize,
        file: FileKey,
        result: Result<GoodImage, ImageProblem>,
    ) {
        // Another thread may have checked it meanwhile.
        if self.has(position, file) {
            return;
        }
        let is_repeated = self.file(position).is_some();
        match result {
            // It counts with the other missing ones.
            Err(ImageProblem::Missing) => return,
            Err(problem) => self.add_problem(&expected.name(position), &problem),
            Ok(_) if is_repeated => {}
            Ok(good) => {
                self.good += 1;
                self.rgba += u64::from(good.is_rgba);
                self.compared += u64::from(good.is_compared);
                self.bytes += good.bytes;
            }
        }
        self.repeated += u64::from(is_repeated);
        if let Some(found) = self.found.get_mut(position) {
            *found = Some(file);
        }
    }

    fn add_problem(&mut self, name: &str, problem: &ImageProblem) {
        let (group, reason) = (problem.group(), problem.to_string());
        let (number, first, why) = self.problems.entry(group).or_default();
        *number += 1;
        if *number == 1 || *name < **first {
            (*first, *why) = (name.to_owned(), reason.clone());
        }
        let verdict = group.verdict();
        if verdict == Verdict::Missing {
            return;
        }
        let problem = ProblemImage { name: name.to_owned(), verdict, reason };
        self.named.insert(name.to_owned(), problem);
        if self.named.len() > NAMED {
            self.named.pop_last();
        }
    }

    /// Ends the search: images without a file are missing.
    fn add_missing(&mut self, expected: &ExpectedArchive<'_>) {
        for position in 0..self.found.len() {
            if self.found[position].is_none() && expected.is_wanted(position) {
                self.add_problem(&expected.name(position), &ImageProblem::Missing);
            }
        }
    }

    fn count(&self, verdict: Verdict) -> u64 {
        let groups = self.problems.iter().filter(|(group, _)| group.verdict() == verdict);
        groups.map(|(_, (number, ..))| number).sum()
    }

    /// Returns the report, without its path and the next step.
    pub(super) fn report(
        mut self,
        expected: &ExpectedArchive<'_>,
        facts: &TreeFacts<'_>,
    ) -> ArchiveReport {
        if !facts.is_interrupted {
            self.add_missing(expected);
        }
        let number = expected.number() as u64;
        let verdict = if expected.is_empty { Verdict::Ok } else { self.verdict(number, facts) };
        let summary = ImageSummary {
            expected: number,
            ok: self.good,
            missing: self.count(Verdict::Missing),
            corrupt: self.count(Verdict::Corrupt),
            foreign: self.count(Verdict::Foreign),
            unreadable: self.count(Verdict::Error),
            rgba: self.rgba,
            problems: self.named.values().cloned().collect(),
        };
        ArchiveReport {
            detail: Some(if expected.is_empty {
                "the archive contains no file".to_owned()
            } else {
                self.describe(number, facts)
            }),
            images: Some(Box::new(summary)),
            ..ArchiveReport::new(&expected.archive.name, verdict)
        }
    }

    fn verdict(&self, number: u64, facts: &TreeFacts<'_>) -> Verdict {
        let worst = [Verdict::Corrupt, Verdict::Foreign];
        let missing = self.count(Verdict::Missing);
        match worst.into_iter().find(|verdict| self.count(*verdict) > 0) {
            Some(verdict) => verdict,
            None if facts.is_interrupted || self.count(Verdict::Error) > 0 => Verdict::Error,
            None if missing > 0 && facts.unread.is_some() => Verdict::Error,
            // It was never extracted.
            None if number == 0 => Verdict::Missing,
            None if missing == number => Verdict::Missing,
            None if missing > 0 => Verdict::Incomplete,
            None => Verdict::Ok,
        }
    }

    /// Describes the images: only what was counted and checked.
    fn describe(&self, number: u64, facts: &TreeFacts<'_>) -> String {
        if number == 0 {
            return "images.tsv lists nothing of this archive".to_owned();
        }
        if self.count(Verdict::Missing) == number && facts.unread.is_none() {
            return match number {
                1 => "its only image is not there".to_owned(),
                _ => format!("none of its {number} images is there"),
            };
        }
        let mut parts = vec![self.describe_good(number, facts)];
        for (group, (count, first, reason)) in &self.problems {
            let first = escape::brief(first);
            let why = match group {
                ProblemGroup::Missing | ProblemGroup::Empty | ProblemGroup::Truncated => first,
                _ => format!("{first}: {reason}"),
            };
            let why = if *count == 1 { why } else { format!("the first is {why}") };
            parts.push(format!("{count} {} ({why})", group.words()));
        }
        match self.repeated {
            0 => {}
            1 => parts.push("1 image is there twice".to_owned()),
            more => parts.push(format!("{more} images are there twice")),
        }
        if let Some(unread) = facts.unread.filter(|_| self.count(Verdict::Missing) > 0) {
            parts.push(format!("some may be there: {unread}"));
        }
        if facts.is_interrupted {
            parts.push("interrupted before all images were checked".to_owned());
        }
        parts.join("; ")
    }

    fn describe_good(&self, number: u64, facts: &TreeFacts<'_>) -> String {
        let images = if number == 1 { "image is" } else { "images are" };
        let count = match self.good {
            good if good == number => format!("{number} {images} whole"),
            good => format!("{good} of {number} {images} whole"),
        };
        let bytes = (self.good > 0).then(|| format!(" ({})", units::bytes(self.bytes)));
        let rgba = (self.rgba > 0).then(|| format!(", {} RGBA", self.rgba));
        let record = facts.record.filter(|_| self.good > 0).map(|record| match self.compared {
            compared if compared == self.good => format!(", equal to {record} byte for byte"),
            0 => format!(", and {record} has none of them"),
            compared => format!(", {compared} of them equal to {record} byte for byte"),
        });
        count + &[bytes, rgba, record].into_iter().flatten().collect::<String>()
    }
}
