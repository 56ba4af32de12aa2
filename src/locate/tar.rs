//! A tar as it comes by: which member the bytes belong to, and whether they can be right.

use super::header::{BLOCK, Block, Header, Kind, MAGIC, has_magic, resembles, until_zero};
use super::png::{self, Habit, Png, Proof};
use super::records::Records;

/// So much of a long name or of records is kept; more is not looked at.
const LONGEST_RECORDS: usize = 1 << 14;

/// So much of a name is told.
const LONGEST_NAME: usize = 1 << 10;

/// What a tar may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A header whose sum is wrong.
    #[error("a tar header that fails its checksum")]
    Header,
    /// Something behind a member that should be zero.
    #[error("bytes where a tar has zeros")]
    Padding,
    /// An image that is none.
    #[error(transparent)]
    Png(#[from] png::Flaw),
}

/// A tar of which not all may have come yet.
#[derive(Debug, Clone)]
pub(super) struct Tar {
    part: Part,
    /// The present block, and how much of it has come.
    block: Block,
    filled: usize,
    /// The member that the bytes belong to.
    name: Option<String>,
    /// What was said about the next member.
    next: Records,
    /// What is being said about it.
    records: Vec<u8>,
    /// Zeros behind the present member that are to come.
    padding: u64,
    /// Whether the end has been seen, which is blocks of zeros.
    has_ended: bool,
    /// Whether there was a header.
    has_begun: bool,
    /// Whether there were bytes since the last proof that nothing speaks for.
    is_loose: bool,
    habit: Habit,
}

#[derive(Debug, Clone)]
enum Part {
    Header,
    /// More of a map of holes, and the size of what follows.
    Map(u64),
    Image(Box<Png>),
    Rest(u64),
    LongName(u64),
    Records(u64),
    /// Zeros, and whether all that came were.
    Padding(bool),
    /// It is no tar.
    Foreign,
}

