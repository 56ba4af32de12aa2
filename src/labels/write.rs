//! Writes NIH's files, `metadata.csv` and lists into a folder, and changes no file that is there.

use std::io::{self, ErrorKind, Write};
use std::iter;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use serde::Serialize;

use super::metadata::{MAX_METADATA_BYTES, METADATA_NAME, Metadata};
use super::official::{DATA_ENTRY, EARLIER_DATA_ENTRY, FILES};
use super::records::record;
use crate::disk;
use crate::report::write_json;
use crate::text::{escape, shell, units};
use crate::verdict::ExitStatus;

const SCHEMA: &str = "cxr.labels/1";

/// The csv of 2017 as Kaggle and others still have it.
const KAGGLE_CSV: &str = "Data_Entry_2017.csv";

/// The files to write.
#[derive(Debug, Clone)]
pub struct LabelsRequest {
    /// The folder. It is created if it does not exist.
    pub dir: PathBuf,
    /// The images of `metadata.csv` and of the lists.
    pub metadata: Metadata,
    /// True if the images or the parts were chosen, so that an earlier `metadata.csv` does not do.
    pub is_chosen: bool,
    /// Also write lists with labels, in a folder `chexnet`.
    pub chexnet: bool,
}

/// The end of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum WriteOutcome {
    /// It is new.
    Written,
    /// It was there, with the same content or an earlier one of cxr or NIH.
    Unchanged,
    /// Another file has its name, and was left.
    Refused,
    /// Another file was refused, so that nothing was written.
    NotWritten,
    /// The system did not read or write it.
    Error,
}

impl WriteOutcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::NotWritten => "not-written",
            Self::Error => "error",
        }
    }
}

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
    #[serde(skip)]
    content: Vec<u8>,
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

#[derive(Debug, Serialize)]
struct PartCount {
    part: &'static str,
    images: usize,
}

/// Writes the files. If one of them cannot be written because another file has its name, writes none.
pub fn write_labels(request: &LabelsRequest) -> LabelsReport {
    let mut files: Vec<LabelsFile> = contents(request)
        .into_iter()
        .map(|(name, md5, content)| look(request, name, md5, content))
        .collect();
    let is_open =
        |file: &LabelsFile| matches!(file.state, WriteOutcome::Refused | WriteOutcome::Error);
    let is_stopped = files.iter().any(is_open);
    for file in
        files.iter_mut().filter(|file| file.state == WriteOutcome::NotWritten && !is_stopped)
    {
        write(request, file);
    }
    let images = &request.metadata.images;
    let mut patients: Vec<usize> =
        images.iter().filter_map(record).map(|record| record.patient).collect();
    patients.dedup();
    LabelsReport {
        schema: SCHEMA,
        ok: files
            .iter()
            .all(|file| matches!(file.state, WriteOutcome::Written | WriteOutcome::Unchanged)),
        images: images.len(),
        patients: patients.len(),
        parts: count_parts(&request.metadata),
        files,
        notes: notes(&request.dir),
    }
}

/// Returns the name, the MD5 and the content of each file.
fn contents(request: &LabelsRequest) -> Vec<(String, Option<&'static str>, Vec<u8>)> {
    let LabelsRequest { metadata, chexnet, .. } = request;
    let mut files: Vec<_> = FILES
        .into_iter()
        .map(|(name, md5, content)| (name.to_owned(), Some(md5), content()))
        .collect();
    files.push((METADATA_NAME.to_owned(), None, metadata.to_csv()));
    for part in metadata.parts.words() {
        if metadata.parts.validation.is_some() && *part != "test" {
            files.push((format!("{part}_list.txt"), None, metadata.names(part)));
        }
        if *chexnet {
            files.push((format!("chexnet/{part}_list.txt"), None, metadata.chexnet(part)));
        }
    }
    files.retain(|(_, _, content)| !content.is_empty());
    files
}

/// Compares a file with that of the folder, if there is one.
fn look(
    request: &LabelsRequest,
    name: String,
    published: Option<&'static str>,
    content: Vec<u8>,
) -> LabelsFile {
    let path = request.dir.join(&name);
    let md5 = hex::encode(Md5::digest(&content));
    let Comparison { state, detail, kept } = match published {
        // A build or a memory that is damaged: no wrong label may come out of it.
        Some(published) if published != md5 => {
            let detail =
                format!("its MD5 would be {md5} and not NIH's {published}; install cxr again");
            Comparison::new(WriteOutcome::Error, detail)
        }
        _ => compare(request, &name, &path, &content),
    };
    let next = (state == WriteOutcome::Refused).then(|| {
        let (from, to) = (shell::path(&path), shell::path(&free_name(&path)));
        format!("move it away, then run the same command again: mv {from} {to}")
    });
    let (bytes, md5) = kept.unwrap_or((content.len(), md5));
    let path = path.to_string_lossy().into_owned();
    LabelsFile { name, path, bytes, md5, state, detail, next, content }
}

/// Returns a name beside a file that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let numbered = (2..).map(|number| path.with_added_extension(format!("old{number}")));
    let mut names = iter::once(path.with_added_extension("old")).chain(numbered);
    names.find(|name| name.symlink_metadata().is_err()).unwrap_or_default()
}

