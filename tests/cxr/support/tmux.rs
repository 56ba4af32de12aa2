//! A terminal of any size, in tmux.

use std::path::PathBuf;
use std::process::Command;

use super::sandbox::Sandbox;
use super::{is_installed, may_skip, wait_until};

/// A shell in a terminal. Everything in it ends when the value is dropped.
pub struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Starts a shell in the sandbox, with `cxr` in the variable `CXR`. Returns `None` to skip the
    /// test.
    pub fn start(sandbox: &Sandbox, width: u16, height: u16) -> Option<Self> {
        if !is_installed("tmux") && may_skip("tmux", "tmux") {
            return None;
        }
        sandbox.put("bashrc", "PS1='$ '");
        let tmux = Self { socket: sandbox.path("tmux") };
        let (width, height) = (width.to_string(), height.to_string());
        let start = ["new-session", "-d", "-x", &width, "-y", &height, "bash --rcfile bashrc"];
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&tmux.socket)
            .args(["-f", "/dev/null"])
            .args(start)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", sandbox.path("home"))
            .env("LANG", "C.UTF-8")
            .env("CXR", env!("CARGO_BIN_EXE_cxr"))
            .env("CXR_BACKOFF_MS", "20")
            .current_dir(sandbox.root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        wait_until("the shell", || tmux.shown().contains('$'));
        Some(tmux)
    }

    /// Types text, then Enter.
    pub fn type_line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.press("Enter");
    }

    /// Presses a key, such as `C-c`.
    pub fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    pub fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// The lines on the screen, as they are seen.
    pub fn lines(&self) -> Vec<String> {
        self.shown().lines().map(str::to_owned).collect()
    }

    /// Everything since the start, with wrapped lines in one piece.
    pub fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    fn shown(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output();
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
