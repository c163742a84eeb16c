//! How a live sensor does, for Prometheus: the text exposition format, as the textfile collector of its node exporter
//! reads it.
//!
//! # Source
//! Prometheus, "Exposition formats", text format 0.0.4.

use crate::ndjson::SensorRow;
use std::io::{self, Write};

/// A number of a sensor.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&SensorRow) -> Option<f64>,
}

/// Counts stay exact up to 2^53, which no sensor reaches.
const fn float(count: u64) -> Option<f64> {
    Some(count as f64)
}

fn counted(count: Option<u64>) -> Option<f64> {
    float(count?)
}

const METRICS: &[Metric] = &[
    Metric {
        name: "lazaret_up",
        kind: "gauge",
        help: "1 where the interface is up, else 0.",
        value: |row| Some(f64::from(u8::from(row.standing == "up"))),
    },
    Metric {
        name: "lazaret_frames_total",
        kind: "counter",
        help: "Frames read.",
        value: |row| float(row.frames),
    },
    Metric {
        name: "lazaret_bytes_total",
        kind: "counter",
        help: "Bytes of frames read.",
        value: |row| float(row.bytes),
    },
    Metric {
        name: "lazaret_frames_lost_total",
        kind: "counter",
        help: "Frames lost because the ring was full.",
        value: |row| float(row.frames_lost),
    },
    Metric {
        name: "lazaret_interface_overrun_total",
        kind: "counter",
        help: "Frames lost by the network card.",
        value: |row| counted(row.interface_overrun),
    },
    Metric {
        name: "lazaret_backlog_dropped_total",
        kind: "counter",
        help: "Frames of all interfaces lost because a processor's backlog was full.",
        value: |row| counted(row.backlog_dropped),
    },
    Metric {
        name: "lazaret_clock_steps_total",
        kind: "counter",
        help: "Times that the sensor's clock was set: times before and after do not compare.",
        value: |row| float(row.clock_steps),
    },
    Metric {
        name: "lazaret_frames_late_total",
        kind: "counter",
        help: "Frames that several workers handed on after one with a later time.",
        value: |row| float(row.frames_late),
    },
    Metric {
        name: "lazaret_ring_bytes",
        kind: "gauge",
        help: "Size of the ring.",
        value: |row| float(row.ring_bytes),
    },
    Metric {
        name: "lazaret_ring_waiting_bytes",
        kind: "gauge",
        help: "Bytes of the ring that wait to be read.",
        value: |row| float(row.ring_waiting_bytes),
    },
    Metric {
        name: "lazaret_lag_seconds",
        kind: "gauge",
        help: "Longest time from the arrival of a frame to its reading, lately.",
        value: |row| Some(row.lag_seconds),
    },
    Metric {
        name: "lazaret_flows",
        kind: "gauge",
        help: "Connections alive.",
        value: |row| float(row.flows),
    },
    Metric {
        name: "lazaret_resident_bytes",
        kind: "gauge",
        help: "Memory of the process.",
        value: |row| counted(row.resident_bytes),
    },
    Metric {
        name: "lazaret_cpu_seconds_total",
        kind: "counter",
        help: "Processor time of the process.",
        value: |row| Some(row.cpu_seconds),
    },
    Metric {
        name: "lazaret_evidence_frames_total",
        kind: "counter",
        help: "Frames written to the evidence ring.",
        value: |row| float(row.evidence?.evidence_frames),
    },
    Metric {
        name: "lazaret_evidence_frames_lost_total",
        kind: "counter",
        help: "Frames that the evidence ring could not take: full or slow disk.",
        value: |row| float(row.evidence?.evidence_frames_lost),
    },
    Metric {
        name: "lazaret_evidence_frames_waiting",
        kind: "gauge",
        help: "Frames that wait to be written to the evidence ring: the disk is slower than they come.",
        value: |row| float(row.evidence?.evidence_frames_waiting),
    },
    Metric {
        name: "lazaret_evidence_bytes",
        kind: "gauge",
        help: "Size of the evidence ring on disk.",
        value: |row| float(row.evidence?.evidence_bytes),
    },
    Metric {
        name: "lazaret_evidence_seconds",
        kind: "gauge",
        help: "Age of the oldest frames in the evidence ring.",
        value: |row| float(row.evidence?.evidence_seconds),
    },
    Metric {
        name: "lazaret_evidence_deleted_early_total",
        kind: "counter",
        help: "Segments of the evidence ring deleted before their time, because the disk was full.",
        value: |row| float(row.evidence?.evidence_deleted_early),
    },
];

/// Writes the numbers of one sensor; those that the system does not tell are left out.
///
/// # Errors
/// What `to` says.
pub fn write(row: &SensorRow, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let interface = row.interface.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    for Metric { name, kind, help, value } in METRICS {
        let Some(value) = value(row) else { continue };
        writeln!(
            to,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{interface=\"{interface}\"}} {value}"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndjson::EvidenceRow;

    #[test]
    fn each_number_has_its_help_type_and_interface() {
        let row = SensorRow {
            interface: "eth\"1".to_owned(),
            standing: "up",
            up_seconds: 12.0,
            frames: 1243,
            bytes: 99,
            frames_lost: 2,
            interface_frames: Some(1245),
            interface_overrun: None,
            interface_dropped: None,
            backlog_dropped: Some(0),
            clock_steps: 1,
            frames_late: 0,
            ring_frames: Vec::new(),
            ring_full: 1,
            ring_bytes: 64 << 20,
            ring_waiting_bytes: 0,
            lag_seconds: 0.06,
            flows: 3,
            resident_bytes: None,
            cpu_seconds: 1.5,
            evidence: Some(EvidenceRow {
                evidence_frames: 1240,
                evidence_frames_lost: 3,
                evidence_frames_waiting: 2,
                evidence_bytes: 1 << 20,
                evidence_seconds: 60,
                evidence_deleted_early: 0,
            }),
        };
        let mut text = Vec::new();
        write(&row, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let wanted = "# HELP lazaret_frames_total Frames read.\n# TYPE lazaret_frames_total counter\n\
                      lazaret_frames_total{interface=\"eth\\\"1\"} 1243\n";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("lazaret_evidence_frames_lost_total{interface=\"eth\\\"1\"} 3\n"), "{text}");
        assert!(text.contains("lazaret_lag_seconds{interface=\"eth\\\"1\"} 0.06\n"), "{text}");
        assert!(!text.contains("overrun") && !text.contains("resident"), "{text}");
        assert_eq!(text.lines().count(), 3 * (METRICS.len() - 2));
    }
}
