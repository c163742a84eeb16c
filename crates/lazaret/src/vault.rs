//! The vault as commands turn it on: its passphrase comes from outside, and what the pipeline tells of patients is sealed at once.
//!
//! ```text
//! parser → sink: keyed hash ──► observation            as ever
//!            └─── who it is ──► sealed here ──► store   every few seconds where somebody is new, else with everything else
//! ```
//! In clear a name is in memory only while it is sealed, joined with what was known, or told to who asked.

use crate::exit::{Failure, with_causes};
use crate::secret::vault_passphrase;
use crate::stored::now;
use flow::Redaction;
use model::{CaptureTime, Pseudonym, Report};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{
    Actor, Guarding as _, Identity, IfMissing, Imported, Sealed, StoreError, Vault, Writer, Writing as _,
};
use wire::PatientFields;

/// Patients who are remembered between two writings, sealed. Our limit: twice as many as beds; what a flood names beyond is not
/// kept until there is room, which is said.
const HELD_MAX: usize = 1 << 14;
/// Who was not named for so long is not remembered any more, in nanoseconds: an hour.
const IDLE_NANOS: i64 = 3_600_000_000_000;

/// Options of whoever fills the vault or shows what is in it.
#[derive(Debug, clap::Args)]
pub(crate) struct Turned {
    /// Turn the vault on: who the patients behind keyed hashes are is kept in the store, encrypted, and shown to the clinical role
    /// alone, with every look in the audit log. Off, names are kept nowhere
    #[arg(long)]
    vault: bool,
    /// With --vault: file of its passphrase, 16 bytes or more, which must not lie in the store (a systemd credential, for example)
    /// [default: LAZARET_VAULT_PASSPHRASE of the environment, else asked for]
    #[arg(long, value_name = "FILE", requires = "vault")]
    vault_key_file: Option<PathBuf>,
    /// With --vault: who was not named for so long is forgotten
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = crate::command::duration, requires = "vault")]
    vault_keep: Duration,
}

impl Turned {
    /// Opens the vault of the store in `folder`, makes it where there is none, and says that it is on; none where it is off.
    ///
    /// # Errors
    /// Where the passphrase is missing, lies in the store or is wrong, or the store cannot be used.
    pub(crate) fn open(
        &self,
        folder: Option<&Path>,
        actor: &Actor,
    ) -> Result<Option<Arc<Identities>>, Failure> {
        if !self.vault {
            return Ok(None);
        }
        let folder = folder.ok_or_else(|| {
            Failure::Usage("--vault needs --store DIR: the vault is kept in a store".to_owned())
        })?;
        let passphrase = vault_passphrase(folder, self.vault_key_file.as_deref())?;
        let vault = Writer::open(folder, IfMissing::Make)?.make_vault(&passphrase, actor)?;
        eprintln!(
            "lazaret: the vault is on: who patients are is kept in the store, encrypted, for {}; looks are in the audit log",
            in_words(self.vault_keep)
        );
        Ok(Some(Arc::new(Identities::new(vault, self.vault_keep))))
    }

    /// Whether it is on.
    pub(crate) const fn is_on(&self) -> bool {
        self.vault
    }
}

/// A time to keep, for people.
fn in_words(time: Duration) -> String {
    let hours = time.as_secs() / 3_600;
    if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}

/// These options of the flow stage, with patients sealed for the vault where it is on.
pub(crate) fn wanted(vault: Option<&Arc<Identities>>, options: flow::Options) -> flow::Options {
    match vault {
        Some(vault) => vault.wanted(options),
        None => options,
    }
}

/// Keeps a report in the store, and who its patients are in the vault where it is on.
///
/// # Errors
/// When the store cannot be written.
pub(crate) fn import(
    store: &mut Writer,
    report: &Report,
    vault: Option<&Identities>,
    by: &Actor,
) -> Result<Imported, StoreError> {
    let imported = store.import(report, env!("CARGO_PKG_VERSION"), by)?;
    vault.map_or(Ok(()), |vault| vault.try_keep(store, Due::All, &by.name))?;
    Ok(imported)
}

