//! How vital signs went: a few minutes of one parameter of one bed to a row.

use crate::error::{Doing as _, StoreError};
use crate::row::TrendRow;
use model::{AssetId, Trend};
use rusqlite::{Connection, Transaction, params};

/// Which trends.
#[derive(Clone, Debug)]
pub struct TrendQuery {
    /// Of this asset.
    pub asset: AssetId,
    /// Of this bed; none for all.
    pub bed: Option<u16>,
    /// That begin at this moment of capture time or later.
    pub from: i64,
    /// That begin before this moment.
    pub until: i64,
    /// At most so many, the latest.
    pub limit: u32,
}

/// A few minutes of one parameter of one bed.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTrend {
    /// The bed number that the monitor gives.
    pub bed: Option<u16>,
    /// The patient, as a keyed hash.
    pub patient: Option<String>,
    /// The parameter.
    pub vital: String,
    /// Its unit.
    pub unit: String,
    /// Beginning, in capture time.
    pub first: i64,
    /// End, in capture time.
    pub last: i64,
    /// Smallest value.
    pub least: f64,
    /// Largest value.
    pub most: f64,
    /// Last value.
    pub latest: f64,
    /// Number of valid samples.
    pub samples: i64,
}

/// The trends asked for, by time.
pub(crate) fn read(connection: &Connection, query: &TrendQuery) -> Result<Vec<StoredTrend>, StoreError> {
    let doing = "read trends";
    let mut statement = connection
        .prepare_cached(
            "SELECT bed, patient, vital, unit, first, last, least, most, latest, samples FROM \
             (SELECT * FROM trends WHERE asset = ?1 AND first >= ?2 AND first < ?3 AND (?4 IS NULL OR bed = ?4) \
             ORDER BY first DESC LIMIT ?5) ORDER BY first, bed, patient, vital",
        )
        .doing(doing)?;
    let TrendQuery { asset, bed, from, until, limit } = query;
    let rows = statement
        .query_map(params![asset.0.cast_signed(), from, until, bed, limit], |row| {
            Ok(StoredTrend {
                bed: row.get(0)?,
                patient: row.get(1)?,
                vital: row.get(2)?,
                unit: row.get(3)?,
                first: row.get(4)?,
                last: row.get(5)?,
                least: row.get(6)?,
                most: row.get(7)?,
                latest: row.get(8)?,
                samples: row.get(9)?,
            })
        })
        .doing(doing)?;
    rows.collect::<Result<_, _>>().doing(doing)
}

/// Writes trends of an import; one that is there already is replaced.
pub(crate) fn write(step: &Transaction<'_>, import: i64, trends: &[Trend]) -> Result<(), StoreError> {
    let doing = "write trends";
    let mut insert = step
        .prepare_cached(
            "INSERT OR REPLACE INTO trends VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .doing(doing)?;
    for row in trends.iter().flat_map(TrendRow::of) {
        let TrendRow { asset, bed, patient, vital, unit, first, last, least, most, latest, samples } = row;
        insert
            .execute(params![
                import, asset, bed, patient, vital, unit, first, last, least, most, latest, samples
            ])
            .doing(doing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Extent, Kept, Recording};
    use crate::tests::{Folder, actor, capture, time};
    use crate::{Prunable, Reading as _, Trial, Writer, Writing as _};
    use model::{NumericRange, Report, Vital};
    use std::collections::BTreeMap;

    #[test]
    fn trends_are_kept_once_read_in_order_and_pruned() {
        let folder = Folder::new("live-trends");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        let mut watched = capture(0, 0);
        watched.sha256 = None;
        let report = Report { captures: vec![watched], ..Report::default() };
        let trend = |hour, last| Trend {
            asset: AssetId(7),
            bed: Some(12),
            patient: None,
            first: time(hour),
            last: time(hour + 1),
            numerics: BTreeMap::from([(
                Vital::HeartRate,
                NumericRange { last, min: 60.0, max: 90.0, samples: 5 },
            )]),
        };
        for trends in [vec![trend(1, 70.0)], vec![trend(1, 71.0), trend(2, 72.0)]] {
            let recording = Recording {
                sensor: "eth1",
                period: "live:1",
                report: &report,
                taken_back: &[],
                trends: &trends,
                health: "{}",
                extent: Extent::All,
                version: "1",
            };
            store.record(&mut kept, &recording, &actor()).unwrap();
        }
        let query = TrendQuery { asset: AssetId(7), bed: None, from: i64::MIN, until: i64::MAX, limit: 10 };
        let latest = |store: &Writer, query: &TrendQuery| {
            store.trends(query).unwrap().iter().map(|row| row.latest).collect::<Vec<_>>()
        };
        assert_eq!(latest(&store, &query), [71.0, 72.0]);
        assert_eq!(latest(&store, &TrendQuery { bed: Some(13), ..query.clone() }), [0.0; 0]);
        assert_eq!(latest(&store, &TrendQuery { from: time(2).nanos(), ..query.clone() }), [72.0]);
        assert_eq!(latest(&store, &TrendQuery { limit: 1, ..query.clone() }), [72.0]);
        store.prune(&[Prunable::Trends], time(3).nanos(), Trial::Real, &actor()).unwrap();
        assert_eq!(latest(&store, &query), [72.0]);
    }
}
