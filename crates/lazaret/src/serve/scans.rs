//! Captures that were sent to be scanned, one at a time, into the store.

use super::app::{Shared, write};
use crate::command::{Reading, ScanPlan};
use crate::pipeline::{self, Told};
use crate::vault;
use detect::Depth;
use flow::Waveforms;
use ingest::Input;
use inventory::Site;
use model::Report;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Actor, Change, Imported, Meeting};
use tokio::sync::Mutex as Turn;

/// Scans that wait or run at once. Our limit; more are refused with 429.
const UNDER_WAY_MAX: usize = 16;
/// Scans that are remembered. Our limit: the oldest that has ended is forgotten.
const REMEMBERED_MAX: usize = 200;
/// Folder of captures that wait, in the store's.
const FOLDER: &str = "uploads";

/// A capture that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) by: String,
    pub(crate) at: i64,
    pub(crate) stage: Stage,
}

/// How far a scan is.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// Its bytes are coming.
    Receiving,
    /// Another runs.
    Waiting,
    /// It is read.
    Reading { bytes: u64, bytes_total: Option<u64>, frames: u64 },
    /// Its results are put into the store.
    Keeping,
    /// Its results are in the store.
    Done { meeting: &'static str, new: u64, grown: u64, reopened: u64, assets_new: u64 },
    /// It could not be scanned.
    Failed { why: String },
}

impl Stage {
    const fn ended(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

/// All of them.
pub(crate) struct Scans {
    site: Site,
    folder: PathBuf,
    all: Mutex<(u64, BTreeMap<u64, Scan>)>,
    turn: Turn<()>,
}

impl Scans {
    /// Of a store in `folder`. What a server before left there is removed.
    pub(crate) fn new(folder: &Path, site: Site) -> Self {
        let folder = folder.join(FOLDER);
        drop(fs::remove_dir_all(&folder));
        Self { site, folder, all: Mutex::new((0, BTreeMap::new())), turn: Turn::new(()) }
    }

    fn all(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Scan>)> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a capture that is coming; none where too many are under way.
    pub(crate) fn begin(&self, name: String, by: &Actor) -> Option<u64> {
        let mut all = self.all();
        let (last, scans) = &mut *all;
        if scans.values().filter(|scan| !scan.stage.ended()).count() >= UNDER_WAY_MAX {
            return None;
        }
        while scans.len() >= REMEMBERED_MAX {
            let oldest = scans.values().find(|scan| scan.stage.ended()).map(|scan| scan.id)?;
            scans.remove(&oldest);
        }
        *last += 1;
        let scan = Scan { id: *last, name, by: by.name.clone(), at: by.at, stage: Stage::Receiving };
        scans.insert(*last, scan);
        Some(*last)
    }

    /// The file of a capture, in a folder for its owner alone.
    pub(crate) fn file(&self, id: u64) -> std::io::Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        Ok(self.folder.join(format!("{id}.capture")))
    }

    fn set(&self, id: u64, stage: Stage) {
        if let Some(scan) = self.all().1.get_mut(&id) {
            scan.stage = stage;
        }
    }

    /// It could not be received or scanned.
    pub(crate) fn fail(&self, id: u64, why: String) {
        self.set(id, Stage::Failed { why });
    }

    /// All, the newest first.
    pub(crate) fn list(&self) -> Vec<Scan> {
        self.all().1.values().rev().cloned().collect()
    }

    /// One.
    pub(crate) fn one(&self, id: u64) -> Option<Scan> {
        self.all().1.get(&id).cloned()
    }
}

/// Takes a capture's file away, whatever becomes of its scan.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Scans a capture that has come, when it is its turn.
pub(crate) async fn scan(app: Shared, id: u64, path: PathBuf, by: Actor) {
    let gone = Gone(path);
    app.scans.set(id, Stage::Waiting);
    let _turn = app.scans.turn.lock().await;
    let reading = Arc::clone(&app);
    let read = tokio::task::spawn_blocking(move || read(&reading, id, &gone.0)).await;
    // A panic has told its place already.
    let report =
        read.unwrap_or_else(|_| Err("a fault of Lazaret's while it was read; please report it".to_owned()));
    let report = match report {
        Ok(report) => report,
        Err(why) => return app.scans.fail(id, why),
    };
    app.scans.set(id, Stage::Keeping);
    let vault = app.vault.get().cloned();
    let keep = move |store: &mut store::Writer| vault::import(store, &report, vault.as_deref(), &by);
    match write(&app, keep).await {
        Ok(imported) => app.scans.set(id, done(&imported)),
        Err(problem) => app.scans.fail(id, problem.detail()),
    }
}

/// The report of one capture, under the name it was sent with.
fn read(app: &Shared, id: u64, path: &Path) -> Result<Report, String> {
    let folder = app.scans.folder.parent().unwrap_or(&app.scans.folder);
    let past = crate::past::of_store(folder).map_err(|failure| crate::exit::with_causes(&failure))?;
    let wanted = flow::Options { waveforms: Waveforms::Carry, ..flow::Options::default() };
    let plan = ScanPlan {
        past,
        inputs: vec![Input::Path(path.to_owned())],
        reading: ingest::Options::default(),
        flow: vault::wanted(app.vault.get(), wanted),
        site: app.scans.site.clone(),
        integrity: Some(Depth::Default),
        workers: NonZero::<usize>::MIN,
        recording: None,
    };
    let mut reading = |reading: Reading| {
        let (bytes, bytes_total, frames) = (reading.bytes.read, reading.bytes.total, reading.frames);
        app.scans.set(id, Stage::Reading { bytes, bytes_total, frames });
    };
    let outcome = pipeline::run(plan, Told { reading: &mut reading, finding: None });
    let mut outcome = outcome.map_err(|failure| crate::exit::with_causes(&failure))?;
    if outcome.report.captures.is_empty() {
        let why = outcome.rejected.first().map(|rejected| rejected.why.clone());
        return Err(why.unwrap_or_else(|| "it is no capture (pcap or pcapng, plain, .gz or .zst)".to_owned()));
    }
    let name = app.scans.one(id).map(|scan| scan.name).unwrap_or_default();
    outcome.report.captures.iter_mut().for_each(|capture| capture.name.clone_from(&name));
    Ok(outcome.report)
}

fn done(imported: &Imported) -> Stage {
    let count = |wanted: fn(&Change) -> bool| {
        imported.changed.iter().filter(|changed| wanted(&changed.change)).count() as u64
    };
    Stage::Done {
        meeting: match imported.meeting {
            Meeting::Nothing => "nothing",
            Meeting::New => "new",
            Meeting::Same => "same",
            Meeting::Covered => "covered",
            Meeting::Replaced(_) => "replaced",
        },
        new: count(|change| *change == Change::New),
        grown: count(|change| matches!(change, Change::Grown { .. })),
        reopened: count(|change| *change == Change::Reopened),
        assets_new: imported.assets_new,
    }
}
