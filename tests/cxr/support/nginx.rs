//! nginx from Debian's packages, as a child of the test.

use std::fmt::Write;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::sandbox::Sandbox;
use super::{is_installed, may_skip, process, wait_until};

/// A running nginx that serves the sandbox's folder `served`.
pub struct Nginx {
    child: Child,
    port: u16,
    tls: bool,
    log: PathBuf,
}

/// A certificate authority of our own, and what it signed for the loopback.
pub struct Authority {
    certificate: String,
    server_certificate: String,
    server_key: String,
}

impl Nginx {
    /// Over plain HTTP, with more directives for its `server` block; `None` to skip.
    pub fn plain(sandbox: &Sandbox, directives: &str) -> Option<Self> {
        Self::start(sandbox, false, directives)
    }

    /// Over HTTPS, with a certificate of [`Authority::get`]; `None` to skip.
    pub fn tls(sandbox: &Sandbox, directives: &str) -> Option<Self> {
        Self::start(sandbox, true, directives)
    }

    fn start(sandbox: &Sandbox, tls: bool, directives: &str) -> Option<Self> {
        if !is_installed("nginx") && may_skip("nginx", "nginx-light") {
            return None;
        }
        if tls && !is_installed("openssl") && may_skip("openssl", "openssl") {
            return None;
        }
        fs::create_dir_all(sandbox.path("served")).unwrap();
        let prefix = sandbox.path(if tls { "nginx-tls" } else { "nginx" });
        fs::create_dir_all(&prefix).unwrap();
        // Another process may take the port between our asking and nginx's.
        (0..5).find_map(|_| Self::try_start(sandbox, &prefix, tls, directives)).or_else(|| {
            let log = fs::read_to_string(prefix.join("error.log")).unwrap_or_default();
            panic!("nginx does not start:\n{log}")
        })
    }

    fn try_start(sandbox: &Sandbox, prefix: &Path, tls: bool, directives: &str) -> Option<Self> {
        let port = process::free_port();
        let config = configuration(sandbox, prefix, port, tls, directives);
        fs::write(prefix.join("nginx.conf"), config).unwrap();
        let child = Self::launch(prefix, port)?;
        Some(Self { child, port, tls, log: prefix.join("access.log") })
    }

    /// Starts it with the configuration in its folder; `None` if it ends before it listens.
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

    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub fn base(&self) -> String {
        if self.tls {
            format!("https://localhost:{}", self.port)
        } else {
            format!("http://127.0.0.1:{}", self.port)
        }
    }

    /// Ends it without a word to its clients, and starts it again on the same port.
    pub fn restart(mut self) -> Self {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let folder = self.log.parent().unwrap().to_owned();
        let child = Self::launch(&folder, self.port).expect("nginx starts again");
        self.child = child;
        self
    }

    /// One line a request: status, bytes, range.
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
    tls: bool,
    directives: &str,
) -> String {
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(temporary, "  {kind}_temp_path {}/{kind};", prefix.display()).unwrap();
    }
    let served = sandbox.path("served");
    let secure = if tls { Authority::get().install(prefix) } else { String::new() };
    let ssl = if tls { " ssl" } else { "" };
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

impl Authority {
    /// The one of this process, made at first use.
    pub fn get() -> &'static Self {
        static MADE: LazyLock<Authority> = LazyLock::new(Authority::make);
        &MADE
    }

    /// Writes the authority's certificate into a sandbox.
    pub fn certificate(&self, sandbox: &Sandbox) -> PathBuf {
        sandbox.put("authority.pem", &self.certificate)
    }

    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = |words: &str| {
            let output = Command::new("openssl")
                .args(words.split_whitespace())
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "openssl {words}\n{output:?}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        fs::write(
            folder.path().join("names"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )
        .unwrap();
        run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=tests"));
        run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
        run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out server.pem");
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        Self {
            certificate: read("ca.pem"),
            server_certificate: read("server.pem"),
            server_key: read("server.key"),
        }
    }

    /// Writes the server's certificate and key; the directives that use them.
    fn install(&self, prefix: &Path) -> String {
        fs::write(prefix.join("server.pem"), &self.server_certificate).unwrap();
        fs::write(prefix.join("server.key"), &self.server_key).unwrap();
        let prefix = prefix.display();
        format!(
            "    ssl_certificate {prefix}/server.pem;\n    \
             ssl_certificate_key {prefix}/server.key;\n"
        )
    }
}
