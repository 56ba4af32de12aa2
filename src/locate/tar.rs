//! Checks a tar as its bytes pass, and knows to which member they belong.

use super::DamageKind;
use super::images::ImageSurvey;
use super::png::{Evidence, PngReader, UsualLength};
use super::tar_header::{BLOCK, Block, MAGIC_BYTES, MemberKind, PaxRecords, TarHeader};
use super::tar_header::{has_magic, resembles_header, until_zero};

/// Bytes of a long name or of records that are kept; the others are ignored.
const LONGEST_RECORDS: usize = 1 << 14;

/// Bytes of a name that are reported.
const LONGEST_NAME: usize = 1 << 10;

#[derive(Debug, Clone)]
pub(super) struct TarReader {
    section: TarSection,
    /// The current block, and its bytes that have been read.
    block: Block,
    filled: usize,
    /// The current member.
    name: Option<String>,
    /// The records about the next member.
    next: PaxRecords,
    /// The bytes of the long name or of the records that are being read.
    records: Vec<u8>,
    /// Zeros after the current member that are still to come.
    padding: u64,
    /// True after blocks of zeros, until another tar begins.
    pub(super) has_ended: bool,
    /// True after the first header.
    has_begun: bool,
    /// True if no check covers some of the bytes since the last proof.
    is_uncovered: bool,
    usual_length: UsualLength,
    /// Decodes the images, if that is asked for.
    pub(super) survey: Option<Box<ImageSurvey>>,
}

#[derive(Debug, Clone)]
enum TarSection {
    Header,
    /// More of a map of holes, and the size of the content after it.
    SparseMap(u64),
    Image(Box<PngReader>),
    Content(u64),
    LongName(u64),
    Records(u64),
    /// Zeros; false if another byte was among them.
    Padding(bool),
    NoTar,
}

impl TarReader {
    pub(super) fn new() -> Self {
        Self {
            section: TarSection::Header,
            block: [0; BLOCK],
            filled: 0,
            name: None,
            next: PaxRecords::default(),
            records: Vec::new(),
            padding: 0,
            has_ended: false,
            has_begun: false,
            is_uncovered: false,
            usual_length: UsualLength::default(),
            survey: None,
        }
    }

    /// The member to which the bytes since the last proof belong, if it is known.
    pub(super) fn member(&self) -> Option<&str> {
        match self.section {
            TarSection::Header if !self.is_uncovered => None,
            _ => self.name.as_deref(),
        }
    }

    /// True after a header; `None` until one was found or cannot come any more.
    pub(super) fn is_tar(&self) -> Option<bool> {
        match self.section {
            TarSection::NoTar => Some(false),
            _ => self.has_begun.then_some(true),
        }
    }

    /// Ends the content here: if no header was complete, it is no tar.
    pub(super) fn end(&mut self) {
        if !self.has_begun && self.filled > 0 {
            self.section = TarSection::NoTar;
        }
    }

    pub(super) fn is_between_members(&self) -> bool {
        matches!(self.section, TarSection::Header) && self.filled == 0
    }

    /// The number of bytes to take next; never 0.
    pub(super) fn want(&self) -> u64 {
        match &self.section {
            TarSection::Header | TarSection::SparseMap(_) => (BLOCK - self.filled) as u64,
            TarSection::Image(png) => png.want(),
            TarSection::Content(left) | TarSection::LongName(left) | TarSection::Records(left) => {
                *left
            }
            TarSection::Padding(_) => self.padding,
            TarSection::NoTar => u64::MAX,
        }
    }

