//! Text for people: escaping, shell quoting, units and error chains.

pub mod command_line;
pub mod date;
pub mod error_chain;
pub mod escape;
pub mod shell;
pub mod units;
mod when;
pub mod windows_names;

pub use when::When;
