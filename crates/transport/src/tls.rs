//! TLS by rustls with ring and the platform's own judgement of certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// The client's side of every TLS connection: roots of the platform, those in `extra_roots` (PEM) and those in files of
/// `directories` (protocol.md 1.4).
///
/// # Errors
/// What is wrong with the roots, as a sentence.
pub(crate) fn client_config(
    extra_roots: &[u8],
    directories: &[PathBuf],
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut extra = certificates(extra_roots)?;
    if !extra.is_empty() || !directories.is_empty() {
        let files = directories.iter().flat_map(|directory| files_in(directory));
        extra.extend(usable(files.filter_map(|path| std::fs::read(path).ok())));
        extra.extend(usable(bundled()));
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
fn bundled() -> Option<Vec<u8>> {
    BUNDLES.iter().find_map(|path| std::fs::read(path).ok())
}

/// A pipe among them would never be read to its end.
fn files_in(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file())
}

/// The certificates in these files that can be roots.
fn usable(files: impl IntoIterator<Item = Vec<u8>>) -> Vec<CertificateDer<'static>> {
    let mut accepted = RootCertStore::empty();
    let mut roots = Vec::new();
    for file in files {
        let found = CertificateDer::pem_slice_iter(&file).filter_map(Result::ok);
        roots.extend(found.filter(|root| accepted.add(root.clone()).is_ok()));
    }
    roots
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
