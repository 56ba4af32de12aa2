//! Text for people: escaping, shell quoting, units, and chains of errors.

pub mod error_chain;
pub mod escape;
pub mod shell;
pub mod units;
