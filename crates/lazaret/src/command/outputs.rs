//! `lazaret outputs`: findings to syslog, SIEMs, webhooks and mail.

use super::serve::signals;
use super::source::read_site;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::outputs::{self, Finding};
use crate::stored::{Format, Where, at, now, print, print_json, rfc3339};
use export::notice::syslog::{self, Content};
use export::notice::{Change, Notice, Sent, cef, ecs, mail, stix};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Course, FindingQuery, Reading as _, State};

const EXAMPLES: &str = "\
Examples:
  lazaret outputs check outputs.toml                            is the file right? what goes where?
  lazaret outputs test outputs.toml --only siem                 send one message that says it is a test
  lazaret serve --store ward.store --outputs outputs.toml       send, beside console and API
  lazaret outputs run --store ward.store outputs.toml           send, without a console
  lazaret outputs status --store ward.store                     what waits, what failed, and why
  lazaret outputs export --store ward.store --as stix           what is open, once, to standard output

Each finding that is opened, changes or is closed becomes one message for each receiver whose route fits. Messages wait in
the store's folder until their receiver confirms them; a receiver that is down loses nothing and holds nobody up. A message
that may arrive twice says so and has the same id. The manual's page `outputs` has the file and every format.

Exit status: 0 done; 1 a test failed, or (status) something waits for a receiver that is down; 2 bad usage, a file or store
that cannot be used.";

/// Options of `outputs`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say whether the file is right, and what goes where
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Send one message to each receiver that says it is a test
    Test {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only this one
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Send what happens in a store, until told to end
    Run {
        #[command(flatten)]
        place: Where,
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What the site says of itself, for zones (TOML, see `scan --help`)
        #[arg(long, value_name = "FILE")]
        site: Option<PathBuf>,
    },
    /// Show what waits for receivers, and how it goes with them
    Status {
        #[command(flatten)]
        place: Where,
        /// Format of the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Write what is open as messages of a format
    Export {
        #[command(flatten)]
        place: Where,
        /// Format of the messages
        #[arg(long = "as", value_enum)]
        form: Form,
        /// What the site says of itself, for zones (TOML, see `scan --help`)
        #[arg(long, value_name = "FILE")]
        site: Option<PathBuf>,
        /// File to write [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Form {
    /// Syslog, RFC 5424, a line each
    Rfc5424,
    /// ArcSight Common Event Format, a line each
    Cef,
    /// Elastic Common Schema, a line of JSON each
    Ecs,
    /// What webhooks get: lazaret.notice/1, a line of JSON each
    Notice,
    /// Subject and text of e-mails
    Mail,
    /// One STIX 2.1 bundle of indicators
    Stix,
}

/// How often it is looked whether to end.
const LOOK: Duration = Duration::from_millis(200);

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Check { file } => check(&outputs::read(file)?),
            What::Test { file, only } => test(&outputs::read(file)?, only.as_deref()),
            What::Run { place, file, site } => {
                let (outputs, site) = (outputs::read(file)?, read_site(site.as_deref())?);
                drop(place.reader()?);
                let signals = signals()?;
                let running = outputs::start(place.folder()?, &site, &outputs)?;
                eprintln!("lazaret: sending to {} receiver(s); end with Ctrl-C", outputs.outputs.len());
                while !signals.stop.load(Ordering::Relaxed) {
                    std::thread::sleep(LOOK);
                }
                running.end();
                Ok(Status::Done)
            }
            What::Status { place, format } => status(place, *format),
            What::Export { place, form, site, output } => {
                let site = read_site(site.as_deref())?;
                export(place, *form, &site, output.as_deref())
            }
        }
    }
}

fn check(outputs: &outputs::Outputs) -> Result<Status, Failure> {
    let mut out = String::new();
    for output in &outputs.outputs {
        let _ = writeln!(
            out,
            "{:<16}  {} to {}: {}",
            output.name,
            output.kind(),
            output.to(),
            output.route.words()
        );
        if let Some(doubt) = output.doubt() {
            let _ = writeln!(out, "{:<16}  ! {doubt}", "");
        }
    }
    print(&out)?;
    Ok(Status::Done)
}

fn test(outputs: &outputs::Outputs, only: Option<&str>) -> Result<Status, Failure> {
    let chosen: Vec<_> =
        outputs.outputs.iter().filter(|output| only.is_none_or(|name| output.name == name)).collect();
    if chosen.is_empty() {
        return Err(Failure::Usage(format!("--only: the file has no output {:?}", only.unwrap_or_default())));
    }
    let mut status = Status::Done;
    for output in chosen {
        let said = match outputs::test(output) {
            Ok(()) => "taken".to_owned(),
            Err(why) => {
                status = Status::Found;
                format!("failed: {why}")
            }
        };
        print(&format!("{:<16}  {} to {}: {said}\n", output.name, output.kind(), output.to()))?;
    }
    Ok(status)
}

