//! What the console shows at a glance: what changed since a moment, and who talks to whom in great strokes.

use crate::error::{Doing as _, StoreError};
use crate::seam::Reader;
use model::AssetId;
use rusqlite::{OptionalExtension as _, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of the audit log that are looked through for what changed. Our limit: what lies before is not counted.
const ENTRIES_MAX: i64 = 20_000;

/// What changed since a moment of the clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Since {
    /// Scans and watches that put something in.
    pub imports: u64,
    /// Findings that nothing had shown before.
    pub findings_new: u64,
    /// Findings that newer evidence reopened.
    pub findings_reopened: u64,
    /// Decisions of people.
    pub decisions: u64,
}

/// An asset and an address it talks with, as one import saw it on one port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Edge<'a> {
    /// The asset.
    pub asset: AssetId,
    /// Network address of the peer.
    pub ip: &'a str,
    /// Where the peer is, as the report writes it.
    pub location: &'a str,
    /// Flows.
    pub flows: i64,
    /// Payload bytes the asset sent.
    pub bytes_out: i64,
    /// Payload bytes the asset received.
    pub bytes_in: i64,
    /// First frame, in capture time.
    pub first: i64,
    /// Last frame, in capture time.
    pub last: i64,
}

/// Where an asset is: the network address it was seen with last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The asset.
    pub asset: AssetId,
    /// Its address.
    pub ip: String,
    /// Whether it is a medical device.
    pub medical: bool,
    /// Findings about it that are open and not suppressed.
    pub open_findings: i64,
}

/// What the console shows at a glance.
pub trait Surveying {
    /// What changed since `at`, by the clock.
    ///
    /// # Errors
    /// When the store cannot be read; so all of these.
    fn since(&self, at: i64) -> Result<Since, StoreError>;
    /// Tells each of who talks with whom in conversations that reach into `since` to `until` (capture time), in no order: the
    /// same two as often as ports and imports have them.
    ///
    /// # Errors
    /// See [`Surveying::since`].
    fn edges(
        &self,
        since: Option<i64>,
        until: Option<i64>,
        each: &mut dyn FnMut(Edge<'_>),
    ) -> Result<(), StoreError>;
    /// Where assets are, and how many findings about each are open at `now`.
    ///
    /// # Errors
    /// See [`Surveying::since`].
    fn places(&self, now: i64) -> Result<Vec<Place>, StoreError>;
    /// What people call these assets: maker and model, else kind, and the address seen last.
    ///
    /// # Errors
    /// See [`Surveying::since`].
    fn names(&self, assets: &BTreeSet<AssetId>) -> Result<BTreeMap<AssetId, String>, StoreError>;
    /// The time that conversations span (capture time); none where there is none.
    ///
    /// # Errors
    /// See [`Surveying::since`].
    fn heard(&self) -> Result<Option<(i64, i64)>, StoreError>;
}

impl Surveying for Reader {
    fn since(&self, at: i64) -> Result<Since, StoreError> {
        let doing = "read what changed";
        let count = "SELECT count(*) FROM imports WHERE at >= ?1";
        let imports: i64 = self.connection().query_row(count, [at], |row| row.get(0)).doing(doing)?;
        let fresh = "SELECT DISTINCT finding FROM sightings JOIN imports ON imports.id = import WHERE at >= ?1 \
                     AND NOT EXISTS (SELECT 1 FROM sightings AS older JOIN imports AS before ON before.id = older.import \
                     WHERE older.finding = sightings.finding AND before.at < ?1)";
        let mut query = self.connection().prepare_cached(fresh).doing(doing)?;
        let rows = query.query_map([at], |row| row.get::<_, i64>(0)).doing(doing)?;
        let fresh = |id: i64| model::FindingId(id.cast_unsigned()).to_string();
        let mut new = rows.map(|id| id.map(fresh)).collect::<Result<BTreeSet<_>, _>>().doing(doing)?;
        let mut since = Since { imports: imports.unsigned_abs(), ..Since::default() };
        let entries = "SELECT action, subject FROM (SELECT at, action, subject FROM audit ORDER BY seq DESC LIMIT ?2) \
                       WHERE at >= ?1";
        let mut query = self.connection().prepare_cached(entries).doing(doing)?;
        let mut rows = query.query(params![at, ENTRIES_MAX]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let action: String = row.get(0).doing(doing)?;
            match action.as_str() {
                "opened" => {
                    new.insert(row.get(1).doing(doing)?);
                }
                "reopened" => since.findings_reopened += 1,
                "acknowledge" | "false-positive" | "resolve" | "suppress" | "reopen" => since.decisions += 1,
                _ => {}
            }
        }
        since.findings_new = new.len() as u64;
        Ok(since)
    }

