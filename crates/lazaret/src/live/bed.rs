//! One bed as it is shown live: what its monitor shows, what the checks say of that, and its last minutes.

use super::samples::{CHANNELS, Message, Track, place};
use super::{News, Place, What};
use detect::Standing;
use model::{
    AlarmLimit, AssetId, CaptureTime, Channel, Check, Notice, Pseudonym, Sample, Switch, Validity, Verdict,
    Vital,
};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use utoipa::ToSchema;

/// Least time between two points of a trend.
const POINT_NANOS: i64 = 5_000_000_000;
/// Points of a trend: two hours. Our limit; the oldest go.
const POINTS_MAX: usize = 1_440;
/// Changes of limits, notices and strips that are kept. Our limits; the oldest go.
const LIMITS_MAX: usize = 64;
const NOTICES_MAX: usize = 64;
const STRIPS_MAX: usize = 8;
/// Notices that [`BedNow`] has.
const NOTICES_SHOWN: usize = 3;

/// Parameters with a trend.
const TRENDS: [Vital; 9] = [
    Vital::HeartRate,
    Vital::RespirationRate,
    Vital::Spo2,
    Vital::PulseRate,
    Vital::NibpSystolic,
    Vital::NibpDiastolic,
    Vital::NibpMean,
    Vital::Temperature1,
    Vital::Temperature2,
];

/// A number as the monitor shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Shown {
    /// In `unit`.
    value: f32,
    /// UCUM.
    unit: &'static str,
    /// `valid`, `invalid` (the device says so) or `unknown`.
    validity: &'static str,
    /// When it was last sent, ms since 1970, capture time.
    time_ms: i64,
}

/// Alarm limits in force.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LimitShown {
    low: f32,
    high: f32,
    /// `on`, `off` or `unknown`.
    alarm: &'static str,
}

/// A change of alarm limits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LimitChange {
    time_ms: i64,
    vital: &'static str,
    #[serde(flatten)]
    limit: LimitShown,
}

/// What the device said of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NoticeShown {
    time_ms: i64,
    code: u8,
    text: String,
}

/// A check that speaks against the bed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Against {
    check: &'static str,
    /// `suspect` or `fail`.
    verdict: &'static str,
    why: String,
    /// The number it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    vital: Option<&'static str>,
    /// The waveform it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
}

/// What the checks say of a bed now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IntegrityNow {
    /// `fail` where a check fails, else `suspect`, else `pass` where a number or two waveforms could be compared, else
    /// `cannot-judge`.
    verdict: &'static str,
    against: Vec<Against>,
    /// Rates that the waveforms themselves give, 1/min, by the number they were compared with.
    own: BTreeMap<&'static str, f32>,
}

impl Default for IntegrityNow {
    fn default() -> Self {
        Self { verdict: Verdict::CannotJudge.as_str(), against: Vec::new(), own: BTreeMap::new() }
    }
}

/// What a bed shows now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BedNow {
    kind: &'static str,
    /// Names the bed while this process lives.
    pub(crate) key: u32,
    /// Names the bed for good, once its monitor is known: `b-0123456789abcdef-7`.
    id: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) place: Option<Place>,
    /// The number that the monitor gives.
    bed: Option<u16>,
    /// Keyed hash of the patient, where one is made (`p:0123456789abcdef`): never a name.
    patient: Option<String>,
    /// The monitor, once it is known.
    asset: Option<String>,
    /// Capture time of the last thing it sent, ms since 1970.
    time_ms: i64,
    /// Length of a cycle in ms, once measured.
    cycle_ms: Option<i64>,
    numerics: BTreeMap<&'static str, Shown>,
    limits: BTreeMap<&'static str, LimitShown>,
    /// Whether the device reports alarms: no protocol that is read here says so, which is `not-sent`.
    alarm: &'static str,
    integrity: IntegrityNow,
    notices: Vec<NoticeShown>,
    /// Times that something of it was not captured.
    gaps: u64,
}

/// A trend: `null` where there was nothing.
type Series = Vec<Option<f32>>;

/// The waveform at the moment that a check began to fail.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Strip {
    /// When the last sample arrived, ms since 1970, capture time.
    time_ms: i64,
    check: &'static str,
    why: String,
    channel: &'static str,
    rate_hz: f32,
    /// Unsigned 8-bit codes of unknown gain.
    samples: Vec<u8>,
}

