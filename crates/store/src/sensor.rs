//! How each sensor does, as it said itself.

use crate::audit::Actor;
use crate::error::{Doing as _, StoreError};
use crate::live::Recording;
use rusqlite::{Connection, Transaction, params};

/// How a sensor did when it last wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredSensor {
    /// Its name: the interface.
    pub name: String,
    /// Name of its period.
    pub period: String,
    /// When it last wrote, by the clock, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// When the period came to its end in order; none where it goes on or the watch was killed.
    pub ended: Option<i64>,
    /// Its `sensor` line, as JSON.
    pub health: String,
    /// What it could not see in this period.
    pub blind_spots: Vec<String>,
}

/// Every sensor that wrote into the store, by name.
pub(crate) fn read(connection: &Connection) -> Result<Vec<StoredSensor>, StoreError> {
    let doing = "list sensors";
    let mut query = connection
        .prepare_cached(
            "SELECT name, sensors.watch, sensors.at, ended, body, id FROM sensors \
             LEFT JOIN imports ON imports.watch = sensors.watch ORDER BY name",
        )
        .doing(doing)?;
    let mut spots = connection
        .prepare_cached("SELECT said FROM blind_spots WHERE import = ?1 ORDER BY position")
        .doing(doing)?;
    let rows = query
        .query_map([], |row| {
            let sensor = StoredSensor {
                name: row.get(0)?,
                period: row.get(1)?,
                at: row.get(2)?,
                ended: row.get(3)?,
                health: row.get(4)?,
                blind_spots: Vec::new(),
            };
            Ok((sensor, row.get::<_, Option<i64>>(5)?))
        })
        .doing(doing)?;
    let mut all = Vec::new();
    for row in rows {
        let (mut sensor, import) = row.doing(doing)?;
        let said = spots.query_map([import], |row| row.get(0)).doing(doing)?;
        sensor.blind_spots = said.collect::<Result<_, _>>().doing(doing)?;
        all.push(sensor);
    }
    Ok(all)
}

/// Writes how the sensor of a recording does.
pub(crate) fn write(
    step: &Transaction<'_>,
    recording: &Recording<'_>,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Recording { sensor, period, health, .. } = recording;
    step.prepare_cached("INSERT OR REPLACE INTO sensors VALUES (?1, ?2, ?3, ?4)")
        .doing("write a sensor's state")?
        .execute(params![sensor, period, actor.at, health])
        .doing("write a sensor's state")?;
    Ok(())
}
