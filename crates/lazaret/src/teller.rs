//! Tells what a sensor finds, on a thread of its own: a full disk or a reader that stands still must not keep it from
//! reading frames.

use crate::exit::{Failure, with_causes};
use crate::output::write_file;
use export::ndjson::{Lines, SensorRow};
use export::{Tool, report1, text};
use model::{Finding, Report};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Things told and not yet written. Our limit; beyond it findings wait, and reports and counts are left out until the
/// next.
const WAITING_MAX: usize = 1024;

/// Where findings go as they are made.
pub(crate) enum Stream {
    /// One JSON object per line.
    Ndjson(Lines<Box<dyn Write + Send>>),
    /// For people.
    Text(Box<dyn Write + Send>, text::Layout),
}

enum Told {
    Findings(Vec<Finding>),
    Sensor(SensorRow),
    Report(Box<Report>),
    End(Box<Report>),
}

/// A thread that writes.
pub(crate) struct Teller {
    to: SyncSender<Told>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Teller {
    /// Writes findings to `stream`, and reports to the file `report`, the first of them at once: whether it can be
    /// written is known before anything is watched.
    pub(crate) fn start(stream: Stream, report: Option<PathBuf>, first: &Report) -> Result<Self, Failure> {
        let writer = Writer { stream, report, failing: false };
        writer.report(first)?;
        let (to, from) = sync_channel(WAITING_MAX);
        let failed = |cause| Failure::Write { what: "results: no thread for it".to_owned(), cause };
        let name = "teller".to_owned();
        let thread =
            std::thread::Builder::new().name(name).spawn(move || writer.run(&from)).map_err(failed)?;
        Ok(Self { to, thread })
    }

    /// Whether nothing more can be told, because the stream broke.
    pub(crate) fn broke(&self) -> bool {
        self.thread.is_finished()
    }

    /// Tells findings; none is left out.
    pub(crate) fn findings(&self, findings: Vec<Finding>) {
        if !findings.is_empty() {
            // Fails only where the thread ended, which `broke` and `end` tell.
            drop(self.to.send(Told::Findings(findings)));
        }
    }

    /// Says how the sensor does, unless the writer is far behind.
    pub(crate) fn sensor(&self, row: SensorRow) {
        self.try_tell(Told::Sensor(row));
    }

    /// Writes the report anew, unless the writer is far behind.
    pub(crate) fn report(&self, report: Report) {
        self.try_tell(Told::Report(Box::new(report)));
    }

    fn try_tell(&self, what: Told) {
        match self.to.try_send(what) {
            // Said again in a while, and the end is always told.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Writes the last report everywhere and gives what went wrong.
    pub(crate) fn end(self, report: Report) -> Result<(), Failure> {
        drop(self.to.send(Told::End(Box::new(report))));
        // A panic on the thread is a fault of ours that the hook has told.
        let nobody = || io::Error::other("the writing thread ended");
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Failure::Write { what: "results".to_owned(), cause: nobody() }))
    }
}

struct Writer {
    stream: Stream,
    report: Option<PathBuf>,
    /// Whether the last report could not be written: said once, not every time.
    failing: bool,
}

impl Writer {
    fn run(mut self, from: &Receiver<Told>) -> Result<(), Failure> {
        let failed = |cause| Failure::Write { what: "findings".to_owned(), cause };
        while let Ok(told) = from.recv() {
            match told {
                Told::Findings(findings) => {
                    findings.iter().try_for_each(|finding| self.stream.finding(finding)).map_err(failed)?;
                }
                Told::Sensor(row) => self.stream.sensor(&row).map_err(failed)?,
                Told::Report(report) => self.again(&report),
                Told::End(report) => {
                    let written = self.report(&report);
                    self.stream.end(&report).map_err(failed)?;
                    return written;
                }
            }
        }
        Ok(())
    }

    /// A report that cannot be written now is written the next time: what was found stays in memory.
    fn again(&mut self, report: &Report) {
        match self.report(report) {
            Ok(()) if self.failing => {
                self.failing = false;
                eprintln!("lazaret: the report can be written again");
            }
            Err(failure) if !self.failing => {
                self.failing = true;
                eprintln!("lazaret: {}; trying again every time, the watch goes on", with_causes(&failure));
            }
            _ => {}
        }
    }

    fn report(&self, report: &Report) -> Result<(), Failure> {
        let Some(path) = &self.report else { return Ok(()) };
        write_file(path, |to| report1::write(report, Tool::lazaret(env!("CARGO_PKG_VERSION")), to))
    }
}

impl Stream {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        match self {
            Self::Ndjson(lines) => lines.open(finding),
            Self::Text(to, layout) => {
                text::line(finding, layout.colour, to)?;
                to.flush()
            }
        }
    }

    fn sensor(&mut self, row: &SensorRow) -> io::Result<()> {
        match self {
            Self::Ndjson(lines) => lines.sensor(row),
            // People see it on standard error, where they ask for it.
            Self::Text(..) => Ok(()),
        }
    }

    fn end(self, report: &Report) -> io::Result<()> {
        match self {
            Self::Ndjson(lines) => lines.finish(report).map(drop),
            Self::Text(mut to, layout) => {
                writeln!(to)?;
                text::write(report, layout, &mut to)?;
                to.flush()
            }
        }
    }
}
