//! The records of pax about the next file (POSIX.1-2017, pax, "pax Extended Header").

/// What of them matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Records {
    /// Reads records, each `LENGTH KEY=VALUE\n`, as far as they are such.
    pub(super) fn read(mut bytes: &[u8]) -> Self {
        let mut records = Self::default();
        while let Some((key, value, rest)) = record(bytes) {
            match key {
                b"path" | b"GNU.sparse.name" => records.path = Some(value.to_vec()),
                b"size" => records.size = number(value).or(records.size),
                _ => {}
            }
            bytes = rest;
        }
        records
    }
}

/// The first record's key and value, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().position(|&byte| byte == b' ')?;
    let length = usize::try_from(number(&bytes[..blank])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let text = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|&byte| byte == b'=')?;
    Some((&text[..equals], &text[equals + 1..], rest))
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
