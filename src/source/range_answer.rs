//! Decides which bytes of the archive the body of an answer holds. Pure.
//!
//! A `Content-Range` counts, whatever the status: some servers answer 200 to a range, some begin at
//! the start of a block. The length of the body must agree with it.

use super::SourceError;
use super::headers::ContentRange;
use crate::text::escape;

/// The parts of an answer that say which bytes its body holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerHead<'a> {
    pub status: u16,
    pub content_range: Option<&'a str>,
    /// The `Content-Length`.
    pub length: Option<u64>,
}

/// The bytes of the archive that a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placement {
    pub start: u64,
    /// The end, if known.
    pub end: Option<u64>,
    /// The size of the archive, if known.
    pub total: Option<u64>,
    /// The source ignored the range and sends the whole archive.
    pub whole: bool,
}

impl AnswerHead<'_> {
    /// Returns the place of the body, for a request from `start` on. Returns `None` if the answer is
    /// a refusal, and fails if it contradicts itself or the request.
    pub(super) fn place(&self, start: u64) -> Result<Option<Placement>, SourceError> {
        if !(200..300).contains(&self.status) {
            return Ok(None);
        }
        let range = self.content_range.and_then(ContentRange::parse);
        let Some((first, last)) = range.and_then(|range| range.span) else {
            return match self.status {
                200 | 203 => Ok(Some(self.whole())),
                206 => Err(self.contradiction(start)),
                _ => Ok(None),
            };
        };
        let total = range.and_then(|range| range.total);
        let end = last.saturating_add(1);
        if self.length.is_some_and(|length| length != end - first) {
            // The length of the body is certain: it is the whole archive.
            let is_whole = self.status != 206 && (self.length == total || total.is_none());
            return if is_whole { Ok(Some(self.whole())) } else { Err(self.contradiction(start)) };
        }
        if first > start || end <= start {
            return Err(self.contradiction(start));
        }
        let whole = first == 0 && start > 0 && total == Some(end);
        Ok(Some(Placement { start: first, end: Some(end), total, whole }))
    }

    const fn whole(&self) -> Placement {
        Placement { start: 0, end: self.length, total: self.length, whole: true }
    }

    fn contradiction(&self, start: u64) -> SourceError {
        let Self { status, content_range, length } = self;
        let range = content_range.map_or_else(|| "none".into(), escape::text);
        let length = match length {
            Some(length) if content_range.is_some() => format!(" and {length} bytes"),
            _ => String::new(),
        };
        SourceError::Contradiction(format!(
            "{status} to a range from {start} with the Content-Range {range}{length}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(status: u16, range: &str, length: Option<u64>, start: u64) -> Placement {
        let content_range = Some(range).filter(|range| !range.is_empty());
        let place = AnswerHead { status, content_range, length }.place(start);
        place.expect("an answer that fits").expect("no refusal")
    }

    fn contradicts(status: u16, range: &str, length: Option<u64>, start: u64) -> bool {
        let content_range = Some(range).filter(|range| !range.is_empty());
        AnswerHead { status, content_range, length }.place(start).is_err()
    }

    fn part(start: u64, end: u64, total: Option<u64>) -> Placement {
        Placement { start, end: Some(end), total, whole: false }
    }

    fn whole(length: Option<u64>) -> Placement {
        Placement { start: 0, end: length, total: length, whole: true }
    }

    #[test]
    fn a_content_range_counts_whatever_the_status() {
        for status in [200, 203, 206, 299] {
            let range = "bytes 10-19/100";
            for length in [Some(10), None] {
                assert_eq!(place(status, range, length, 10), part(10, 20, Some(100)), "{status}");
            }
        }
    }

    #[test]
    fn an_answer_may_start_before_the_range_and_not_behind_it() {
        assert_eq!(place(206, "bytes 0-19/100", Some(20), 10), part(0, 20, Some(100)));
        assert_eq!(place(206, "bytes 10-19/*", Some(10), 19), part(10, 20, None));
        assert!(contradicts(206, "bytes 11-19/100", Some(9), 10));
        assert!(contradicts(206, "bytes 0-9/100", Some(10), 10));
    }

    #[test]
    fn an_answer_without_a_content_range_is_the_whole() {
        assert_eq!(place(200, "", Some(100), 10), whole(Some(100)));
        assert_eq!(place(200, "", None, 0), whole(None));
        assert_eq!(place(200, "bytes some-of/it", Some(100), 10), whole(Some(100)));
        let all = place(206, "bytes 0-99/100", Some(100), 10);
        assert_eq!(all, whole(Some(100)), "every byte, although some were asked for");
        assert!(contradicts(206, "", Some(10), 10));
        for status in [201, 204, 404, 416] {
            let head = AnswerHead { status, content_range: None, length: Some(10) };
            assert_eq!(head.place(10), Ok(None), "{status}");
        }
    }

    #[test]
    fn a_length_must_agree_with_the_content_range() {
        assert!(contradicts(206, "bytes 10-19/100", Some(9), 10));
        assert!(contradicts(206, "bytes 10-19/100", Some(0), 10));
        assert!(contradicts(206, "bytes 10-19/100", Some(100), 10));
        assert!(contradicts(200, "bytes 10-19/100", Some(9), 10));
        assert_eq!(place(200, "bytes 10-19/100", Some(100), 10), whole(Some(100)));
    }
}
