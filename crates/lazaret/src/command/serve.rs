//! `lazaret serve`: console and API over a store.

use super::evidence::secret_key;
use super::source::{read_site, workers};
use super::watch;
use crate::exit::{Failure, Status};
use crate::live::{Hub, Origin};
use crate::outputs;
use crate::secret::ring_passphrase;
use crate::serve::{Places, Plan, Signals, Transport, read_provider, serve};
use crate::stored::{self, Where};
use crate::vault::Turned;
use ingest::EvidenceReader;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Where it listens unless somebody says otherwise: this machine alone.
const LISTEN: &str = "127.0.0.1:8443";

const EXAMPLES: &str = "\
Examples:
  lazaret serve --store ward.store                            on this machine: https://127.0.0.1:8443/
  lazaret serve --store ward.store --listen 0.0.0.0:8443      for the site's network
  lazaret serve --store ward.store --tls-cert ward.pem --tls-key ward.key    with the site's certificate
  lazaret serve --store ward.store --no-tls --listen 127.0.0.1:8080          behind a proxy on this machine
  lazaret serve --store ward.store --captures captures/ --evidence-key site.key        findings with their frames, and bundles
  sudo lazaret serve --store ward.store --interface eth1      sensor, console and wall in one process
  sudo lazaret serve --store ward.store --interface eth1 --vault --vault-key-file vault.key    and names, for the clinical role
  lazaret serve --store ward.store --replay ward.pcap         the beds of a capture, live, as if it happened now

The store is made where it is not there; scans and `watch` put results into it while it is served. At first start there
is no user, and standard error shows a link, good once, with which the first admin is made. Without --tls-cert a
certificate is made and kept in the store's folder; browsers warn until it is trusted or replaced: compare the SHA-256
that is printed here. SIGHUP reads certificate and key again; SIGINT and SIGTERM end it.

With --interface the capability CAP_NET_RAW is needed, and given away with all others before the first frame is read (so the
port must lie above 1023). A sensor that must not talk to anybody is `lazaret watch`: this process talks to whoever uses it.

The API is described at /api/v1/openapi.json (sign in, or send a token: Authorization: Bearer lzt_…).

Exit status: 0 ended in order; 2 bad usage, a store that cannot be used, an address that is taken.";

/// Options of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN)]
    listen: SocketAddr,
    /// Certificate, with those that vouch for it (PEM) [default: one that is made]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Without TLS; only on a loopback address
    #[arg(long, conflicts_with = "tls_cert")]
    no_tls: bool,
    /// What the site says of itself, for captures that are sent: networks, servers, devices (TOML, see `scan --help`)
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Send findings to the receivers this file names: syslog, webhooks, mail (TOML, see `outputs --help`)
    #[arg(long, value_name = "FILE")]
    outputs: Option<PathBuf>,
    /// Let people sign in by the identity provider this file names: OpenID Connect (TOML, see the book's page on the API)
    #[arg(long, value_name = "FILE")]
    oidc: Option<PathBuf>,
    /// Captures that were scanned, files and folders, from which analysts see and take the frames that show a finding; they are
    /// only read, and known again by their hash
    #[arg(long, value_name = "PATH", num_args = 1..)]
    captures: Vec<PathBuf>,
    /// The same from this evidence ring, as `watch --ring` keeps it
    #[arg(long, value_name = "DIR")]
    ring: Option<PathBuf>,
    /// With --ring: file of its passphrase [default: LAZARET_RING_PASSPHRASE of the environment, else asked for]
    #[arg(long, value_name = "FILE", requires = "ring")]
    ring_key_file: Option<PathBuf>,
    /// Secret key that signs evidence bundles: of `evidence keygen`, or of `minisign -G -W`
    #[arg(long, value_name = "FILE")]
    evidence_key: Option<PathBuf>,
    /// Largest capture that may be sent to be scanned, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    upload_max: u64,
    /// Listen to this network interface, too, as `watch` does, and show its beds live: findings go into the store, nothing is ever
    /// sent on it
    #[arg(long, short, value_name = "IF", conflicts_with = "replay")]
    interface: Option<String>,
    /// With --interface: threads that read and take frames apart, as of `watch`
    #[arg(long, value_name = "N", default_value = "1", value_parser = workers, requires = "interface")]
    workers: NonZero<usize>,
    /// Show the vital signs of this capture as if they came now; may be given several times
    #[arg(long, value_name = "CAPTURE")]
    replay: Vec<PathBuf>,
    /// How many times as fast the replay goes
    #[arg(long, value_name = "N", default_value_t = 1.0, requires = "replay", value_parser = speed)]
    speed: f64,
    #[command(flatten)]
    vault: Turned,
    /// Minutes without a request after which a session ends
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    session_idle: u64,
    /// Hours after which a session ends in any case
    #[arg(long, value_name = "HOURS", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=720))]
    session_max: u64,
}

