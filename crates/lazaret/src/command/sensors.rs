//! `lazaret store sensors`: how the sensors that write to a store do, and what they could not see.

use crate::exit::Failure;
use crate::stored::{Format, Where, at, print, print_json, rfc3339, shown};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use store::{Reading as _, StoredSensor};

/// Shows them.
pub(super) fn show(place: &Where, format: Format) -> Result<(), Failure> {
    let sensors = place.reader()?.sensors()?;
    match format {
        Format::Json => print_json(&Document {
            schema: "lazaret.sensors/1",
            sensors: sensors.iter().map(Row::of).collect(),
        }),
        Format::Text => print(&listed(&sensors)),
    }
}

fn listed(sensors: &[StoredSensor]) -> String {
    if sensors.is_empty() {
        return "No sensor wrote to this store. `lazaret watch --interface IF --store DIR` does.\n"
            .to_owned();
    }
    let mut out = String::new();
    for sensor in sensors {
        let health: Value = serde_json::from_str(&sensor.health).unwrap_or_default();
        let number = |key: &str| health.get(key).map_or_else(|| "unknown".to_owned(), Value::to_string);
        let standing = health.get("standing").and_then(Value::as_str).unwrap_or("unknown");
        let ended = if sensor.ended.is_some() { "; ended in order" } else { "" };
        let _ = writeln!(
            out,
            "{}  {standing}, wrote last {}{ended}\n  {} frames, {} lost; {} flows; up {} s, {} s of processor time",
            shown(&sensor.name),
            at(sensor.at),
            number("frames"),
            number("frames_lost"),
            number("flows"),
            number("up_seconds"),
            number("cpu_seconds"),
        );
        for spot in &sensor.blind_spots {
            let _ = writeln!(out, "  - {}", shown(spot));
        }
    }
    out
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    sensors: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    period: &'a str,
    at: String,
    ended: Option<String>,
    health: Value,
    blind_spots: &'a [String],
}

impl<'a> Row<'a> {
    fn of(sensor: &'a StoredSensor) -> Self {
        Self {
            name: &sensor.name,
            period: &sensor.period,
            at: rfc3339(sensor.at),
            ended: sensor.ended.map(rfc3339),
            health: serde_json::from_str(&sensor.health).unwrap_or_default(),
            blind_spots: &sensor.blind_spots,
        }
    }
}
