//! The values of options: numbers with their bounds, rates, sources.

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use cxr::source::{SourceSpec, SpecError};
use cxr::units;

/// The most archives or connections at a time: beyond it, servers only refuse.
const MOST: usize = 64;

/// The longest timeout in seconds: a day.
const LONGEST: f64 = 86_400.0;

/// The shortest timeout in seconds: what a timer can tell from none.
const SHORTEST: f64 = 0.001;

/// A number from 1 to [`MOST`].
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse::<NonZeroUsize>()
        .ok()
        .filter(|count| count.get() <= MOST)
        .ok_or_else(|| format!("it must be a whole number from 1 to {MOST}"))
}

/// Seconds, fractions allowed.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| (SHORTEST..=LONGEST).contains(s));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("it must be a number of seconds from {SHORTEST} to {LONGEST}"))
}

/// Bytes a second, as `10M`.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    units::parse_rate(text).map_err(str::to_owned)
}

/// The sources of one `--from`.
#[derive(Debug, Clone)]
pub(super) struct Sources(pub(super) Vec<SourceSpec>);

/// All sources that were named, in order; the publisher where none was.
pub(super) fn or_publisher(named: Vec<Sources>) -> Vec<SourceSpec> {
    let sources: Vec<SourceSpec> = named.into_iter().flat_map(|sources| sources.0).collect();
    if sources.is_empty() { vec![SourceSpec::Publisher] } else { sources }
}

/// One source, or several with line ends between them, as a variable may have them.
pub(super) fn sources(typed: &OsStr) -> Result<Sources, SpecError> {
    let lines = typed.as_bytes().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(SpecError::Empty);
    }
    let sources = lines.into_iter().map(|line| SourceSpec::parse(OsStr::from_bytes(line)));
    sources.collect::<Result<_, _>>().map(Sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_bounds() {
        for (text, expected) in [("1", Some(1)), ("64", Some(64)), ("+5", Some(5))] {
            assert_eq!(count(text).ok().map(NonZeroUsize::get), expected, "{text:?}");
        }
        for text in ["", "0", "65", "-1", "1.5", "x", "99999999999999999999999"] {
            assert!(count(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "nan", "inf", "1e300", "0.0001", "86401", "5 s"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_variable_may_hold_several_sources() {
        let several = sources(OsStr::new("https://m.org/a\n\n  /mnt/my data\r\n")).unwrap();
        let shown: Vec<String> = several.0.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["https://m.org/a", "/mnt/my data"]);
        assert!(matches!(sources(OsStr::new(" \n")), Err(SpecError::Empty)));
        assert!(sources(OsStr::new("/mnt\nftp://m.org")).is_err());
    }
}
