//! What the engine knows of its streams, and when it is worth while to hash which of them. It holds
//! no thread and no lock.
//!
//! A set of vector lanes takes as long for one stream as for eight, so the engine does not run after
//! every block: it waits until most streams have something, or until one is waited for: at once where
//! it has ended, and after a moment where its source stands still.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Condvar;

use super::chain::Chain;

/// Bytes that one stream may hold unhashed before `push` waits.
pub const BACKLOG: usize = 512 << 10;

/// Blocks that one stream may hold: bounds the memory where they are tiny.
const MOST_BLOCKS: usize = 1024;

/// A stream with fewer bytes is left until it has more or is waited for: lanes that run out after
/// a few blocks leave the others alone.
const LEAST: usize = 16 << 10;

/// The most bytes of a stream that are hashed in one go. Then the streams are chosen anew, so that
/// those which came meanwhile fill the lanes of those which ran out.
const GO: usize = 64 << 10;

/// The streams that are open.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<u64, Entry>,
    next: u64,
}

#[derive(Debug, Default)]
struct Entry {
    chain: Chain,
    blocks: VecDeque<Bytes>,
    /// Bytes in the blocks, and in those that a thread has in hand.
    waiting: usize,
    /// A thread has the chain and the first blocks.
    in_hand: bool,
    /// `push` waits for room.
    is_blocked: bool,
    /// `finish` waits for the rest.
    is_ending: bool,
    /// Told when there is room again, and when all is hashed.
    progress: Arc<Condvar>,
}

/// A stream's next blocks, and its chain, in the hands of one thread.
#[derive(Debug)]
pub(super) struct Job {
    id: u64,
    pub(super) chain: Chain,
    pub(super) blocks: Vec<Bytes>,
}

/// How wide a set of streams may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// At full speed each.
    pub(super) swift: usize,
    /// In any case.
    pub(super) most: usize,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Opens a stream and names it.
    pub(super) fn open(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        self.entries.insert(id, Entry::default());
        id
    }

    /// Forgets a stream. A thread that has it in hand finds it gone.
    pub(super) fn close(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// Adds a block to the stream, or gives back what to wait for until there is room.
    pub(super) fn push(&mut self, id: u64, block: &Bytes) -> Result<(), Arc<Condvar>> {
        let Some(entry) = self.entries.get_mut(&id) else { return Ok(()) };
        entry.is_blocked = entry.is_full();
        if entry.is_blocked {
            return Err(Arc::clone(&entry.progress));
        }
        if !block.is_empty() {
            entry.waiting += block.len();
            entry.blocks.push_back(block.clone());
        }
        Ok(())
    }

    /// Ends the stream and gives its chain, or else what to wait for until all is hashed.
    pub(super) fn end(&mut self, id: u64) -> Result<Chain, Arc<Condvar>> {
        let Some(entry) = self.entries.get_mut(&id) else { return Ok(Chain::new()) };
        entry.is_ending = true;
        if entry.waiting > 0 {
            return Err(Arc::clone(&entry.progress));
        }
        Ok(std::mem::take(&mut entry.chain))
    }

    /// Whether a thread should take some streams now: most have something, or one is waited for.
    pub(super) fn is_worth_while(&self, width: Width) -> bool {
        let ready = self.entries.values().filter(|entry| entry.is_ready()).count();
        let is_ending = |entry: &Entry| entry.is_ready() && entry.is_ending;
        4 * ready >= 3 * self.entries.len().min(width.most) && ready > 0
            || self.entries.values().any(is_ending)
    }

    /// Whether a source stands still until a thread takes its stream.
    pub(super) fn is_pressing(&self) -> bool {
        self.entries.values().any(|entry| entry.is_ready() && entry.is_blocked)
    }

    /// Chooses streams for a thread, and hands them over: where it is worth while, or, where the
    /// thread is not `patient`, where a source stands still. So many `others` have nothing to do.
    pub(super) fn take(&mut self, width: Width, others: usize, patient: bool) -> Vec<Job> {
        if !self.is_worth_while(width) && (patient || !self.is_pressing()) {
            return Vec::new();
        }
        let mut ready: Vec<_> = self.entries.iter_mut().filter(|(_, e)| e.is_ready()).collect();
        // Streams with as much as one another share a set: their lanes run out together.
        ready.sort_by_key(|(_, entry)| (!entry.is_ending, Reverse(entry.waiting)));
        let behind = ready.iter().filter(|(_, entry)| entry.is_much()).count();
        let mut sets = ready.len().div_ceil(width.most).min(others + 1);
        if 2 * behind >= ready.len() {
            // One wide set costs the least time of all processors together. More and swifter ones
            // are worth it where the hash is behind and processors have nothing else to do: all
            // that are idle but one, which feeds us.
            sets = sets.max(ready.len().div_ceil(width.swift).min(others.max(1)));
        }
        let share = ready.len().div_ceil(sets).min(width.most);
        ready.into_iter().take(share).map(|(id, entry)| entry.hand_over(*id)).collect()
    }

    /// Takes back what [`Self::take`] handed over, hashed.
    pub(super) fn put_back(&mut self, job: Job) {
        let Some(entry) = self.entries.get_mut(&job.id) else { return };
        entry.chain = job.chain;
        entry.in_hand = false;
        entry.waiting -= job.blocks.iter().map(Bytes::len).sum::<usize>();
        let is_done = entry.is_ending && entry.waiting == 0;
        if is_done || (entry.is_blocked && !entry.is_much()) {
            // Told once: who waits says so again if there is still no room.
            entry.is_blocked = false;
            entry.progress.notify_all();
        }
    }
}

