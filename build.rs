//! Passes the target and the date of the commit on to the program.
#![expect(clippy::disallowed_methods, reason = "cargo passes its values in variables")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if !["linux", "macos", "windows"].contains(&system.as_str()) {
        println!("cargo::error=cxr runs on Linux, macOS and Windows; it has no code for {system}");
    }
    println!("cargo::rustc-env=CXR_TARGET={}", env::var("TARGET").unwrap_or_default());
    let released = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    if let Some(date) = released.map(date).or_else(date_of_commit) {
        println!("cargo::rustc-env=CXR_DATE={date}");
    }
}

/// Returns the date of the commit that is checked out, or `None` outside of a clone of cxr.
fn date_of_commit() -> Option<String> {
    // Not that of another repository around this folder.
    git(&["rev-parse", "--show-cdup"]).filter(String::is_empty)?;
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["log", "-1", "--format=%ct"])?.parse().ok().map(date)
}

/// Returns a line that git prints.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| line.trim().to_owned())
}

/// Returns the day of a time in seconds since 1970, as `YYYY-MM-DD` in UTC.
fn date(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}
