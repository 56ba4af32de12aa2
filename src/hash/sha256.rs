//! SHA-256 of one stream, on its own thread beside the MD5 lanes.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use sha2::Digest as _;

use super::digest::Sha256;

/// The most blocks that wait for the thread; `push` waits while there are more.
const QUEUE: usize = 4;

/// A stream of bytes to be hashed. Dropping it forgets them.
#[derive(Debug)]
pub(crate) struct Sha256Stream(Sha256Worker);

#[derive(Debug)]
enum Sha256Worker {
    Thread {
        blocks: SyncSender<Bytes>,
        thread: JoinHandle<Sha256>,
    },
    /// The system gave no thread: the caller hashes.
    Caller(Box<sha2::Sha256>),
}

impl Sha256Stream {
    pub(crate) fn new() -> Self {
        let (blocks, queue) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("sha256".to_owned());
        Self(match thread.spawn(move || hash(&queue)) {
            Ok(thread) => Sha256Worker::Thread { blocks, thread },
            Err(_) => Sha256Worker::Caller(Box::default()),
        })
    }

    /// Adds a block to the end of the stream. Waits while too many blocks are unhashed.
    pub(crate) fn push(&mut self, block: Bytes) {
        match &mut self.0 {
            // The thread takes blocks until the sender is dropped.
            Sha256Worker::Thread { blocks, .. } => drop(blocks.send(block)),
            Sha256Worker::Caller(hash) => hash.update(&block),
        }
    }

    /// Ends the stream: waits until all of it is hashed, and returns the digest.
    pub(crate) fn finish(self) -> Sha256 {
        match self.0 {
            Sha256Worker::Thread { blocks, thread } => {
                drop(blocks);
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            Sha256Worker::Caller(hash) => Sha256::new(hash.finalize().into()),
        }
    }
}

fn hash(queue: &Receiver<Bytes>) -> Sha256 {
    let mut hash = sha2::Sha256::new();
    for block in queue {
        hash.update(&block);
    }
    Sha256::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-4: "abc", and a million times "a".
    #[test]
    fn the_examples_of_the_standard_are_hashed_right() {
        let a = Bytes::from(vec![b'a'; 1000]);
        let digest = |blocks: Vec<Bytes>, work: Sha256Worker| {
            let mut stream = Sha256Stream(work);
            for block in blocks {
                stream.push(block);
            }
            stream.finish().to_string()
        };
        for work in [|| Sha256Stream::new().0, || Sha256Worker::Caller(Box::default())] {
            assert_eq!(
                digest(vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")], work()),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            );
            assert_eq!(
                digest(vec![a.clone(); 1000], work()),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            );
        }
    }

    #[test]
    fn a_dropped_stream_does_not_block_others() {
        let mut stream = Sha256Stream::new();
        stream.push(Bytes::from_static(b"lost"));
        drop(stream);
        assert!(Sha256Stream::new().finish().to_string().starts_with("e3b0c442"));
    }
}
