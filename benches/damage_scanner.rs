//! The speed of the damage scanner in an archive of 64 MiB, compared with programs that only decompress: the
//! `flate2` crate, and `gzip -t` if it is installed. In bytes of the archive a second, on one thread.
//!
//! The original images become nearly only stored blocks, because gzip cannot compress them. Noise in
//! which some bytes are more frequent shrinks by 3 %, as the real archives do, and becomes nearly
//! only literals.
//!
//! `cargo bench --bench damage_scanner` runs all. A word after `--` selects some, such as `noise`.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cxr::locate::DamageScanner;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use png::noise;

#[path = "../tests/cxr/support/png.rs"]
mod png;

const SIZE: usize = 64 << 20;

const IMAGES: [&[u8]; 3] = [
    include_bytes!("../tests/data/png/00000003_000.png"),
    include_bytes!("../tests/data/png/00000013_021.png"),
    include_bytes!("../tests/data/png/00000032_015.png"),
];

fn damage_scanner(criterion: &mut Criterion) {
    for (name, make) in [("original", original as fn(u64) -> Vec<u8>), ("noise", noise)] {
        let tar = tar(make);
        for level in [1, 6, 9] {
            let archive = gzip(&tar, level);
            let mut group = criterion.benchmark_group(format!("{name}/level {level}"));
            group.sample_size(10).measurement_time(Duration::from_secs(5));
            group.throughput(Throughput::Bytes(archive.len() as u64));
            group.bench_function("scanner", |bencher| bencher.iter(|| scan(&archive)));
            group.bench_function("flate2", |bencher| bencher.iter(|| inflate(&archive)));
            if Command::new("gzip").arg("-V").stdout(Stdio::null()).status().is_ok() {
                group.bench_function("gzip -t", |bencher| bencher.iter(|| gzip_test(&archive)));
            }
        }
    }
}

fn scan(archive: &[u8]) {
    let mut scanner = DamageScanner::new(Some(archive.len() as u64));
    for piece in archive.chunks(256 << 10) {
        assert_eq!(scanner.push(piece), Ok(()));
    }
    assert_eq!(scanner.finish(), Ok(()));
}

fn inflate(archive: &[u8]) {
    let mut decoder = GzDecoder::new(archive);
    assert!(io::copy(&mut decoder, &mut io::sink()).is_ok());
}

fn gzip_test(archive: &[u8]) {
    let gzip = Command::new("gzip").arg("-t").stdin(Stdio::piped()).spawn();
    let passed = gzip.and_then(|mut gzip| {
        gzip.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(archive))?;
        gzip.wait()
    });
    assert!(passed.is_ok_and(|status| status.success()));
}

fn original(number: u64) -> Vec<u8> {
    IMAGES[usize::try_from(number).unwrap_or(0) % IMAGES.len()].to_vec()
}

fn tar(image: fn(u64) -> Vec<u8>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::with_capacity(SIZE + (1 << 20)));
    for number in 0.. {
        let image = image(number);
        let mut header = tar::Header::new_ustar();
        header.set_size(image.len() as u64);
        let name = format!("images/{number:08}_000.png");
        assert!(tar.append_data(&mut header, name, &image[..]).is_ok());
        if tar.get_ref().len() >= SIZE {
            break;
        }
    }
    tar.into_inner().unwrap_or_default()
}

/// As the program gzip compresses it, where that is installed: its blocks are not those of flate2.
fn gzip(tar: &[u8], level: u32) -> Vec<u8> {
    by_program(tar, level).unwrap_or_else(|_| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
        assert!(gzip.write_all(tar).is_ok());
        gzip.finish().unwrap_or_default()
    })
}

fn by_program(tar: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut command = Command::new("gzip");
    command.arg(format!("-{level}")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut gzip = command.spawn()?;
    let (stdin, stdout) = (gzip.stdin.take(), gzip.stdout.take());
    let mut archive = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(tar)));
        stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut archive))
    })?;
    gzip.wait()?;
    Ok(archive)
}

criterion_group!(benches, damage_scanner);
criterion_main!(benches);
