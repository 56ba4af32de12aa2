//! Parsers for the values of options: numbers within bounds, times, rates, sources.

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use cxr::source::{SourceSpec, SpecError};
use cxr::text::units;

use super::environment;

/// The most archives or connections at a time: servers refuse more.
const MOST: usize = 64;

/// The longest timeout in seconds: a day.
const LONGEST: f64 = 86_400.0;

/// The shortest timeout in seconds that a timer can measure.
const SHORTEST: f64 = 0.001;

/// A number from 1 to [`MOST`].
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse::<NonZeroUsize>()
        .ok()
        .filter(|count| count.get() <= MOST)
        .ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
}

/// A number of seconds, with or without a fraction.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| (SHORTEST..=LONGEST).contains(s));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("expected a number of seconds from {SHORTEST} to {LONGEST}"))
}

/// An age: a whole number and a unit, such as `90s`, `30m`, `12h`, `7d` or `2w`.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and a unit, such as 30m, 12h, 7d or 2w".to_owned();
    let text = text.trim();
    let (last, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let digits = text[..last].trim_end();
    let count = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let count = count.and_then(|digits| digits.parse::<u64>().ok()).ok_or_else(wrong)?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A number of bytes per second, such as `10M`.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    units::parse_rate(text).map_err(str::to_owned)
}

/// The sources of one `--from`.
#[derive(Debug, Clone)]
pub(super) struct Sources(pub(super) Vec<SourceSpec>);

/// Returns the named sources in order, or the publisher if there are none.
pub(super) fn or_publisher(named: Vec<Sources>) -> Vec<SourceSpec> {
    let sources: Vec<SourceSpec> = named.into_iter().flat_map(|sources| sources.0).collect();
    if sources.is_empty() { vec![SourceSpec::Publisher] } else { sources }
}

/// Returns the lines of a value.
#[cfg(unix)]
fn lines(typed: &OsStr) -> impl Iterator<Item = &OsStr> {
    use std::os::unix::ffi::OsStrExt;
    typed.as_bytes().split(|byte| *byte == b'\n').map(|line| OsStr::from_bytes(line.trim_ascii()))
}

/// Returns the lines of a value. One that is not Unicode is one line.
#[cfg(windows)]
fn lines(typed: &OsStr) -> impl Iterator<Item = &OsStr> {
    let text = typed.to_str();
    let lines =
        text.into_iter().flat_map(|text| text.split('\n').map(|line| OsStr::new(line.trim())));
    lines.chain(text.is_none().then_some(typed))
}

/// One source, or several in lines, as a variable may hold them.
pub(super) fn sources(typed: &OsStr) -> Result<Sources, SpecError> {
    let lines: Vec<&OsStr> = lines(typed).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(SpecError::Empty);
    }
    lines.into_iter().map(source).collect::<Result<_, _>>().map(Sources)
}

/// One source. A folder may have any name, if it exists.
fn source(typed: &OsStr) -> Result<SourceSpec, SpecError> {
    let source = SourceSpec::parse(typed)?.with_variables(environment::of_buckets)?;
    match source.folder() {
        Some(folder) if !folder.exists() => source.check_form().map(|()| source),
        _ => Ok(source),
    }
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
    fn ages_have_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1800),
            ("12 h", 43_200),
            ("7d", 604_800),
            ("1w", 604_800),
        ] {
            assert_eq!(age(text).map(|time| time.as_secs()), Ok(seconds), "{text:?}");
        }
        for text in ["", "7", "d", "-1d", "+1d", "1.5h", "1y", "1D", "7ü", "99999999999999999999d"]
        {
            assert!(age(text).is_err(), "{text:?}");
        }
        assert!(age(&format!("{}w", u64::MAX)).is_err());
    }

    #[test]
    fn a_variable_can_hold_several_sources() {
        let several = sources(OsStr::new("https://m.org/a\n\n  /mnt/my data\r\n")).unwrap();
        let shown: Vec<String> = several.0.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["https://m.org/a", "/mnt/my data"]);
        assert!(matches!(sources(OsStr::new(" \n")), Err(SpecError::Empty)));
        assert!(sources(OsStr::new("/mnt\nftp://m.org")).is_err());
    }
}
