//! Whom we trust, and who we are to receivers.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest user name or secret, in bytes. Our limit.
const LOGIN_BYTES_MAX: usize = 4096;

/// Why no connection can be made safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file does not hold what it should.
    #[error("`{}` {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Nobody is trusted.
    #[error("this system trusts no certificate; name the receiver's with --receiver-ca FILE")]
    NoTrust,
    /// The receiver's name can stand in no certificate.
    #[error("`{0}` can stand in no certificate")]
    Name(String),
    /// MQTT knows no tokens.
    #[error("--receiver-login: MQTT wants USER:PASSWORD, not a token")]
    Login,
    /// What the library says.
    #[error("TLS: {0}")]
    Library(String),
}

/// A user and a secret, or a token.
#[derive(Clone, Eq, PartialEq)]
pub enum Login {
    /// By name.
    User {
        /// Name.
        name: String,
        /// Secret.
        password: String,
    },
    /// A bearer token (RFC 6750).
    Token(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// Reads `USER:PASSWORD` or `Bearer TOKEN`, the first line of a file.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let wrong = |what: String| TlsError::File { path: path.to_owned(), what };
        let text =
            std::fs::read_to_string(path).map_err(|cause| wrong(format!("cannot be read: {cause}")))?;
        let line = text.lines().next().unwrap_or_default();
        if line.len() > LOGIN_BYTES_MAX || line.contains(char::is_control) {
            return Err(wrong("is no log-in".to_owned()));
        }
        if let Some(token) = line.strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty()) {
            return Ok(Self::Token(token.to_owned()));
        }
        let pair = line.split_once(':').filter(|(name, _)| !name.is_empty());
        let (name, password) =
            pair.ok_or_else(|| wrong("holds neither USER:PASSWORD nor Bearer TOKEN".to_owned()))?;
        Ok(Self::User { name: name.to_owned(), password: password.to_owned() })
    }
}

/// What makes a connection safe. Files are read once: later the process may not read them.
#[derive(Debug, Default)]
pub struct Identity {
    roots: Vec<CertificateDer<'static>>,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    /// Who we are above TLS.
    pub login: Option<Login>,
}

impl Identity {
    /// Trusts what that file holds, else what this system trusts; shows that certificate, where there is one.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(
        ca: Option<&Path>,
        own: Option<(&Path, &Path)>,
        login: Option<Login>,
    ) -> Result<Self, TlsError> {
        let roots = match ca {
            Some(path) => certificates(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let own = own.map(|(certificate, key)| -> Result<_, TlsError> {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|fault| TlsError::File {
                path: key.to_owned(),
                what: format!("holds no key: {fault}"),
            })?;
            Ok((chain, key))
        });
        Ok(Self { roots, own: own.transpose()?, login })
    }

    /// A client that checks name and certificate of whom it calls.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let library = |fault: rustls::Error| TlsError::Library(fault.to_string());
        let mut roots = RootCertStore::empty();
        // One of the system's that is of no use does not make the others so.
        roots.add_parsable_certificates(self.roots.iter().cloned());
        if roots.is_empty() {
            return Err(TlsError::NoTrust);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(library)?
            .with_root_certificates(roots);
        Ok(Arc::new(match &self.own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(library)?
            }
        }))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |what: String| TlsError::File { path: path.to_owned(), what };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|fault| wrong(format!("holds no certificate: {fault}")))?;
    if found.is_empty() { Err(wrong("holds no certificate in PEM form".to_owned())) } else { Ok(found) }
}
