//! `lazaret watch`: a network interface in, findings out, until it is told to end. For trying out, a capture may take the
//! interface's place; time is the capture's then.
//!
//! ```text
//! read files that are named → open the socket → give all privileges away → watch
//!                                                 │ ring → flows → judgement      this thread (--workers: several)
//!                                                 └ findings, reports → writer    a thread of its own
//! ```
//! Nothing is sent on a network. Where no frames come, nothing is concluded.
#![expect(
    clippy::disallowed_methods,
    reason = "an edge: findings are looked for now and then by the steady clock"
)]

use super::ring;
use super::scan::FailOn;
use super::source::{Integrity, read_site, workers};
use crate::confine::{Files, confine, drop_capabilities, folder_of};
use crate::exit::{Failure, Status};
use crate::keeper::{Keep, Keeper};
use crate::live::{Hub, Origin};
use crate::load::Load;
use crate::pipeline::{Feed, Sensor};
use crate::secret::read_key;
use crate::stored;
use crate::supervisor::Supervisor;
use crate::teller::{Hands, Stream, Teller, Written};
use crate::vault::{self, Identities, Turned};
use clap::Parser as _;
use detect::Past;
use export::ndjson::{EvidenceRow, Lines, SensorRow};
use export::{Tool, text};
use flow::{Redaction, Waveforms};
use ingest::{Before, Evidence, EvidenceCounts, Live, Network, News, Pace, Standing};
use inventory::Site;
use model::{Finding, Report, Severity, Trend};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Extent;

/// Longest wait for frames: how soon a signal or a new second is seen on a quiet network.
const WAIT: Duration = Duration::from_millis(200);
/// How often findings are looked for, at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look takes this share of the time at most: on a large ward looks become rarer.
const LOOK_SHARE: u32 = 20;
/// How often everything is kept in the store, and how long a row of vital signs is.
const KEEP_EVERY: Duration = Duration::from_secs(300);
/// Shortest period, where a table is full before the period is over.
const PERIOD_MIN: Duration = Duration::from_secs(600);
/// How long a capture that is played waits for the store before it looks again.
const STORE_WAIT: Duration = Duration::from_millis(1);
/// Longest time that what still waits in the ring is read at the end.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Smallest and largest ring, in MiB. Our limits; see [`ingest::RING_BYTES_MAX`].
const BUFFER_MIB: std::ops::RangeInclusive<u64> = 2..=(ingest::RING_BYTES_MAX as u64 >> 20);

const EXAMPLES: &str = "\
Examples:
  sudo lazaret watch --interface eth1                              findings as they are made, to read here
  lazaret watch --interface eth1 --report /var/lib/lazaret/r.json  and the whole report anew every 30 seconds
  lazaret watch --interface eth1 --store /var/lib/lazaret/ward      kept: lazaret findings --store /var/lib/lazaret/ward
  lazaret watch --interface eth1 --store ward --ring ring --ring-key-file ring.key    and the raw frames, encrypted
  lazaret watch --interface eth1 --store ward --vault --vault-key-file vault.key      and who patients are, encrypted
  lazaret watch --interface eth1 --format ndjson | shipper         for a log shipper, with how the sensor does
  lazaret watch --interface eth1 --duration 8h --fail-on high      one shift; status 1 where something high was found
  lazaret watch --interface eth1 --workers 4 --buffer 256           a port that one thread cannot keep up with

Connect the interface to a mirror port (SPAN) and give it no address. Nothing is ever sent on it. Opening it needs the
capability CAP_NET_RAW, which is given away, with everything else, before the first frame is read:
  setcap cap_net_raw=ep /usr/local/bin/lazaret
SIGINT and SIGTERM end it in order, with a full report.

Exit status: 0 done; 1 done, and something at or above --fail-on was found; 2 bad usage or configuration, no such
interface, not allowed.";

