//! Two invented beds in full: one with waveforms, a gap, limits that change and a replay, one with numbers alone.

use crate::sample::{self, at};
use model::{
    AlarmLimit, AssetId, BedRecording, CaptureTime, Channel, ChannelRecording, Check, Evidence, Gap,
    IntegrityRow, Judged, LeftOut, LimitInForce, NoticeAt, NumericPoint, PatientToken, Pseudonym, Report,
    Stretch, Switch, Text, Validity, Verdict, Vital,
};
use std::collections::BTreeMap;

/// Cycles are a second long; those of these seconds are missing.
const MISSING: std::ops::Range<u32> = 30..33;
/// From here on the ECG repeats what it was [`LATER`] seconds before.
const REPEATS: u32 = 40;
const LATER: u32 = 30;
const SECONDS: u32 = 60;

fn frame(frame: u64) -> Evidence {
    Evidence { capture: 1, frame }
}

/// A wave of `per_minute` beats with a little noise that never repeats.
fn wave(second: u32, rate: u32, per_minute: f64, width: f64) -> Vec<u8> {
    let sample = |at: u32| {
        let place = second * rate + at;
        let phase = (f64::from(place) / f64::from(rate) * per_minute / 60.0).fract() - 0.4;
        let noise = f64::from(place.wrapping_mul(2_654_435_761) >> 29);
        (100.0 + 110.0 * (-(phase * phase) / (2.0 * width * width)).exp() + noise) as u8
    };
    (0..rate).map(sample).collect()
}

fn channel(rate: u32, of: impl Fn(u32) -> Vec<u8>) -> ChannelRecording {
    let stretch = |seconds: std::ops::Range<u32>| Stretch {
        start: at(f64::from(seconds.start)),
        samples: seconds.flat_map(&of).collect(),
    };
    let stretches = vec![stretch(0..MISSING.start), stretch(MISSING.end..SECONDS)];
    let samples = stretches.iter().map(|stretch| stretch.samples.len() as u64).sum();
    ChannelRecording { samples, rate_hz: Some(rate.into()), stretches }
}

fn point(seconds: f64, value: f32, validity: Validity) -> NumericPoint {
    NumericPoint { time: at(seconds), value, validity }
}

/// One number in ten seconds.
fn series(value: impl Fn(u32) -> f32) -> Vec<NumericPoint> {
    (1..=6).map(|at| point(f64::from(at) * 10.0, value(at), Validity::Valid)).collect()
}

fn limit(vital: Vital, since: f64, (low, high): (f32, f32), switch: Switch) -> LimitInForce {
    LimitInForce { limit: AlarmLimit { vital, low, high, switch }, since: at(since), evidence: frame(9) }
}

fn rows() -> Vec<IntegrityRow> {
    let row = |check, verdict, first: f64, last: f64, why: &str| IntegrityRow {
        check,
        verdict,
        first: at(first),
        last: at(last),
        seconds: (last - first) as u64,
        why: why.to_owned(),
        evidence: vec![frame(41), frame(52)],
        channel: None,
        earlier: None,
    };
    vec![
        row(
            Check::ChannelDisagree,
            Verdict::CannotJudge,
            0.0,
            60.0,
            "The pleth is too short to be compared.",
        ),
        IntegrityRow {
            channel: Some(Channel::Ecg(1)),
            ..row(
                Check::NumericWaveformDisagree,
                Verdict::Fail,
                20.0,
                60.0,
                "Shown as 75/min while the ECG has 132/min for 40 s.",
            )
        },
        IntegrityRow {
            channel: Some(Channel::Ecg(1)),
            earlier: Some(at(f64::from(REPEATS - LATER))),
            ..row(
                Check::WaveformReplayed,
                Verdict::Fail,
                f64::from(REPEATS),
                60.0,
                "20 s of the ECG are those of 30 s before, sample by sample.",
            )
        },
    ]
}

