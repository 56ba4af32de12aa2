//! Shared by the tests of this module.

use crate::catalog::{Archive, Catalog};
use crate::hash::digest::{DigestKind, Md5};
use crate::hash::digest_of;

pub(super) fn md5(content: &[u8]) -> Md5 {
    digest_of(DigestKind::Md5, content).md5().unwrap()
}

/// An archive with a size and an address, as the built-in ones have.
pub(super) fn archive(name: &str, content: &[u8]) -> Archive {
    Archive {
        size: Some(content.len() as u64),
        address: Some(format!("https://example.org/{name}")),
        ..Archive::new(name, md5(content))
    }
}

/// Bytes that begin like a gzip file, different for each seed, without a run of zeros.
pub(super) fn gzip_like(seed: usize, size: usize) -> Vec<u8> {
    let tail = (0..size).map(|n| u8::try_from((n + seed) % 251 + 1).unwrap());
    [0x1f, 0x8b].into_iter().chain(tail).take(size).collect()
}

/// Three archives of [`gzip_like`] content: `images_001.tar.gz` of 3001 bytes and on, each a
/// thousand larger, with the other names `images_01.tar.gz` and on.
pub(super) fn catalog() -> Catalog {
    let archives = (1..=3).map(|n| Archive {
        alias: Some(format!("images_{n:02}.tar.gz")),
        ..archive(&format!("images_{n:03}.tar.gz"), &content(n))
    });
    Catalog::new(archives.collect()).unwrap()
}

/// The content of the archive of this number in [`catalog`].
pub(super) fn content(number: usize) -> Vec<u8> {
    gzip_like(number, 2001 + 1000 * number)
}
