//! The checks of what a transfer stands on: the hash, the folder, the proxy.

use std::path::{Path, PathBuf};

use hyper_util::client::proxy::matcher::Matcher;

use super::server::Server;
use super::{Found, Trouble};
use crate::cancel::Cancel;
use crate::digest::Digest;
use crate::disk::{self, Folder, Lock, LockError, Scratch};
use crate::hash::{Chain, Feed, Lanes, Platform};
use crate::verdict::Verdict;
use crate::{escape, units};

/// Messages and their MD5s (RFC 1321, appendix A.5).
const KNOWN: [(&str, &str); 7] = [
    ("", "d41d8cd98f00b204e9800998ecf8427e"),
    ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
    (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "d174ab98d277d9f5a5611c2c9f419d9f",
    ),
    (
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a",
    ),
];

/// The MD5 of a thousand times the letter a, as `md5sum` says it: lanes take whole blocks, and the
/// messages above have one at the most.
const THOUSAND: &str = "cabe45dcc9ae5b66ba86600cca6b8ba8";

/// Every set of lanes of this machine agrees with known answers, in every lane.
pub(super) fn md5(sabotaged: bool) -> Found {
    let thousand = vec![b'a'; 1000 - usize::from(sabotaged)];
    let platforms = Platform::available();
    for platform in &platforms {
        let lanes = Lanes::on(*platform);
        let mut messages: Vec<(&[u8], &str)> =
            KNOWN.iter().map(|(message, md5)| (message.as_bytes(), *md5)).collect();
        messages.resize(KNOWN.len() + lanes.width(), (&thousand, THOUSAND));
        let mut chains = vec![Chain::new(); messages.len()];
        let blocks: Vec<[&[u8]; 1]> = messages.iter().map(|(message, _)| [*message]).collect();
        let feeds = chains.iter_mut().zip(&blocks).map(|(chain, block)| Feed::new(chain, block));
        lanes.update(feeds.collect());
        for (chain, (message, expected)) in chains.into_iter().zip(messages) {
            let actual = chain.finish();
            if expected.parse::<Digest>() != Ok(actual) {
                let (name, length) = (platform.name(), message.len());
                return Err(Trouble::corrupt(format!(
                    "{name} says MD5 {actual} of {length} bytes where {expected} is right"
                )));
            }
        }
    }
    let named = |platform: &Platform| format!("{} × {}", platform.name(), platform.lanes());
    let mut names = platforms.iter().map(named);
    let used = names.next().unwrap_or_default();
    let others: Vec<String> = names.collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!("; so are {}", others.join(", ")),
    };
    Ok(format!("lanes in use: {used}, right against known answers{others}"))
}

/// What is done to a folder: files are written, synced, renamed and locked in it.
pub(super) fn folder(dir: &Path) -> Result<(Scratch, String), Trouble> {
    let scratch = Scratch::make(dir)?;
    let folder = Folder::new(&scratch.path().join("folder"));
    folder.make()?;
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
        Err(LockError::Busy { .. }) => Ok(first.is_honoured()),
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

/// The folder in which a self-test works if none is named.
pub(super) fn default_dir() -> PathBuf {
    std::env::temp_dir()
}
