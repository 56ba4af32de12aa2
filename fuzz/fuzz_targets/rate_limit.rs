//! `RateLimit`, as a server sends it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("rate_limit", bytes));
