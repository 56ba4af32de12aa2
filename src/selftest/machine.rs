//! The checks of the folder and of the proxy settings.

use std::path::Path;

use hyper_util::client::proxy::matcher::Matcher;

use super::server::Server;
use super::{CheckError, CheckResult};
use crate::cancel::Cancel;
use crate::disk::{self, Folder, Lock, LockError, Scratch};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// Writes, syncs, renames and locks files in a folder of its own below `dir`.
pub(super) fn folder(dir: &Path) -> Result<(Scratch, String), CheckError> {
    let scratch = Scratch::create(dir)?;
    let folder = Folder::new(&scratch.path().join("folder"));
    folder.create()?;
    let file = folder.own_entry("written");
    for contents in ["one", "two"] {
        file.replace(contents.as_bytes())?;
        let read = file.read(1000).map_err(disk::DiskError::new(file.path(), "read"))?;
        if read != contents.as_bytes() {
            let path = escape::path(file.path());
            return Err(CheckError::corrupt(format!(
                "{path} does not contain the bytes that cxr wrote to it"
            )));
        }
    }
    disk::sync_folder(folder.own())?;
    let locks = if holds_locks(&folder)? {
        "locked"
    } else {
        "locked (by a file of cxr, because the system grants every lock)"
    };
    let free = disk::available(scratch.path())?;
    let free = free.map_or_else(|| "an unknown amount".to_owned(), units::bytes);
    let dir = escape::path(dir);
    Ok((
        scratch,
        format!("files in {dir} can be written, synced, renamed and {locks}; {free} are free"),
    ))
}

/// True if the system enforces locks. Fails if the folder can be locked twice, by any means.
fn holds_locks(folder: &Folder) -> Result<bool, CheckError> {
    let take = || Lock::take(folder, false, &|_| {}, &Cancel::new());
    let machine = |error: LockError| CheckError::machine(error.to_string());
    let first = take().map_err(machine)?;
    match take() {
        Err(LockError::Busy { .. }) => Ok(first.is_enforced()),
        Err(error) => Err(machine(error)),
        Ok(_) => {
            let dir = escape::path(folder.dir());
            Err(CheckError::machine(format!(
                "{dir} can be locked twice: run one cxr at a time in it"
            )))
        }
    }
}

/// Fails if requests to this machine would go through a proxy. The HTTP client uses the same matcher.
pub(super) fn proxy(server: &Server) -> CheckResult {
    let matcher = Matcher::from_system();
    let proxy_for = |address: &str| {
        let intercept = address.parse().ok().and_then(|address| matcher.intercept(&address))?;
        // The URI leaves out a user name and a password.
        Some(escape::text(&intercept.uri().to_string()).into_owned())
    };
    if let Some(proxy) = proxy_for(&server.base()) {
        return Err(CheckError {
            verdict: Verdict::Unreachable,
            detail: format!(
                "http_proxy or all_proxy sends requests to this machine, 127.0.0.1, through {proxy}"
            ),
            next: Some("add 127.0.0.1,localhost to no_proxy".to_owned()),
        });
    }
    Ok(match proxy_for("https://nihcc.app.box.com/") {
        Some(proxy) => {
            format!("requests to this machine use no proxy; requests to NIH use {proxy}")
        }
        None => "no proxy is used, neither for this machine nor for NIH".to_owned(),
    })
}
