//! Files that may be an earlier `metadata.csv`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("metadata", bytes));
