//! The TLS configuration of all connections of a run.

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

/// The most bytes of a file of certificates. Those of all known authorities take some hundred
/// thousand.
const LIMIT: usize = 16 << 20;

/// The trusted certificates: the platform's and additional ones. They are read once, for the first
/// connection, which takes some milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {
    additional: Vec<CertificateDer<'static>>,
    config: Arc<OnceLock<Result<ClientConfig, rustls::Error>>>,
}

impl Tls {
    /// Reads a file of PEM certificates to trust in addition to the platform's.
    pub(super) fn trusting(path: &Path) -> Result<Self, ClientError> {
        let wrong = |cause: String| ClientError::Roots { path: path.to_owned(), cause };
        let pem = disk::read_through(path, LIMIT).map_err(|error| wrong(error.to_string()))?;
        if pem.len() > LIMIT {
            return Err(wrong(format!("longer than {LIMIT} bytes")));
        }
        let additional: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let additional =
            additional.map_err(|error| wrong(escape::text(&error.to_string()).into_owned()))?;
        if additional.is_empty() {
            return Err(wrong("contains no PEM certificate".to_owned()));
        }
        Ok(Self { additional, ..Self::default() })
    }

    /// Returns the configuration of a client. All clients share its sessions, so that a new
    /// connection can resume one.
    pub(super) fn config(&self) -> Result<ClientConfig, ClientError> {
        let config = self.config.get_or_init(|| configure(&self.additional)).clone();
        config.map_err(|error| ClientError::Tls(escape::text(&error.to_string()).into_owned()))
    }
}

fn configure(additional: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(additional.iter().cloned(), Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
