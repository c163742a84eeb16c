//! A finding with the frames that show it, out of a report or a store.

use crate::cutting::held;
use crate::exit::Failure;
use crate::stored::shown;
use flow::Cutting;
use ingest::Run;
use model::{CaptureSummary, CaptureTime, Evidence, FindingId};
use serde_json::{Map, Value};
use std::io::Read as _;
use std::path::Path;
use store::{FindingQuery, Reader, Reading as _};

/// Longest report that is read, in bytes. Our limit.
const REPORT_BYTES_MAX: u64 = 1 << 30;
/// Findings of a store looked through for a prefix. Our limit; the whole id finds any.
const LOOKED_THROUGH_MAX: u32 = 1_000_000;

/// A finding.
#[derive(Debug)]
pub(crate) struct Matter {
    pub(crate) id: String,
    pub(crate) rule: String,
    /// As the report or store says it, without what people wrote about it.
    pub(crate) finding: Value,
    /// The frames.
    pub(crate) frames: Vec<Pointed>,
    /// What the scan saw and did not, where a report says it.
    pub(crate) coverage: Option<Value>,
    /// First and last frame of the capture that the frames are of, where a report says it.
    span: Option<(CaptureTime, CaptureTime)>,
}

/// A frame of a capture that is known by hash, or by name where it was not hashed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pointed {
    pub(crate) name: String,
    pub(crate) sha256: Option<String>,
    pub(crate) frame: u64,
}

impl Matter {
    /// From a report in JSON; `id` may be the beginning of one.
    pub(crate) fn from_report(path: &Path, id: &str) -> Result<Self, Failure> {
        let place = shown(&path.display().to_string());
        let read = |cause| Failure::Read { option: "--report", path: path.to_owned(), cause };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(read)?;
        if bytes.len() as u64 > REPORT_BYTES_MAX {
            return Err(Failure::Usage(format!(
                "--report: `{place}` is longer than {REPORT_BYTES_MAX} bytes"
            )));
        }
        let none = || {
            Failure::Usage(format!(
                "--report: `{place}` is no report in JSON; `lazaret scan --format json --output FILE` makes one"
            ))
        };
        let report: Value = serde_json::from_slice(&bytes).map_err(|_| none())?;
        if report.get("schema").and_then(Value::as_str) != Some("lazaret.report/1") {
            return Err(none());
        }
        if report.get("identifiers_shown_because").is_some_and(|why| !why.is_null()) {
            return Err(Failure::Usage(format!(
                "--report: `{place}` shows patient identifiers, and a bundle must not; scan again without \
                 --show-identifiers"
            )));
        }
        let findings = report.get("findings").and_then(Value::as_array).ok_or_else(none)?;
        let ids = findings.iter().filter_map(|finding| finding.get("id").and_then(Value::as_str));
        let chosen = choose(ids, id, &format!("report `{place}`"))?;
        let finding = findings
            .iter()
            .find(|finding| finding.get("id").and_then(Value::as_str) == Some(chosen.as_str()))
            .ok_or_else(none)?;
        let captures = report.get("captures").and_then(Value::as_array).ok_or_else(none)?;
        let frames = finding.get("evidence").and_then(Value::as_array).ok_or_else(none)?;
        let frames: Option<Vec<Pointed>> =
            frames.iter().map(|evidence| pointed(evidence, captures)).collect();
        Ok(Self {
            id: chosen,
            rule: text(finding, "rule").ok_or_else(none)?.to_owned(),
            finding: finding.clone(),
            frames: frames.ok_or_else(none)?,
            coverage: report.get("coverage").cloned(),
            span: span(finding, captures),
        })
    }

    /// From a store.
    pub(crate) fn from_store(folder: &Path, id: &str) -> Result<Self, Failure> {
        let store = Reader::open(folder)?;
        let whole = crate::command::finding_id(id);
        let id = match whole {
            Ok(id) => id,
            Err(_) => {
                let query = FindingQuery { limit: LOOKED_THROUGH_MAX, ..FindingQuery::default() };
                let all: Vec<(String, FindingId)> =
                    store.findings(&query)?.iter().map(|one| (one.id.to_string(), one.id)).collect();
                let place = format!("store `{}`", shown(&folder.display().to_string()));
                let chosen = choose(all.iter().map(|(text, _)| text.as_str()), id, &place)?;
                let found = all.into_iter().find(|(text, _)| *text == chosen);
                found.map(|(_, id)| id).ok_or_else(|| Failure::Usage(format!("{place} has no {chosen}")))?
            }
        };
        let card = store.finding(id)?;
        let frames = card.evidence.iter().map(|shown| Pointed {
            name: shown.capture.clone(),
            sha256: Some(shown.sha256.clone()),
            frame: shown.frame,
        });
        Ok(Self {
            id: id.to_string(),
            rule: card.finding.rule.clone(),
            finding: without_notes(crate::command::finding_card(&card)),
            frames: frames.collect(),
            coverage: None,
            span: None,
        })
    }

    /// The run of a watch in an evidence ring that this was found in: by the name of its period, which a store has, or by the
    /// name of the sensor and the time, which a report has.
    pub(crate) fn run(&self, runs: Vec<Run>) -> Result<Run, Failure> {
        let (name, period) = match self.frames.first() {
            Some(pointed) => (pointed.name.as_str(), pointed.sha256.as_deref()),
            None => ("", None),
        };
        let there: Vec<String> =
            runs.iter().map(|run| format!("{}: {}", shown(&run.sensor), held(&run.summary))).collect();
        let until = self.span.map_or(CaptureTime::MAX, |(_, last)| last);
        let found = match period {
            Some(period) => runs.into_iter().find(|run| run.periods.contains(period)),
            None => runs
                .into_iter()
                .filter(|run| run.sensor == name && run.summary.first.is_some_and(|first| first <= until))
                .max_by_key(|run| run.summary.first),
        };
        found.ok_or_else(|| {
            let of = period.map_or_else(
                || format!("a watch on `{}`", shown(name)),
                |period| format!("`{}`", shown(period)),
            );
            let there = if there.is_empty() { "no frames at all".to_owned() } else { there.join("; ") };
            Failure::Usage(format!(
                "{} was found in {of}, of which the ring holds no frames; it holds {there}",
                self.id
            ))
        })
    }

