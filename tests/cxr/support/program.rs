//! The command line of one run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::outcome::Outcome;
use super::process::Running;
use super::sandbox::Sandbox;
use super::{is_installed, may_skip};

/// A command that has not been started.
pub struct Cxr {
    /// The command that starts the program, such as `unshare`.
    before: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    folder: PathBuf,
    deadline: Duration,
}

impl Cxr {
    pub fn new<I: AsRef<OsStr>>(sandbox: &Sandbox, arguments: impl IntoIterator<Item = I>) -> Self {
        let cxr = Self {
            before: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: sandbox.root().to_owned(),
            deadline: Duration::from_secs(30),
        };
        cxr.env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", sandbox.path("home"))
            .env("LANG", "C.UTF-8")
            .env("RUST_BACKTRACE", "1")
            .env("CXR_BACKOFF_MS", "20")
            .args(arguments)
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets another folder for the archives of a fetch.
    pub fn dir(mut self, folder: impl AsRef<OsStr>) -> Self {
        let place = self.arguments.iter().position(|word| word == "--dir").expect("a folder");
        folder.as_ref().clone_into(&mut self.arguments[place + 1]);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the chunk size, so that a small archive has many chunks.
    pub fn chunk(self, bytes: u64) -> Self {
        self.env("CXR_CHUNK", bytes.to_string())
    }

    /// Kills the process when it reaches a crash point for the `number`th time.
    pub fn dies_at(self, point: &str, number: u32) -> Self {
        self.env("CXR_FAULT_DIE", format!("{point}:{number}"))
    }

    /// Injects disk faults by the rules of `src/disk/fault_injection.rs`.
    pub fn disk_faults(self, rules: &str) -> Self {
        self.env("CXR_FAULT_DISK", rules)
    }

    /// Starts the program with another one, such as `unshare`.
    pub fn started_by<I: AsRef<OsStr>>(mut self, before: impl IntoIterator<Item = I>) -> Self {
        self.before.extend(before.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// As [`Cxr::started_by`], with a program that must be installed. Returns `None` to skip the test.
    pub fn started_by_installed(self, before: &[&str], package: &str) -> Option<Self> {
        let program = before[0];
        if !is_installed(program) && may_skip(program, package) {
            return None;
        }
        Some(self.started_by(before))
    }

    /// Lets a system call fail from the `from`th time on. Returns `None` to skip the test.
    pub fn failing_call(self, call: &str, error: &str, from: u32) -> Option<Self> {
        let (trace, inject) =
            (format!("trace={call}"), format!("inject={call}:error={error}:when={from}+"));
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
        self.started_by_installed(&strace, "strace")
    }

    /// Runs without the rights of root, to which file permissions do not apply.
    pub fn unprivileged(self) -> Self {
        if rustix::process::geteuid().is_root() {
            self.started_by(["unshare", "--user"])
        } else {
            self
        }
    }

    /// Sets the current folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Runs to the end. Fails if that takes longer than half a minute.
    #[track_caller]
    pub fn run(self) -> Outcome {
        let deadline = self.deadline;
        self.spawn().wait_for(deadline)
    }

    /// Runs to the end, asserts the exit status and returns the report.
    #[track_caller]
    pub fn report(self, status: i32) -> super::Report {
        self.run().exits(status).report()
    }

    #[track_caller]
    pub fn spawn(self) -> Running {
        let shown = self.shown();
        Running::start(self.command(), shown)
    }

    /// The command itself, for tests that connect its streams.
    pub fn command(self) -> Command {
        let mut words = self.before;
        words.push(env!("CARGO_BIN_EXE_cxr").into());
        words.extend(self.arguments);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(self.environment)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn shown(&self) -> String {
        let words = self
            .before
            .iter()
            .chain([&OsString::from("cxr")])
            .chain(&self.arguments)
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>();
        words.join(" ")
    }
}
