//! The hash of cxr by itself.
#[allow(dead_code, unused_imports, reason = "the rest of cxr uses what its tests do not")]
#[path = "../../src/hash/mod.rs"]
mod hash;
