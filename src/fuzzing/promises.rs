//! What is promised of every text and message, as assertions.

use crate::text::escape;

/// The longest message about anything, in bytes: some hundred characters of what was found, each
/// of which may take ten when it is escaped, and the words around it.
const LONGEST_MESSAGE: usize = 8192;

/// The text is fit for a terminal and a log: nothing in it but what can be seen.
pub(crate) fn assert_visible(text: &str) {
    assert!(!text.contains(escape::is_unsafe), "unescaped: {text:?}");
}

/// The same of a message, which is not long, whatever it speaks of.
pub(crate) fn assert_message(text: &str) {
    assert_visible(text);
    assert!(text.len() <= LONGEST_MESSAGE, "{} bytes: {text}", text.len());
}
