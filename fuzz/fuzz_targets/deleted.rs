//! Records that an archive was deleted.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("deleted", bytes));
