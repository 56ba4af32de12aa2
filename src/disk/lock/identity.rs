//! The identity of a process and its machine, and the test that it is alive.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::disk::faults;
use crate::disk::system::{self, IS_BOOT_ID_EXACT, ProcessState, check_process};
use crate::text::escape;

/// A process and its machine. Fields that the system does not report are `None` and decide nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    process: i32,
    /// The time of the start. Another process may have the same number later.
    started: Option<u64>,
    host: String,
    /// The machine ID, because two machines may have the same name.
    machine: Option<String>,
    /// The boot ID.
    boot: Option<String>,
    /// The PID namespace: each container on a machine has its own process numbers.
    #[serde(rename = "space")]
    namespace: Option<String>,
    /// A random number for one use of a lock.
    token: String,
}

/// The state of a process, as far as it is known without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    Alive,
    /// The reason follows the name of the process in a message.
    Ended(&'static str),
    /// It is on another machine, or cannot be seen from here.
    Unknown,
}

const ENDED: &str = "which has ended";
const RESTARTED: &str = "whose machine has restarted since";

impl Identity {
    /// Returns the identity of this process, for one use of a lock.
    pub(super) fn own() -> Self {
        let process = std::process::id().cast_signed();
        let started = match check_process(process) {
            ProcessState::Found(started) => started,
            ProcessState::NotFound => None,
        };
        let host = system::host();
        let token = format!("{:032x}", fastrand::u128(..));
        let own = Self {
            process,
            started,
            host,
            machine: system::machine_id(),
            boot: boot(),
            namespace: system::process_namespace(),
            token,
        };
        match faults::pretended_host() {
            Some(host) => {
                Self { machine: Some(host.clone()), boot: Some(host.clone()), host, ..own }
            }
            None => own,
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the JSON. Returns `None` if it is incomplete.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns true if both are of the same use of a lock.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.token == other.token
    }

    /// Returns the state as `observer` sees it. `has_lock`: the observer has the lock of the
    /// operating system, and its machine enforces it.
    pub(super) fn liveness(&self, observer: &Self, has_lock: bool) -> Liveness {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        if same(&self.boot, &observer.boot) {
            return match (same(&self.namespace, &observer.namespace), has_lock) {
                (true, _) => self.liveness_here(),
                // It is in another container, but it had the lock that the observer has now.
                (false, true) => Liveness::Ended(ENDED),
                (false, false) => Liveness::Unknown,
            };
        }
        let known = self.boot.is_some() && observer.boot.is_some();
        let is_certain = IS_BOOT_ID_EXACT || has_lock;
        if known
            && is_certain
            && self.host == observer.host
            && same(&self.machine, &observer.machine)
        {
            return Liveness::Ended(RESTARTED);
        }
        Liveness::Unknown
    }

    /// Returns the state of a process in this PID namespace.
    fn liveness_here(&self) -> Liveness {
        match check_process(self.process) {
            ProcessState::Found(started) if started.is_none() || started == self.started => {
                Liveness::Alive
            }
            _ => Liveness::Ended(ENDED),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, escape::text(&self.host))
    }
}

/// Returns the ID of this boot. Without one, nothing that was not synced can be trusted.
pub(crate) fn boot() -> Option<String> {
    faults::pretended_host().or_else(system::boot_id)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn this_process_is_alive_and_another_with_its_number_has_ended() {
        let own = Identity::own();
        assert_eq!(own.liveness(&own, false), Liveness::Alive);
        assert!(own.started.is_some());
        let ended = Liveness::Ended(ENDED);
        let earlier = Identity { started: own.started.map(|ticks| ticks - 1), ..own.clone() };
        assert_eq!(earlier.liveness(&own, false), ended);
        for number in [0, -1, i32::MAX] {
            let gone = Identity { process: number, ..own.clone() };
            assert_eq!(gone.liveness(&own, false), ended, "{number}");
        }
    }

    #[test]
    fn a_zombie_has_ended() {
        let own = Identity::own();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id().cast_signed();
        let identity = Identity { process, started: None, ..own.clone() };
        while identity.liveness(&own, false) == Liveness::Alive {
            std::thread::yield_now();
        }
        assert!(fs::metadata(format!("/proc/{process}")).is_ok(), "the zombie still exists");
        child.wait().unwrap();
    }

    #[test]
    fn another_boot_of_this_machine_has_ended_and_other_machines_are_unknown() {
        let own = Identity { machine: Some("m".to_owned()), ..Identity::own() };
        let other = || Some("other".to_owned());
        let rebooted = Identity { boot: other(), ..own.clone() };
        let ended = Liveness::Ended(RESTARTED);
        assert_eq!(rebooted.liveness(&own, false), ended);
        for unknown in [
            Identity { host: "other".to_owned(), ..rebooted.clone() },
            Identity { machine: other(), ..rebooted.clone() },
            Identity { machine: None, ..rebooted.clone() },
            Identity { boot: None, ..own.clone() },
            Identity { namespace: other(), ..own.clone() },
        ] {
            assert_eq!(unknown.liveness(&own, false), Liveness::Unknown, "{unknown:?}");
        }
    }

    #[test]
    fn a_process_in_another_container_has_ended_if_this_one_has_the_lock() {
        let own = Identity::own();
        let other = Identity { namespace: Some("other".to_owned()), ..own.clone() };
        assert_eq!(other.liveness(&own, true), Liveness::Ended(ENDED));
        assert_eq!(other.liveness(&own, false), Liveness::Unknown);
    }

    #[test]
    fn an_identity_is_read_back_and_shown_without_control_characters() {
        let own = Identity { host: "a\u{1b}[2Jb".to_owned(), ..Identity::own() };
        assert_eq!(Identity::from_json(&own.to_json()), Some(own.clone()));
        assert_eq!(Identity::from_json(&own.to_json()[..20]), None);
        assert!(!own.to_string().contains('\u{1b}'), "{own}");
    }
}
