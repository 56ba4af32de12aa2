//! Names and addresses as a test wants them: the program runs in a mount name space where the
//! files that say how names are looked up are others.

use std::fmt::Write;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::program::Cxr;
use super::sandbox::Sandbox;

/// How names are looked up.
pub struct Names {
    script: PathBuf,
}

/// A name server on the loopback that knows one name and begins with failures. Its thread ends
/// with the process.
pub struct NameServer {
    address: String,
    asked: Arc<AtomicU32>,
}

impl Names {
    /// From a file like `/etc/hosts`; `None`, with a word, where this machine does not let us.
    pub fn hosts(sandbox: &Sandbox, lines: &str) -> Option<Self> {
        Self::put(sandbox, &[("hosts", lines), ("nsswitch.conf", "hosts: files\n")])
    }

    /// From a name server alone.
    pub fn server(sandbox: &Sandbox, server: &NameServer) -> Option<Self> {
        let resolver = format!("nameserver {}\noptions timeout:5 attempts:1\n", server.address);
        let files = [("hosts", ""), ("nsswitch.conf", "hosts: dns\n"), ("resolv.conf", &*resolver)];
        Self::put(sandbox, &files)
    }

    fn put(sandbox: &Sandbox, files: &[(&str, &str)]) -> Option<Self> {
        let mut mounts = String::new();
        for (name, text) in files {
            let own = sandbox.put(format!("etc/{name}"), text);
            // Where there is none yet, nothing can be mounted on it.
            writeln!(mounts, "mount --bind '{}' /etc/{name} &&", own.display()).unwrap();
        }
        let script = sandbox.put("with-names", format!("{mounts}exec \"$@\"\n"));
        let mut trial = Command::new("unshare");
        trial.args(["--user", "--map-root-user", "--mount", "sh"]).arg(&script).arg("true");
        if !trial.output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: names of our own are not allowed here");
            return None;
        }
        Some(Self { script })
    }

    /// Runs the program where names are looked up so.
    pub fn see(&self, cxr: Cxr) -> Cxr {
        let words = ["unshare", "--user", "--map-root-user", "--mount", "sh"];
        cxr.under(words).under([&self.script])
    }
}

impl NameServer {
    /// Answers that it failed so many times, and then that this name is 127.0.0.1 and that there
    /// is no other; `None`, with a word, where the port of name servers is not to be had.
    pub fn of(name: &'static str, failures: u32) -> Option<Self> {
        // An address of its own for each, since the port is always the same.
        let mut random = fastrand::Rng::new();
        let address = format!("127.{}.{}.{}", random.u8(1..), random.u8(..), random.u8(1..255));
        let Ok(socket) = UdpSocket::bind((&*address, 53)) else {
            eprintln!("skipped: port 53 is not to be had here");
            return None;
        };
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let fails = count.fetch_add(1, Ordering::SeqCst) < failures;
                if let Some(answer) = answer(&question[..length], name, fails) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Some(Self { address, asked })
    }

    /// Questions so far.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The answer to a question for one name (RFC 1035, section 4).
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
