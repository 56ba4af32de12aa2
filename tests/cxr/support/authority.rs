//! A certificate authority for the servers of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::sandbox::Sandbox;

/// A certificate authority with the certificates that it has signed.
pub struct Authority {
    folder: TempDir,
}

/// A kind of server certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Valid for this machine.
    Good,
    /// Valid until 2020.
    Expired,
    /// Valid from 2040 on.
    NotYet,
    /// Valid for another host, whose name contains an escape sequence.
    OtherHost,
    /// Self-signed.
    SelfSigned,
    /// Self-signed, and allowed to sign others, as `openssl req -x509` makes it by default.
    SelfSignedAuthority,
}

/// The smallest configuration that `openssl ca` accepts.
const CONFIGURATION: &str = "\
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[this]
subjectAltName = DNS:localhost,IP:127.0.0.1,DNS:accounts.google.com
extendedKeyUsage = serverAuth
[other]
subjectAltName = DNS:mirror\x1b[2J.example.org
extendedKeyUsage = serverAuth
";

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

impl Authority {
    /// Returns the authority of this process, kind is made at first use.
    pub fn get() -> &'static Self {
        static MADE: LazyLock<Authority> = LazyLock::new(Authority::make);
        &MADE
    }

    /// Writes the authority's certificate into a sandbox.
    pub fn certificate(&self, sandbox: &Sandbox) -> PathBuf {
        sandbox.put("authority.pem", fs::read(self.folder.path().join("ca.pem")).unwrap())
    }

    fn make() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(made.folder.path().join("openssl.conf"), CONFIGURATION).unwrap();
        fs::write(made.folder.path().join("index.txt"), "").unwrap();
        made.openssl(&format!(
            "req -x509 {KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=tests"
        ));
        for kind in
            [Certificate::Good, Certificate::Expired, Certificate::NotYet, Certificate::OtherHost]
        {
            made.sign(kind);
        }
        for (kind, may_sign) in
            [(Certificate::SelfSigned, "FALSE"), (Certificate::SelfSignedAuthority, "TRUE")]
        {
            made.openssl(&format!(
                "req -x509 {KEY} -keyout {kind:?}.key -out {kind:?}.pem -days 2 -subj /CN=x \
                 -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
                 -addext basicConstraints=critical,CA:{may_sign}"
            ));
        }
        made
    }

    fn sign(&self, kind: Certificate) {
        let (from, to) = match kind {
            Certificate::Expired => ("190101000000Z", "200101000000Z"),
            Certificate::NotYet => ("400101000000Z", "410101000000Z"),
            _ => ("200101000000Z", "491231000000Z"),
        };
        let names = if kind == Certificate::OtherHost { "other" } else { "this" };
        self.openssl(&format!("req {KEY} -keyout {kind:?}.key -out {kind:?}.csr -subj /CN=x"));
        self.openssl(&format!(
            "ca -batch -notext -config openssl.conf -extensions {names} -startdate {from} \
             -enddate {to} -in {kind:?}.csr -out {kind:?}.pem"
        ));
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(self.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "openssl {words}\n{output:?}");
    }

    /// Writes a server's certificate and key into `prefix`. Returns the nginx directives for them.
    pub fn install(&self, kind: Certificate, prefix: &Path) -> String {
        for (extension, name) in [("pem", "server.pem"), ("key", "server.key")] {
            let made = self.folder.path().join(format!("{kind:?}.{extension}"));
            fs::copy(made, prefix.join(name)).unwrap();
        }
        let prefix = prefix.display();
        format!(
            "    ssl_certificate {prefix}/server.pem;\n    \
             ssl_certificate_key {prefix}/server.key;\n"
        )
    }
}