/// Fastest and slowest replay, in multiples of the time it took. Our limits.
const SPEED: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| SPEED.contains(speed));
    speed.ok_or_else(|| format!("a number from {} to {}", SPEED.start(), SPEED.end()))
}

impl Options {
    /// Serves until told to end.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        ingest::wipe_freed_memory();
        let plan = self.plan()?;
        let signals = signals()?;
        let sensor = match &self.interface {
            Some(interface) => {
                let watch =
                    watch::Options::beside(interface, self.workers, &plan.folder, self.site.as_deref())?;
                let (hub, stop) = (Arc::clone(&plan.hub), Arc::clone(&signals.stop));
                Some(watch.start(hub, plan.vault.clone(), stop)?)
            }
            None => None,
        };
        let served = serve(&plan, &signals);
        // Ends the sensor, where it was the server that ended.
        signals.stop.store(true, Ordering::Relaxed);
        if let Some(sensor) = sensor {
            let fault = |_| Failure::Usage("the sensor ended by a fault of ours".to_owned());
            sensor.join().map_err(fault)??;
        }
        served.map(|()| Status::Done)
    }

    fn plan(&self) -> Result<Plan, Failure> {
        if self.no_tls && !self.listen.ip().is_loopback() {
            return Err(Failure::Usage(format!(
                "--no-tls: {} is not a loopback address; passwords would cross the network in clear. Leave --no-tls out, or \
                 listen on 127.0.0.1",
                self.listen.ip()
            )));
        }
        let transport = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Transport::Certificate { certificate: certificate.clone(), key: key.clone() }
            }
            _ if self.no_tls => Transport::Plain,
            _ => Transport::OwnCertificate,
        };
        let folder = self.place.folder()?;
        Ok(Plan {
            folder: folder.to_owned(),
            listen: self.listen,
            transport,
            site: read_site(self.site.as_deref())?,
            site_file: self.site.clone(),
            outputs: self.outputs.as_deref().map(outputs::read).transpose()?,
            provider: self.oidc.as_deref().map(read_provider).transpose()?,
            upload_bytes_max: self.upload_max << 20,
            idle: Duration::from_secs(self.session_idle * 60),
            absolute: Duration::from_secs(self.session_max * 3_600),
            places: Arc::new(self.places()?),
            replay: (!self.replay.is_empty()).then(|| (self.replay.clone(), self.speed)),
            hub: shown(&self.replay, self.speed),
            vault: self.vault.open(Some(folder), &stored::session())?,
        })
    }
}

impl Options {
    /// Where frames may be read, each tried: what is wrong is said now, and not to somebody who asks for evidence later.
    fn places(&self) -> Result<Places, Failure> {
        for path in &self.captures {
            std::fs::metadata(path).map_err(|cause| Failure::Read {
                option: "--captures",
                path: path.clone(),
                cause,
            })?;
        }
        let ring = match &self.ring {
            Some(folder) => {
                let passphrase = ring_passphrase(folder, self.ring_key_file.as_deref())?;
                EvidenceReader::open(folder, &passphrase)?;
                Some((folder.clone(), passphrase))
            }
            None => None,
        };
        let key = self.evidence_key.as_deref().map(|path| secret_key(path, "--evidence-key")).transpose()?;
        Ok(Places { captures: self.captures.clone(), ring, key })
    }
}

/// Where the beds are shown that are replayed.
fn shown(replay: &[PathBuf], speed: f64) -> Arc<Hub> {
    let hub = Arc::new(Hub::default());
    if let Some(first) = replay.first() {
        let name = first.file_name().unwrap_or(first.as_os_str()).to_string_lossy();
        let more = replay.len() - 1;
        let name = if more == 0 {
            stored::shown(&name)
        } else {
            format!("{} and {more} more", stored::shown(&name))
        };
        hub.begin(Origin { kind: "replay", name, speed });
    }
    hub
}

/// Flags that signals set. A second signal to end ends the process at once.
pub(super) fn signals() -> Result<Signals, Failure> {
    let signals = Signals::default();
    let failed = |cause: std::io::Error| Failure::Confine { step: "signals", cause: cause.into() };
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&signals.stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&signals.stop)))
            .map_err(failed)?;
    }
    signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload)).map_err(failed)?;
    Ok(signals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn plan(arguments: &[&str]) -> Result<Plan, Failure> {
        Line::parse_from([&["serve", "--store", "x"], arguments].concat()).options.plan()
    }

    #[test]
    fn passwords_do_not_cross_a_network_in_clear() {
        assert!(plan(&["--no-tls"]).is_ok_and(|plan| matches!(plan.transport, Transport::Plain)));
        assert!(plan(&["--no-tls", "--listen", "[::1]:80"]).is_ok());
        for listen in ["0.0.0.0:80", "10.0.0.1:80", "[::]:80"] {
            assert!(plan(&["--no-tls", "--listen", listen]).is_err(), "{listen}");
        }
        assert!(plan(&[]).is_ok_and(|plan| matches!(plan.transport, Transport::OwnCertificate)));
    }
}
