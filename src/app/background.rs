//! The priority of a background run.

#[cfg(unix)]
use std::io;

/// The highest nice value: POSIX's `NZERO` less one.
#[cfg(unix)]
const LOWEST_PRIORITY: i32 = 19;

/// Lets this thread, and those that it starts, use the processor only when nothing else wants it.
/// On a system without such a class, they get the lowest priority. Fails if the system refuses
/// both.
#[cfg(unix)]
pub(crate) fn give_way() -> Result<(), String> {
    let idle = become_idle();
    let nice = rustix::process::nice(LOWEST_PRIORITY);
    match (idle, nice) {
        (Err(error), Err(_)) => Err(error),
        _ => Ok(()),
    }
}

/// Joins the class `SCHED_IDLE`. Linux derives the class at the disk from this: idle.
#[cfg(target_os = "linux")]
fn become_idle() -> Result<(), String> {
    use thread_priority::{
        Error, NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).map_err(|error| {
        match error {
            Error::OS(code) => io::Error::from_raw_os_error(code).to_string(),
            error => format!("{error:?}"),
        }
    })
}

#[cfg(target_os = "macos")]
fn become_idle() -> Result<(), String> {
    Err(io::Error::from(io::ErrorKind::Unsupported).to_string())
}

/// Lets this process use the processor only when nothing else wants it.
#[cfg(windows)]
pub(crate) fn give_way() -> Result<(), String> {
    let process = winsafe::HPROCESS::GetCurrentProcess();
    process.SetPriorityClass(winsafe::co::PRIORITY_CLASS::IDLE).map_err(|error| error.to_string())
}
