//! The `cxr` program.
fn main() {}
