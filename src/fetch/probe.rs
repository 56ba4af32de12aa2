//! Asks the sources for the size of an archive that a table without sizes lists: whether a file
//! that is here is too short can then be known before it is touched.

use crate::catalog::Archive;
use crate::source::{Client, ClientOptions, Question, Source};

/// The size in bytes that the first source that tells one tells.
pub(super) fn size(archive: &Archive, sources: &[Source], options: &ClientOptions) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let client = Client::new(options).ok()?;
    let question =
        Question { archive, range: 0..1, size: None, fresh: false, wants_digests: false };
    let ask = async |source: &Source| {
        let patience = options.connect_timeout * 2;
        let opened = tokio::time::timeout(patience, source.open(&client, &question)).await;
        opened.ok()?.ok()?.total
    };
    runtime.block_on(async {
        for source in sources {
            if let Some(size) = ask(source).await {
                return Some(size);
            }
        }
        None
    })
}
