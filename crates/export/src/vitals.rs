//! Vital signs of each bed in full: one file for each format.
//!
//! | module | format | for |
//! |---|---|---|
//! | [`text`] | tables | a terminal |
//! | [`csv`] | RFC 4180, one row for each bed, time and parameter | spreadsheets, data frames |
//! | [`json`] | `lazaret.vitals/1` | programs; specified in `docs/spec/vitals-1.md` |
//! | [`html`] | one self-contained file with strips and trends | people, paper, the archive |
//! | [`wfdb`] | WFDB records | PhysioNet's tools |
//! | [`fhir`] | FHIR R4 bundle | electronic records, research stores |
//! | [`hl7`] | IHE PCD-01 ORU^R01 messages | integration engines |
//!
//! They are written from [`Report::recordings`](model::Report), which a recorder made. What the device marked
//! invalid stays marked so in each of them, and every one carries [`LABEL`].

pub mod csv;
pub mod fhir;
pub mod hl7;
pub mod html;
pub mod json;
pub mod text;
pub mod wfdb;

mod code;
mod strip;
mod trend;

use crate::summary::{asset_by_id, label};
use model::{
    BedRecording, CaptureTime, Channel, Check, IntegrityRow, NumericPoint, Report, Validity, Verdict, Vital,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What stands on every output.
pub const LABEL: &str = "Evidence of what devices say on the wire; not for clinical use, not for alarms";

/// One number of each parameter a minute: what records of patients usually keep.
pub const EVERY_DEFAULT: Duration = Duration::from_secs(60);

/// `Bed 7`, `Bed not named`.
fn bed_name(bed: &BedRecording) -> String {
    bed.bed.map_or_else(|| "Bed not named".to_owned(), |bed| format!("Bed {bed}"))
}

/// The device as the report calls it.
fn device_name(report: &Report, bed: &BedRecording) -> String {
    asset_by_id(report, bed.asset).map_or_else(|| bed.asset.to_string(), label)
}

/// As people write a channel.
fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Ecg(1) => "ECG 1",
        Channel::Ecg(2) => "ECG 2",
        Channel::Ecg(_) => "ECG 3",
        Channel::Pleth => "Pleth",
        Channel::Respiration => "Respiration",
        other => other.as_str(),
    }
}

/// Whether the device stands by a number, in a word.
const fn validity_word(validity: Validity) -> &'static str {
    match validity {
        Validity::Valid => "valid",
        Validity::Invalid => "invalid",
        Validity::Unknown(_) => "unknown",
    }
}

/// The last point of each interval of length `every`, counted from `start`; every point where it is zero.
fn thinned(points: &[NumericPoint], start: CaptureTime, every: Duration) -> Vec<NumericPoint> {
    let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
    if every <= 0 {
        return points.to_vec();
    }
    let interval = |point: &NumericPoint| point.time.nanos_since(start).div_euclid(every);
    let mut kept: Vec<NumericPoint> = Vec::new();
    for point in points {
        match kept.last_mut().filter(|last| interval(last) == interval(point)) {
            Some(last) => *last = *point,
            None => kept.push(*point),
        }
    }
    kept
}

/// The limit of `vital` that was in force at `time`.
fn limit_at(bed: &BedRecording, vital: Vital, time: CaptureTime) -> Option<model::AlarmLimit> {
    let changes = bed.limits.get(&vital)?;
    let at = changes.partition_point(|change| change.since <= time).max(1);
    changes.get(at - 1).filter(|change| change.since <= time).map(|change| change.limit)
}

/// Whether a row speaks of this number: of the waveform that it comes from, or of nothing in particular.
fn speaks_of(row: &IntegrityRow, vital: Vital) -> bool {
    let pressure = matches!(vital, Vital::NibpSystolic | Vital::NibpDiastolic | Vital::NibpMean);
    if row.check == Check::NibpInconsistent {
        return pressure;
    }
    row.channel.is_none_or(|channel| match vital {
        Vital::HeartRate | Vital::PvcRate | Vital::St(_) => matches!(channel, Channel::Ecg(_)),
        Vital::PulseRate | Vital::Spo2 => channel == Channel::Pleth,
        Vital::RespirationRate => channel == Channel::Respiration,
        _ => false,
    })
}

