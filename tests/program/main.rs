//! The program as a process: its output and its exit status.

#![expect(clippy::disallowed_methods, reason = "tests create files directly")]

#[cfg(test)]
mod command_line;
