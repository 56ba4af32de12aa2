//! An original image, its chunks, and copies of it with damage of every kind.

use std::fs;
use std::path::Path;

/// The chunks of a PNG: their types and data.
pub type Chunks = Vec<([u8; 4], Vec<u8>)>;

pub const IDAT: [u8; 4] = *b"IDAT";

/// An original image, grey.
pub fn original() -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/png");
    fs::read(data.join("00000013_021.png")).unwrap()
}

pub fn chunks(png: &[u8]) -> Chunks {
    let mut rest = &png[8..];
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let kind = after[..4].try_into().unwrap();
        chunks.push((kind, after[4..4 + length].to_vec()));
        rest = &after[8 + length..];
    }
    chunks
}

/// A PNG of these chunks, each with the right CRC-32.
pub fn png(chunks: &Chunks) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        let body = [&kind[..], data].concat();
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend(&body);
        png.extend(crc32fast::hash(&body).to_be_bytes());
    }
    png
}

/// The places of the image data among the chunks.
pub fn data_of(chunks: &Chunks) -> Vec<usize> {
    (0..chunks.len()).filter(|&index| chunks[index].0 == IDAT).collect()
}

/// Copies of an original image with damage of each kind, and words of the reason that a check gives.
pub fn damaged() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let (whole, good) = (original(), chunks(&original()));
    let data = data_of(&good);
    let (first, middle, end) = (data[0], data[20], whole.len() - 12);
    let changed = |change: &dyn Fn(&mut Chunks)| {
        let mut chunks = good.clone();
        change(&mut chunks);
        png(&chunks)
    };
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Where the chunk in the middle begins.
    let start = 8 + good[..middle].iter().map(|(_, data)| data.len() + 12).sum::<usize>();
    vec![
        ("first IDAT dropped", changed(&|chunks| drop(chunks.remove(first))), "of a PNG"),
        ("middle IDAT dropped", changed(&|chunks| drop(chunks.remove(middle))), "of a PNG"),
        ("IDATs swapped", changed(&|chunks| chunks.swap(middle, middle + 1)), "of a PNG"),
        ("IDAT cut", changed(&|chunks| chunks[middle].1.truncate(4000)), "of a PNG"),
        ("file cut in IDAT", whole[..start + 4000].to_vec(), "ends too early"),
        ("wrong CRC", flipped(start + 100), "fails its CRC-32"),
        ("wrong length", flipped(start), "an invalid length"),
        ("bytes behind IEND", [&whole[..], b"more"].concat(), "bytes follow the end"),
        ("IEND missing", whole[..end].to_vec(), "ends too early"),
        ("wrong width", changed(&|chunks| chunks[0].1[2] = 5), "of a PNG"),
        ("impossible depth", changed(&|chunks| chunks[0].1[8] = 7), "an impossible header"),
    ]
}
