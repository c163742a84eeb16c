//! Vital signs by monitor, bed and patient.
//!
//! A flow side has a *context*: the bed and the patient that its last identity facts named. Values go to the
//! bed of the context. A connection names its bed and patient again and again; what came before the first
//! naming belongs to the bed and patient named first.

use crate::station::StationId;
use model::{
    AlarmLimit, BedVitals, CaptureTime, Channel, Evidence, LimitInForce, Notice, NumericRange, PatientToken,
    Sample, SampleCounts, Seen, Validity, Vital, Waveform, WaveformPayload, WaveformSeen,
};
use std::collections::BTreeMap;

/// Most beds (by monitor, bed number and patient) in all. Our limit; values of further ones are not kept,
/// which [`crate::Dropped::beds`] counts.
pub const BEDS_MAX: usize = 1 << 13;
/// Most beds of one monitor. Our limit; counted in [`crate::Dropped::beds`].
pub const BEDS_PER_STATION_MAX: usize = 256;
/// Most changes of one alarm limit that are kept; further ones replace the last. Our limit.
pub const LIMIT_CHANGES_MAX: usize = 64;
/// Most different notices of one bed; further ones are not kept. Our limit.
pub const NOTICES_MAX: usize = 64;
/// Times between cycles kept for the median: every time, then every second, every fourth … Our limit.
pub const CYCLE_TIMES_MAX: usize = 128;
/// Different parameters with a place of their own; lead numbers beyond 3 share the third's.
const VITALS: usize = 14;

/// One row of vital signs: a monitor's bed and patient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BedRow {
    /// Its number among all rows; small and dense.
    pub number: u32,
    /// The bed number that the monitor gives.
    pub bed: Option<u16>,
    /// A patient is named who can be told from others.
    pub told_apart: bool,
}

/// Names the context of one side of one flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ContextId(u32);

impl ContextId {
    pub(crate) const NONE: Self = Self(u32::MAX);
}

#[derive(Clone, Debug)]
struct Context {
    station: StationId,
    bed: Option<u16>,
    patient: Option<PatientToken>,
    /// Patients of other beds of this connection.
    others: BTreeMap<u16, PatientToken>,
    /// The patient was named after the last value.
    fresh: bool,
    row: Option<u32>,
}

#[derive(Clone, Debug)]
struct Row {
    station: StationId,
    bed: Option<u16>,
    patient: Option<PatientToken>,
    /// Two connections feed it: it can no longer be renamed.
    shared: bool,
    first: CaptureTime,
    last: CaptureTime,
    cycles: u64,
    last_cycle: Option<CaptureTime>,
    cycle_times: Vec<u64>,
    every: u64,
    times_seen: u64,
    numerics: [Option<NumericRange>; VITALS],
    invalid: [u64; VITALS],
    limits: BTreeMap<Vital, Vec<LimitInForce>>,
    notices: BTreeMap<Notice, Seen>,
    waves: Vec<Wave>,
}

#[derive(Clone, Debug)]
struct Wave {
    channel: Channel,
    samples: u64,
    at_first_cycle: Option<u64>,
    at_last_cycle: u64,
    cycles: u64,
    strip: Vec<u8>,
}

/// All beds.
#[derive(Debug, Default)]
pub(crate) struct Beds {
    rows: Vec<Row>,
    index: BTreeMap<(StationId, Option<u16>, Option<PatientToken>), u32>,
    per_station: BTreeMap<StationId, usize>,
    contexts: Vec<Context>,
    free: Vec<u32>,
    pub(crate) dropped: u64,
}

/// Only a token that tells patients apart separates rows.
fn apart(patient: Option<&PatientToken>) -> Option<PatientToken> {
    patient.filter(|token| **token != PatientToken::Withheld).cloned()
}

