//! Assets with their history: what each was seen to have, since when, until when.
//!
//! History is kept as traits (an address, a name, a version …) with the first and last time each was seen, not as
//! a list of events: captures come in any order and more than once, and the union of such rows with the least
//! first and the greatest last is the same whatever the order. What changed when is read off it.

use crate::error::{Doing as _, StoreError};
use crate::finding::{FindingQuery, StoredFinding};
use crate::order::{Sorting, containing};
use crate::row::{AssetBody, AssetRow, signed};
use model::AssetId;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Row, Statement, ToSql, params, params_from_iter,
};

/// An asset as it was judged last.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAsset {
    /// Its id, the report's.
    pub id: AssetId,
    /// First seen, in capture time.
    pub first: i64,
    /// Last seen, in capture time.
    pub last: i64,
    /// Whether it is a medical device.
    pub medical: bool,
    /// Kind of device.
    pub class: Option<String>,
    /// Maker of the platform.
    pub maker: Option<String>,
    /// Platform.
    pub model: Option<String>,
    /// Firmware, where it says.
    pub firmware: Option<String>,
    /// Serial number, where it says.
    pub serial: Option<String>,
    /// How sure class and model are, 0 to 1.
    pub confidence: f64,
    /// Profile that recognised it.
    pub profile: Option<String>,
    /// Why, and what hits it.
    pub body: AssetBody,
    /// Its addresses: of the network, then of links; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<String>,
    /// Findings about it that are open and not suppressed.
    pub open_findings: i64,
}

/// Addresses told with an asset in a list. Our limit; its card tells all.
pub const ADDRESSES_MAX: usize = 4;

/// Something an asset was seen to have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trait {
    /// `mac`, `ip`, `name`, `vlan`, `class`, `maker`, `model`, `firmware`, `serial`, `exposure`.
    pub kind: String,
    /// What.
    pub value: String,
    /// First seen with it, in capture time.
    pub first: i64,
    /// Last seen with it, in capture time.
    pub last: i64,
}

/// Whom an asset talks to, over all captures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredConversation {
    /// Network address of the peer.
    pub ip: String,
    /// The server's port.
    pub port: u16,
    /// What carries it.
    pub transport: String,
    /// Where the peer is, as the report writes it.
    pub location: String,
    /// Protocol, where it was recognised.
    pub protocol: Option<String>,
    /// Who opened it: `out`, `in`, `both`.
    pub direction: String,
    /// Flows.
    pub flows: i64,
    /// Frames both ways.
    pub frames: i64,
    /// Payload bytes the asset sent.
    pub bytes_out: i64,
    /// Payload bytes the asset received.
    pub bytes_in: i64,
    /// First frame, in capture time.
    pub first: i64,
    /// Last frame, in capture time.
    pub last: i64,
}

/// Vital signs of one bed over one span.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVitals {
    /// The bed number the device gives.
    pub bed: Option<u16>,
    /// Keyed hash of the patient, where there is one.
    pub patient: Option<String>,
    /// First unit, in capture time.
    pub first: i64,
    /// Last unit, in capture time.
    pub last: i64,
    /// Completed telemetry cycles.
    pub cycles: i64,
    /// Ranges, by parameter.
    pub numerics: Vec<StoredNumeric>,
    /// What the integrity checks said, in order of check and time.
    pub integrity: Vec<StoredCheck>,
}

/// What one integrity check said over some time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredCheck {
    /// The check, as the report writes it.
    pub check: String,
    /// `pass`, `cannot-judge`, `suspect`, `fail`.
    pub verdict: String,
    /// The waveform it speaks of, where it speaks of one.
    pub channel: Option<String>,
    /// First moment, in capture time.
    pub first: i64,
    /// Last moment, in capture time.
    pub last: i64,
    /// For how many seconds between the two.
    pub seconds: i64,
    /// Why, in plain words.
    pub why: String,
}

/// Range of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNumeric {
    /// Parameter, as the report writes it.
    pub vital: String,
    /// Unit in UCUM.
    pub unit: String,
    /// Least.
    pub least: f64,
    /// Most.
    pub most: f64,
    /// Latest.
    pub latest: f64,
    /// How many.
    pub samples: i64,
}

/// An asset with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetCard {
    /// The asset.
    pub asset: StoredAsset,
    /// What it was seen to have, in order of kind and first time.
    pub traits: Vec<Trait>,
    /// Whom it talks to.
    pub conversations: Vec<StoredConversation>,
    /// Its vital signs, oldest first.
    pub vitals: Vec<StoredVitals>,
    /// All findings about it, worst first.
    pub findings: Vec<StoredFinding>,
}

