//! The seam: what the rest of Lazaret asks of a store, and the one that answers.
//!
//! Commands speak to [`Reading`] and [`Writing`], so that a store of many sites at a centre can take the place of
//! the embedded one without their knowledge. What only files can do (making a folder, backup, restore) is not here.

use crate::asset::{self, AssetCard, AssetQuery, AssetTally, StoredAsset};
use crate::audit::{self, Actor, Chain, Entry};
use crate::error::StoreError;
use crate::finding::{self, Decided, Decision, FindingCard, FindingQuery, FindingTally, StoredFinding};
use crate::folder::{self, IfMissing, Lock};
use crate::import::{self, Imported};
use crate::live::{self, Kept, Recording};
use crate::retention::{self, Prunable, Pruned, Trial};
use crate::sensor::{self, StoredSensor};
use crate::trend::{self, StoredTrend, TrendQuery};
use model::{AssetId, FindingId, Report};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;

/// What can be asked of a store.
pub trait Reading {
    /// One page of findings.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the page is to begin after a finding that is not there.
    fn findings(&self, query: &FindingQuery) -> Result<Vec<StoredFinding>, StoreError>;

    /// One finding, with its evidence and history.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where it is not there.
    fn finding(&self, id: FindingId) -> Result<FindingCard, StoreError>;

    /// How many findings there are; `now` tells which are suppressed.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn finding_tally(&self, now: i64) -> Result<FindingTally, StoreError>;

    /// One page of assets.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the page is to begin after an asset that is not there.
    fn assets(&self, query: &AssetQuery) -> Result<Vec<StoredAsset>, StoreError>;

    /// One asset, with history, conversations, vital signs and findings.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where it is not there.
    fn asset(&self, id: AssetId, now: i64) -> Result<AssetCard, StoreError>;

    /// How many assets there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn asset_tally(&self) -> Result<AssetTally, StoreError>;

    /// Every sensor that ever wrote, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError>;

    /// Vital signs of watches, some minutes a row, in order of time.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn trends(&self, query: &TrendQuery) -> Result<Vec<StoredTrend>, StoreError>;

    /// Entries of the audit log after number `after`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError>;

    /// Entries that steps of containment left (`enforce-*`, `gateway-*`) until this moment of the clock, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn receipts(&self, until: i64) -> Result<Vec<Entry>, StoreError>;

    /// Whether the audit log is whole; `expected` is the number and hash of an entry that somebody noted.
    ///
    /// # Errors
    /// When the store cannot be read. A chain that breaks is no error: [`Chain::broken`] says where.
    fn verify_audit(&self, expected: Option<(i64, &str)>) -> Result<Chain, StoreError>;

    /// Whether the audit log is whole beyond `known`, which was verified before: what stands in it is not read again.
    ///
    /// # Errors
    /// See [`Reading::verify_audit`].
    fn verify_audit_beyond(&self, known: Chain) -> Result<Chain, StoreError>;
}

/// What can be done to a store. Each is done as a whole, with its entry in the audit log, or not at all.
pub trait Writing: Reading {
    /// Puts a report in, as made by this `version` of Lazaret.
    ///
    /// # Errors
    /// [`StoreError::NoHash`], [`StoreError::Overlap`], or when the store cannot be written.
    fn import(&mut self, report: &Report, version: &str, actor: &Actor) -> Result<Imported, StoreError>;

    /// Brings what a watch has seen in a period up to date; `kept` is what of this period was written before.
    ///
    /// # Errors
    /// When the store cannot be written; `kept` is then as it was.
    fn record(
        &mut self,
        kept: &mut Kept,
        recording: &Recording<'_>,
        actor: &Actor,
    ) -> Result<Imported, StoreError>;

    /// Decides about a finding.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Refused`], or when the store cannot be written.
    fn decide(
        &mut self,
        id: FindingId,
        decision: &Decision,
        note: Option<&str>,
        actor: &Actor,
    ) -> Result<StoredFinding, StoreError> {
        let decided = self.decide_all(&[id], decision, note, actor)?.pop();
        decided.map(|one| one.finding).ok_or(StoreError::Unknown { what: "finding", id: id.to_string() })
    }

    /// Decides about findings, all or none.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Refused`], or when the store cannot be written.
    fn decide_all(
        &mut self,
        ids: &[FindingId],
        decision: &Decision,
        note: Option<&str>,
        actor: &Actor,
    ) -> Result<Vec<Decided>, StoreError>;

    /// Takes decisions back, all or none, by the numbers of their entries in the audit log.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Refused`] where a finding has changed since, or when the store cannot be
    /// written.
    fn undo(&mut self, seqs: &[i64], actor: &Actor) -> Result<Vec<StoredFinding>, StoreError>;

    /// Notes in the audit log that something was done outside the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn note(
        &mut self,
        action: &str,
        subject: &str,
        detail: &serde_json::Value,
        actor: &Actor,
    ) -> Result<(), StoreError>;

    /// Deletes what was last seen before a moment of capture time.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn prune(
        &mut self,
        kinds: &[Prunable],
        before: i64,
        trial: Trial,
        actor: &Actor,
    ) -> Result<Vec<Pruned>, StoreError>;
}

/// The embedded store, for one who reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// The embedded store, for the one who writes.
#[derive(Debug)]
pub struct Writer {
    reader: Reader,
    _lock: Lock,
}