impl Beds {
    /// A context for one side of a flow, made when its first fact about a bed comes.
    pub(crate) fn open(&mut self, station: StationId) -> ContextId {
        let context =
            Context { station, bed: None, patient: None, others: BTreeMap::new(), fresh: false, row: None };
        if let Some(at) = self.free.pop()
            && let Some(place) = self.contexts.get_mut(at as usize)
        {
            *place = context;
            return ContextId(at);
        }
        self.contexts.push(context);
        ContextId(u32::try_from(self.contexts.len() - 1).unwrap_or(u32::MAX))
    }

    /// The flow is over.
    pub(crate) fn close(&mut self, id: ContextId) {
        if id != ContextId::NONE {
            self.free.push(id.0);
        }
    }

    /// The side names its bed.
    pub(crate) fn bed(&mut self, id: ContextId, bed: u16) {
        let Some(context) = self.contexts.get_mut(id.0 as usize) else { return };
        if context.bed == Some(bed) {
            return;
        }
        if let Some(old) = context.bed.replace(bed) {
            if !context.fresh
                && let Some(patient) = context.patient.take()
            {
                context.others.insert(old, patient);
            }
            if context.patient.is_none() {
                context.patient = context.others.get(&bed).cloned();
            }
            if context.others.len() > BEDS_PER_STATION_MAX {
                context.others.pop_first();
            }
            context.row = None;
        } else {
            self.rename(id);
        }
    }

    /// The side names its patient.
    pub(crate) fn patient(&mut self, id: ContextId, patient: &PatientToken) {
        let Some(context) = self.contexts.get_mut(id.0 as usize) else { return };
        if context.patient.as_ref() == Some(patient) {
            return;
        }
        let before = apart(context.patient.as_ref());
        context.patient = Some(patient.clone());
        context.fresh = true;
        if before.is_none() {
            self.rename(id);
        } else {
            context.row = None;
        }
    }

    /// The row of a context that now knows more: renamed where nobody else feeds it and the name is free.
    fn rename(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get_mut(id.0 as usize) else { return };
        let key = (context.station, context.bed, apart(context.patient.as_ref()));
        let Some(at) = context.row else { return };
        let Some(row) = self.rows.get_mut(at as usize) else { return };
        let old = (row.station, row.bed, apart(row.patient.as_ref()));
        if old == key {
            row.patient.clone_from(&context.patient);
        } else if row.shared || self.index.contains_key(&key) {
            context.row = None;
        } else {
            row.bed = context.bed;
            row.patient.clone_from(&context.patient);
            self.index.remove(&old);
            self.index.insert(key, at);
        }
    }

    fn row(&mut self, id: ContextId, time: CaptureTime) -> Option<&mut Row> {
        let context = self.contexts.get_mut(id.0 as usize)?;
        context.fresh = false;
        let at = if let Some(at) = context.row {
            at
        } else {
            let key = (context.station, context.bed, apart(context.patient.as_ref()));
            if let Some(at) = self.index.get(&key).copied() {
                if let Some(row) = self.rows.get_mut(at as usize) {
                    row.shared = true;
                }
                context.row = Some(at);
                at
            } else {
                let of_station = self.per_station.entry(context.station).or_default();
                if self.rows.len() >= BEDS_MAX || *of_station >= BEDS_PER_STATION_MAX {
                    self.dropped += 1;
                    return None;
                }
                *of_station += 1;
                let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                self.rows.push(Row::new(context.station, context.bed, context.patient.clone(), time));
                self.index.insert(key, at);
                context.row = Some(at);
                at
            }
        };
        let row = self.rows.get_mut(at as usize)?;
        row.first = row.first.min(time);
        row.last = row.last.max(time);
        Some(row)
    }

    pub(crate) fn measured(&mut self, id: ContextId, samples: &[Sample], time: CaptureTime) {
        let Some(row) = self.row(id, time) else { return };
        for sample in samples {
            row.measured(sample);
        }
    }

