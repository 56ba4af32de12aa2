//! Archives of the real shape, small, and made on the fly: gzipped ustar of grey PNGs, all of it in
//! stored blocks, so that nothing has to be compressed.

use std::sync::Arc;

use crate::catalog::Archive;
use crate::hash::Md5Hasher;

/// Archives that the server has.
pub(super) const SAMPLES: usize = 3;

/// Images in each, and pixels along the edge of one: half a mebibyte in all.
const IMAGES: usize = 8;
const EDGE: usize = 256;

/// The most bytes in a stored block of deflate (RFC 1951, section 3.2.4).
const STORED: usize = 0xffff;

/// A block of tar (POSIX ustar).
const TAR_BLOCK: usize = 512;

/// An archive, and what is published of it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) archive: Archive,
    pub(super) bytes: Arc<[u8]>,
}

impl Sample {
    /// The `number`-th archive, the same on every machine.
    pub(super) fn make(number: usize) -> Self {
        let mut tar = Vec::new();
        for index in 0..IMAGES {
            let image = png(&pixels(number * IMAGES + index));
            tar.extend(tar_header(&format!("images/{number:08}_{index:03}.png"), image.len()));
            tar.extend(&image);
            tar.resize(tar.len().next_multiple_of(TAR_BLOCK), 0);
        }
        tar.resize(tar.len() + 2 * TAR_BLOCK, 0);
        let bytes = gzip(&tar);
        let mut hasher = Md5Hasher::new();
        hasher.update(&bytes);
        let archive = Archive {
            name: format!("sample_{number}.tar.gz"),
            md5: hasher.finish(),
            sha256: None,
            size: Some(bytes.len() as u64),
            address: None,
            alias: None,
        };
        Self { archive, bytes: bytes.into() }
    }
}

/// Noise: no two blocks of it are alike, so that none can stand in another's place unnoticed.
fn pixels(seed: usize) -> Vec<u8> {
    let mut pixels = vec![0; EDGE * EDGE];
    fastrand::Rng::with_seed(seed as u64).fill(&mut pixels);
    pixels
}

/// A square grey image of eight bits a pixel (PNG specification, sections 5 and 11).
fn png(pixels: &[u8]) -> Vec<u8> {
    let edge = u32::try_from(EDGE).unwrap_or_default().to_be_bytes();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &[&edge[..], &edge, &[8, 0, 0, 0, 0]].concat());
    // Every line begins with the filter that it was put through: none.
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

/// The check of zlib (RFC 1950, section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % MODULUS;
        (a, (b + a) % MODULUS)
    });
    b << 16 | a
}

/// A deflate stream of stored blocks.
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

/// A gzip member (RFC 1952, section 2.3).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(stored(bytes));
    gzip.extend(crc32fast::hash(bytes).to_le_bytes());
    gzip.extend(length.to_le_bytes());
    gzip
}

/// The header of a plain file (POSIX ustar).
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
    fn a_sample_is_an_archive_of_images_to_other_programs_too() {
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

    /// What the image's chunks hold, their CRCs and the check of zlib compared.
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
    fn no_two_samples_are_alike() {
        assert_ne!(Sample::make(1).archive.md5, Sample::make(2).archive.md5);
        assert_eq!(Sample::make(1).archive.md5, Sample::make(1).archive.md5);
    }
}
