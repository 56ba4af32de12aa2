//! Servers and proxies from Debian's packages, each as a child of the test.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::sandbox::Sandbox;
use super::{is_installed, may_skip, process, wait_until};

/// A running server or proxy. It is killed when the value is dropped.
pub struct Daemon {
    child: Child,
    port: u16,
}

/// The surroundings of a server that is about to start.
pub struct Place {
    /// The port on which it must listen.
    pub port: u16,
    /// A folder of its own, to which every user can write.
    pub folder: PathBuf,
    /// The folder that it serves.
    pub served: PathBuf,
}

impl Place {
    /// Writes a file into the folder of the server, and returns its path.
    pub fn put(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Daemon {
    /// Starts a program with the arguments that `arguments` returns for its place. Returns `None`
    /// to skip the test.
    pub fn start(
        sandbox: &Sandbox,
        (program, package): (&str, &str),
        arguments: impl Fn(&Place) -> Vec<String>,
    ) -> Option<Self> {
        if !is_installed(program) && may_skip(program, package) {
            return None;
        }
        let (folder, served) = (sandbox.path(program), sandbox.path("served"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(&served).unwrap();
        // Some run as another user.
        fs::set_permissions(sandbox.root(), Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let log = folder.join("output");
        // Another process may take the port first.
        let start = |_| {
            let port = process::free_port();
            let place = Place { port, folder: folder.clone(), served: served.clone() };
            let output = fs::File::create(&log).unwrap();
            let mut child = Command::new(program)
                .args(arguments(&place))
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output)
                .spawn()
                .unwrap();
            let mut has_ended = false;
            wait_until(program, || {
                has_ended = child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            (!has_ended).then_some(Self { child, port })
        };
        (0..3).find_map(start).or_else(|| {
            panic!("{program} does not start:\n{}", fs::read_to_string(&log).unwrap_or_default())
        })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A server that is told to end takes its workers with it.
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
