//! `lazaret vitals`: captures in, the vital signs of each bed out.
//!
//! It reads as `scan` does and records the series beside; the formats are those of `export::vitals`.

use super::source::Source;
use super::{ScanOutcome, ScanPlan};
use crate::exit::{Failure, Status};
use crate::output::{write_file, write_to};
use crate::pipeline::Told;
use export::{Tool, vitals};
use flow::Waveforms;
use inventory::Wanted;
use model::{CaptureTime, Mac, Report};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  lazaret vitals ward.pcap                                    a table for each bed, to read here
  lazaret vitals --format html --output beds.html ward.pcap   strips, trends and limits, to read, print and hand over
  lazaret vitals --bed 7 --format csv --output 7.csv captures/         every number of bed 7, for a spreadsheet
  lazaret vitals --from 2026-03-02T07:00:00Z --to 2026-03-02T07:10:00Z --format json ward.pcap    ten minutes in full
  lazaret vitals --format wfdb --output records/ ward.pcap    records for PhysioNet's tools (wfdb.rdrecord('records/bed_7'))
  lazaret vitals --format fhir --every 300 ward.pcap > ward.fhir.json  one number in five minutes, waveforms in full
  lazaret vitals --format hl7 --asset 192.168.10.20 ward.pcap > oru.hl7    IHE PCD-01 messages, one a minute

Formats: text, csv (RFC 4180), json (lazaret.vitals/1), html, wfdb (a folder of .hea and .dat), fhir (R4 bundle),
hl7 (v2.6 ORU^R01). In fhir and hl7, --every thins the numbers to the last of each interval.

Evidence of what devices say on the wire; not for clinical use, not for alarms.
Patient identifiers are left out of every format, unless --pseudonym-key or --show-identifiers says otherwise.

Exit status: 0 done; 2 bad usage or configuration; 3 an input was wholly unreadable (the others are still written).";

/// Options of `vitals`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// File to write to, or for wfdb a folder; a file appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Only this bed number; may be repeated
    #[arg(long, value_name = "N")]
    bed: Vec<u16>,
    /// Only this device, by its id (a-…), IP or MAC; may be repeated
    #[arg(long, value_name = "ID|IP|MAC", value_parser = device)]
    asset: Vec<Device>,
    /// From this time on (2026-03-02T07:14:00Z, or another offset than Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<CaptureTime>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<CaptureTime>,
    /// In fhir and hl7: the last number of each parameter in so many seconds; 0 for every number
    #[arg(long, value_name = "SECONDS", default_value_t = vitals::EVERY_DEFAULT.as_secs())]
    every: u64,
    /// Leave waveforms out: less memory, smaller files, and no number is recomputed
    #[arg(long)]
    no_waveforms: bool,
}

/// Formats of vital signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For programs: schema lazaret.vitals/1
    Json,
    /// One row for each bed, time and parameter
    Csv,
    /// One self-contained file, to read and print
    Html,
    /// A folder of records for PhysioNet's tools
    Wfdb,
    /// A FHIR R4 bundle of observations
    Fhir,
    /// IHE PCD-01 messages (HL7 v2.6 ORU^R01)
    Hl7,
}

/// How a device is named on the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Device {
    Id(String),
    Ip(IpAddr),
    Mac(Mac),
}

fn device(text: &str) -> Result<Device, String> {
    let is_id = text
        .strip_prefix("a-")
        .is_some_and(|digits| digits.len() == 16 && digits.chars().all(|digit| digit.is_ascii_hexdigit()));
    if is_id {
        return Ok(Device::Id(text.to_ascii_lowercase()));
    }
    if let Ok(ip) = text.parse() {
        return Ok(Device::Ip(ip));
    }
    let mac = text.parse().map(Device::Mac);
    mac.map_err(|_| "an id (a- and 16 hexadecimal digits, as `scan` prints it), an IP or a MAC".to_owned())
}

fn moment(text: &str) -> Result<CaptureTime, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "a time with its offset, such as 2026-03-02T07:14:00Z".to_owned())?;
    let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| "a year from 1678 to 2261".to_owned())?;
    Ok(CaptureTime::from_nanos(nanos))
}