/// By what assets are ordered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AssetOrder {
    /// Medical devices, then when last seen.
    #[default]
    Medical,
    /// When last seen.
    Last,
    /// When first seen.
    First,
    /// Kind of device.
    Class,
    /// Findings that are open and not suppressed.
    Findings,
}

impl AssetOrder {
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Medical => &["medical", "last", "id"],
            Self::Last => &["last", "id"],
            Self::First => &["first", "id"],
            Self::Class => &["coalesce(class, '')", "id"],
            Self::Findings => &["open", "id"],
        }
    }

    fn place(self, asset: &StoredAsset) -> Vec<Box<dyn ToSql>> {
        let id = signed(asset.id.0);
        match self {
            Self::Medical => vec![Box::new(asset.medical), Box::new(asset.last), Box::new(id)],
            Self::Last => vec![Box::new(asset.last), Box::new(id)],
            Self::First => vec![Box::new(asset.first), Box::new(id)],
            Self::Class => vec![Box::new(asset.class.clone().unwrap_or_default()), Box::new(id)],
            Self::Findings => vec![Box::new(asset.open_findings), Box::new(id)],
        }
    }
}

/// Which assets.
#[derive(Clone, Debug, Default)]
pub struct AssetQuery {
    /// Only medical devices.
    pub medical_only: bool,
    /// Of this kind.
    pub class: Option<String>,
    /// With this in an address, name, version or the like, in any case of ASCII letters.
    pub text: Option<String>,
    /// In which order.
    pub order: AssetOrder,
    /// Which way.
    pub sorting: Sorting,
    /// Those that come after this one, in that order.
    pub after: Option<AssetId>,
    /// At most so many.
    pub limit: u32,
    /// The moment of the clock at which a finding counts as suppressed.
    pub now: i64,
    /// Without why it was judged so and what hits it: the body of each is empty. For sums over tens of thousands of them.
    pub without_body: bool,
}

/// How many assets there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AssetTally {
    /// Medical devices.
    pub medical: i64,
    /// All others.
    pub other: i64,
}

/// What [`asset`] reads; `body` is the column, or what stands for it.
fn columns(body: &str) -> String {
    format!(
        "SELECT id, first, last, medical, class, maker, model, firmware, serial, confidence, profile, {body}, \
         (SELECT count(*) FROM findings WHERE findings.asset = assets.id AND state IN ('new', 'acknowledged') \
         AND (suppressed_until IS NULL OR suppressed_until <= ?1)) AS open FROM assets"
    )
}

fn asset(row: &Row<'_>) -> rusqlite::Result<(StoredAsset, String)> {
    let stored = StoredAsset {
        id: AssetId(row.get::<_, i64>(0)?.cast_unsigned()),
        first: row.get(1)?,
        last: row.get(2)?,
        medical: row.get(3)?,
        class: row.get(4)?,
        maker: row.get(5)?,
        model: row.get(6)?,
        firmware: row.get(7)?,
        serial: row.get(8)?,
        confidence: row.get(9)?,
        profile: row.get(10)?,
        body: AssetBody::default(),
        addresses: Vec::new(),
        open_findings: row.get(12)?,
    };
    Ok((stored, row.get(11)?))
}

fn with_body((mut asset, body): (StoredAsset, String)) -> Result<StoredAsset, StoreError> {
    asset.body = serde_json::from_str(&body).map_err(|cause| StoreError::form("an asset", cause))?;
    Ok(asset)
}

/// The addresses told with an asset. Their most is written out: SQLite plans a statement anew when a bound LIMIT changes.
fn addresses(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    let sql = format!(
        "SELECT value FROM asset_traits WHERE asset = ? AND trait IN ('ip', 'mac') \
         ORDER BY trait, last DESC, value LIMIT {ADDRESSES_MAX}"
    );
    connection.prepare_cached(&sql).doing("read an asset's addresses")
}

fn with_addresses(mut asset: StoredAsset, query: &mut Statement<'_>) -> Result<StoredAsset, StoreError> {
    let rows = query.query_map([signed(asset.id.0)], |row| row.get(0)).doing("read an asset's addresses")?;
    asset.addresses = rows.collect::<Result<_, _>>().doing("read an asset's addresses")?;
    Ok(asset)
}

fn one(connection: &Connection, id: AssetId, now: i64) -> Result<StoredAsset, StoreError> {
    let mut query =
        connection.prepare_cached(&format!("{} WHERE id = ?2", columns("body"))).doing("read an asset")?;
    let found = query.query_row(params![now, signed(id.0)], asset).optional().doing("read an asset")?;
    let found = found.ok_or(StoreError::Unknown { what: "asset", id: id.to_string() })?;
    let mut addresses = addresses(connection)?;
    with_addresses(with_body(found)?, &mut addresses)
}