/// Bed 7.
fn monitored() -> BedRecording {
    let ecg = |second: u32| {
        let second = if second >= REPEATS { second - LATER } else { second };
        wave(second, 256, 132.0, 0.02)
    };
    let mut spo2 = series(|at| 96.0 + (at % 2) as f32);
    spo2[3].validity = Validity::Invalid;
    spo2[4].validity = Validity::Unknown(7);
    BedRecording {
        asset: AssetId(0x11),
        bed: Some(7),
        patient: Some(PatientToken::Withheld),
        first: at(1.0),
        last: at(60.0),
        cycles: 57,
        cycle_ns: Some(1_000_000_000),
        numerics: BTreeMap::from([
            (Vital::HeartRate, series(|_| 75.0)),
            (Vital::Spo2, spo2),
            (Vital::NibpSystolic, vec![point(50.0, 118.0, Validity::Valid)]),
            (Vital::NibpDiastolic, vec![point(50.0, 71.0, Validity::Valid)]),
            (Vital::NibpMean, vec![point(50.0, 86.0, Validity::Valid)]),
            (Vital::Temperature1, series(|at| 36.5 + at as f32 / 10.0)),
            (Vital::TemperatureDifference, series(|_| -0.4)),
        ]),
        recomputed: BTreeMap::from([(
            Vital::HeartRate,
            (20..60).map(|second| point(f64::from(second), 132.0, Validity::Valid)).collect(),
        )]),
        channels: BTreeMap::from([
            (Channel::Ecg(1), channel(256, ecg)),
            (Channel::Pleth, channel(256, |second| wave(second, 256, 132.0, 0.15))),
            (Channel::Respiration, channel(128, |second| wave(second, 128, 15.0, 0.2))),
        ]),
        limits: BTreeMap::from([
            (
                Vital::HeartRate,
                vec![
                    limit(Vital::HeartRate, 1.0, (50.0, 120.0), Switch::On),
                    limit(Vital::HeartRate, 25.0, (30.0, 200.0), Switch::On),
                ],
            ),
            (Vital::Spo2, vec![limit(Vital::Spo2, 1.0, (90.0, 100.0), Switch::Off)]),
        ]),
        notices: vec![NoticeAt {
            time: at(12.5),
            code: 1,
            text: Text::from("SPO2 SENSOR OFF"),
            evidence: frame(17),
        }],
        gaps: vec![Gap { from: at(f64::from(MISSING.start)), to: at(f64::from(MISSING.end) + 1.0) }],
        integrity: rows(),
        judged: Some(Judged { seconds: 51, of_seconds: 60 }),
        score: Some("NEWS2 cannot be computed: pulse-rate is contradicted".to_owned()),
        left_out: LeftOut::default(),
    }
}

/// A bed that a gateway reports now and then.
fn reported() -> BedRecording {
    BedRecording {
        asset: AssetId(0x12),
        bed: None,
        patient: Some(PatientToken::Pseudonym(Pseudonym(0x0012_3456_789a_bcde))),
        first: at(5.0),
        last: at(65.0),
        cycles: 0,
        cycle_ns: None,
        numerics: BTreeMap::from([(
            Vital::RespirationRate,
            vec![point(5.0, 14.0, Validity::Valid), point(65.0, 15.0, Validity::Valid)],
        )]),
        recomputed: BTreeMap::new(),
        channels: BTreeMap::new(),
        limits: BTreeMap::new(),
        notices: Vec::new(),
        gaps: Vec::new(),
        integrity: Vec::new(),
        judged: None,
        score: None,
        left_out: LeftOut { samples: 1_234_567, ..LeftOut::default() },
    }
}

/// The sample.
pub(crate) fn report() -> Report {
    Report { recordings: vec![monitored(), reported()], ..sample::report() }
}

/// The same where every text that can come from outside tries to break out of every format.
pub(crate) fn hostile() -> Report {
    let mut report = Report { recordings: report().recordings, ..sample::hostile() };
    for bad in [
        "</svg><script>alert(1)</script>{{ 7131*7 }}",
        "=HYPERLINK(\"http://x\",1),x\r\n@SUM(A1)",
        "A|B^C~D&E\\F\rOBX|1|NM|8867-4^x^LN||1\r",
        "\u{1b}[2J\u{202e}#\n# bed_7.dat 16\n",
    ] {
        let bed = &mut report.recordings[0];
        bed.notices.push(NoticeAt { time: at(13.0), code: 9, text: Text::from(bad), evidence: frame(1) });
        bed.integrity[1].why.push_str(bad);
    }
    let everything = report.recordings[0].integrity[1].why.clone();
    report.recordings[0].patient = Some(PatientToken::Clear(Text::from(everything.as_str())));
    report
}

/// When the sample begins.
pub(crate) fn start() -> CaptureTime {
    at(0.0)
}
