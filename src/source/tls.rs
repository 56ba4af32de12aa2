//! The TLS configuration of all connections of a run.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
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
    /// Windows can trust certificates in addition to its own only in its later versions, and Wine not
    /// at all. There, this trusts the additional ones.
    additional_verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl Tls {
    /// Reads a file of PEM certificates to trust in addition to the platform's, if there is one.
    pub(super) fn new(cacert: Option<&Path>) -> Result<Self, ClientError> {
        let additional = cacert.map_or_else(|| Ok(Vec::new()), read)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let additional_verifier =
            cfg!(windows).then(|| verifier_of(&additional, &provider)).flatten();
        let verifier = OnceLock::new();
        let roots = Arc::new(Roots { additional, provider, verifier, additional_verifier });
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
        self.roots.additional_verifier.is_some() || self.roots.verifier().is_ok()
    }
}

/// Returns a verifier that trusts these certificates alone, unless there are none.
fn verifier_of(
    trusted: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(trusted.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build().ok()
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
        let verify = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let Some(additional) = &self.additional_verifier else { return verify(self.verifier()?) };
        verify(&**additional).or_else(|error| self.verifier().map_or(Err(error), |all| verify(all)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
