//! The body of an answer, and its identification by its first bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::classify_error::not_received;
use super::headers::header;
use super::hop::Place;
use super::{SourceError, SourceRequest};
use crate::hash::digest::{Digest, DigestKind};
use crate::hash::digest_of;
use crate::locate::identify;
use crate::text::escape;

/// A document that begins unlike the archive is read this far, to compare its MD5. Pages and messages
/// of servers are shorter.
const PAGE: usize = 1 << 20;

/// The time in which the rest of such a document may come.
const PAGE_TIME: Duration = Duration::from_secs(2);

/// The body of an HTTP response.
#[derive(Debug)]
pub(crate) struct HttpBody {
    pub(super) response: Response,
    pub(super) place: Arc<Place>,
    /// The first bytes, if they were read to identify the document.
    pub(super) head: Option<Bytes>,
    /// The offset in the archive of the next byte.
    pub(super) at: u64,
    /// The end of the body, if known.
    pub(super) end: Option<u64>,
}

impl HttpBody {
    pub(super) const fn place(&self) -> &Arc<Place> {
        &self.place
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.head.take() {
            Some(head) => Ok(Some(head)),
            None => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = self.response.chunk().await;
        let chunk =
            chunk.map_err(|error| not_received(&error, self.at, self.end).at(&self.place))?;
        self.at += chunk.as_ref().map_or(0, Bytes::len) as u64;
        Ok(chunk)
    }

    /// Refuses a wrong size, and another document unless its size or its digest is right.
    pub(super) async fn check(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        if total == Some(0) && !request.archive.digest().is_of_nothing() {
            return Err(SourceError::Foreign("nothing at all".to_owned()));
        }
        let fits = total.is_some() && total == request.size;
        if self.at == 0 && !fits {
            self.identify(total, request).await?;
        }
        match (total, request.size) {
            (Some(offered), Some(expected)) if offered != expected => Err(match self.encoding() {
                Some(encoding) => SourceError::Encoded { offered, expected, encoding },
                None => SourceError::size(offered, expected, request.archive.size),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the content encoding, which cxr never asks for. Some servers declare one for an
    /// archive as it is stored.
    fn encoding(&self) -> Option<String> {
        let encoding = header(&self.response, &CONTENT_ENCODING)?;
        (!encoding.eq_ignore_ascii_case("identity"))
            .then(|| format!("Content-Encoding: {}", escape::brief(&encoding)))
    }

    /// Reads the first bytes, and refuses another document in place of the archive. The beginning
    /// of a document proves nothing, unless the size in the table agrees: the digest decides, and if
    /// the document is too long to be read here, the source must send it twice.
    async fn identify(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        let SourceRequest { archive, plain, .. } = *request;
        let is_second = plain || (request.fresh && request.range.end == u64::MAX);
        self.head = self.chunk().await?;
        let kind = identify::kind(self.head.as_deref().unwrap_or_default());
        if !identify::is_out_of_place(&kind, &archive.name) {
            return Ok(());
        }
        let media_type = header(&self.response, &CONTENT_TYPE).map(|text| escape::brief(&text));
        let length = total.map(|total| format!("{total} bytes"));
        let facts: Vec<String> = [media_type, length].into_iter().flatten().collect();
        let facts =
            if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        let document = format!("{kind}{facts}");
        if total.zip(archive.size).is_some_and(|(offered, expected)| offered != expected) {
            return Err(SourceError::Foreign(document));
        }
        match self.digest_of_page(total, archive.digest().kind()).await {
            Some(digest) if digest != archive.digest() => Err(SourceError::Foreign(document)),
            None if !is_second => Err(SourceError::Doubtful(document)),
            _ => Ok(()),
        }
    }

    /// Returns the digest of the document, or `None` if this answer does not hold all of it, if it is
    /// long, or if it does not arrive in time.
    async fn digest_of_page(&mut self, total: Option<u64>, kind: DigestKind) -> Option<Digest> {
        let length = total.or(self.end);
        if length.is_some_and(|length| length > PAGE as u64 || self.end != total) {
            return None;
        }
        let mut page = BytesMut::from(self.head.take().unwrap_or_default());
        let read = async {
            while page.len() <= PAGE {
                match self.chunk().await {
                    Ok(Some(chunk)) => page.extend_from_slice(&chunk),
                    end => return end.is_ok(),
                }
            }
            false
        };
        let is_whole = tokio::time::timeout(PAGE_TIME, read).await == Ok(true);
        let page = page.freeze();
        let digest = is_whole.then(|| digest_of(kind, &page));
        self.head = Some(page);
        digest
    }
}
