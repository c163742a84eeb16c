//! Every number as comma-separated values: one row for each bed, time and parameter.
//!
//! # Format
//! RFC 4180: CRLF after each row, a header row, quotes around what needs them. Text that a spreadsheet would run as
//! a formula (`=`, `+`, `-`, `@` and blanks before them) gets an apostrophe in front; numbers are numbers.

use super::{limit_at, validity_word};
use crate::printable::printable;
use crate::report1::{Number, patient_word};
use crate::time::rfc3339;
use model::{BedRecording, NumericPoint, Report, Switch, Vital};
use std::borrow::Cow;
use std::io::{self, Write};

/// The header row.
pub const COLUMNS: &str =
    "time,asset,bed,patient,parameter,value,unit,validity,source,alarm_low,alarm_high,alarm";

/// Writes the header and every row, by bed, then parameter, then time.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, mut to: impl Write) -> io::Result<()> {
    write!(to, "{COLUMNS}\r\n")?;
    for bed in &report.recordings {
        for (source, series) in [("device", &bed.numerics), ("recomputed", &bed.recomputed)] {
            for (vital, points) in series {
                for point in points {
                    row(bed, *vital, point, source, &mut to)?;
                }
            }
        }
    }
    Ok(())
}

fn row(
    bed: &BedRecording,
    vital: Vital,
    point: &NumericPoint,
    source: &str,
    to: &mut impl Write,
) -> io::Result<()> {
    let number = bed.bed.map_or_else(String::new, |bed| bed.to_string());
    let patient = patient_word(bed.patient.as_ref()).unwrap_or_default();
    let patient = field(&patient);
    let (asset, unit, value) = (bed.asset, vital.unit(), Number::Single(point.value).rounded());
    let validity = validity_word(point.validity);
    write!(
        to,
        "{},{asset},{number},{patient},{vital},{value},{unit},{validity},{source}",
        rfc3339(point.time)
    )?;
    match limit_at(bed, vital, point.time).filter(|_| source == "device") {
        Some(limit) => {
            let alarm = match limit.switch {
                Switch::On => "on",
                Switch::Off => "off",
                Switch::Unknown(_) => "unknown",
            };
            let (low, high) = (Number::Single(limit.low).rounded(), Number::Single(limit.high).rounded());
            write!(to, ",{low},{high},{alarm}\r\n")
        }
        None => write!(to, ",,,\r\n"),
    }
}

/// Text as one field.
fn field(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    let runs = text.trim_start().starts_with(['=', '+', '-', '@']);
    let text = if runs { Cow::Owned(format!("'{text}")) } else { text };
    if text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_neither_runs_nor_breaks_out() {
        assert_eq!(field("p:0011"), "p:0011");
        assert_eq!(field("=HYPERLINK(\"http://x\",1)"), "\"'=HYPERLINK(\"\"http://x\"\",1)\"");
        assert_eq!(field("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(field("  =1+1"), "'  =1+1");
        assert_eq!(field("Roe, J"), "\"Roe, J\"");
        assert_eq!(field("a\r\nb"), "a\\u{d}\\u{a}b");
    }
}
