//! FHIR R4: one collection bundle of devices, vital-signs observations and sampled waveforms.
//!
//! # Decisions
//! - Numbers are thinned to the last of each interval ([`super::EVERY_DEFAULT`] unless asked otherwise); a number
//!   that the device marked invalid is an observation without a value and with the reason.
//! - `status` is `preliminary`: no person has validated them.
//! - The codes are those that the vital-signs profile demands, with MDC beside them, units in UCUM. Parameters without
//!   a code of which we are sure are left out, as the device's note says.
//! - A withheld patient is a subject with the reason `masked`.
//! - Waveforms are `SampledData` of the codes on the wire, at most [`SECONDS_MAX`] each. Codes at the ends of the
//!   range are `L` and `U`. The gain is not known, so the unit is `1`.
//! - Alarm limits that are switched on are the reference range. A failed check of the time is a note.
//! - Names of resources are made from what they name, so the same recording gives the same bundle.
//!
//! # Source
//! HL7 FHIR R4 (4.0.1): Bundle, Observation, SampledData, Device, vital signs profile.

use super::code::{self, Coded, Codes, LOINC_SYSTEM, MDC_SYSTEM, MONITOR, PRESSURES, UCUM_SYSTEM};
use super::{LABEL, bed_name, channel_name, device_name, limit_at, speaks_of, thinned};
use crate::printable::printable;
use crate::report1::{Number, patient_word};
use crate::summary::{asset_by_id, number};
use crate::time::rfc3339;
use model::{
    BedRecording, CaptureTime, Channel, ChannelRecording, IntegrityRow, NumericPoint, PatientToken, Report,
    Switch, Validity, Verdict, Vital, stable_hash,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Longest stretch of a waveform in one resource.
pub const SECONDS_MAX: u64 = 10;

const CATEGORY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const ABSENT_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const ABSENT_URL: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const RANGE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/referencerange-meaning";
const VITAL_SIGNS_PROFILE: &str = "http://hl7.org/fhir/StructureDefinition/vitalsigns";
/// The code at the lower end of an 8-bit range.
const LOWEST: u8 = 0;
/// The other end.
const HIGHEST: u8 = 255;

/// Writes the bundle.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, every: Duration, mut to: impl Write) -> io::Result<()> {
    write_as(report, every, Kind::Collection, &mut to)
}

/// The same as a transaction for a FHIR server: it makes each resource unless it has one with that identifier, so the
/// same bundle may come twice.
///
/// # Errors
/// What the writer says.
pub fn write_transaction(report: &Report, every: Duration, mut to: impl Write) -> io::Result<()> {
    write_as(report, every, Kind::Transaction, &mut to)
}

/// Type of a bundle.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Collection,
    Transaction,
}

fn write_as(report: &Report, every: Duration, kind: Kind, to: &mut dyn Write) -> io::Result<()> {
    let mut bundle = Bundle { to, empty: true, kind };
    bundle.open(report)?;
    for (place, bed) in report.recordings.iter().enumerate() {
        let ward = Bed { report, bed, name: format!("{} {place}", bed.asset) };
        bundle.entry(&ward.name("device", ""), &ward.device())?;
        for (id, observation) in ward.numbers(every) {
            bundle.entry(&id, &observation)?;
        }
        for (channel, seen) in &bed.channels {
            ward.waves(*channel, seen, &mut |id, observation| bundle.entry(&id, &observation))?;
        }
    }
    bundle.close()
}

struct Bundle<'a> {
    to: &'a mut dyn Write,
    empty: bool,
    kind: Kind,
}

