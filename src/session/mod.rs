//! One exchange with a source: options, client, and a response that must arrive in time.

mod clients;
mod memory_limit;
mod open_files;
mod options;
mod response;
mod shared_schedule;
mod stall;

pub(crate) use clients::{Clients, closing_response};
pub use memory_limit::{memory_limit, needed_memory};
pub use options::NetworkOptions;
pub(crate) use options::SessionOptions;
pub(crate) use response::{ResponseReader, SessionError};
pub(crate) use shared_schedule::SharedSchedule;
pub(crate) use stall::StallTimer;
