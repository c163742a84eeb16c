//! HL7 v2.6 messages ORU^R01 as IHE PCD-01 has them: numbers of one bed at one time.
//!
//! # Format
//! ```text
//! MSH  sender LAZARET, IHE_PCD_001                                       CR after each segment
//! PID  patient, where shown or under a pseudonym        PV1  bed
//! OBR  monitoring of patient, the interval
//! OBX  1.0.0.0 the monitor; 1.5.0.0 a measuring unit; 1.5.1.0 a channel; 1.5.1.147842 a number, with its limits
//! NTE  below a number: what a failed check said of that time; below the OBR: what this is
//! ```
//! Messages follow each other bare; wrap each in `0B … 1C 0D` to send it over MLLP.
//!
//! # Decisions
//! - One message for each interval ([`super::EVERY_DEFAULT`] unless asked otherwise) with the last number of each
//!   parameter in it.
//! - MDC codes come first, LOINC as the alternate, units in MDC with UCUM as the alternate.
//! - OBX-7 holds the alarm limits where the alarm is on. OBX-11 is `R`: nobody has validated the number; what the
//!   device marked invalid is `X` with OBX-8 `INV`, and has no value.
//! - Parameters without a code of which we are sure are left out, and so are waveforms: FHIR and WFDB have them.
//!
//! # Source
//! HL7 v2.6 chapters 2 (encoding, escapes), 3.4.2, 7.4; IHE PCD Technical Framework volume 2 (DEC, PCD-01).

use super::code::{self, Codes, MONITOR, Module};
use super::{LABEL, limit_at, speaks_of, thinned};
use crate::printable::printable;
use crate::report1::{Number, patient_word};
use crate::summary::{asset_by_id, number};
use crate::time::rfc3339;
use model::{
    BedRecording, CaptureTime, NumericPoint, PatientToken, Report, Switch, Validity, Verdict, Vital,
    stable_hash,
};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Numbers of one moment, with their codes, in the order of the monitor's parts.
type Row = (Codes, Vital, NumericPoint);

/// Writes the messages, by bed and time.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, every: Duration, mut to: impl Write) -> io::Result<()> {
    for bed in &report.recordings {
        let mut rows: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        let length = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
        for (vital, points) in &bed.numerics {
            let Some(codes) = code::of(*vital) else { continue };
            for point in thinned(points, bed.first, every) {
                let interval = point.time.nanos_since(bed.first).div_euclid(length);
                rows.entry(interval).or_default().push((codes, *vital, point));
            }
        }
        for mut rows in rows.into_values() {
            rows.sort_by_key(|(codes, _, point)| {
                (codes.place.0.number, codes.place.1, codes.place.2, point.time)
            });
            Message { report, bed, rows: &rows, text: String::new(), observations: 0 }.write(&mut to)?;
        }
    }
    Ok(())
}

struct Message<'a> {
    report: &'a Report,
    bed: &'a BedRecording,
    rows: &'a [Row],
    text: String,
    observations: u32,
}

