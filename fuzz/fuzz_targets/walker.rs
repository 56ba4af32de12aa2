//! Archives that may be damaged, and what a walker says of them in whatever pieces they come.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("walker", bytes));
