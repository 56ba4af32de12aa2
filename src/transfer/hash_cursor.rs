//! The position up to which an archive has been hashed.
//!
//! Bytes that arrive at the position go from memory to the hash. The archive's finisher reads back
//! from the part what arrived ahead of it, or was here before.

use std::ops::Range;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::part::Part;
use crate::disk::DiskError;
use crate::hash::digest::{Digest, DigestKind};
use crate::hash::{DigestStream, Engine};
use crate::ranges::RangeSet;

/// Bytes to read back at a time.
const BLOCK: u64 = 256 * 1024;

/// A connection waits for the cursor if it is ahead by no more than this: its bytes then go to the
/// hash from memory. Otherwise the finisher would never stop reading back, and nothing would hold a
/// fast source to the speed of the hash.
const NEAR: u64 = 8 << 20;

/// The reason why the cursor stops.
#[derive(Debug)]
pub(super) enum End {
    /// Every byte is hashed.
    Digest(Digest),
    /// No source can give the missing bytes.
    Stranded,
    /// The part could not be written or read.
    Disk(DiskError),
    /// The run is being cancelled.
    Cancelled,
}

#[derive(Debug)]
pub(super) struct HashCursor {
    /// The kind of digest that the archive needs.
    kind: DigestKind,
    state: Mutex<CursorState>,
    changed: Condvar,
}

#[derive(Debug)]
struct CursorState {
    /// The finisher takes it out while it reads back. Nobody else can push then.
    stream: Option<DigestStream>,
    position: u64,
    written: RangeSet,
    size: Option<u64>,
    end: Option<End>,
    /// The finisher stopped while it had the stream, or needs it no longer.
    is_lost: bool,
}

impl HashCursor {
    /// The cursor of an archive of which `written` is in the part.
    pub(super) fn new(
        engine: &Engine,
        kind: DigestKind,
        size: Option<u64>,
        written: RangeSet,
    ) -> Self {
        let stream = Some(DigestStream::new(engine, kind));
        let state = CursorState { stream, position: 0, written, size, end: None, is_lost: false };
        Self { kind, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn learn_size(&self, size: u64) {
        self.state.lock().size = Some(size);
        self.changed.notify_all();
    }

    /// Notes a block that was written at an offset. Hashes what is new at the position, and waits
    /// while the hash is behind.
    pub(super) fn wrote(&self, offset: u64, mut block: Bytes) {
        let length = block.len() as u64;
        let end = offset + length;
        let mut state = self.state.lock();
        while state.will_soon_reach(offset, length) {
            self.changed.wait(&mut state);
        }
        state.written.insert(offset..end);
        let CursorState { stream, position, .. } = &mut *state;
        if let Some(stream) = stream
            && (offset..end).contains(position)
        {
            stream.push(block.split_off(usize::try_from(*position - offset).unwrap_or(0)));
            *position = end;
        }
        if state.is_behind() || state.is_complete() || state.stream.is_none() {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Counts a range as missing again. Ends hashing.
    pub(super) fn lose(&self, range: Range<u64>) {
        let mut state = self.state.lock();
        state.stream = None;
        state.is_lost = true;
        state.written.remove(range);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until a lost range is written, or returns the reason why it will not be.
    pub(super) fn wait_for(&self, range: &Range<u64>) -> Option<End> {
        let mut state = self.state.lock();
        loop {
            if let Some(end) = state.end.take() {
                return Some(end);
            }
            // Without a gap in it there is nothing to wait for.
            state.written.gap_after(range.start, range.end)?;
            self.changed.wait(&mut state);
        }
    }

    /// Waits until every byte is written and returns the size, or the reason why it will not be. Ends
    /// hashing.
    pub(super) fn wait_for_all(&self) -> Result<u64, End> {
        let mut state = self.state.lock();
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

    /// Ends the wait of the finisher. The first reason counts.
    pub(super) fn stop(&self, end: End) {
        self.state.lock().end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// The finisher's work: reads back what is behind the position, and waits for more, until every
    /// byte is hashed or nothing more will arrive.
    pub(super) fn follow(&self, part: &Part) -> End {
        let mut state = self.state.lock();
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
            state = match self.read_back(state, part) {
                Ok(state) => state,
                Err(error) => {
                    self.state.lock().is_lost = true;
                    self.changed.notify_all();
                    return End::Disk(error);
                }
            };
            self.changed.notify_all();
        }
    }

    /// Hashes one block that is behind the position.
    fn read_back<'a>(
        &'a self,
        mut state: MutexGuard<'a, CursorState>,
        part: &Part,
    ) -> Result<MutexGuard<'a, CursorState>, DiskError> {
        let position = state.position;
        let length = (state.written.run_end(position) - position).min(BLOCK);
        let mut stream = state.stream.take();
        drop(state);
        let block = part.read(position, usize::try_from(length).unwrap_or(0))?;
        let read = block.len() as u64;
        if let Some(stream) = &mut stream {
            stream.push(block);
        }
        let mut state = self.state.lock();
        state.stream = stream;
        state.position = position + read;
        Ok(state)
    }

    /// Starts over with `written`.
    pub(super) fn begin_again(&self, engine: &Engine, size: Option<u64>, written: RangeSet) {
        let mut state = self.state.lock();
        state.size = size;
        state.stream = Some(DigestStream::new(engine, self.kind));
        state.position = 0;
        state.written = written;
        state.is_lost = false;
    }
}

impl CursorState {
    /// Returns true if the finisher is reading back what is right before these bytes.
    fn will_soon_reach(&self, offset: u64, length: u64) -> bool {
        let is_reading = self.stream.is_none() && !self.is_complete() && !self.is_lost;
        let is_near = offset <= self.position.saturating_add(NEAR);
        let is_ahead = offset + length > self.position;
        // Only bytes without a gap are read back before.
        let is_next = self.written.run_end(self.position) >= offset;
        is_reading && is_near && is_ahead && is_next && self.end.is_none()
    }

    /// Returns true if the part has bytes at the position that did not come from memory.
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
    use crate::hash::{Feed, LaneSet};

    #[test]
    fn only_bytes_right_behind_those_being_read_back_wait() {
        let engine =
            Engine::new(LaneSet::for_this_machine(), std::num::NonZeroUsize::MIN, Feed::Work);
        let written = RangeSet::from_iter([0..NEAR; 1]);
        let mut state = CursorState {
            stream: None,
            position: 0,
            written,
            size: None,
            end: None,
            is_lost: false,
        };
        assert!(state.will_soon_reach(NEAR, 1));
        assert!(!state.will_soon_reach(NEAR + 1, 1), "a gap lies before");
        state.written.insert(NEAR..2 * NEAR);
        assert!(!state.will_soon_reach(2 * NEAR, 1), "it is far ahead");
        assert!(!state.will_soon_reach(0, 0), "nothing new");
        state.is_lost = true;
        assert!(!state.will_soon_reach(NEAR, 1), "nothing is read back");
        state.is_lost = false;
        state.stream = Some(DigestStream::new(&engine, DigestKind::Md5));
        assert!(!state.will_soon_reach(NEAR, 1), "it goes to the hash at once");
    }
}
