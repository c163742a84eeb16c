//! The vault: who the patients behind keyed hashes are, encrypted, where a site turned it on.
//!
//! Off, nothing of it is ever written. On, the store holds one sealed record for each keyed hash; the passphrase comes from
//! outside and is never beside it, so a store, a backup or a disk tells no patient. Whoever is told one is in the audit log first:
//! [`Guarding::look`] writes the entry and opens the record in one transaction.
//!
//! # Limits
//! [`RECORDS_MAX`] records; the site says for how long each is kept ([`Guarding::keep_identities`]), and `prune` takes them too.

mod seal;
#[cfg(test)]
mod tests;

pub use seal::{Sealed, Vault};

use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::retention::give_back;
use crate::seam::{Reader, Writer};
use model::{Pseudonym, Text};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use seal::{Header, Making, TEXT_BYTES_MAX};
use serde_json::json;
use std::fmt;
use zeroize::Zeroizing;

/// Most records. Our limit: whoever sends invented patients must not fill the disk. The ones that were written longest ago go, which
/// the audit log tells.
pub const RECORDS_MAX: u32 = 100_000;

/// Who a patient is, as devices say it. Leaves memory overwritten, and is shown by nothing that only wants to debug.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Identity {
    name: Zeroizing<String>,
    number: Zeroizing<String>,
    bed: Option<u16>,
    first: i64,
    last: i64,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    /// Of what a device sent at a moment of capture time, in nanoseconds; printable, and cut where it is long.
    #[must_use]
    pub fn new(name: &[u8], number: &[u8], bed: Option<u16>, at: i64) -> Self {
        Self { name: text(name), number: text(number), bed, first: at, last: at }
    }

    /// Name; empty where none was sent.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number; empty where none was sent.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Bed that named the patient last, where one did.
    #[must_use]
    pub const fn bed(&self) -> Option<u16> {
        self.bed
    }

    /// First and last seen, in nanoseconds of capture time.
    #[must_use]
    pub const fn seen(&self) -> (i64, i64) {
        (self.first, self.last)
    }

    /// Whether name and number are the same.
    #[must_use]
    pub fn is_called_like(&self, other: &Self) -> bool {
        self.name == other.name && self.number == other.number
    }

    /// Whether both name and number are known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.name.is_empty() && !self.number.is_empty()
    }

    /// With what `new` says in the place of what was said before; where it says nothing, or the same name in another order (monitors
    /// and messages between servers differ in that), that stays.
    #[must_use]
    pub fn joined(mut self, new: Self) -> Self {
        let later = new.last >= self.last;
        if self.name.is_empty() || later && !new.name.is_empty() && !is_same_name(&self.name, &new.name) {
            self.name = new.name;
        }
        if self.number.is_empty() || later && !new.number.is_empty() {
            self.number = new.number;
        }
        if self.bed.is_none() || later && new.bed.is_some() {
            self.bed = new.bed;
        }
        (self.first, self.last) = (self.first.min(new.first), self.last.max(new.last));
        self
    }
}

/// Whether two names have the same words, whatever their order, case and punctuation.
fn is_same_name(one: &str, other: &str) -> bool {
    let words = |name: &str| {
        let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut words: Vec<_> = words.map(|word| Zeroizing::new(word.to_lowercase())).collect();
        words.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        words
    };
    words(one) == words(other)
}

/// Printable, without what pads it. The parts of a name that standards write `DOE^JANE` are set apart by blanks.
fn text(bytes: &[u8]) -> Zeroizing<String> {
    let bytes = Zeroizing::new(
        bytes.iter().map(|byte| if *byte == b'^' { b' ' } else { *byte }).collect::<Vec<u8>>(),
    );
    let shown = Text::from_bytes(bytes.trim_ascii());
    let shown = shown.as_str();
    if shown.len() <= TEXT_BYTES_MAX {
        return Zeroizing::new(shown.to_owned());
    }
    let room = TEXT_BYTES_MAX - '…'.len_utf8();
    let end = shown.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last().unwrap_or_default();
    Zeroizing::new(format!("{}…", shown.get(..end).unwrap_or_default()))
}

impl Sealed {
    /// First and last seen, in nanoseconds of capture time.
    #[must_use]
    pub const fn seen(&self) -> (i64, i64) {
        (self.first, self.last)
    }
}