    pub(crate) fn limits(
        &mut self,
        id: ContextId,
        limits: &[AlarmLimit],
        time: CaptureTime,
        evidence: Evidence,
    ) {
        let Some(row) = self.row(id, time) else { return };
        for limit in limits {
            let changes = row.limits.entry(limit.vital).or_default();
            if changes.last().is_some_and(|last| last.limit == *limit) {
                continue;
            }
            if changes.len() >= LIMIT_CHANGES_MAX {
                changes.pop();
            }
            changes.push(LimitInForce { limit: *limit, since: time, evidence });
        }
    }

    pub(crate) fn waveform(&mut self, id: ContextId, waveform: &Waveform, time: CaptureTime) {
        if let Some(row) = self.row(id, time) {
            row.waveform(waveform);
        }
    }

    pub(crate) fn notice(&mut self, id: ContextId, notice: &Notice, time: CaptureTime, evidence: Evidence) {
        let Some(row) = self.row(id, time) else { return };
        if let Some(seen) = row.notices.get_mut(notice) {
            seen.count += 1;
            seen.last = seen.last.max(time);
        } else if row.notices.len() < NOTICES_MAX {
            row.notices.insert(notice.clone(), Seen { count: 1, first: time, last: time, evidence });
        }
    }

    pub(crate) fn cycle(&mut self, id: ContextId, passed: &SampleCounts, time: CaptureTime) {
        if let Some(row) = self.row(id, time) {
            for (channel, samples) in passed.iter() {
                if let Some(wave) = row.wave(channel) {
                    wave.samples += u64::from(samples);
                }
            }
            row.cycle(time);
        }
    }

    /// Every bed, with its number and the station that reported it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, StationId, BedVitals)> {
        (0..).zip(&self.rows).map(|(number, row)| (number, row.station, row.vitals()))
    }

    /// The row that the last value of a context went to.
    pub(crate) fn row_of(&self, id: ContextId) -> Option<BedRow> {
        let number = self.contexts.get(id.0 as usize)?.row?;
        let row = self.rows.get(number as usize)?;
        Some(BedRow { number, bed: row.bed, told_apart: apart(row.patient.as_ref()).is_some() })
    }

    /// Stations that report beds.
    pub(crate) fn reports(&self, station: StationId) -> bool {
        self.per_station.contains_key(&station)
    }
}

const fn place_of(vital: Vital) -> usize {
    match vital {
        Vital::HeartRate => 0,
        Vital::RespirationRate => 1,
        Vital::Spo2 => 2,
        Vital::PulseRate => 3,
        Vital::NibpSystolic => 4,
        Vital::NibpDiastolic => 5,
        Vital::NibpMean => 6,
        Vital::Temperature1 => 7,
        Vital::Temperature2 => 8,
        Vital::TemperatureDifference => 9,
        Vital::PvcRate => 10,
        Vital::St(1) => 11,
        Vital::St(2) => 12,
        // Further leads, and parameters that the model may gain, share the last place.
        _ => 13,
    }
}

const PLACES: [Vital; VITALS] = [
    Vital::HeartRate,
    Vital::RespirationRate,
    Vital::Spo2,
    Vital::PulseRate,
    Vital::NibpSystolic,
    Vital::NibpDiastolic,
    Vital::NibpMean,
    Vital::Temperature1,
    Vital::Temperature2,
    Vital::TemperatureDifference,
    Vital::PvcRate,
    Vital::St(1),
    Vital::St(2),
    Vital::St(3),
];

impl Row {
    fn new(station: StationId, bed: Option<u16>, patient: Option<PatientToken>, time: CaptureTime) -> Self {
        Self {
            station,
            bed,
            patient,
            shared: false,
            first: time,
            last: time,
            cycles: 0,
            last_cycle: None,
            cycle_times: Vec::new(),
            every: 1,
            times_seen: 0,
            numerics: [None; VITALS],
            invalid: [0; VITALS],
            limits: BTreeMap::new(),
            notices: BTreeMap::new(),
            waves: Vec::new(),
        }
    }

