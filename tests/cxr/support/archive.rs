//! Small archives in the format of the published ones: a gzipped ustar of
//! `images/NNNNNNNN_NNN.png`, made from original images. The bytes are the same on every machine.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, LazyLock, Mutex};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use md5::{Digest, Md5};

use super::png::noise;

const IMAGES: [&[u8]; 3] = [
    include_bytes!("../../data/png/00000013_021.png"),
    include_bytes!("../../data/png/00000032_015.png"),
    include_bytes!("../../data/png/00000003_000.png"),
];

/// The names of the first four archives, which most tests use.
pub const NAMES: [&str; 4] =
    ["images_001.tar.gz", "images_002.tar.gz", "images_003.tar.gz", "images_004.tar.gz"];

/// The path of the first archive in a sandbox.
pub const FINAL_NAME: &str = "data/images_001.tar.gz";

/// An archive, with the bytes that a fetch must produce.
#[derive(Clone)]
pub struct Archive {
    pub name: String,
    pub bytes: Arc<Vec<u8>>,
    pub md5: String,
}

impl Archive {
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let md5 = md5_of(&bytes);
        Self { name: name.into(), bytes: Arc::new(bytes), md5 }
    }

    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn sha256(&self) -> String {
        hex::encode(sha2::Sha256::digest(&**self.bytes))
    }

    /// The path of the archive on a server: `/NAME`, percent-encoded.
    pub fn path(&self) -> String {
        let encode = |byte: u8| {
            let is_plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
            if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        format!("/{}", self.name.bytes().map(encode).collect::<String>())
    }

    /// The bytes with one bit flipped in byte `at`.
    pub fn flipped(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        bytes[at] ^= 0x10;
        bytes
    }
}

pub fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// Archive `number` of twelve with `images` images of about 0.4 MiB. Made once and shared.
pub fn archive(number: usize, images: usize) -> Archive {
    static MADE: LazyLock<Mutex<HashMap<(usize, usize), Archive>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    made.entry((number, images)).or_insert_with(|| build(number, images)).clone()
}

/// An archive of at least `mebibytes` MiB, compressed as the published ones are. Made once and
/// shared.
pub fn large_archive(mebibytes: usize) -> Archive {
    static MADE: LazyLock<Mutex<HashMap<usize, Archive>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let smallest = IMAGES.iter().map(|image| image.len()).min().unwrap_or(1);
    let images = (mebibytes << 20).div_ceil(smallest);
    let pack = || pack(1, images, Compression::default(), mebibytes << 20);
    made.entry(mebibytes).or_insert_with(pack).clone()
}

/// Archives 1 to `count` of one image each, about 0.4 MiB.
pub fn archives(count: usize) -> Vec<Archive> {
    (1..=count).map(|number| archive(number, 1)).collect()
}

/// As [`large_archive`], of images that can be compressed: noise in which some bytes are twice as frequent.
/// Gzip saves 3 % on it, as on the published archives, and codes nearly all of it.
pub fn large_compressible(mebibytes: usize) -> Archive {
    static MADE: LazyLock<Mutex<HashMap<usize, Archive>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let pack = || {
        let image = |index| Cow::Owned(noise(index as u64));
        pack_images(1, usize::MAX, Compression::default(), mebibytes << 20, image)
    };
    made.entry(mebibytes).or_insert_with(pack).clone()
}

/// The content of a gzip file. Returns `None` if the file is damaged.
pub fn gunzip(file: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut content).ok().map(|_| content)
}

fn build(number: usize, images: usize) -> Archive {
    pack(number, images, Compression::fast(), usize::MAX)
}

/// Packs `images` images, or fewer if they reach `enough` bytes.
fn pack(number: usize, images: usize, level: Compression, enough: usize) -> Archive {
    let image = |index| Cow::Borrowed(IMAGES[(number + index) % IMAGES.len()]);
    pack_images(number, images, level, enough, image)
}

fn pack_images(
    number: usize,
    images: usize,
    level: Compression,
    enough: usize,
    image: impl Fn(usize) -> Cow<'static, [u8]>,
) -> Archive {
    let gzip = GzBuilder::new().mtime(1_500_000_000).write(Vec::new(), level);
    let mut tar = tar::Builder::new(gzip);
    for index in 0..images {
        if tar.get_ref().get_ref().len() >= enough {
            break;
        }
        let image = image(index);
        let name = format!("images/{:08}_{:03}.png", number * 1000 + index / 7, index % 7);
        tar.append_data(&mut header(&image), name, &*image).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    Archive::new(format!("images_{number:03}.tar.gz"), bytes)
}

fn header(image: &[u8]) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(image.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_500_000_000);
    header
}

/// A gzip file of about `mebibytes` MiB of noise in stored blocks: large and quick to make.
pub fn stored_archive(name: &str, mebibytes: usize, seed: u64) -> Archive {
    let mut noise = vec![0; mebibytes << 20];
    fastrand::Rng::with_seed(seed).fill(&mut noise);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let last = noise.len().div_ceil(usize::from(u16::MAX)) - 1;
    for (index, block) in noise.chunks(usize::from(u16::MAX)).enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        bytes.push(u8::from(index == last));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    bytes.extend(crc32fast::hash(&noise).to_le_bytes());
    bytes.extend(u32::try_from(noise.len()).unwrap().to_le_bytes());
    Archive::new(name, bytes)
}
