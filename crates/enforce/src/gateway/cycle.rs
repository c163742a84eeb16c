//! One cycle of a monitor's telemetry, and the messages that it becomes.

use super::original::Bytes;
use super::receiver::Form;
use export::vitals::{fhir, hl7};
use model::{
    AlarmLimit, AssetId, BedRecording, CaptureTime, Evidence, LeftOut, LimitInForce, NumericPoint,
    PatientToken, Report, Sample, Vital, stable_hash,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Between two cycles of a device: longer is a gap that its next message names. Our limit: a cycle is about a second.
pub const GAP_MIN: Duration = Duration::from_millis(2500);
/// From acceptance to delivery: longer is said in the message. Our limit.
pub const LATE_MIN: Duration = Duration::from_secs(10);

/// Vital signs that a device sent together.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// When it was complete.
    pub received: CaptureTime,
    /// Who sent it.
    pub device: IpAddr,
    /// The bed number that the device gives.
    pub bed: Option<u16>,
    /// Numbers, with what the device says of their validity.
    pub(super) numerics: BTreeMap<Vital, Sample>,
    /// Alarm limits in force.
    pub(super) limits: BTreeMap<Vital, AlarmLimit>,
    /// Its bytes, where a station may have them.
    pub original: Option<Bytes>,
}

impl Default for Cycle {
    fn default() -> Self {
        Self {
            received: CaptureTime::default(),
            device: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            bed: None,
            numerics: BTreeMap::new(),
            limits: BTreeMap::new(),
            original: None,
        }
    }
}

impl Cycle {
    /// The device and its place, to tell one series of cycles from another.
    #[must_use]
    pub fn source(&self) -> String {
        self.bed.map_or_else(|| self.device.to_string(), |bed| format!("{} bed {bed}", self.device))
    }

    /// HL7 v2 ORU^R01 as IHE PCD-01 has it, or a FHIR bundle; nothing where the cycle holds no number.
    ///
    /// `last` is the time of the device's cycle before this one: where that is long ago, the message says that data are
    /// missing from then to now.
    ///
    /// # Errors
    /// What the writer says.
    pub fn message(&self, form: Form, last: Option<CaptureTime>) -> io::Result<Option<Vec<u8>>> {
        if self.numerics.is_empty() {
            return Ok(None);
        }
        let point = |(vital, sample): (&Vital, &Sample)| {
            let point = NumericPoint { time: self.received, value: sample.value, validity: sample.validity };
            (*vital, vec![point])
        };
        let limit = |(vital, limit): (&Vital, &AlarmLimit)| {
            let set = LimitInForce { limit: *limit, since: self.received, evidence: Evidence::default() };
            (*vital, vec![set])
        };
        let recording = BedRecording {
            asset: AssetId(stable_hash(&[b"asset-ip", self.device.to_string().as_bytes()])),
            bed: self.bed,
            patient: Some(PatientToken::Withheld),
            first: self.received,
            last: self.received,
            cycles: 1,
            cycle_ns: None,
            numerics: self.numerics.iter().map(point).collect(),
            recomputed: BTreeMap::new(),
            channels: BTreeMap::new(),
            limits: self.limits.iter().map(limit).collect(),
            notices: Vec::new(),
            gaps: Vec::new(),
            integrity: Vec::new(),
            judged: None,
            score: None,
            left_out: LeftOut::default(),
        };
        let report = Report { recordings: vec![recording], ..Report::default() };
        let mut text = Vec::new();
        let every = Duration::from_secs(1);
        match form {
            Form::Hl7 => hl7::write(&report, every, &mut text)?,
            Form::FhirTransaction => fhir::write_transaction(&report, every, &mut text)?,
            Form::FhirBundle => fhir::write(&report, every, &mut text)?,
        }
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(last) = last.filter(|last| self.received.since(*last) >= GAP_MIN) {
            let (from, to) = (export::rfc3339(last), export::rfc3339(self.received));
            noted(form, &mut text, &format!("No data of this device from {from} to {to}."));
        }
        Ok(Some(text))
    }
}

/// A message that is delivered long after its cycle was accepted, with that said in it.
#[must_use]
pub fn late(form: Form, text: &[u8], accepted: CaptureTime, now: CaptureTime) -> Vec<u8> {
    let mut text = text.to_vec();
    if now.since(accepted) >= LATE_MIN {
        let (accepted, now) = (export::rfc3339(accepted), export::rfc3339(now));
        noted(form, &mut text, &format!("Filled in afterwards: accepted {accepted}, handed on {now}."));
    }
    text
}

/// Adds a note to a message. `words` hold no delimiter.
fn noted(form: Form, text: &mut Vec<u8>, words: &str) {
    match form {
        Form::Hl7 => noted_below_order(text, words),
        Form::FhirTransaction | Form::FhirBundle => noted_in_observations(text, words),
    }
}

