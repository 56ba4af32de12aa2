//! Locks a folder, with messages for the user.

use crate::cancel::Cancel;
use crate::disk::{Folder, Lock, LockError, LockNotice};
use crate::event::{Event, Listener};
use crate::text::command_line::CommandLine;
use crate::text::escape;

/// Takes the lock of a folder that exists. Returns the message for the user if that fails.
pub(crate) fn lock_folder(
    folder: &Folder,
    wait: bool,
    command_line: &CommandLine,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Lock, String> {
    let dir = escape::path(folder.dir());
    let tell = |notice: LockNotice<'_>| {
        let message = match notice {
            LockNotice::Waiting(holder) => format!("waiting for another cxr in {dir}: {holder}"),
            LockNotice::Watching(holder) => {
                format!("checking whether another cxr is still running in {dir}: {holder}")
            }
            LockNotice::TakenOver(holder) => format!("taking over {dir} from {holder}"),
        };
        listener.on(Event::Notice { message: &message });
    };
    Lock::take(folder, wait, &tell, cancel).map_err(|error| {
        let next = match &error {
            LockError::Busy { .. } => {
                let command = command_line.with("--wait").explained();
                format!("; use another folder, or wait for it: {command}")
            }
            LockError::Disk(error) => format!("; {}", error.remedy()),
            LockError::Cancelled => String::new(),
        };
        format!("{error}{next}")
    })
}
