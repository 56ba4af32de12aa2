//! Text for people: escaping, shell quoting, units and error chains.

pub mod error_chain;
pub mod escape;
pub mod shell;
pub mod units;
