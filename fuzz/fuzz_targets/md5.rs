//! Streams in vector lanes, cut anywhere, against the `md-5` crate.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("md5", bytes));
