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

mod amiss;
mod causes;
mod checksums;
mod content;
#[cfg(debug_assertions)]
mod crash;
mod damages;
mod disk;
mod environment;
mod escapes;
mod events;
mod examples;
mod fail_fast;
mod faults;
#[cfg(debug_assertions)]
mod faulty;
mod fetch;
mod github;
mod interchange;
mod leftovers;
mod locate;
mod lock;
mod machine;
mod mending;
#[cfg(debug_assertions)]
mod mine;
mod mirror;
mod network;
mod order;
mod output;
#[cfg(debug_assertions)]
mod owner;
#[cfg(debug_assertions)]
mod power;
mod present;
mod quick;
mod read_only;
mod reports;
mod resume;
mod scheduled;
mod selftest;
mod servers;
mod sha256;
mod signals;
mod sources;
mod status;
#[cfg(debug_assertions)]
mod storm;
mod transport;
mod verify;
mod walker;
