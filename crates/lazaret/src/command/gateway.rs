//! `lazaret gateway`: cuts a monitor off and keeps its vital signs flowing.
//!
//! ```text
//! rules → addresses → sockets → all privileges away → accept, keep, deliver
//! ```
//! The order matters: the device's side is closed before anything listens there.

mod asked;
mod receipt;

use crate::confine::drop_capabilities;
use crate::exit::{Failure, Status};
use crate::supervisor::Supervisor;
use asked::Asked;
use enforce::gateway::service::Services;
use enforce::gateway::{
    Buffer, BufferError, Carriers, Central, Delivery, Form, Identity, Interface, Kept, Kernel, Lane, Login,
    Outcome, Ports, Receiver, Rules, Station,
};
use model::CaptureTime;
use receipt::Recorded;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Outbox, OutboxLog};

/// How often the buffers' logs are carried into their databases; a log grows by some 10 MiB meanwhile with 64 devices.
const CARRY_EVERY: Duration = Duration::from_secs(20);

const EXAMPLES: &str = "\
Examples:
  lazaret gateway rules --device-interface eth1                      what the kernel would be told, to read first
  sudo lazaret gateway run --device-interface eth1 --buffer /var/lib/lazaret/gateway \\
      --receiver mllps://ward.example:2575 --receiver-ca ward-ca.pem   HL7 to the ward, which proves who it is
  sudo lazaret gateway run --device-interface eth1 --buffer /var/lib/lazaret/gateway \\
      --receiver https://fhir.example/r4 --receiver mqtts://broker.example/ward/3   to two receivers
  sudo lazaret gateway run --device-interface eth1 --buffer /var/lib/lazaret/gateway --receiver ward.example:2575 \\
      --policy ward.policy.toml --dns-server 10.20.1.2 --ntp-server 10.20.1.3 --dhcp-server 10.20.1.4
  sudo lazaret watch --interface eth1 --report r.json                beside it: what the device tries becomes findings
  sudo lazaret gateway status --device-interface eth1 --store ward.store   that it still stands, as a receipt
  sudo lazaret gateway remove --device-interface eth1                gives addresses and rules back