/// Options of `watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Network interface to listen to
    #[arg(long, short, value_name = "IF", required_unless_present = "input")]
    interface: Option<String>,
    /// Play a capture instead, as fast as it can be read (`-`: standard input); every time is then the capture's
    #[arg(long, value_name = "CAPTURE", conflicts_with_all = ["interface", "buffer"])]
    input: Option<PathBuf>,
    /// What is written of findings as they are made [default: text on a terminal, else ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to append that to [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// File for the report so far (schema lazaret.report/1); it always is whole
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Store (a folder, made where there is none) that findings, devices, conversations and vital signs are kept in
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// With --store: after this time what was kept is let go, so that memory stays bounded for months
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration, requires = "store")]
    period: Duration,
    #[command(flatten)]
    ring: ring::Keep,
    /// File for how the sensor does, for Prometheus (textfile collector, a name that ends in .prom)
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Seconds between two reports, and between two counts of how the sensor does
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// End after this time: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Threads that read and take frames apart, each with its share of the connections and of the ring
    #[arg(long, value_name = "N", default_value = "1", value_parser = workers)]
    workers: NonZero<usize>,
    /// Size of the ring between kernel and sensor, in MiB: what arrives while the sensor is busy waits there
    #[arg(long, value_name = "MIB", default_value_t = ingest::RING_BYTES as u64 >> 20, value_parser = clap::value_parser!(u64).range(BUFFER_MIB))]
    buffer: u64,
    /// Drop frames from and to this network in the kernel (10.9.0.0/16); may be given several times. What it holds is
    /// not seen
    #[arg(long = "exclude-net", value_name = "CIDR", value_parser = network, conflicts_with = "input")]
    excluded: Vec<Network>,
    /// What the site says of itself: networks, servers, devices (TOML, see `scan --help`)
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Checks of whether the vital signs can be believed
    #[arg(long, value_enum, default_value_t = Integrity::On)]
    integrity: Integrity,
    /// Patient identifiers become keyed hashes (p:0123456789abcdef) that agree between runs; key file of 16 bytes or more
    #[arg(long, value_name = "FILE", conflicts_with = "vault")]
    pseudonym_key: Option<PathBuf>,
    #[command(flatten)]
    vault: Turned,
    /// Exit status 1 where something of this severity or above was found
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Only warnings on standard error
    #[arg(long, short)]
    quiet: bool,
    /// Say on standard error how the sensor does
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
}

/// What a watch begins with.
struct Opened {
    site: Site,
    redaction: Redaction,
    identities: Option<Arc<Identities>>,
    load: Load,
    supervisor: Supervisor,
    feed: Feed,
    ring: Option<Evidence>,
}

/// Forms of what is written as it arises.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// One line per finding, and the report at the end
    Text,
    /// One JSON object per line
    Ndjson,
}

/// A network as people write it.
fn network(text: &str) -> Result<Network, String> {
    let prefix: Result<model::Prefix, _> = text.parse();
    let parts = text.split_once('/').filter(|_| prefix.is_ok());
    parts
        .and_then(|(address, bits)| {
            Some(Network { address: address.parse().ok()?, bits: bits.parse().ok()? })
        })
        .ok_or_else(|| "a network is written like 10.9.0.0/16 or fd00:9::/32".to_owned())
}

/// A time as people write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (text.get(..at), 1.0),
        Some((at, 'm')) => (text.get(..at), 60.0),
        Some((at, 'h')) => (text.get(..at), 3600.0),
        Some((at, 'd')) => (text.get(..at), 86_400.0),
        _ => (Some(text), 1.0),
    };
    let number: Option<f64> = number.and_then(|number| number.parse().ok());
    number
        .filter(|number| *number > 0.0)
        .and_then(|number| Duration::try_from_secs_f64(number * unit).ok())
        .ok_or_else(|| "a time like 90, 90s, 15m, 8h or 7d".to_owned())
}

