//! The program as a process: what it prints where, and how it ends.

#![expect(clippy::disallowed_methods, reason = "tests make files as they like")]

#[cfg(test)]
mod command_line;