The device's cable goes into the device interface, and nowhere else. The gateway takes the addresses that the maker
hard-coded, accepts vital signs, keeps each cycle on disk, and hands it on to each receiver: HL7 v2 (IHE PCD-01) over
MLLP (mllps://HOST:PORT, or in clear HOST:PORT), FHIR R4 transactions (https://HOST/BASE), or FHIR bundles over MQTT
(mqtts://HOST/TOPIC). A receiver that is down gets everything afterwards, in order. Patient identifiers are not handed
on. Names, the time and its address a device may ask for where --policy allows it: the gateway asks the hospital's server
in its place and tells the device, alone, what it asked for; other names are refused. Everything else from the device's
side is dropped by the kernel: TCP to other ports is reset, datagrams, mounts and IPv6 get no answer, nothing crosses to
another interface. These rules stay when the gateway ends or is killed.

Exit status: 0 done; 1 `status` found that the rules are gone or not what was loaded; 2 bad usage or configuration, no such
interface, not allowed.";

/// What to do with the gateway.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Close the device's side and serve it until told to end
    Run(Box<Run>),
    /// Print the kernel's rules; changes nothing
    Rules(Told),
    /// Give addresses and rules back: the device's side is open again
    Remove(Removed),
    /// Tell whether the rules stand and are what was loaded; with --store, as a receipt, and a finding where they are not
    Status(Looked),
}

#[derive(Debug, clap::Args)]
struct Removed {
    #[command(flatten)]
    side: Side,
    #[command(flatten)]
    recorded: Recorded,
}

#[derive(Debug, clap::Args)]
struct Looked {
    /// Network interface on the device's side
    #[arg(long, value_name = "IF")]
    device_interface: Interface,
    #[command(flatten)]
    recorded: Recorded,
}

/// The device's side.
#[derive(Debug, clap::Args)]
struct Side {
    /// Network interface on the device's side
    #[arg(long, value_name = "IF")]
    device_interface: Interface,
    /// Address to take there; may be given several times [default: those that the CMS8000's maker hard-coded]
    #[arg(long = "address", value_name = "IP", default_values_t = [Ipv4Addr::new(202, 114, 4, 119), Ipv4Addr::new(202, 114, 4, 120)])]
    addresses: Vec<Ipv4Addr>,
    /// Length of the segment's network prefix
    #[arg(long, value_name = "BITS", default_value_t = 24, value_parser = clap::value_parser!(u8).range(8..=32))]
    prefix: u8,
    /// TCP ports to accept there
    #[arg(long, value_name = "PORTS", value_delimiter = ',', default_value = "511,515-520")]
    ports: Vec<Ports>,
    /// A device and the central station of the hospital that it may reach directly, on the same ports, should the gateway
    /// be dead: MONITOR=CENTRAL; may be given several times
    #[arg(long = "bypass", value_name = "IP=IP", value_parser = bypass)]
    bypasses: Vec<(Ipv4Addr, Ipv4Addr)>,
}

#[derive(Debug, clap::Args)]
struct Told {
    #[command(flatten)]
    side: Side,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    side: Side,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    recorded: Recorded,
    /// Who takes the vital signs: HOST:PORT or mllp://, mllps://, https://, mqtts://; may be given several times
    #[arg(long = "receiver", value_name = "URL", required = true)]
    receivers: Vec<Receiver>,
    /// Certificates that receivers must be signed by, in PEM [default: those that this system trusts]
    #[arg(long, value_name = "FILE")]
    receiver_ca: Option<PathBuf>,
    /// Our certificate for receivers that ask for one, in PEM
    #[arg(long, value_name = "FILE", requires = "receiver_key")]
    receiver_cert: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "receiver_cert")]
    receiver_key: Option<PathBuf>,
    /// File with USER:PASSWORD or `Bearer TOKEN` for FHIR and MQTT
    #[arg(long, value_name = "FILE")]
    receiver_login: Option<PathBuf>,
    /// Central station of the hospital that gets the device's own stream too, patients' names and all; what it does not take
    /// at once is left out, never filled in
    #[arg(long, value_name = "HOST:PORT", value_parser = central)]
    original: Option<String>,
    /// Folder for cycles that wait for receivers
    #[arg(long, value_name = "DIR")]
    buffer: PathBuf,
    /// Seconds between two lines about how the gateway does
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Only warnings on standard error
    #[arg(long, short)]
    quiet: bool,
}

fn bypass(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), String> {
    let (monitor, central) = text.split_once('=').ok_or("two addresses with `=` between them")?;
    let parse = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is no IPv4 address"));
    Ok((parse(monitor)?, parse(central)?))
}

fn central(text: &str) -> Result<String, String> {
    let place: Receiver =
        format!("mllp://{text}").parse().map_err(|_| format!("`{text}` is not HOST:PORT"))?;
    Ok(place.address())
}

impl Side {
    fn rules(&self) -> Rules {
        Rules {
            device: self.device_interface.clone(),
            stations: self.addresses.clone(),
            ports: self.ports.clone(),
            bypasses: self.bypasses.clone(),
            askings: BTreeSet::new(),
            leases: Vec::new(),
        }
    }

    fn kernel(&self) -> Kernel {
        Kernel::new(self.device_interface.clone())
    }
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Run(run) => run.run(),
            What::Rules(Told { side, asked }) => {
                let mut rules = side.rules();
                asked.allowed(&side.addresses, side.prefix)?.add_to(&mut rules);
                print!("{}", rules.text());
                Ok(Status::Done)
            }
            What::Status(Looked { device_interface, recorded }) => recorded.status(device_interface),
            What::Remove(Removed { side, recorded }) => {
                recorded.opening(&side.device_interface)?;
                side.kernel().remove(&side.addresses, side.prefix)?;
                eprintln!(
                    "lazaret: {} is open again: its device reaches what routes and switches let it reach",
                    side.device_interface
                );
                Ok(Status::Done)
            }
        }
    }
}