impl Options {
    /// Watches.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        ingest::wipe_freed_memory();
        let stop = stop_on_signals()?;
        // Everything that needs a file or a privilege comes first.
        let identities = self.vault.open(self.store.as_deref(), &stored::actor(&self.by()))?;
        let opened = self.open(identities)?;
        let to = self.destination()?;
        let hands = Hands::default();
        let keeper = self.keeper(&hands, &opened)?;
        let files = [&self.report, &self.metrics].into_iter().flatten().map(|file| folder_of(file));
        let ring_folder = self.ring.folder().map(Path::to_owned);
        let folders: Vec<PathBuf> = files.chain(self.store.clone()).chain(ring_folder).collect();
        let files = confine(&folders)?;
        self.say(|| confined(files));
        self.listen(opened, self.stream(to)?, (keeper, hands), None, &stop)
    }

    /// What a server watches beside its work, with so many workers: all as on the command line of `watch`.
    pub(super) fn beside(
        interface: &str,
        workers: NonZero<usize>,
        store: &Path,
        site: Option<&Path>,
    ) -> Result<Self, Failure> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let mut words: Vec<&OsStr> = ["watch", "--interface", interface, "--store"].map(OsStr::new).into();
        words.push(store.as_os_str());
        if let Some(site) = site {
            words.extend([OsStr::new("--site"), site.as_os_str()]);
        }
        let mut line = Line::try_parse_from(words).map_err(|fault| Failure::Usage(fault.to_string()))?;
        line.options.workers = workers;
        Ok(line.options)
    }

    /// Opens the interface, gives every capability away, and listens on a thread until told to end; what is seen of beds is
    /// shown in `hub`; who the patients are goes where `identities` is on. What it cannot give away like a sensor by itself: a server reads and writes files, and talks to people.
    ///
    /// # Errors
    /// Where the interface or the store cannot be opened.
    pub(super) fn start(
        self,
        hub: Arc<Hub>,
        identities: Option<Arc<Identities>>,
        stop: Arc<AtomicBool>,
    ) -> Result<JoinHandle<Result<Status, Failure>>, Failure> {
        let opened = self.open(identities)?;
        drop_capabilities().map_err(|(step, cause)| Failure::Confine { step, cause: cause.into() })?;
        let hands = Hands::default();
        let keeper = self.keeper(&hands, &opened)?;
        hub.begin(Origin { kind: "sensor", name: stored::shown(&self.name()), speed: 1.0 });
        let failed = |cause| Failure::Write { what: "findings".to_owned(), cause };
        let lines = Lines::start(
            Box::new(io::sink()) as Box<dyn Write + Send>,
            Tool::lazaret(env!("CARGO_PKG_VERSION")),
            None,
        );
        let stream = Stream::Ndjson(lines.map_err(failed)?);
        let listen = move || {
            let listened = self.listen(opened, stream, (keeper, hands), Some(hub), &stop);
            // A server whose sensor is gone would show a ward that stands still.
            stop.store(true, Ordering::Relaxed);
            listened
        };
        let spawned = std::thread::Builder::new().name("sensor".to_owned()).spawn(listen);
        spawned.map_err(|cause| Failure::Write { what: "to a thread".to_owned(), cause })
    }

    /// Everything that needs a privilege.
    fn open(&self, identities: Option<Arc<Identities>>) -> Result<Opened, Failure> {
        let site = read_site(self.site.as_deref())?;
        let redaction = match &self.pseudonym_key {
            Some(path) => Redaction::Pseudonym(read_key(path)?),
            None => Redaction::Withhold,
        };
        let (load, supervisor) = (Load::open(), Supervisor::from_environment());
        let ring_bytes = usize::try_from(self.buffer << 20).unwrap_or(ingest::RING_BYTES_MAX);
        let feed = match (&self.interface, &self.input) {
            (Some(interface), _) => {
                let live = Live::open(interface, ring_bytes, self.workers.get(), &self.excluded)?;
                Feed::Interface(Box::new(live))
            }
            (None, Some(input)) => Feed::capture(input)?,
            (None, None) => return Err(Failure::Usage("--interface IF is missing".to_owned())),
        };
        Ok(Opened { site, redaction, identities, load, supervisor, feed, ring: self.ring.open()? })
    }

    /// The store, where one is kept.
    fn keeper(&self, hands: &Hands, opened: &Opened) -> Result<Option<Keeper>, Failure> {
        let Some(folder) = self.store.clone() else { return Ok(None) };
        Keeper::open(folder, opened.identities.clone(), Arc::clone(&hands.behind)).map(Some)
    }

    /// As the audit log names it.
    fn by(&self) -> String {
        format!("watch {}", self.name())
    }

    /// Listens until told to end, and tells what is found.
    fn listen(
        &self,
        opened: Opened,
        stream: Stream,
        (keeper, hands): (Option<Keeper>, Hands),
        hub: Option<Arc<Hub>>,
        stop: &AtomicBool,
    ) -> Result<Status, Failure> {
        let Opened { site, redaction, identities, load, supervisor, feed, ring } = opened;
        let integrity = self.integrity.depth();
        // The checks look at the samples of waveforms, and so do people at the wall.
        let wanted_samples = integrity.is_some() || hub.is_some();
        let waveforms = if wanted_samples { Waveforms::Carry } else { Waveforms::Omit };
        let wanted = flow::Options { redaction, waveforms, ..flow::Options::default() };
        let wanted = vault::wanted(identities.as_ref(), wanted);
        let past = self.store.as_deref().map_or(Ok(Past::default()), crate::past::of_store)?;
        let mut sensor = Sensor::new((feed, self.workers.get()), site, integrity, wanted, past)?;
        if let Some(hub) = hub {
            sensor.show(hub);
        }
        let first = self.complete(sensor.report(), None);
        let written = Written { report: self.report.clone(), metrics: self.metrics.clone(), keeper };
        let teller = Teller::start(stream, written, &first, hands)?;
        if !self.quiet {
            eprintln!("lazaret: listening on {}; end with Ctrl-C", self.name());
        }
        supervisor.ready();
        let mut watch = Watch::new(self, load, supervisor, identities);
        if let Some(ring) = ring {
            let name = first.captures.first().map_or_else(|| self.name(), |capture| capture.name.clone());
            let pace = if self.input.is_some() { Pace::Played } else { Pace::Life };
            sensor.keep_evidence(ring.start(&name, &watch.period, stored::now(), pace)?);
        }
        let watched = watch.go(&mut sensor, &teller, stop);
        let health = watch.row(&mut sensor, Duration::ZERO);
        let before = sensor.feed().before();
        let (report, trends) = sensor.finish();
        let report = self.complete(report, before);
        let worst = watch.worst.max(report.findings.iter().map(|finding| finding.severity).max());
        let status = FailOn::reached(self.fail_on, worst);
        let keep = self.store.is_some().then(|| watch.kept(report.clone(), trends, health, Extent::Last));
        teller.end(report, keep)?;
        watched.map(|()| status)
    }

    /// Opens what findings are appended to.
    fn destination(&self) -> Result<Box<dyn Write + Send>, Failure> {
        let Some(path) = &self.output else { return Ok(Box::new(BufWriter::new(io::stdout()))) };
        let failed = |cause| Failure::Write { what: format!("`{}`", path.display()), cause };
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        Ok(Box::new(BufWriter::new(file)))
    }

    fn stream(&self, to: Box<dyn Write + Send>) -> Result<Stream, Failure> {
        let layout = if self.output.is_some() { text::Layout::default() } else { crate::terminal::layout() };
        let terminal = self.output.is_none() && io::stdout().is_terminal();
        Ok(match self.format.unwrap_or(if terminal { Format::Text } else { Format::Ndjson }) {
            Format::Text => Stream::Text(to, layout),
            Format::Ndjson => {
                let failed = |cause| Failure::Write { what: "findings".to_owned(), cause };
                let tool = Tool::lazaret(env!("CARGO_PKG_VERSION"));
                Stream::Ndjson(Lines::start(to, tool, None).map_err(failed)?)
            }
        })
    }

    /// Adds to the report what only the command line knows.
    fn complete(&self, mut report: Report, before: Option<Before>) -> Report {
        report.blind_spots.extend(self.interface.as_ref().map(|interface| {
            format!(
                "Watched live on {interface}: only what the switch copied to this port was seen. What passed before the \
                 start, or while the interface was down, is not known."
            )
        }));
        if !self.excluded.is_empty() {
            let networks: Vec<_> =
                self.excluded.iter().map(|net| format!("{}/{}", net.address, net.bits)).collect();
            report.blind_spots.push(format!(
                "Frames from and to {} were left out (--exclude-net): what passed there was not seen.",
                networks.join(", ")
            ));
        }
        if let Some(before) = before.filter(|before| before.lost() > 0) {
            report.blind_spots.push(lost_before(&before));
        }
        let unchecked = self.integrity.unchecked(&report);
        report.blind_spots.extend(unchecked);
        report
    }

    /// The interface, or the capture that is played.
    fn name(&self) -> String {
        let played = || self.input.as_ref().map(|path| stored::shown(&path.display().to_string()));
        self.interface.clone().or_else(played).unwrap_or_default()
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("lazaret: {}", what());
        }
    }
}

