//! Numbers for people. Units of bytes are powers of 1024 and named accordingly.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Formats a number of bytes with three digits: `512 B`, `1.87 GiB`, `42.0 GiB`.
pub fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // A value that rounds to 1024 is 1 of the next unit.
    while value >= 1023.5 {
        value /= 1024.0;
        unit = units.next();
    }
    let unit = unit.unwrap_or(&"");
    match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

/// Formats a part of a number of bytes in the unit of the whole: `2.9 of 42.0 GiB`. The part is
/// rounded down, so that it equals the whole only if all is done.
pub fn part(done: u64, whole: u64) -> String {
    let text = bytes(whole);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    if done >= whole {
        return format!("{number} of {text}");
    }
    let digits = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let power = UNITS.iter().position(|name| *name == unit).map_or(0, |index| index + 1);
    let scale = (0..power).fold(1.0, |scale, _| scale * 1024.0);
    let step = (0..digits).fold(1.0, |step, _| step * 10.0);
    let value = (done as f64 / scale * step).floor() / step;
    format!("{value:.digits$} of {text}")
}

/// Formats a rate: `45.1 MiB/s`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub fn rate(bytes_a_second: f64) -> String {
    format!("{}/s", bytes(bytes_a_second.round() as u64))
}

/// Formats a time in its two largest units: `0.4 s`, `38 s`, `4 min 12 s`, `2 h 05 min`, `3 d 4 h`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// Formats an estimate of the time left, less exactly: `38 s`, `11 min`, `2 h 05 min`.
pub fn estimate(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => duration(time),
    }
}

/// Formats an estimate in at most six characters: `38 s`, `99 min`, `12 h`, `4 d`.
pub fn short_estimate(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..5941 => format!("{} min", seconds.div_ceil(60)),
        5941..172_800 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} d", seconds.div_ceil(86_400)),
    }
}

/// Returns the share that is done in whole percent, 100 only if all is done.
pub fn percent(done: u64, whole: u64) -> u64 {
    if done >= whole {
        return 100;
    }
    u64::try_from(u128::from(done) * 100 / u128::from(whole)).unwrap_or(99)
}

/// Returns a number with the word for its things: `1 image`, `2 images`.
pub fn count<N: fmt::Display + PartialEq + From<u8> + Copy>(number: N, thing: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Returns the verb for a number of things: `1 is`, `2 are`.
pub fn are<N: PartialEq + From<u8> + Copy>(number: N) -> &'static str {
    if number == N::from(1) { "is" } else { "are" }
}

/// Parses a rate in bytes a second: a number, which may have a fraction, and a unit in powers of
/// 1024, such as `10M` or `1.5MiB`.
///
/// # Errors
///
/// Fails if it is not such a rate. The error says what it must be.
pub fn parse_rate(text: &str) -> Result<NonZeroU64, &'static str> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("/s").unwrap_or(&lower);
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let expected = "it must be bytes a second, such as 500K, 10M or 1.5MiB";
    let scale = scale(unit.trim_start()).ok_or(expected)?;
    let bytes = (number.parse::<f64>().map_err(|_| expected)? * scale).round();
    if bytes < 1.0 {
        return Err("it must be at least one byte a second");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    NonZeroU64::new(bytes as u64).ok_or(expected)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_229, "9.99 KiB"),
            (10_239, "10.0 KiB"),
            (1_048_575, "1.00 MiB"),
            (2_008_470_987, "1.87 GiB"),
            (45_079_862_784, "42.0 GiB"),
            (500 << 20, "500 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
        assert_eq!(rate(45.1 * 1_048_576.0), "45.1 MiB/s");
        assert_eq!(rate(f64::NAN), "0 B/s");
    }

    #[test]
    fn a_part_has_the_unit_of_the_whole() {
        const GIB: u64 = 1 << 30;
        for (done, whole, text) in [
            (0, 0, "0 of 0 B"),
            (5, 1023, "5 of 1023 B"),
            (0, 5 << 20, "0.00 of 5.00 MiB"),
            (3 * GIB - 1, 45_079_862_784, "2.9 of 42.0 GiB"),
            (45_079_862_783, 45_079_862_784, "41.9 of 42.0 GiB"),
            (45_079_862_784, 45_079_862_784, "42.0 of 42.0 GiB"),
            (12 << 20, 500 << 20, "12 of 500 MiB"),
            (GIB, 2_008_470_987, "1.00 of 1.87 GiB"),
            (9, 5, "5 of 5 B"),
            (1, u64::MAX, "0.0 of 16.0 EiB"),
        ] {
            assert_eq!(part(done, whole), text, "{done} of {whole}");
        }
    }

    #[test]
    fn a_short_estimate_has_six_characters() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "2 min"),
            (5940, "99 min"),
            (5941, "2 h"),
            (172_799, "48 h"),
            (172_801, "3 d"),
            (315_359_999, "3650 d"),
        ] {
            let short = short_estimate(Duration::from_secs(seconds));
            assert_eq!(short, text);
            assert!(short.len() <= 6);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text, rough) in [
            (0.44, "0.4 s", "0 s"),
            (38.9, "38 s", "38 s"),
            (252.0, "4 min 12 s", "5 min"),
            (3599.0, "59 min 59 s", "60 min"),
            (7500.0, "2 h 05 min", "2 h 05 min"),
            (273_600.0, "3 d 4 h", "3 d 4 h"),
        ] {
            let time = Duration::from_secs_f64(seconds);
            assert_eq!((duration(time).as_str(), estimate(time).as_str()), (text, rough));
        }
    }

    #[test]
    fn percents_reach_100_only_at_the_end() {
        for (done, whole, expected) in [
            (0, 0, 100),
            (0, 5, 0),
            (999, 1000, 99),
            (5, 5, 100),
            (9, 5, 100),
            (u64::MAX - 1, u64::MAX, 99),
        ] {
            assert_eq!(percent(done, whole), expected, "{done} of {whole}");
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
            assert_eq!(parse_rate(text).map(NonZeroU64::get), Ok(expected), "{text:?}");
        }
        for text in ["", "0", "0M", "0.4", "-1", "M", "10X", "10MM", "1.2.3", "inf", "nan", "1e3"] {
            assert!(parse_rate(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_rate(&"9".repeat(400)).map(NonZeroU64::get), Ok(u64::MAX));
    }
}