impl Bundle<'_> {
    fn open(&mut self, report: &Report) -> io::Result<()> {
        let last = report.recordings.iter().map(|bed| bed.last).max();
        let timestamp = last.map_or_else(String::new, |last| format!(",\"timestamp\":\"{}\"", rfc3339(last)));
        let kind = match self.kind {
            Kind::Collection => "collection",
            Kind::Transaction => "transaction",
        };
        write!(self.to, "{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"{timestamp}")
    }

    fn entry(&mut self, id: &str, resource: &Value) -> io::Result<()> {
        self.to.write_all(if self.empty { b",\"entry\":[\n" } else { b",\n" })?;
        self.empty = false;
        let mut entry = json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource});
        if self.kind == Kind::Transaction {
            self.make_once(id, &mut entry);
        }
        serde_json::to_writer(&mut *self.to, &entry).map_err(io::Error::from)
    }

    /// The server gives it its id, and finds it again by its identifier (FHIR R4, 3.1.0.8.1).
    fn make_once(&self, id: &str, entry: &mut Value) {
        let Some(resource) = entry.get_mut("resource").and_then(Value::as_object_mut) else { return };
        resource.remove("id");
        let own = json!([{"system": "urn:lazaret:resource", "value": id}]);
        let identifier = resource.entry("identifier").or_insert(own);
        let part = |name: &str| identifier.pointer(name).and_then(Value::as_str).unwrap_or_default();
        let unless = format!("identifier={}|{}", part("/0/system"), part("/0/value"));
        let kind = resource.get("resourceType").cloned().unwrap_or_default();
        put(entry, "request", json!({"method": "POST", "url": kind, "ifNoneExist": unless}));
    }

    fn close(&mut self) -> io::Result<()> {
        self.to.write_all(if self.empty { b"}\n" } else { b"\n]}\n" })
    }
}

struct Bed<'a> {
    report: &'a Report,
    bed: &'a BedRecording,
    name: String,
}

