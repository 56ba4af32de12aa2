//! Any bytes on their way to a terminal, a log, a shell or JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cxr::fuzzing::check("escape", bytes));
