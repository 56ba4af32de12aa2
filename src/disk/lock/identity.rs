//! Who holds a folder: a process on a machine, told from every other.

use std::fmt;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::disk::syscalls;
use crate::text::escape;

/// A process and the machine it runs on. What the system does not tell is `None`, and decides
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    process: i32,
    /// When it was started, in clock ticks since the boot: another process may have the number by
    /// now.
    started: Option<u64>,
    host: String,
    /// What tells the machine from another one of the same name.
    machine: Option<String>,
    /// What tells this boot of the machine from every other.
    boot: Option<String>,
    /// Where the number counts: containers on one machine number their processes each for itself.
    space: Option<String>,
    /// What tells this from all that were ever written.
    token: String,
}

/// What can be said of a process without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs.
    Lives,
    /// It does not; why, in words that follow its name.
    Ended(&'static str),
    /// It is on another machine, or cannot be seen from here.
    Unknown,
}

const ENDED: &str = "which has ended";
const RESTARTED: &str = "whose machine was restarted since";

/// What the system says of a process number.
enum Seen {
    Nobody,
    /// Since when it runs, if that is told.
    Somebody(Option<u64>),
}

impl Identity {
    /// This process, for one taking of a lock.
    pub(super) fn own() -> Self {
        let process = std::process::id().cast_signed();
        let started = match look(process) {
            Seen::Somebody(started) => started,
            Seen::Nobody => None,
        };
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let token = format!("{:032x}", fastrand::u128(..));
        let own = Self {
            process,
            started,
            host,
            machine: line("/etc/machine-id"),
            boot: boot(),
            space: space(),
            token,
        };
        match syscalls::pretended_host() {
            Some(host) => own.elsewhere(&host),
            None => own,
        }
    }

    /// As if it were on another host.
    fn elsewhere(self, host: &str) -> Self {
        let other = || Some(host.to_owned());
        Self { host: host.to_owned(), machine: other(), boot: other(), ..self }
    }

    /// What is written in the owner's file.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers: it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what was written; `None` if it is not all there.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether both were written by one taking of a lock.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.token == other.token
    }

    /// What can be said of it from here, where `here` is. `honoured`: this machine's kernel grants
    /// the lock to one only, and it is ours.
    pub(super) fn standing(&self, here: &Self, honoured: bool) -> Standing {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        if same(&self.boot, &here.boot) {
            return match (same(&self.space, &here.space), honoured) {
                (true, _) => self.standing_here(),
                // In another container; but it had the lock that we have now.
                (false, true) => Standing::Ended(ENDED),
                (false, false) => Standing::Unknown,
            };
        }
        let known = self.boot.is_some() && here.boot.is_some() && self.boot != here.boot;
        if known && self.host == here.host && same(&self.machine, &here.machine) {
            return Standing::Ended(RESTARTED);
        }
        Standing::Unknown
    }

    /// The same where its number counts.
    fn standing_here(&self) -> Standing {
        match look(self.process) {
            Seen::Somebody(since) if since.is_none() || since == self.started => Standing::Lives,
            _ => Standing::Ended(ENDED),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, escape::text(&self.host))
    }
}

/// What tells this boot of the machine from every other; `None` where the system does not say, and
/// then nothing that was not synced is to be believed.
pub fn boot() -> Option<String> {
    syscalls::pretended_host().or_else(|| line("/proc/sys/kernel/random/boot_id"))
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn space() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned())
}

/// Looks for a process by its number (`proc_pid_stat(5)`). One that has ended and was not yet
/// waited for is nobody.
fn look(process: i32) -> Seen {
    let Some(stat) = line(&format!("/proc/{process}/stat")) else {
        // Others' processes may be hidden; that they exist is told all the same.
        let gone = |pid| test_kill_process(pid) == Err(Errno::SRCH);
        // A file may hold any number; a negative one stands for no process.
        let number = Some(process).filter(|&number| number > 0).and_then(Pid::from_raw);
        let nobody = number.is_none_or(gone);
        return if nobody { Seen::Nobody } else { Seen::Somebody(None) };
    };
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    match fields.next() {
        Some("Z" | "X") => Seen::Nobody,
        // The state is field 3, the start field 22.
        _ => Seen::Somebody(fields.nth(18).and_then(|field| field.parse().ok())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_no_other_is_taken_for_it() {
        let own = Identity::own();
        assert_eq!(own.standing(&own, false), Standing::Lives);
        assert!(own.started.is_some());
        let ended = Standing::Ended(ENDED);
        let earlier = Identity { started: own.started.map(|ticks| ticks - 1), ..own.clone() };
        assert_eq!(earlier.standing(&own, false), ended);
        for nobody in [0, -1, i32::MAX] {
            let gone = Identity { process: nobody, ..own.clone() };
            assert_eq!(gone.standing(&own, false), ended, "{nobody}");
        }
    }

    #[test]
    fn who_has_ended_and_was_not_waited_for_has_ended() {
        let own = Identity::own();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id().cast_signed();
        let identity = Identity { process, started: None, ..own.clone() };
        while identity.standing(&own, false) == Standing::Lives {
            std::thread::yield_now();
        }
        assert!(fs::metadata(format!("/proc/{process}")).is_ok(), "nobody waited for it");
        child.wait().unwrap();
    }

    #[test]
    fn another_boot_of_this_machine_is_over_and_other_machines_are_unknown() {
        let own = Identity { machine: Some("m".to_owned()), ..Identity::own() };
        let other = || Some("other".to_owned());
        let rebooted = Identity { boot: other(), ..own.clone() };
        let ended = Standing::Ended(RESTARTED);
        assert_eq!(rebooted.standing(&own, false), ended);
        for unknown in [
            Identity { host: "other".to_owned(), ..rebooted.clone() },
            Identity { machine: other(), ..rebooted.clone() },
            Identity { machine: None, ..rebooted.clone() },
            Identity { boot: None, ..own.clone() },
            Identity { space: other(), ..own.clone() },
        ] {
            assert_eq!(unknown.standing(&own, false), Standing::Unknown, "{unknown:?}");
        }
    }

    #[test]
    fn another_container_has_ended_if_we_have_the_lock_that_it_had() {
        let own = Identity::own();
        let other = Identity { space: Some("other".to_owned()), ..own.clone() };
        assert_eq!(other.standing(&own, true), Standing::Ended(ENDED));
        assert_eq!(other.standing(&own, false), Standing::Unknown);
    }

    #[test]
    fn it_is_read_back_and_shown_without_control_characters() {
        let own = Identity { host: "a\u{1b}[2Jb".to_owned(), ..Identity::own() };
        assert_eq!(Identity::from_json(&own.to_json()), Some(own.clone()));
        assert_eq!(Identity::from_json(&own.to_json()[..20]), None);
        assert!(!own.to_string().contains('\u{1b}'), "{own}");
    }
}
