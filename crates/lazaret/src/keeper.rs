//! Keeps what a watch sees in a store: on the teller's thread, so that a slow disk, a full one, or another process that
//! writes to the store does not keep the sensor from reading frames.
//!
//! The store is opened for each recording and let go after it: whoever decides about findings meanwhile waits for
//! some milliseconds. What cannot be written now is written with the next recording, since each says all of its period.
//! Only two things would be lost with it: the end of a period, and minutes of vital signs. Both are held until they
//! are written, the minutes up to [`TRENDS_MAX`].

use crate::exit::{Failure, with_causes};
use crate::stored::now;
use crate::vault::{Due, Identities};
use export::ndjson::SensorRow;
use model::{Finding, Report, Trend};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{Actor, Extent, IfMissing, Kept, Recording, StoreError, Writer, Writing as _};

/// Most minutes of vital signs of beds that wait for a store that cannot be written. Our limit: an hour of 1,000 beds;
/// the oldest go, which is said.
const TRENDS_MAX: usize = 12 * 1000;

/// Periods of a watch whose names are known, so that what they told can be taken back. Our limit: eleven years of days;
/// what the oldest told stays told.
const PERIODS_MAX: usize = 1 << 12;

/// Something to be kept.
pub(crate) struct Keep {
    /// Name of the period.
    pub(crate) period: String,
    /// What the period showed so far.
    pub(crate) report: Report,
    /// Vital signs of the last minutes.
    pub(crate) trends: Vec<Trend>,
    /// How the sensor does.
    pub(crate) health: SensorRow,
    /// How much of it is kept.
    pub(crate) extent: Extent,
    /// What is told once it is kept.
    pub(crate) findings: Vec<Finding>,
}

/// The store of a watch.
pub(crate) struct Keeper {
    folder: PathBuf,
    kept: Kept,
    /// Names of the periods so far; `kept` is of the last.
    periods: VecDeque<String>,
    /// Periods whose names are no longer known.
    forgotten: u64,
    /// A recording failed, so that the next must say all.
    owed: bool,
    trends: Vec<Trend>,
    trends_lost: bool,
    /// Ends of periods that could not be written yet.
    last: Option<Box<Keep>>,
    /// Whether `last` is there, for the sensor to see.
    behind: Arc<AtomicBool>,
    /// Who the patients are, where the vault is on.
    identities: Option<Arc<Identities>>,
}

impl Keeper {
    /// Keeps in the store in `folder`, which is made where there is none.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub(crate) fn open(
        folder: PathBuf,
        identities: Option<Arc<Identities>>,
        behind: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        drop(Writer::open(&folder, IfMissing::Make)?);
        Ok(Self {
            folder,
            kept: Kept::default(),
            periods: VecDeque::new(),
            forgotten: 0,
            owed: false,
            trends: Vec::new(),
            trends_lost: false,
            last: None,
            behind,
            identities,
        })
    }

    /// Keeps, or says once that it cannot, and goes on trying with what comes.
    pub(crate) fn keep(&mut self, keep: Keep) {
        let before = self.owed;
        match self.try_keep(keep) {
            Ok(()) if before => {
                let missing = if std::mem::take(&mut self.trends_lost) {
                    "minutes of vital signs are"
                } else {
                    "nothing is"
                };
                eprintln!("lazaret: the store can be written again; {missing} missing in it");
            }
            Err(cause) if !before => {
                let cause = with_causes(&Failure::Store(cause));
                eprintln!("lazaret: {cause}; trying again every time, the watch goes on");
            }
            _ => {}
        }
    }

    /// Keeps what ends the watch.
    ///
    /// # Errors
    /// Where it could not be written.
    pub(crate) fn end(&mut self, keep: Keep) -> Result<(), Failure> {
        Ok(self.try_keep(keep)?)
    }

    fn try_keep(&mut self, mut keep: Keep) -> Result<(), StoreError> {
        if let Some(last) = self.last.take() {
            // Its trends wait with the others.
            if let Err(cause) = self.record(&last) {
                self.last = Some(last);
                self.wait(&mut keep);
                return Err(cause);
            }
        }
        if self.owed && keep.extent == Extent::Findings {
            keep.extent = Extent::All;
        }
        let recorded = self.record(&keep);
        self.owed = recorded.is_err();
        if recorded.is_ok() {
            self.trends.clear();
        } else {
            self.wait(&mut keep);
            if keep.extent == Extent::Last {
                self.last = Some(Box::new(keep));
            }
        }
        self.behind.store(self.last.is_some(), Ordering::Relaxed);
        recorded
    }

    /// Holds what no later recording says.
    fn wait(&mut self, keep: &mut Keep) {
        self.owed = true;
        self.trends.append(&mut keep.trends);
        let over = self.trends.len().saturating_sub(TRENDS_MAX);
        self.trends.drain(..over);
        if over > 0 && !self.trends_lost {
            self.trends_lost = true;
            eprintln!(
                "lazaret: the store cannot be written for so long that minutes of vital signs are lost"
            );
        }
    }

    fn record(&mut self, keep: &Keep) -> Result<(), StoreError> {
        if self.periods.back() != Some(&keep.period) {
            self.kept = Kept::default();
            self.periods.push_back(keep.period.clone());
            if self.periods.len() > PERIODS_MAX {
                self.periods.pop_front();
                self.forgotten += 1;
            }
        }
        let name = |period: u64| {
            let at = usize::try_from(period.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
            self.periods.get(at).map(String::as_str)
        };
        let taken_back = keep.report.taken_back.iter();
        let taken_back: Vec<_> =
            taken_back.filter_map(|told| Some((told.finding, name(told.since)?))).collect();
        let health = serde_json::to_string(&keep.health).unwrap_or_default();
        let trends = [&self.trends[..], &keep.trends[..]].concat();
        let recording = Recording {
            sensor: &keep.health.interface,
            period: &keep.period,
            report: &keep.report,
            taken_back: &taken_back,
            trends: &trends,
            health: &health,
            extent: keep.extent,
            version: env!("CARGO_PKG_VERSION"),
        };
        let actor = Actor { name: format!("watch {}", keep.health.interface), at: now() };
        let mut store = Writer::open(&self.folder, IfMissing::Make)?;
        store.record(&mut self.kept, &recording, &actor)?;
        if let Some(identities) = &self.identities {
            let due = if keep.extent == Extent::Findings { Due::New } else { Due::All };
            // What of it cannot be written is not the recording's failure: that would be written twice.
            identities.keep(&mut store, due, &actor.name);
        }
        Ok(())
    }
}
