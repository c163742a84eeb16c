//! Retention: what is old goes, kind by kind, when somebody says so.
//!
//! Nothing goes by itself. Findings that are open never go, nor do assets, nor the audit log, which tells of each
//! pruning. What goes is overwritten in the file (`secure_delete`), and its room is given back to the disk.

use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use rusqlite::Connection;
use serde_json::json;

/// What can be pruned.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Prunable {
    /// Summaries of vital signs.
    Vitals,
    /// Vital signs of watches, some minutes a row.
    Trends,
    /// Conversations.
    Conversations,
    /// Traits that an asset no longer shows.
    AssetHistory,
    /// Findings that are resolved or false positives.
    ClosedFindings,
    /// Who the patients behind keyed hashes are, in the vault.
    Identities,
}

impl Prunable {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Vitals,
        Self::Trends,
        Self::Conversations,
        Self::AssetHistory,
        Self::ClosedFindings,
        Self::Identities,
    ];

    /// As it is named on the command line and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vitals => "vitals",
            Self::Trends => "trends",
            Self::Conversations => "conversations",
            Self::AssetHistory => "asset-history",
            Self::ClosedFindings => "closed-findings",
            Self::Identities => "identities",
        }
    }

    /// Deletes what was last seen before `?1`.
    const fn statement(self) -> &'static str {
        match self {
            Self::Vitals => "DELETE FROM vitals WHERE last < ?1",
            Self::Trends => "DELETE FROM trends WHERE last < ?1",
            Self::Conversations => "DELETE FROM conversations WHERE last < ?1",
            Self::AssetHistory => {
                "DELETE FROM asset_traits WHERE last < ?1 \
                 AND last < (SELECT last FROM assets WHERE assets.id = asset)"
            }
            Self::ClosedFindings => {
                "DELETE FROM findings WHERE last < ?1 AND state_at < ?1 AND state IN ('resolved', 'false-positive')"
            }
            Self::Identities => "DELETE FROM vault_records WHERE last < ?1",
        }
    }
}

/// What hung on findings that went.
const ORPHANS: &str = "DELETE FROM sightings WHERE finding NOT IN (SELECT id FROM findings)";

/// How many rows of a kind went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pruned {
    /// The kind.
    pub kind: Prunable,
    /// Rows.
    pub rows: usize,
}

/// Whether to do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trial {
    /// Only count what would go.
    Dry,
    /// Do it.
    Real,
}

pub(crate) fn prune(
    connection: &mut Connection,
    kinds: &[Prunable],
    before: i64,
    trial: Trial,
    actor: &Actor,
) -> Result<Vec<Pruned>, StoreError> {
    let step = connection.transaction().doing("prune")?;
    let mut pruned = Vec::new();
    for &kind in kinds {
        let rows = step.execute(kind.statement(), [before]).doing("prune")?;
        pruned.push(Pruned { kind, rows });
    }
    step.execute(ORPHANS, []).doing("prune")?;
    if trial == Trial::Dry {
        return Ok(pruned);
    }
    let counts: serde_json::Map<String, serde_json::Value> =
        pruned.iter().map(|one| (one.kind.as_str().to_owned(), json!(one.rows))).collect();
    audit::append(&step, actor, "prune", "store", &json!({ "before": before, "rows": counts }))?;
    step.commit().doing("prune")?;
    give_back(connection)?;
    Ok(pruned)
}

/// Gives free pages back to the disk and empties the write-ahead log, which still holds what was deleted.
pub(crate) fn give_back(connection: &Connection) -> Result<(), StoreError> {
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum").doing("give room back")?;
    let mut rows = vacuum.query([]).doing("give room back")?;
    while rows.next().doing("give room back")?.is_some() {}
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).doing("give room back")
}
