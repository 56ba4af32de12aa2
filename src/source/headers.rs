//! The text of headers, and strict parsers for `Content-Range`, `Retry-After` and `RateLimit`.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::HeaderName;

/// The `Content-Range` of a 206 or 416 (RFC 9110, section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The first and the last offset of the body; `None` in a 416.
    pub span: Option<(u64, u64)>,
    /// The total length; `None` for `*`.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Parses `bytes first-last/total`, `bytes first-last/*` or `bytes */total`. Returns `None` for
    /// anything else, including impossible numbers.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (unit, rest) = value.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (span, total) = rest.trim().split_once('/')?;
        let total = match total {
            "*" => None,
            digits => Some(number(digits)?),
        };
        let span = match span {
            "*" => None,
            span => {
                let (first, last) = span.split_once('-')?;
                Some((number(first)?, number(last)?))
            }
        };
        let possible = match (span, total) {
            (Some((first, last)), Some(total)) => first <= last && last < total,
            (Some((first, last)), None) => first <= last && last < u64::MAX,
            (None, total) => total.is_some(),
        };
        possible.then_some(Self { span, total })
    }
}

/// Returns the wait of a `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date, which is
/// compared with `now`. A date in the past means no wait.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Some(seconds) = seconds(value) {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Returns the wait of a `RateLimit` (draft-ietf-httpapi-ratelimit-headers, section 4), such as
/// `"day";r=90;t=3600, "burst";r=0;t=55`: until all quotas that are used up are renewed. Returns
/// `None` if no quota is used up, or the header is invalid.
pub(super) fn rate_limit(value: &str) -> Option<Duration> {
    without_names(value).split(',').filter_map(used_up_for).max()
}

/// Returns the time until one quota is renewed, if it is used up.
fn used_up_for(quota: &str) -> Option<Duration> {
    let parameter = |wanted| {
        let mut pairs = quota.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim() == wanted).and_then(|(_, digits)| number(digits.trim()))
    };
    parameter("r").filter(|&left| left == 0)?;
    parameter("t").map(Duration::from_secs)
}

/// Removes quoted strings, in which commas and semicolons have no meaning, except one quotation mark
/// for each.
fn without_names(value: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let outside = |c: &char| {
        let was_inside = inside;
        match *c {
            '"' if !escaped => inside = !inside,
            _ => {}
        }
        escaped = was_inside && *c == '\\' && !escaped;
        !was_inside
    };
    value.chars().filter(outside).collect()
}

/// Parses digits only, while `u64::from_str` accepts a sign.
fn number(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().ok())?
}

/// Parses seconds, at most `u64::MAX`.
fn seconds(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().unwrap_or(u64::MAX))
}

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a header as text, with U+FFFD for invalid UTF-8.
pub(super) fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_parsed_or_refused() {
        let read = |text| ContentRange::parse(text).map(|range| (range.span, range.total));
        for (text, expected) in [
            ("bytes 0-9/10", Some((Some((0, 9)), Some(10)))),
            ("Bytes 5-5/*", Some((Some((5, 5)), None))),
            ("bytes */10", Some((None, Some(10)))),
            (" bytes  3-4/10", Some((Some((3, 4)), Some(10)))),
            ("bytes 0-10/10", None),
            ("bytes 5-4/10", None),
            ("bytes */*", None),
            ("bytes 0-9", None),
            ("bytes -9/10", None),
            ("bytes +0-9/10", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes 0-99999999999999999999/*", None),
            ("items 0-9/10", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_used_up_quota_tells_the_time_until_its_renewal() {
        for (text, expected) in [
            (r#""default";r=0;t=55"#, Some(55)),
            (r#""day";r=90;t=3600, "burst"; r=0; t=5 ,"other";t=7;r=0"#, Some(7)),
            (r#""a,b;r=0;t=9";r=1;t=2"#, None),
            (r#""a\"";r=0;t=2"#, Some(2)),
            (r#""a\\";r=0;t=2"#, Some(2)),
            (r#""default";r=5;t=55"#, None),
            (r#""default";r=0"#, None),
            (r#""default";t=55"#, None),
            (r#""default";r=0;t=-5"#, None),
            (r#""open;r=0;t=5"#, None),
            ("r=0;t=3", Some(3)),
            ("", None),
        ] {
            assert_eq!(rate_limit(text).map(|wait| wait.as_secs()), expected, "{text:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let wait = |text| retry_after(text, now).map(|wait| wait.as_secs());
        for (text, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999", Some(u64::MAX)),
        ] {
            assert_eq!(wait(text), expected, "{text:?}");
        }
    }
}
