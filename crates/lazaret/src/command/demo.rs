//! `lazaret demo`: a simulated ward, sensor, store and console in one process, on loopback.
//!
//! ```text
//! ward (frames, at their pace) ──► relay: flows, judgement ──► hub: the wall
//!                                     └── findings, report ──► keeper: the store ──► console
//! ```
//! Nothing is canned: the frames are those of `simulate ward`, and what the console shows is what the pipeline makes of
//! them. Nothing but the console's own connections, on this machine, touches a network.
#![expect(
    clippy::disallowed_methods,
    reason = "an edge: the ward is played by the steady clock, and begins now"
)]

use super::serve::signals;
use crate::exit::{Failure, Status};
use crate::keeper::{Keep, Keeper};
use crate::live::{Hub, Origin};
use crate::load::Load;
use crate::pipeline::Relay;
use crate::serve::{Plan, Transport, serve};
use crate::stored::{now, shown};
use export::ndjson::SensorRow;
use model::{CaptureTime, Finding, LinkType, Report, Trend};
use simulate::{Cue, Scenario, Ward};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use store::Extent;

/// Name of the sensor in the store.
const SENSOR: &str = "demo";
/// Frames between ward and relay. Our limit: a ward that is faster waits.
const FRAMES_WAITING_MAX: usize = 4096;
/// Longest wait for a frame, and how soon an end is seen.
const WAIT: Duration = Duration::from_millis(100);
/// How often findings are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often everything is kept, not findings alone.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// After so long what was learnt is let go, so that memory does not grow.
const PERIOD: Duration = Duration::from_secs(3600);
/// Largest capture that may be sent to a demo. Our limit.
const UPLOAD_BYTES_MAX: u64 = 1 << 30;
/// The ward goes on for so long, in minutes: a week.
const MINUTES: f64 = 10_080.0;

/// When the story's unit leaks, fetches an update, and when another's number begins to lie, in seconds.
const LEAK_SECONDS: u32 = 35;
const UPDATE_SECONDS: u32 = 75;
const LIE_SECONDS: u32 = 100;
/// The unit whose number lies: bed 7, or the last of a small ward but the leaking one.
const LYING_UNIT: u32 = 6;

const EXAMPLES: &str = "\
Examples:
  lazaret demo                          open the address it prints; nothing to install, no privileges
  lazaret demo --monitors 32 --seed 7   a bigger ward, other patients
  lazaret demo --speed 4                the story in less than a minute
  lazaret demo --store demo.store       kept: look at it later with `lazaret serve --store demo.store`

What happens, by the ward's clock:
  0:00  an ordinary ward: monitors send to a central station, vital signs agree with their waveforms
  0:35  a monitor from the store room is switched on: it sends its patient's data to an address on another continent
  1:15  somebody starts an \"update\" on it: it mounts a share at that address and fetches programs
  1:40  on another bed the heart rate that is shown begins to lie by 20; half a minute later the checks are sure
  then the ward goes on until Ctrl-C

Every patient is invented. Frames go from the simulated ward to the sensor inside this process; only the console listens,
on loopback. Where a store is made for the occasion, it is deleted at the end.

Exit status: 0 ended in order; 2 bad usage, an address that is taken, a store that cannot be used.";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Address and port of the console; loopback only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder of a store to keep it in [default: one that is deleted at the end]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Patient monitors on the ward
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=256))]
    monitors: u32,
    /// Everything on the ward follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of the ward in a second
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| (0.1..=60.0).contains(speed));
    speed.ok_or_else(|| "a factor from 0.1 to 60".to_owned())
}

impl Options {
    /// Plays until told to end.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        if !self.listen.ip().is_loopback() {
            return Err(Failure::Usage(format!(
                "--listen: {} is not a loopback address; the demo is for this machine alone. For a network: lazaret serve",
                self.listen.ip()
            )));
        }
        let ward = self.ward();
        ward.check().map_err(|error| Failure::Usage(error.to_string()))?;
        let temporary = match &self.store {
            Some(_) => None,
            None => Some(folder_for_the_occasion()?),
        };
        let folder = match (&self.store, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.path().join("store"),
            (None, None) => PathBuf::new(),
        };
        let signals = signals()?;
        let hub = Arc::new(Hub::default());
        hub.begin(Origin { kind: "demo", name: format!("seed {}", self.seed), speed: self.speed });
        let player = Player::start(self, ward, &folder, &hub)?;
        eprintln!(
            "lazaret: a simulated ward with {} monitors, all patients invented; the story takes {:.0} seconds",
            self.monitors,
            180.0 / self.speed
        );
        let plan = Plan {
            folder,
            listen: self.listen,
            transport: Transport::Plain,
            site: inventory::Site::default(),
            site_file: None,
            outputs: None,
            provider: None,
            upload_bytes_max: UPLOAD_BYTES_MAX,
            idle: Duration::from_secs(12 * 3600),
            absolute: Duration::from_secs(24 * 3600),
            replay: None,
            places: Arc::default(),
            hub,
            vault: None,
        };
        let served = serve(&plan, &signals);
        let played = player.end();
        if let Some(temporary) = temporary {
            let at = temporary.path().to_owned();
            temporary.close().map_err(|cause| Failure::Write {
                what: format!("`{}`: it could not be deleted", shown(&at.display().to_string())),
                cause,
            })?;
        }
        served.and(played).map(|()| Status::Done)
    }

    fn ward(&self) -> Ward {
        let leaking = self.monitors - 1;
        let lying = LYING_UNIT.min(self.monitors - 2);
        let cue = |scenario, unit, after_seconds| Cue { scenario, unit, after_seconds };
        Ward {
            seed: self.seed,
            monitors: self.monitors,
            minutes: MINUTES,
            story: vec![
                cue(Scenario::Leak, leaking, LEAK_SECONDS),
                cue(Scenario::UpdateUdp, leaking, UPDATE_SECONDS),
                cue(Scenario::TamperNumber, lying, LIE_SECONDS),
            ],
            start: CaptureTime::from_nanos(now()),
            ..Ward::default()
        }
    }
}