/// What of the patients is written next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// Those who are new, or of whom a name or number came to be known.
    New,
    /// And when everybody was last named.
    All,
}

/// What of a patient is not in the store yet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Unkept {
    Nothing,
    /// That he was named again.
    Time,
    /// Who he is.
    Name,
}

/// A patient between two writings.
struct Held {
    /// What was told last, hashed under a key of this process: most is told again and again.
    told: u64,
    sealed: Sealed,
    /// Last named, in capture time.
    last: i64,
    unkept: Unkept,
}

#[derive(Default)]
struct State {
    held: BTreeMap<Pseudonym, Held>,
    newest: i64,
    /// The limit was reached, which was said.
    full: bool,
    /// The store refused, which was said.
    failing: bool,
}

/// An open vault, and who was named since it was last written.
pub(crate) struct Identities {
    vault: Vault,
    keep: Duration,
    hasher: RandomState,
    state: Mutex<State>,
}

impl Identities {
    pub(crate) fn new(vault: Vault, keep: Duration) -> Self {
        Self { vault, keep, hasher: RandomState::new(), state: Mutex::default() }
    }

    /// The vault, to look into it.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// What becomes of identifiers in what is observed: hashes of the vault's own key.
    pub(crate) fn redaction(&self) -> Redaction {
        Redaction::Pseudonym(self.vault.hash_key().into())
    }

