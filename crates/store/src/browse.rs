//! What the console asks beyond findings and assets: counts, conversations, beds, captures, the log in both directions.

use crate::asset::{StoredConversation, StoredNumeric, StoredVitals, vitals_of};
use crate::audit::Entry;
use crate::error::{Doing as _, StoreError};
use crate::order::Sorting;
use crate::row::signed;
use crate::seam::Reader;
use model::{AssetId, Severity};
use rusqlite::{Row, ToSql, params, params_from_iter};

/// Whom an asset talks to, with the asset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Talk {
    /// The asset.
    pub asset: AssetId,
    /// Whom it talks to.
    pub conversation: StoredConversation,
}

/// Where a page of conversations goes on: the last one of the page before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TalkPlace {
    /// The asset.
    pub asset: AssetId,
    /// Network address of the peer.
    pub ip: String,
    /// The server's port.
    pub port: u16,
    /// What carries it.
    pub transport: String,
    /// Where the peer is.
    pub location: String,
    /// Protocol; empty where it was not recognised.
    pub protocol: String,
    /// Who opened it.
    pub direction: String,
}

/// Which conversations.
#[derive(Clone, Debug, Default)]
pub struct TalkQuery {
    /// Of this asset.
    pub asset: Option<AssetId>,
    /// With this address.
    pub ip: Option<String>,
    /// With peers there: `on-link`, `onsite`, `offsite`, `unanswered`, `unknown`.
    pub location: Option<String>,
    /// In this protocol.
    pub protocol: Option<String>,
    /// What was imported of the time from here on (capture time).
    pub since: Option<i64>,
    /// What was imported of the time up to here.
    pub until: Option<i64>,
    /// Those after this one.
    pub after: Option<TalkPlace>,
    /// At most so many.
    pub limit: u32,
}

/// A bed: where a device says that it stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Bed {
    /// The device.
    pub asset: AssetId,
    /// The number it gives; none where it gives none.
    pub bed: Option<u16>,
}

/// A bed with the last that is stored of its vital signs.
#[derive(Clone, Debug, PartialEq)]
pub struct BedCard {
    /// The bed.
    pub bed: Bed,
    /// First unit of all, in capture time.
    pub first: i64,
    /// Cycles of all.
    pub cycles: i64,
    /// The last span.
    pub latest: StoredVitals,
}

/// One parameter over one span.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendSpan {
    /// Number of the span.
    pub id: i64,
    /// Keyed hash of the patient, where there is one.
    pub patient: Option<String>,
    /// First unit, in capture time.
    pub first: i64,
    /// Last unit, in capture time.
    pub last: i64,
    /// The ranges.
    pub numerics: Vec<StoredNumeric>,
}

/// A capture whose results are in the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredCapture {
    /// Number, in order of first import.
    pub id: i64,
    /// Name when it was first imported.
    pub name: String,
    /// Its hash.
    pub sha256: String,
    /// Frames.
    pub frames: i64,
    /// Bytes of the file as it was read.
    pub bytes: i64,
    /// First frame, in capture time.
    pub first: Option<i64>,
    /// Last frame, in capture time.
    pub last: Option<i64>,
    /// Faults of the file.
    pub faults: i64,
    /// When its results were imported last, by the clock.
    pub imported: i64,
    /// By whom.
    pub by: String,
    /// By which version of Lazaret.
    pub version: String,
}

/// What the console asks beyond [`crate::Reading`].
pub trait Browsing {
    /// How many findings are open and not suppressed at `now`, by how bad they are.
    ///
    /// # Errors
    /// When the store cannot be read; so all of these.
    fn open_findings(&self, now: i64) -> Result<Vec<(Severity, i64)>, StoreError>;
    /// A page of conversations, in order of asset, peer and the rest.
    ///
    /// # Errors
    /// See [`Browsing::open_findings`].
    fn conversations(&self, query: &TalkQuery) -> Result<Vec<Talk>, StoreError>;
    /// A page of beds after `after`, in order of device and number; of one device where one is named.
    ///
    /// # Errors
    /// See [`Browsing::open_findings`].
    fn beds(
        &self,
        asset: Option<AssetId>,
        after: Option<Bed>,
        limit: u32,
    ) -> Result<Vec<BedCard>, StoreError>;
    /// One bed.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where nothing of it is stored.
    fn bed(&self, bed: Bed) -> Result<BedCard, StoreError>;
    /// Spans of a bed that reach into `since` to `until`, in order of number, after number `after`.
    ///
    /// # Errors
    /// See [`Browsing::open_findings`].
    fn trend(
        &self,
        bed: Bed,
        span: (Option<i64>, Option<i64>),
        after: i64,
        limit: u32,
    ) -> Result<Vec<TrendSpan>, StoreError>;
    /// A page of captures, the newest first, before number `before`.
    ///
    /// # Errors
    /// See [`Browsing::open_findings`].
    fn captures(&self, before: i64, limit: u32) -> Result<Vec<StoredCapture>, StoreError>;
    /// A page of the audit log beyond number `beyond`, about one subject where one is named.
    ///
    /// # Errors
    /// See [`Browsing::open_findings`].
    fn log(
        &self,
        sorting: Sorting,
        beyond: Option<i64>,
        subject: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError>;
}

/// The columns by which conversations are one.
const TALK: &[&str] =
    &["asset", "ip", "port", "transport", "location", "coalesce(protocol, '')", "direction"];

impl Browsing for Reader {
    fn open_findings(&self, now: i64) -> Result<Vec<(Severity, i64)>, StoreError> {
        let sql = "SELECT severity, count(*) FROM findings WHERE state IN ('new', 'acknowledged') \
                   AND (suppressed_until IS NULL OR suppressed_until <= ?1) GROUP BY severity";
        let mut query = self.connection().prepare_cached(sql).doing("count findings")?;
        let rows = query.query_map(params![now], |row| {
            let severity = Severity::ALL.get(usize::from(row.get::<_, u8>(0)?)).copied();
            Ok((severity.unwrap_or(Severity::Critical), row.get(1)?))
        });
        rows.doing("count findings")?.collect::<Result<_, _>>().doing("count findings")
    }

