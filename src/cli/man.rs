//! The manual: one page for all commands.

use std::io::{self, Write};

use clap_mangen::Man;

/// Writes the page in roff.
pub(crate) fn manual(out: &mut dyn Write) -> io::Result<()> {
    Man::new(super::command()).render(&mut &mut *out)
}
