//! The TLS configuration of all connections of a run.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::ClientError;
use crate::disk;
use crate::text::escape;

/// The most bytes of a file of certificates. Those of all known authorities take some hundred
/// thousand.
const LIMIT: usize = 16 << 20;

/// The configuration that all connections of a run share, so that a new connection can resume the
/// session of an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    roots: Arc<Roots>,
    config: Result<ClientConfig, rustls::Error>,
}

/// The trusted certificates: the platform's and additional ones. They are read once, for the first
/// `https` address, which takes some milliseconds. Nothing else needs any.
#[derive(Debug)]
struct Roots {
    additional: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Verifier, rustls::Error>>,
}

impl Tls {
    /// Reads a file of PEM certificates to trust in addition to the platform's, if there is one.
    pub(super) fn new(cacert: Option<&Path>) -> Result<Self, ClientError> {
        let roots = Arc::new(Roots {
            additional: cacert.map_or_else(|| Ok(Vec::new()), read)?,
            provider: Arc::new(aws_lc_rs::default_provider()),
            verifier: OnceLock::new(),
        });
        Ok(Self { config: configure(&roots), roots })
    }

    /// Returns the configuration of a client.
    pub(super) fn config(&self) -> Result<ClientConfig, ClientError> {
        self.config
            .clone()
            .map_err(|error| ClientError::Tls(escape::text(&error.to_string()).into_owned()))
    }

    /// Returns true if there are certificates of authorities, without which no server can be
    /// trusted.
    pub(super) fn has_authorities(&self) -> bool {
        self.roots.verifier().is_ok()
    }
}

/// Reads a file of PEM certificates.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let wrong = |cause: String| ClientError::Roots { path: path.to_owned(), cause };
    let pem = disk::read_through(path, LIMIT).map_err(|error| wrong(error.to_string()))?;
    if pem.len() > LIMIT {
        return Err(wrong(format!("longer than {LIMIT} bytes")));
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| wrong(escape::text(&error.to_string()).into_owned()))?;
    if found.is_empty() {
        return Err(wrong("contains no PEM certificate".to_owned()));
    }
    Ok(found)
}

fn configure(roots: &Arc<Roots>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&roots.provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(roots) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl Roots {
    fn verifier(&self) -> Result<&Verifier, rustls::Error> {
        let make = || {
            let additional = self.additional.iter().cloned();
            Verifier::new_with_extra_roots(additional, Arc::clone(&self.provider))
        };
        self.verifier.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = self.verifier()?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
