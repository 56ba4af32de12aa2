//! The first bytes of a file, or of what a server sends in its place.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("identify", bytes));
