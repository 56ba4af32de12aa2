//! Where bytes come from: the publisher's addresses, a mirror, a local folder.

mod spec;

pub use spec::{Place, SourceSpec, SpecError};