/// What became of frames that the sensor had no chance to read.
fn lost_before(before: &Before) -> String {
    let Before { overrun, backlog, .. } = before;
    format!(
        "Since the start {overrun} frames were lost by the network card, and {backlog} by the kernel (on any interface), before \
         the sensor could see them; nothing is concluded from what is missing. Give the card longer queues (`ethtool -G`), and \
         the kernel a longer backlog (`sysctl net.core.netdev_max_backlog`), or a processor of its own for receiving."
    )
}

fn confined(files: Files) -> String {
    let files = match files {
        Files::Restricted => "no file but the report, the store and the ring can be opened (Landlock)",
        Files::InPart => "few files can be opened (Landlock, in part: an older kernel)",
        Files::Open => "files can be opened as before: this kernel has no Landlock",
    };
    format!("all capabilities were dropped; {files}")
}

/// A flag that SIGINT and SIGTERM set. The second signal ends the process at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)));
        registered.map_err(|cause| Failure::Confine { step: "signals", cause: cause.into() })?;
    }
    Ok(stop)
}

/// A watch that goes on.
struct Watch<'a> {
    options: &'a Options,
    load: Load,
    supervisor: Supervisor,
    started: Instant,
    /// Name of the period, where there is a store.
    period: String,
    /// When the period began, since the start.
    begun: Duration,
    /// When everything is kept next, since the start.
    keep: Duration,
    /// Findings that are not told yet, because the store is not done with what it was given before.
    untold: Vec<Finding>,
    /// How bad the worst finding of all periods is.
    worst: Option<Severity>,
    /// Who the patients are, where the vault is on.
    identities: Option<Arc<Identities>>,
}

