//! The options of `checksums`, and the table that they select.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use cxr::catalog::{Catalog, SelectError};
use cxr::interchange::TableFormat;
use cxr::source::SourceSpec;

use super::global_options::Format;
use super::headings::{FROM, OUTPUT, WHAT};
use super::value_parsers::{self, Sources};

/// The options of `checksums`.
#[derive(Debug, Args)]
pub(crate) struct Checksums {
    /// Address of a mirror for the table; repeat for several
    ///
    /// Addresses have the forms of `fetch --from`; a folder is refused. The order is the order of
    /// preference. Without --from, the table has NIH's own addresses. The forms md5sum,
    /// sha256sum and bsd have no addresses. The variable CXR_FROM does not apply.
    #[arg(long, value_name = "SOURCE", help_heading = FROM, value_parser = OsStringValueParser::new().try_map(|typed| value_parsers::sources(&typed)))]
    from: Vec<Sources>,
    /// Archives, such as 3, 1-4 or images_009 [default: all]
    #[arg(value_name = "ARCHIVE", help_heading = WHAT, display_order = 0)]
    archives: Vec<String>,
    /// Form of the table [default: md5sum]
    ///
    /// Without MD5s, the default is sha256sum, and bsd if only some archives have one. With --format
    /// json, it is json.
    #[arg(long = "as", value_enum, value_name = "FORM", help_heading = OUTPUT)]
    form: Option<Form>,
}

/// The forms of the table.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// `MD5  NAME`, for `md5sum -c`
    Md5sum,
    /// `SHA-256  NAME`, for `sha256sum -c`
    Sha256sum,
    /// `MD5 (NAME) = MD5`, for `md5sum -c` and BSD's `md5 -c`; SHA256 where there is no MD5
    Bsd,
    /// Comma-separated values: name, size, MD5, SHA-256, addresses
    Csv,
    /// The same values as one JSON document
    Json,
    /// Metalink 4, for `aria2c`, and for `wget2 --force-metalink --input-file`, which accepts one
    /// archive at a time
    Metalink,
    /// An input file, for `aria2c --input-file`
    Aria2,
}

impl Checksums {
    /// Returns the selected archives, the form of their table, and the sources to write into it.
    /// `format` is the form of results in general.
    pub(crate) fn resolve(
        self,
        catalog: &Catalog,
        format: Format,
    ) -> Result<(Catalog, TableFormat, Vec<SourceSpec>), SelectError> {
        let selected = catalog.only(&catalog.select(&self.archives)?);
        let form = match (self.form, format) {
            (None, Format::Text) => TableFormat::for_digests(&selected),
            (Some(Form::Md5sum), _) => TableFormat::Md5sum,
            (Some(Form::Sha256sum), _) => TableFormat::Sha256sum,
            (Some(Form::Json), _) | (None, Format::Json) => TableFormat::Json,
            (Some(Form::Bsd), _) => TableFormat::Bsd,
            (Some(Form::Csv), _) => TableFormat::Csv,
            (Some(Form::Metalink), _) => TableFormat::Metalink,
            (Some(Form::Aria2), _) => TableFormat::Aria2,
        };
        Ok((selected, form, value_parsers::or_publisher(self.from)))
    }
}