/// FHIR: a note of each observation, where whoever reads one of them finds it.
fn noted_in_observations(text: &mut Vec<u8>, words: &str) {
    // It is our own text; a note that cannot be added holds up no vital signs.
    let Ok(mut bundle) = serde_json::from_slice::<Value>(text) else { return };
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut);
    for resource in entries.into_iter().flatten().filter_map(|entry| entry.get_mut("resource")) {
        let Some(fields) = resource.as_object_mut() else { continue };
        if fields.get("resourceType").and_then(Value::as_str) != Some("Observation") {
            continue;
        }
        let notes = fields.entry("note").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(notes) = notes.as_array_mut() {
            notes.push(json!({ "text": words }));
        }
    }
    *text = bundle.to_string().into_bytes();
}

/// HL7: a note (NTE) among those below the message's OBR.
fn noted_below_order(text: &mut Vec<u8>, words: &str) {
    let mut at = 0;
    let mut notes = 0;
    let mut below = None;
    for segment in text.split_inclusive(|byte| *byte == b'\r') {
        at += segment.len();
        if segment.starts_with(b"OBR|") || (below.is_some() && segment.starts_with(b"NTE|")) {
            notes += usize::from(segment.starts_with(b"NTE|"));
            below = Some(at);
        } else if below.is_some() {
            break;
        }
    }
    let place = below.unwrap_or(text.len());
    let segment = format!("NTE|{}|L|{words}\r", notes + 1);
    text.splice(place..place, segment.into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Validity;

    fn cycle(seconds: i64) -> Cycle {
        let sample = Sample { vital: Vital::HeartRate, value: 72.0, validity: Validity::Valid };
        Cycle {
            received: CaptureTime::from_nanos(seconds * 1_000_000_000),
            device: "202.114.4.8".parse().unwrap(),
            bed: Some(7),
            numerics: [(Vital::HeartRate, sample)].into(),
            ..Cycle::default()
        }
    }

    fn text(cycle: &Cycle, last: Option<i64>) -> String {
        let last = last.map(|seconds| CaptureTime::from_nanos(seconds * 1_000_000_000));
        String::from_utf8(cycle.message(Form::Hl7, last).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_cycle_becomes_a_message_without_a_patient() {
        let text = text(&cycle(1_790_000_000), Some(1_789_999_999));
        assert!(text.starts_with("MSH|^~\\&|LAZARET|"), "{text}");
        assert!(text.contains("|72|") && text.contains("PV1||U|^^7\r"), "{text}");
        assert!(text.contains("PID|||\"\"||^^^^^^U\r"), "{text}");
        assert!(!text.contains("No data"), "{text}");
        assert_eq!(Cycle::default().message(Form::FhirBundle, None).unwrap(), None);
    }

    #[test]
    fn a_gap_and_a_delay_are_said_below_the_order() {
        let cycle = cycle(1_790_000_000);
        let said = text(&cycle, Some(1_789_999_990));
        let gap = "NTE|2|L|No data of this device from 2026-09-21T14:13:10.000000000Z to 2026-09-21T14:13:20.000000000Z.\r";
        assert!(said.contains(gap), "{said}");
        let now = CaptureTime::from_nanos(1_790_000_300 * 1_000_000_000);
        let said = String::from_utf8(late(Form::Hl7, said.as_bytes(), cycle.received, now)).unwrap();
        assert!(said.contains("NTE|3|L|Filled in afterwards: accepted "), "{said}");
        assert!(said.find("NTE|3|").unwrap() < said.find("OBX|1|").unwrap(), "{said}");
        // What is on time stays as it was.
        assert_eq!(late(Form::Hl7, said.as_bytes(), now, now), said.as_bytes());
    }

    #[test]
    fn fhir_says_gap_and_delay_on_each_observation_and_makes_nothing_twice() {
        let cycle = cycle(1_790_000_000);
        let last = Some(CaptureTime::from_nanos(1_789_999_990 * 1_000_000_000));
        let now = CaptureTime::from_nanos(1_790_000_300 * 1_000_000_000);
        for form in [Form::FhirTransaction, Form::FhirBundle] {
            let text = cycle.message(form, last).unwrap().unwrap();
            let bundle: Value = serde_json::from_slice(&late(form, &text, cycle.received, now)).unwrap();
            let entries = bundle["entry"].as_array().unwrap();
            assert_eq!(entries.len(), 2, "{bundle}");
            let observation = &entries[1]["resource"];
            assert_eq!(observation["valueQuantity"]["value"], 72.0);
            let notes = observation["note"].to_string();
            assert!(notes.contains("No data of this device from 2026-"), "{notes}");
            assert!(notes.contains("Filled in afterwards: accepted "), "{notes}");
            assert!(entries[0]["resource"]["note"].to_string().find("Filled in").is_none(), "{bundle}");
            let request = &entries[1]["request"];
            if form == Form::FhirTransaction {
                assert_eq!((&bundle["type"], &request["method"]), (&"transaction".into(), &"POST".into()));
                let identifier = &observation["identifier"][0];
                let one = [&identifier["system"], &identifier["value"]].map(|text| text.as_str().unwrap());
                assert_eq!(request["ifNoneExist"], format!("identifier={}|{}", one[0], one[1]));
            } else {
                assert_eq!((&bundle["type"], request), (&"collection".into(), &Value::Null));
            }
        }
    }
}