fn folder_for_the_occasion() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new().prefix("lazaret-demo-").tempdir().map_err(|cause| Failure::Write {
        what: format!("a store in `{}`; name another place with --store", std::env::temp_dir().display()),
        cause,
    })
}

/// A frame on its way.
struct Carried {
    time: CaptureTime,
    bytes: Vec<u8>,
}

/// The ward, the relay and the keeper, each on a thread.
struct Player {
    stop: Arc<AtomicBool>,
    ward: thread::JoinHandle<()>,
    relay: thread::JoinHandle<()>,
    keeper: thread::JoinHandle<Result<(), Failure>>,
}

impl Player {
    fn start(options: &Options, ward: Ward, folder: &Path, hub: &Arc<Hub>) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let relay = Relay::new(SENSOR, inventory::Site::default(), Arc::clone(hub))?;
        let mut keeper = Keeper::open(folder.to_owned(), None, Arc::new(AtomicBool::new(false)))?;
        let (frames, arriving) = sync_channel(FRAMES_WAITING_MAX);
        let (keeping, kept) = sync_channel::<Keep>(1);
        let pace = Pace { start: ward.start, speed: options.speed, begun: Instant::now() };
        let stopped = Arc::clone(&stop);
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let failed = |cause| Failure::Write { what: "to a thread".to_owned(), cause };
        let ward = spawn("ward").spawn(move || play(&ward, &pace, &frames, &stopped)).map_err(failed)?;
        let relay = Relaying::new(relay, keeping);
        let relay = spawn("relay").spawn(move || relay.run(&arriving)).map_err(failed)?;
        let keeper = spawn("keeper").spawn(move || {
            for keep in kept {
                match keep.extent {
                    Extent::Last => keeper.end(keep)?,
                    _ => keeper.keep(keep),
                }
            }
            Ok(())
        });
        Ok(Self { stop, ward, relay, keeper: keeper.map_err(failed)? })
    }

    /// Ends in order: no more frames, everything judged, everything kept.
    fn end(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.ward.thread().unpark();
        let fault = |_| Failure::Usage("a thread of the demo ended by a fault of ours".to_owned());
        self.ward.join().map_err(fault)?;
        self.relay.join().map_err(fault)?;
        self.keeper.join().map_err(fault)?
    }
}

/// When a frame is due.
#[derive(Clone, Copy)]
struct Pace {
    start: CaptureTime,
    speed: f64,
    begun: Instant,
}

impl Pace {
    /// How long until `time`; nothing where it is over.
    fn until(&self, time: CaptureTime) -> Duration {
        let after = Duration::from_secs_f64(time.nanos_since(self.start).max(0) as f64 / 1e9 / self.speed);
        (self.begun + after).saturating_duration_since(Instant::now())
    }
}

/// Lets the ward go on at its pace until it is told to end.
fn play(ward: &Ward, pace: &Pace, frames: &SyncSender<Carried>, stop: &AtomicBool) {
    let ended = || io::Error::from(io::ErrorKind::Interrupted);
    let mut carry = |time: CaptureTime, bytes: &[u8]| {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(ended());
            }
            match pace.until(time) {
                Duration::ZERO => break,
                // Woken early, also without reason, it asks again.
                wait => thread::park_timeout(wait),
            }
        }
        frames.send(Carried { time, bytes: bytes.to_vec() }).map_err(|_| ended())
    };
    // It ends when it is told to, or after a week.
    let _ = ward.write(&mut carry, &mut |_| {});
}

/// Frames into the relay, findings and reports out.
struct Relaying {
    relay: Relay,
    keeping: SyncSender<Keep>,
    load: Load,
    begun: Instant,
    period: String,
    period_begun: Instant,
    looked: Instant,
    kept: Instant,
    first: Option<CaptureTime>,
    untold: Vec<Finding>,
    /// Titles of findings that were said.
    told: BTreeSet<String>,
    /// Minutes of vital signs that the keeper had no time for.
    trends: Vec<Trend>,
}

