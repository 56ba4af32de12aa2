//! An error in words, with its causes.

use std::error::Error;

/// An error and all its causes on one line. What an error has said of its cause itself is not said
/// again. Not escaped.
pub fn words(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.map(ToString::to_string).fold(error.to_string(), |words, cause| {
        if words.contains(&cause) { words } else { format!("{words}: {cause}") }
    })
}
