//! `--limit-rate-file`: reads the rate from a file during a run.

use std::fmt;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::disk;
use crate::event::{Event, Listener};
use crate::text::{escape, units};

/// The time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);

/// The longest rate in bytes; more of the file is not read.
const LONGEST: usize = 64;

/// Bytes a second; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub Option<NonZeroU64>);

/// The file, and the rate that it last held.
#[derive(Debug)]
pub(crate) struct RateFile<'a> {
    file: &'a Path,
    /// The limit while the file holds none.
    default: Limit,
    listener: Reporter<'a>,
    last: Mutex<LastReading>,
}

struct Reporter<'a>(&'a dyn Listener);

impl fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listener")
    }
}

#[derive(Debug)]
struct LastReading {
    next: Option<Instant>,
    limit: Limit,
    /// The error that was last reported.
    error: Option<String>,
}

impl<'a> RateFile<'a> {
    /// While there is no such file, or it holds `none`, the rate is `default`.
    pub(crate) fn new(
        file: &'a Path,
        default: Option<NonZeroU64>,
        listener: &'a dyn Listener,
    ) -> Self {
        let default = Limit(default);
        let last = Mutex::new(LastReading { next: None, limit: default, error: None });
        Self { file, default, listener: Reporter(listener), last }
    }

    /// The rate, if it has changed. Reads the file once a second at most.
    pub(crate) fn changed(&self, now: Instant) -> Option<Limit> {
        let mut last = self.last.lock();
        if last.next.is_some_and(|next| now < next) {
            return None;
        }
        last.next = Some(now + INTERVAL);
        match self.read() {
            Ok(None) => None,
            Ok(Some(limit)) => {
                last.error = None;
                let before = std::mem::replace(&mut last.limit, limit);
                (before != limit).then(|| {
                    self.report(&format!("the limit is now {limit}"));
                    limit
                })
            }
            Err(error) => {
                if last.error.as_ref() != Some(&error) {
                    self.report(&format!("{error}; the limit stays {}", last.limit));
                    last.error = Some(error);
                }
                None
            }
        }
    }

    fn report(&self, text: &str) {
        let message = format!("{}: {text}", escape::path(self.file));
        self.listener.0.on(Event::Notice { message: &message });
    }

    /// The rate in the file; `None` if the file is empty, as while it is being written.
    fn read(&self) -> Result<Option<Limit>, String> {
        let bytes = match disk::read(self.file, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(self.default)),
            Err(error) => return Err(error.to_string()),
        };
        let text = String::from_utf8_lossy(&bytes);
        match text.trim() {
            "" => Ok(None),
            "none" => Ok(Some(self.default)),
            text => match units::parse_rate(text) {
                Ok(rate) => Ok(Some(Limit(Some(rate)))),
                Err(error) => Err(format!("`{}`: {error}", escape::text(text))),
            },
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => f.write_str(&units::rate(rate.get() as f64)),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Records every message.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Listener for Recorder {
        fn on(&self, event: Event<'_>) {
            if let Event::Notice { message } = event {
                let end = message.split_once(": ").unwrap().1;
                self.0.lock().push(end.to_owned());
            }
        }
    }

    #[test]
    fn the_file_is_read_once_a_second_and_a_change_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, recorder) = (dir.path().join("rate"), Recorder::default());
        let rate_file = RateFile::new(&file, NonZeroU64::new(1024), &recorder);
        let mut now = Instant::now();
        for (text, changed, told) in [
            (None, None, None),
            (Some("2M\n"), Some(2 << 20), Some("the limit is now 2.00 MiB/s")),
            (Some("2048K"), None, None),
            (Some(""), None, None),
            (
                Some("fast\u{1b}[2J"),
                None,
                Some(
                    "`fast\\u{1b}[2J`: it must be bytes a second, such as 500K, 10M or 1.5MiB; \
                     the limit stays 2.00 MiB/s",
                ),
            ),
            (Some("fast\u{1b}[2J"), None, None),
            (Some(" none "), Some(1024), Some("the limit is now 1.00 KiB/s")),
            (Some("5G"), Some(5 << 30), Some("the limit is now 5.00 GiB/s")),
            (None, Some(1024), Some("the limit is now 1.00 KiB/s")),
        ] {
            match text {
                Some(text) => fs::write(&file, text).unwrap(),
                None => assert!(
                    std::process::Command::new("rm")
                        .arg("-f")
                        .arg(&file)
                        .status()
                        .unwrap()
                        .success()
                ),
            }
            assert_eq!(rate_file.changed(now), changed.map(|rate| Limit(NonZeroU64::new(rate))));
            assert_eq!(rate_file.changed(now + INTERVAL / 2), None, "not before its time");
            let lines = std::mem::take(&mut *recorder.0.lock());
            assert_eq!(lines.first().map(String::as_str), told, "{text:?}");
            now += INTERVAL;
        }
    }
}