impl Relaying {
    fn new(relay: Relay, keeping: SyncSender<Keep>) -> Self {
        let begun = Instant::now();
        Self {
            relay,
            keeping,
            load: Load::open(),
            begun,
            period: store::period(SENSOR, now()),
            period_begun: begun,
            looked: begun,
            kept: begun,
            first: None,
            untold: Vec::new(),
            told: BTreeSet::new(),
            trends: Vec::new(),
        }
    }

    fn run(mut self, frames: &Receiver<Carried>) {
        loop {
            match frames.recv_timeout(WAIT) {
                Ok(frame) => {
                    self.push(&frame);
                    frames.try_iter().for_each(|frame| self.push(&frame));
                    self.relay.publish();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.looked.elapsed() >= LOOK_EVERY {
                self.looked = Instant::now();
                self.look();
            }
        }
        let health = self.health();
        let Self { relay, keeping, period, untold, mut trends, .. } = self;
        let (report, mut last) = relay.finish();
        trends.append(&mut last);
        let keep =
            Keep { period, report: complete(report), trends, health, extent: Extent::Last, findings: untold };
        // The keeper ends only after this.
        let _ = keeping.send(keep);
    }

    fn push(&mut self, frame: &Carried) {
        self.first.get_or_insert(frame.time);
        self.relay.push(frame.time, LinkType::Ethernet, &frame.bytes);
    }

    /// Looks for findings, tells them, and has them kept.
    fn look(&mut self) {
        let report = self.relay.report();
        for finding in self.relay.new_of(&report.findings) {
            self.tell(&finding);
            self.untold.push(finding);
        }
        let over = self.period_begun.elapsed() >= PERIOD;
        let extent = if over {
            Extent::Last
        } else if self.kept.elapsed() >= KEEP_EVERY {
            Extent::All
        } else {
            Extent::Findings
        };
        if extent == Extent::Findings && self.untold.is_empty() {
            return;
        }
        self.keep(report, extent);
    }

    /// Hands over to the keeper, or tries again at the next look while it is busy.
    fn keep(&mut self, report: Report, extent: Extent) {
        let mut trends = Vec::new();
        if extent != Extent::Findings {
            trends = std::mem::take(&mut self.trends);
            trends.append(&mut self.relay.turn());
        }
        let keep = Keep {
            period: self.period.clone(),
            report: complete(report),
            trends,
            health: self.health(),
            extent,
            findings: self.untold.clone(),
        };
        match self.keeping.try_send(keep) {
            Ok(()) => {
                self.untold.clear();
                if extent != Extent::Findings {
                    self.kept = Instant::now();
                }
                if extent == Extent::Last {
                    self.relay.renew();
                    self.period = store::period(SENSOR, now());
                    self.period_begun = Instant::now();
                }
            }
            // Findings alone take no trends along.
            Err(TrySendError::Full(mut keep) | TrySendError::Disconnected(mut keep)) => {
                self.trends.append(&mut keep.trends);
            }
        }
    }

    /// Says a finding where it is the first of its kind: the console lists them all.
    fn tell(&mut self, finding: &Finding) {
        if !self.told.insert(finding.title.clone()) {
            return;
        }
        let since = self.relay.last().zip(self.first).map_or(0, |(last, first)| last.nanos_since(first));
        let seconds = since / 1_000_000_000;
        eprintln!(
            "  {}:{:02}  {:<8}  {}",
            seconds / 60,
            seconds % 60,
            finding.severity.as_str(),
            finding.title
        );
    }

    fn health(&self) -> SensorRow {
        let (frames, bytes, flows) = self.relay.counts();
        SensorRow {
            interface: SENSOR.to_owned(),
            standing: "up",
            up_seconds: self.begun.elapsed().as_secs_f64().round(),
            frames,
            bytes,
            frames_lost: 0,
            interface_frames: None,
            interface_overrun: None,
            interface_dropped: None,
            backlog_dropped: None,
            clock_steps: 0,
            frames_late: 0,
            ring_frames: Vec::new(),
            ring_full: 0,
            ring_bytes: 0,
            ring_waiting_bytes: 0,
            lag_seconds: 0.0,
            flows: flows as u64,
            resident_bytes: self.load.resident_bytes(),
            cpu_seconds: Load::cpu_seconds(),
            evidence: None,
        }
    }
}

/// Adds to the report what only the command knows.
fn complete(mut report: Report) -> Report {
    report
        .blind_spots
        .push("This is a demonstration: a simulated ward, of which everything is invented.".to_owned());
    report
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

    #[test]
    fn the_ward_of_every_size_can_be_played() {
        for monitors in ["2", "3", "16", "256"] {
            let line = Line::parse_from(["demo", "--monitors", monitors]);
            assert_eq!(line.options.ward().check(), Ok(()), "{monitors}");
        }
    }

    #[test]
    fn the_console_of_a_demo_is_for_this_machine() {
        let line = Line::parse_from(["demo", "--listen", "0.0.0.0:8080"]);
        assert!(matches!(line.options.run(), Err(Failure::Usage(_))));
        assert!(Line::try_parse_from(["demo", "--speed", "nan"]).is_err());
        assert!(Line::try_parse_from(["demo", "--speed", "0"]).is_err());
    }
}
