//! nginx from Debian's packages, as a child of the test.

use std::fmt::Write;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::authority::{Authority, Certificate};
use super::sandbox::Sandbox;
use super::{is_installed, may_skip, process, wait_until};

/// A running nginx that serves the sandbox's folder `served`.
pub struct Nginx {
    child: Child,
    port: u16,
    tls: bool,
    log: PathBuf,
}

impl Nginx {
    /// Starts nginx over HTTP, with `directives` in its `server` block. Returns `None` to skip the
    /// test.
    pub fn plain(sandbox: &Sandbox, directives: &str) -> Option<Self> {
        Self::start(sandbox, None, directives)
    }

    /// Starts nginx over HTTPS, with a certificate of [`Authority::get`]. Returns `None` to skip
    /// the test.
    pub fn tls(sandbox: &Sandbox, directives: &str) -> Option<Self> {
        Self::tls_with(sandbox, Certificate::Good, directives)
    }

    /// As [`Nginx::tls`], with any kind of certificate.
    pub fn tls_with(sandbox: &Sandbox, certificate: Certificate, directives: &str) -> Option<Self> {
        Self::start(sandbox, Some(certificate), directives)
    }

    fn start(
        sandbox: &Sandbox,
        certificate: Option<Certificate>,
        directives: &str,
    ) -> Option<Self> {
        let tls = certificate.is_some();
        if !is_installed("nginx") && may_skip("nginx", "nginx-light") {
            return None;
        }
        if tls && !is_installed("openssl") && may_skip("openssl", "openssl") {
            return None;
        }
        fs::create_dir_all(sandbox.path("served")).unwrap();
        let prefix = sandbox.path(if tls { "nginx-tls" } else { "nginx" });
        fs::create_dir_all(&prefix).unwrap();
        // Another process may take the port before nginx does.
        let start = |_| Self::try_start(sandbox, &prefix, certificate, directives);
        (0..5).find_map(start).or_else(|| {
            let log = fs::read_to_string(prefix.join("error.log")).unwrap_or_default();
            panic!("nginx does not start:\n{log}")
        })
    }

    fn try_start(
        sandbox: &Sandbox,
        prefix: &Path,
        certificate: Option<Certificate>,
        directives: &str,
    ) -> Option<Self> {
        let (port, tls) = (process::free_port(), certificate.is_some());
        let config = configuration(sandbox, prefix, port, certificate, directives);
        fs::write(prefix.join("nginx.conf"), config).unwrap();
        let child = Self::launch(prefix, port)?;
        Some(Self { child, port, tls, log: prefix.join("access.log") })
    }

    /// Starts nginx with the configuration in `prefix`. Returns `None` if it ends before it
    /// listens.
    fn launch(prefix: &Path, port: u16) -> Option<Child> {
        let mut command = Command::new("nginx");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        command.arg("-p").arg(prefix).arg("-c").arg(prefix.join("nginx.conf"));
        command.arg("-e").arg(prefix.join("error.log"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut ended = false;
        wait_until("nginx to listen", || {
            ended = child.try_wait().unwrap().is_some();
            ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        (!ended).then_some(child)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub fn base(&self) -> String {
        if self.tls {
            format!("https://localhost:{}", self.port)
        } else {
            format!("http://127.0.0.1:{}", self.port)
        }
    }

    /// Kills nginx and starts it again on the same port.
    pub fn restart(mut self) -> Self {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let folder = self.log.parent().unwrap().to_owned();
        let child = Self::launch(&folder, self.port).expect("nginx should start again");
        self.child = child;
        self
    }

    /// One line for each request: status, bytes, range.
    pub fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(
    sandbox: &Sandbox,
    prefix: &Path,
    port: u16,
    certificate: Option<Certificate>,
    directives: &str,
) -> String {
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(temporary, "  {kind}_temp_path {}/{kind};", prefix.display()).unwrap();
    }
    let served = sandbox.path("served");
    let secure = certificate.map(|kind| Authority::get().install(kind, prefix));
    let (ssl, secure) = (if secure.is_some() { " ssl" } else { "" }, secure.unwrap_or_default());
    format!(
        "daemon off;\nmaster_process off;\npid {prefix}/nginx.pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n{temporary}  log_format short '$status $body_bytes_sent $http_range';\n  \
         access_log {prefix}/access.log short;\n  default_type application/octet-stream;\n  \
         server {{\n    listen 127.0.0.1:{port}{ssl};\n{secure}    root \"{served}\";\n    \
         {directives}\n  }}\n}}\n",
        prefix = prefix.display(),
        served = served.display(),
    )
}
