//! Small archives with the names and the form of NIH's images, and tars written header by header.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

use cxr::catalog::inventory::name_of;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::archive::Archive;

/// A part of NIH's images in a small archive.
pub struct ImageArchive {
    pub archive: Archive,
    /// The places of the images in the list of all.
    pub places: Range<usize>,
    /// The names and the bytes of the images.
    pub images: Vec<(String, Vec<u8>)>,
}

impl ImageArchive {
    /// Archive `number` with the images at these places.
    pub fn new(number: usize, places: Range<usize>) -> Self {
        let images: Vec<_> = places.clone().map(|place| (name_of(place), image(place))).collect();
        let mut tar = TarBytes::default().member("images/", b'5', &[]);
        for (name, bytes) in &images {
            tar = tar.member(&format!("images/{name}"), b'0', bytes);
        }
        let archive = Archive::new(format!("images_{number:03}.tar.gz"), tar.gzip());
        Self { archive, places, images }
    }
}

/// The value of `CXR_FAULT_INVENTORY` that gives the archives their places.
pub fn inventory<'a>(archives: impl IntoIterator<Item = (&'a Archive, Range<usize>)>) -> String {
    archives.into_iter().fold(String::new(), |mut rules, (archive, places)| {
        let _ = write!(rules, "{}={}..{};", archive.md5, places.start, places.end);
        rules
    })
}

/// A grey image of 1024 x 1024 pixels, which differ from place to place.
pub fn image(place: usize) -> Vec<u8> {
    let shade = u8::try_from(place % 251).unwrap();
    let mut rows = vec![shade; 1025 * 1024];
    rows.iter_mut().step_by(1025).for_each(|filter| *filter = 0);
    rows[1] = u8::try_from(place / 251 % 256).unwrap();
    let mut data = ZlibEncoder::new(Vec::new(), Compression::fast());
    data.write_all(&rows).unwrap();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(*b"IHDR", &[0, 0, 4, 0, 0, 0, 4, 0, 8, 0, 0, 0, 0]));
    png.extend(chunk(*b"IDAT", &data.finish().unwrap()));
    png.extend(chunk(*b"IEND", &[]));
    png
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
}

/// A tar as it grows.
#[derive(Default, Clone)]
pub struct TarBytes(pub Vec<u8>);

impl TarBytes {
    /// Adds a member with its content, in GNU's form.
    pub fn member(self, name: &str, flag: u8, content: &[u8]) -> Self {
        self.header(name, flag, &format!("{:011o}", content.len()), "").content(content)
    }

    /// Adds a header with this size, as written, and the target of a link.
    pub fn header(mut self, name: &str, flag: u8, size: &str, link: &str) -> Self {
        let mut block = [0; 512];
        let mut put = |at: usize, text: &str| {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, name);
        put(100, "0004755");
        put(108, "0000000");
        put(116, "0000000");
        put(124, size);
        put(136, "00000000000");
        put(148, "        ");
        put(157, link);
        put(257, "ustar  ");
        block[156] = flag;
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
        self
    }

    /// Adds content, and zeros up to the next block.
    pub fn content(mut self, content: &[u8]) -> Self {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds pax records about the next member.
    pub fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (1..5)
                .map(|digits| rest.len() + digits)
                .find(|length| length.to_string().len() + rest.len() == *length);
            let _ = write!(text, "{}{rest}", length.unwrap());
        }
        self.member("pax", b'x', text.as_bytes())
    }

    /// Ends the tar and compresses it.
    pub fn gzip(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&self.0).unwrap();
        gzip.finish().unwrap()
    }
}