impl Options {
    /// Reads with the pipeline.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        ingest::keep_freed_pages();
        self.run_with(crate::pipeline::run)
    }

    fn run_with(
        &self,
        scan: impl FnOnce(ScanPlan, Told<'_>) -> Result<ScanOutcome, Failure>,
    ) -> Result<Status, Failure> {
        self.check()?;
        let plan = self.plan()?;
        let ScanOutcome { mut report, rejected, .. } = self.source.read(plan, None, scan)?;
        self.source.complete(&mut report, &rejected);
        self.select(&mut report);
        if report.recordings.is_empty() && !report.captures.is_empty() && self.format != Format::Text {
            eprintln!("lazaret: {}", vitals::nothing_words(&report));
        }
        self.write(&report)?;
        Ok(if rejected.is_empty() { Status::Done } else { Status::Unreadable })
    }

    /// What clap cannot check.
    fn check(&self) -> Result<(), Failure> {
        self.source.check()?;
        if self.format == Format::Wfdb {
            let words = match &self.output {
                None => {
                    Some("--format wfdb writes several files; name a folder with --output DIR".to_owned())
                }
                Some(path) if path.exists() && !path.is_dir() => {
                    Some(format!("--output: `{}` is no folder, and wfdb needs one", path.display()))
                }
                Some(_) => None,
            };
            if let Some(words) = words {
                return Err(Failure::Usage(words));
            }
            if self.no_waveforms {
                return Err(Failure::Usage(
                    "--format wfdb is for waveforms; leave --no-waveforms out".to_owned(),
                ));
            }
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            return Err(Failure::Usage("--to lies before --from; no time is between them".to_owned()));
        }
        Ok(())
    }

    fn plan(&self) -> Result<ScanPlan, Failure> {
        let waveforms = if self.no_waveforms { Waveforms::Omit } else { Waveforms::Carry };
        let plan = self.source.plan(flow::Options { waveforms, ..flow::Options::default() })?;
        let wanted = Wanted {
            beds: self.bed.iter().copied().collect(),
            from: self.from,
            to: self.to,
            without_samples: self.no_waveforms,
        };
        Ok(ScanPlan { recording: Some(wanted), ..plan })
    }

    /// Leaves the devices that were asked for.
    fn select(&self, report: &mut Report) {
        if self.asset.is_empty() {
            return;
        }
        let named = |asset: &model::Asset| {
            self.asset.iter().any(|device| match device {
                Device::Id(id) => asset.id.to_string() == *id,
                Device::Ip(ip) => asset.ips.contains(ip),
                Device::Mac(mac) => asset.macs.contains(mac),
            })
        };
        let ids: Vec<_> = report.assets.iter().filter(|asset| named(asset)).map(|asset| asset.id).collect();
        report.recordings.retain(|bed| ids.contains(&bed.asset));
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        let tool = Tool::lazaret(env!("CARGO_PKG_VERSION"));
        let every = Duration::from_secs(self.every);
        let render = |to: &mut (dyn Write + Send)| -> io::Result<()> {
            match self.format {
                Format::Text if self.output.is_some() => {
                    vitals::text::write(report, export::text::Layout::default(), to)
                }
                Format::Text => vitals::text::write(report, crate::terminal::layout(), to),
                Format::Json => vitals::json::write(report, tool, to),
                Format::Csv => vitals::csv::write(report, to),
                Format::Html => vitals::html::write(report, tool, to),
                Format::Fhir => vitals::fhir::write(report, every, to),
                Format::Hl7 => vitals::hl7::write(report, every, to),
                // Never asked for: it goes to a folder.
                Format::Wfdb => Ok(()),
            }
        };
        match (self.format, &self.output) {
            (Format::Wfdb, Some(folder)) => write_records(report, folder),
            _ => write_to(self.output.as_deref(), render),
        }
    }
}

/// Files of a folder, each whole or not at all.
struct Folder<'a>(&'a Path);

impl vitals::wfdb::Files for Folder<'_> {
    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        write_file(&self.0.join(name), |to| to.write_all(content)).map_err(io::Error::other)
    }
}

fn write_records(report: &Report, folder: &Path) -> Result<(), Failure> {
    let failed = |cause| Failure::Write { what: format!("records in `{}`", folder.display()), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    vitals::wfdb::write(report, &mut Folder(folder)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Line::try_parse_from([&["vitals"], arguments].concat()).unwrap().options
    }

    #[test]
    fn devices_are_named_by_id_ip_or_mac() {
        assert_eq!(device("a-00112233445566AA"), Ok(Device::Id("a-00112233445566aa".to_owned())));
        assert_eq!(device("10.0.0.7"), Ok(Device::Ip("10.0.0.7".parse().unwrap())));
        assert_eq!(device("02:1b:5e:00:10:20"), Ok(Device::Mac("02:1b:5e:00:10:20".parse().unwrap())));
        assert!(device("bed 7").is_err());
    }

    #[test]
    fn times_need_an_offset() {
        assert_eq!(moment("2026-03-02T07:14:00Z"), Ok(CaptureTime::from_nanos(1_772_435_640_000_000_000)));
        assert_eq!(moment("2026-03-02T08:14:00+01:00"), moment("2026-03-02T07:14:00Z"));
        assert!(moment("2026-03-02 07:14").is_err());
        assert!(moment("9999-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn waveforms_are_carried_unless_nobody_looks_at_them() {
        let carried = |arguments: &[&str]| options(arguments).plan().unwrap().flow.waveforms;
        assert_eq!(carried(&["--integrity", "off", "x"]), Waveforms::Carry);
        assert_eq!(carried(&["--no-waveforms", "x"]), Waveforms::Carry, "the checks look at them");
        assert_eq!(carried(&["--no-waveforms", "--integrity", "off", "x"]), Waveforms::Omit);
    }

    #[test]
    fn what_makes_no_sense_is_said_before_anything_is_read() {
        let refused = |arguments: &[&str]| options(arguments).check().unwrap_err().to_string();
        assert!(refused(&["--format", "wfdb", "x"]).contains("--output DIR"));
        assert!(refused(&["--format", "wfdb", "--output", "/dev/null", "x"]).contains("no folder"));
        let times = ["--from", "2026-03-02T08:00:00Z", "--to", "2026-03-02T07:00:00Z", "x"];
        assert!(refused(&times).contains("--to lies before --from"));
    }
}
