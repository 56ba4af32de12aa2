//! `Retry-After`, as a server sends it, at any time.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("retry_after", bytes));
