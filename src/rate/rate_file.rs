//! `--limit-rate-file`: a file in which the rate stands, looked at while the run goes on.

use std::fmt;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::disk;
use crate::event::{Event, Listener};
use crate::text::{escape, units};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A rate is shorter than this; more of the file is not read.
const LONGEST: usize = 64;

/// Bytes a second; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub Option<NonZeroU64>);

/// The file, and what it last said.
#[derive(Debug)]
pub(crate) struct RateFile<'a> {
    file: &'a Path,
    /// What holds while the file says nothing.
    otherwise: Limit,
    listener: Told<'a>,
    seen: Mutex<Seen>,
}

/// Whoever is told of another rate.
struct Told<'a>(&'a dyn Listener);

impl fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listener")
    }
}

#[derive(Debug)]
struct Seen {
    next: Option<Instant>,
    limit: Limit,
    /// What could not be read, and was told of.
    wrong: Option<String>,
}

impl<'a> RateFile<'a> {
    /// The dial that is this file; without it, or with `none` in it, the rate is `otherwise`.
    pub(crate) fn new(
        file: &'a Path,
        otherwise: Option<NonZeroU64>,
        listener: &'a dyn Listener,
    ) -> Self {
        let otherwise = Limit(otherwise);
        let seen = Mutex::new(Seen { next: None, limit: otherwise, wrong: None });
        Self { file, otherwise, listener: Told(listener), seen }
    }

    /// The rate, if it is another one than the last time; at most once a second it is looked at.
    pub(crate) fn turned(&self, now: Instant) -> Option<Limit> {
        let mut seen = self.seen.lock();
        if seen.next.is_some_and(|next| now < next) {
            return None;
        }
        seen.next = Some(now + EVERY);
        match self.read() {
            Ok(None) => None,
            Ok(Some(limit)) => {
                seen.wrong = None;
                let before = std::mem::replace(&mut seen.limit, limit);
                (before != limit).then(|| {
                    self.tell(&format!("the limit is now {limit}"));
                    limit
                })
            }
            Err(wrong) => {
                if seen.wrong.as_ref() != Some(&wrong) {
                    self.tell(&format!("{wrong}; the limit stays {}", seen.limit));
                    seen.wrong = Some(wrong);
                }
                None
            }
        }
    }

    fn tell(&self, words: &str) {
        let message = format!("{}: {words}", escape::path(self.file));
        self.listener.0.on(Event::Notice { message: &message });
    }

    /// The rate in the file; nothing where it is empty, as while somebody writes it.
    fn read(&self) -> Result<Option<Limit>, String> {
        let bytes = match disk::read(self.file, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(self.otherwise)),
            Err(error) => return Err(error.to_string()),
        };
        let text = String::from_utf8_lossy(&bytes);
        match text.trim() {
            "" => Ok(None),
            "none" => Ok(Some(self.otherwise)),
            text => match units::parse_rate(text) {
                Ok(rate) => Ok(Some(Limit(Some(rate)))),
                Err(wrong) => Err(format!("`{}`: {wrong}", escape::text(text))),
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

    /// Notes every message.
    #[derive(Default)]
    struct Paper(Mutex<Vec<String>>);

    impl Listener for Paper {
        fn on(&self, event: Event<'_>) {
            if let Event::Notice { message } = event {
                let end = message.split_once(": ").unwrap().1;
                self.0.lock().push(end.to_owned());
            }
        }
    }

    #[test]
    fn it_is_looked_at_once_a_second_and_told_of_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, paper) = (dir.path().join("rate"), Paper::default());
        let dial = RateFile::new(&file, NonZeroU64::new(1024), &paper);
        let mut now = Instant::now();
        for (text, turned, told) in [
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
                None => drop(rustix::fs::unlink(&file)),
            }
            assert_eq!(dial.turned(now), turned.map(|rate| Limit(NonZeroU64::new(rate))));
            assert_eq!(dial.turned(now + EVERY / 2), None, "not before its time");
            let lines = std::mem::take(&mut *paper.0.lock());
            assert_eq!(lines.first().map(String::as_str), told, "{text:?}");
            now += EVERY;
        }
    }
}
