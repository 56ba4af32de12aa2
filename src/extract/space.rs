//! The space that the images of an archive take.

use std::path::Path;

use crate::disk::File;

/// Returns the bytes that the files of an archive take, as far as its last bytes tell: the length of what
/// was compressed, modulo 2³² (RFC 1952, section 2.3.1). Compressed data can hardly be longer than that.
pub(crate) fn unpacked(path: &Path) -> Option<u64> {
    let file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let mut trailer = [0; 4];
    file.read_at(&mut trailer, size.checked_sub(4)?).ok()?;
    let mut length = u64::from(u32::from_le_bytes(trailer));
    while length < size - size / 64 {
        length += 1 << 32;
    }
    Some(length)
}