    /// These options of the flow stage, with patients sealed for the vault.
    fn wanted(self: &Arc<Self>, options: flow::Options) -> flow::Options {
        let identities: Arc<dyn flow::Identities> = Arc::<Self>::clone(self);
        flow::Options { redaction: self.redaction(), identities: Some(identities), ..options }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is new, so that it is worth writing now.
    pub(crate) fn has_new(&self) -> bool {
        self.state().held.values().any(|held| held.unkept == Unkept::Name)
    }

    /// Writes what is due and forgets what is old. What cannot be written is said once and tried again with the next.
    pub(crate) fn keep(&self, store: &mut Writer, due: Due, by: &str) {
        let kept = self.try_keep(store, due, by);
        let mut state = self.state();
        match kept {
            Ok(()) if std::mem::take(&mut state.failing) => {
                eprintln!("lazaret: the vault can be written again");
            }
            Err(cause) if !std::mem::replace(&mut state.failing, true) => {
                eprintln!("lazaret: the vault cannot be written: {}", with_causes(&Failure::Store(cause)));
            }
            _ => {}
        }
    }

    /// The same, where somebody waits for it.
    ///
    /// # Errors
    /// When the store cannot be written; what was to be written still is.
    pub(crate) fn try_keep(&self, store: &mut Writer, due: Due, by: &str) -> Result<(), StoreError> {
        let told = self.take(due)?;
        if told.is_empty() && due == Due::New {
            return Ok(());
        }
        let keep_ns = i64::try_from(self.keep.as_nanos()).unwrap_or(i64::MAX);
        let actor = Actor { name: by.to_owned(), at: now() };
        let kept = store.keep_identities(&self.vault, &told, keep_ns, &actor);
        let mut state = self.state();
        if kept.is_err() {
            for (patient, _) in &told {
                if let Some(held) = state.held.get_mut(patient) {
                    held.unkept = Unkept::Name;
                }
            }
        } else {
            let since = state.newest.saturating_sub(IDLE_NANOS);
            state.held.retain(|_, held| held.unkept != Unkept::Nothing || held.last >= since);
        }
        kept.map(drop)
    }

    /// What is due, as from now on kept.
    fn take(&self, due: Due) -> Result<Vec<(Pseudonym, Sealed)>, StoreError> {
        let least = if due == Due::All { Unkept::Time } else { Unkept::Name };
        let mut told = Vec::new();
        for (patient, held) in &mut self.state().held {
            if held.unkept < least {
                continue;
            }
            if held.sealed.seen().1 < held.last {
                // The time is bound by the seal.
                let again = Identity::new(b"", b"", None, held.last);
                let identity = self.vault.open_record(*patient, &held.sealed)?.joined(again);
                held.sealed = self.vault.seal(*patient, &identity)?;
            }
            held.unkept = Unkept::Nothing;
            told.push((*patient, held.sealed.clone()));
        }
        Ok(told)
    }

    /// Seals what is new of a patient.
    fn learn(
        &self,
        state: &mut State,
        patient: Pseudonym,
        told: u64,
        new: Identity,
    ) -> Result<(), StoreError> {
        let last = new.seen().1;
        if let Some(held) = state.held.get_mut(&patient) {
            let known = self.vault.open_record(patient, &held.sealed)?;
            let joined = known.clone().joined(new);
            let same = known.is_called_like(&joined);
            // Two devices that differ may take turns every second: that is sealed, and written with everything else.
            let unkept = if same || known.is_whole() { Unkept::Time } else { Unkept::Name };
            if !same || known.bed() != joined.bed() {
                held.sealed = self.vault.seal(patient, &joined)?;
            }
            (held.told, held.last) = (told, held.last.max(last));
            held.unkept = held.unkept.max(unkept);
            return Ok(());
        }
        if state.held.len() >= HELD_MAX {
            state.held.retain(|_, held| held.unkept != Unkept::Nothing);
        }
        if state.held.len() >= HELD_MAX {
            if !std::mem::replace(&mut state.full, true) {
                eprintln!(
                    "lazaret: more than {HELD_MAX} patients are named at once; the vault does not hold them all"
                );
            }
            return Ok(());
        }
        let sealed = self.vault.seal(patient, &new)?;
        state.held.insert(patient, Held { told, sealed, last, unkept: Unkept::Name });
        Ok(())
    }
}

impl flow::Identities for Identities {
    fn named(&self, patient: Pseudonym, fields: &PatientFields<'_>, time: CaptureTime) {
        let PatientFields { name, number, bed, .. } = *fields;
        let (at, told) = (time.nanos(), self.hasher.hash_one((name, number, bed)));
        let mut state = self.state();
        state.newest = state.newest.max(at);
        if let Some(held) = state.held.get_mut(&patient).filter(|held| held.told == told) {
            held.last = held.last.max(at);
            held.unkept = held.unkept.max(Unkept::Time);
            return;
        }
        let learnt = self.learn(&mut state, patient, told, Identity::new(name, number, bed, at));
        if let Err(cause) = learnt
            && !std::mem::replace(&mut state.failing, true)
        {
            // Of the system, not of what was sent: it gives no randomness.
            eprintln!("lazaret: the vault cannot seal: {}", with_causes(&Failure::Store(cause)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::Identities as _;
    use store::{Guarded as _, Look};

    const PASSPHRASE: &[u8] = b"a lamp, a door and a tide";
    const ONE: Pseudonym = Pseudonym(1);

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn vault(test: &str) -> (Folder, Writer, Identities) {
        let folder =
            Folder(std::env::temp_dir().join(format!("lazaret-vault-{test}-{}", std::process::id())));
        let mut store = Writer::open(&folder.0, IfMissing::Make).unwrap();
        let vault = store.make_vault(PASSPHRASE, &actor()).unwrap();
        (folder, store, Identities::new(vault, Duration::from_secs(86_400)))
    }

    fn actor() -> Actor {
        Actor { name: "tester".to_owned(), at: now() }
    }

    fn name(identities: &Identities, patient: Pseudonym, name: &str, bed: Option<u16>, at: i64) {
        let fields =
            PatientFields { name: name.as_bytes(), number: b"778-401", bed, ..PatientFields::default() };
        identities.named(patient, &fields, CaptureTime::from_nanos(at));
    }

    fn told(identities: &Identities, store: &mut Writer, patient: Pseudonym) -> Option<Identity> {
        let look = Look { patient, way: "test", reason: None };
        store.look(identities.vault(), &look, &actor()).unwrap()
    }

    #[test]
    fn who_is_named_is_written_once_and_the_time_with_everything_else() {
        let (_folder, mut store, identities) = vault("once");
        for at in 10..1_000 {
            name(&identities, ONE, "Haldis", Some(7), at);
        }
        assert!(identities.has_new());
        identities.try_keep(&mut store, Due::New, "t").unwrap();
        assert!(!identities.has_new());
        let first = told(&identities, &mut store, ONE).unwrap();
        assert_eq!((first.name(), first.bed(), first.seen()), ("Haldis", Some(7), (10, 999)));
        name(&identities, ONE, "Haldis", Some(7), 2_000);
        assert!(!identities.has_new(), "that is no news");
        identities.try_keep(&mut store, Due::New, "t").unwrap();
        assert_eq!(told(&identities, &mut store, ONE).unwrap().seen(), (10, 999));
        identities.try_keep(&mut store, Due::All, "t").unwrap();
        assert_eq!(told(&identities, &mut store, ONE).unwrap().seen(), (10, 2_000));
        // Called otherwise, at another bed, by a device that takes turns with the first; then by one that knows less.
        for at in 3_000..3_010 {
            name(&identities, ONE, if at % 2 == 0 { "Haldis" } else { "Haldis Ravnsund" }, Some(8), at);
        }
        name(&identities, ONE, "", None, 4_000);
        assert!(!identities.has_new(), "nothing is written every second for that");
        identities.try_keep(&mut store, Due::All, "t").unwrap();
        let last = told(&identities, &mut store, ONE).unwrap();
        assert_eq!((last.name(), last.bed(), last.seen()), ("Haldis Ravnsund", Some(8), (10, 4_000)));
        let two = Pseudonym(2);
        name(&identities, two, "", None, 5_000);
        identities.try_keep(&mut store, Due::New, "t").unwrap();
        name(&identities, two, "Ostrava", None, 5_001);
        assert!(identities.has_new(), "only now somebody knows who that is");
    }

    #[test]
    fn what_the_store_refuses_is_written_with_the_next() {
        let (_folder, mut store, identities) = vault("refused");
        name(&identities, ONE, "Haldis", None, 10);
        let other = std::env::temp_dir().join(format!("lazaret-vault-other-{}", std::process::id()));
        let other = Folder(other);
        let mut elsewhere = Writer::open(&other.0, IfMissing::Make).unwrap();
        let refused = identities.try_keep(&mut elsewhere, Due::All, "t");
        assert!(matches!(refused, Err(StoreError::NoVault)), "{refused:?}");
        assert!(identities.has_new());
        identities.keep(&mut store, Due::New, "t");
        assert_eq!(told(&identities, &mut store, ONE).unwrap().name(), "Haldis");
    }

    #[test]
    fn what_is_remembered_between_two_writings_is_bounded_and_idle_patients_are_let_go() {
        let (_folder, mut store, identities) = vault("bounded");
        for number in 0..HELD_MAX as u64 + 100 {
            name(&identities, Pseudonym(number), "Nobody", None, 10);
        }
        assert_eq!(identities.state().held.len(), HELD_MAX);
        identities.try_keep(&mut store, Due::New, "t").unwrap();
        assert_eq!(store.vault().unwrap().unwrap().records, HELD_MAX as i64);
        name(&identities, Pseudonym(u64::MAX), "Somebody", None, 20 + IDLE_NANOS);
        identities.try_keep(&mut store, Due::New, "t").unwrap();
        assert_eq!(identities.state().held.len(), 1, "the others were not named for an hour");
    }
}
