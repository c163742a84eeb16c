//! `/metrics`: numbers for Prometheus, in its text format, for whoever has a token.
//!
//! # Source
//! Prometheus, "Exposition formats", text format 0.0.4; "Metric and label naming".

use super::super::app::{Shared, read};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use crate::outputs::courses;
use crate::stored::{now, shown};
use axum::extract::State as At;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use store::{Access as _, AssetTally, Counted, Course, Reading as _, StoredSensor};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the answer is.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Numbers of findings, devices, sensors and outputs, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "showMetrics", tag = "metrics",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "Text exposition format 0.0.4.", body = String, content_type = "text/plain")),
)]
async fn metrics(_: May<Viewer>, At(app): At<Shared>) -> Result<impl IntoResponse, Problem> {
    let asked = Arc::clone(&app);
    let ask = move |store: &store::Reader| {
        Ok(Numbers {
            findings: store.counted(now())?,
            assets: store.asset_tally()?,
            changes: store.last_change()?,
            sensors: store.sensors()?,
            courses: courses(asked.folder())?,
        })
    };
    let numbers = read(&app, ask).await?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], numbers.text()))
}

/// What is told.
struct Numbers {
    findings: Vec<Counted>,
    assets: AssetTally,
    changes: i64,
    sensors: Vec<StoredSensor>,
    courses: BTreeMap<String, Course>,
}

/// Families of numbers, written one after the other.
struct Families(String);

impl Families {
    fn family(&mut self, (name, kind, help): (&str, &str, &str), rows: impl IntoIterator<Item = (String, f64)>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

/// Labels in braces, their values escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let value = shown(value).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// Counts stay exact up to 2^53.
const fn float(count: i64) -> f64 {
    count as f64
}

fn seconds(nanos: i64) -> f64 {
    float(nanos / 1_000_000) / 1e3
}

impl Numbers {
    fn text(&self) -> String {
        let mut out = Families(String::new());
        let version = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
        out.family(("lazaret_build_info", "gauge", "Which version this is."), [(version, 1.0)]);
        let found = self.findings.iter().map(|one| {
            let suppressed = if one.suppressed { "true" } else { "false" };
            let pairs =
                [("severity", one.severity.as_str()), ("state", one.state.as_str()), ("suppressed", suppressed)];
            (labels(&pairs), float(one.count))
        });
        out.family(("lazaret_findings", "gauge", "Findings of the store."), found);
        let assets = [("true", self.assets.medical), ("false", self.assets.other)];
        let assets = assets.map(|(medical, count)| (labels(&[("medical", medical)]), float(count)));
        out.family(("lazaret_assets", "gauge", "Devices and hosts of the store."), assets);
        let changes = [(String::new(), float(self.changes))];
        out.family(("lazaret_store_changes_total", "counter", "Entries of the audit log."), changes);
        self.sensors(&mut out);
        self.outputs(&mut out);
        out.0
    }

    fn sensors(&self, out: &mut Families) {
        let health: Vec<(String, i64, Value)> = self
            .sensors
            .iter()
            .filter(|sensor| sensor.ended.is_none())
            .map(|sensor| {
                let health = serde_json::from_str(&sensor.health).unwrap_or_default();
                (labels(&[("sensor", &sensor.name)]), sensor.at, health)
            })
            .collect();
        let written = health.iter().map(|(labels, at, _)| (labels.clone(), seconds(*at)));
        let help = "When the sensor last wrote to the store.";
        out.family(("lazaret_sensor_written_timestamp_seconds", "gauge", help), written);
        for (name, kind, help, key) in [
            ("lazaret_sensor_frames_total", "counter", "Frames read.", "frames"),
            ("lazaret_sensor_frames_lost_total", "counter", "Frames lost because the ring was full.", "frames_lost"),
            ("lazaret_sensor_clock_steps_total", "counter", "Times that the sensor's clock was set.", "clock_steps"),
            ("lazaret_sensor_lag_seconds", "gauge", "Longest time from arrival to reading, lately.", "lag_seconds"),
            ("lazaret_sensor_flows", "gauge", "Connections alive.", "flows"),
            ("lazaret_sensor_resident_bytes", "gauge", "Memory of the sensor.", "resident_bytes"),
        ] {
            let rows = health.iter().filter_map(|(labels, _, health)| {
                Some((labels.clone(), health.get(key).and_then(Value::as_f64)?))
            });
            out.family((name, kind, help), rows);
        }
    }

    fn outputs(&self, out: &mut Families) {
        type Value = fn(&Course) -> Option<f64>;
        let families: [(&str, &str, &str, Value); 7] = [
            ("lazaret_output_waiting", "gauge", "Messages that wait.", |course| Some(float(course.waiting))),
            ("lazaret_output_delivered_total", "counter", "Messages that were delivered.", |course| {
                Some(float(course.delivered))
            }),
            ("lazaret_output_repeated_total", "counter", "Delivered messages marked as possible repeats.", |course| {
                Some(float(course.repeated))
            }),
            ("lazaret_output_refused", "gauge", "Messages put aside because the receiver refused them.", |course| {
                Some(float(course.refused))
            }),
            ("lazaret_output_failing", "gauge", "1 where delivering failed last, else 0.", |course| {
                Some(f64::from(u8::from(course.failed_at.is_some())))
            }),
            ("lazaret_output_oldest_timestamp_seconds", "gauge", "Since when the oldest message waits.", |course| {
                course.oldest.map(seconds)
            }),
            ("lazaret_output_delivered_timestamp_seconds", "gauge", "When a message was delivered last.", |course| {
                course.delivered_at.map(seconds)
            }),
        ];
        for (name, kind, help, value) in families {
            let rows = self.courses.iter().filter_map(|(output, course)| {
                Some((labels(&[("output", output)]), value(course)?))
            });
            out.family((name, kind, help), rows);
        }
    }
}