fn status(place: &Where, format: Format) -> Result<Status, Failure> {
    drop(place.reader()?);
    let courses = outputs::courses(place.folder()?)?;
    match format {
        Format::Json => print_json(&Document {
            schema: "lazaret.outputs/1",
            outputs: courses.iter().map(|(name, course)| Row::of(name, course)).collect(),
        })?,
        Format::Text if courses.is_empty() => {
            print("Nothing was sent from this store. `lazaret outputs run` and `serve --outputs` do.\n")?;
        }
        Format::Text => print(&courses.iter().map(|(name, course)| told(name, course)).collect::<String>())?,
    }
    let down = courses.values().any(|course| course.failed_at.is_some() && course.waiting > 0);
    Ok(if down { Status::Found } else { Status::Done })
}

fn told(name: &str, course: &Course) -> String {
    let mut out = format!(
        "{name:<16}  {} waiting, {} delivered ({} marked as possible repeats), {} put aside",
        course.waiting, course.delivered, course.repeated, course.refused
    );
    if let Some(oldest) = course.oldest {
        let _ = write!(out, "; oldest since {}", at(oldest));
    }
    if let Some(last) = course.delivered_at {
        let _ = write!(out, "; last delivered {}", at(last));
    }
    if let Some(failed) = course.failed_at {
        let why = crate::stored::shown(course.failure.as_deref().unwrap_or_default());
        let _ = write!(out, "\n{:<16}  ! failed {}: {why}", "", at(failed));
    }
    out.push('\n');
    out
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    outputs: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    waiting: i64,
    oldest: Option<String>,
    delivered: i64,
    repeated: i64,
    refused: i64,
    delivered_at: Option<String>,
    failed_at: Option<String>,
    failure: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(name: &'a str, course: &'a Course) -> Self {
        Self {
            name,
            waiting: course.waiting,
            oldest: course.oldest.map(rfc3339),
            delivered: course.delivered,
            repeated: course.repeated,
            refused: course.refused,
            delivered_at: course.delivered_at.map(rfc3339),
            failed_at: course.failed_at.map(rfc3339),
            failure: course.failure.as_deref(),
        }
    }
}

fn export(
    place: &Where,
    form: Form,
    site: &inventory::Site,
    output: Option<&std::path::Path>,
) -> Result<Status, Failure> {
    let store = place.reader()?;
    let states = vec![State::New, State::Acknowledged];
    let moment = now();
    let query = FindingQuery { states, unsuppressed_at: Some(moment), ..FindingQuery::default() };
    let mut notices = Vec::new();
    for stored in store.findings(&query)? {
        let place = store.whereabouts(stored.asset)?;
        let zone = outputs::zone(site, place.ip.as_deref());
        let finding = Finding { finding: &stored, place: &place, zone, at: moment, console: None };
        notices.push(finding.notice(Change::Opened, 1));
    }
    write_to(output, |to| {
        if form == Form::Stix {
            serde_json::to_writer_pretty(&mut *to, &stix::bundle(&notices))?;
            return writeln!(to);
        }
        notices.iter().try_for_each(|notice| to.write_all(&written(notice, form)?))
    })?;
    if form == Form::Stix {
        let without = notices.iter().filter(|notice| !stix::has_indicator(notice)).count();
        eprintln!(
            "lazaret: {} findings; {without} of them have no address or file that can be recognised elsewhere, and are not in it",
            notices.len()
        );
    }
    Ok(Status::Done)
}

fn written(notice: &Notice, form: Form) -> std::io::Result<Vec<u8>> {
    let sender = outputs::sender();
    // local0, as without `facility`.
    let mut text = match form {
        Form::Rfc5424 => syslog::message(notice, &sender, Sent::First, 16, Content::Words).into_bytes(),
        Form::Cef => cef::event(notice, &sender, Sent::First).into_bytes(),
        Form::Ecs => ecs::document(notice, &sender, Sent::First).to_string().into_bytes(),
        Form::Mail => {
            format!("Subject: {}\n\n{}", mail::subject(notice), mail::text(notice, Sent::First)).into_bytes()
        }
        Form::Notice | Form::Stix => notice.to_json()?,
    };
    text.push(b'\n');
    Ok(text)
}
