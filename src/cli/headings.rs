//! The headings of the groups of options in the help, in their order.

pub(super) const FROM_AND_TO: &str = "Where from and to";
pub(super) const FROM: &str = "Where from";
pub(super) const WHAT: &str = "What";
pub(super) const IMAGES: &str = "Images";
pub(super) const NETWORK: &str = "Network";
pub(super) const LIMITS: &str = "Limits";
pub(super) const OUTPUT: &str = "Output";
pub(super) const GLOBAL: &str = "Global options";