impl<'a> Watch<'a> {
    fn new(
        options: &'a Options,
        load: Load,
        supervisor: Supervisor,
        identities: Option<Arc<Identities>>,
    ) -> Self {
        let started = Instant::now();
        Self {
            options,
            load,
            supervisor,
            started,
            period: store::period(&options.name(), stored::now()),
            begun: Duration::ZERO,
            keep: Duration::ZERO,
            untold: Vec::new(),
            worst: None,
            identities,
        }
    }

    /// Time since the start; that of the capture, where one is played.
    fn now(&self, sensor: &mut Sensor) -> Duration {
        sensor.feed().played().unwrap_or_else(|| self.started.elapsed())
    }

    /// When to do again what was begun at `begun` and is done now: after `every`, and on a network never so often that it
    /// takes more than its share of the time.
    fn later(&self, begun: Duration, every: Duration, sensor: &mut Sensor) -> Duration {
        later(begun, self.now(sensor), every)
    }

    /// Until it is told to end, or cannot go on.
    fn go(&mut self, sensor: &mut Sensor, teller: &Teller, stop: &AtomicBool) -> Result<(), Failure> {
        let every = Duration::from_secs(self.options.every);
        let until = self.options.duration;
        let (mut look, mut tell, mut alive) = (LOOK_EVERY, every, self.started);
        let mut lag = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) && !teller.broke() {
            sensor.step(WAIT)?;
            self.news(sensor);
            lag = lag.max(sensor.feed().interface().map_or(Duration::ZERO, Live::lag));
            let now = self.now(sensor);
            if until.is_some_and(|until| now >= until) || sensor.feed().has_ended() {
                break;
            }
            if now >= look {
                self.look(sensor, teller);
                look = self.later(now, LOOK_EVERY, sensor);
            }
            if now >= tell {
                let row = self.row(sensor, std::mem::take(&mut lag));
                self.options.say(|| in_words(&row));
                teller.sensor(row);
                if self.options.report.is_some() {
                    teller.report(self.report(sensor));
                }
                tell = self.later(now, every, sensor);
            }
            if self.supervisor.every().is_some_and(|every| alive.elapsed() >= every) {
                self.supervisor.alive();
                alive = Instant::now();
            }
        }
        self.supervisor.stopping();
        self.drain(sensor)?;
        let new = sensor.new_findings();
        if self.options.store.is_some() {
            self.untold.extend(new);
        } else {
            teller.findings(new);
        }
        let row = self.row(sensor, lag);
        self.options.say(|| in_words(&row));
        teller.sensor(row);
        Ok(())
    }

    fn report(&self, sensor: &mut Sensor) -> Report {
        let report = sensor.report();
        let before = sensor.feed().before();
        self.options.complete(report, before)
    }

    /// Looks for findings. With a store they are told once they are kept.
    fn look(&mut self, sensor: &mut Sensor, teller: &Teller) {
        if self.options.store.is_none() {
            teller.findings(sensor.new_findings());
            return;
        }
        // A network does not wait for the store; a capture does.
        while sensor.feed().played().is_some() && !teller.can_keep() && !teller.broke() {
            std::thread::sleep(STORE_WAIT);
        }
        if !teller.can_keep() {
            return;
        }
        let now = self.now(sensor);
        let all = now >= self.keep;
        let new = sensor.new_findings();
        self.worst = self.worst.max(new.iter().map(|finding| finding.severity).max());
        self.untold.extend(new);
        // Who lies at a bed now is known as soon as a finding would be.
        let named = self.identities.as_ref().is_some_and(|identities| identities.has_new());
        if self.untold.is_empty() && !all && !named {
            return;
        }
        let age = now.saturating_sub(self.begun);
        let full = age >= PERIOD_MIN && sensor.is_crowded();
        let over = (age >= self.options.period || full) && !teller.is_behind();
        let extent = match (over, all) {
            (true, _) => Extent::Last,
            (_, true) => Extent::All,
            _ => Extent::Findings,
        };
        let report = self.report(sensor);
        let trends = if extent == Extent::Findings { Vec::new() } else { sensor.turn() };
        let health = self.row(sensor, Duration::ZERO);
        teller.keep(self.kept(report, trends, health, extent));
        if extent != Extent::Findings {
            self.keep = now + KEEP_EVERY.min(self.options.period);
        }
        if extent == Extent::Last {
            sensor.renew();
            self.begun = now;
            self.period = store::period(&self.options.name(), stored::now());
            sensor.evidence_period(&self.period);
        }
    }

    fn kept(&mut self, report: Report, trends: Vec<Trend>, health: SensorRow, extent: Extent) -> Keep {
        let findings = std::mem::take(&mut self.untold);
        Keep { period: self.period.clone(), report, trends, health, extent, findings }
    }

    /// Ends the listening and reads what arrived before.
    fn drain(&self, sensor: &mut Sensor) -> Result<(), Failure> {
        let started = Instant::now();
        sensor.feed().stop()?;
        while sensor.feed().unread() > 0 && started.elapsed() < DRAIN_MAX {
            sensor.step(WAIT)?;
        }
        sensor.feed().give_up_unread();
        sensor.end_evidence();
        self.news(sensor);
        Ok(())
    }

    fn news(&self, sensor: &mut Sensor) {
        for news in sensor.feed().news() {
            let interface = self.options.name();
            match news {
                News::Standing(Standing::Up) => eprintln!("lazaret: {interface} is back"),
                News::Standing(Standing::Down) => eprintln!("lazaret: {interface} is down; waiting for it"),
                News::Standing(Standing::Gone) => eprintln!("lazaret: {interface} is gone; waiting for it"),
                News::ClockStep(by) => {
                    let (way, seconds) =
                        (if by < 0 { "back" } else { "forward" }, by.unsigned_abs() as f64 / 1e9);
                    eprintln!("lazaret: the clock was set {way} by {seconds:.1} s");
                }
                News::LeftAlone => eprintln!(
                    "lazaret: {interface} came back so often that one worker reads it alone from now on; the next start takes \
                     several again"
                ),
            }
        }
    }

    fn row(&self, sensor: &mut Sensor, lag: Duration) -> SensorRow {
        let (flows, evidence) = (sensor.flows() as u64, sensor.evidence());
        let up = self.now(sensor);
        let feed = sensor.feed();
        let before = feed.before();
        let live = feed.interface();
        SensorRow {
            interface: self.options.name(),
            standing: feed.standing(),
            up_seconds: in_millis(up.as_secs_f64()),
            frames: feed.frames(),
            bytes: feed.bytes(),
            frames_lost: feed.lost(),
            interface_frames: before.map(|before| before.received),
            interface_overrun: before.map(|before| before.overrun),
            interface_dropped: before.map(|before| before.dropped),
            backlog_dropped: before.map(|before| before.backlog),
            clock_steps: feed.clock_steps(),
            frames_late: feed.late(),
            ring_full: live.map_or(0, Live::freezes),
            ring_frames: live.map_or_else(Vec::new, Live::ring_frames),
            ring_bytes: live.map_or(0, Live::ring_bytes),
            ring_waiting_bytes: live.map_or(0, Live::waiting_bytes),
            lag_seconds: in_millis(lag.as_secs_f64()),
            flows,
            resident_bytes: self.load.resident_bytes(),
            cpu_seconds: in_millis(Load::cpu_seconds()),
            evidence: evidence.map(evidence_row),
        }
    }
}

