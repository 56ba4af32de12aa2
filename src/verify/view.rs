//! What is seen of a file while it is read.

use bytes::Bytes;

use super::judge::Observation;
use crate::hash::{Engine, Md5Stream, Sha256Stream};
use crate::locate::identify::HEAD;

/// What is gathered of a file block by block.
pub(super) struct View {
    size: u64,
    whole: Md5Stream,
    sha256: Option<Sha256Stream>,
    /// Where the file is too long: the hash of its right part, and how many bytes of it are to
    /// come.
    prefix: Option<(Md5Stream, u64)>,
    head: Vec<u8>,
    zeros_at_end: u64,
}

impl View {
    /// The view of a file that is longer than it should be has the length of its right part.
    pub(super) fn new(engine: &Engine, prefix: Option<u64>, sha256: bool) -> Self {
        Self {
            size: 0,
            whole: engine.stream(),
            sha256: sha256.then(Sha256Stream::new),
            prefix: prefix.map(|length| (engine.stream(), length)),
            head: Vec::new(),
            zeros_at_end: 0,
        }
    }

    pub(super) fn take(&mut self, block: Bytes) {
        self.size += block.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(block.len());
        self.head.extend_from_slice(&block[..missing]);
        let zeros = zeros_at_end(&block);
        let before = if zeros == block.len() { self.zeros_at_end } else { 0 };
        self.zeros_at_end = before + zeros as u64;
        if let Some((stream, left)) = &mut self.prefix
            && *left > 0
        {
            let part = usize::try_from(*left).unwrap_or(block.len()).min(block.len());
            stream.push(block.slice(..part));
            *left -= part as u64;
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.push(block.clone());
        }
        self.whole.push(block);
    }

    pub(super) fn finish(self) -> Observation {
        Observation {
            size: self.size,
            prefix: self.prefix.map(|(stream, _)| stream.finish()),
            digest: self.whole.finish(),
            sha256: self.sha256.and_then(Sha256Stream::finish),
            head: self.head,
            zeros_at_end: self.zeros_at_end,
        }
    }
}

/// How many zero bytes the block ends with.
fn zeros_at_end(block: &[u8]) -> usize {
    let is_zero = |chunk: &&[u8]| chunk.iter().fold(0, |all, byte| all | byte) == 0;
    let zeros: usize = block.rchunks(64).take_while(is_zero).map(<[u8]>::len).sum();
    let rest = &block[..block.len() - zeros];
    zeros + rest.iter().rev().take_while(|&&byte| byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_counted_from_the_end_only() {
        for (length, last) in
            [(0, None), (1, None), (700, None), (700, Some(0)), (700, Some(699)), (700, Some(300))]
        {
            let mut block = vec![0; length];
            if let Some(index) = last {
                block[index] = 1;
            }
            assert_eq!(zeros_at_end(&block), length - last.map_or(0, |index| index + 1));
        }
    }
}
