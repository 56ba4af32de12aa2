//! Host names and addresses for one test: the program runs in a mount name space in which the files
//! that configure name resolution are replaced.

use std::fmt::Write;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::program::Cxr;
use super::sandbox::Sandbox;

/// A configuration of name resolution.
pub struct NameResolution {
    script: PathBuf,
}

/// A name server on the loopback that knows one name and fails at first. Its thread ends with the
/// process.
pub struct NameServer {
    address: String,
    questions: Arc<AtomicU32>,
}

impl NameResolution {
    /// Resolves names by a file like `/etc/hosts`. Returns `None`, and says so, if that is not
    /// allowed.
    pub fn hosts(sandbox: &Sandbox, lines: &str) -> Option<Self> {
        Self::put(sandbox, &[("hosts", lines), ("nsswitch.conf", "hosts: files\n")])
    }

    /// Resolves names by a name server only.
    pub fn server(sandbox: &Sandbox, server: &NameServer) -> Option<Self> {
        let resolver = format!("nameserver {}\noptions timeout:5 attempts:1\n", server.address);
        let files = [("hosts", ""), ("nsswitch.conf", "hosts: dns\n"), ("resolv.conf", &*resolver)];
        Self::put(sandbox, &files)
    }

    fn put(sandbox: &Sandbox, files: &[(&str, &str)]) -> Option<Self> {
        let mut mounts = String::new();
        for (name, text) in files {
            let own = sandbox.put(format!("etc/{name}"), text);
            // A file that does not exist cannot be mounted over.
            writeln!(mounts, "mount --bind '{}' /etc/{name} &&", own.display()).unwrap();
        }
        let script = sandbox.put("with-names", format!("{mounts}exec \"$@\"\n"));
        let mut check = Command::new("unshare");
        check.args(["--user", "--map-root-user", "--mount", "sh"]).arg(&script).arg("true");
        if !check.output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this machine does not allow its name resolution to be replaced");
            return None;
        }
        Some(Self { script })
    }

    /// Applies the configuration to a run.
    pub fn applied_to(&self, cxr: Cxr) -> Cxr {
        let words = ["unshare", "--user", "--map-root-user", "--mount", "sh"];
        cxr.started_by(words).started_by([&self.script])
    }
}

impl NameServer {
    /// Answers SERVFAIL to the first `failures` questions, and then that `name` is 127.0.0.1 and no
    /// other name exists. Returns `None`, and says so, if port 53 is not available.
    pub fn of(name: &'static str, failures: u32) -> Option<Self> {
        // Each server needs its own address, since the port is always the same.
        let mut random = fastrand::Rng::new();
        let address = format!("127.{}.{}.{}", random.u8(1..), random.u8(..), random.u8(1..255));
        let Ok(socket) = UdpSocket::bind((&*address, 53)) else {
            eprintln!("skipped: port 53 is not available on this machine");
            return None;
        };
        let questions = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&questions);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let fails = count.fetch_add(1, Ordering::SeqCst) < failures;
                if let Some(answer) = answer(&question[..length], name, fails) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Some(Self { address, questions })
    }

    /// The number of questions so far.
    pub fn questions(&self) -> u32 {
        self.questions.load(Ordering::SeqCst)
    }
}

/// Returns the answer to a question (RFC 1035, section 4).
fn answer(question: &[u8], name: &str, fails: bool) -> Option<Vec<u8>> {
    let labels = question.get(12..)?;
    let end = labels.iter().position(|&byte| byte == 0)? + 1;
    let asked = labels.get(..end + 4)?;
    let mut wanted: Vec<u8> = Vec::new();
    for label in name.split('.') {
        wanted.push(u8::try_from(label.len()).ok()?);
        wanted.extend(label.as_bytes());
    }
    wanted.push(0);
    let is_known = asked[..end].eq_ignore_ascii_case(&wanted);
    // SERVFAIL, NXDOMAIN, no error.
    let code = if fails {
        2
    } else if is_known {
        0
    } else {
        3
    };
    let has_address = code == 0 && asked[end..] == [0, 1, 0, 1];
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(asked);
    if has_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