    fn edges(
        &self,
        since: Option<i64>,
        until: Option<i64>,
        each: &mut dyn FnMut(Edge<'_>),
    ) -> Result<(), StoreError> {
        let doing = "read who talks to whom";
        // Summed up by whoever asks: grouping here takes SQLite several times as long as reading.
        let sql = "SELECT asset, ip, location, flows, bytes_out, bytes_in, first, last FROM conversations \
                   WHERE last >= ?1 AND first <= ?2";
        let span = params![since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX)];
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let mut rows = query.query(span).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            each(edge(row).doing(doing)?);
        }
        Ok(())
    }

    fn places(&self, now: i64) -> Result<Vec<Place>, StoreError> {
        let doing = "read where assets are";
        // SQLite takes the other columns from the row that `max` found.
        let sql = "SELECT asset, value, medical, max(asset_traits.last), \
                   (SELECT count(*) FROM findings WHERE findings.asset = assets.id AND state IN ('new', 'acknowledged') \
                    AND (suppressed_until IS NULL OR suppressed_until <= ?1)) \
                   FROM asset_traits JOIN assets ON assets.id = asset WHERE trait = 'ip' GROUP BY asset";
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let rows = query.query_map([now], |row| {
            Ok(Place {
                asset: AssetId(row.get::<_, i64>(0)?.cast_unsigned()),
                ip: row.get(1)?,
                medical: row.get(2)?,
                open_findings: row.get(4)?,
            })
        });
        rows.doing(doing)?.collect::<Result<_, _>>().doing(doing)
    }

    fn names(&self, assets: &BTreeSet<AssetId>) -> Result<BTreeMap<AssetId, String>, StoreError> {
        let doing = "read names of assets";
        let sql = "SELECT maker, model, class, (SELECT value FROM asset_traits WHERE asset = assets.id \
                   AND trait IN ('ip', 'mac') ORDER BY trait, last DESC, value LIMIT 1) FROM assets WHERE id = ?1";
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let mut names = BTreeMap::new();
        for asset in assets {
            let name = query.query_row([asset.0.cast_signed()], name).optional().doing(doing)?;
            names.insert(*asset, name.unwrap_or_else(|| asset.to_string()));
        }
        Ok(names)
    }

    fn heard(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = "SELECT min(first), max(last) FROM conversations";
        let span = self.connection().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (first, last): (Option<i64>, Option<i64>) = span.doing("read the time of conversations")?;
        Ok(first.zip(last))
    }
}

fn edge<'a>(row: &'a Row<'_>) -> rusqlite::Result<Edge<'a>> {
    Ok(Edge {
        asset: AssetId(row.get::<_, i64>(0)?.cast_unsigned()),
        ip: row.get_ref(1)?.as_str()?,
        location: row.get_ref(2)?.as_str()?,
        flows: row.get(3)?,
        bytes_out: row.get(4)?,
        bytes_in: row.get(5)?,
        first: row.get(6)?,
        last: row.get(7)?,
    })
}

/// Maker and model, else kind, then the address.
fn name(row: &Row<'_>) -> rusqlite::Result<String> {
    let [maker, model, class, address]: [Option<String>; 4] =
        [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
    let product: Vec<String> = match (maker, model) {
        (None, None) => class.map(|class| class.replace('-', " ")).into_iter().collect(),
        (maker, model) => maker.into_iter().chain(model).collect(),
    };
    Ok(product.into_iter().chain(address).collect::<Vec<_>>().join(" "))
}
