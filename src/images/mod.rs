//! Extracted images: where they lie, the record of their bytes, and their check.

#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/images.rs"]
pub(crate) mod fuzz;
mod layout;
pub mod manifest;

pub use self::layout::{Layout, LayoutPlace, is_plain_name};