/// One page. The next begins after the last of this one.
pub(crate) fn page(connection: &Connection, query: &AssetQuery) -> Result<Vec<StoredAsset>, StoreError> {
    let mut sql = columns(if query.without_body { "''" } else { "body" });
    sql.push_str(" WHERE medical >= ?");
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(query.now), Box::new(query.medical_only)];
    if let Some(class) = &query.class {
        sql.push_str(" AND class = ?");
        values.push(Box::new(class.clone()));
    }
    if let Some(text) = &query.text {
        sql.push_str(" AND id IN (SELECT asset FROM asset_traits WHERE value LIKE ? ESCAPE '\\')");
        values.push(Box::new(containing(text)));
    }
    if let Some(after) = query.after {
        sql.push_str(&query.sorting.beyond(query.order.columns()));
        values.extend(query.order.place(&one(connection, after, query.now)?));
    }
    sql.push_str(&query.sorting.order(query.order.columns()));
    values.push(Box::new(query.limit));
    let mut statement = connection.prepare_cached(&sql).doing("list assets")?;
    let rows = statement.query_map(params_from_iter(values), asset).doing("list assets")?;
    let mut addresses = addresses(connection)?;
    let whole = |row: rusqlite::Result<(_, String)>| {
        let row = row.doing("list assets")?;
        with_addresses(if query.without_body { row.0 } else { with_body(row)? }, &mut addresses)
    };
    rows.map(whole).collect()
}

pub(crate) fn tally(connection: &Connection) -> Result<AssetTally, StoreError> {
    connection
        .query_row("SELECT coalesce(sum(medical), 0), count(*) FROM assets", [], |row| {
            let (medical, all): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(AssetTally { medical, other: all - medical })
        })
        .doing("count assets")
}

pub(crate) fn card(connection: &Connection, id: AssetId, now: i64) -> Result<AssetCard, StoreError> {
    let asset = one(connection, id, now)?;
    let of_asset = FindingQuery { asset: Some(id), ..FindingQuery::default() };
    Ok(AssetCard {
        traits: traits(connection, id)?,
        conversations: conversations(connection, id)?,
        vitals: vitals(connection, id)?,
        findings: crate::finding::page(connection, &of_asset)?,
        asset,
    })
}

fn traits(connection: &Connection, id: AssetId) -> Result<Vec<Trait>, StoreError> {
    let mut query = connection
        .prepare_cached(
            "SELECT trait, value, first, last FROM asset_traits WHERE asset = ?1 ORDER BY trait, first, value",
        )
        .doing("read an asset's history")?;
    let rows = query
        .query_map([signed(id.0)], |row| {
            Ok(Trait { kind: row.get(0)?, value: row.get(1)?, first: row.get(2)?, last: row.get(3)? })
        })
        .doing("read an asset's history")?;
    rows.collect::<Result<_, _>>().doing("read an asset's history")
}

fn conversations(connection: &Connection, id: AssetId) -> Result<Vec<StoredConversation>, StoreError> {
    let mut query = connection
        .prepare_cached(
            "SELECT ip, port, transport, location, protocol, direction, sum(flows), sum(frames), sum(bytes_out), \
             sum(bytes_in), min(first), max(last) FROM conversations WHERE asset = ?1 \
             GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 12 DESC, 1, 2, 3, 4, 5, 6",
        )
        .doing("read an asset's conversations")?;
    let rows = query
        .query_map([signed(id.0)], |row| {
            Ok(StoredConversation {
                ip: row.get(0)?,
                port: row.get(1)?,
                transport: row.get(2)?,
                location: row.get(3)?,
                protocol: row.get(4)?,
                direction: row.get(5)?,
                flows: row.get(6)?,
                frames: row.get(7)?,
                bytes_out: row.get(8)?,
                bytes_in: row.get(9)?,
                first: row.get(10)?,
                last: row.get(11)?,
            })
        })
        .doing("read an asset's conversations")?;
    rows.collect::<Result<_, _>>().doing("read an asset's conversations")
}

fn check(row: &Row<'_>) -> rusqlite::Result<StoredCheck> {
    Ok(StoredCheck {
        check: row.get(0)?,
        verdict: row.get(1)?,
        channel: row.get(2)?,
        first: row.get(3)?,
        last: row.get(4)?,
        seconds: row.get(5)?,
        why: row.get(6)?,
    })
}