/// What one check said where it found nothing.
struct Asked<'a> {
    check: Check,
    /// Seconds that were consistent.
    consistent: u64,
    /// Seconds that it could not judge.
    unjudged: u64,
    /// Why not, of the longest such time.
    why: Option<&'a str>,
}

/// The checks of one bed where they found nothing, in order of check.
fn asked(bed: &BedRecording) -> Vec<Asked<'_>> {
    let mut asked: BTreeMap<Check, (Asked<'_>, u64)> = BTreeMap::new();
    for row in &bed.integrity {
        let nothing = Asked { check: row.check, consistent: 0, unjudged: 0, why: None };
        let (asked, longest) = asked.entry(row.check).or_insert((nothing, 0));
        match row.verdict {
            Verdict::Pass => asked.consistent += row.seconds,
            Verdict::CannotJudge => {
                asked.unjudged += row.seconds;
                if asked.why.is_none() || row.seconds > *longest {
                    asked.why = Some(&row.why);
                    *longest = row.seconds;
                }
            }
            Verdict::Suspect | Verdict::Fail => {}
        }
    }
    asked.into_values().map(|(asked, _)| asked).collect()
}

/// What a limit of the recorder cost, in a sentence.
fn left_out_words(bed: &BedRecording) -> Option<String> {
    let lost = &bed.left_out;
    let parts = [
        (lost.numerics, "numbers"),
        (lost.samples, "samples of waveforms"),
        (lost.notices, "notices"),
        (lost.limits, "changes of limits"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", crate::time::grouped(*count)))
        .collect();
    (!parts.is_empty()).then(|| {
        let what = parts.join(", ");
        format!("Left out over a limit of memory, the latest first to go: {what}. Take a part with --bed, --from and --to.")
    })
}

/// Why there is no bed, and what to look at.
#[must_use]
pub fn nothing_words(report: &Report) -> String {
    let frames = report.coverage.frames;
    let mut words = if report.vitals.is_empty() {
        format!(
            "No vital signs in {frames} frames. Check that the capture holds the monitors' own traffic: a mirror port of \
             their switch, not of another; frames in whole (snap length 0 or 65535); and both the time and the VLAN in which \
             the monitors send."
        )
    } else {
        let mut beds: Vec<String> = report
            .vitals
            .iter()
            .map(|bed| bed.bed.map_or_else(|| "one not named".to_owned(), |bed| bed.to_string()))
            .collect();
        beds.dedup();
        format!(
            "No vital signs fit what was asked for (--bed, --asset, --from, --to). Beds in these captures: {}; from {} to {}.",
            beds.join(", "),
            report.vitals.iter().map(|bed| bed.first).min().map_or_else(String::new, crate::time::rfc3339),
            report.vitals.iter().map(|bed| bed.last).max().map_or_else(String::new, crate::time::rfc3339),
        )
    };
    if report.coverage.flows_encrypted > 0 {
        let flows = report.coverage.flows_encrypted;
        words.push_str(&format!(" {flows} flows are encrypted, so that nothing can be read of them."));
    }
    if report.coverage.cut_bytes > 0 {
        words.push_str(" Frames are cut short (snap length): capture again with whole frames.");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_last_point_of_each_interval() {
        let point = |seconds: i64| NumericPoint {
            time: CaptureTime::from_nanos(seconds * 1_000_000_000),
            value: seconds as f32,
            validity: Validity::Valid,
        };
        let points: Vec<_> = [0, 20, 59, 60, 61, 200].map(point).to_vec();
        let kept = |every| -> Vec<f32> {
            thinned(&points, CaptureTime::default(), Duration::from_secs(every))
                .iter()
                .map(|p| p.value)
                .collect()
        };
        assert_eq!(kept(60), [59.0, 61.0, 200.0]);
        assert_eq!(kept(0).len(), 6);
    }
}
