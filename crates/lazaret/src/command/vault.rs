//! `lazaret store vault`: who patients are, for who has the passphrase, with every look in the audit log.

use crate::exit::Failure;
use crate::secret::{new_vault_passphrase, vault_passphrase};
use crate::stored::{By, Format, Where, at, print, print_json, rfc3339};
use model::Pseudonym;
use serde::Serialize;
use std::path::PathBuf;
use store::{
    Forgetting, Guarded as _, Guarding as _, Identity, IfMissing, Look, VaultStanding, Writer, read_pseudonym,
};

const EXAMPLES: &str = "\
Examples:
  lazaret store --store ward.store vault status
  lazaret store --store ward.store vault look p:0123456789abcdef --reason 'whom to tell of f-5b44'
  lazaret store --store ward.store vault forget p:0123456789abcdef --reason 'discharged'
  lazaret store --store ward.store vault forget --all --reason 'the study is over'
  lazaret store --store ward.store vault rotate --vault-key-file vault.key --new-key-file new.key

A vault is made by --vault of scan, watch or serve. It holds names, numbers and beds that devices
sent, encrypted under a passphrase that is never in the store: without it the store opens as ever
and shows keyed hashes. Every look is in the audit log, with who and why, before it is answered.
`forget` needs no passphrase. After `rotate` start sensors and servers anew with the new
passphrase; backups that were made before still open with the old one.";

/// What to do with the vault.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

/// Where the passphrase is.
#[derive(Debug, clap::Args)]
struct Key {
    /// File of the vault's passphrase [default: LAZARET_VAULT_PASSPHRASE of the environment, else asked for]
    #[arg(long, value_name = "FILE")]
    vault_key_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show whether there is a vault and how many patients are in it; needs no passphrase and tells none
    Status {
        /// Format of the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Tell who a patient is; the look is in the audit log first
    Look {
        /// Keyed hash of the patient
        #[arg(value_name = "HASH", value_parser = read_pseudonym)]
        patient: Pseudonym,
        /// Why, for the audit log. Do not name the patient
        #[arg(long, value_name = "TEXT", value_parser = reason)]
        reason: String,
        #[command(flatten)]
        key: Key,
        /// Format of the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        by: By,
    },
    /// Forget one patient, or all; what is named again afterwards is kept again
    Forget {
        /// Keyed hash of the patient
        #[arg(value_name = "HASH", value_parser = read_pseudonym, required_unless_present = "all")]
        patient: Option<Pseudonym>,
        /// All
        #[arg(long, conflicts_with = "patient")]
        all: bool,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", value_parser = reason)]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Encrypt everything anew under a new passphrase
    Rotate {
        #[command(flatten)]
        key: Key,
        /// File of the passphrase from now on, 16 bytes or more [default: LAZARET_VAULT_NEW_PASSPHRASE of the environment, else
        /// asked for twice]
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
        #[command(flatten)]
        by: By,
    },
}

/// Longest reason, in bytes. Our limit; a longer one is a mistake.
const REASON_BYTES_MAX: usize = 2_000;

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why; it is written down".to_owned()),
        text if text.len() > REASON_BYTES_MAX => Err(format!("longer than {REASON_BYTES_MAX} bytes")),
        text => Ok(crate::stored::shown(text)),
    }
}

/// How it stands, for programs.
#[derive(Serialize)]
struct StatusRow {
    schema: &'static str,
    vault: bool,
    made: Option<String>,
    rotated: Option<String>,
    patients: i64,
    first: Option<String>,
    last: Option<String>,
}

/// A patient, for programs.
#[derive(Serialize)]
struct PatientRow<'a> {
    schema: &'static str,
    patient: String,
    name: Option<&'a str>,
    number: Option<&'a str>,
    bed: Option<u16>,
    first: String,
    last: String,
}

