//! The speed of the hash: the lanes by platform, number of streams and block size, on one thread;
//! and the engine with twelve streams.
//!
//! `cargo bench --bench md5` runs all. A word after `--` selects some, such as `lanes/avx2`.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cxr::hash::{Engine, Feed, LaneInput, LaneSet, Md5Hasher, Platform};

const STREAMS: [usize; 7] = [1, 2, 4, 6, 8, 12, 16];

/// From a block that fits the first-level cache to twelve that fill the third.
const SIZES: [usize; 3] = [8 << 10, 64 << 10, 1 << 20];

const MEBIBYTE: usize = 1 << 20;

fn lanes(criterion: &mut Criterion) {
    for platform in Platform::available() {
        for size in SIZES {
            let name = format!("lanes/{}/{} KiB", platform.name(), size >> 10);
            let mut group = criterion.benchmark_group(name);
            group.warm_up_time(Duration::from_millis(200));
            group.measurement_time(Duration::from_millis(800));
            for streams in STREAMS {
                group.throughput(Throughput::Bytes((streams * size) as u64));
                let memory = memory(streams, size);
                let blocks = blocks(&memory, streams, size);
                let mut hashers = vec![Md5Hasher::new(); streams];
                let lanes = LaneSet::on(platform);
                group.bench_function(BenchmarkId::from_parameter(streams), |bencher| {
                    bencher.iter(|| lanes.update(inputs(&mut hashers, &blocks)));
                });
            }
        }
    }
}

fn memory(streams: usize, size: usize) -> Vec<u8> {
    (0..=250).cycle().take(streams * (size + 256)).collect()
}

/// A block for each stream, 256 bytes off the last one's place in its page.
fn blocks(memory: &[u8], streams: usize, size: usize) -> Vec<[&[u8]; 1]> {
    (0..streams).map(|stream| [&memory[stream * (size + 256)..][..size]]).collect()
}

fn inputs<'a>(
    hashers: &'a mut [Md5Hasher],
    blocks: &'a [[&'a [u8]; 1]],
) -> Vec<LaneInput<'a, &'a [u8]>> {
    hashers.iter_mut().zip(blocks).map(|(hasher, block)| LaneInput::new(hasher, block)).collect()
}

/// Twelve streams of 64 MiB from twelve threads that have their bytes at hand.
fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/12 streams of 64 MiB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(12 * 64 * MEBIBYTE as u64));
    let block = Bytes::from(memory(1, 256 << 10)).slice(..256 << 10);
    for threads in [1, 2] {
        let engine = Engine::new(
            LaneSet::for_this_machine(),
            NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
            Feed::Files,
        );
        group.bench_function(BenchmarkId::new("threads", threads), |bencher| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    for _ in 0..12 {
                        scope.spawn(|| push(&engine, &block));
                    }
                });
            });
        });
    }
}

fn push(engine: &Engine, block: &Bytes) {
    let mut stream = engine.stream();
    for _ in 0..64 * MEBIBYTE / block.len() {
        stream.push(block.clone());
    }
    std::hint::black_box(stream.finish());
}

criterion_group!(benches, lanes, engine);
criterion_main!(benches);