    /// Takes bytes, at most as many as [`Self::want`] asks for.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Evidence, DamageKind> {
        let length = bytes.len() as u64;
        match &mut self.section {
            TarSection::Header | TarSection::SparseMap(_) => return self.block(bytes),
            TarSection::Image(_) => return self.image(bytes),
            TarSection::Padding(_) => return self.zeros(bytes),
            TarSection::NoTar => return self.search_magic(bytes),
            TarSection::Content(left) => *left -= length,
            TarSection::LongName(left) | TarSection::Records(left) => {
                *left -= length;
                let room = LONGEST_RECORDS - self.records.len();
                self.records.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
        if self.want() == 0 {
            self.is_uncovered = true;
            self.end_records();
            self.end_member();
        }
        Ok(Evidence::Pending)
    }

    /// A magic shows that this is a tar whose beginning is damaged. The last bytes stay in the
    /// block, since they may be a part of a magic.
    fn search_magic(&mut self, bytes: &[u8]) -> Result<Evidence, DamageKind> {
        let joined = [&self.block[..MAGIC_BYTES], &bytes[..bytes.len().min(MAGIC_BYTES)]].concat();
        if has_magic(&joined) || has_magic(bytes) {
            return Err(DamageKind::TarHeader);
        }
        let rest = if bytes.len() < MAGIC_BYTES { &joined } else { bytes };
        self.block[..MAGIC_BYTES].copy_from_slice(&rest[rest.len() - MAGIC_BYTES..]);
        Ok(Evidence::Pending)
    }

    fn block(&mut self, bytes: &[u8]) -> Result<Evidence, DamageKind> {
        self.block[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.filled < BLOCK {
            return Ok(Evidence::Pending);
        }
        self.filled = 0;
        if let TarSection::SparseMap(size) = self.section {
            // This byte says whether another block of the map follows.
            let has_more = self.block[504] != 0;
            self.is_uncovered = true;
            let kind = if has_more { MemberKind::Sparse(true) } else { MemberKind::Other };
            self.begin_content(size, kind);
            return Ok(Evidence::Pending);
        }
        self.header()
    }

    fn header(&mut self) -> Result<Evidence, DamageKind> {
        if self.block == [0; BLOCK] && self.has_begun {
            self.has_ended = true;
        } else if let Some(header) = TarHeader::read(&self.block) {
            self.has_begun = true;
            self.has_ended = false;
            let is_strict = header.is_strict;
            self.begin_member(header);
            if !is_strict {
                self.is_uncovered = true;
                return Ok(Evidence::Pending);
            }
        } else if self.has_begun || resembles_header(&self.block) {
            return Err(DamageKind::TarHeader);
        } else {
            self.section = TarSection::NoTar;
            self.block.copy_within(BLOCK - MAGIC_BYTES.., 0);
            return Ok(Evidence::Suspicious);
        }
        Ok(self.evidence())
    }

    /// The evidence of a check that matched.
    fn evidence(&mut self) -> Evidence {
        let was_uncovered = std::mem::take(&mut self.is_uncovered);
        if was_uncovered { Evidence::Plausible } else { Evidence::Proven }
    }

    fn begin_member(&mut self, header: TarHeader) {
        self.records.clear();
        if matches!(header.kind, MemberKind::LongName | MemberKind::Records) {
            self.name = None;
            return self.begin_content(header.size, header.kind);
        }
        let PaxRecords { path, size, .. } = std::mem::take(&mut self.next);
        let name = path.unwrap_or(header.name);
        let name = &name[..name.len().min(LONGEST_NAME)];
        let name = String::from_utf8_lossy(name).into_owned();
        let size = size.unwrap_or(header.size);
        if let Some(survey) = &mut self.survey {
            survey.begin(&name, header.kind, size);
        }
        self.name = Some(name);
        self.begin_content(size, header.kind);
    }

    fn begin_content(&mut self, size: u64, kind: MemberKind) {
        self.padding = size.wrapping_neg() % BLOCK as u64;
        self.section = match kind {
            MemberKind::Sparse(true) => TarSection::SparseMap(size),
            _ if size == 0 => TarSection::Header,
            MemberKind::LongName => TarSection::LongName(size),
            MemberKind::Records => TarSection::Records(size),
            MemberKind::File => {
                TarSection::Image(Box::new(PngReader::new(size, self.is_called_png())))
            }
            MemberKind::Sparse(false) | MemberKind::Folder | MemberKind::Other => {
                TarSection::Content(size)
            }
        };
    }

    fn is_called_png(&self) -> bool {
        let end = self.name.as_deref().and_then(|name| name.rsplit_once('.'));
        end.is_some_and(|(_, end)| end.eq_ignore_ascii_case("png"))
    }

    fn end_member(&mut self) {
        self.section = match self.padding {
            0 => TarSection::Header,
            _ => TarSection::Padding(true),
        };
    }

    fn image(&mut self, bytes: &[u8]) -> Result<Evidence, DamageKind> {
        let TarSection::Image(png) = &mut self.section else { return Ok(Evidence::Pending) };
        let evidence = png.take(bytes, &mut self.usual_length)?;
        if let Some(survey) = &mut self.survey {
            survey.take(bytes);
        }
        if png.left == 0 {
            self.end_member();
        }
        Ok(match evidence {
            Evidence::Proven => self.evidence(),
            Evidence::Plausible => {
                self.is_uncovered = true;
                Evidence::Pending
            }
            evidence => evidence,
        })
    }

    fn zeros(&mut self, bytes: &[u8]) -> Result<Evidence, DamageKind> {
        let TarSection::Padding(are_zeros) = &mut self.section else {
            return Ok(Evidence::Pending);
        };
        *are_zeros &= bytes.iter().all(|&byte| byte == 0);
        self.padding -= bytes.len() as u64;
        if self.padding > 0 {
            return Ok(Evidence::Pending);
        }
        if !*are_zeros {
            return Err(DamageKind::TarPadding);
        }
        self.section = TarSection::Header;
        // Zeros in their place do not prove bytes that no check covers.
        Ok(if self.is_uncovered { Evidence::Pending } else { Evidence::Proven })
    }

    fn end_records(&mut self) {
        match self.section {
            TarSection::LongName(_) => self.next.path = Some(until_zero(&self.records).to_vec()),
            TarSection::Records(_) => {
                let PaxRecords { path, size, .. } = PaxRecords::read(&self.records);
                self.next.path = path.or(self.next.path.take());
                self.next.size = size.or(self.next.size);
            }
            _ => {}
        }
    }
}