/// A bed in full.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BedDetail {
    now: BedNow,
    /// Times of the trends' points, ms since 1970.
    times_ms: Vec<i64>,
    /// As the monitor shows it, by parameter.
    shown: BTreeMap<&'static str, Series>,
    /// As the waveforms give it, by parameter.
    own: BTreeMap<&'static str, Series>,
    limit_changes: Vec<LimitChange>,
    notices: Vec<NoticeShown>,
    strips: Vec<Strip>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    time_ms: i64,
    shown: [Option<f32>; TRENDS.len()],
    own: [Option<f32>; TRENDS.len()],
}

/// What is kept of a bed.
#[derive(Debug, Default)]
pub(super) struct Bed {
    pub(super) bed: Option<u16>,
    pub(super) patient: Option<Pseudonym>,
    pub(super) asset: Option<AssetId>,
    pub(super) last: CaptureTime,
    pub(super) cycle_nanos: Option<i64>,
    pub(super) tracks: [Track; CHANNELS.len()],
    gaps: u64,
    numerics: BTreeMap<Vital, (Sample, CaptureTime)>,
    limits: BTreeMap<Vital, AlarmLimit>,
    limit_changes: VecDeque<LimitChange>,
    notices: VecDeque<NoticeShown>,
    integrity: IntegrityNow,
    failing: Vec<Check>,
    strips: VecDeque<Strip>,
    points: VecDeque<Point>,
    pointed: Option<CaptureTime>,
}

fn millis(time: CaptureTime) -> i64 {
    time.nanos() / 1_000_000
}

fn keep<T>(queue: &mut VecDeque<T>, one: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(one);
}

const fn validity(validity: Validity) -> &'static str {
    match validity {
        Validity::Valid => "valid",
        Validity::Invalid => "invalid",
        Validity::Unknown(_) => "unknown",
    }
}

impl LimitShown {
    const fn new(limit: &AlarmLimit) -> Self {
        let alarm = match limit.switch {
            Switch::On => "on",
            Switch::Off => "off",
            Switch::Unknown(_) => "unknown",
        };
        Self { low: limit.low, high: limit.high, alarm }
    }
}

impl Bed {
    /// Where it is, once its monitor is known.
    pub(super) fn place(&self) -> Option<Place> {
        self.asset.map(|asset| Place { asset, bed: self.bed })
    }

    pub(super) fn measured(&mut self, sample: Sample, time: CaptureTime) {
        self.numerics.insert(sample.vital, (sample, time));
    }

    pub(super) fn limit(&mut self, limit: AlarmLimit, time: CaptureTime) {
        if self.limits.insert(limit.vital, limit) == Some(limit) {
            return;
        }
        let change = LimitChange {
            time_ms: millis(time),
            vital: limit.vital.as_str(),
            limit: LimitShown::new(&limit),
        };
        keep(&mut self.limit_changes, change, LIMITS_MAX);
    }

    pub(super) fn notice(&mut self, notice: &Notice, time: CaptureTime) {
        let text = notice.text.as_str().to_owned();
        keep(&mut self.notices, NoticeShown { time_ms: millis(time), code: notice.code, text }, NOTICES_MAX);
    }

    pub(super) fn gap(&mut self) {
        self.gaps += 1;
        self.tracks.iter_mut().for_each(Track::gap);
    }

    /// Takes what the checks say now, and keeps the waveform where one begins to fail.
    pub(super) fn judged(&mut self, standing: impl Iterator<Item = Standing>) {
        let before = std::mem::take(&mut self.failing);
        let (mut against, mut own, mut compared) = (Vec::new(), BTreeMap::new(), false);
        for one in standing {
            compared |= one.verdict == Verdict::Pass
                && matches!(one.check, Check::NumericWaveformDisagree | Check::ChannelDisagree);
            if let Some(compared) = one.compared() {
                own.insert(compared.vital.as_str(), compared.own);
            }
            if !matches!(one.verdict, Verdict::Suspect | Verdict::Fail) {
                continue;
            }
            if one.verdict == Verdict::Fail {
                if !before.contains(&one.check) {
                    self.cut(&one);
                }
                self.failing.push(one.check);
            }
            against.push(Against {
                check: one.check.as_str(),
                verdict: one.verdict.as_str(),
                why: one.why(),
                vital: one.vital().map(Vital::as_str),
                channel: one.channel().map(Channel::as_str),
            });
        }
        let verdict = match (self.failing.is_empty(), against.is_empty(), compared) {
            (false, _, _) => Verdict::Fail,
            (true, false, _) => Verdict::Suspect,
            (true, true, true) => Verdict::Pass,
            (true, true, false) => Verdict::CannotJudge,
        };
        self.integrity = IntegrityNow { verdict: verdict.as_str(), against, own };
    }

