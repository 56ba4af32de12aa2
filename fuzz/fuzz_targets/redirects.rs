//! Chains of `Location`, as servers send them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("redirects", bytes));
