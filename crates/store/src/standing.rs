//! What whoever passes findings on compares: how each stands, in one number, and where its device is.

use crate::audit::hex;
use crate::error::{Doing as _, StoreError};
use crate::finding::{self, State, StoredFinding};
use crate::seam::Reader;
use crate::survey::Surveying as _;
use model::{AssetId, FindingId, Severity};
use rusqlite::OptionalExtension as _;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// How a finding stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Which.
    pub id: FindingId,
    /// Whether somebody should do something about it.
    pub open: bool,
    /// Hash of state, severity, certainty, title, reopenings and suppression; not of how often it was seen, which grows all
    /// the time.
    pub digest: i64,
}

/// How many findings there are of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counted {
    /// In this state,
    pub state: State,
    /// so bad,
    pub severity: Severity,
    /// suppressed or not.
    pub suppressed: bool,
    /// So many.
    pub count: i64,
}

/// What people call a device, and where it was seen last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whereabouts {
    /// Maker and model, else kind, and the address.
    pub name: String,
    /// Its network address.
    pub ip: Option<String>,
}

impl Reader {
    /// How every finding stands at `now` of the clock, which tells whether it is suppressed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn standings(&self, now: i64) -> Result<Vec<Standing>, StoreError> {
        let doing = "read how findings stand";
        let sql = "SELECT id, state, severity, certainty, reopened, coalesce(suppressed_until > ?1, 0), title FROM findings";
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let mut rows = query.query([now]).doing(doing)?;
        let mut standings = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            let standing = || -> rusqlite::Result<Standing> {
                let state: String = row.get(1)?;
                let numbers: [i64; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
                let title: String = row.get(6)?;
                let digest = Sha256::digest(format!("{state} {numbers:?} {title}").as_bytes());
                // Half of it is enough to see a change, and fits a column.
                let half = hex(digest.get(..8).unwrap_or_default());
                Ok(Standing {
                    id: FindingId(row.get::<_, i64>(0)?.cast_unsigned()),
                    open: State::named(&state).is_open(),
                    digest: u64::from_str_radix(&half, 16).unwrap_or_default().cast_signed(),
                })
            };
            standings.push(standing().doing(doing)?);
        }
        Ok(standings)
    }

    /// How many findings there are of each kind at `now` of the clock.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn counted(&self, now: i64) -> Result<Vec<Counted>, StoreError> {
        let doing = "count findings";
        let sql = "SELECT state, severity, coalesce(suppressed_until > ?1, 0), count(*) FROM findings GROUP BY 1, 2, 3";
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let rows = query.query_map([now], |row| {
            let severity = Severity::ALL.get(usize::from(row.get::<_, u8>(1)?)).copied();
            Ok(Counted {
                state: State::named(&row.get::<_, String>(0)?),
                severity: severity.unwrap_or(Severity::Critical),
                suppressed: row.get(2)?,
                count: row.get(3)?,
            })
        });
        rows.doing(doing)?.collect::<Result<_, _>>().doing(doing)
    }

    /// One finding, without its evidence and history.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where it is not there.
    pub fn stored_finding(&self, id: FindingId) -> Result<StoredFinding, StoreError> {
        finding::one(self.connection(), id)
    }

    /// What people call an asset, and where it was seen last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn whereabouts(&self, asset: AssetId) -> Result<Whereabouts, StoreError> {
        let name = self.names(&BTreeSet::from([asset]))?.remove(&asset);
        let sql = "SELECT value FROM asset_traits WHERE asset = ?1 AND trait = 'ip' ORDER BY last DESC, value LIMIT 1";
        let mut query = self.connection().prepare_cached(sql).doing("read where an asset is")?;
        let ip = query.query_row([asset.0.cast_signed()], |row| row.get(0)).optional();
        let ip = ip.doing("read where an asset is")?;
        Ok(Whereabouts { name: name.unwrap_or_else(|| asset.to_string()), ip })
    }
}