    /// Keeps the waveform that a failing check speaks of; the first ECG trace where it speaks of none.
    fn cut(&mut self, standing: &Standing) {
        let channel = standing.channel().unwrap_or(Channel::Ecg(1));
        let Some(track) = self.tracks.get(place(channel)) else { return };
        let (_, samples) = track.past();
        if samples.is_empty() || track.rate_hz <= 0.0 {
            return;
        }
        let strip = Strip {
            time_ms: millis(self.last),
            check: standing.check.as_str(),
            why: standing.why(),
            channel: channel.as_str(),
            rate_hz: track.rate_hz,
            samples,
        };
        keep(&mut self.strips, strip, STRIPS_MAX);
    }

    /// Adds to the trends what is shown now, where it is time.
    pub(super) fn point(&mut self) {
        let now = self.last;
        if self.pointed.is_some_and(|pointed| now.nanos_since(pointed) < POINT_NANOS) {
            return;
        }
        self.pointed = Some(now);
        let valid = |vital: Vital| {
            let (sample, _) = self.numerics.get(&vital)?;
            (sample.validity == Validity::Valid).then_some(sample.value)
        };
        let own = |vital: Vital| self.integrity.own.get(vital.as_str()).copied();
        let point = Point { time_ms: millis(now), shown: TRENDS.map(valid), own: TRENDS.map(own) };
        keep(&mut self.points, point, POINTS_MAX);
    }

    /// What it shows now.
    pub(super) fn now(&self, key: u32) -> BedNow {
        let shown = self.numerics.values().filter(|(sample, _)| sample.value.is_finite());
        let numerics = shown.map(|(sample, time)| {
            let Sample { vital, value, validity: is } = *sample;
            let (unit, time_ms) = (vital.unit(), millis(*time));
            (vital.as_str(), Shown { value, unit, validity: validity(is), time_ms })
        });
        let limits = self.limits.values().map(|limit| (limit.vital.as_str(), LimitShown::new(limit)));
        let recent = self.notices.len().saturating_sub(NOTICES_SHOWN);
        BedNow {
            kind: "bed",
            key,
            id: self.place().map(|place| place.to_string()),
            place: self.place(),
            bed: self.bed,
            patient: self.patient.map(|patient| patient.to_string()),
            asset: self.asset.map(|asset| asset.to_string()),
            time_ms: millis(self.last),
            cycle_ms: self.cycle_nanos.map(|nanos| nanos / 1_000_000),
            numerics: numerics.collect(),
            limits: limits.collect(),
            alarm: "not-sent",
            integrity: self.integrity.clone(),
            notices: self.notices.iter().skip(recent).cloned().collect(),
            gaps: self.gaps,
        }
    }

    /// Its last seconds of samples, as a page that opens gets them.
    pub(super) fn past(&self, key: u32) -> Option<News> {
        let mut message = Message::new(key, self.last);
        for (place, track) in self.tracks.iter().enumerate() {
            let (first, samples) = track.past();
            message.add(place, first, track.rate_hz, &samples);
        }
        message.finish().map(|bytes| News { key, place: self.place(), what: What::Samples(bytes) })
    }

    /// What it shows now, to be published.
    pub(super) fn news(&self, key: u32) -> News {
        let json = serde_json::to_string(&self.now(key)).unwrap_or_default();
        News { key, place: self.place(), what: What::Bed(Arc::from(json)) }
    }

    /// Everything that is kept.
    pub(super) fn detail(&self, key: u32) -> BedDetail {
        let series = |of: fn(&Point) -> &[Option<f32>; TRENDS.len()]| {
            let named = TRENDS.iter().enumerate().map(|(at, vital)| {
                let values = self.points.iter().map(|point| of(point).get(at).copied().flatten());
                (vital.as_str(), values.collect::<Series>())
            });
            named.filter(|(_, series)| series.iter().any(Option::is_some)).collect()
        };
        BedDetail {
            now: self.now(key),
            times_ms: self.points.iter().map(|point| point.time_ms).collect(),
            shown: series(|point| &point.shown),
            own: series(|point| &point.own),
            limit_changes: self.limit_changes.iter().cloned().collect(),
            notices: self.notices.iter().cloned().collect(),
            strips: self.strips.iter().cloned().collect(),
        }
    }
}
