//! Values of `--from`, and where they put the archives of a table.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("addresses", bytes));
