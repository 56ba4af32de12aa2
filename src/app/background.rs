//! The priority of a background run.

use thread_priority::{
    Error, NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// The highest nice value: POSIX's `NZERO` less one.
const LOWEST_PRIORITY: i32 = 19;

/// Lets this thread, and those that it starts, use the processor only when nothing else wants it
/// (`SCHED_IDLE`). Linux derives their class at the disk from this: idle. Where the system has no
/// such policy, the threads get the lowest priority. Fails if the system refuses both.
pub(crate) fn give_way() -> Result<(), String> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let idle = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    let nice = rustix::process::nice(LOWEST_PRIORITY);
    match (idle, nice) {
        (Err(Error::OS(code)), Err(_)) => Err(std::io::Error::from_raw_os_error(code).to_string()),
        (Err(error), Err(_)) => Err(format!("{error:?}")),
        _ => Ok(()),
    }
}
