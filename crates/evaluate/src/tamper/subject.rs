//! Recordings as one monitor would send them.

use crate::resample::{eight_bits, resampled};
use crate::wfdb::{self, annotation};
use crate::{Fault, bidmc, bytes};
use std::path::Path;

/// Samples a second of ECG and pleth on the wire.
pub const HERTZ: usize = 256;
/// Samples a second of respiration on the wire.
pub const BREATH_HERTZ: usize = 128;
/// Codes of the wire for a millivolt.
const CODES_PER_MV: f64 = 50.0;
/// Seconds by which a monitor's number follows the beats.
const NUMBER_LAG_S: f64 = 1.0;

/// The numbers of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Heart rate, 1/min.
    pub heart_rate: Option<u8>,
    /// Respiration rate, 1/min.
    pub respiration_rate: Option<u8>,
    /// Oxygen saturation, %.
    pub spo2: Option<u8>,
    /// Pulse rate, 1/min.
    pub pulse_rate: Option<u8>,
    /// Limits of the heart rate: high, low.
    pub limits: Option<(u16, u16)>,
    /// The alarm of the heart rate is off.
    pub alarm_off: bool,
}

/// A patient on a monitor.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Name of the recording.
    pub name: String,
    /// Whose it is, where several are of one person.
    pub person: String,
    /// ECG traces; the second is looked at first.
    pub ecg: [Vec<u8>; 3],
    /// Pleth; empty where there is none.
    pub pleth: Vec<u8>,
    /// Respiration.
    pub respiration: Vec<u8>,
    /// Numbers, one a second.
    pub numbers: Vec<Numbers>,
}

impl Subject {
    /// Length in whole seconds.
    pub fn seconds(&self) -> usize {
        self.numbers.len()
    }

    /// Only the seconds from `from` on, `count` of them.
    pub fn part(&self, from: usize, count: usize) -> Self {
        let cut = |codes: &[u8], hertz: usize| {
            let end = ((from + count) * hertz).min(codes.len());
            codes.get((from * hertz).min(end)..end).unwrap_or_default().to_vec()
        };
        let end = (from + count).min(self.numbers.len());
        Self {
            name: self.name.clone(),
            person: self.person.clone(),
            ecg: [0, 1, 2].map(|lead| self.ecg.get(lead).map(|codes| cut(codes, HERTZ)).unwrap_or_default()),
            pleth: cut(&self.pleth, HERTZ),
            respiration: cut(&self.respiration, BREATH_HERTZ),
            numbers: self.numbers.get(from.min(end)..end).unwrap_or_default().to_vec(),
        }
    }
}

fn codes(values: &[f64], lsb: f64) -> Vec<u8> {
    eight_bits(values, lsb).into_iter().map(|code| code as u8).collect()
}

/// The MIT-BIH records of `corpus`: two leads, and a heart rate as a monitor would show it, from the marked beats.
pub fn mitdb(corpus: &Path) -> Result<Vec<Subject>, Fault> {
    let folder = corpus.join("wfdb/mitdb");
    let entries = std::fs::read_dir(&folder).map_err(|cause| Fault::Read { path: folder.clone(), cause })?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "atr"));
    paths.sort();
    paths.iter().map(|path| of_mitdb(path)).collect()
}

fn of_mitdb(marks: &Path) -> Result<Subject, Fault> {
    let record = wfdb::read(&marks.with_extension("hea"))?;
    let fault = |what: String| Fault::Content { path: marks.to_owned(), what };
    let annotations = annotation::parse(&bytes(marks)?).map_err(|why| fault(why.to_string()))?;
    let mut traces = record.waves.iter().map(|wave| {
        let mut last = wave.baseline;
        let values: Vec<f64> = wave
            .codes
            .iter()
            .map(|code| {
                last = code.unwrap_or(last);
                f64::from(last - wave.baseline) / wave.gain
            })
            .collect();
        codes(&resampled(&values, wave.rate_hz, HERTZ as f64), 1.0 / CODES_PER_MV)
    });
    let first = traces.next().ok_or_else(|| fault("no signal".into()))?;
    let second = traces.next().unwrap_or_else(|| vec![128; first.len()]);
    let seconds = first.len() / HERTZ;
    let rate_hz = record.waves.first().map_or(360.0, |wave| wave.rate_hz);
    let beats: Vec<f64> =
        annotations.iter().filter(|one| one.is_beat()).map(|one| one.at as f64 / rate_hz).collect();
    let numbers = (0..seconds)
        .map(|second| Numbers {
            heart_rate: shown_rate(&beats, second as f64 + 1.0 - NUMBER_LAG_S),
            ..Numbers::default()
        })
        .collect();
    Ok(Subject {
        // 201 and 202 are of one person.
        person: record.name.replace("202", "201"),
        name: format!("mitdb {}", record.name),
        ecg: [second, first.clone(), vec![128; first.len()]],
        pleth: Vec::new(),
        respiration: vec![128; seconds * BREATH_HERTZ],
        numbers,
    })
}

