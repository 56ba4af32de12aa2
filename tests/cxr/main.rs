//! Tests of the binary. Each has a sandbox. The servers are one with faults on request and the
//! common ones.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, breaks files on purpose, and has no other crate to serve"
)]

mod support;

// The tests of the helpers.
mod harness;

mod array;
mod bare_machine;
mod buckets;
mod checksums;
mod content;
#[cfg(debug_assertions)]
mod crash;
mod damage_kinds;
mod damage_scanner;
#[cfg(debug_assertions)]
mod deleted_archives;
mod disk;
mod documentation;
mod environment;
mod escapes;
mod events;
mod examples;
mod existing_files;
#[cfg(debug_assertions)]
mod extract;
#[cfg(debug_assertions)]
mod extract_crash;
#[cfg(debug_assertions)]
mod extract_file_systems;
mod fail_fast;
mod failed_server;
#[cfg(debug_assertions)]
mod failing_disk;
mod failure_reasons;
mod fault_table;
mod fetch;
mod file_systems;
mod github;
mod habits;
mod image_trees;
mod images;
mod interchange;
mod labels;
mod large_tables;
mod leftovers;
mod limited_machine;
mod locate;
mod lock;
#[cfg(debug_assertions)]
mod lock_takeover;
mod memory_limit;
mod misleading_content;
mod network;
mod other_names;
mod output;
mod packaging;
#[cfg(debug_assertions)]
mod power_cut;
mod quick;
#[cfg(debug_assertions)]
mod random_faults;
mod range_answers;
mod read_only;
mod refusals;
mod remote;
mod repair;
mod reports;
mod resume;
mod reused_bytes;
mod scheduled;
mod selftest;
mod server_kinds;
mod servers;
mod sha256;
mod shared_folder;
mod signals;
mod sources;
mod states;
mod status;
mod suggestions;
mod sync_order;
mod terminal;
mod transport;
#[cfg(debug_assertions)]
mod user_files;
mod verify;
mod wording;