    fn conversations(&self, query: &TalkQuery) -> Result<Vec<Talk>, StoreError> {
        let columns = TALK.join(", ");
        let mut sql = format!(
            "SELECT {columns}, sum(flows), sum(frames), sum(bytes_out), sum(bytes_in), min(first), max(last) \
             FROM conversations WHERE 1"
        );
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut only = |term: &str, value: Option<Box<dyn ToSql>>| {
            if let Some(value) = value {
                sql.push_str(&format!(" AND {term}"));
                values.push(value);
            }
        };
        let text = |text: &Option<String>| text.clone().map(|text| -> Box<dyn ToSql> { Box::new(text) });
        let number = |number: Option<i64>| number.map(|number| -> Box<dyn ToSql> { Box::new(number) });
        only("asset = ?", number(query.asset.map(|asset| signed(asset.0))));
        only("ip = ?", text(&query.ip));
        only("location = ?", text(&query.location));
        only("protocol = ?", text(&query.protocol));
        only("last >= ?", number(query.since));
        only("first <= ?", number(query.until));
        if let Some(place) = query.after.clone() {
            sql.push_str(&Sorting::Ascending.beyond(TALK));
            let TalkPlace { asset, ip, port, transport, location, protocol, direction } = place;
            values.push(Box::new(signed(asset.0)));
            values.push(Box::new(ip));
            values.push(Box::new(port));
            for text in [transport, location, protocol, direction] {
                values.push(Box::new(text));
            }
        }
        sql.push_str(" GROUP BY 1, 2, 3, 4, 5, 6, 7");
        sql.push_str(&Sorting::Ascending.order(TALK));
        values.push(Box::new(query.limit));
        let mut query = self.connection().prepare_cached(&sql).doing("list conversations")?;
        let rows = query.query_map(params_from_iter(values), talk).doing("list conversations")?;
        rows.collect::<Result<_, _>>().doing("list conversations")
    }

    fn beds(
        &self,
        asset: Option<AssetId>,
        after: Option<Bed>,
        limit: u32,
    ) -> Result<Vec<BedCard>, StoreError> {
        let mut sql = format!("{BEDS} WHERE 1");
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(asset) = asset {
            sql.push_str(" AND asset = ?");
            values.push(Box::new(signed(asset.0)));
        }
        if let Some(after) = after {
            sql.push_str(" AND (asset, coalesce(bed, -1)) > (?, ?)");
            values.push(Box::new(signed(after.asset.0)));
            values.push(Box::new(after.bed.map_or(NO_BED, i64::from)));
        }
        sql.push_str(" GROUP BY asset, coalesce(bed, -1) ORDER BY asset, coalesce(bed, -1) LIMIT ?");
        values.push(Box::new(limit));
        self.bed_cards(&sql, values)
    }

    fn bed(&self, bed: Bed) -> Result<BedCard, StoreError> {
        let sql =
            format!("{BEDS} WHERE asset = ? AND coalesce(bed, -1) = ? GROUP BY asset, coalesce(bed, -1)");
        let values: Vec<Box<dyn ToSql>> =
            vec![Box::new(signed(bed.asset.0)), Box::new(bed.bed.map_or(NO_BED, i64::from))];
        let unknown = || StoreError::Unknown { what: "bed", id: format!("{} {:?}", bed.asset, bed.bed) };
        self.bed_cards(&sql, values)?.pop().ok_or_else(unknown)
    }