/// What anybody may know of a vault who can read the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VaultStanding {
    /// When it was made, by the clock, in nanoseconds since 1970-01-01T00:00:00Z.
    pub made: i64,
    /// When its key was rotated last.
    pub rotated: Option<i64>,
    /// Records in it.
    pub records: i64,
    /// First seen of all, in nanoseconds of capture time.
    pub first: Option<i64>,
    /// Last seen of all.
    pub last: Option<i64>,
}

/// A look into the vault.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Whose record.
    pub patient: Pseudonym,
    /// From where: `console and API`, `command line`.
    pub way: &'a str,
    /// Why, in the words of who looks.
    pub reason: Option<&'a str>,
}

/// Which records are forgotten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forgetting {
    /// That of one keyed hash.
    One(Pseudonym),
    /// All.
    All,
}

/// What can be asked of a store about its vault without being told a patient.
pub trait Guarded {
    /// How it stands with the vault; none where none was ever turned on.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn vault(&self) -> Result<Option<VaultStanding>, StoreError>;

    /// Opens the vault for who has its passphrase.
    ///
    /// # Errors
    /// [`StoreError::NoVault`], [`StoreError::VaultKey`] where the passphrase is another, [`StoreError::VaultDamaged`].
    fn open_vault(&self, passphrase: &[u8]) -> Result<Vault, StoreError>;
}

/// What can be done with a vault. Each is in the audit log.
pub trait Guarding: Guarded {
    /// Makes a vault where there is none, and opens it.
    ///
    /// # Errors
    /// Those of [`Guarded::open_vault`], or when the store cannot be written.
    fn make_vault(&mut self, passphrase: &[u8], actor: &Actor) -> Result<Vault, StoreError>;

    /// Keeps who patients are: what is known of one is joined with what was sealed of it. What was written more than `keep_ns`
    /// nanoseconds ago, by the clock, is forgotten. Gives how many records were forgotten so.
    ///
    /// # Errors
    /// [`StoreError::VaultChanged`] where the key was rotated since `vault` was opened, or when the store cannot be written.
    fn keep_identities(
        &mut self,
        vault: &Vault,
        told: &[(Pseudonym, Sealed)],
        keep_ns: i64,
        actor: &Actor,
    ) -> Result<usize, StoreError>;

    /// Tells who a patient is. The look is in the audit log before it is told, also where there is nothing to tell.
    ///
    /// # Errors
    /// [`StoreError::VaultChanged`], [`StoreError::VaultDamaged`], or when the look cannot be written down.
    fn look(&mut self, vault: &Vault, look: &Look<'_>, actor: &Actor)
    -> Result<Option<Identity>, StoreError>;

    /// Forgets records; needs no passphrase. Gives how many.
    ///
    /// # Errors
    /// [`StoreError::NoVault`], or when the store cannot be written.
    fn forget(&mut self, which: Forgetting, reason: &str, actor: &Actor) -> Result<usize, StoreError>;

    /// Seals every record anew under a new key, which only the new passphrase opens. Gives how many.
    ///
    /// # Errors
    /// [`StoreError::VaultDamaged`] where a record does not open, [`StoreError::VaultChanged`], or when the store cannot be written:
    /// then nothing was changed.
    fn rotate_vault(&mut self, vault: &Vault, passphrase: &[u8], actor: &Actor) -> Result<usize, StoreError>;
}

impl Guarded for Reader {
    fn vault(&self) -> Result<Option<VaultStanding>, StoreError> {
        let doing = "read about the vault";
        let query = "SELECT made, rotated, (SELECT count(*) FROM vault_records), (SELECT min(first) FROM vault_records), \
                     (SELECT max(last) FROM vault_records) FROM vault";
        let standing = |row: &Row<'_>| {
            Ok(VaultStanding {
                made: row.get(0)?,
                rotated: row.get(1)?,
                records: row.get(2)?,
                first: row.get(3)?,
                last: row.get(4)?,
            })
        };
        self.connection().query_row(query, [], standing).optional().doing(doing)
    }

    fn open_vault(&self, passphrase: &[u8]) -> Result<Vault, StoreError> {
        Vault::open(&header(self.connection())?.ok_or(StoreError::NoVault)?, passphrase)
    }
}

impl Guarded for Writer {
    fn vault(&self) -> Result<Option<VaultStanding>, StoreError> {
        self.reading().vault()
    }

    fn open_vault(&self, passphrase: &[u8]) -> Result<Vault, StoreError> {
        self.reading().open_vault(passphrase)
    }
}