impl Run {
    fn run(&self) -> Result<Status, Failure> {
        ingest::wipe_freed_memory();
        let stop = super::watch::stop_on_signals()?;
        let supervisor = Supervisor::from_environment();
        let carriers = self.carriers()?;
        let (lanes, logs) = self.lanes()?;
        let mut rules = self.side.rules();
        let allowed = self.asked.allowed(&self.side.addresses, self.side.prefix)?;
        allowed.add_to(&mut rules);
        self.side.kernel().set_up(&rules, self.side.prefix)?;
        let tell = Box::new(|words: String| eprintln!("lazaret: {words}"));
        let station = Station::new(lanes, self.original.clone().map(Central::new), tell);
        let listeners = rules.sockets().map(|(ip, port)| {
            Station::listen(ip, port).map_err(|cause| {
                Failure::Usage(format!(
                    "cannot listen on {ip} port {port}: {cause}; another program may hold it"
                ))
            })
        });
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        allowed.unserved().iter().for_each(|words| eprintln!("lazaret: {words}"));
        let who = allowed.contained(&self.side.addresses, self.side.prefix);
        let services = allowed.open(&self.side.device_interface, &self.side.addresses)?;
        self.recorded.closed(&self.side.kernel(), &rules, &who)?;
        drop_capabilities().map_err(|(step, cause)| Failure::Confine { step, cause: cause.into() })?;
        self.say_begun();
        supervisor.ready();
        for listener in listeners {
            let station = Arc::clone(&station);
            std::thread::spawn(move || station.serve(&listener));
        }
        if let Some(services) = &services {
            services.serve(&station);
        }
        std::thread::spawn(move || carry(&logs));
        let deliver = |(lane, carriers)| {
            let station = Arc::clone(&station);
            std::thread::spawn(move || Delivery::new(lane, carriers).run(&station))
        };
        let delivering: Vec<_> = carriers.into_iter().enumerate().map(deliver).collect();
        let standing = || println!("{}", standing(&station, &self.receivers, services.as_ref()));
        let mut left = Duration::ZERO;
        let tick = Duration::from_millis(200);
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(tick);
            supervisor.alive();
            left = left.saturating_sub(tick);
            if left.is_zero() {
                standing();
                left = Duration::from_secs(self.every);
            }
        }
        station.end();
        for thread in delivering {
            drop(thread.join());
        }
        standing();
        if !self.quiet {
            let device = &self.side.device_interface;
            eprintln!("lazaret: ended; {device} stays closed (`lazaret gateway remove` opens it)");
        }
        Ok(Status::Done)
    }

    fn say_begun(&self) {
        if self.quiet {
            return;
        }
        let receivers: Vec<String> = self.receivers.iter().map(ToString::to_string).collect();
        eprintln!(
            "lazaret: {} is closed but for {} on its own addresses; vital signs go to {}; end with Ctrl-C",
            self.side.device_interface,
            ports_said(&self.side.ports),
            receivers.join(", ")
        );
        if let Some(central) = &self.original {
            eprintln!(
                "lazaret: {central} gets the device's own stream, in clear, with the names of patients"
            );
        }
    }
}

/// Carries the buffers' logs into their databases now and then, beside those who write and who then need not wait for the
/// disk.
fn carry(logs: &[OutboxLog]) {
    loop {
        std::thread::sleep(CARRY_EVERY);
        // What cannot be carried now is carried later, or by whoever writes.
        logs.iter().for_each(|log| drop(log.carry()));
    }
}

impl Run {
    /// Files of certificates and log-ins are read here, while that is still allowed.
    fn carriers(&self) -> Result<Vec<Carriers>, Failure> {
        let wrong = |fault: enforce::gateway::TlsError| Failure::Usage(fault.to_string());
        let one = |receiver: &Receiver| {
            let identity = if receiver.is_tls() {
                let own = self.receiver_cert.as_deref().zip(self.receiver_key.as_deref());
                let login = self.receiver_login.as_deref().map(Login::read).transpose()?;
                Identity::read(self.receiver_ca.as_deref(), own, login)?
            } else {
                Identity::default()
            };
            Carriers::new(receiver.clone(), identity)
        };
        let carriers: Result<Vec<_>, _> = self.receivers.iter().map(one).collect();
        carriers.map_err(wrong)
    }

