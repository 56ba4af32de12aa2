//! The differences between operating systems. Every system has the same functions.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(in crate::disk) use linux::*;
#[cfg(target_os = "macos")]
pub(in crate::disk) use macos::*;
#[cfg(unix)]
pub(in crate::disk) use unix::*;
#[cfg(windows)]
pub(in crate::disk) use windows::*;

/// The state of a process, found by its number.
pub(in crate::disk) enum ProcessState {
    /// There is none, or it has ended and only its parent has not noticed.
    NotFound,
    /// The time of its start, if the system reports it.
    Found(Option<u64>),
}
