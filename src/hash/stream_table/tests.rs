//! The choice of streams, without threads.

use super::*;
use crate::hash::cost::CostModel;
use crate::hash::md5::Platform;

/// A table for two cores, on which one set of up to sixteen streams is as fast as any two.
fn empty() -> StreamTable {
    let costs = CostModel::new(Platform::SIMULATED, &[100, 100, 100, 100]);
    StreamTable::new(Distribution::new(costs, 2, 0), BACKLOG)
}

fn table(waiting: &[usize]) -> StreamTable {
    filled(empty(), waiting)
}

fn filled(mut table: StreamTable, waiting: &[usize]) -> StreamTable {
    for &bytes in waiting {
        let id = table.open();
        table.push(id, &Bytes::from(vec![0; bytes])).unwrap();
    }
    table
}

/// Lets a thread take streams. Returns their numbers, and how many bytes of each were taken.
fn taken(table: &mut StreamTable) -> Vec<(u64, usize)> {
    let jobs = table.take(false);
    jobs.iter().map(|job| (job.id, job.blocks.iter().map(Bytes::len).sum())).collect()
}

#[test]
fn a_single_stream_is_taken_when_it_has_enough_bytes() {
    assert_eq!(taken(&mut table(&[MIN_BYTES - 1])), []);
    assert_eq!(taken(&mut table(&[MIN_BYTES])), [(0, MIN_BYTES)]);
    assert_eq!(taken(&mut table(&[10 * MAX_BYTES])), [(0, MAX_BYTES_ALONE)]);
}

#[test]
fn a_few_of_many_streams_wait_until_a_source_is_blocked() {
    let mut waiting = [0; 12];
    waiting[..8].fill(MAX_BYTES);
    assert_eq!(taken(&mut table(&waiting)), []);
    waiting[8] = MAX_BYTES;
    assert_eq!(taken(&mut table(&waiting)).len(), 9);
    let mut full = [0; 12];
    full[3] = BACKLOG + 1;
    full[5] = MIN_BYTES;
    let mut table = table(&full);
    assert!(!table.is_urgent());
    let _ = table.push(3, &Bytes::from_static(b"x")).unwrap_err();
    assert!(table.is_urgent());
    assert!(table.take(true).is_empty(), "a patient thread waits");
    assert_eq!(taken(&mut table), [(3, MAX_BYTES), (5, MIN_BYTES)]);
}

#[test]
fn a_stream_that_ends_is_taken_at_once() {
    let mut table = table(&[1, 0, 0, 0]);
    let _ = table.end(0).unwrap_err();
    assert_eq!(taken(&mut table), [(0, 1)]);
}

#[test]
fn blocks_are_taken_in_order_and_once() {
    let mut table = empty();
    let id = table.open();
    let content = Bytes::from((0..=250).cycle().take(3 * MAX_BYTES + 7).collect::<Vec<u8>>());
    for block in content.chunks(MAX_BYTES / 3) {
        table.push(id, &content.slice_ref(block)).unwrap();
    }
    let _ = table.end(id).unwrap_err();
    let mut seen = Vec::new();
    loop {
        let set = table.take(false);
        let Some(job) = set.first() else { break };
        assert!(table.take(false).is_empty(), "it is taken already");
        seen.extend(job.blocks.concat());
        table.put_back(set);
    }
    assert!(seen == content);
    assert!(table.end(id).is_ok());
}

#[test]
fn a_full_stream_accepts_no_block_until_half_is_hashed() {
    for block in [BACKLOG / 4, 1] {
        let mut table = empty();
        let id = table.open();
        let block = Bytes::from(vec![0; block]);
        while table.push(id, &block).is_ok() {}
        let stream = &table.streams[&id];
        assert!(stream.waiting > BACKLOG || stream.blocks.len() == MAX_BLOCKS);
        assert!(stream.waiting <= BACKLOG + block.len());
        loop {
            let set = table.take(false);
            if set.is_empty() {
                break;
            }
            table.put_back(set);
        }
        assert!(table.push(id, &block).is_ok());
    }
}

#[test]
fn the_work_is_split_if_the_hash_is_behind() {
    let costs = CostModel::new(Platform::SIMULATED, &[100, 200, 800, 1600]);
    let on = |cores| StreamTable::new(Distribution::new(costs, cores, 0), BACKLOG);
    for (streams, waiting, cores, shares) in [
        (12, BACKLOG, 1, vec![12]),
        (12, BACKLOG, 2, vec![6, 6]),
        (3, BACKLOG, 2, vec![2, 1]),
        (12, BACKLOG, 5, vec![3, 3, 2, 2, 2]),
        // The sources are slower.
        (12, MAX_BYTES, 5, vec![12]),
        // More streams than lanes take turns.
        (20, MAX_BYTES, 1, vec![16, 0]),
        (20, BACKLOG, 8, vec![3, 3, 3, 3, 2, 2, 2, 2]),
    ] {
        let mut table = filled(on(cores), &vec![waiting; streams]);
        let taken: Vec<_> = shares.iter().map(|_| taken(&mut table).len()).collect();
        assert_eq!(taken, shares, "{streams} × {waiting} on {cores}");
    }
}

#[test]
fn streams_whose_sources_rest_are_not_waited_for() {
    let mut table = table(&[MAX_BYTES, MAX_BYTES]);
    let both = table.take(true);
    table.put_back(both);
    table.push(0, &Bytes::from(vec![0; BACKLOG + 1])).unwrap();
    assert!(table.take(true).is_empty(), "the second may get some");
    table.rest(1);
    let first = table.take(true);
    assert_eq!(first.len(), 1);
    table.put_back(first);
    table.push(1, &Bytes::from_static(b"x")).unwrap();
    assert!(table.take(true).is_empty(), "the second has begun again");
}

#[test]
fn more_streams_than_lanes_take_turns() {
    let mut table = table(&[BACKLOG; 20]);
    let first = table.take(false);
    table.put_back(first);
    for id in 0..16 {
        table.push(id, &Bytes::from(vec![0; MAX_BYTES])).unwrap();
    }
    let second = taken(&mut table);
    assert!((16..20).all(|id| second.contains(&(id, MAX_BYTES))), "{second:?}");
}

#[test]
fn a_stream_closed_while_taken_is_forgotten() {
    let mut table = table(&[MAX_BYTES]);
    let set = table.take(false);
    table.close(0);
    table.put_back(set);
    assert!(table.is_empty());
}
