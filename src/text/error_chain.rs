//! The message of an error with its causes.

use std::error::Error;

/// Returns an error and its causes on one line, without causes that the line already names. Not
/// escaped.
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.map(ToString::to_string).fold(error.to_string(), |line, cause| {
        if line.contains(&cause) { line } else { format!("{line}: {cause}") }
    })
}