impl Options {
    /// Does it, in the store at `place`.
    pub(super) fn run(&self, place: &Where) -> Result<(), Failure> {
        // What is opened is not left lying in memory.
        ingest::wipe_freed_memory();
        match &self.what {
            What::Status { format } => status(place.reader()?.vault()?, *format),
            What::Look { patient, reason, key, format, by } => {
                let folder = place.folder()?;
                // Whether there is a store and a vault is known before anybody is asked for a passphrase.
                place.reader()?.vault()?.ok_or(store::StoreError::NoVault)?;
                let passphrase = vault_passphrase(folder, key.vault_key_file.as_deref())?;
                let mut store = Writer::open(folder, IfMissing::Fail)?;
                let vault = store.open_vault(&passphrase)?;
                let look = Look { patient: *patient, way: "command line", reason: Some(reason) };
                match store.look(&vault, &look, &by.actor()?)? {
                    Some(identity) => told(*patient, &identity, *format),
                    None => Err(Failure::Usage(format!(
                        "nobody is known by {patient}: never named while the vault was on, or forgotten. The look is in the log"
                    ))),
                }
            }
            What::Forget { patient, reason, by, .. } => {
                let which = patient.map_or(Forgetting::All, Forgetting::One);
                let gone = place.writer()?.forget(which, reason, &by.actor()?)?;
                print(&format!("forgotten: {gone}; backups that were made before still hold them\n"))
            }
            What::Rotate { key, new_key_file, by } => {
                let folder = place.folder()?;
                place.reader()?.vault()?.ok_or(store::StoreError::NoVault)?;
                let passphrase = vault_passphrase(folder, key.vault_key_file.as_deref())?;
                let vault = place.reader()?.open_vault(&passphrase)?;
                let new = new_vault_passphrase(folder, new_key_file.as_deref())?;
                if new == passphrase {
                    return Err(Failure::Usage(
                        "the new passphrase is the old one; nothing was changed".to_owned(),
                    ));
                }
                let sealed = place.writer()?.rotate_vault(&vault, &new, &by.actor()?)?;
                print(&format!(
                    "encrypted anew: {sealed}; start sensors and servers again with the new passphrase. Backups that were made before \
                     open with the old one\n"
                ))
            }
        }
    }
}

fn status(standing: Option<VaultStanding>, format: Format) -> Result<(), Failure> {
    let patients = standing.as_ref().map_or(0, |standing| standing.records);
    if format == Format::Json {
        let time = |of: fn(&VaultStanding) -> Option<i64>| standing.as_ref().and_then(of).map(rfc3339);
        return print_json(&StatusRow {
            schema: "lazaret.vault/1",
            vault: standing.is_some(),
            made: time(|standing| Some(standing.made)),
            rotated: time(|standing| standing.rotated),
            patients,
            first: time(|standing| standing.first),
            last: time(|standing| standing.last),
        });
    }
    let Some(standing) = standing else {
        return print("no vault: patients are keyed hashes or absent\n");
    };
    let mut out = format!("vault: made {}", at(standing.made));
    if let Some(rotated) = standing.rotated {
        out.push_str(&format!(", key rotated {}", at(rotated)));
    }
    out.push_str(&format!("\npatients: {patients}"));
    if let (Some(first), Some(last)) = (standing.first, standing.last) {
        out.push_str(&format!(", named from {} to {}", at(first), at(last)));
    }
    out.push('\n');
    print(&out)
}

fn told(patient: Pseudonym, identity: &Identity, format: Format) -> Result<(), Failure> {
    let (first, last) = identity.seen();
    let [name, number] =
        [identity.name(), identity.number()].map(|text| Some(text).filter(|text| !text.is_empty()));
    let bed = identity.bed();
    if format == Format::Json {
        let (first, last) = (rfc3339(first), rfc3339(last));
        let (schema, patient) = ("lazaret.patient/1", patient.to_string());
        return print_json(&PatientRow { schema, patient, name, number, bed, first, last });
    }
    let bed = bed.map_or_else(|| "not sent".to_owned(), |bed| bed.to_string());
    print(&format!(
        "{patient}\n  name    {}\n  number  {}\n  bed     {bed}\n  named   from {} to {}\n",
        name.unwrap_or("not sent"),
        number.unwrap_or("not sent"),
        at(first),
        at(last)
    ))
}
