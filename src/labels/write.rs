//! Writes NIH's files, `metadata.csv` and lists into a folder, and replaces none that cxr did not write.

use std::io::{self, Write};
use std::iter;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use serde::Serialize;

use super::comparison::{Comparison, WriteOutcome, compare, is_of_2017};
use super::metadata::{MAX_METADATA_BYTES, METADATA_NAME, Metadata};
use super::official::{DATA_ENTRY, FILES};
use super::plan::{LabelsError, LabelsRequest, PartCount, count_parts, plan};
use super::records::record as record_of;
use super::written::LabelsRecord;
use crate::catalog::inventory::place_of;
use crate::disk::{self, DiskError, Entry, Folder};
use crate::report::write_json;
use crate::text::{escape, shell, units};
use crate::verdict::ExitStatus;

const SCHEMA: &str = "cxr.labels/1";

/// The csv of 2017 as Kaggle and others still have it.
const KAGGLE_CSV: &str = "Data_Entry_2017.csv";

/// The folder of the lists with labels.
const CHEXNET: &str = "chexnet";

/// The lists of the parts with a part for validation.
pub(crate) const PART_LISTS: [&str; 2] = ["train_list.txt", "val_list.txt"];

/// A file of the report.
#[derive(Debug, Serialize)]
struct LabelsFile {
    name: String,
    path: String,
    bytes: usize,
    md5: String,
    state: WriteOutcome,
    detail: Option<String>,
    next: Option<String>,
    /// A file that cxr wrote before is replaced.
    #[serde(skip)]
    replaces: bool,
    #[serde(skip)]
    content: Vec<u8>,
}

impl LabelsFile {
    /// Returns true if only the record shows that cxr wrote the file.
    fn is_list(&self) -> bool {
        self.name != METADATA_NAME && FILES.iter().all(|(name, ..)| *name != self.name)
    }

    fn fail(&mut self, error: &DiskError) {
        self.state = WriteOutcome::Error;
        self.detail = Some(format!("{error}; {}", error.remedy()));
    }
}

/// The files that were written, and those that were not.
#[derive(Debug, Serialize)]
pub struct LabelsReport {
    schema: &'static str,
    ok: bool,
    /// The images of `metadata.csv`.
    images: usize,
    patients: usize,
    /// The images in each part.
    parts: Vec<PartCount>,
    files: Vec<LabelsFile>,
    /// Remarks on other files of the folder that concern the labels.
    notes: Vec<String>,
}

/// Writes the files. If one of them cannot be written because another file has its name, writes none.
///
/// # Errors
///
/// [`LabelsError`] if a part would be empty.
pub fn write_labels(request: &LabelsRequest) -> Result<LabelsReport, LabelsError> {
    let folder = Folder::new(&request.dir);
    let mut record = LabelsRecord::read(&folder);
    let found = disk::read(&request.dir.join(METADATA_NAME), MAX_METADATA_BYTES).ok();
    let earlier = found.and_then(|found| Metadata::read_own(&found));
    let metadata = plan(request, earlier.as_ref())?;
    let look = |(name, md5, content)| look(request, &record, name, md5, content);
    let contents = contents(request, &metadata, &record);
    let mut files: Vec<LabelsFile> = contents.into_iter().map(look).collect();
    if request.images.is_none() && earlier.as_ref() == Some(&metadata) {
        let is_metadata = |file: &&mut LabelsFile| file.name == METADATA_NAME;
        let images = units::count(metadata.images.len(), "image");
        let detail = format!("cxr wrote it before, with {images}");
        files.iter_mut().find(is_metadata).into_iter().for_each(|file| {
            file.detail.get_or_insert_with(|| detail.clone());
        });
    }
    if request.validation.is_some() || request.images.is_some() {
        record.set_validation(request.validation);
    }
    let is_open =
        |file: &LabelsFile| matches!(file.state, WriteOutcome::Refused | WriteOutcome::Error);
    if !files.iter().any(is_open) {
        remove_drafts(&folder, &files);
        write_all(&request.dir, &folder, &mut record, &mut files);
    }
    let images = &metadata.images;
    let mut patients: Vec<usize> =
        images.iter().filter_map(record_of).map(|record| record.patient).collect();
    patients.dedup();
    Ok(LabelsReport {
        schema: SCHEMA,
        ok: files
            .iter()
            .all(|file| matches!(file.state, WriteOutcome::Written | WriteOutcome::Unchanged)),
        images: images.len(),
        patients: patients.len(),
        parts: count_parts(&metadata),
        files,
        notes: notes(&request.dir, &metadata),
    })
}

