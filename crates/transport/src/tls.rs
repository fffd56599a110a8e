//! TLS by rustls with ring and the platform's own judgement of certificates.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// The client's side of every TLS connection: roots of the platform and those in `extra_roots` (PEM).
///
/// # Errors
/// What is wrong with the roots, as a sentence.
pub(crate) fn client_config(extra_roots: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut extra = certificates(extra_roots)?;
    if !extra.is_empty() {
        extra.extend(bundled());
    }
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())
        .map_err(|error| error.to_string())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // The upgrade is HTTP/1.1, and one connection serves one request at a time.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Where the roots of a Unix system lie.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The platform's own roots. The verifier reads them too, but not when `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, and
/// what a person adds there stands beside the platform's roots, not in their place.
fn bundled() -> Vec<CertificateDer<'static>> {
    let Some(bundle) = BUNDLES.iter().find_map(|path| std::fs::read(path).ok()) else {
        return Vec::new();
    };
    let mut accepted = RootCertStore::empty();
    let found = CertificateDer::pem_slice_iter(&bundle).filter_map(Result::ok);
    found.filter(|root| accepted.add(root.clone()).is_ok()).collect()
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| format!("the extra CA certificates are not PEM: {error}"))?;
    if found.is_empty() && !pem.iter().all(u8::is_ascii_whitespace) {
        return Err("the extra CA certificates contain no certificate".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_are_none_are_refused_in_words() {
        assert_eq!(certificates(b" \n").unwrap().len(), 0);
        assert!(certificates(b"hello").unwrap_err().contains("no certificate"));
        let broken = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        assert!(certificates(broken).unwrap_err().contains("not PEM"));
    }
}
