//! Reads the members of a tar as its bytes pass, and refuses everything but plain files.

use super::ContentError;
use crate::locate::tar_header::{BLOCK, Block, MemberKind, PaxRecords, TarHeader, until_zero};
use crate::text::escape;

/// The longest name or record of one.
const LONGEST_RECORDS: u64 = 64 << 10;

/// A header can hold no larger number in octal: only then, a pax record has the size instead.
const LARGEST_OCTAL: u64 = 0o77_777_777_777;

/// The kind of a header with records about all members that follow, as `git archive` writes one (pax).
const GLOBAL: u8 = b'g';

/// A file in a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The name, as the tar has it.
    pub(super) name: String,
    pub(super) size: u64,
}

/// The next part of a tar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TarPart {
    /// The content of this file follows, and then its padding.
    File(Member),
    /// Nothing that matters.
    Nothing,
}

/// The state between two blocks.
#[derive(Debug, Default)]
pub(super) struct TarBlocks {
    /// The long name or the records that are read now, and their length.
    records: Option<(MemberKind, u64)>,
    name: Option<Vec<u8>>,
    pax: Option<PaxRecords>,
    has_begun: bool,
    has_ended: bool,
}

impl TarBlocks {
    /// The number of bytes that [`Self::read`] needs.
    pub(super) fn need(&self) -> usize {
        let records = self.records.map_or(BLOCK as u64, |(_, length)| padded(length));
        usize::try_from(records).unwrap_or(usize::MAX)
    }

    /// Reads the next [`Self::need`] bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<TarPart, ContentError> {
        if let Some((kind, length)) = self.records.take() {
            let length = usize::try_from(length).unwrap_or(bytes.len()).min(bytes.len());
            return self.end_records(kind, &bytes[..length]).map(|()| TarPart::Nothing);
        }
        let block: &Block = bytes.try_into().map_err(|_| ContentError::NoTar)?;
        if *block == [0; BLOCK] {
            // A tar without a member is zeros from the beginning on.
            (self.has_begun, self.has_ended) = (true, true);
            return self.check_unused().map(|()| TarPart::Nothing);
        }
        if self.has_ended {
            return Err(ContentError::BytesBehind);
        }
        let Some(header) = TarHeader::read(block) else {
            let damaged = ContentError::TarHeader;
            return Err(if self.has_begun { damaged } else { ContentError::NoTar });
        };
        self.has_begun = true;
        self.member(header, block[156])
    }

    fn end_records(&mut self, kind: MemberKind, records: &[u8]) -> Result<(), ContentError> {
        match kind {
            MemberKind::LongName => self.name = Some(until_zero(records).to_vec()),
            MemberKind::Records => self.pax = Some(PaxRecords::read(records)),
            // Records about all members: of the commit, of times and owners. None may have a name or a size.
            _ if PaxRecords::read(records) == PaxRecords::default() => {}
            _ => return Err(ContentError::GlobalRecords),
        }
        Ok(())
    }

    fn member(&mut self, header: TarHeader, flag: u8) -> Result<TarPart, ContentError> {
        let is_global = flag == GLOBAL;
        if is_global || matches!(header.kind, MemberKind::LongName | MemberKind::Records) {
            let is_repeated = match header.kind {
                _ if is_global => self.name.is_some() || self.pax.is_some(),
                MemberKind::LongName => self.name.is_some(),
                _ => self.pax.is_some(),
            };
            if header.size > LONGEST_RECORDS || is_repeated {
                return Err(ContentError::Records);
            }
            self.records = Some((header.kind, header.size));
            return Ok(TarPart::Nothing);
        }
        let pax = self.pax.take().unwrap_or_default();
        if pax.is_invalid {
            return Err(ContentError::Records);
        }
        let name = pax.path.or(self.name.take()).unwrap_or(header.name);
        self.name = None;
        let name = String::from_utf8_lossy(&name).into_owned();
        let refuse = |what| Err(ContentError::refused(&name, what));
        let size = match pax.size {
            Some(size) if size != header.size && size <= LARGEST_OCTAL => {
                return refuse("has two different sizes");
            }
            size => size.unwrap_or(header.size),
        };
        match header.kind {
            _ if pax.is_sparse => refuse("is a sparse file"),
            MemberKind::File if name.ends_with('/') => folder(&name),
            MemberKind::File => Ok(TarPart::File(Member { name, size })),
            MemberKind::Folder => folder(&name),
            MemberKind::Sparse(_) => refuse("is a sparse file"),
            _ => refuse(describe(flag)),
        }
    }

    /// Fails if a name or records came without the file that they are about.
    fn check_unused(&self) -> Result<(), ContentError> {
        let is_used = self.name.is_none() && self.pax.is_none();
        if is_used { Ok(()) } else { Err(ContentError::Records) }
    }

    /// Fails unless the tar can end here. `has_rest`: a part of another block follows.
    pub(super) fn finish(&self, has_rest: bool) -> Result<(), ContentError> {
        match self.has_begun {
            _ if has_rest && self.has_ended => Err(ContentError::BytesBehind),
            _ if has_rest => Err(ContentError::Truncated),
            false => Err(ContentError::NoTar),
            true if self.records.is_some() => Err(ContentError::Records),
            true => self.check_unused(),
        }
    }
}

/// A folder has no content, and its name must be that of the images or of the folder of the tar.
fn folder(name: &str) -> Result<TarPart, ContentError> {
    match plain(name.trim_end_matches('/')) {
        "" | "." | "images" => Ok(TarPart::Nothing),
        _ => Err(ContentError::refused(name, "is a folder other than images/")),
    }
}

/// Returns the name without `./` and `images/` before it.
pub(super) fn plain(name: &str) -> &str {
    let name = name.strip_prefix("./").unwrap_or(name);
    name.strip_prefix("images/").unwrap_or(name)
}

fn describe(flag: u8) -> &'static str {
    match flag {
        b'1' => "is a hard link",
        b'2' => "is a symbolic link",
        b'3' | b'4' => "is a device",
        b'6' => "is a named pipe",
        _ => "is not a plain file",
    }
}

/// Returns a length with the zeros after it that fill the last block.
pub(super) const fn padded(length: u64) -> u64 {
    length.saturating_add(length.wrapping_neg() % BLOCK as u64)
}

impl ContentError {
    pub(super) fn refused(member: &str, what: &'static str) -> Self {
        Self::Member(escape::brief(member), what)
    }
}
