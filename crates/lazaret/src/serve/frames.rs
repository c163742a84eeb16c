//! Frames that show findings, for who asks through the API: out of captures that the server was given, or of an evidence ring.
//!
//! The server keeps no frames of its own. What it may read is what its command line names (`--captures`, `--ring`), and
//! what leaves it is what [`crate::cutting`] leaves to be seen. One look at a time: each reads whole captures.
//!
//! # Limits
//! [`FILES_MAX`] capture files are known by hash. A file is read for its hash once, until it changes.

use super::problem::Problem;
use crate::bundling::{self, Bundled};
use crate::cutting::{Cut, Source, Units};
use crate::exit::Failure;
use crate::matter::Matter;
use crate::stored::shown;
use export::signature::SecretKey;
use ingest::EvidenceReader;
use model::CaptureSummary;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::Mutex as Turn;

/// Capture files that are looked through. Our limit; further ones are not found.
const FILES_MAX: usize = 10_000;
/// Folders in folders. Our limit, as before.
const DEPTH_MAX: usize = 8;

/// Where frames may be read.
#[derive(Default)]
pub(crate) struct Places {
    /// Capture files and folders of them.
    pub(crate) captures: Vec<PathBuf>,
    /// An evidence ring, with its passphrase.
    pub(crate) ring: Option<(PathBuf, Box<[u8]>)>,
    /// Key that signs bundles.
    pub(crate) key: Option<SecretKey>,
}

/// The same, while the server runs.
pub(crate) struct Frames {
    places: Arc<Places>,
    known: Mutex<BTreeMap<PathBuf, Known>>,
    /// One look at a time.
    pub(crate) turn: Arc<Turn<()>>,
}

/// A capture file whose hash is known.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Known {
    bytes: u64,
    changed: Option<SystemTime>,
    /// None where it is no capture.
    sha256: Option<String>,
}

/// Frames that show a finding.
pub(crate) struct Found {
    pub(crate) matter: Matter,
    pub(crate) captures: Vec<CaptureSummary>,
    pub(crate) cut: Cut,
    /// Frames that show it and are of captures that are not here.
    pub(crate) elsewhere: usize,
    /// Whether they came out of the ring.
    pub(crate) ring: bool,
}

impl Frames {
    pub(crate) fn new(places: Arc<Places>) -> Self {
        Self { places, known: Mutex::default(), turn: Arc::default() }
    }

    /// Whether bundles can be signed; why not, otherwise.
    pub(crate) fn signs(&self) -> Result<(), Problem> {
        match &self.places.key {
            Some(_) => Ok(()),
            None => Err(Problem::conflict(
                "This server has no key to sign bundles with: start it with --evidence-key FILE (`lazaret evidence keygen` makes one), or \
                 cut the bundle with `lazaret evidence export`.",
            )),
        }
    }

    /// Cuts the frames of a finding.
    pub(crate) fn find(&self, store: &Path, id: &str, units: Units) -> Result<Found, Problem> {
        let places = &*self.places;
        let mut matter = Matter::from_store(store, id).map_err(problem)?;
        if matter.frames.is_empty() {
            return Err(Problem::conflict(
                "This finding points at no frame: it is about what was not there, or about many.",
            ));
        }
        if places.captures.is_empty() && places.ring.is_none() {
            return Err(Problem::conflict(format!(
                "This server keeps no frames. Start it with --captures DIR (the folder of the captures that were scanned) or --ring DIR (what \
                 `watch --ring` keeps), or cut the frames where they are: lazaret evidence export {id} --store … --capture …"
            )));
        }
        let all = matter.frames.len();
        let wanted: BTreeSet<String> = matter.frames.iter().filter_map(|one| one.sha256.clone()).collect();
        let names: BTreeSet<&str> = matter.frames.iter().map(|one| one.name.as_str()).collect();
        let files = self.files(&wanted, &names);
        let (source, ring) = if files.is_empty() {
            (self.ring(&mut matter)?, true)
        } else {
            matter.frames.retain(|one| one.sha256.as_ref().is_some_and(|hash| files.contains_key(hash)));
            let paths: Vec<PathBuf> = files.into_values().collect();
            (Source::new(&paths).map_err(problem)?, false)
        };
        let captures = source.captures().map_err(problem)?;
        let evidence = matter.evidence(&captures).map_err(problem)?;
        let cut = source.cut(evidence, units).map_err(problem)?;
        if ring {
            matter.fits(&cut.cutting).map_err(problem)?;
        }
        let elsewhere = all - matter.frames.len();
        Ok(Found { matter, captures, cut, elsewhere, ring })
    }