/// The rate a monitor shows: the last 12 intervals without the extremes, or the last 4 where three are slow.
fn shown_rate(beats: &[f64], now: f64) -> Option<u8> {
    let until = beats.partition_point(|beat| *beat <= now);
    let last = beats.get(until.saturating_sub(13)..until)?;
    let mut intervals: Vec<f64> =
        last.iter().skip(1).zip(last).map(|(later, earlier)| later - earlier).collect();
    if intervals.len() < 3 || now - last.last()? > 8.0 {
        return None;
    }
    let slow = intervals.iter().rev().take(3).all(|interval| *interval > 1.2);
    let mean = if slow {
        let four: Vec<f64> = intervals.iter().rev().take(4).copied().collect();
        four.iter().sum::<f64>() / four.len() as f64
    } else {
        intervals.sort_by(f64::total_cmp);
        let trim = usize::from(intervals.len() > 4);
        let middle = intervals.get(trim..intervals.len() - trim)?;
        middle.iter().sum::<f64>() / middle.len() as f64
    };
    Some((60.0 / mean).round().clamp(0.0, 254.0) as u8)
}

/// The MIMIC records of `corpus`. They have neither marked beats nor numbers once a second, so the heart rate shown is made
/// from the lead on which both of our detectors agree on every beat of the last ten seconds, and none is shown where they
/// agree on none: only attacks on waveforms mean something on them.
pub fn mimic(corpus: &Path) -> Result<Vec<Subject>, Fault> {
    let records = [
        ("cinc2015-v102s/v102s", ["V", "II", ""]),
        ("mimicdb-03700181/03700181", ["", "MCL1", ""]),
        ("mimic2-s25047/3234460_0016", ["V", "II", ""]),
        ("mimic2-s25047/3234460_0018", ["V", "II", ""]),
    ];
    records.iter().map(|(path, leads)| of_mimic(&corpus.join("wfdb").join(path), *leads)).collect()
}

/// What both detectors make of a lead.
struct Heard {
    /// Beats of the first, in seconds.
    beats: Vec<f64>,
    /// By second: whether both found the same beats in the ten seconds before it.
    sure: Vec<bool>,
}

impl Heard {
    fn on(lead: &[u8]) -> Self {
        let rate_hz = HERTZ as f64;
        let (mut first, mut second) =
            (vitals::qrs::Detector::new(rate_hz), vitals::qrs::slope::Detector::new(rate_hz));
        let mut agreement = vitals::quality::Agreement::new(rate_hz);
        let mut heard = Self { beats: Vec::new(), sure: Vec::new() };
        for (number, block) in (1_u64..).zip(lead.chunks_exact(HERTZ)) {
            for code in block {
                if let Some(beat) = first.push(i32::from(*code)) {
                    agreement.first(beat.at);
                    heard.beats.push(beat.at as f64 / rate_hz);
                }
                if let Some(beat) = second.push(i32::from(*code)) {
                    agreement.second(beat.at);
                }
            }
            let until = (number * HERTZ as u64).saturating_sub(HERTZ as u64 / 2);
            heard.sure.push(number > 10 && agreement.share(until) == Some(1.0));
        }
        heard
    }
}

