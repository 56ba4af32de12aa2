//! The values of options: numbers with their bounds, rates, sources.

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use cxr::source::{SourceSpec, SpecError};

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

/// Bytes a second: a number, fractions allowed, and a unit in powers of 1024, as `10M`, `1.5MiB`.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("/s").unwrap_or(&lower);
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let wrong = || "it must be bytes a second, such as 500K, 10M or 1.5MiB".to_owned();
    let scale = scale(unit.trim_start()).ok_or_else(wrong)?;
    let bytes = (number.parse::<f64>().map_err(|_| wrong())? * scale).round();
    if bytes < 1.0 {
        return Err("it must be at least one byte a second".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    NonZeroU64::new(bytes as u64).ok_or_else(wrong)
}

fn scale(unit: &str) -> Option<f64> {
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit);
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(1024_f64.powi(power))
}

/// The sources of one `--from`.
#[derive(Debug, Clone)]
pub(super) struct Sources(pub(super) Vec<SourceSpec>);

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
    fn rates_count_in_powers_of_1024() {
        for (text, expected) in [
            ("1", 1),
            ("500K", 512_000),
            ("500kB", 512_000),
            ("10M", 10_485_760),
            ("10 MiB/s", 10_485_760),
            ("1.5MiB", 1_572_864),
            ("1g", 1 << 30),
            ("2T", 2 << 40),
            (".5k", 512),
        ] {
            assert_eq!(rate(text).map(NonZeroU64::get), Ok(expected), "{text:?}");
        }
        for text in ["", "0", "0M", "0.4", "-1", "M", "10X", "10MM", "1.2.3", "inf", "nan", "1e3"] {
            assert!(rate(text).is_err(), "{text:?}");
        }
        assert_eq!(rate(&"9".repeat(400)).map(NonZeroU64::get), Ok(u64::MAX));
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
