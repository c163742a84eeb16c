//! `lazaret simulate`: practice captures.

use crate::exit::{Failure, Status};
use crate::output::write_file;
use crate::progress::{Bar, Show, rate};
use ingest::write::{PcapWriter, PcapngWriter, Resolution};
use model::{CaptureTime, Frame, LinkType};
use simulate::{Scenario, Truth, Ward};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What to simulate.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// Write a capture of an invented ward, with what is true of it beside it.
    Ward(Box<Options>),
}

impl What {
    /// Does it.
    pub(crate) fn run(self) -> Result<Status, Failure> {
        match self {
            Self::Ward(options) => options.run(),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  lazaret simulate ward --list
  lazaret simulate ward --output ward.pcap --scenario leak --scenario update-udp
  lazaret simulate ward --output - | lazaret watch --input - --store ward.store
  lazaret simulate ward --output big.pcapng --monitors 1000 --minutes 30 --seed 7

Two files are written: the capture, and FILE.truth.json, which says who was on the ward, what happened when,
and what a scan must find. One seed is always the same ward. Every patient is invented.";

/// Options of `simulate ward`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Capture to write: `.pcap` or `.pcapng` by its name; truth goes to FILE.truth.json. `-`: pcap to standard output
    /// without the truth
    #[arg(long, short, value_name = "FILE", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Everything follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Patient monitors on the ward
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=i64::from(simulate::MONITORS_MAX)))]
    monitors: u32,
    /// Length of the capture in minutes
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    minutes: f64,
    /// Time of the first possible frame, like 2026-01-14T08:00:00Z [default: 2026-01-12T08:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = start)]
    start: Option<CaptureTime>,
    /// What happens; may be given several times (see --list)
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// List the scenarios and end
    #[arg(long)]
    list: bool,
    /// No progress bar, no summary
    #[arg(long, short)]
    quiet: bool,
}

impl Options {
    fn run(&self) -> Result<Status, Failure> {
        if self.list {
            return list();
        }
        let Some(path) = &self.output else {
            return Err(Failure::Usage("--output FILE is needed".to_owned()));
        };
        let scenarios = self.scenarios.iter().map(|name| scenario(name)).collect::<Result<_, _>>()?;
        let ward = Ward {
            seed: self.seed,
            monitors: self.monitors,
            minutes: self.minutes,
            scenarios,
            story: Vec::new(),
            start: self.start.unwrap_or(Ward::default().start),
        };
        ward.check().map_err(|error| Failure::Usage(error.to_string()))?;
        if path.as_os_str() == "-" {
            let mut bar = Bar::start(Show::Never);
            return crate::output::write_to(None, |to| Form::Pcap.write(&ward, to, &mut bar).map(drop))
                .map(|()| Status::Done);
        }
        let form = Form::of(path)?;
        let mut bar = Bar::start(if self.quiet { Show::Never } else { Show::OnTerminal });
        let mut truth = None;
        write_file(path, |to| {
            truth = Some(form.write(&ward, to, &mut bar)?);
            Ok(())
        })?;
        bar.end();
        let Some(truth) = truth else { return Ok(Status::Done) };
        let beside = beside(path);
        write_file(&beside, |to| truth.write_json(to))?;
        if !self.quiet {
            eprintln!(
                "{}: {} frames, {} of a ward with {} monitors; what is true of it: {}",
                path.display(),
                truth.capture.frames,
                export::bytes(truth.capture.bytes),
                self.monitors,
                beside.display()
            );
        }
        Ok(Status::Done)
    }
}

/// A moment on the command line.
fn start(text: &str) -> Result<CaptureTime, String> {
    let refused = || "a moment is written like 2026-01-14T08:00:00Z".to_owned();
    let moment: jiff::Timestamp = text.parse().map_err(|_| refused())?;
    i64::try_from(moment.as_nanosecond()).map(CaptureTime::from_nanos).map_err(|_| refused())
}

/// `ward.pcap.truth.json` beside `ward.pcap`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".truth.json");
    PathBuf::from(name)
}

fn list() -> Result<Status, Failure> {
    crate::output::write_to(None, |to| {
        Scenario::ALL
            .iter()
            .try_for_each(|scenario| writeln!(to, "{:16} {}", scenario.name(), scenario.description()))
    })?;
    Ok(Status::Done)
}

fn scenario(name: &str) -> Result<Scenario, Failure> {
    name.parse().map_err(|error| {
        let known: Vec<_> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        Failure::Usage(format!("--scenario: {error}; known are {}", known.join(", ")))
    })
}

/// Format of the capture, by the name of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Pcap,
    Pcapng,
}

impl Form {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("pcap") => Ok(Self::Pcap),
            Some("pcapng") => Ok(Self::Pcapng),
            _ => Err(Failure::Usage(format!(
                "--output: `{}` must end in .pcap or .pcapng, so that its format is clear",
                path.display()
            ))),
        }
    }

    fn write(self, ward: &Ward, to: &mut (impl Write + ?Sized), bar: &mut Bar) -> io::Result<Truth> {
        match self {
            Self::Pcap => {
                let mut capture = PcapWriter::new(to, LinkType::Ethernet, Resolution::Nanos)?;
                let truth = play(ward, bar, &mut |frame| capture.write(frame))?;
                capture.finish().map(|_| truth)
            }
            Self::Pcapng => {
                let mut capture = PcapngWriter::new(to)?;
                let truth = play(ward, bar, &mut |frame| capture.write(frame))?;
                capture.finish().map(|_| truth)
            }
        }
    }
}

fn play(
    ward: &Ward,
    bar: &mut Bar,
    write: &mut dyn FnMut(&Frame<'_>) -> io::Result<()>,
) -> io::Result<Truth> {
    let mut number = 0;
    let mut capture = |time: CaptureTime, bytes: &[u8]| {
        number += 1;
        let original_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        write(&Frame { capture: 0, number, time, link: LinkType::Ethernet, original_bytes, bytes })
    };
    ward.write(&mut capture, &mut |progress| {
        // The whole is not known beforehand; the share of time tells it well enough.
        let whole = (progress.bytes as f64 / progress.share.clamp(0.001, 1.0)) as u64;
        bar.at(progress.bytes, Some(whole), |elapsed| rate(progress.frames, elapsed));
    })
}
