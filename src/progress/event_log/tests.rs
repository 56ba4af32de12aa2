use serde_json::{Value, json};

use super::*;
use crate::event::Activity;
use crate::report::ArchiveReport;
use crate::verdict::Verdict;

/// An output that a test can read during the run. While a test holds the lock, writes block.
#[derive(Clone, Default)]
struct SharedOutput(Arc<Mutex<Vec<u8>>>);

impl Write for SharedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedOutput {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const NEVER: Duration = Duration::from_hours(1);

fn log(output: &SharedOutput, interval: Duration) -> EventLog {
    EventLog::with("fetch", Box::new(output.clone()), interval).unwrap()
}

fn begun(archive: &str) -> Event<'_> {
    Event::Begun { archive, source: None, activity: Activity::Fetch, size: Some(10) }
}

fn finish(log: EventLog) {
    let report = Report::new("fetch", vec![ArchiveReport::new("a", Verdict::Missing)], 1.0);
    log.finish(&report, ExitStatus::Bad).unwrap();
}

/// The members of a line except its time.
fn without_time(line: &Value) -> Value {
    let mut line = line.clone();
    assert!(line.as_object_mut().unwrap().remove("seconds").unwrap().is_number());
    line
}

#[test]
fn each_event_has_a_line_except_positions() {
    let output = SharedOutput::default();
    let log = log(&output, NEVER);
    log.on(Event::Planned { archives: &["a".to_owned()], bytes: 10 });
    log.on(begun("a"));
    log.on(Event::Position { archive: "a", source: None, done: 0 });
    log.on(Event::Position { archive: "a", source: None, done: 4 });
    let wait = Duration::from_millis(800);
    log.on(Event::Retrying { archive: "a", source: Some("m"), reason: "HTTP 503", wait });
    log.on(Event::Notice { message: "x" });
    log.on(Event::Settled(&ArchiveReport::new("a", Verdict::Missing)));
    finish(log);
    let lines = output.lines();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["started", "progress", "begun", "retry", "notice", "verdict", "summary"]);
    assert!(output.0.lock().starts_with(EventLog::HEAD.as_bytes()));
    let schema = "cxr.events/1";
    assert_eq!(
        without_time(&lines[3]),
        json!({"schema": schema, "event": "retry", "archive": "a", "source": "m",
            "reason": "HTTP 503", "wait_seconds": 0.8, "retries": 1})
    );
    assert_eq!(
        without_time(&lines[6]),
        json!({"schema": schema, "event": "summary", "ok": false, "exit_status": 1, "error": null,
            "summary": {"missing": 1, "bytes_downloaded": 0, "seconds": 1.0},
            "archives": 1, "settled": 1, "bytes_done": 4, "bytes_total": 4, "bytes_moved": 4,
            "retries": 1, "lost": 0})
    );
    let times: Vec<_> = lines.iter().map(|line| line["seconds"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn the_state_comes_once_an_interval_even_with_many_events() {
    let output = SharedOutput::default();
    let interval = Duration::from_millis(20);
    let log = log(&output, interval);
    log.on(begun("a"));
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < interval * 10 {
        done += 1;
        log.on(Event::Position { archive: "a", source: None, done });
        log.on(Event::Notice { message: "x" });
        thread::sleep(Duration::from_millis(1));
    }
    finish(log);
    let lines = output.lines();
    let progress: Vec<_> = lines.iter().filter(|line| line["event"] == "progress").collect();
    let most = start.elapsed().as_millis() / interval.as_millis() + 1;
    assert!((1..=most).contains(&(progress.len() as u128)), "{} of {most}", progress.len());
    let bar = &progress[0]["active"][0];
    assert_eq!((&bar["archive"], &bar["activity"]), (&json!("a"), &json!("fetch")));
}

#[test]
fn a_slow_reader_delays_nobody_and_loses_no_verdict() {
    let output = SharedOutput::default();
    let log = log(&output, NEVER);
    let held = output.0.lock();
    for _ in 0..MAX_WAITING + 500 {
        log.on(Event::Notice { message: "x" });
    }
    log.on(Event::Settled(&ArchiveReport::new("a", Verdict::Missing)));
    drop(held);
    finish(log);
    let lines = output.lines();
    assert!((MAX_WAITING..MAX_WAITING + 10).contains(&lines.len()), "{}", lines.len());
    assert!(lines.iter().any(|line| line["event"] == "verdict"));
    let lost = lines.last().unwrap()["lost"].as_u64().unwrap();
    assert!((490..=500).contains(&lost), "{lost}");
}

#[test]
fn a_reader_that_has_gone_away_is_no_error_and_a_full_disk_is() {
    struct Broken(ErrorKind);
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (kind, is_ok) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
        let log = EventLog::start("verify", Box::new(Broken(kind))).unwrap();
        let end = log.finish(&Report::new("verify", vec![], 0.0), ExitStatus::Failed);
        assert_eq!(end.is_ok(), is_ok, "{end:?}");
    }
}

#[test]
fn control_characters_for_terminals_and_ci_logs_are_escaped() {
    let output = SharedOutput::default();
    let log = log(&output, NEVER);
    log.on(Event::Notice { message: "\u{1b}[2J\n##[error]\u{202e}" });
    finish(log);
    let text = String::from_utf8(output.0.lock().clone()).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("##["), "{text:?}");
    assert_eq!(output.lines()[1]["message"], "\u{1b}[2J\n##[error]\u{202e}");
}
