//! SHA-256 of one stream, on a thread of its own beside the MD5 lanes.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use sha2::Digest as _;

use super::digest::Sha256;

/// Blocks that wait for a stream's thread; `push` waits while there are more.
const QUEUE: usize = 4;

/// One file's bytes on their way to a SHA-256. Dropping it forgets them.
#[derive(Debug)]
pub struct Sha256Stream(Work);

#[derive(Debug)]
enum Work {
    Thread {
        blocks: SyncSender<Bytes>,
        thread: JoinHandle<Sha256>,
    },
    /// The system gave no thread.
    Here(Box<sha2::Sha256>),
}

impl Sha256Stream {
    /// Opens a stream with nothing in it yet.
    pub fn new() -> Self {
        let (blocks, queue) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("sha256".to_owned());
        Self(match thread.spawn(move || hash(&queue)) {
            Ok(thread) => Work::Thread { blocks, thread },
            Err(_) => Work::Here(Box::default()),
        })
    }

    /// Adds a block to the end of the stream. Waits while too much is unhashed.
    pub fn push(&mut self, block: Bytes) {
        match &mut self.0 {
            // The thread takes blocks as long as there is somebody to send them.
            Work::Thread { blocks, .. } => drop(blocks.send(block)),
            Work::Here(hash) => hash.update(&block),
        }
    }

    /// Ends the stream: waits until all of it is hashed, and gives its digest; `None` if the thread
    /// has failed.
    pub fn finish(self) -> Option<Sha256> {
        match self.0 {
            Work::Thread { blocks, thread } => {
                drop(blocks);
                thread.join().ok()
            }
            Work::Here(hash) => Some(Sha256::new(hash.finalize().into())),
        }
    }
}

impl Default for Sha256Stream {
    fn default() -> Self {
        Self::new()
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

    /// FIPS 180-4's examples: of "abc", and of a million times "a".
    #[test]
    fn the_standards_examples_come_out() {
        let a = Bytes::from(vec![b'a'; 1000]);
        let digest = |blocks: Vec<Bytes>, work: Work| {
            let mut stream = Sha256Stream(work);
            for block in blocks {
                stream.push(block);
            }
            stream.finish().unwrap().to_string()
        };
        for work in [|| Sha256Stream::new().0, || Work::Here(Box::default())] {
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
    fn a_stream_that_is_dropped_holds_nobody_up() {
        let mut stream = Sha256Stream::new();
        stream.push(Bytes::from_static(b"lost"));
        drop(stream);
        assert!(Sha256Stream::new().finish().unwrap().to_string().starts_with("e3b0c442"));
    }
}