    /// The bundle of a finding, signed.
    pub(crate) fn bundle(&self, found: &Found) -> Result<Vec<u8>, Problem> {
        self.signs()?;
        let Some(key) = &self.places.key else { return Err(Problem::conflict("There is no key.")) };
        bundling::rule(&found.matter).map_err(problem)?;
        let bundled = Bundled::of(&found.matter, &found.captures, &found.cut).map_err(problem)?;
        let mut bytes = Vec::new();
        bundled.write(key, &mut bytes).map_err(|cause| Problem::fault(&cause))?;
        Ok(bytes)
    }

    /// The run of the evidence ring that a finding's frames are of.
    fn ring(&self, matter: &mut Matter) -> Result<Source, Problem> {
        let of: BTreeSet<&str> = matter.frames.iter().map(|one| one.name.as_str()).collect();
        let of: Vec<String> = of.into_iter().take(3).map(shown).collect();
        let period =
            matter.frames.iter().filter_map(|one| one.sha256.as_deref()).find(|hash| store::is_period(hash));
        let period = period.map(str::to_owned);
        let (Some((folder, passphrase)), Some(period)) = (&self.places.ring, period) else {
            return Err(Problem::conflict(format!(
                "The frames of this finding are not here: they are of {}. Captures are known again by their hash, so put the file as it was \
                 scanned into the folder of --captures; frames of a watch are only in its evidence ring (`watch --ring`, then --ring here).",
                of.join(", ")
            )));
        };
        matter.frames.retain(|one| one.sha256.as_deref() == Some(period.as_str()));
        let ring = EvidenceReader::open(folder, passphrase).map_err(|cause| Problem::fault(&cause))?;
        let runs = ring.runs().map_err(|cause| Problem::fault(&cause))?;
        let run = matter.run(runs).map_err(problem)?;
        Ok(Source::Ring(ring, Box::new(run)))
    }

    /// Files of captures with these hashes; those with the right name are looked at first.
    fn files(&self, wanted: &BTreeSet<String>, names: &BTreeSet<&str>) -> BTreeMap<String, PathBuf> {
        let mut paths = Vec::new();
        for place in &self.places.captures {
            collect(place, 0, &mut paths);
        }
        let named = |path: &Path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(name))
        };
        paths.sort_by_key(|path| (!named(path), path.clone()));
        let wanted: BTreeSet<&String> = wanted.iter().filter(|hash| !store::is_period(hash)).collect();
        let mut found = BTreeMap::new();
        for path in paths {
            if found.len() == wanted.len() {
                break;
            }
            if let Some(hash) = self.hash(&path).filter(|hash| wanted.contains(hash)) {
                found.entry(hash).or_insert(path);
            }
        }
        found
    }

    /// The hash of a capture file, read once.
    fn hash(&self, path: &Path) -> Option<String> {
        let about = std::fs::metadata(path).ok()?;
        let (bytes, changed) = (about.len(), about.modified().ok());
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = known().get(path).filter(|one| one.bytes == bytes && one.changed == changed) {
            return one.sha256.clone();
        }
        let source = Source::new(std::slice::from_ref(&path.to_owned())).ok()?;
        let captures = source.captures().ok();
        let sha256 = captures.and_then(|captures| captures.first()?.sha256).map(|digest| digest.to_string());
        let mut known = known();
        if known.len() < FILES_MAX {
            known.insert(path.to_owned(), Known { bytes, changed, sha256: sha256.clone() });
        }
        sha256
    }
}

/// Regular files of a folder and of those in it; a link to a folder is not followed.
fn collect(place: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
    if place.is_file() {
        if paths.len() < FILES_MAX {
            paths.push(place.to_owned());
        }
        return;
    }
    if depth > DEPTH_MAX || (depth > 0 && place.is_symlink()) {
        return;
    }
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        collect(&entry.path(), depth + 1, paths);
    }
}

/// What a command would have said, as an answer: what can be helped is told, the rest is a fault of the server.
fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Usage(why) => Problem::conflict(why),
        Failure::Store(fault) => fault.into(),
        other => Problem::fault(&other),
    }
}
