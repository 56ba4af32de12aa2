//! One header of a tar: the old form, POSIX's ustar and GNU's (POSIX.1-2017, pax, "ustar
//! Interchange Format"; GNU tar manual, "Basic Tar Format").

/// Everything in a tar comes in blocks of so many bytes.
pub(super) const BLOCK: usize = 512;

/// A block that may be a header.
pub(super) type Block = [u8; BLOCK];

/// Where the sum of the bytes stands, in octal; the sum takes these for blanks.
const SUM: std::ops::Range<usize> = 148..156;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    /// Bytes that follow, without the padding.
    pub(super) size: u64,
    pub(super) kind: Kind,
}

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The content of a file.
    File,
    /// A name for the next header that is too long for it (GNU).
    LongName,
    /// Records about the next header (pax).
    Records,
    /// A file with holes, and whether a block with more of its map follows (GNU).
    Sparse(bool),
    /// Whatever else.
    Other,
}

impl Header {
    /// Reads the header; `None` where its sum or its size is wrong.
    pub(super) fn read(block: &Block) -> Option<Self> {
        if !has_right_sum(block) {
            return None;
        }
        let kind = match block[156] {
            b'0' | b'7' | 0 => Kind::File,
            b'L' => Kind::LongName,
            b'x' => Kind::Records,
            b'S' => Kind::Sparse(block[482] != 0),
            _ => Kind::Other,
        };
        // Links, devices, folders and pipes have no content, whatever their size says.
        let size = if matches!(block[156], b'1'..=b'6') { 0 } else { number(&block[124..136])? };
        Some(Self { name: name(block), size, kind })
    }
}

/// Whether the block looks like a header although its sum may be wrong: its magic is there, or
/// most of its numbers are numbers.
pub(super) fn resembles(block: &Block) -> bool {
    let numbers = [100..108, 108..116, 116..124, 124..136, 136..148, SUM];
    let right = numbers.into_iter().filter(|field| octal(&block[field.clone()]).is_some());
    &block[257..262] == b"ustar" || right.count() >= 4
}

/// The sum may be that of signed bytes, as some old systems computed it.
fn has_right_sum(block: &Block) -> bool {
    let Some(expected) = octal(&block[SUM]) else { return false };
    let rest = || block.iter().enumerate().filter(|(index, _)| !SUM.contains(index));
    let blanks = 8 * i64::from(b' ');
    let unsigned: i64 = rest().map(|(_, &byte)| i64::from(byte)).sum();
    let signed: i64 = rest().map(|(_, &byte)| i64::from(byte.cast_signed())).sum();
    let expected = i64::try_from(expected).unwrap_or(i64::MAX);
    expected == unsigned + blanks || expected == signed + blanks
}

/// The folder and the name, as ustar splits them.
fn name(block: &Block) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    let prefix = until_zero(&block[345..500]);
    // GNU has other things where POSIX has the folder.
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

/// The bytes before the first zero.
pub(super) fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// A number in octal, or in base 256 where the first bit says so (GNU).
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, rest @ ..] => rest
            .iter()
            .try_fold(0_u64, |number, &byte| number.checked_mul(256)?.checked_add(byte.into())),
        _ => octal(field),
    }
}

/// A number in octal, with blanks around it and a zero behind it. An empty field is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let text = until_zero(field).trim_ascii();
    text.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