    /// Whether what was cut out of a ring can be what this is about: a report does not name its run, only its time.
    pub(crate) fn fits(&self, cutting: &Cutting) -> Result<(), Failure> {
        let Some((first, last)) = self.span else { return Ok(()) };
        let times = || cutting.frames.iter().filter(|frame| frame.wanted).map(|frame| frame.time);
        if times().all(|time| time <= last) && times().any(|time| time >= first) {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "the frames in the ring are not of the time of the report: it is of another run of the watch than the ring holds; \
             {} cannot be cut from it",
            self.id
        )))
    }

    /// The frames as the given captures number them.
    pub(crate) fn evidence(&self, captures: &[CaptureSummary]) -> Result<Vec<Evidence>, Failure> {
        let index_of = |pointed: &Pointed| {
            captures.iter().position(|capture| match (&pointed.sha256, &capture.sha256) {
                (Some(wanted), Some(given)) => *wanted == given.to_string(),
                _ => capture.name == pointed.name,
            })
        };
        self.frames
            .iter()
            .map(|pointed| {
                let index = index_of(pointed).ok_or_else(|| self.absent(pointed, captures))?;
                Ok(Evidence { capture: u32::try_from(index).unwrap_or(u32::MAX), frame: pointed.frame })
            })
            .collect()
    }

    fn absent(&self, pointed: &Pointed, captures: &[CaptureSummary]) -> Failure {
        let name = shown(&pointed.name);
        let hash = pointed.sha256.as_deref().unwrap_or("unknown");
        let same_name = captures.iter().any(|capture| capture.name == pointed.name);
        let hint = if same_name {
            "a capture of that name was given, but its bytes are others"
        } else {
            "it was not given; name it with --capture"
        };
        Failure::Usage(format!("{} is shown by frames of `{name}` (SHA-256 {hash}): {hint}", self.id))
    }
}

/// The one id that `wanted` is or begins.
fn choose<'a>(ids: impl Iterator<Item = &'a str>, wanted: &str, place: &str) -> Result<String, Failure> {
    let wanted_shown = shown(wanted);
    if !wanted.starts_with("f-") || wanted.len() < 3 {
        return Err(Failure::Usage(format!(
            "`{wanted_shown}` is no id of a finding; one looks like f-0123456789abcdef, and may be cut short"
        )));
    }
    let fits: Vec<&str> = ids.filter(|id| id.starts_with(wanted)).collect();
    match fits.as_slice() {
        [] => Err(Failure::Usage(format!("{place} has no finding {wanted_shown}"))),
        [one] => Ok((*one).to_owned()),
        several => match several.iter().find(|id| **id == wanted) {
            Some(id) => Ok((*id).to_owned()),
            None => Err(Failure::Usage(format!(
                "{wanted_shown} begins {} findings of {place}: {}, …; write more of it",
                several.len(),
                several.iter().take(3).copied().collect::<Vec<_>>().join(", ")
            ))),
        },
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn pointed(evidence: &Value, captures: &[Value]) -> Option<Pointed> {
    let index = usize::try_from(evidence.get("capture")?.as_u64()?).ok()?;
    let capture = captures.get(index)?;
    Some(Pointed {
        name: text(capture, "name")?.to_owned(),
        sha256: text(capture, "sha256").map(str::to_owned),
        frame: evidence.get("frame")?.as_u64()?,
    })
}

/// First and last frame of the capture that a finding's frames are of.
fn span(finding: &Value, captures: &[Value]) -> Option<(CaptureTime, CaptureTime)> {
    let index = finding.get("evidence")?.get(0)?.get("capture")?.as_u64()?;
    let capture = captures.get(usize::try_from(index).ok()?)?;
    let time = |key| {
        let moment: jiff::Timestamp = text(capture, key)?.parse().ok()?;
        Some(CaptureTime::from_nanos(i64::try_from(moment.as_nanosecond()).ok()?))
    };
    Some((time("first")?, time("last")?))
}

/// What people wrote about a finding is not evidence, and may name anybody.
fn without_notes(finding: Value) -> Value {
    const LEFT_OUT: &[&str] = &["note", "history", "suppression", "state_by", "state_at"];
    match finding {
        Value::Object(fields) => Value::Object(
            fields.into_iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str())).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_be_cut_short_as_long_as_it_names_one() {
        let ids = ["f-0123456789abcdef", "f-0123456789abcdee", "f-1123456789abcdef"];
        let chosen = |wanted| choose(ids.into_iter(), wanted, "report `x`");
        assert_eq!(chosen("f-1").unwrap(), ids[2]);
        assert_eq!(chosen(ids[0]).unwrap(), ids[0]);
        for wrong in ["f-0", "f-", "", "f-2", "0123456789abcdef"] {
            assert!(chosen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_people_wrote_stays_out() {
        let finding = serde_json::json!({"id": "f-1", "note": "Bed 7 is Jane's", "history": [], "why": "w"});
        assert_eq!(without_notes(finding), serde_json::json!({"id": "f-1", "why": "w"}));
    }
}
