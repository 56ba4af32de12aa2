//! The limit on bytes a second, and the file that changes it during a run.

mod rate_file;
mod throttle;

pub(crate) use throttle::Throttle;