fn header(connection: &Connection) -> Result<Option<Header>, StoreError> {
    let query = "SELECT id, memory_kib, passes, lanes, salt, known, keys FROM vault";
    let header = |row: &Row<'_>| {
        let making =
            Making { memory_kib: row.get(1)?, passes: row.get(2)?, lanes: row.get(3)?, salt: row.get(4)? };
        Ok(Header { id: row.get(0)?, making, known: row.get(5)?, keys: row.get(6)? })
    };
    connection.query_row(query, [], header).optional().doing("read the vault")
}

/// Whether the vault of the store is the one that was opened.
fn is_same(step: &Transaction<'_>, vault: &Vault) -> Result<(), StoreError> {
    let header = header(step)?.ok_or(StoreError::NoVault)?;
    if header.id == *vault.id() { Ok(()) } else { Err(StoreError::VaultChanged) }
}

fn record(step: &Transaction<'_>, patient: Pseudonym) -> Result<Option<Sealed>, StoreError> {
    let doing = "read the vault";
    let sealed = |row: &Row<'_>| Ok(Sealed { first: row.get(0)?, last: row.get(1)?, bytes: row.get(2)? });
    let mut query = step
        .prepare_cached("SELECT first, last, sealed FROM vault_records WHERE patient = ?1")
        .doing(doing)?;
    query.query_row([patient.to_string()], sealed).optional().doing(doing)
}

fn write(step: &Transaction<'_>, patient: &str, sealed: &Sealed, kept: i64) -> Result<(), StoreError> {
    let doing = "write the vault";
    let mut insert = step
        .prepare_cached("INSERT OR REPLACE INTO vault_records (patient, first, last, kept, sealed) VALUES (?1, ?2, ?3, ?4, ?5)")
        .doing(doing)?;
    insert.execute(params![patient, sealed.first, sealed.last, kept, sealed.bytes]).doing(doing).map(drop)
}

