//! The record of the bytes of extracted images.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("images_tsv", bytes));
