//! A run that gives way to everything else on the machine.

use thread_priority::{
    Error, NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// The least that a process may claim (POSIX's `NZERO` less one).
const LEAST: i32 = 19;

/// From now on this thread, and those that it starts, take the processor only when nobody else
/// wants it (`SCHED_IDLE`), from which Linux takes their class at the disk too: idle. Where there
/// is no such policy, they have the lowest priority.
///
/// # Errors
///
/// If the system grants neither.
pub(crate) fn give_way() -> Result<(), String> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let idle = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    let least = rustix::process::nice(LEAST);
    match (idle, least) {
        (Err(error), Err(_)) => Err(words(&error)),
        _ => Ok(()),
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::OS(code) => std::io::Error::from_raw_os_error(*code).to_string(),
        error => format!("{error:?}"),
    }
}