impl Reader {
    /// Opens the store in `folder`; any number may read, also while one writes.
    ///
    /// # Errors
    /// When there is none, it is of a later version, or it cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: folder::open_to_read(folder)? })
    }

    /// For what is asked in other files of this crate.
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Writer {
    /// Opens the store in `folder`, and waits a few seconds where another process writes.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where that takes longer; when there is no store and none is to be made, it is of a
    /// later version, the folder holds something else, or it cannot be opened.
    pub fn open(folder: &Path, missing: IfMissing) -> Result<Self, StoreError> {
        let (connection, lock) = folder::open_to_write(folder, missing)?;
        Ok(Self { reader: Reader { connection }, _lock: lock })
    }

    /// The same store, to read.
    pub(crate) const fn reading(&self) -> &Reader {
        &self.reader
    }

    /// Begins what is done as a whole or not at all.
    pub(crate) fn step(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.reader.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Whether [`Self::open`] would find something wrong with the folder itself. Makes and changes nothing.
    ///
    /// # Errors
    /// When the folder holds something else, or a store of a later version.
    pub fn check(folder: &Path) -> Result<(), StoreError> {
        folder::check(folder)
    }
}

#[cfg(test)]
impl Writer {
    /// The connection itself, to set it limits.
    pub(crate) const fn raw(&self) -> &Connection {
        &self.reader.connection
    }
}

impl Reading for Reader {
    fn findings(&self, query: &FindingQuery) -> Result<Vec<StoredFinding>, StoreError> {
        finding::page(&self.connection, query)
    }

    fn finding(&self, id: FindingId) -> Result<FindingCard, StoreError> {
        finding::card(&self.connection, id)
    }

    fn finding_tally(&self, now: i64) -> Result<FindingTally, StoreError> {
        finding::tally(&self.connection, now)
    }

    fn assets(&self, query: &AssetQuery) -> Result<Vec<StoredAsset>, StoreError> {
        asset::page(&self.connection, query)
    }

    fn asset(&self, id: AssetId, now: i64) -> Result<AssetCard, StoreError> {
        asset::card(&self.connection, id, now)
    }

    fn asset_tally(&self) -> Result<AssetTally, StoreError> {
        asset::tally(&self.connection)
    }

    fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError> {
        sensor::read(&self.connection)
    }

    fn trends(&self, query: &TrendQuery) -> Result<Vec<StoredTrend>, StoreError> {
        trend::read(&self.connection, query)
    }

    fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        audit::page(&self.connection, None, after, limit)
    }

    fn receipts(&self, until: i64) -> Result<Vec<Entry>, StoreError> {
        audit::receipts(&self.connection, until)
    }

    fn verify_audit(&self, expected: Option<(i64, &str)>) -> Result<Chain, StoreError> {
        audit::verify(&self.connection, Chain::default(), expected)
    }

    fn verify_audit_beyond(&self, known: Chain) -> Result<Chain, StoreError> {
        audit::verify(&self.connection, known, None)
    }
}

impl Reading for Writer {
    fn findings(&self, query: &FindingQuery) -> Result<Vec<StoredFinding>, StoreError> {
        self.reader.findings(query)
    }

    fn finding(&self, id: FindingId) -> Result<FindingCard, StoreError> {
        self.reader.finding(id)
    }

    fn finding_tally(&self, now: i64) -> Result<FindingTally, StoreError> {
        self.reader.finding_tally(now)
    }

    fn assets(&self, query: &AssetQuery) -> Result<Vec<StoredAsset>, StoreError> {
        self.reader.assets(query)
    }

    fn asset(&self, id: AssetId, now: i64) -> Result<AssetCard, StoreError> {
        self.reader.asset(id, now)
    }

    fn asset_tally(&self) -> Result<AssetTally, StoreError> {
        self.reader.asset_tally()
    }

    fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError> {
        self.reader.sensors()
    }

    fn trends(&self, query: &TrendQuery) -> Result<Vec<StoredTrend>, StoreError> {
        self.reader.trends(query)
    }

    fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.reader.audit(after, limit)
    }

    fn receipts(&self, until: i64) -> Result<Vec<Entry>, StoreError> {
        self.reader.receipts(until)
    }

    fn verify_audit(&self, expected: Option<(i64, &str)>) -> Result<Chain, StoreError> {
        self.reader.verify_audit(expected)
    }

    fn verify_audit_beyond(&self, known: Chain) -> Result<Chain, StoreError> {
        self.reader.verify_audit_beyond(known)
    }
}

impl Writing for Writer {
    fn import(&mut self, report: &Report, version: &str, actor: &Actor) -> Result<Imported, StoreError> {
        import::import(&mut self.reader.connection, report, version, actor)
    }

    fn record(
        &mut self,
        kept: &mut Kept,
        recording: &Recording<'_>,
        actor: &Actor,
    ) -> Result<Imported, StoreError> {
        live::record(&mut self.reader.connection, kept, recording, actor)
    }

    fn decide_all(
        &mut self,
        ids: &[FindingId],
        decision: &Decision,
        note: Option<&str>,
        actor: &Actor,
    ) -> Result<Vec<Decided>, StoreError> {
        finding::decide(&mut self.reader.connection, ids, decision, note, actor)
    }

    fn undo(&mut self, seqs: &[i64], actor: &Actor) -> Result<Vec<StoredFinding>, StoreError> {
        finding::undo(&mut self.reader.connection, seqs, actor)
    }

    fn note(
        &mut self,
        action: &str,
        subject: &str,
        detail: &serde_json::Value,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        audit::record(&mut self.reader.connection, (action, subject), detail, actor)
    }

    fn prune(
        &mut self,
        kinds: &[Prunable],
        before: i64,
        trial: Trial,
        actor: &Actor,
    ) -> Result<Vec<Pruned>, StoreError> {
        retention::prune(&mut self.reader.connection, kinds, before, trial, actor)
    }
}
