//! Numbers on the way, in words.

use std::ops::Range;
use std::time::Duration;

use super::meter::time_left;
use crate::event::Activity;
use crate::locate::Damage;
use crate::text::{escape, units};

/// `12.3 of 42.0 GiB (29 %), 45.1 MiB/s, 11 min left`, as far as there is something to say.
pub(super) fn position(done: u64, whole: Option<u64>, rate: f64) -> String {
    let mut words = match whole {
        Some(whole) => {
            format!("{} ({} %)", of(done, whole), units::percent(done, whole))
        }
        None => units::bytes(done),
    };
    words.push_str(", ");
    words.push_str(&units::rate(rate));
    let left = whole.and_then(|whole| time_left(whole.saturating_sub(done), rate));
    if let Some(left) = left {
        words.push_str(", ");
        words.push_str(&units::estimate(left));
        words.push_str(" left");
    }
    words
}

/// `12.3 of 42.0 GiB`; both units where they differ.
fn of(done: u64, whole: u64) -> String {
    let (done, whole) = (units::bytes(done), units::bytes(whole));
    match (done.split_once(' '), whole.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {whole}"),
        _ => format!("{done} of {whole}"),
    }
}

/// What is being done with an archive.
pub(super) fn activity(activity: Activity) -> &'static str {
    match activity {
        Activity::Verify => "verify",
        Activity::Fetch => "fetch",
        Activity::Locate => "locate",
        Activity::Mend => "mend",
    }
}

/// A failed attempt.
pub(super) fn retrying(archive: &str, reason: &str, wait: Duration) -> String {
    let (archive, reason) = (escape::text(archive), escape::text(reason));
    if wait.is_zero() {
        return format!("{archive}: {reason}; trying again");
    }
    format!("{archive}: {reason}; trying again in {}", units::duration(wait))
}

/// A damage, and what is done about it.
pub(super) fn damaged(archive: &str, damage: &Damage, bytes: u64) -> String {
    let Range { start, end } = damage.range;
    let member = damage
        .member
        .as_deref()
        .map_or_else(String::new, |member| format!(" ({})", escape::text(member)));
    let (archive, bytes) = (escape::text(archive), units::bytes(bytes));
    format!("{archive}: damaged at bytes {start} to {end}{member}; fetching {bytes} anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_position_says_how_much_how_fast_and_how_long() {
        let rate = 45.1 * 1_048_576.0;
        assert_eq!(
            position(12 * GIB, Some(42 * GIB), rate),
            "12.0 of 42.0 GiB (28 %), 45.1 MiB/s, 12 min left"
        );
        assert_eq!(position(5, Some(GIB), 0.0), "5 B of 1.00 GiB (0 %), 0 B/s");
        assert_eq!(position(GIB, None, 0.0), "1.00 GiB, 0 B/s");
        assert_eq!(position(GIB, Some(GIB), 1e9), "1.00 of 1.00 GiB (100 %), 954 MiB/s, 0 s left");
    }

    #[test]
    fn what_a_server_says_is_escaped() {
        let line = retrying("a", "HTTP 503 \u{1b}[2J", Duration::from_secs(4));
        assert_eq!(line, "a: HTTP 503 \\u{1b}[2J; trying again in 4.0 s");
    }
}
