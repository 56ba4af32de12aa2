//! Fuzz targets: promises about every archive that is extracted, however hostile.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::UnpackError;
use super::gunzip::Gunzip;
use super::members::Member;
use super::unpacker::{FileSink, LargeFile, Taking, Unpacker};
use crate::fuzzing::assert_message;
use crate::locate::fuzz::stored;

/// The largest file that is taken whole, which is more than an unpacker keeps for others.
const LARGEST_WHOLE: u64 = 2 << 20;

/// The most decompressed bytes that are looked at.
const MOST: usize = 4 << 20;

/// Keeps all files, or what came of them before an error.
#[derive(Debug, Default, PartialEq)]
struct FileLog {
    files: Vec<(Member, Vec<u8>)>,
    /// The bytes that are still to come of a file that is taken in pieces.
    left: Option<u64>,
}

impl FileSink for FileLog {
    fn begin(&mut self, member: &Member) -> Result<Taking, UnpackError> {
        assert_eq!(self.left, None, "a file began before the last one ended");
        Ok(match member.name.len() % 3 {
            0 if member.size <= LARGEST_WHOLE => Taking::Whole,
            1 => Taking::Skipped,
            _ => {
                self.left = Some(member.size);
                self.files.push((member.clone(), Vec::new()));
                Taking::Pieces
            }
        })
    }

    fn whole(&mut self, member: &Member, content: Vec<u8>) -> Result<Vec<u8>, UnpackError> {
        assert_eq!(content.len() as u64, member.size);
        self.files.push((member.clone(), content.clone()));
        Ok(content)
    }

    fn piece(&mut self, member: &Member, content: Option<&[u8]>) -> Result<(), UnpackError> {
        let (begun, bytes) = self.files.last_mut().expect("it began");
        assert_eq!(begun, member);
        match content {
            Some(content) => {
                let left = self.left.and_then(|left| left.checked_sub(content.len() as u64));
                self.left = Some(left.expect("no more than the size"));
                bytes.extend_from_slice(content);
            }
            None => assert_eq!(self.left.take(), Some(0)),
        }
        Ok(())
    }
}

/// Unpacks an archive in pieces. Returns its files, or those before the error and its message.
fn unpacked(archive: &[u8], length: usize) -> (FileLog, Option<String>) {
    let large_file = LargeFile::default();
    let mut unpacker = Unpacker::new(FileLog::default(), &large_file);
    for piece in archive.chunks(length) {
        if let Err(error) = unpacker.push(piece) {
            return (unpacker.sink, Some(error.to_string()));
        }
    }
    match unpacker.finish() {
        Ok(log) => {
            assert_eq!(log.left, None);
            (log, None)
        }
        Err(error) => (FileLog::default(), Some(error.to_string())),
    }
}

/// In pieces of any length, an archive has the same files, and the message about any other is safe and
/// short.
fn assert_same_in_pieces(archive: &[u8], length: usize) {
    let (log, error) = unpacked(archive, archive.len().max(1));
    let (other, other_error) = unpacked(archive, length);
    assert_eq!(error.is_some(), other_error.is_some(), "{error:?} {other_error:?}");
    [&error, &other_error].into_iter().flatten().for_each(|error| assert_message(error));
    if error.is_none() {
        assert!(log == other);
    }
}

/// The bytes are a tar, stored without compression, and nearly always the last blocks are missing.
pub(crate) fn members(bytes: &[u8]) {
    let length = 1 + bytes.len() % 1021;
    assert_same_in_pieces(&stored(bytes), length);
    let rest = bytes.len().next_multiple_of(512) - bytes.len() + 1024;
    assert_same_in_pieces(&stored(&[bytes, &vec![0; rest]].concat()), length);
}

/// The bytes are an archive. If they are gzip streams to their end, another decoder agrees.
pub(crate) fn gunzip(bytes: &[u8]) {
    let Some(whole) = gunzipped(bytes, bytes.len().max(1)) else {
        assert_eq!(gunzipped(bytes, 1 + bytes.len() % 97), None);
        return;
    };
    assert!(gunzipped(bytes, 1 + bytes.len() % 97).as_ref() == Some(&whole));
    let mut expected = Vec::new();
    let result = MultiGzDecoder::new(bytes).take(MOST as u64 + 1).read_to_end(&mut expected);
    // It does not know zeros after the last stream.
    assert!(result.is_err() || expected == whole, "{} {}", expected.len(), whole.len());
    assert_same_in_pieces(bytes, 1 + bytes.len() % 97);
}

/// Decompresses gzip streams in pieces. Returns their content if they end, and it is not too long.
fn gunzipped(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let (mut gunzip, mut output, mut found) = (Gunzip::new(), vec![0; length + 1], Vec::new());
    for mut piece in bytes.chunks(length) {
        loop {
            let written = gunzip.read(&mut piece, &mut output).ok()?;
            assert!(written <= output.len());
            found.extend_from_slice(&output[..written]);
            if found.len() > MOST {
                return None;
            }
            if written == 0 {
                assert!(piece.is_empty(), "{} bytes are never read", piece.len());
                break;
            }
        }
    }
    gunzip.is_at_end().then_some(found)
}
