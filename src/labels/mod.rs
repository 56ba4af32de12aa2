//! NIH's data on the images: labels, patients, views and the split into training and test. All of it is
//! built in; no network is needed.

mod comparison;
mod finding;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/labels.rs"]
pub(crate) mod fuzz;
mod metadata;
mod names;
mod official;
mod parts;
mod plan;
mod records;
mod selection;
mod write;
mod written;

pub use finding::{Finding, Findings};
pub(crate) use metadata::MAX_METADATA_BYTES;
pub use metadata::{METADATA_NAME, Metadata};
pub use names::{MAX_NAMES_BYTES, NamesError, read_names};
pub use parts::{Parts, Validation};
pub use plan::{LabelsError, LabelsRequest};
pub use records::{Record, Split, View, record};
pub use selection::{Patients, PatientsError, Selection};
pub(crate) use write::PART_LISTS;
pub use write::{LabelsReport, write_labels};
pub(crate) use written::LabelsRecord;