    /// What waits for each receiver, in a folder named by its kind: it may move to another address and gets what waits.
    fn lanes(&self) -> Result<(Vec<Lane>, Vec<OutboxLog>), Failure> {
        let (mut lanes, mut logs) = (Vec::new(), Vec::new());
        let mut taken: Vec<PathBuf> = Vec::new();
        for receiver in &self.receivers {
            let kind = match receiver.form() {
                // Where there is one only, as it was before there were others.
                Form::Hl7 => "",
                Form::FhirTransaction => "fhir",
                Form::FhirBundle => "mqtt",
            };
            let folder = free_folder(&self.buffer, kind, &taken);
            lanes.push(Lane::new(receiver.form(), Box::new(Waits(Outbox::open(&folder)?))));
            logs.push(OutboxLog::open(&folder)?);
            taken.push(folder);
        }
        Ok((lanes, logs))
    }
}

/// `DIR`, `DIR/hl7-2`, `DIR/fhir`, `DIR/fhir-2` …: the first that is not taken.
fn free_folder(base: &Path, kind: &str, taken: &[PathBuf]) -> PathBuf {
    let first = if kind.is_empty() { base.to_owned() } else { base.join(kind) };
    let name = if kind.is_empty() { "hl7" } else { kind };
    let more = (2_u32..).map(|number| base.join(format!("{name}-{number}")));
    std::iter::once(first)
        .chain(more)
        .find(|folder| !taken.contains(folder))
        .unwrap_or_else(|| base.to_owned())
}

fn ports_said(ports: &[Ports]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    format!("TCP {}", ports.join(", "))
}

/// How the gateway does, as one line of JSON.
fn standing(station: &Station, receivers: &[Receiver], services: Option<&Arc<Services>>) -> String {
    let counters = &station.counters;
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let sum = |counter: fn(&Lane) -> &AtomicU64| -> u64 {
        station.lanes.iter().map(|lane| of(counter(lane))).sum()
    };
    let lane = |(receiver, lane): (&Receiver, &Lane)| {
        json!({
            "receiver": receiver.to_string(),
            "delivered": of(&lane.delivered),
            "refused": of(&lane.refused),
            "lost": of(&lane.lost),
            "waiting": lane.waiting(),
        })
    };
    json!({
        "type": "gateway",
        "connections": of(&counters.open),
        "accepted": of(&counters.accepted),
        "turned_away": of(&counters.turned_away),
        "unread": of(&counters.unread),
        "cycles": of(&counters.cycles),
        "stalled": of(&counters.stalled),
        "delivered": sum(|lane| &lane.delivered),
        "refused": sum(|lane| &lane.refused),
        "receiver_lost": sum(|lane| &lane.lost),
        "waiting": station.lanes.iter().map(Lane::waiting).sum::<Option<i64>>(),
        "original": station.central.as_ref().map(|central| json!({
            "station": central.address(),
            "connections": of(&central.open),
            "cycles": of(&central.cycles),
            "left_out": of(&central.left_out),
        })),
        "services": asked::tallies(services),
        "receivers": receivers.iter().zip(&station.lanes).map(lane).collect::<Vec<_>>(),
    })
    .to_string()
}

/// The store's outbox as the gateway's buffer.
struct Waits(Outbox);

impl Buffer for Waits {
    fn last(&self, source: &str) -> Result<Option<CaptureTime>, BufferError> {
        Ok(self.0.last(source)?.map(CaptureTime::from_nanos))
    }

    fn put(&mut self, source: &str, accepted: CaptureTime, text: &[u8]) -> Result<(), BufferError> {
        self.0.put(source, accepted.nanos(), text).map_err(|cause| match cause {
            // What the store advises is of no use here.
            store::StoreError::Full => "the disk of `--buffer` is full; make room on it".into(),
            other => other.into(),
        })
    }

    fn oldest(&self, most: usize) -> Result<Vec<Kept>, BufferError> {
        let kept = |one: store::Waiting| Kept {
            number: one.number,
            accepted: CaptureTime::from_nanos(one.accepted),
            text: one.text,
        };
        Ok(self.0.oldest(most)?.into_iter().map(kept).collect())
    }

    fn settle(&mut self, number: i64, outcome: Outcome) -> Result<(), BufferError> {
        match outcome {
            Outcome::Delivered => Ok(self.0.delivered(number)?),
            Outcome::Refused => Ok(self.0.refused(number)?),
        }
    }

    fn waiting(&self) -> Result<i64, BufferError> {
        Ok(self.0.waiting())
    }
}