/// Removes what earlier runs left that were killed: drafts that begin as one of the files, or with the same
/// line, or with the name of an image.
fn remove_drafts(folder: &Folder, files: &[LabelsFile]) {
    let first = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').next().map(<[u8]>::to_vec);
    let lines: Vec<_> = files.iter().map(|file| first(&file.content)).collect();
    let is_image = |line: &[u8]| {
        let name =
            line.split(|&byte| byte == b' ').next().and_then(|name| str::from_utf8(name).ok());
        name.and_then(place_of).is_some()
    };
    let is_own = |found: &[u8]| {
        let line = first(found);
        files.iter().any(|file| file.content.starts_with(found))
            || lines.contains(&line)
            || line.is_some_and(|line| is_image(&line))
    };
    for dir in [folder.dir(), &folder.dir().join(CHEXNET)] {
        disk::remove_drafts(dir, MAX_METADATA_BYTES, is_own);
    }
    disk::remove_own_drafts(folder);
}

/// Writes the files that are not there, and those that replace one of cxr. The record comes first: it must
/// know every file that cxr wrote.
fn write_all(dir: &Path, folder: &Folder, record: &mut LabelsRecord, files: &mut [LabelsFile]) {
    let needed: Vec<_> =
        files.iter_mut().filter(|file| file.state == WriteOutcome::NotWritten).collect();
    for file in needed.iter().filter(|file| file.is_list()) {
        record.add(&file.name, &file.content);
    }
    if needed.iter().any(|file| file.replaces || file.is_list()) {
        let written = disk::create_folder(dir).and_then(|()| record.write(folder));
        if let Err(error) = written {
            for file in needed {
                file.fail(&error);
            }
            return;
        }
    }
    for file in needed {
        write(dir, folder, record, file);
    }
}

/// Returns the name, the MD5 and the content of each file.
fn contents(
    request: &LabelsRequest,
    metadata: &Metadata,
    record: &LabelsRecord,
) -> Vec<(String, Option<&'static str>, Vec<u8>)> {
    let mut files: Vec<_> = FILES
        .into_iter()
        .map(|(name, md5, content)| (name.to_owned(), Some(md5), content()))
        .collect();
    files.push((METADATA_NAME.to_owned(), None, metadata.to_csv()));
    for part in metadata.parts.words() {
        if metadata.parts.validation.is_some() && *part != "test" {
            files.push((format!("{part}_list.txt"), None, metadata.names(part)));
        }
        if request.chexnet {
            files.push((format!("{CHEXNET}/{part}_list.txt"), None, metadata.chexnet(part)));
        }
    }
    // A list without a name is written only in place of one that has some.
    let is_stale = |name: &str| {
        let found = disk::read(&request.dir.join(name), MAX_METADATA_BYTES);
        found.is_ok_and(|found| record.has(name, &found))
    };
    files.retain(|(name, _, content)| !content.is_empty() || is_stale(name));
    files
}

/// Compares a file with that of the folder, if there is one.
fn look(
    request: &LabelsRequest,
    record: &LabelsRecord,
    name: String,
    published: Option<&'static str>,
    content: Vec<u8>,
) -> LabelsFile {
    let path = request.dir.join(&name);
    let md5 = hex::encode(Md5::digest(&content));
    let Comparison { state, detail, kept, replaces } = match published {
        // A build or a memory that is damaged: no wrong label may come out of it.
        Some(published) if published != md5 => {
            let detail =
                format!("its MD5 would be {md5} and not NIH's {published}; install cxr again");
            Comparison::new(WriteOutcome::Error, detail)
        }
        _ => compare(record, &name, &path, &content),
    };
    let next = (state == WriteOutcome::Refused).then(|| {
        let (from, to) = (shell::path(&path), shell::path(&free_name(&path)));
        format!("move it away, then run the same command again: mv {from} {to}")
    });
    let (bytes, md5) = kept.unwrap_or((content.len(), md5));
    let path = path.to_string_lossy().into_owned();
    LabelsFile { name, path, bytes, md5, state, detail, next, replaces, content }
}