/// The comparison of a file that is to be written with the folder.
struct Comparison {
    state: WriteOutcome,
    detail: Option<String>,
    /// The size and the MD5 of another file that stays in its place.
    kept: Option<(usize, String)>,
}

impl Comparison {
    const fn plain(state: WriteOutcome) -> Self {
        Self { state, detail: None, kept: None }
    }

    fn new(state: WriteOutcome, detail: impl Into<String>) -> Self {
        Self { state, detail: Some(detail.into()), kept: None }
    }

    /// The file that is there stays.
    fn keep(found: &[u8], md5: String, detail: impl Into<String>) -> Self {
        Self { kept: Some((found.len(), md5)), ..Self::new(WriteOutcome::Unchanged, detail) }
    }
}

fn compare(request: &LabelsRequest, name: &str, path: &Path, content: &[u8]) -> Comparison {
    let found = match disk::read(path, MAX_METADATA_BYTES) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match path.symlink_metadata() {
                Ok(_) => Comparison::new(WriteOutcome::Refused, "it is a link to nothing"),
                Err(_) => Comparison::plain(WriteOutcome::NotWritten),
            };
        }
        Err(error) => {
            return Comparison::new(WriteOutcome::Error, format!("it cannot be read: {error}"));
        }
    };
    if found == content {
        return Comparison::plain(WriteOutcome::Unchanged);
    }
    let md5 = hex::encode(Md5::digest(&found));
    if name == DATA_ENTRY && md5 == EARLIER_DATA_ENTRY {
        let detail = "it is NIH's earlier publication, which differs in the words `Patient Gender`";
        return Comparison::keep(&found, md5, detail);
    }
    let Some(own) = (name == METADATA_NAME).then(|| Metadata::read_own(&found)).flatten() else {
        return Comparison::new(WriteOutcome::Refused, describe(&found, content));
    };
    let Metadata { parts, layout, .. } = &request.metadata;
    let has_same_form = own.layout == *layout && own.parts == *parts;
    let other = if has_same_form { "" } else { ", in another layout or with other parts" };
    let detail = format!("cxr wrote it before, with {} images{other}", own.images.len());
    if has_same_form && !request.is_chosen {
        Comparison::keep(&found, md5, detail)
    } else {
        Comparison::new(WriteOutcome::Refused, detail)
    }
}

/// Says what the file is that has the name of another.
fn describe(found: &[u8], content: &[u8]) -> &'static str {
    let lines = |bytes: &[u8]| -> Vec<u8> {
        let text: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\r').collect();
        text.trim_ascii_end().to_owned()
    };
    if found.is_empty() {
        "the file is empty"
    } else if is_of_2017(found) {
        "it is the csv of 2017, as Kaggle has it, with other labels in 181 rows, other follow-up \
         numbers, and ages with a letter"
    } else if lines(found) == lines(content) {
        "it has the same lines with other line ends"
    } else {
        "it has other content"
    }
}

/// Returns true for the csv of 2017: its header and its rows end with a comma, and ages have a letter.
fn is_of_2017(csv: &[u8]) -> bool {
    let mut lines = csv.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.next().is_some_and(|header| {
        header.starts_with(b"Image Index,Finding Labels,") && header.ends_with(b"y],")
    })
}

fn write(request: &LabelsRequest, file: &mut LabelsFile) {
    let path = request.dir.join(&file.name);
    let content = std::mem::take(&mut file.content);
    let written =
        disk::create_folder(disk::parent(&path)).and_then(|()| disk::write_new(&path, &content));
    (file.state, file.detail) = match written {
        Ok(true) => (WriteOutcome::Written, None),
        // Another cxr may have written the same.
        Ok(false) => match compare(request, &file.name, &path, &content) {
            Comparison { state: state @ WriteOutcome::Unchanged, detail, .. } => (state, detail),
            _ => (WriteOutcome::Refused, Some("it appeared during the run".to_owned())),
        },
        Err(error) => (WriteOutcome::Error, Some(format!("{error}; {}", error.remedy()))),
    };
}

fn count_parts(metadata: &Metadata) -> Vec<PartCount> {
    let mut counts: Vec<PartCount> =
        metadata.parts.words().iter().map(|part| PartCount { part, images: 0 }).collect();
    for place in metadata.images.iter() {
        let Some(record) = record(place) else { continue };
        let word = metadata.parts.word(place, record.split);
        counts.iter_mut().filter(|count| count.part == word).for_each(|count| count.images += 1);
    }
    counts
}

fn notes(dir: &Path) -> Vec<String> {
    let path = dir.join(KAGGLE_CSV);
    let is_there = disk::read(&path, 1024).is_ok_and(|head| is_of_2017(&head));
    let note = || {
        format!(
            "{} is the csv of 2017: train with {DATA_ENTRY}, in which NIH corrected labels, ages and \
             follow-up numbers",
            escape::path(&path)
        )
    };
    is_there.then(note).into_iter().collect()
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
        let plural = |count| if count == 1 { "" } else { "s" };
        let (images, patients) = (self.images, self.patients);
        let sums = format!(
            "{images} image{} of {patients} patient{}: {}",
            plural(images),
            plural(patients),
            parts.join(", ")
        );
        self.notes.iter().cloned().chain(refused).chain([sums]).collect()
    }
}
