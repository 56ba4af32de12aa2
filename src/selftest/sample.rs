//! Small archives like the real ones: gzipped ustar files of grey PNGs. All data is in stored blocks, so
//! nothing needs compression.

use std::sync::Arc;

use crate::catalog::Archive;
use crate::hash::digest::DigestKind;
use crate::hash::digest_of;

/// The number of archives on the server.
pub(super) const SAMPLES: usize = 3;

/// Images in each archive, and pixels along the edge of an image: half a mebibyte in all.
const IMAGES: usize = 8;
const EDGE: usize = 256;

/// The most bytes in a stored block of deflate (RFC 1951, section 3.2.4).
const STORED: usize = 0xffff;

/// A block of tar (POSIX ustar).
const TAR_BLOCK: usize = 512;

/// An archive with its entry in the table.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) archive: Archive,
    pub(super) bytes: Arc<[u8]>,
    /// The names and the bytes of its images.
    pub(super) images: Vec<(String, Vec<u8>)>,
}

impl Sample {
    /// Builds the archive with this number, the same on every machine.
    pub(super) fn make(number: usize) -> Self {
        let mut tar = Vec::new();
        let mut images = Vec::new();
        for index in 0..IMAGES {
            let name = format!("{number:08}_{index:03}.png");
            let image = png(&pixels(number * IMAGES + index));
            tar.extend(tar_header(&format!("images/{name}"), image.len()));
            tar.extend(&image);
            tar.resize(tar.len().next_multiple_of(TAR_BLOCK), 0);
            images.push((name, image));
        }
        tar.resize(tar.len() + 2 * TAR_BLOCK, 0);
        let bytes = gzip(&tar);
        let digest = digest_of(DigestKind::Md5, &bytes);
        let name = format!("sample_{number}.tar.gz");
        let archive = Archive { size: Some(bytes.len() as u64), ..Archive::new(name, digest) };
        Self { archive, bytes: bytes.into(), images }
    }
}

/// Returns noise. No two of its blocks are equal, so that swapped blocks are noticed.
fn pixels(seed: usize) -> Vec<u8> {
    let mut pixels = vec![0; EDGE * EDGE];
    fastrand::Rng::with_seed(seed as u64).fill(&mut pixels);
    pixels
}

/// Builds a square grey image with eight bits per pixel (PNG specification, sections 5 and 11).
fn png(pixels: &[u8]) -> Vec<u8> {
    let edge = u32::try_from(EDGE).unwrap_or_default().to_be_bytes();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &[&edge[..], &edge, &[8, 0, 0, 0, 0]].concat());
    // Each line begins with the number of its filter; 0 is none.
    let lines: Vec<u8> = pixels.chunks(EDGE).flat_map(|line| [&[0], line].concat()).collect();
    let zlib = [&[0x78, 0x01], &*stored(&lines), &adler32(&lines).to_be_bytes()].concat();
    chunk(&mut png, *b"IDAT", &zlib);
    chunk(&mut png, *b"IEND", &[]);
    png
}

/// Adds a chunk of a PNG with its CRC.
fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or_default();
    let named = [&kind, data].concat();
    png.extend(length.to_be_bytes());
    png.extend(&named);
    png.extend(crc32fast::hash(&named).to_be_bytes());
}

/// Returns the checksum of zlib (RFC 1950, section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % MODULUS;
        (a, (b + a) % MODULUS)
    });
    b << 16 | a
}

/// Returns a deflate stream of stored blocks.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(bytes.len() + bytes.len() / STORED * 5 + 5);
    let last = bytes.len().div_ceil(STORED).saturating_sub(1);
    for (index, block) in bytes.chunks(STORED).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or_default();
        stream.push(u8::from(index == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream
}

/// Returns a gzip member (RFC 1952, section 2.3).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(stored(bytes));
    gzip.extend(crc32fast::hash(bytes).to_le_bytes());
    gzip.extend(length.to_le_bytes());
    gzip
}

/// Returns the header of a regular file (POSIX ustar).
fn tar_header(name: &str, size: usize) -> [u8; TAR_BLOCK] {
    let mut header = [0; TAR_BLOCK];
    let fields: [(usize, &[u8]); 9] = [
        (0, name.as_bytes()),
        (100, b"0000644"),
        (108, b"0000000"),
        (116, b"0000000"),
        (124, &format!("{size:011o}").into_bytes()),
        (136, b"00000000000"),
        (148, b"        "),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ];
    for (at, text) in fields {
        header[at..at + text.len()].copy_from_slice(text);
    }
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn other_decoders_read_the_images_of_a_sample() {
        let sample = Sample::make(2);
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*sample.bytes));
        let mut images = 0;
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().into_owned();
            assert_eq!(name.to_str().unwrap(), format!("images/00000002_{images:03}.png"));
            let mut png = Vec::new();
            entry.read_to_end(&mut png).unwrap();
            assert_eq!(lines(&png).len(), EDGE * (EDGE + 1));
            images += 1;
        }
        assert_eq!(images, IMAGES);
        assert_eq!(sample.archive.size, Some(sample.bytes.len() as u64));
    }

    /// Returns the data of the image, after comparing the CRCs of its chunks and the checksum of zlib.
    fn lines(png: &[u8]) -> Vec<u8> {
        let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let (mut kinds, mut zlib) = (Vec::new(), Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let (named, after) = after.split_at(length + 4);
            let (crc, after) = after.split_first_chunk::<4>().unwrap();
            assert_eq!(u32::from_be_bytes(*crc), crc32fast::hash(named));
            kinds.push(named[..4].to_vec());
            if named.starts_with(b"IDAT") {
                zlib.extend(&named[4..]);
            }
            rest = after;
        }
        assert_eq!(kinds, [b"IHDR", b"IDAT", b"IEND"]);
        let mut lines = Vec::new();
        flate2::read::ZlibDecoder::new(&*zlib).read_to_end(&mut lines).unwrap();
        lines
    }

    #[test]
    fn samples_differ_and_are_reproducible() {
        assert_ne!(Sample::make(1).archive.digests, Sample::make(2).archive.digests);
        assert_eq!(Sample::make(1).archive.digests, Sample::make(1).archive.digests);
    }
}
