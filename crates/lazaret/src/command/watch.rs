//! `lazaret watch`: a network interface in, findings out, until it is told to end.
//!
//! ```text
//! read files that are named → open the socket → give all privileges away → watch
//!                                                 │ ring → flows → judgement      this thread
//!                                                 └ findings, reports → writer    a thread of its own
//! ```
//! Nothing is sent on a network. Where no frames come, nothing is concluded.
#![expect(
    clippy::disallowed_methods,
    reason = "an edge: findings are looked for now and then by the steady clock"
)]

use super::scan::FailOn;
use super::source::{Integrity, read_site};
use crate::confine::{Files, confine, folder_of};
use crate::exit::{Failure, Status};
use crate::load::Load;
use crate::pipeline::Sensor;
use crate::secret::read_key;
use crate::supervisor::Supervisor;
use crate::teller::{Stream, Teller};
use export::ndjson::{Lines, SensorRow};
use export::{Tool, text};
use flow::{Redaction, Waveforms};
use ingest::{Live, News, Standing};
use model::Report;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for frames: how soon a signal or a new second is seen on a quiet network.
const WAIT: Duration = Duration::from_millis(200);
/// How often findings are looked for, at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look takes this share of the time at most: on a large ward looks become rarer.
const LOOK_SHARE: u32 = 20;
/// Longest time that what still waits in the ring is read at the end.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Smallest and largest ring, in MiB. Our limits; see [`ingest::RING_BYTES_MAX`].
const BUFFER_MIB: std::ops::RangeInclusive<u64> = 2..=(ingest::RING_BYTES_MAX as u64 >> 20);

const EXAMPLES: &str = "\
Examples:
  sudo lazaret watch --interface eth1                              findings as they are made, to read here
  lazaret watch --interface eth1 --report /var/lib/lazaret/r.json  and the whole report anew every 30 seconds
  lazaret watch --interface eth1 --format ndjson | shipper         for a log shipper, with how the sensor does
  lazaret watch --interface eth1 --duration 8h --fail-on high      one shift; status 1 where something high was found

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
    #[arg(long, short, value_name = "IF")]
    interface: String,
    /// What is written of findings as they are made [default: text on a terminal, else ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to append that to [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// File for the report so far (schema lazaret.report/1); it always is whole
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Seconds between two reports, and between two counts of how the sensor does
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// End after this time: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Size of the ring between kernel and sensor, in MiB: what arrives while the sensor is busy waits there
    #[arg(long, value_name = "MIB", default_value_t = ingest::RING_BYTES as u64 >> 20, value_parser = clap::value_parser!(u64).range(BUFFER_MIB))]
    buffer: u64,
    /// What the site says of itself: networks, servers, devices (TOML, see `scan --help`)
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Checks of whether the vital signs can be believed
    #[arg(long, value_enum, default_value_t = Integrity::On)]
    integrity: Integrity,
    /// Patient identifiers become keyed hashes (p:0123456789abcdef) that agree between runs; key file of 16 bytes or more
    #[arg(long, value_name = "FILE")]
    pseudonym_key: Option<PathBuf>,
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

/// Forms of what is written as it arises.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// One line per finding, and the report at the end
    Text,
    /// One JSON object per line
    Ndjson,
}

/// A time as people write it.
fn duration(text: &str) -> Result<Duration, String> {
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
        // Everything that needs a file or a privilege comes first.
        let site = read_site(self.site.as_deref())?;
        let redaction = match &self.pseudonym_key {
            Some(path) => Redaction::Pseudonym(read_key(path)?),
            None => Redaction::Withhold,
        };
        let stop = stop_on_signals()?;
        let (load, supervisor) = (Load::open(), Supervisor::from_environment());
        let ring_bytes = usize::try_from(self.buffer << 20).unwrap_or(ingest::RING_BYTES_MAX);
        let live = Live::open(&self.interface, ring_bytes)?;
        let to = self.destination()?;
        let folders: Vec<PathBuf> = self.report.as_deref().map(folder_of).into_iter().collect();
        let files = confine(&folders)?;
        self.say(|| confined(files));

        let integrity = self.integrity.depth();
        // The checks look at the samples of waveforms.
        let waveforms = if integrity.is_some() { Waveforms::Carry } else { Waveforms::Omit };
        let wanted = flow::Options { redaction, waveforms, ..flow::Options::default() };
        let mut sensor = Sensor::new(live, site, integrity, wanted)?;
        let first = self.complete(sensor.report());
        let teller = Teller::start(self.stream(to)?, self.report.clone(), &first)?;
        if !self.quiet {
            eprintln!("lazaret: listening on {}; end with Ctrl-C", self.interface);
        }
        supervisor.ready();
        let watched = Watch { options: self, load, supervisor, started: Instant::now() }.go(
            &mut sensor,
            &teller,
            &stop,
        );
        let report = self.complete(sensor.finish());
        let status = FailOn::status(self.fail_on, &report);
        teller.end(report)?;
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
    fn complete(&self, mut report: Report) -> Report {
        report.blind_spots.push(format!(
            "Watched live on {}: only what the switch copied to this port was seen. What passed before the start, or while \
             the interface was down, is not known.",
            self.interface
        ));
        let unchecked = self.integrity.unchecked(&report);
        report.blind_spots.extend(unchecked);
        report
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("lazaret: {}", what());
        }
    }
}