fn of_mimic(path: &Path, leads: [&str; 3]) -> Result<Subject, Fault> {
    let record = wfdb::read(&path.with_extension("hea"))?;
    let wave = |name: &str| {
        let wave = record.waves.iter().find(|wave| wave.name == name)?;
        let mut last = wave.baseline;
        let still = wave.codes.iter().map(|code| {
            last = code.unwrap_or(last);
            f64::from(last - wave.baseline) / wave.gain
        });
        Some((still.collect::<Vec<f64>>(), wave.rate_hz))
    };
    let ecg = |name: &str| {
        wave(name)
            .map(|(values, rate_hz)| codes(&resampled(&values, rate_hz, HERTZ as f64), 1.0 / CODES_PER_MV))
    };
    // Pleth and respiration have no unit: most of them fill two thirds of the codes.
    let filling = |name: &str, hertz: usize| {
        let (values, rate_hz) = wave(name)?;
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(0.0);
        let (middle, span) = ((at(0.01) + at(0.99)) / 2.0, (at(0.99) - at(0.01)).max(1e-9));
        let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
        Some(codes(&resampled(&centred, rate_hz, hertz as f64), span / 170.0))
    };
    let [one, two, three] = leads.map(ecg);
    let no_signal = || Fault::Content { path: path.to_owned(), what: "has no ECG lead of that name".into() };
    let two = two.ok_or_else(no_signal)?;
    let seconds = two.len() / HERTZ;
    let heard: Vec<Heard> =
        [Some(&two), one.as_ref()].into_iter().flatten().map(|lead| Heard::on(lead)).collect();
    let numbers = (0..seconds)
        .map(|second| {
            let sure = heard.iter().find(|heard| heard.sure.get(second).copied().unwrap_or(false));
            let heart_rate =
                sure.and_then(|heard| shown_rate(&heard.beats, second as f64 + 1.0 - NUMBER_LAG_S));
            Numbers { heart_rate, ..Numbers::default() }
        })
        .collect();
    let still = || vec![128; two.len()];
    Ok(Subject {
        name: format!("mimic {}", record.name),
        person: record.name.split('_').next().unwrap_or(&record.name).to_owned(),
        ecg: [one.unwrap_or_else(still), two.clone(), three.unwrap_or_else(still)],
        pleth: filling("PLETH", HERTZ).unwrap_or_default(),
        respiration: filling("RESP", BREATH_HERTZ).unwrap_or_else(|| vec![128; seconds * BREATH_HERTZ]),
        numbers,
    })
}

/// The BIDMC recordings of `corpus`, with the numbers that the monitor itself showed.
pub fn bidmc(corpus: &Path) -> Result<Vec<Subject>, Fault> {
    let folder = corpus.join("bidmc-csv");
    bidmc::numbers(&folder).into_iter().map(|number| of_bidmc(&folder, number)).collect()
}

fn of_bidmc(folder: &Path, number: u32) -> Result<Subject, Fault> {
    let signals = bidmc::table(folder, number, "Signals")?;
    let numerics = bidmc::table(folder, number, "Numerics")?;
    let wave = |name: &str, hertz: usize| -> Option<Vec<u8>> {
        let cells = signals.column(name)?;
        let mut last = 0.5;
        let values: Vec<f64> = cells
            .iter()
            .map(|cell| {
                last = cell.unwrap_or(last);
                last - 0.5
            })
            .collect();
        Some(codes(&resampled(&values, bidmc::RATE_HZ, hertz as f64), 1.0 / 255.0))
    };
    let second = wave("II", HERTZ).unwrap_or_default();
    let other = |names: [&str; 3]| names.into_iter().find_map(|name| wave(name, HERTZ));
    let seconds = second.len() / HERTZ;
    let still = || vec![128; second.len()];
    let column = |name: &str, second: usize| {
        let cell = numerics.column(name)?.get(second).copied().flatten()?;
        Some(cell.round().clamp(0.0, 254.0) as u8)
    };
    let numbers = (0..seconds)
        .map(|second| Numbers {
            heart_rate: column("HR", second),
            respiration_rate: column("RESP", second),
            spo2: column("SpO2", second),
            pulse_rate: column("PULSE", second),
            ..Numbers::default()
        })
        .collect();
    let fix = bidmc::text(folder, number, "Fix").unwrap_or_default();
    let person =
        fix.split("wdb ID: ").nth(1).and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
    Ok(Subject {
        name: format!("bidmc {number:02}"),
        person: person.unwrap_or_else(|| format!("bidmc {number:02}")),
        pleth: wave("PLETH", HERTZ).unwrap_or_default(),
        respiration: wave("RESP", BREATH_HERTZ).unwrap_or_default(),
        ecg: [
            other(["V", "I", "III"]).unwrap_or_else(still),
            second.clone(),
            other(["AVR", "MCL1", "AVL"]).unwrap_or_else(still),
        ],
        numbers,
    })
}
