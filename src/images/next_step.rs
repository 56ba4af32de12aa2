//! The command that extracts images again.

use std::path::{Path, PathBuf};

use super::ImagesRequest;
use super::deleted;
use super::layout::{IMAGES, Layout, is_here, is_image_folder};
use super::walk::WalkFindings;
use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::text::shell;
use crate::verdict::Verdict;

/// The `cxr extract` that writes images to their places in a tree.
#[derive(Debug)]
pub(super) struct ExtractCommand<'a> {
    catalog: &'a Catalog,
    /// The options that say where the archives and the images are, and which table has them.
    options: String,
    /// The folder of the archives.
    archives: PathBuf,
    /// The options that say where images go.
    target: String,
    /// The folder that holds those of the layout.
    root: PathBuf,
    layout: Layout,
    /// The images lie directly in this folder, where `extract` writes nothing.
    bare: Option<&'a Path>,
}

impl<'a> ExtractCommand<'a> {
    pub(super) fn new(request: &'a ImagesRequest, findings: &WalkFindings) -> Self {
        let (layout, is_bare) = findings.layout();
        let tree = request.tree.as_path();
        let above = tree.parent().filter(|_| is_image_folder(tree));
        let (root, bare) = match above {
            Some(above) if is_bare => (above, None),
            _ => (tree, is_bare.then_some(tree)),
        };
        let archives = request.archives.as_deref().unwrap_or(root);
        let mut options = String::new();
        if !is_here(archives) {
            options.extend([" -d ", &shell::path(archives)]);
        }
        let target = layout.options(archives, root);
        options.push_str(&target);
        if let Some(table) = request.catalog.table_word() {
            options.extend([" --checksums ", &table]);
        }
        let (archives, root) = (archives.to_owned(), root.to_owned());
        Self { catalog: &request.catalog, options, archives, target, root, layout, bare }
    }

    /// Returns the command that extracts all archives, and writes the record of their images.
    pub(super) fn all(&self) -> String {
        format!("cxr extract{}", self.options)
    }

    /// Describes how to get a record, if archives are here to write it from.
    pub(super) fn advise_record(&self) -> Option<String> {
        let mut archives = self.catalog.archives().iter();
        let is_possible = self.bare.is_none() && archives.any(|archive| self.has(archive));
        is_possible.then(|| format!("; to get it, run: {}", self.all()))
    }

    /// Returns true if something has a name of the archive.
    fn has(&self, archive: &Archive) -> bool {
        let names = [Some(&archive.name), archive.alias.as_ref()];
        names.into_iter().flatten().any(|name| self.archives.join(name).exists())
    }

    /// Adds the folder of the images and the next step to the report on an archive.
    pub(super) fn complete(&self, report: ArchiveReport, archive: &Archive) -> ArchiveReport {
        let folder = match self.bare {
            Some(bare) => bare.to_owned(),
            None => self.root.join(self.layout.folder(&archive.name)),
        };
        // Without --recheck, images that have the right size count as extracted.
        let start = format!("cxr extract --recheck{}", self.options);
        let extract = SuggestedCommand::extract(self.catalog, archive, &start);
        let next = match report.verdict {
            Verdict::Ok => None,
            Verdict::Error => {
                let task = "make all files and folders of the tree readable";
                Some(NextStep::then(task, SuggestedCommand::Again))
            }
            _ if self.bare.is_some() => {
                let folder = shell::path(&self.root.join(IMAGES));
                let task =
                    format!("extract the archive, which writes to {folder}, and move the images");
                Some(NextStep::then(task, extract))
            }
            // `extract` replaces damaged files, and no others.
            Verdict::Foreign => {
                let task = "move the files away that are replaced, resized or written again";
                Some(NextStep::only_after(task, extract))
            }
            verdict if !self.has(archive) => {
                let sources = deleted::sources(&Folder::new(&self.archives), archive);
                let delete = if sources.is_some() { " --delete-archives" } else { "" };
                let fetch = SuggestedCommand::fetch(self.catalog, archive, &self.archives)
                    .with_sources(&sources.unwrap_or_default());
                // Otherwise images of the right size count as extracted.
                let recheck = if verdict == Verdict::Missing { "" } else { " --recheck" };
                Some(
                    fetch
                        .with_options(&format!(" --extract{delete}{recheck}{}", self.target))
                        .into(),
                )
            }
            _ => Some(extract.into()),
        };
        ArchiveReport { path: Some(folder), next, ..report }
    }
}
