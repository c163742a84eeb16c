//! Tells what a sensor finds, on a thread of its own: a full disk or a reader that stands still must not keep it from
//! reading frames.

use crate::exit::{Failure, with_causes};
use crate::keeper::{Keep, Keeper};
use crate::output::write_file;
use export::ndjson::{Lines, SensorRow};
use export::{Tool, metrics, report1, text};
use model::{Finding, Report};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Things told and not yet written. Our limit; beyond it findings wait, and counts are left out until the next. Of
/// reports, and of what is to be kept, one of each waits at most.
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
    Sensor(Box<SensorRow>),
    Report(Box<Report>),
    Keep(Box<Keep>),
    End(Box<Report>, Option<Box<Keep>>),
}

/// What the thread has in hand, for the other side to see.
#[derive(Clone, Default)]
pub(crate) struct Hands {
    report: Arc<AtomicBool>,
    keep: Arc<AtomicBool>,
    /// The end of a period could not be kept yet.
    pub(crate) behind: Arc<AtomicBool>,
}

/// What is written beside the stream.
pub(crate) struct Written {
    /// The report so far.
    pub(crate) report: Option<PathBuf>,
    /// How the sensor does.
    pub(crate) metrics: Option<PathBuf>,
    /// The store.
    pub(crate) keeper: Option<Keeper>,
}

/// A thread that writes.
pub(crate) struct Teller {
    to: SyncSender<Told>,
    hands: Hands,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Teller {
    /// Writes findings to `stream`, and reports to their file, the first of them at once: whether it can be written is
    /// known before anything is watched.
    pub(crate) fn start(
        stream: Stream,
        written: Written,
        first: &Report,
        hands: Hands,
    ) -> Result<Self, Failure> {
        let writer = Writer { stream, written, hands: hands.clone(), failing: false };
        writer.report(first)?;
        let (to, from) = sync_channel(WAITING_MAX);
        let failed = |cause| Failure::Write { what: "results: no thread for it".to_owned(), cause };
        let name = "teller".to_owned();
        let thread =
            std::thread::Builder::new().name(name).spawn(move || writer.run(&from)).map_err(failed)?;
        Ok(Self { to, hands, thread })
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
        self.try_tell(Told::Sensor(Box::new(row)));
    }

    /// Writes the report anew, unless the last one is not yet written.
    pub(crate) fn report(&self, report: Report) {
        if !self.hands.report.swap(true, Ordering::Relaxed) {
            self.try_tell(Told::Report(Box::new(report)));
        }
    }

    /// Whether [`Self::keep`] would be heard.
    pub(crate) fn can_keep(&self) -> bool {
        !self.hands.keep.load(Ordering::Relaxed)
    }

    /// Whether the end of an earlier period is not yet kept.
    pub(crate) fn is_behind(&self) -> bool {
        self.hands.behind.load(Ordering::Relaxed)
    }

    /// Keeps something in the store, and then tells its findings. Only where [`Self::can_keep`] says so.
    pub(crate) fn keep(&self, keep: Keep) {
        self.hands.keep.store(true, Ordering::Relaxed);
        drop(self.to.send(Told::Keep(Box::new(keep))));
    }

    fn try_tell(&self, what: Told) {
        match self.to.try_send(what) {
            // Said again in a while, and the end is always told.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Writes the last report everywhere and gives what went wrong.
    pub(crate) fn end(self, report: Report, keep: Option<Keep>) -> Result<(), Failure> {
        drop(self.to.send(Told::End(Box::new(report), keep.map(Box::new))));
        // A panic on the thread is a fault of ours that the hook has told.
        let nobody = || io::Error::other("the writing thread ended");
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Failure::Write { what: "results".to_owned(), cause: nobody() }))
    }
}

struct Writer {
    stream: Stream,
    written: Written,
    hands: Hands,
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
                Told::Sensor(row) => {
                    self.stream.sensor(&row).map_err(failed)?;
                    let metrics = self.metrics(&row);
                    self.again(&metrics);
                }
                Told::Report(report) => {
                    let written = self.report(&report);
                    self.again(&written);
                    self.hands.report.store(false, Ordering::Relaxed);
                }
                Told::Keep(mut keep) => {
                    let findings = std::mem::take(&mut keep.findings);
                    if let Some(keeper) = &mut self.written.keeper {
                        keeper.keep(*keep);
                    }
                    self.hands.keep.store(false, Ordering::Relaxed);
                    findings.iter().try_for_each(|finding| self.stream.finding(finding)).map_err(failed)?;
                }
                Told::End(report, keep) => {
                    // Each is tried, whatever becomes of the others.
                    let kept = match (&mut self.written.keeper, keep) {
                        (Some(keeper), Some(mut keep)) => {
                            let findings = std::mem::take(&mut keep.findings);
                            let kept = keeper.end(*keep);
                            findings
                                .iter()
                                .try_for_each(|finding| self.stream.finding(finding))
                                .map_err(failed)?;
                            kept
                        }
                        _ => Ok(()),
                    };
                    let written = self.report(&report);
                    self.stream.end(&report).map_err(failed)?;
                    return written.and(kept);
                }
            }
        }
        Ok(())
    }

    /// A file that cannot be written now is written the next time: what was found stays in memory.
    fn again(&mut self, written: &Result<(), Failure>) {
        match written {
            Ok(()) if self.failing => {
                self.failing = false;
                eprintln!("lazaret: files can be written again");
            }
            Err(failure) if !self.failing => {
                self.failing = true;
                eprintln!("lazaret: {}; trying again every time, the watch goes on", with_causes(failure));
            }
            _ => {}
        }
    }

    fn report(&self, report: &Report) -> Result<(), Failure> {
        let Some(path) = &self.written.report else { return Ok(()) };
        write_file(path, |to| report1::write(report, Tool::lazaret(env!("CARGO_PKG_VERSION")), to))
    }
}

impl Writer {
    fn metrics(&self, row: &SensorRow) -> Result<(), Failure> {
        let Some(path) = &self.written.metrics else { return Ok(()) };
        write_file(path, |to| metrics::write(row, to))
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