/// Returns a name beside a file that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let numbered = (2..).map(|number| path.with_added_extension(format!("old{number}")));
    let mut names = iter::once(path.with_added_extension("old")).chain(numbered);
    names.find(|name| name.symlink_metadata().is_err()).unwrap_or_default()
}

fn write(dir: &Path, folder: &Folder, record: &LabelsRecord, file: &mut LabelsFile) {
    let path = dir.join(&file.name);
    let content = std::mem::take(&mut file.content);
    let written = if file.replaces {
        // A file that somebody else has written meanwhile stays.
        match compare(record, &file.name, &path, &content) {
            Comparison { replaces: true, .. } => {
                disk::write_over(folder, &Entry::at(&path), &content).map(|()| true)
            }
            _ => Ok(false),
        }
    } else {
        disk::create_folder(disk::parent(&path)).and_then(|()| disk::write_new(&path, &content))
    };
    match written {
        Ok(true) => file.state = WriteOutcome::Written,
        // Another cxr may have written the same.
        Ok(false) => {
            let found = compare(record, &file.name, &path, &content);
            let is_same = found.state == WriteOutcome::Unchanged;
            let changed = Some("it appeared or changed during the run".to_owned());
            file.state = if is_same { found.state } else { WriteOutcome::Refused };
            file.detail = if is_same { found.detail } else { changed };
        }
        Err(error) => file.fail(&error),
    }
}

fn notes(dir: &Path, metadata: &Metadata) -> Vec<String> {
    let has_validation = metadata.parts.validation.is_some();
    let path = dir.join(KAGGLE_CSV);
    let is_there = disk::read(&path, 1024).is_ok_and(|head| is_of_2017(&head));
    let kaggle = || {
        format!(
            "{} is the csv of 2017: train with {DATA_ENTRY}, in which NIH corrected labels, ages and \
             follow-up numbers",
            escape::path(&path)
        )
    };
    let is_list = |name: &&&str| !has_validation && dir.join(name).is_file();
    let lists = PART_LISTS.iter().filter(is_list).map(|name| {
        format!(
            "{} is not of this run: metadata.csv has no part for validation",
            escape::path(&dir.join(name))
        )
    });
    let counts = count_parts(metadata);
    let is_empty = |count: &&PartCount| has_validation && count.images == 0 && count.part != "test";
    let empty = counts.iter().filter(is_empty);
    let empty = empty.map(|it| format!("{METADATA_NAME} has no image in the part {}", it.part));
    is_there.then(kaggle).into_iter().chain(lists).chain(empty).collect()
}

impl LabelsReport {
    /// Returns the exit status.
    pub fn exit_status(&self) -> ExitStatus {
        let any = |state| self.files.iter().any(|file| file.state == state);
        if any(WriteOutcome::Refused) {
            ExitStatus::Bad
        } else if any(WriteOutcome::Error) {
            ExitStatus::Failed
        } else {
            ExitStatus::Ok
        }
    }

    /// Writes a line for each file.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.files.iter().try_for_each(|file| {
            let (word, size) = (file.state.word(), units::bytes(file.bytes as u64));
            write!(out, "{word:<12} {}  {size}", escape::text(&file.name))?;
            for more in [&file.detail, &file.next].into_iter().flatten() {
                write!(out, "; {more}")?;
            }
            writeln!(out)
        })
    }

    /// Writes the JSON document.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        write_json(self, out)
    }

    /// Returns messages beside the files: notes, and the sums.
    pub fn messages(&self) -> Vec<String> {
        let parts: Vec<String> =
            self.parts.iter().map(|count| format!("{} {}", count.images, count.part)).collect();
        let is_refused = self.files.iter().any(|file| file.state == WriteOutcome::Refused);
        let refused = is_refused.then(|| "files were refused, so cxr wrote nothing".to_owned());
        let [images, patients] = [(self.images, "image"), (self.patients, "patient")]
            .map(|(number, thing)| units::count(number, thing));
        let sums = format!("{images} of {patients}: {}", parts.join(", "));
        self.notes.iter().cloned().chain(refused).chain([sums]).collect()
    }
}
