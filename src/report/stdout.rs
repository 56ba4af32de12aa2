//! The only way to standard output.

use std::io::{self, BufWriter, ErrorKind, Write};

/// Writes to standard output. A reader that closes the pipe early, such as `head`, is no error.
///
/// # Errors
///
/// Other write errors, such as a full disk.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    forgiving(write(&mut out).and_then(|()| out.flush()))
}

/// Returns standard output for lines that are written one by one.
pub fn lines() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}

/// Returns true if standard output and standard error are the same file, pipe or terminal, as after
/// `2>&1`. A line on both of them is then there twice.
pub fn is_stderr_too() -> bool {
    #[cfg(unix)]
    {
        let (out, errors) = (rustix::fs::fstat(io::stdout()), rustix::fs::fstat(io::stderr()));
        let same = |out: rustix::fs::Stat, errors: rustix::fs::Stat| {
            (out.st_dev, out.st_ino) == (errors.st_dev, errors.st_ino)
        };
        out.is_ok_and(|out| errors.is_ok_and(|errors| same(out, errors)))
    }
    #[cfg(windows)]
    {
        use std::io::IsTerminal;
        use winapi_util::{HandleRef, file::information};
        let (out, errors) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let file = |handle: HandleRef| {
            information(handle).ok().map(|file| (file.volume_serial_number(), file.file_index()))
        };
        // A pipe has no number.
        let (out_file, errors_file) = (file(HandleRef::stdout()), file(HandleRef::stderr()));
        (out && errors) || (out_file.is_some() && out_file == errors_file)
    }
}

fn forgiving(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_is_forgiven() {
        assert!(forgiving(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(forgiving(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