impl Bed<'_> {
    /// A UUID of version 8 (RFC 9562: made as the maker sees fit) from what it names.
    fn name(&self, kind: &str, detail: &str) -> String {
        let half = |salt: &str| {
            stable_hash(&[salt.as_bytes(), self.name.as_bytes(), kind.as_bytes(), detail.as_bytes()])
        };
        let (high, low) = (half("fhir-high"), half("fhir-low"));
        format!(
            "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            0x8000 | low >> 48 & 0x3FFF,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    fn device(&self) -> Value {
        let mut notes = vec![
            json!({"text": format!("{LABEL}.")}),
            json!({"text": "Temperature differences, ST levels and other parameters without a standard code are left out."}),
        ];
        if let Some(reason) = &self.report.identifiers_shown_because {
            notes.push(
                json!({"text": format!("Patient identifiers are shown because: {}", printable(reason))}),
            );
        }
        let mut device = json!({
            "resourceType": "Device",
            "id": self.name("device", ""),
            "identifier": [{"system": "urn:lazaret:asset", "value": self.bed.asset.to_string()}],
            "type": {"coding": [mdc(MONITOR)]},
            "location": {"display": bed_name(self.bed)},
            "note": notes,
        });
        let name = printable(&device_name(self.report, self.bed)).into_owned();
        let mut put = |key: &str, value: Value| {
            if let Some(fields) = device.as_object_mut() {
                fields.insert(key.to_owned(), value);
            }
        };
        put("deviceName", json!([{"name": name, "type": "user-friendly-name"}]));
        if let Some(asset) = asset_by_id(self.report, self.bed.asset) {
            let texts = [
                ("manufacturer", asset.maker.clone()),
                ("modelNumber", asset.model.clone()),
                ("serialNumber", asset.serial.as_ref().map(ToString::to_string)),
            ];
            for (key, text) in texts {
                if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                    put(key, printable(&text).into_owned().into());
                }
            }
        }
        device
    }

    fn subject(&self) -> Value {
        match &self.bed.patient {
            None | Some(PatientToken::Withheld) => {
                json!({"extension": [{"url": ABSENT_URL, "valueCode": "masked"}], "display": "withheld"})
            }
            token => {
                let system = match token {
                    Some(PatientToken::Pseudonym(_)) => "urn:lazaret:pseudonym",
                    _ => "urn:lazaret:patient",
                };
                let value = patient_word(token.as_ref()).unwrap_or_default();
                json!({"identifier": {"system": system, "value": printable(&value)}})
            }
        }
    }

    /// What every observation has.
    fn observation(&self, id: &str, category: &str, code: &Value) -> Value {
        json!({
            "resourceType": "Observation",
            "id": id,
            "status": "preliminary",
            "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": category}]}],
            "code": code,
            "subject": self.subject(),
            "device": {"reference": format!("urn:uuid:{}", self.name("device", ""))},
        })
    }

    /// Observations of numbers, by parameter and time; the cuff's three are one.
    fn numbers(&self, every: Duration) -> impl Iterator<Item = (String, Value)> {
        let mut cuff: BTreeMap<CaptureTime, Vec<(Vital, NumericPoint)>> = BTreeMap::new();
        let mut single = Vec::new();
        for (vital, points) in &self.bed.numerics {
            let pressure = matches!(vital, Vital::NibpSystolic | Vital::NibpDiastolic | Vital::NibpMean);
            for point in thinned(points, self.bed.first, every) {
                if pressure {
                    cuff.entry(point.time).or_default().push((*vital, point));
                } else if let Some(codes) = code::of(*vital) {
                    single.push((*vital, codes, point));
                }
            }
        }
        let single = single.into_iter().map(|(vital, codes, point)| self.number(vital, &codes, &point));
        single.chain(cuff.into_iter().map(|(time, points)| self.pressures(time, &points)))
    }

    fn number(&self, vital: Vital, codes: &Codes, point: &NumericPoint) -> (String, Value) {
        let id = self.name(vital.as_str(), &point.time.nanos().to_string());
        let mut observation = self.observation(&id, "vital-signs", &concept(codes));
        self.fill(&mut observation, vital, point);
        self.complete(&mut observation, &[vital], point.time, !codes.loinc.is_empty());
        (id, observation)
    }

    fn pressures(&self, time: CaptureTime, points: &[(Vital, NumericPoint)]) -> (String, Value) {
        let id = self.name("nibp", &time.nanos().to_string());
        let (group, panel) = PRESSURES;
        let code = json!({"coding": [loinc(panel), mdc(group)], "text": "blood pressure"});
        let mut observation = self.observation(&id, "vital-signs", &code);
        let component = |(vital, point): &(Vital, NumericPoint)| {
            let codes = code::of(*vital)?;
            let mut component = json!({"code": concept(&codes)});
            self.fill(&mut component, *vital, point);
            Some(component)
        };
        let components: Vec<Value> = points.iter().filter_map(component).collect();
        put(&mut observation, "component", components.into());
        let vitals: Vec<Vital> = points.iter().map(|(vital, _)| *vital).collect();
        self.complete(&mut observation, &vitals, time, true);
        (id, observation)
    }

    /// The value or why there is none, and the alarm limits in force.
    fn fill(&self, to: &mut Value, vital: Vital, point: &NumericPoint) {
        let quantity = |value: f32| {
            let value = Number::Single(value);
            json!({"value": value, "unit": vital.unit(), "system": UCUM_SYSTEM, "code": vital.unit()})
        };
        let word = match point.validity {
            Validity::Valid => {
                put(to, "valueQuantity", quantity(point.value));
                None
            }
            Validity::Invalid => Some(("error", "marked invalid by the device")),
            Validity::Unknown(_) => Some(("unknown", "marked by the device with a code of unknown meaning")),
        };
        if let Some((code, text)) = word {
            put(
                to,
                "dataAbsentReason",
                json!({"coding": [{"system": ABSENT_SYSTEM, "code": code}], "text": text}),
            );
        }
        let limit = limit_at(self.bed, vital, point.time);
        if let Some(limit) = limit.filter(|limit| limit.switch == Switch::On && limit.low <= limit.high) {
            let range = json!([{
                "low": quantity(limit.low),
                "high": quantity(limit.high),
                "type": {"coding": [{"system": RANGE_SYSTEM, "code": "treatment"}], "text": "alarm limits"},
            }]);
            put(to, "referenceRange", range);
        }
    }

    /// Profile, time and notes.
    fn complete(&self, to: &mut Value, vitals: &[Vital], time: CaptureTime, profile: bool) {
        if profile {
            put(to, "meta", json!({"profile": [VITAL_SIGNS_PROFILE]}));
        }
        put(to, "effectiveDateTime", rfc3339(time).into());
        let mut notes = self.failed(time, time, &|row| vitals.iter().any(|vital| speaks_of(row, *vital)));
        for vital in vitals {
            let again = self.bed.recomputed.get(vital).and_then(|points| {
                points.get(points.partition_point(|point| point.time <= time).checked_sub(1)?)
            });
            if let Some(point) = again.filter(|point| point.validity == Validity::Valid) {
                let words = format!("Recomputed from the waveform: {} {}", number(point.value), vital.unit());
                notes.push(json!({"text": words}));
            }
        }
        if !notes.is_empty() {
            put(to, "note", notes.into());
        }
    }

    /// Notes of the failed checks between two times that speak of the same.
    fn failed(
        &self,
        from: CaptureTime,
        to: CaptureTime,
        speaks: &dyn Fn(&IntegrityRow) -> bool,
    ) -> Vec<Value> {
        let rows = self.bed.integrity.iter().filter(|row| row.verdict == Verdict::Fail && speaks(row));
        rows.filter(|row| row.first <= to && row.last >= from)
            .map(|row| json!({"text": format!("Contradicted: {}: {}", row.check, printable(&row.why))}))
            .collect()
    }

    fn waves(
        &self,
        channel: Channel,
        seen: &ChannelRecording,
        to: &mut dyn FnMut(String, Value) -> io::Result<()>,
    ) -> io::Result<()> {
        let (Some(rate), Some(coded)) = (seen.rate_hz, code::of_channel(channel)) else { return Ok(()) };
        let each = ((SECONDS_MAX as f64 * rate).floor() as usize).max(1);
        for stretch in &seen.stretches {
            for (at, samples) in stretch.samples.chunks(each).enumerate() {
                let offset = |samples: usize| (samples as f64 * 1e9 / rate) as i64;
                let start = stretch.start.plus_nanos(offset(at * each));
                let end = start.plus_nanos(offset(samples.len()));
                let id = self.name(channel.as_str(), &start.nanos().to_string());
                let code = json!({"coding": [mdc(coded)], "text": channel_name(channel)});
                let mut observation = self.observation(&id, "procedure", &code);
                put(
                    &mut observation,
                    "effectivePeriod",
                    json!({"start": rfc3339(start), "end": rfc3339(end)}),
                );
                put(&mut observation, "valueSampledData", sampled(samples, rate));
                let notes = self.failed(start, end, &|row| row.channel.is_none_or(|of| of == channel));
                if !notes.is_empty() {
                    put(&mut observation, "note", notes.into());
                }
                to(id, observation)?;
            }
        }
        Ok(())
    }
}