fn evidence_row(counts: EvidenceCounts) -> EvidenceRow {
    EvidenceRow {
        evidence_frames: counts.frames,
        evidence_frames_lost: counts.frames_lost,
        evidence_frames_waiting: counts.frames_waiting,
        evidence_bytes: counts.bytes,
        evidence_seconds: counts.oldest_seconds,
        evidence_deleted_early: counts.early,
    }
}

/// When to do again what was begun at `begun` and is done now: after `every`, and never so often that it takes more than
/// its share of the time.
fn later(begun: Duration, done: Duration, every: Duration) -> Duration {
    begun + every.max(done.saturating_sub(begun) * LOOK_SHARE)
}

/// Seconds to the thousandth: more digits say nothing.
fn in_millis(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

fn in_words(row: &SensorRow) -> String {
    let SensorRow { frames, frames_lost, flows, lag_seconds, cpu_seconds, .. } = row;
    let (bytes, waiting) = (export::bytes(row.bytes), export::bytes(row.ring_waiting_bytes));
    let memory = row.resident_bytes.map_or_else(|| "unknown".to_owned(), export::bytes);
    format!(
        "{frames} frames, {bytes}, {frames_lost} lost; ring: {waiting} waiting, lag {lag_seconds} s; {flows} flows, memory \
         {memory}, {cpu_seconds} s of processor time"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("1.5m", 90), ("8h", 28_800), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "-1", "0", "1w", "nan", "1e300d", "é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_are_read_whole_or_refused() {
        let read = network("10.9.0.0/16").unwrap();
        assert_eq!((read.address, read.bits), ("10.9.0.0".parse().unwrap(), 16));
        for text in ["", "10.9.0.0", "10.9.0.0/33", "fd00::/129", "10.9.0.0/-1", "ward/8"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_takes_long_is_done_less_often() {
        let begun = Duration::from_secs(100);
        assert_eq!(later(begun, begun, LOOK_EVERY), begun + LOOK_EVERY);
        assert_eq!(later(begun, begun + Duration::from_secs(2), LOOK_EVERY), begun + Duration::from_secs(40));
    }
}
