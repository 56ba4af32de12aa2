//! Locks a folder, with messages for the user.

use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::disk::{Folder, Lock, LockError, LockNotice};
use crate::event::{Event, Listener};
use crate::text::command_line::CommandLine;
use crate::text::escape;

/// Takes the lock of a folder that exists, or that of one archive in it. Returns the message for the
/// user if that fails.
pub(crate) fn lock_folder(
    folder: &Folder,
    archive: Option<&Archive>,
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
    let lock = match archive {
        Some(archive) => Lock::take_archive(folder, archive, wait, &tell, cancel),
        None => Lock::take(folder, wait, &tell, cancel),
    };
    lock.map_err(|error| {
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