impl Entry {
    fn is_full(&self) -> bool {
        self.waiting > BACKLOG || self.blocks.len() >= MOST_BLOCKS
    }

    fn is_much(&self) -> bool {
        self.waiting > BACKLOG / 2 || self.blocks.len() >= MOST_BLOCKS / 2
    }

    /// Somebody waits for it.
    fn is_urgent(&self) -> bool {
        self.is_ending || self.is_blocked
    }

    fn is_ready(&self) -> bool {
        !self.in_hand && !self.blocks.is_empty() && (self.waiting >= LEAST || self.is_urgent())
    }

    fn hand_over(&mut self, id: u64) -> Job {
        self.in_hand = true;
        let mut blocks = Vec::new();
        let mut left = GO;
        while left > 0
            && let Some(first) = self.blocks.front_mut()
        {
            let block = first.split_to(first.len().min(left));
            if first.is_empty() {
                self.blocks.pop_front();
            }
            left -= block.len();
            blocks.push(block);
        }
        Job { id, chain: std::mem::take(&mut self.chain), blocks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: Width = Width { swift: 8, most: 16 };

    fn table(waiting: &[usize]) -> Table {
        let mut table = Table::default();
        for &bytes in waiting {
            let id = table.open();
            table.push(id, &Bytes::from(vec![0; bytes])).unwrap();
        }
        table
    }

    /// How many bytes of which streams a thread is given.
    fn taken(table: &mut Table, others: usize) -> Vec<(u64, usize)> {
        let jobs = table.take(WIDTH, others, false);
        jobs.iter().map(|job| (job.id, job.blocks.iter().map(Bytes::len).sum())).collect()
    }

    #[test]
    fn a_stream_alone_is_hashed_as_soon_as_it_has_something_to_speak_of() {
        assert_eq!(taken(&mut table(&[LEAST - 1]), 1), []);
        assert_eq!(taken(&mut table(&[LEAST]), 1), [(0, LEAST)]);
        assert_eq!(taken(&mut table(&[10 * GO]), 1), [(0, GO)]);
    }

    #[test]
    fn a_few_of_many_wait_for_company_and_not_for_ever() {
        let mut waiting = [0; 12];
        waiting[..8].fill(GO);
        assert_eq!(taken(&mut table(&waiting), 1), []);
        waiting[8] = GO;
        assert_eq!(taken(&mut table(&waiting), 1).len(), 9);
        let mut full = [0; 12];
        full[3] = BACKLOG + 1;
        full[5] = LEAST;
        let mut table = table(&full);
        assert!(!table.is_pressing());
        let _ = table.push(3, &Bytes::from_static(b"x")).unwrap_err();
        assert!(table.is_pressing());
        assert!(table.take(WIDTH, 1, true).is_empty(), "a patient thread waits");
        assert_eq!(taken(&mut table, 1), [(3, GO), (5, LEAST)]);
    }

    #[test]
    fn what_is_waited_for_is_hashed_at_once() {
        let mut table = table(&[1, 0, 0, 0]);
        let _ = table.end(0).unwrap_err();
        assert_eq!(taken(&mut table, 1), [(0, 1)]);
    }

    #[test]
    fn blocks_are_handed_over_in_order_and_once() {
        let mut table = Table::default();
        let id = table.open();
        let content = Bytes::from((0..=250).cycle().take(3 * GO + 7).collect::<Vec<u8>>());
        for block in content.chunks(GO / 3) {
            table.push(id, &content.slice_ref(block)).unwrap();
        }
        let _ = table.end(id).unwrap_err();
        let mut seen = Vec::new();
        while let Some(job) = table.take(WIDTH, 0, false).pop() {
            assert!(table.take(WIDTH, 0, false).is_empty(), "it is in hand");
            seen.extend(job.blocks.concat());
            table.put_back(job);
        }
        assert!(seen == content);
        assert!(table.end(id).is_ok());
    }

    #[test]
    fn a_full_stream_takes_no_more_until_half_is_gone() {
        for block in [BACKLOG / 4, 1] {
            let mut table = Table::default();
            let id = table.open();
            let block = Bytes::from(vec![0; block]);
            while table.push(id, &block).is_ok() {}
            let entry = &table.entries[&id];
            assert!(entry.waiting > BACKLOG || entry.blocks.len() == MOST_BLOCKS);
            assert!(entry.waiting <= BACKLOG + block.len());
            while let Some(job) = table.take(WIDTH, 0, false).pop() {
                table.put_back(job);
            }
            assert!(table.push(id, &block).is_ok());
        }
    }

    #[test]
    fn the_work_is_split_where_the_hash_is_behind_and_processors_are_idle() {
        for (streams, waiting, others, share) in [
            (12, BACKLOG, 0, 12),
            // The other one feeds the hash.
            (12, BACKLOG, 1, 12),
            (12, BACKLOG, 2, 6),
            (12, GO, 2, 12),
            // More than the widest set are split in any case.
            (20, GO, 0, 16),
            (20, GO, 1, 10),
            (20, BACKLOG, 8, 7),
        ] {
            let taken = taken(&mut table(&vec![waiting; streams]), others);
            assert_eq!(taken.len(), share, "{streams} × {waiting}, {others} others");
        }
    }

    #[test]
    fn a_stream_that_is_dropped_in_hand_is_forgotten() {
        let mut table = table(&[GO]);
        let job = table.take(WIDTH, 0, false).pop().unwrap();
        table.close(0);
        table.put_back(job);
        assert!(table.is_empty());
    }
}