    fn measured(&mut self, sample: &Sample) {
        let place = place_of(sample.vital);
        let value = sample.value;
        if sample.validity != Validity::Valid || !value.is_finite() {
            if let Some(invalid) = self.invalid.get_mut(place) {
                *invalid += 1;
            }
            return;
        }
        if let Some(range) = self.numerics.get_mut(place) {
            match range {
                Some(range) => {
                    range.last = value;
                    range.min = range.min.min(value);
                    range.max = range.max.max(value);
                    range.samples += 1;
                }
                None => *range = Some(NumericRange { last: value, min: value, max: value, samples: 1 }),
            }
        }
    }

    fn wave(&mut self, channel: Channel) -> Option<&mut Wave> {
        let at = self.waves.iter().position(|wave| wave.channel == channel);
        let at = at.unwrap_or_else(|| {
            self.waves.push(Wave {
                channel,
                samples: 0,
                at_first_cycle: None,
                at_last_cycle: 0,
                cycles: 0,
                strip: Vec::new(),
            });
            self.waves.len() - 1
        });
        self.waves.get_mut(at)
    }

    fn waveform(&mut self, waveform: &Waveform) {
        let Some(wave) = self.wave(waveform.channel) else { return };
        wave.samples += u64::from(waveform.samples);
        if let WaveformPayload::U8(samples) = &waveform.payload {
            wave.strip.extend_from_slice(samples);
            let over = wave.strip.len().saturating_sub(WaveformSeen::STRIP_SAMPLES_MAX);
            wave.strip.drain(..over);
        }
    }

    fn cycle(&mut self, time: CaptureTime) {
        self.cycles += 1;
        if let Some(before) = self.last_cycle.replace(time) {
            if self.times_seen.is_multiple_of(self.every) {
                if self.cycle_times.len() >= CYCLE_TIMES_MAX {
                    let mut keep = false;
                    self.cycle_times.retain(|_| {
                        keep = !keep;
                        keep
                    });
                    self.every *= 2;
                }
                let nanos = u64::try_from(time.nanos_since(before)).unwrap_or(0);
                self.cycle_times.push(nanos);
            }
            self.times_seen += 1;
        }
        for wave in &mut self.waves {
            wave.at_last_cycle = wave.samples;
            if wave.at_first_cycle.is_none() {
                wave.at_first_cycle = Some(wave.samples);
            } else {
                wave.cycles += 1;
            }
        }
    }

    fn vitals(&self) -> BedVitals {
        let cycle_ns = (self.cycles >= 3).then(|| median(&self.cycle_times)).flatten();
        let seen = |wave: &Wave| {
            let samples = wave.at_first_cycle.map_or(0, |first| wave.at_last_cycle - first);
            let per_cycle = (wave.cycles > 0).then(|| samples as f64 / wave.cycles as f64);
            let rate_hz = per_cycle.zip(cycle_ns).map(|(samples, nanos)| samples * 1e9 / nanos as f64);
            let rate_hz = rate_hz.filter(|rate| rate.is_finite());
            (wave.channel, WaveformSeen { samples: wave.samples, rate_hz, strip: wave.strip.clone() })
        };
        let numerics = PLACES.iter().zip(&self.numerics);
        let invalid = PLACES.iter().zip(&self.invalid).filter(|(_, count)| **count > 0);
        BedVitals {
            asset: model::AssetId(0),
            bed: self.bed,
            patient: self.patient.clone(),
            first: self.first,
            last: self.last,
            cycles: self.cycles,
            cycle_ns,
            numerics: numerics.filter_map(|(vital, range)| Some((*vital, (*range)?))).collect(),
            invalid: invalid.map(|(vital, count)| (*vital, *count)).collect(),
            limits: self.limits.clone(),
            notices: self.notices.clone(),
            waveforms: self.waves.iter().map(seen).collect(),
            integrity: Vec::new(),
            judged: None,
        }
    }
}

/// The middle one; the lower of the two middle ones of an even number.
fn median(times: &[u64]) -> Option<u64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len().checked_sub(1)? / 2).copied()
}