fn sampled(samples: &[u8], rate: f64) -> Value {
    let mut words = String::with_capacity(samples.len() * 4);
    for (at, sample) in samples.iter().enumerate() {
        if at != 0 {
            words.push(' ');
        }
        match *sample {
            LOWEST => words.push('L'),
            HIGHEST => words.push('U'),
            code => words.push_str(&code.to_string()),
        }
    }
    json!({
        "origin": {"value": 0, "unit": "1", "system": UCUM_SYSTEM, "code": "1"},
        "period": Number::Double(1000.0 / rate),
        "lowerLimit": LOWEST,
        "upperLimit": HIGHEST,
        "dimensions": 1,
        "data": words,
    })
}

fn put(to: &mut Value, key: &str, value: Value) {
    if let Some(fields) = to.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

fn mdc(coded: Coded) -> Value {
    json!({"system": MDC_SYSTEM, "code": coded.code, "display": coded.name})
}

fn loinc(coded: Coded) -> Value {
    json!({"system": LOINC_SYSTEM, "code": coded.code, "display": coded.name})
}

fn concept(codes: &Codes) -> Value {
    let coding: Vec<Value> = codes.loinc.iter().copied().map(loinc).chain([mdc(codes.mdc)]).collect();
    json!({"coding": coding})
}
