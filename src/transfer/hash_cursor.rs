//! The front of an archive: the point up to which its bytes have been hashed.
//!
//! Bytes that arrive at the front go from memory to the hash. What arrived ahead of it, or was
//! here before, is read back from the part when the front gets there, by the archive's keeper.

use std::ops::Range;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::part::Part;
use crate::disk::DiskError;
use crate::hash::digest::Digest;
use crate::hash::{Engine, Stream};
use crate::ranges::RangeSet;

/// Bytes read back at a time.
const BLOCK: u64 = 256 * 1024;

/// A connection that is no further ahead of the front waits for it: its bytes then go to the hash
/// from memory. If it went on, the keeper would never come to an end of reading back, and nothing
/// would hold a fast source to the speed of the hash.
const NEAR: u64 = 8 << 20;

/// Why the front goes no further.
#[derive(Debug)]
pub(super) enum End {
    /// All bytes are hashed.
    Digest(Digest),
    /// No source can bring the missing bytes.
    Stranded,
    /// The part could not be written or read.
    Disk(DiskError),
    /// The run is being ended.
    Cancelled,
}

/// The front of one archive.
#[derive(Debug)]
pub(super) struct HashCursor {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Taken out by the keeper while it reads back: then nobody else pushes.
    stream: Option<Stream>,
    position: u64,
    written: RangeSet,
    size: Option<u64>,
    end: Option<End>,
    /// The keeper has met its end with the stream in its hands, or needs none any more.
    is_lost: bool,
}

impl HashCursor {
    /// The front of an archive of which `written` is in the part.
    pub(super) fn new(engine: &Engine, size: Option<u64>, written: RangeSet) -> Self {
        let stream = Some(engine.stream());
        let state = State { stream, position: 0, written, size, end: None, is_lost: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Says what the size is.
    pub(super) fn learn_size(&self, size: u64) {
        self.state().size = Some(size);
        self.changed.notify_all();
    }

    /// These blocks have been written at this offset. Those at the front are hashed, which waits
    /// while the hash is behind.
    pub(super) fn wrote(&self, offset: u64, blocks: &[Bytes]) {
        let length: u64 = blocks.iter().map(|block| block.len() as u64).sum();
        let mut state = self.state();
        while state.will_soon_reach(offset, length) {
            self.changed.wait(&mut state);
        }
        state.written.insert(offset..offset + length);
        let State { stream, position, .. } = &mut *state;
        if let Some(stream) = stream {
            let mut at = offset;
            for block in blocks {
                let end = at + block.len() as u64;
                if at <= *position && *position < end {
                    let known = usize::try_from(*position - at).unwrap_or(block.len());
                    stream.push(block.slice(known..));
                    *position = end;
                }
                at = end;
            }
        }
        if state.is_behind() || state.is_complete() || state.stream.is_none() {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// These bytes are to be written anew. Nothing is hashed here any more.
    pub(super) fn lose(&self, range: Range<u64>) {
        let mut state = self.state();
        state.stream = None;
        state.is_lost = true;
        state.written.remove(range);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until a range that was lost is written, or else says why it will not be.
    pub(super) fn wait_for(&self, range: &Range<u64>) -> Option<End> {
        let mut state = self.state();
        loop {
            if let Some(end) = state.end.take() {
                return Some(end);
            }
            // Without a gap in it there is nothing to wait for.
            state.written.gap_after(range.start, range.end)?;
            self.changed.wait(&mut state);
        }
    }

    /// Waits until all bytes are written, or else says why they will not be. Nothing is hashed here
    /// any more. Gives the size.
    pub(super) fn wait_for_all(&self) -> Result<u64, End> {
        let mut state = self.state();
        state.is_lost = true;
        loop {
            if let Some(end) = state.end.take() {
                return Err(end);
            }
            let size = state.size.filter(|&size| state.written.gap_after(0, size).is_none());
            if let Some(size) = size {
                return Ok(size);
            }
            self.changed.wait(&mut state);
        }
    }

    /// Ends the wait of the keeper. The first reason stands.
    pub(super) fn stop(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// The keeper's work: reads back what lies behind the front, and waits for what is to come,
    /// until all is hashed or nothing more will come.
    pub(super) fn follow(&self, part: &Part) -> End {
        let mut state = self.state();
        loop {
            if let Some(end) = state.end.take() {
                return end;
            }
            if state.is_complete() {
                let stream = state.stream.take();
                drop(state);
                return stream.map_or(End::Cancelled, |stream| End::Digest(stream.finish()));
            }
            if !state.is_behind() {
                self.changed.wait(&mut state);
                continue;
            }
            let read = Self::read_back(&mut state, part);
            state.is_lost |= read.is_err();
            self.changed.notify_all();
            if let Err(error) = read {
                return End::Disk(error);
            }
        }
    }

    /// Hashes one block of what lies behind the front.
    fn read_back(state: &mut MutexGuard<'_, State>, part: &Part) -> Result<(), DiskError> {
        let position = state.position;
        let length = (state.written.run_end(position) - position).min(BLOCK);
        let mut stream = state.stream.take();
        let read = MutexGuard::unlocked(state, || {
            let block = part.read(position, usize::try_from(length).unwrap_or(0))?;
            let read = block.len() as u64;
            if let Some(stream) = &mut stream {
                stream.push(block);
            }
            Ok(read)
        })?;
        state.stream = stream;
        state.position = position + read;
        Ok(())
    }

    /// Begins again, with so much written.
    pub(super) fn begin_again(&self, engine: &Engine, size: Option<u64>, written: RangeSet) {
        let mut state = self.state();
        state.size = size;
        state.stream = Some(engine.stream());
        state.position = 0;
        state.written = written;
        state.is_lost = false;
    }
}

impl State {
    /// Whether the keeper is reading back what lies right before these bytes.
    fn will_soon_reach(&self, offset: u64, length: u64) -> bool {
        let is_reading = self.stream.is_none() && !self.is_complete() && !self.is_lost;
        let is_near = offset <= self.position.saturating_add(NEAR);
        let is_ahead = offset + length > self.position;
        // Only what is written without a gap will be read back before.
        let is_next = self.written.run_end(self.position) >= offset;
        is_reading && is_near && is_ahead && is_next && self.end.is_none()
    }

    /// Whether the part has bytes at the front that did not come from memory.
    fn is_behind(&self) -> bool {
        let limit = self.size.unwrap_or(u64::MAX);
        self.position < limit && self.written.run_end(self.position) > self.position
    }

    fn is_complete(&self) -> bool {
        self.size.is_some_and(|size| self.position >= size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_right_behind_what_is_read_back_wait_and_others_do_not() {
        let engine = Engine::new(std::num::NonZeroUsize::MIN);
        let written = RangeSet::from_iter([0..NEAR; 1]);
        let mut state =
            State { stream: None, position: 0, written, size: None, end: None, is_lost: false };
        assert!(state.will_soon_reach(NEAR, 1));
        assert!(!state.will_soon_reach(NEAR + 1, 1), "a gap lies before");
        state.written.insert(NEAR..2 * NEAR);
        assert!(!state.will_soon_reach(2 * NEAR, 1), "it is far ahead");
        assert!(!state.will_soon_reach(0, 0), "nothing new");
        state.is_lost = true;
        assert!(!state.will_soon_reach(NEAR, 1), "nobody reads any more");
        state.is_lost = false;
        state.stream = Some(engine.stream());
        assert!(!state.will_soon_reach(NEAR, 1), "it goes to the hash at once");
    }
}
