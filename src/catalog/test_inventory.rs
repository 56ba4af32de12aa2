//! Gives small archives of tests a part of NIH's inventory. Only debug builds and benchmarks have it.

use std::ops::Range;
use std::sync::OnceLock;

use crate::hash::digest::Md5;

/// Returns the text of a variable.
static VARIABLE: OnceLock<fn(&str) -> Option<String>> = OnceLock::new();

/// Lets the tests of a program give small archives a part of NIH's inventory. `variable` returns the value
/// of `CXR_FAULT_INVENTORY`, which holds rules of the form `MD5=START..END`, separated by `;`: the archive
/// with this MD5 contains the images at these places. Only the first call counts.
pub fn use_test_inventories(variable: fn(&str) -> Option<String>) {
    let _ = VARIABLE.set(variable);
}

/// The inventory that a test gives to the archive with this MD5. An invalid rule is a panic.
pub(super) fn places(md5: &Md5) -> Option<Range<usize>> {
    let rules = VARIABLE.get()?("CXR_FAULT_INVENTORY")?;
    let rule = rules.split(';').find_map(|rule| rule.trim().strip_prefix(&md5.to_string()))?;
    let places = rule.strip_prefix('=').and_then(|places| places.split_once(".."));
    let places = places.and_then(|(start, end)| Some(start.parse().ok()?..end.parse().ok()?));
    Some(places.unwrap_or_else(|| panic!("expected MD5=START..END in {rules:?}")))
}
