//! A run in progress.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::outcome::Outcome;

/// A child process whose output is collected. It is killed when the value is dropped.
pub struct Running {
    child: Child,
    shown: String,
    begun: Instant,
    stdout: Collector,
    stderr: Collector,
}

/// A thread that reads a stream to its end.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    #[track_caller]
    pub fn start(mut command: Command, shown: String) -> Self {
        let begun = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let stdout = Collector::of(child.stdout.take());
        let stderr = Collector::of(child.stderr.take());
        Self { child, shown, begun, stdout, stderr }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().unwrap();
        self.wait_for(Duration::from_secs(10))
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The standard output so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout.bytes.lock().unwrap()).into_owned()
    }

    /// The standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes.lock().unwrap()).into_owned()
    }

    /// Waits until `is_true` returns true while the program runs. Fails with its output if it ends
    /// before, or after twenty seconds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut is_true: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_true() {
            let runs = self.is_running();
            assert!(
                runs && Instant::now() < deadline,
                "{}\nwaited for {what}; it {}\n{}",
                self.shown,
                if runs { "still runs" } else { "has ended" },
                self.stderr()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until standard error contains `words`.
    #[track_caller]
    pub fn until_it_says(&mut self, words: &str) {
        let bytes = Arc::clone(&self.stderr.bytes);
        self.until(words, || String::from_utf8_lossy(&bytes.lock().unwrap()).contains(words));
    }

    #[track_caller]
    pub fn wait(self) -> Outcome {
        self.wait_for(Duration::from_secs(30))
    }

    /// Waits for the end. Kills the process and fails after `deadline`.
    #[track_caller]
    pub fn wait_for(mut self, deadline: Duration) -> Outcome {
        let limit = Instant::now() + deadline;
        let mut in_time = true;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > limit && in_time {
                in_time = false;
                self.child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(1));
        };
        let outcome = Outcome {
            command: self.shown.clone(),
            status: status.code(),
            signal: status.signal(),
            elapsed: self.begun.elapsed(),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        };
        assert!(in_time, "killed after {deadline:?}\n{outcome}");
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collector {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let thread = stream.map(|mut stream| {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || {
                let mut piece = [0; 8192];
                while let Ok(read @ 1..) = stream.read(&mut piece) {
                    bytes.lock().unwrap().extend_from_slice(&piece[..read]);
                }
            })
        });
        Self { bytes, thread }
    }

    fn finish(&mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

/// Returns a port that is free now; another process may take it.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
