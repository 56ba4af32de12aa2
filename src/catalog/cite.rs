//! The link, the acknowledgement and the citation that NIH asks users of the data set for.

/// All three, and the citation as BibTeX.
pub const CITATION: &str = include_str!("citation.txt");
