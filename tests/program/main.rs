//! The program as a process: what it prints where, and how it ends.

#[cfg(test)]
mod command_line;
