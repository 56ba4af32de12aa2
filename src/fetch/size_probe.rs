//! Asks the sources for the size of an archive that a table without sizes lists: whether a file
//! that is here is too short can then be known before it is touched.

use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::source::{Client, ClientOptions, Source, SourceRequest};

/// The size in bytes that the first source that tells one tells. A run that is being ended does not
/// wait for it.
pub(super) fn size(
    archive: &Archive,
    sources: &[Source],
    options: &ClientOptions,
    cancel: &Cancel,
) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let client = Client::new(options).ok()?;
    let question = SourceRequest {
        archive,
        range: 0..1,
        size: None,
        fresh: false,
        plain: false,
        wants_digests: false,
    };
    let ask = async |source: &Source| {
        let patience = options.connect_timeout * 2;
        let opened = tokio::time::timeout(patience, source.open(&client, &question)).await;
        opened.ok()?.ok()?.total
    };
    let first = async {
        for source in sources {
            if let Some(size) = ask(source).await {
                return Some(size);
            }
        }
        None
    };
    runtime.block_on(async {
        tokio::select! {
            size = first => size,
            () = cancel.cancelled() => None,
        }
    })
}
