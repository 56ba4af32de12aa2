//! What `checksums` takes.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use cxr::catalog::{Catalog, SelectError};
use cxr::interchange;
use cxr::source::SourceSpec;

use super::settings::Format;
use super::values::{self, Sources};

/// What `checksums` was told.
#[derive(Debug, Args)]
pub(crate) struct Checksums {
    /// Archives, called as for `fetch`; none: all
    #[arg(value_name = "ARCHIVE")]
    archives: Vec<String>,
    /// The form of the table; without it `md5sum`, or `json` where `--format json` is given
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Option<Form>,
    /// Where other tools find the archives, as for `fetch`, but addresses only; repeat it for
    /// several mirrors, in order of preference. Without it: NIH's own addresses. `md5sum` and
    /// `bsd` name none. There is no variable for it
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(|typed| values::sources(&typed)))]
    from: Vec<Sources>,
}

/// The forms, as they are called.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// `MD5  NAME`, for `md5sum -c`
    Md5sum,
    /// `MD5 (NAME) = MD5`, for `md5sum -c` and BSD's `md5 -c`
    Bsd,
    /// Comma-separated values: name, size, MD5, SHA-256, addresses
    Csv,
    /// The same as one JSON document
    Json,
    /// Metalink 4, for `aria2c`, and for `wget2 --force-metalink --input-file`, which takes one
    /// archive at a time
    Metalink,
    /// For `aria2c --input-file`
    Aria2,
}

impl Checksums {
    /// The table that was asked for of all archives, its form, given that of other results, and
    /// the sources in it.
    pub(crate) fn resolve(
        self,
        catalog: &Catalog,
        format: Format,
    ) -> Result<(Catalog, interchange::Form, Vec<SourceSpec>), SelectError> {
        let selected = catalog.only(&catalog.select(&self.archives)?);
        let form = match (self.form, format) {
            (Some(Form::Md5sum), _) | (None, Format::Text) => interchange::Form::Md5sum,
            (Some(Form::Json), _) | (None, Format::Json) => interchange::Form::Json,
            (Some(Form::Bsd), _) => interchange::Form::Bsd,
            (Some(Form::Csv), _) => interchange::Form::Csv,
            (Some(Form::Metalink), _) => interchange::Form::Metalink,
            (Some(Form::Aria2), _) => interchange::Form::Aria2,
        };
        Ok((selected, form, values::or_publisher(self.from)))
    }
}
