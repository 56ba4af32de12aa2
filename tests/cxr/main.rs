//! Tests through the binary: a sandbox for each, a server that misbehaves on request, and the
//! real servers that people use.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, breaks files on purpose, and has no other crate to serve"
)]

mod support;

// The support's own behaviour: a server that lies about lying proves nothing.
mod harness;

mod checksums;
mod content;
#[cfg(debug_assertions)]
mod crash;
mod damage_kinds;
mod damage_scanner;
mod disk;
mod documentation;
mod environment;
mod escapes;
mod events;
mod examples;
mod existing_files;
mod fail_fast;
#[cfg(debug_assertions)]
mod failing_disk;
mod failure_reasons;
mod fault_table;
mod fetch;
mod github;
mod interchange;
mod leftovers;
mod limited_machine;
mod locate;
mod lock;
#[cfg(debug_assertions)]
mod lock_takeover;
mod misleading_content;
mod network;
mod output;
#[cfg(debug_assertions)]
mod power_cut;
mod quick;
#[cfg(debug_assertions)]
mod random_faults;
mod read_only;
mod remote;
mod repair;
mod reports;
mod resume;
mod scheduled;
mod selftest;
mod servers;
mod sha256;
mod signals;
mod sources;
mod status;
mod sync_order;
mod transport;
#[cfg(debug_assertions)]
mod user_files;
mod verify;
mod wording;
