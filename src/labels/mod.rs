//! What NIH says of the images: labels, patients, views and the split into training and test. All of it is
//! built in; no network is needed.

mod finding;
mod names;
mod records;
mod selection;

pub use finding::{Finding, Findings};
pub use names::{MAX_NAMES_BYTES, NamesError, read_names};
pub use records::{Record, Split, View, record};
pub use selection::{Patients, PatientsError, Selection};