impl Tar {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Header,
            block: [0; BLOCK],
            filled: 0,
            name: None,
            next: Records::default(),
            records: Vec::new(),
            padding: 0,
            has_ended: false,
            has_begun: false,
            is_loose: false,
            habit: Habit::default(),
        }
    }

    /// The member that the bytes since the last proof belong to, if it is known.
    pub(super) fn member(&self) -> Option<&str> {
        match self.part {
            Part::Header if !self.is_loose => None,
            _ => self.name.as_deref(),
        }
    }

    /// Whether there was a header, or it is known that there is none.
    pub(super) fn is_tar(&self) -> Option<bool> {
        match self.part {
            Part::Foreign => Some(false),
            _ => self.has_begun.then_some(true),
        }
    }

    /// Whether no member is begun.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.part, Part::Header) && self.filled == 0
    }

    /// Whether the end of the tar has been seen, and no other one has begun.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether the bytes so far end with the end of the tar.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_between() && self.has_ended
    }

    /// Bytes to come until there is something to say; never 0.
    pub(super) fn want(&self) -> u64 {
        match &self.part {
            Part::Header | Part::Map(_) => (BLOCK - self.filled) as u64,
            Part::Image(png) => png.want(),
            Part::Rest(left) | Part::LongName(left) | Part::Records(left) => *left,
            Part::Padding(_) => self.padding,
            Part::Foreign => u64::MAX,
        }
    }

    /// Takes bytes, at most as many as are wanted.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Proof, Flaw> {
        let length = bytes.len() as u64;
        match &mut self.part {
            Part::Header | Part::Map(_) => return self.block(bytes),
            Part::Image(_) => return self.image(bytes),
            Part::Padding(_) => return self.zeros(bytes),
            Part::Foreign => return self.foreign(bytes),
            Part::Rest(left) => *left -= length,
            Part::LongName(left) | Part::Records(left) => {
                *left -= length;
                let room = LONGEST_RECORDS - self.records.len();
                self.records.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
        if self.want() == 0 {
            self.is_loose = true;
            self.note_records();
            self.end_member();
        }
        Ok(Proof::Open)
    }

    /// What is a tar after all had a damaged beginning. The last bytes stay in the block, as there
    /// may be a part of the magic in them.
    fn foreign(&mut self, bytes: &[u8]) -> Result<Proof, Flaw> {
        let joined = [&self.block[..MAGIC], &bytes[..bytes.len().min(MAGIC)]].concat();
        if has_magic(&joined) || has_magic(bytes) {
            return Err(Flaw::Header);
        }
        let rest = if bytes.len() < MAGIC { &joined } else { bytes };
        self.block[..MAGIC].copy_from_slice(&rest[rest.len() - MAGIC..]);
        Ok(Proof::Open)
    }

    fn block(&mut self, bytes: &[u8]) -> Result<Proof, Flaw> {
        self.block[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.filled < BLOCK {
            return Ok(Proof::Open);
        }
        self.filled = 0;
        if let Part::Map(size) = self.part {
            // The last but seven of its bytes says whether another one follows.
            let has_more = self.block[504] != 0;
            self.is_loose = true;
            self.begin_member(size, if has_more { Kind::Sparse(true) } else { Kind::Other });
            return Ok(Proof::Open);
        }
        self.header()
    }

    fn header(&mut self) -> Result<Proof, Flaw> {
        if self.block == [0; BLOCK] && self.has_begun {
            self.has_ended = true;
        } else if let Some(header) = Header::read(&self.block) {
            self.has_begun = true;
            self.has_ended = false;
            let is_strict = header.is_strict;
            self.begin(header);
            if !is_strict {
                self.is_loose = true;
                return Ok(Proof::Open);
            }
        } else if self.has_begun || resembles(&self.block) {
            return Err(Flaw::Header);
        } else {
            self.part = Part::Foreign;
            self.block.copy_within(BLOCK - MAGIC.., 0);
            return Ok(Proof::Odd);
        }
        Ok(self.proof())
    }

    /// A check has matched, but what came before it may have had none.
    fn proof(&mut self) -> Proof {
        if std::mem::take(&mut self.is_loose) { Proof::Fair } else { Proof::Good }
    }

    fn begin(&mut self, header: Header) {
        self.records.clear();
        match header.kind {
            Kind::LongName | Kind::Records => self.name = None,
            _ => {
                let Records { path, size } = std::mem::take(&mut self.next);
                let name = path.unwrap_or(header.name);
                let name = &name[..name.len().min(LONGEST_NAME)];
                self.name = Some(String::from_utf8_lossy(name).into_owned());
                return self.begin_member(size.unwrap_or(header.size), header.kind);
            }
        }
        self.begin_member(header.size, header.kind);
    }

    fn begin_member(&mut self, size: u64, kind: Kind) {
        self.padding = size.wrapping_neg() % BLOCK as u64;
        self.part = match kind {
            Kind::Sparse(true) => Part::Map(size),
            _ if size == 0 => Part::Header,
            Kind::LongName => Part::LongName(size),
            Kind::Records => Part::Records(size),
            Kind::File => Part::Image(Box::new(Png::new(size, self.is_called_png()))),
            Kind::Sparse(false) | Kind::Other => Part::Rest(size),
        };
    }

    fn is_called_png(&self) -> bool {
        let end = self.name.as_deref().and_then(|name| name.rsplit_once('.'));
        end.is_some_and(|(_, end)| end.eq_ignore_ascii_case("png"))
    }

    fn end_member(&mut self) {
        self.part = if self.padding == 0 { Part::Header } else { Part::Padding(true) };
    }

    fn image(&mut self, bytes: &[u8]) -> Result<Proof, Flaw> {
        let Part::Image(png) = &mut self.part else { return Ok(Proof::Open) };
        let proof = png.take(bytes, &mut self.habit)?;
        if png.left() == 0 {
            self.end_member();
        }
        Ok(match proof {
            Proof::Good => self.proof(),
            Proof::Fair => {
                self.is_loose = true;
                Proof::Open
            }
            proof => proof,
        })
    }

    fn zeros(&mut self, bytes: &[u8]) -> Result<Proof, Flaw> {
        let Part::Padding(are_zeros) = &mut self.part else { return Ok(Proof::Open) };
        *are_zeros &= bytes.iter().all(|&byte| byte == 0);
        self.padding -= bytes.len() as u64;
        if self.padding > 0 {
            return Ok(Proof::Open);
        }
        if !*are_zeros {
            return Err(Flaw::Padding);
        }
        self.part = Part::Header;
        // Zeros in their place are no proof of what nothing else speaks for.
        Ok(if self.is_loose { Proof::Open } else { Proof::Good })
    }

    /// What was said about the next member.
    fn note_records(&mut self) {
        match self.part {
            Part::LongName(_) => self.next.path = Some(until_zero(&self.records).to_vec()),
            Part::Records(_) => {
                let Records { path, size } = Records::read(&self.records);
                self.next.path = path.or(self.next.path.take());
                self.next.size = size.or(self.next.size);
            }
            _ => {}
        }
    }
}
