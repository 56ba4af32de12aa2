//! Python's `http.server`, which does not support ranges.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::sandbox::Sandbox;
use super::{is_installed, may_skip};

/// A running server of the sandbox's folder `served`.
pub struct PythonServer {
    child: Child,
    port: u16,
}

impl PythonServer {
    /// Starts the server. Returns `None` to skip the test.
    pub fn start(sandbox: &Sandbox) -> Option<Self> {
        if !is_installed("python3") && may_skip("python3", "python3") {
            return None;
        }
        std::fs::create_dir_all(sandbox.path("served")).unwrap();
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(sandbox.path("served"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line
            .split_once(" port ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("python3 says {line:?}"));
        Some(Self { child, port })
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
