//! The reading of an archive that goes on behind a damage once it has been mended.

use std::ops::Range;

use super::core::{Core, Fault, Step};
use super::{Damage, Flaw};

/// Bytes of the archive from one restart point to the next, if blocks begin as often. A point costs
/// a copy of the state: three hundredths of the time, or less.
const SPACING: u64 = 128 << 10;

/// The same where no block begins, and the point has the table of one with it, which may be
/// damaged.
const SPACING_WITHIN: u64 = 1 << 20;

/// Restart points that are kept.
const KEPT: usize = 2;

/// Reads an archive as its bytes come by, and says where it is broken.
///
/// It holds less than 1 MiB, whatever the archive: its state of 90 KiB, and at most 40 KiB of names,
/// four times: now, at two restart points, and at one to come.
#[derive(Debug, Clone)]
pub struct Walker {
    size: Option<u64>,
    core: Box<Core>,
    /// At most [`KEPT`], the oldest first; all that comes before each of them is proven.
    kept: Vec<Core>,
    /// Will be a restart point when all before it is proven.
    next: Option<Box<Core>>,
}

impl Walker {
    /// A walker at the beginning of an archive of `size` bytes, if that is known.
    pub fn new(size: Option<u64>) -> Self {
        Self { size, core: Box::new(Core::new()), kept: Vec::new(), next: None }
    }

    /// Where the next byte to push has to come from: behind the last one pushed; after a damage
    /// from the last restart point before it.
    pub fn position(&self) -> u64 {
        self.core.bits.offset
    }

    /// The byte up to which all is proven good. That is the strongest word for bytes that a
    /// CRC-32 speaks for; those of members that are no PNG are taken for good when the next tar
    /// header is, and only the gzip CRC at the end speaks for them.
    pub fn proven(&self) -> u64 {
        self.core.proven()
    }

    /// Whether there is a tar in it; `None` while it is not known. Without one, no more is known
    /// than whether it can be decompressed: a damage may lie far before the failure, and the
    /// ranges begin with the archive.
    pub fn is_tar(&self) -> Option<bool> {
        self.core.tar.is_tar()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The first damage in them. [`Self::position`] has then gone back: push from there again once
    /// the bytes of the range were replaced.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Damage> {
        loop {
            let proven = self.core.proven;
            let step = self.core.step(&mut bytes).map_err(|fault| self.fail(&fault))?;
            if self.core.proven > proven {
                self.keep();
            }
            match step {
                Step::Input => return Ok(()),
                Step::Block => self.note(SPACING),
                Step::More => self.note(SPACING_WITHIN),
            }
        }
    }

    /// The archive ends here.
    ///
    /// # Errors
    ///
    /// The damage if it may not end here. The walker has then gone back, as after a damage.
    pub fn finish(&mut self) -> Result<(), Damage> {
        if self.core.is_whole() {
            return Ok(());
        }
        let fault = self.core.cut(self.size);
        Err(self.fail(&fault))
    }

    /// These bytes, which would have come next or later, cannot be read at all. The walker goes
    /// back as after a damage.
    pub fn unreadable(&mut self, range: Range<u64>) -> Damage {
        self.fail(&Fault { range, flaw: Flaw::Unreadable })
    }

    /// Goes back to the last restart point at or before the byte, to the beginning if there is
    /// none: when a damage is looked for before the range that was told.
    pub fn rewind(&mut self, to: u64) {
        self.next = None;
        self.kept.retain(|kept| kept.bits.offset <= to);
        *self.core = self.kept.last().cloned().unwrap_or_else(Core::new);
    }

    fn fail(&mut self, fault: &Fault) -> Damage {
        let member = self.core.tar.member().map(str::to_owned);
        let (Range { start, end }, flaw) = (fault.range.clone(), fault.flaw);
        let end = self.size.map_or(end, |size| end.min(size).max(start + 1));
        self.rewind(start);
        Damage { range: start..end, member, flaw }
    }

    /// Takes the present state for the next restart point, if the last one is as far away.
    fn note(&mut self, spacing: u64) {
        let last = self.kept.last().map_or(0, |kept| kept.bits.offset);
        if self.next.is_some() || self.core.bits.offset < last + spacing {
            return;
        }
        self.next = Some(self.core.clone());
    }

    /// Makes the next restart point one, if all before it is proven by now.
    fn keep(&mut self) {
        let is_proven = |next: &mut Box<Core>| next.bits.offset <= self.core.proven();
        let Some(mut next) = self.next.take_if(is_proven) else { return };
        next.proven = next.bits.position();
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(*next);
    }
}