/// Where the keys of a vault are written, in the place of those before.
fn write_header(
    step: &Transaction<'_>,
    header: &Header,
    made: i64,
    rotated: Option<i64>,
) -> Result<(), StoreError> {
    let Header { id, making, known, keys } = header;
    let Making { memory_kib, passes, lanes, salt } = making;
    let row = params![id, made, rotated, memory_kib, passes, lanes, salt, known, keys];
    step.execute("INSERT OR REPLACE INTO vault VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row)
        .doing("write the vault")
        .map(drop)
}

impl Guarding for Writer {
    fn make_vault(&mut self, passphrase: &[u8], actor: &Actor) -> Result<Vault, StoreError> {
        if let Some(header) = header(self.reading().connection())? {
            return Vault::open(&header, passphrase);
        }
        let vault = Vault::new(None)?;
        let header = vault.header(passphrase)?;
        let step = self.step().doing("make the vault")?;
        write_header(&step, &header, actor.at, None)?;
        audit::append(&step, actor, "vault-made", "vault", &json!({}))?;
        step.commit().doing("make the vault")?;
        Ok(vault)
    }

    fn keep_identities(
        &mut self,
        vault: &Vault,
        told: &[(Pseudonym, Sealed)],
        keep_ns: i64,
        actor: &Actor,
    ) -> Result<usize, StoreError> {
        let step = self.step().doing("write the vault")?;
        is_same(&step, vault)?;
        for (patient, sealed) in told {
            let new = vault.open_record(*patient, sealed)?;
            let identity = match record(&step, *patient)?.map(|sealed| vault.open_record(*patient, &sealed)) {
                None => new,
                Some(Ok(known)) => known.joined(new),
                Some(Err(StoreError::VaultDamaged(_))) => {
                    // What devices say now takes its place; that there was one which did not open stays known.
                    audit::append(&step, actor, "vault-damaged", &patient.to_string(), &json!({}))?;
                    new
                }
                Some(Err(other)) => return Err(other),
            };
            write(&step, &patient.to_string(), &vault.seal(*patient, &identity)?, actor.at)?;
        }
        let gone = expire(&step, actor.at.saturating_sub(keep_ns), actor)?;
        step.commit().doing("write the vault")?;
        if gone > 0 {
            give_back(self.reading().connection())?;
        }
        Ok(gone)
    }

    fn look(
        &mut self,
        vault: &Vault,
        look: &Look<'_>,
        actor: &Actor,
    ) -> Result<Option<Identity>, StoreError> {
        let Look { patient, way, reason } = *look;
        let step = self.step().doing("look into the vault")?;
        is_same(&step, vault)?;
        let opened = record(&step, patient)?.map(|sealed| vault.open_record(patient, &sealed)).transpose();
        let outcome = match &opened {
            Ok(Some(_)) => "shown",
            Ok(None) => "nothing there",
            Err(_) => "damaged",
        };
        let detail = json!({ "outcome": outcome, "way": way, "reason": reason });
        audit::append(&step, actor, "vault-look", &patient.to_string(), &detail)?;
        step.commit().doing("look into the vault")?;
        opened
    }

    fn forget(&mut self, which: Forgetting, reason: &str, actor: &Actor) -> Result<usize, StoreError> {
        let doing = "forget";
        let step = self.step().doing(doing)?;
        if header(&step)?.is_none() {
            return Err(StoreError::NoVault);
        }
        let (gone, subject) = match which {
            Forgetting::One(patient) => {
                let patient = patient.to_string();
                let gone =
                    step.execute("DELETE FROM vault_records WHERE patient = ?1", [&patient]).doing(doing)?;
                (gone, patient)
            }
            Forgetting::All => {
                (step.execute("DELETE FROM vault_records", []).doing(doing)?, "vault".to_owned())
            }
        };
        audit::append(&step, actor, "vault-forget", &subject, &json!({ "records": gone, "reason": reason }))?;
        step.commit().doing(doing)?;
        give_back(self.reading().connection())?;
        Ok(gone)
    }

    fn rotate_vault(&mut self, vault: &Vault, passphrase: &[u8], actor: &Actor) -> Result<usize, StoreError> {
        let doing = "rotate the key of the vault";
        let new = vault.renewed()?;
        let header = new.header(passphrase)?;
        let step = self.step().doing(doing)?;
        is_same(&step, vault)?;
        let patients = patients(&step)?;
        for patient in &patients {
            let id =
                named(patient).ok_or_else(|| StoreError::VaultDamaged(format!("its record of {patient}")))?;
            let Some(sealed) = record(&step, id)? else { continue };
            let sealed = new.seal(id, &vault.open_record(id, &sealed)?)?;
            let row = params![patient, sealed.bytes];
            step.execute("UPDATE vault_records SET sealed = ?2 WHERE patient = ?1", row).doing(doing)?;
        }
        let made = step.query_row("SELECT made FROM vault", [], |row| row.get(0)).doing(doing)?;
        write_header(&step, &header, made, Some(actor.at))?;
        audit::append(&step, actor, "vault-rotate", "vault", &json!({ "records": patients.len() }))?;
        step.commit().doing(doing)?;
        give_back(self.reading().connection())?;
        Ok(patients.len())
    }
}

fn patients(step: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let doing = "read the vault";
    let mut query = step.prepare("SELECT patient FROM vault_records ORDER BY patient").doing(doing)?;
    let rows = query.query_map([], |row| row.get(0)).doing(doing)?;
    rows.collect::<Result<_, _>>().doing(doing)
}

/// The keyed hash that is written so: `p:` and 16 hexadecimal digits in lower case.
pub(crate) fn named(text: &str) -> Option<Pseudonym> {
    let digits = text.strip_prefix("p:")?;
    let patient = Pseudonym(u64::from_str_radix(digits, 16).ok()?);
    (patient.to_string() == text).then_some(patient)
}

/// Forgets what was written before a moment of the clock, and what is too much; the audit log tells how many.
fn expire(step: &Transaction<'_>, before: i64, actor: &Actor) -> Result<usize, StoreError> {
    let doing = "forget what is old";
    let old = step.execute("DELETE FROM vault_records WHERE kept < ?1", [before]).doing(doing)?;
    let over = step
        .execute(
            "DELETE FROM vault_records WHERE patient IN \
             (SELECT patient FROM vault_records ORDER BY kept DESC, patient LIMIT -1 OFFSET ?1)",
            [RECORDS_MAX],
        )
        .doing(doing)?;
    if old + over > 0 {
        audit::append(step, actor, "vault-expire", "vault", &json!({ "old": old, "too_many": over }))?;
    }
    Ok(old + over)
}

/// A keyed hash as people write it.
///
/// # Errors
/// What is wrong with it.
pub fn read_pseudonym(text: &str) -> Result<Pseudonym, String> {
    named(text).ok_or_else(|| "a patient's keyed hash looks like p:0123456789abcdef".to_owned())
}