fn confined(files: Files) -> String {
    let files = match files {
        Files::Restricted => "no file but the report can be opened (Landlock)",
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
}

impl Watch<'_> {
    /// Until it is told to end, or cannot go on.
    fn go(&self, sensor: &mut Sensor, teller: &Teller, stop: &AtomicBool) -> Result<(), Failure> {
        let every = Duration::from_secs(self.options.every);
        let until = self.options.duration.and_then(|duration| self.started.checked_add(duration));
        let (mut look, mut tell, mut alive) = (self.started + LOOK_EVERY, self.started + every, self.started);
        let mut lag = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) && !teller.broke() {
            sensor.step(WAIT)?;
            self.news(sensor);
            lag = lag.max(sensor.live().lag());
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                break;
            }
            if now >= look {
                teller.findings(sensor.new_findings());
                look = later(now, LOOK_EVERY);
            }
            if now >= tell {
                let row = self.row(sensor, std::mem::take(&mut lag));
                self.options.say(|| in_words(&row));
                teller.sensor(row);
                if self.options.report.is_some() {
                    teller.report(self.options.complete(sensor.report()));
                }
                tell = later(now, every);
            }
            if self.supervisor.every().is_some_and(|every| now >= alive + every) {
                self.supervisor.alive();
                alive = now;
            }
        }
        self.supervisor.stopping();
        self.drain(sensor)?;
        teller.findings(sensor.new_findings());
        let row = self.row(sensor, lag);
        self.options.say(|| in_words(&row));
        teller.sensor(row);
        Ok(())
    }

    /// Reads what arrived before the end.
    fn drain(&self, sensor: &mut Sensor) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < DRAIN_MAX && sensor.step(WAIT)? > 0 {}
        self.news(sensor);
        Ok(())
    }

    fn news(&self, sensor: &mut Sensor) {
        for news in sensor.live().news() {
            let interface = &self.options.interface;
            match news {
                News::Standing(Standing::Up) => eprintln!("lazaret: {interface} is back"),
                News::Standing(Standing::Down) => eprintln!("lazaret: {interface} is down; waiting for it"),
                News::Standing(Standing::Gone) => eprintln!("lazaret: {interface} is gone; waiting for it"),
                News::ClockStep(by) => {
                    let (way, seconds) =
                        (if by < 0 { "back" } else { "forward" }, by.unsigned_abs() as f64 / 1e9);
                    eprintln!("lazaret: the clock was set {way} by {seconds:.1} s");
                }
            }
        }
    }

    fn row(&self, sensor: &mut Sensor, lag: Duration) -> SensorRow {
        let flows = sensor.flows() as u64;
        let live = sensor.live();
        SensorRow {
            interface: self.options.interface.clone(),
            standing: match live.standing() {
                Standing::Up => "up",
                Standing::Down => "down",
                Standing::Gone => "gone",
            },
            up_seconds: in_millis(self.started.elapsed().as_secs_f64()),
            frames: live.frames(),
            bytes: live.bytes(),
            frames_lost: live.lost(),
            ring_full: live.freezes(),
            ring_bytes: live.ring_bytes(),
            ring_waiting_bytes: live.waiting_bytes(),
            lag_seconds: in_millis(lag.as_secs_f64()),
            flows,
            resident_bytes: self.load.resident_bytes(),
            cpu_seconds: in_millis(Load::cpu_seconds()),
        }
    }
}

/// When to do again what was begun at `begun` and is done now: after `every`, and never so often that it takes more than
/// its share of the time.
fn later(begun: Instant, every: Duration) -> Instant {
    begun + every.max(begun.elapsed() * LOOK_SHARE)
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
    fn what_takes_long_is_done_less_often() {
        let now = Instant::now();
        assert_eq!(later(now, LOOK_EVERY).max(now + LOOK_EVERY), later(now, LOOK_EVERY));
        let begun = now.checked_sub(Duration::from_secs(2)).unwrap();
        assert!(later(begun, LOOK_EVERY) >= begun + Duration::from_secs(40));
    }
}
