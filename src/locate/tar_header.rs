//! The header of a tar member in the old form, POSIX's ustar and GNU's, and the pax records before
//! it (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual,
//! "Basic Tar Format").

/// A tar consists of blocks of this number of bytes.
pub(crate) const BLOCK: usize = 512;

/// A block that may be a header.
pub(crate) type Block = [u8; BLOCK];

/// The field of the checksum: the sum of all bytes, in octal, with spaces in place of this field.
const SUM: std::ops::Range<usize> = 148..156;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TarHeader {
    pub(crate) name: Vec<u8>,
    /// Bytes that follow, without the padding.
    pub(crate) size: u64,
    pub(crate) kind: MemberKind,
    /// True if every field is as POSIX and GNU write it. The checksum does not notice bytes that
    /// change places.
    pub(super) is_strict: bool,
}

/// The kind of data that follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    /// A name for the next header that is too long for it (GNU).
    LongName,
    /// Records about the next header (pax).
    Records,
    /// A file with holes (GNU); true if a block with more of its map follows.
    Sparse(bool),
    Folder,
    Other,
}

impl TarHeader {
    /// Reads a header; `None` if its checksum or its size is wrong.
    pub(crate) fn read(block: &Block) -> Option<Self> {
        if !has_right_sum(block) {
            return None;
        }
        let kind = match block[156] {
            b'0' | b'7' | 0 => MemberKind::File,
            b'L' => MemberKind::LongName,
            b'x' => MemberKind::Records,
            b'5' => MemberKind::Folder,
            b'S' => MemberKind::Sparse(block[482] != 0),
            _ => MemberKind::Other,
        };
        // Links, devices, folders and pipes have no content, whatever their size says.
        let size = if matches!(block[156], b'1'..=b'6') { 0 } else { number(&block[124..136])? };
        Some(Self { name: name(block), size, kind, is_strict: is_strict(block) })
    }
}

/// The pax records about the next member that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PaxRecords {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    /// The file has holes (GNU).
    pub(crate) is_sparse: bool,
    /// The size is no number, or some bytes are no record.
    pub(crate) is_invalid: bool,
}

impl PaxRecords {
    /// Reads records, each `LENGTH KEY=VALUE\n`, up to the first bytes that are none.
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut records = Self::default();
        while let Some((key, value, rest)) = record(bytes) {
            records.is_sparse |= key.starts_with(b"GNU.sparse.");
            match key {
                b"path" | b"GNU.sparse.name" => records.path = Some(value.to_vec()),
                b"size" => {
                    let size = decimal(value);
                    records.is_invalid |= size.is_none();
                    records.size = size.or(records.size);
                }
                _ => {}
            }
            bytes = rest;
        }
        records.is_invalid |= !bytes.is_empty();
        records
    }
}

/// The key and the value of the first record, and the bytes after it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let text = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|&byte| byte == b'=')?;
    Some((&text[..equals], &text[equals + 1..], rest))
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// True if the block looks like a header although its checksum may be wrong: its magic is there, or
/// most of its number fields hold numbers.
pub(super) fn resembles_header(block: &Block) -> bool {
    let numbers = [100..108, 108..116, 116..124, 124..136, 136..148, SUM];
    let is_number = |field: &[u8]| octal(field).is_some() && field.iter().any(u8::is_ascii_digit);
    let right = numbers.into_iter().filter(|field| is_number(&block[field.clone()]));
    &block[257..262] == b"ustar" || right.count() >= 4
}

/// True if every byte of every field has one of the usual forms.
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

/// Six digits, a zero and a space; or seven digits and a zero.
fn is_strict_sum(field: &[u8]) -> bool {
    let (digits, end) = field.split_at(6);
    digits.iter().all(u8::is_ascii_digit) && matches!(end, [0, b' '] | [b'0'..=b'7', 0])
}

/// Digits up to the last byte but one; or no number at all; or one in base 256.
fn is_strict_number(field: &[u8]) -> bool {
    let (last, digits) = field.split_last().unwrap_or((&0, field));
    let is_octal = digits.iter().all(u8::is_ascii_digit) && matches!(last, 0 | b' ');
    is_octal || field.iter().all(|&byte| byte == 0) || field[0] == 0x80
}

/// Nothing but zeros after the first zero.
fn is_strict_text(field: &[u8]) -> bool {
    field[until_zero(field).len()..].iter().all(|&byte| byte == 0)
}

/// Bytes of the magic and the version of a header.
pub(super) const MAGIC_BYTES: usize = 8;

/// True if one of these bytes begins a magic.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    let is_magic = |window: &[u8]| window == b"ustar\x0000" || window == b"ustar  \0";
    bytes.windows(MAGIC_BYTES).any(is_magic)
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

/// The name, with the folder that ustar splits off.
fn name(block: &Block) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    let prefix = until_zero(&block[345..500]);
    // GNU has other fields where POSIX has the folder.
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

pub(crate) fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// A number in octal, or in base 256 if the first bit says so (GNU).
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, rest @ ..] => rest
            .iter()
            .try_fold(0_u64, |number, &byte| number.checked_mul(256)?.checked_add(byte.into())),
        _ => octal(field),
    }
}

/// A number in octal, with spaces around it and a zero after it. An empty field is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let text = until_zero(field).trim_ascii();
    text.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
