//! What a person sees on the way, on standard error: bars on a terminal, lines elsewhere.

mod messages;

pub use messages::Messages;

use crate::event::{Event, Listener};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What a person wants to know.
    #[default]
    Normal,
    /// Every failed attempt too.
    Verbose,
}

/// When something is done that depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// A listener that shows what happens.
#[derive(Debug)]
pub struct Progress {}

impl Progress {
    /// Begins to show.
    pub fn start(_verbosity: Verbosity, _bars: When) -> Self {
        Self {}
    }

    /// Shows what is left to be shown, and clears the bars away.
    pub fn finish(self) {}
}

impl Listener for Progress {
    fn on(&self, _event: Event<'_>) {}
}
