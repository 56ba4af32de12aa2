//! Lists of images and of patients.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("names", bytes));
