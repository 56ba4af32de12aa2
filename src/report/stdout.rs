//! The only way to standard output.

use std::io::{self, BufWriter, ErrorKind, Write};

/// Writes to standard output. A reader that has gone away, as `head` does, is no error.
///
/// # Errors
///
/// Whatever else keeps the bytes from being written, such as a full disk.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    forgiving(write(&mut out).and_then(|()| out.flush()))
}

/// Standard output for lines that go out one by one, as soon as each is whole.
pub fn lines() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
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
