//! TLS as all connections of a run have it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use super::ClientError;
use crate::disk;
use crate::text::escape;

/// The most bytes that a file of certificates may have: those of all known authorities take some
/// hundred thousand.
const LONGEST: usize = 16 << 20;

/// Whom to trust: the platform's certificates, and more. They are read when the first connection
/// needs them, which takes some milliseconds, and once for all.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    more: Vec<CertificateDer<'static>>,
    config: Arc<OnceLock<Result<ClientConfig, rustls::Error>>>,
}

impl Tls {
    /// Reads a file of PEM certificates, to be trusted beside the platform's.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or that holds no certificate.
    pub fn trusting(path: &Path) -> Result<Self, ClientError> {
        let wrong = |cause: String| ClientError::Roots { path: path.to_owned(), cause };
        let pem = disk::read_through(path, LONGEST).map_err(|error| wrong(error.to_string()))?;
        if pem.len() > LONGEST {
            return Err(wrong(format!("longer than {LONGEST} bytes")));
        }
        let more: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let more = more.map_err(|error| wrong(escape::text(&error.to_string()).into_owned()))?;
        if more.is_empty() {
            return Err(wrong("holds no PEM certificate".to_owned()));
        }
        Ok(Self { more, ..Self::default() })
    }

    /// What a client is made with. Its sessions are everybody's: a connection that is made anew need
    /// not begin at the beginning.
    ///
    /// # Errors
    ///
    /// If the platform's trust store cannot be used, or one of the certificates.
    pub(super) fn config(&self) -> Result<ClientConfig, ClientError> {
        let config = self.config.get_or_init(|| configure(&self.more)).clone();
        config.map_err(|error| ClientError::Tls(escape::text(&error.to_string()).into_owned()))
    }
}

fn configure(more: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(more.iter().cloned(), Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
