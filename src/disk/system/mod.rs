//! What differs between operating systems. Every system has the same functions.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
pub(in crate::disk) use linux::{
    boot_id, check_process, comparable_name, is_fat, is_known_to_be_capable, is_on_spinning_disk,
    machine_id, process_namespace, read_ahead, since_boot, sync_data, sync_everything, sync_names,
};
#[cfg(target_os = "macos")]
pub(in crate::disk) use macos::{
    boot_id, check_process, comparable_name, is_fat, is_known_to_be_capable, is_on_spinning_disk,
    machine_id, process_namespace, read_ahead, since_boot, sync_data, sync_everything, sync_names,
};

/// The state of a process, found by its number.
pub(in crate::disk) enum ProcessState {
    /// There is none, or it has ended and only its parent has not noticed.
    NotFound,
    /// The time of its start, if the system reports it.
    Found(Option<u64>),
}
