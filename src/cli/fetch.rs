//! What `fetch` can be told, and what it becomes.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use cxr::catalog::{Catalog, SelectError};
use cxr::fetch::FetchRequest;

use super::asking::Asking;
use super::outputs::Outputs;
use super::values::{self, Sources};

/// What `fetch` was told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Fetch {
    /// Archives: `images_003.tar.gz`, `images_003`, `003`, `3`, `1-4`, `1,3,7-9`; none: all
    #[arg(value_name = "ARCHIVE")]
    archives: Vec<String>,
    /// The folder of the archives; made if absent
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Where to fetch from: an `http(s)://` address to which `/NAME` is added, an address with
    /// `{name}` in it, or a local folder. Repeat it for several, in order of preference (in the
    /// variable: one a line). Without it: NIH's own addresses
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(|typed| values::sources(&typed)))]
    from: Vec<Sources>,
    /// Archives at a time, 1 to 64
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = values::count)]
    jobs: NonZeroUsize,
    /// Connections in all, 1 to 64; a free one helps the archives still under way
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = values::count)]
    connections: NonZeroUsize,
    #[command(flatten)]
    asking: Asking,
    /// Hash again what an earlier run has found right
    #[arg(long, value_parser = BoolishValueParser::new())]
    recheck: bool,
    /// Keep what failed its MD5, in `DIR/.cxr/corrupt`
    #[arg(long, value_parser = BoolishValueParser::new())]
    keep_corrupt: bool,
    /// Wait for another cxr at work in the same folder
    #[arg(long, value_parser = BoolishValueParser::new())]
    wait: bool,
    /// When one archive has failed, stop the others; what came of them is kept
    #[arg(long, value_parser = BoolishValueParser::new())]
    fail_fast: bool,
    /// Say what would be done, and do nothing
    #[arg(long, value_parser = BoolishValueParser::new())]
    dry_run: bool,
    /// Bytes that a connection takes at a time
    #[arg(long, hide = true, default_value = "32M", value_name = "SIZE", value_parser = values::rate)]
    chunk: NonZeroU64,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
}

impl Fetch {
    /// The request, over this catalogue.
    pub(crate) fn request(self, catalog: Catalog) -> Result<FetchRequest, SelectError> {
        Ok(FetchRequest {
            selected: catalog.select(&self.archives)?,
            catalog,
            dir: self.dir,
            sources: values::or_publisher(self.from),
            jobs: self.jobs,
            connections: self.connections,
            manners: self.asking.manners(),
            recheck: self.recheck,
            keep_corrupt: self.keep_corrupt,
            wait: self.wait,
            fail_fast: self.fail_fast,
            dry_run: self.dry_run,
            chunk: self.chunk,
        })
    }
}
