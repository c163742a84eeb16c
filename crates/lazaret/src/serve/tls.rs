//! TLS: a certificate made at first start, or the site's own.
//!
//! The certificate that is made names this machine and is signed by itself: browsers warn until the site replaces it or
//! trusts its fingerprint, which the server prints when it starts. It lies in the store's folder, made for its owner alone,
//! and is made anew before it ends.

use crate::exit::Failure;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a certificate that is made holds, in days: no system refuses it for that.
const DAYS: i64 = 820;
/// One that is made is made anew when it is this old.
const RENEW: Duration = Duration::from_secs(760 * 86_400);
/// Files of the one that is made.
const CERTIFICATE: &str = "tls-cert.pem";
const KEY: &str = "tls-key.pem";

/// Where certificate and key lie.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A certificate that is in use.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the first certificate, as browsers show it.
    pub(crate) fingerprint: String,
}

/// The files of the store's own certificate, made where they are missing or old.
pub(crate) fn own(folder: &Path, listen: IpAddr) -> Result<Place, Failure> {
    let place = Place { certificate: folder.join(CERTIFICATE), key: folder.join(KEY) };
    let made = fs::metadata(&place.certificate).and_then(|about| about.modified());
    let old = made.map_or(true, |at| at.elapsed().is_ok_and(|age| age > RENEW));
    if old || !place.key.exists() {
        make(&place, listen)?;
    }
    Ok(place)
}

fn make(place: &Place, listen: IpAddr) -> Result<(), Failure> {
    let failed = |cause: rcgen::Error| Failure::Write {
        what: "a certificate".to_owned(),
        cause: io::Error::other(cause),
    };
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = host();
    if !names.contains(&host) {
        names.push(host.clone());
    }
    let listen = listen.to_string();
    if listen != "0.0.0.0" && listen != "::" && !names.contains(&listen) {
        names.push(listen);
    }
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("Lazaret on {host}"));
    let today = jiff::Timestamp::now().as_second();
    // From yesterday, for clocks that are behind.
    let (year, month, day) = civil(today - 86_400);
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = civil(today + DAYS * 86_400);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    // The key first: a certificate without its key would be taken for a whole one.
    write(&place.key, key.serialize_pem().as_bytes())?;
    write(&place.certificate, certificate.pem().as_bytes())
}

/// The day of a moment in seconds since 1970-01-01T00:00:00Z.
fn civil(second: i64) -> (i32, u8, u8) {
    let day =
        jiff::Timestamp::from_second(second).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |part: i8| u8::try_from(part).unwrap_or(1);
    (i32::from(day.year()), part(day.month()), part(day.day()))
}

/// What this machine calls itself; `localhost` where it does not say.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    Some(name.trim())
        .filter(|name| !name.is_empty() && name.chars().all(fits))
        .unwrap_or("localhost")
        .to_owned()
}

/// Whole or not at all, for its owner alone.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |cause| Failure::Write { what: format!("`{}`", path.display()), cause };
    let beside = path.with_extension("pem.new");
    let options = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let mut file = options.map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

/// Reads certificate and key.
pub(crate) fn load(place: &Place) -> Result<Identity, Failure> {
    let unreadable = |option, path: &Path| {
        let path = path.to_owned();
        move |cause: rustls::pki_types::pem::Error| Failure::Read {
            option,
            path,
            cause: io::Error::other(cause),
        }
    };
    let read = unreadable("--tls-cert", &place.certificate);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&place.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(read)?;
    let key = PrivateKeyDer::from_pem_file(&place.key).map_err(unreadable("--tls-key", &place.key))?;
    let Some(first) = chain.first() else {
        let path = place.certificate.display();
        return Err(Failure::Usage(format!("--tls-cert: `{path}` holds no certificate in PEM form")));
    };
    let fingerprint =
        Sha256::digest(first).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|cause| {
        let (certificate, key) = (place.certificate.display(), place.key.display());
        Failure::Usage(format!("certificate `{certificate}` and key `{key}` do not go together: {cause}"))
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), fingerprint })
}
