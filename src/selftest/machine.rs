//! The checks of what a transfer needs from this machine: the folder and the proxy.

use std::path::Path;

use hyper_util::client::proxy::matcher::Matcher;

use super::server::Server;
use super::{Found, Trouble};
use crate::cancel::Cancel;
use crate::disk::{self, Folder, Lock, LockError, Scratch};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// What is done to a folder: files are written, synced, renamed and locked in it.
pub(super) fn folder(dir: &Path) -> Result<(Scratch, String), Trouble> {
    let scratch = Scratch::create(dir)?;
    let folder = Folder::new(&scratch.path().join("folder"));
    folder.create()?;
    let file = folder.own().join("written");
    for contents in ["one", "two"] {
        disk::replace(&file, contents.as_bytes())?;
        let read = disk::read(&file, 1000).map_err(disk::DiskError::new(&file, "read"))?;
        if read != contents.as_bytes() {
            let path = escape::path(&file);
            return Err(Trouble::corrupt(format!("{path} does not hold what was written to it")));
        }
    }
    disk::sync_folder(folder.own())?;
    let locks = if holds_locks(&folder)? {
        "locked"
    } else {
        "locked by a file of cxr's own, since the system grants every lock"
    };
    let free = units::bytes(disk::available(scratch.path())?);
    let dir = escape::path(dir);
    let words =
        format!("in {dir}, files are written, synced, renamed and {locks}; {free} are free");
    Ok((scratch, words))
}

/// Whether the system's locks hold. That a second one cannot take what is taken must be so anyway.
fn holds_locks(folder: &Folder) -> Result<bool, Trouble> {
    let take = || Lock::take(folder, false, &|_| {}, &Cancel::new());
    let machine = |error: LockError| Trouble::machine(error.to_string());
    let first = take().map_err(machine)?;
    match take() {
        Err(LockError::Busy { .. }) => Ok(first.is_enforced()),
        Err(error) => Err(machine(error)),
        Ok(_) => {
            let dir = escape::path(folder.dir());
            Err(Trouble::machine(format!("{dir} can be locked twice: run one cxr at a time in it")))
        }
    }
}

/// Whether requests to this machine stay on it, asked of the code that the client asks.
pub(super) fn proxy(server: &Server) -> Found {
    let matcher = Matcher::from_system();
    let by_way_of = |address: &str| {
        let intercept = address.parse().ok().and_then(|address| matcher.intercept(&address))?;
        // Without the name and the password that may stand in the variable.
        Some(escape::text(&intercept.uri().to_string()).into_owned())
    };
    if let Some(proxy) = by_way_of(&server.base()) {
        return Err(Trouble {
            verdict: Verdict::Unreachable,
            detail: format!(
                "http_proxy or all_proxy sends even requests to this machine, 127.0.0.1, by way of {proxy}"
            ),
            next: Some("add 127.0.0.1,localhost to no_proxy".to_owned()),
        });
    }
    Ok(match by_way_of("https://nihcc.app.box.com/") {
        Some(proxy) => format!("this machine is asked directly, NIH by way of {proxy}"),
        None => "none is used, neither to this machine nor to NIH".to_owned(),
    })
}