    fn trend(
        &self,
        bed: Bed,
        (since, until): (Option<i64>, Option<i64>),
        after: i64,
        limit: u32,
    ) -> Result<Vec<TrendSpan>, StoreError> {
        let sql = "SELECT id, patient, first, last FROM vitals WHERE asset = ?1 AND coalesce(bed, -1) = ?2 \
                   AND (?3 IS NULL OR last >= ?3) AND (?4 IS NULL OR first <= ?4) AND id > ?5 ORDER BY id LIMIT ?6";
        let mut query = self.connection().prepare_cached(sql).doing(TRENDS)?;
        let bed_number = bed.bed.map_or(NO_BED, i64::from);
        let rows =
            query.query_map(params![signed(bed.asset.0), bed_number, since, until, after, limit], |row| {
                Ok(TrendSpan {
                    id: row.get(0)?,
                    patient: row.get(1)?,
                    first: row.get(2)?,
                    last: row.get(3)?,
                    numerics: Vec::new(),
                })
            });
        let rows: Vec<TrendSpan> = rows.doing(TRENDS)?.collect::<Result<_, _>>().doing(TRENDS)?;
        let with_numbers = |span: TrendSpan| {
            let (numerics, _) = vitals_of(self.connection(), span.id)?;
            Ok(TrendSpan { numerics, ..span })
        };
        rows.into_iter().map(with_numbers).collect()
    }

    fn captures(&self, before: i64, limit: u32) -> Result<Vec<StoredCapture>, StoreError> {
        let sql = "SELECT captures.id, name, sha256, frames, bytes, first, last, faults, max(imports.at), imports.by, \
                   imports.version FROM captures, import_captures, imports WHERE captures.id < ?1 \
                   AND import_captures.capture = captures.id AND imports.id = import_captures.import \
                   GROUP BY captures.id ORDER BY captures.id DESC LIMIT ?2";
        let mut query = self.connection().prepare_cached(sql).doing("list captures")?;
        let rows = query.query_map(params![before, limit], |row| {
            Ok(StoredCapture {
                id: row.get(0)?,
                name: row.get(1)?,
                sha256: row.get(2)?,
                frames: row.get(3)?,
                bytes: row.get(4)?,
                first: row.get(5)?,
                last: row.get(6)?,
                faults: row.get(7)?,
                imported: row.get(8)?,
                by: row.get(9)?,
                version: row.get(10)?,
            })
        });
        rows.doing("list captures")?.collect::<Result<_, _>>().doing("list captures")
    }

    fn log(
        &self,
        sorting: Sorting,
        beyond: Option<i64>,
        subject: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut sql = format!("{} WHERE 1", crate::audit::COLUMNS);
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(subject) = subject {
            sql.push_str(" AND subject = ?");
            values.push(Box::new(subject.to_owned()));
        }
        if let Some(beyond) = beyond {
            sql.push_str(&sorting.beyond(&["seq"]));
            values.push(Box::new(beyond));
        }
        sql.push_str(&sorting.order(&["seq"]));
        values.push(Box::new(limit));
        let mut query = self.connection().prepare_cached(&sql).doing("read the audit log")?;
        let rows = query.query_map(params_from_iter(values), Entry::of).doing("read the audit log")?;
        rows.collect::<Result<_, _>>().doing("read the audit log")
    }
}

const TRENDS: &str = "read trends";
/// In place of a bed without a number, in order and comparison.
const NO_BED: i64 = -1;
/// With the row of the last span of each bed: SQLite takes the other columns from the row that `max` found.
const BEDS: &str =
    "SELECT asset, bed, min(first), sum(cycles), id, patient, first, max(last), cycles FROM vitals";

impl Reader {
    fn bed_cards(&self, sql: &str, values: Vec<Box<dyn ToSql>>) -> Result<Vec<BedCard>, StoreError> {
        let doing = "list beds";
        let mut query = self.connection().prepare_cached(sql).doing(doing)?;
        let rows = query.query_map(params_from_iter(values), |row| {
            let bed = Bed { asset: AssetId(row.get::<_, i64>(0)?.cast_unsigned()), bed: row.get(1)? };
            let latest = StoredVitals {
                bed: bed.bed,
                patient: row.get(5)?,
                first: row.get(6)?,
                last: row.get(7)?,
                cycles: row.get(8)?,
                numerics: Vec::new(),
                integrity: Vec::new(),
            };
            Ok((BedCard { bed, first: row.get(2)?, cycles: row.get(3)?, latest }, row.get::<_, i64>(4)?))
        });
        let rows: Vec<(BedCard, i64)> = rows.doing(doing)?.collect::<Result<_, _>>().doing(doing)?;
        let in_full = |(mut card, id): (BedCard, i64)| {
            (card.latest.numerics, card.latest.integrity) = vitals_of(self.connection(), id)?;
            Ok(card)
        };
        rows.into_iter().map(in_full).collect()
    }
}

fn talk(row: &Row<'_>) -> rusqlite::Result<Talk> {
    let protocol: String = row.get(5)?;
    Ok(Talk {
        asset: AssetId(row.get::<_, i64>(0)?.cast_unsigned()),
        conversation: StoredConversation {
            ip: row.get(1)?,
            port: row.get(2)?,
            transport: row.get(3)?,
            location: row.get(4)?,
            protocol: Some(protocol).filter(|protocol| !protocol.is_empty()),
            direction: row.get(6)?,
            flows: row.get(7)?,
            frames: row.get(8)?,
            bytes_out: row.get(9)?,
            bytes_in: row.get(10)?,
            first: row.get(11)?,
            last: row.get(12)?,
        },
    })
}
