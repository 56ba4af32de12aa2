//! Archives that may be damaged, scanned in pieces of any length.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("scanner", bytes));
