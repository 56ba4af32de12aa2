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
    /// All of it is as POSIX and GNU have it. The sum does not see whether bytes change places.
    pub(super) is_strict: bool,
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
        Some(Self { name: name(block), size, kind, is_strict: is_strict(block) })
    }
}

/// Whether the block looks like a header although its sum may be wrong: its magic is there, or
/// most of its numbers are numbers.
pub(super) fn resembles(block: &Block) -> bool {
    let numbers = [100..108, 108..116, 116..124, 124..136, 136..148, SUM];
    let is_number = |field: &[u8]| octal(field).is_some() && field.iter().any(u8::is_ascii_digit);
    let right = numbers.into_iter().filter(|field| is_number(&block[field.clone()]));
    &block[257..262] == b"ustar" || right.count() >= 4
}

/// Whether every field is one of the forms that are in use, to the last byte.
fn is_strict(block: &Block) -> bool {
    let is_gnu = &block[257..265] == b"ustar  \0";
    let is_posix = &block[257..265] == b"ustar\x0000";
    let numbers = [100..108, 108..116, 116..124, 124..136, 136..148, 329..337, 337..345];
    let texts = [0..100, 157..257, 265..297, 297..329];
    let rest = if is_gnu { [500..512, 500..512] } else { [345..500, 500..512] };
    (is_gnu || is_posix)
        && is_strict_sum(&block[SUM])
        && numbers.into_iter().all(|field| is_strict_number(&block[field]))
        && texts.into_iter().chain(rest).all(|field| is_strict_text(&block[field]))
}

/// Six digits, a zero and a blank; or seven digits and a zero.
fn is_strict_sum(field: &[u8]) -> bool {
    let (digits, end) = field.split_at(6);
    digits.iter().all(u8::is_ascii_digit) && matches!(end, [0, b' '] | [b'0'..=b'7', 0])
}

/// Digits to the last byte but one; or no number at all; or one in base 256.
fn is_strict_number(field: &[u8]) -> bool {
    let (last, digits) = field.split_last().unwrap_or((&0, field));
    let is_octal = digits.iter().all(u8::is_ascii_digit) && matches!(last, 0 | b' ');
    is_octal || field.iter().all(|&byte| byte == 0) || field[0] == 0x80
}

/// Zeros behind the first zero.
fn is_strict_text(field: &[u8]) -> bool {
    field[until_zero(field).len()..].iter().all(|&byte| byte == 0)
}

/// Bytes of what says that a block is a header, and of which form.
pub(super) const MAGIC: usize = 8;

/// Whether there is such a thing in the bytes.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    let is_magic = |window: &[u8]| window == b"ustar\x0000" || window == b"ustar  \0";
    bytes.windows(MAGIC).any(is_magic)
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
