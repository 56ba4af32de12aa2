//! Small archives of every kind, for the tests.

use std::io::Write;

use flate2::{Compression, GzBuilder};

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    let body = [&kind[..], data].concat();
    [&length[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
}

/// A PNG with `size` bytes of data in chunks of `length`. The data is noise that compresses a little.
pub(super) fn png(seed: u64, size: usize, length: usize) -> Vec<u8> {
    let mut noise = vec![0; size];
    fastrand::Rng::with_seed(seed).fill(&mut noise);
    noise.iter_mut().filter(|byte| **byte < 90).for_each(|byte| *byte /= 2);
    let mut png = super::png::SIGNATURE.to_vec();
    png.extend(chunk(*b"IHDR", &[0, 0, 4, 0, 0, 0, 4, 0, 8, 0, 0, 0, 0]));
    png.extend(chunk(*b"tIME", &[7, 225, 9, 28, 12, 0, 0]));
    noise.chunks(length).for_each(|data| png.extend(chunk(*b"IDAT", data)));
    png.extend(chunk(*b"IEND", &[]));
    png
}

/// The names and contents of members.
pub(super) type Members = Vec<(String, Vec<u8>)>;

pub(super) fn images(count: u64) -> Members {
    let image =
        |number| (format!("images/{:08}_{number:03}.png", number / 2), png(number, 900, 256));
    (0..count).map(image).collect()
}

/// A tar with a folder and these members. Names that are too long for ustar become GNU long names.
pub(super) fn tar(members: &Members) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut folder = header(0);
    folder.set_entry_type(tar::EntryType::Directory);
    tar.append_data(&mut folder, "images", &[][..]).unwrap();
    append(&mut tar, members);
    tar.into_inner().unwrap()
}

pub(super) fn append(tar: &mut tar::Builder<Vec<u8>>, members: &Members) {
    for (name, content) in members {
        tar.append_data(&mut header(content.len()), name, &content[..]).unwrap();
    }
}

/// A header without a name.
pub(super) fn header(size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_mtime(1_500_000_000);
    header
}

pub(super) fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut gzip = GzBuilder::new().mtime(1).write(Vec::new(), Compression::new(level));
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// Archives of every kind, with names.
pub(super) fn archives() -> Vec<(&'static str, Vec<u8>)> {
    let plain = tar(&images(3));
    let long = ("images/".to_owned() + &"x".repeat(200) + ".png", png(9, 700, 256));
    let mut records = tar::Builder::new(Vec::new());
    let path = format!("images/{}.png", "y".repeat(150));
    records.append_pax_extensions([("path", path.as_bytes()), ("mtime", b"1.5")]).unwrap();
    append(&mut records, &images(2));
    let text = ("notes.txt".to_owned(), b"one and another\n".repeat(40));
    let mut two = gzip(&plain[..1500], 6);
    two.extend(gzip(&plain[1500..], 6));
    let mut padded = plain.clone();
    padded.resize(padded.len().next_multiple_of(10_240), 0);
    let jpeg = ("b.png".to_owned(), [&b"\xff\xd8\xff\xe0"[..], &[9; 600]].concat());
    vec![
        ("stored", gzip(&plain, 0)),
        ("level 1", gzip(&plain, 1)),
        ("level 6", gzip(&plain, 6)),
        ("level 9", gzip(&plain, 9)),
        ("long name", gzip(&tar(&vec![long]), 6)),
        ("records", gzip(&records.into_inner().unwrap(), 6)),
        ("no images", gzip(&tar(&vec![text, jpeg]), 6)),
        ("two members", two),
        ("padded", gzip(&padded, 6)),
        ("old", gzip(&old(), 6)),
        ("sparse", gzip(&sparse(), 6)),
        ("header", with_every_field(&plain)),
    ]
}

/// A tar of the form before ustar, which has fewer checks.
fn old() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, image) in images(2) {
        let mut header = tar::Header::new_old();
        header.set_size(image.len() as u64);
        tar.append_data(&mut header, name, &image[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A sparse file before an image, as GNU tar writes it: the header says that a second block of the
/// map follows (GNU tar manual, "Storing Sparse Files"). The size is in base 256.
fn sparse() -> Vec<u8> {
    let mut header = header(0);
    let bytes = header.as_mut_bytes();
    bytes[..5].copy_from_slice(b"holes");
    bytes[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\x02\x58");
    bytes[156] = b'S';
    bytes[482] = 1;
    header.set_cksum();
    let map = [&[b'0'; 504][..], &[1; 1], &[0; 7]].concat();
    let last = [&[b'0'; 24][..], &[0; 488]].concat();
    let data = [&[b's'; 600][..], &[0; 424]].concat();
    [header.as_bytes(), &map[..], &last, &data, &tar(&images(1))].concat()
}

/// A gzip file with all optional header fields (RFC 1952, section 2.3).
fn with_every_field(content: &[u8]) -> Vec<u8> {
    let whole = gzip(content, 6);
    let mut gzip = b"\x1f\x8b\x08\x1e\x01\0\0\0\0\xff\x05\0extraa name\0a comment\0".to_vec();
    let check = crc32fast::hash(&gzip) & 0xffff;
    gzip.extend(u16::try_from(check).unwrap().to_le_bytes());
    gzip.extend(&whole[10..]);
    gzip
}
