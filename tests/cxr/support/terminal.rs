//! A pseudo-terminal.

use std::process::Command;

use super::sandbox::Sandbox;

/// Runs a command on a pseudo-terminal and returns its output. Returns `None` to skip the test.
pub fn on_a_terminal(
    sandbox: &Sandbox,
    command: &str,
    environment: &[(&str, &str)],
) -> Option<String> {
    let script = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .envs(environment.iter().copied())
        .env("CXR", env!("CARGO_BIN_EXE_cxr"))
        .current_dir(sandbox.root())
        .output();
    let Ok(output) = script else {
        eprintln!("skipped: `script` is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
