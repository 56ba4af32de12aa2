//! The limit on bytes a second, and the file that changes it while a run goes on.

mod rate_file;
mod throttle;

pub(crate) use throttle::Throttle;