fn vitals(connection: &Connection, id: AssetId) -> Result<Vec<StoredVitals>, StoreError> {
    let doing = "read an asset's vital signs";
    let mut query = connection
        .prepare_cached(
            "SELECT id, bed, patient, first, last, cycles FROM vitals WHERE asset = ?1 ORDER BY first, bed, id",
        )
        .doing(doing)?;
    let rows = query.query_map([signed(id.0)], |row| {
        let vitals = StoredVitals {
            bed: row.get(1)?,
            patient: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            cycles: row.get(5)?,
            numerics: Vec::new(),
            integrity: Vec::new(),
        };
        Ok((row.get::<_, i64>(0)?, vitals))
    });
    let rows: Vec<(i64, StoredVitals)> = rows.doing(doing)?.collect::<Result<_, _>>().doing(doing)?;
    let in_full = |(id, mut vitals): (i64, StoredVitals)| {
        (vitals.numerics, vitals.integrity) = vitals_of(connection, id)?;
        Ok(vitals)
    };
    rows.into_iter().map(in_full).collect()
}

/// Ranges and checks of one span of vital signs.
pub(crate) fn vitals_of(
    connection: &Connection,
    id: i64,
) -> Result<(Vec<StoredNumeric>, Vec<StoredCheck>), StoreError> {
    let doing = "read vital signs";
    let mut ranges = connection
        .prepare_cached(
            "SELECT vital, unit, least, most, latest, samples FROM numerics WHERE vitals = ?1 ORDER BY vital",
        )
        .doing(doing)?;
    let numerics = ranges.query_map([id], |row| {
        Ok(StoredNumeric {
            vital: row.get(0)?,
            unit: row.get(1)?,
            least: row.get(2)?,
            most: row.get(3)?,
            latest: row.get(4)?,
            samples: row.get(5)?,
        })
    });
    let numerics = numerics.doing(doing)?.collect::<Result<_, _>>().doing(doing)?;
    let mut checks = connection
        .prepare_cached(
            "SELECT asked, verdict, channel, first, last, seconds, why FROM integrity WHERE vitals = ?1 \
             ORDER BY asked, first, channel",
        )
        .doing(doing)?;
    let integrity = checks.query_map([id], check).doing(doing)?;
    Ok((numerics, integrity.collect::<Result<_, _>>().doing(doing)?))
}

/// Whether the asset is new.
pub(crate) fn merge(connection: &Connection, row: &AssetRow, again: bool) -> Result<bool, StoreError> {
    let doing = "write assets";
    let known: Option<(i64, i64)> = connection
        .prepare_cached("SELECT first, last FROM assets WHERE id = ?1")
        .doing(doing)?
        .query_row([row.id], |known| Ok((known.get(0)?, known.get(1)?)))
        .optional()
        .doing(doing)?;
    // What was seen later says what it is; an old capture that is imported late only adds history.
    if known.is_none_or(|(_, last)| row.last >= last) {
        let body = serde_json::to_string(&row.body).map_err(|cause| StoreError::form("an asset", cause))?;
        connection
            .prepare_cached(
                "INSERT INTO assets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                 ON CONFLICT (id) DO UPDATE SET first = min(first, excluded.first), last = excluded.last, \
                 medical = excluded.medical, class = excluded.class, maker = excluded.maker, model = excluded.model, \
                 firmware = coalesce(excluded.firmware, firmware), serial = coalesce(excluded.serial, serial), \
                 confidence = excluded.confidence, profile = excluded.profile, body = excluded.body",
            )
            .doing(doing)?
            .execute(params![
                row.id,
                row.first,
                row.last,
                row.medical,
                row.class,
                row.maker,
                row.model,
                row.firmware,
                row.serial,
                row.confidence,
                row.profile,
                body
            ])
            .doing(doing)?;
    } else {
        connection
            .prepare_cached("UPDATE assets SET first = min(first, ?2) WHERE id = ?1")
            .doing(doing)?
            .execute(params![row.id, row.first])
            .doing(doing)?;
    }
    if again {
        forget_what_was_read_otherwise(connection, row)?;
    }
    let mut insert = connection
        .prepare_cached(
            "INSERT INTO asset_traits VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (asset, trait, value) \
             DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
        )
        .doing(doing)?;
    for (kind, value) in &row.traits {
        insert.execute(params![row.id, kind, value, row.first, row.last]).doing(doing)?;
    }
    Ok(known.is_none())
}

/// The same captures judged anew, by a later version or another site file: what the old judgement said of exactly
/// this time is not history of the asset.
fn forget_what_was_read_otherwise(connection: &Connection, row: &AssetRow) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM asset_traits WHERE asset = ?1 AND first = ?2 AND last = ?3")
        .doing("write assets")?
        .execute(params![row.id, row.first, row.last])
        .doing("write assets")?;
    Ok(())
}