impl Message<'_> {
    fn write(mut self, to: &mut impl Write) -> io::Result<()> {
        let times = || self.rows.iter().map(|(_, _, point)| point.time);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(()) };
        self.header(last);
        self.patient();
        self.segment(&format!(
            "OBR|1||{}^LAZARET|182777000^monitoring of patient^SCT|||{}|{}",
            self.control_id(last),
            stamp(first),
            stamp(last)
        ));
        self.segment(&format!("NTE|1|L|{}", escaped(&format!("{LABEL}."))));
        if let Some(reason) = &self.report.identifiers_shown_because {
            self.segment(&format!(
                "NTE|2|L|{}",
                escaped(&format!("Patient identifiers are shown because: {reason}"))
            ));
        }
        self.monitor();
        let mut place: (Option<&Module>, u8) = (None, 0);
        for (codes, vital, point) in self.rows {
            let (module, channel, metric) = codes.place;
            if place.0 != Some(module) {
                self.part(module.unit, &format!("1.{}.0.0", module.number));
            }
            if place != (Some(module), channel) {
                self.part(module.channel, &format!("1.{}.{channel}.0", module.number));
            }
            place = (Some(module), channel);
            self.number(codes, *vital, point, &format!("1.{}.{channel}.{metric}", module.number));
        }
        to.write_all(self.text.as_bytes())
    }

    fn segment(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\r');
    }

    fn control_id(&self, time: CaptureTime) -> String {
        let bed = self.bed.bed.map_or(0, u32::from).to_le_bytes();
        let words: [&[u8]; 3] = [b"hl7-message", &bed, &time.nanos().to_le_bytes()];
        let asset = self.bed.asset.to_string();
        format!("{:016X}", stable_hash(&[words[0], asset.as_bytes(), words[1], words[2]]))
    }

    fn header(&mut self, time: CaptureTime) {
        let id = self.control_id(time);
        self.segment(&format!(
            "MSH|^~\\&|LAZARET||||{}||ORU^R01^ORU_R01|{id}|P|2.6|||NE|AL||UNICODE UTF-8|||\
             IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO",
            stamp(time)
        ));
    }

    /// What is withheld is the null of HL7 and a name of type unspecified.
    fn patient(&mut self) {
        let token = self.bed.patient.as_ref();
        let identifier = match (patient_word(token), token) {
            (Some(word), Some(PatientToken::Pseudonym(_))) => {
                format!("{}^^^LAZARET-PSEUDONYM^PI", escaped(&word))
            }
            (Some(word), _) => format!("{}^^^^PI", escaped(&word)),
            // The field is required: HL7's null.
            (None, _) => "\"\"".to_owned(),
        };
        self.segment(&format!("PID|||{identifier}||^^^^^^U"));
        let bed = self.bed.bed.map_or_else(String::new, |bed| bed.to_string());
        self.segment(&format!("PV1||U|^^{bed}"));
    }

    fn monitor(&mut self) {
        let asset = asset_by_id(self.report, self.bed.asset);
        let serial = asset.and_then(|asset| asset.serial.as_ref()).map(|serial| escaped(serial.as_str()));
        let equipment = format!("{}^^{}^LAZARET", serial.unwrap_or_default(), self.bed.asset);
        self.observations += 1;
        let (number, code, name) = (self.observations, MONITOR.code, MONITOR.name);
        self.segment(&format!("OBX|{number}||{code}^{name}^MDC|1.0.0.0|||||||X|||||||{equipment}"));
    }

    fn part(&mut self, coded: code::Coded, place: &str) {
        self.observations += 1;
        let number = self.observations;
        self.segment(&format!("OBX|{number}||{}^{}^MDC|{place}|||||||X", coded.code, coded.name));
    }

    fn number(&mut self, codes: &Codes, vital: Vital, point: &NumericPoint, place: &str) {
        self.observations += 1;
        let at = self.observations;
        let loinc =
            codes.loinc.first().map_or_else(String::new, |one| format!("^{}^{}^LN", one.code, one.name));
        let unit =
            format!("{}^{}^MDC^{}^{}^UCUM", codes.unit.code, codes.unit.name, vital.unit(), vital.unit());
        let limit = limit_at(self.bed, vital, point.time).filter(|limit| limit.switch == Switch::On);
        let limit = limit.map_or_else(String::new, |limit| {
            format!("{}-{}", Number::Single(limit.low).rounded(), Number::Single(limit.high).rounded())
        });
        let (value, flag, status) = match point.validity {
            Validity::Valid => (Number::Single(point.value).rounded().to_string(), "", "R"),
            Validity::Invalid => (String::new(), "INV", "X"),
            Validity::Unknown(_) => (String::new(), "QUES", "X"),
        };
        let (code, name, time) = (codes.mdc.code, codes.mdc.name, stamp(point.time));
        self.segment(&format!(
            "OBX|{at}|NM|{code}^{name}^MDC{loinc}|{place}|{value}|{unit}|{limit}|{flag}|||{status}|||{time}"
        ));
        self.notes(vital, point.time);
    }

    fn notes(&mut self, vital: Vital, time: CaptureTime) {
        let failed = self.bed.integrity.iter().filter(|row| row.verdict == Verdict::Fail);
        let failed = failed.filter(|row| row.first <= time && row.last >= time && speaks_of(row, vital));
        let mut notes: Vec<String> =
            failed.map(|row| format!("Contradicted: {}: {}", row.check, row.why)).collect();
        let again = self.bed.recomputed.get(&vital).and_then(|points| {
            points.get(points.partition_point(|point| point.time <= time).checked_sub(1)?)
        });
        if let Some(point) = again.filter(|point| point.validity == Validity::Valid) {
            notes.push(format!("Recomputed from the waveform: {} {}", number(point.value), vital.unit()));
        }
        for (at, note) in (1..).zip(notes) {
            self.segment(&format!("NTE|{at}|L|{}", escaped(&note)));
        }
    }
}

/// `20261123101500.250+0000`.
fn stamp(time: CaptureTime) -> String {
    let text = rfc3339(time);
    let digits: String =
        text.chars().take("2026-11-23T10:15:00.250".len()).filter(|c| !"-:T".contains(*c)).collect();
    format!("{digits}+0000")
}

/// Text with the message's delimiters and line ends as escapes (HL7 v2.6, 2.7). What hides or acts is made visible
/// before.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_start_a_field_or_a_segment() {
        assert_eq!(escaped("a|b^c&d~e\\f"), "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f");
        assert!(!escaped("x\rOBX|1|NM\n").contains(['\r', '\n']));
    }

    #[test]
    fn times_are_those_of_the_capture_in_utc() {
        let time = CaptureTime::from_nanos(1_772_435_640_250_000_000);
        assert_eq!(stamp(time), "20260302071400.250+0000");
    }
}
