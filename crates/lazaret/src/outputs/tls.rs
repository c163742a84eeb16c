//! TLS to receivers: whom to trust, and who we are.

use super::file::Tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The configuration of a client.
pub(super) fn client(tls: &Tls) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted(tls.ca.as_deref())? {
        // One of the system's that cannot be used does not make the others worthless.
        drop(roots.add(certificate));
    }
    if roots.is_empty() {
        return Err("no certificate to trust was found; name one with `ca`".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| fault.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &tls.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|fault| format!("`{}`: {fault}", key.display()))?;
    builder.with_client_auth_cert(chain, key).map_err(|fault| fault.to_string())
}

/// A client that shows no certificate and trusts those of that file, else those this system trusts.
pub(crate) fn trusting(ca: Option<&Path>) -> Result<ClientConfig, String> {
    client(&Tls { ca: ca.map(Path::to_owned), identity: None })
}

/// A client that no server can convince: for receivers on this machine that speak without TLS.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| fault.to_string())?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The certificates of that file, else those this system trusts.
pub(super) fn trusted(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    ca.map_or_else(|| Ok(rustls_native_certs::load_native_certs().certs), certificates)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |fault: &dyn std::fmt::Display| format!("`{}`: {fault}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|fault| wrong(&fault))?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|fault| wrong(&fault))?;
    if certificates.is_empty() { Err(wrong(&"there is no certificate in it")) } else { Ok(certificates) }
}
