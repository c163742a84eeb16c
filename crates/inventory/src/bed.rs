//! Vital signs by monitor, bed and patient.
//!
//! A flow side has a *context*: the bed and the patient that its last identity facts named. Values go to the
//! bed of the context. A connection names its bed and patient again and again; what came before the first
//! naming belongs to the bed and patient named first.

use crate::station::StationId;
use model::{
    AlarmLimit, BedVitals, CaptureTime, Channel, Evidence, LimitInForce, Notice, NumericRange, PatientToken,
    Pseudonym, Sample, SampleCounts, Seen, Trend, Validity, Vital, Waveform, WaveformPayload, WaveformSeen,
};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The patient's keyed hash, where one is made.
    pub patient: Option<Pseudonym>,
}

/// Names the context of one side of one flow.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
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
}

/// What every value of a context asks for, apart from the rest so that a big ward's stay in the cache.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Its row, or [`Head::NONE`].
    row: u32,
    /// The patient was named after the last value.
    fresh: bool,
}

impl Head {
    const NONE: u32 = u32::MAX;
    const NEW: Self = Self { row: Self::NONE, fresh: false };
}

/// A bed: what changes with every cycle. Small, for the same reason as [`Head`].
#[derive(Clone, Debug)]
struct Row {
    first: CaptureTime,
    last: CaptureTime,
    /// When the last numbers came.
    last_numbers: CaptureTime,
    cycles: u64,
    last_cycle: CaptureTime,
    /// Of the times between cycles, the first of so many is kept.
    every: u64,
    /// Samples by channel.
    samples: [u64; Channel::ALL.len()],
    /// Samples by channel, at the end of the last cycle.
    at_last_cycle: [u64; Channel::ALL.len()],
    /// Channels that had a cycle end after their first samples, one bit each.
    begun: u8,
    /// By place of the parameter; without samples until it comes up. Since the last turn.
    numerics: [NumericRange; VITALS],
    rest: Box<Rest>,
}

/// The rest of a bed: what changes seldom.
#[derive(Clone, Debug)]
struct Rest {
    number: u32,
    station: StationId,
    bed: Option<u16>,
    patient: Option<PatientToken>,
    /// Two connections feed it: it can no longer be renamed.
    shared: bool,
    cycle_times: Vec<u64>,
    invalid: [u64; VITALS],
    /// What `numerics` was before the last turn.
    before: [NumericRange; VITALS],
    /// When the last numbers before the last turn came, or the bed was first heard; never the same twice.
    turned: CaptureTime,
    /// When it was last heard before the last renewal.
    heard: CaptureTime,
    limits: BTreeMap<Vital, Vec<LimitInForce>>,
    notices: BTreeMap<Notice, Seen>,
    /// Samples by channel at the end of its first cycle, and which cycle of the bed that was.
    at_first_cycle: [(u64, u64); Channel::ALL.len()],
    /// The latest samples by channel.
    strips: [Vec<u8>; Channel::ALL.len()],
}

/// All beds.
#[derive(Debug, Default)]
pub(crate) struct Beds {
    rows: Vec<Row>,
    index: BTreeMap<(StationId, Option<u16>, Option<PatientToken>), u32>,
    per_station: BTreeMap<StationId, usize>,
    contexts: Vec<Context>,
    /// By context.
    heads: Vec<Head>,
    free: Vec<u32>,
    /// Number of the next row.
    next: u32,
    pub(crate) dropped: u64,
}

/// A parameter without samples.
const NO_RANGE: NumericRange = NumericRange { last: 0.0, min: 0.0, max: 0.0, samples: 0 };

/// Only a token that tells patients apart separates rows.
fn apart(patient: Option<&PatientToken>) -> Option<PatientToken> {
    patient.filter(|token| **token != PatientToken::Withheld).cloned()
}

impl Beds {
    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        self.rows.iter_mut().for_each(|row| row.clock_set(by));
    }

    /// A context for one side of a flow, made when its first fact about a bed comes.
    pub(crate) fn open(&mut self, station: StationId) -> ContextId {
        let context = Context { station, bed: None, patient: None, others: BTreeMap::new() };
        if let Some(at) = self.free.pop()
            && let Some(place) = self.contexts.get_mut(at as usize)
            && let Some(head) = self.heads.get_mut(at as usize)
        {
            (*place, *head) = (context, Head::NEW);
            return ContextId(at);
        }
        self.contexts.push(context);
        self.heads.push(Head::NEW);
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
        let Some((context, head)) = self.context(id) else { return };
        if context.bed == Some(bed) {
            return;
        }
        if let Some(old) = context.bed.replace(bed) {
            if !head.fresh
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
            head.row = Head::NONE;
        } else {
            self.rename(id);
        }
    }

    fn context(&mut self, id: ContextId) -> Option<(&mut Context, &mut Head)> {
        self.contexts.get_mut(id.0 as usize).zip(self.heads.get_mut(id.0 as usize))
    }

    /// The side names its patient.
    pub(crate) fn patient(&mut self, id: ContextId, patient: &PatientToken) {
        let Some((context, head)) = self.context(id) else { return };
        if context.patient.as_ref() == Some(patient) {
            return;
        }
        let before = apart(context.patient.as_ref());
        context.patient = Some(patient.clone());
        head.fresh = true;
        if before.is_none() {
            self.rename(id);
        } else {
            head.row = Head::NONE;
        }
    }

    /// The row of a context that now knows more: renamed where nobody else feeds it and the name is free.
    fn rename(&mut self, id: ContextId) {
        let contexts = self.contexts.get(id.0 as usize).zip(self.heads.get_mut(id.0 as usize));
        let Some((context, head)) = contexts else { return };
        let key = (context.station, context.bed, apart(context.patient.as_ref()));
        let Some(row) = self.rows.get_mut(head.row as usize).map(|row| &mut row.rest) else { return };
        let old = (row.station, row.bed, apart(row.patient.as_ref()));
        if old == key {
            row.patient.clone_from(&context.patient);
        } else if row.shared || self.index.contains_key(&key) {
            head.row = Head::NONE;
        } else {
            row.bed = context.bed;
            row.patient.clone_from(&context.patient);
            self.index.remove(&old);
            self.index.insert(key, head.row);
        }
    }

    #[inline]
    fn row(&mut self, id: ContextId, time: CaptureTime) -> Option<&mut Row> {
        let head = self.heads.get_mut(id.0 as usize)?;
        head.fresh = false;
        let at = if head.row == Head::NONE { self.enter(id, time)? } else { head.row };
        let row = self.rows.get_mut(at as usize)?;
        row.first = row.first.min(time);
        row.last = row.last.max(time);
        Some(row)
    }

    /// The row of a context that has none yet.
    fn enter(&mut self, id: ContextId, time: CaptureTime) -> Option<u32> {
        let context = self.contexts.get(id.0 as usize)?;
        let head = self.heads.get_mut(id.0 as usize)?;
        let key = (context.station, context.bed, apart(context.patient.as_ref()));
        if let Some(at) = self.index.get(&key).copied() {
            if let Some(row) = self.rows.get_mut(at as usize) {
                row.rest.shared = true;
            }
            head.row = at;
            return Some(at);
        }
        let of_station = self.per_station.entry(context.station).or_default();
        if self.rows.len() >= BEDS_MAX || *of_station >= BEDS_PER_STATION_MAX {
            self.dropped += 1;
            return None;
        }
        *of_station += 1;
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.rows.push(Row::new(number, context.station, context.bed, context.patient.clone(), time));
        self.index.insert(key, at);
        head.row = at;
        Some(at)
    }

    pub(crate) fn measured(&mut self, id: ContextId, samples: &[Sample], time: CaptureTime) {
        let Some(row) = self.row(id, time) else { return };
        for sample in samples {
            row.measured(sample);
        }
        row.last_numbers = time;
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
            let changes = row.rest.limits.entry(limit.vital).or_default();
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
        let notices = &mut row.rest.notices;
        if let Some(seen) = notices.get_mut(notice) {
            seen.count += 1;
            seen.last = seen.last.max(time);
        } else if notices.len() < NOTICES_MAX {
            notices.insert(notice.clone(), Seen { count: 1, first: time, last: time, evidence });
        }
    }

    pub(crate) fn cycle(&mut self, id: ContextId, passed: &SampleCounts, time: CaptureTime) {
        if let Some(row) = self.row(id, time) {
            row.passed(passed);
            row.cycle(time);
        }
    }

    /// Samples of a cycle that was not seen to end. They may be told long after they came: a bed that is
    /// known keeps the time it was last heard.
    pub(crate) fn passed(&mut self, id: ContextId, passed: &SampleCounts, time: CaptureTime) {
        let known = self.heads.get(id.0 as usize).map(|head| head.row).filter(|row| *row != Head::NONE);
        let row = match known {
            Some(at) => self.rows.get_mut(at as usize),
            None => self.row(id, time),
        };
        if let Some(row) = row {
            row.passed(passed);
        }
    }

    /// Every bed, with its number and the station that reported it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, StationId, BedVitals)> {
        let heard = self.rows.iter().filter(|row| row.first <= row.last);
        heard.map(|row| (row.rest.number, row.rest.station, row.vitals()))
    }

    /// Number, station, bed and patient of every bed that is known.
    pub(crate) fn known(&self) -> impl Iterator<Item = (u32, StationId, Option<u16>, Option<&PatientToken>)> {
        let rows = self.rows.iter().map(|row| &*row.rest);
        rows.map(|rest| (rest.number, rest.station, rest.bed, rest.patient.as_ref()))
    }

    /// The row that the last value of a context went to.
    pub(crate) fn row_of(&self, id: ContextId) -> Option<BedRow> {
        let at = self.heads.get(id.0 as usize)?.row;
        let row = &self.rows.get(at as usize)?.rest;
        let told_apart = apart(row.patient.as_ref()).is_some();
        let patient = match row.patient {
            Some(PatientToken::Pseudonym(patient)) => Some(patient),
            Some(PatientToken::Withheld | PatientToken::Clear(_)) | None => None,
        };
        Some(BedRow { number: row.number, bed: row.bed, told_apart, patient })
    }

    /// Stations that report beds.
    pub(crate) fn reports(&self, station: StationId) -> bool {
        self.per_station.contains_key(&station)
    }
}

/// Minutes and renewals.
impl Beds {
    /// Numbers are summed up anew from here on.
    pub(crate) fn turn(&mut self) {
        self.rows.iter_mut().for_each(Row::turn);
    }

    /// Every bed that had numbers since the last turn, with the station that reported it.
    pub(crate) fn trends(&self) -> impl Iterator<Item = (StationId, Trend)> {
        self.rows.iter().filter_map(|row| Some((row.rest.station, row.trend()?)))
    }

    /// Whether there is hardly room for more beds.
    pub(crate) fn is_crowded(&self) -> bool {
        self.rows.len() >= BEDS_MAX / 4 * 3
    }

    /// Forgets the beds that none of `contexts` feeds and that were not heard since `since`, and begins the others
    /// anew. `renamed` says what a station is called now. Gives the numbers of those that stay.
    pub(crate) fn renew(
        &mut self,
        contexts: &BTreeSet<ContextId>,
        since: CaptureTime,
        renamed: impl Fn(StationId) -> Option<StationId>,
    ) -> BTreeSet<u32> {
        for context in &mut self.contexts {
            context.station = renamed(context.station).unwrap_or(StationId::NONE);
        }
        let fed = contexts.iter().filter_map(|id| Some(self.heads.get(id.0 as usize)?.row));
        let fed: BTreeSet<u32> = fed.filter(|row| *row != Head::NONE).collect();
        let mut map = vec![Head::NONE; self.rows.len()];
        self.index.clear();
        self.per_station.clear();
        for ((at, mut row), place) in (0..).zip(std::mem::take(&mut self.rows)).zip(&mut map) {
            let stays = fed.contains(&at) || row.heard() >= since;
            let Some(station) = renamed(row.rest.station).filter(|_| stays) else { continue };
            row.renew(station);
            *place = u32::try_from(self.rows.len()).unwrap_or(Head::NONE);
            self.index.insert((station, row.rest.bed, apart(row.rest.patient.as_ref())), *place);
            *self.per_station.entry(station).or_default() += 1;
            self.rows.push(row);
        }
        for head in &mut self.heads {
            head.row = map.get(head.row as usize).copied().unwrap_or(Head::NONE);
        }
        self.dropped = 0;
        self.rows.iter().map(|row| row.rest.number).collect()
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
    fn new(
        number: u32,
        station: StationId,
        bed: Option<u16>,
        patient: Option<PatientToken>,
        time: CaptureTime,
    ) -> Self {
        Self {
            first: time,
            last: time,
            last_numbers: time,
            cycles: 0,
            last_cycle: time,
            every: 1,
            samples: [0; Channel::ALL.len()],
            at_last_cycle: [0; Channel::ALL.len()],
            begun: 0,
            numerics: [NO_RANGE; VITALS],
            rest: Box::new(Rest {
                number,
                station,
                bed,
                patient,
                shared: false,
                cycle_times: Vec::new(),
                invalid: [0; VITALS],
                before: [NO_RANGE; VITALS],
                turned: time,
                heard: CaptureTime::MIN,
                limits: BTreeMap::new(),
                notices: BTreeMap::new(),
                at_first_cycle: [(0, 0); Channel::ALL.len()],
                strips: Default::default(),
            }),
        }
    }

    fn turn(&mut self) {
        let any = self.numerics.iter().any(|range| range.samples > 0);
        for (before, now) in self.rest.before.iter_mut().zip(&mut self.numerics) {
            *before = joined(before, now);
            *now = NO_RANGE;
        }
        // Rows of trends are told apart by their beginning: one that held a single moment, the bed's first, would
        // begin with the next one, which would take its place in a store.
        if any && self.last_numbers == self.rest.turned {
            self.rest.turned = CaptureTime::from_nanos(self.last_numbers.nanos().saturating_add(1));
        } else if any {
            self.rest.turned = self.last_numbers;
        }
    }

    /// The clock was set by so many nanoseconds.
    fn clock_set(&mut self, by: i64) {
        let Rest { turned, heard, .. } = &mut *self.rest;
        let times =
            [&mut self.first, &mut self.last, &mut self.last_numbers, &mut self.last_cycle, turned, heard];
        for time in times {
            // These say that there was none.
            if *time != CaptureTime::MIN && *time != CaptureTime::MAX {
                *time = time.plus_nanos(by);
            }
        }
    }

    /// When it was last heard.
    fn heard(&self) -> CaptureTime {
        self.rest.heard.max(self.last)
    }

    /// Since the last turn.
    fn trend(&self) -> Option<Trend> {
        let numerics = PLACES.iter().zip(&self.numerics).filter(|(_, range)| range.samples > 0);
        let numerics: BTreeMap<_, _> = numerics.map(|(vital, range)| (*vital, *range)).collect();
        (!numerics.is_empty()).then(|| Trend {
            asset: model::AssetId(0),
            bed: self.rest.bed,
            patient: self.rest.patient.clone(),
            first: self.rest.turned,
            last: self.last_numbers,
            numerics,
        })
    }

    /// Everything that counts begins anew; who it is, and the limits in force, are known on.
    fn renew(&mut self, station: StationId) {
        let limits = std::mem::take(&mut self.rest.limits).into_iter();
        let in_force = limits.filter_map(|(vital, changes)| Some((vital, vec![changes.last().copied()?])));
        let Rest { number, bed, patient, shared, turned, .. } = &mut *self.rest;
        let (number, bed, patient, shared, turned) = (*number, *bed, patient.take(), *shared, *turned);
        let (limits, heard) = (in_force.collect(), self.heard());
        let mut new = Self::new(number, station, bed, patient, self.last);
        new.last_numbers = self.last_numbers;
        (new.rest.shared, new.rest.limits, new.rest.turned) = (shared, limits, turned);
        new.rest.heard = heard;
        // Not heard yet: the first value makes both its time.
        (new.first, new.last) = (CaptureTime::MAX, CaptureTime::MIN);
        *self = new;
    }

    fn measured(&mut self, sample: &Sample) {
        let place = place_of(sample.vital);
        let value = sample.value;
        if sample.validity != Validity::Valid || !value.is_finite() {
            if let Some(invalid) = self.rest.invalid.get_mut(place) {
                *invalid += 1;
            }
            return;
        }
        let Some(range) = self.numerics.get_mut(place) else { return };
        if range.samples == 0 {
            (range.min, range.max) = (value, value);
        }
        range.last = value;
        range.min = range.min.min(value);
        range.max = range.max.max(value);
        range.samples += 1;
    }

    fn count(&mut self, channel: Channel, samples: u32) {
        if let Some(count) = self.samples.get_mut(channel.place()) {
            *count += u64::from(samples);
        }
    }

    fn waveform(&mut self, waveform: &Waveform) {
        self.count(waveform.channel, waveform.samples);
        if let WaveformPayload::U8(samples) = &waveform.payload
            && let Some(strip) = self.rest.strips.get_mut(waveform.channel.place())
        {
            strip.extend_from_slice(samples);
            let over = strip.len().saturating_sub(WaveformSeen::STRIP_SAMPLES_MAX);
            strip.drain(..over);
        }
    }

    fn passed(&mut self, passed: &SampleCounts) {
        for (channel, samples) in passed.iter() {
            self.count(channel, samples);
        }
    }

    fn cycle(&mut self, time: CaptureTime) {
        self.cycles += 1;
        let before = std::mem::replace(&mut self.last_cycle, time);
        if self.cycles > 1 && (self.cycles - 2).is_multiple_of(self.every) {
            let nanos = u64::try_from(time.nanos_since(before)).unwrap_or(0);
            self.cycle_time(nanos);
        }
        self.at_last_cycle = self.samples;
        for (place, samples) in self.samples.iter().enumerate() {
            if *samples > 0 && self.begun & 1 << place == 0 {
                self.begun |= 1 << place;
                if let Some(first) = self.rest.at_first_cycle.get_mut(place) {
                    *first = (*samples, self.cycles);
                }
            }
        }
    }

    /// A cycle took this long.
    fn cycle_time(&mut self, nanos: u64) {
        let times = &mut self.rest.cycle_times;
        if times.len() >= CYCLE_TIMES_MAX {
            let mut keep = false;
            times.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
        times.push(nanos);
    }

    fn vitals(&self) -> BedVitals {
        let Rest { bed, patient, cycle_times, invalid, limits, notices, at_first_cycle, strips, .. } =
            &*self.rest;
        let cycle_ns = (self.cycles >= 3).then(|| median(cycle_times)).flatten();
        let seen = |place: usize, channel: Channel| {
            let all = self.samples.get(place).copied().filter(|all| *all > 0)?;
            let begun = self.begun & 1 << place != 0;
            let (first, since) = at_first_cycle.get(place).copied().filter(|_| begun).unwrap_or_default();
            let samples = self.at_last_cycle.get(place).filter(|_| begun).map_or(0, |last| last - first);
            let cycles = if begun { self.cycles - since } else { 0 };
            let per_cycle = (cycles > 0).then(|| samples as f64 / cycles as f64);
            let rate_hz = per_cycle.zip(cycle_ns).map(|(samples, nanos)| samples * 1e9 / nanos as f64);
            let rate_hz = rate_hz.filter(|rate| rate.is_finite());
            let strip = strips.get(place).cloned().unwrap_or_default();
            Some((channel, WaveformSeen { samples: all, rate_hz, strip }))
        };
        let numerics = self.numerics.iter().zip(&self.rest.before).map(|(now, before)| joined(before, now));
        let numerics = PLACES.iter().zip(numerics).filter(|(_, range)| range.samples > 0);
        let invalid = PLACES.iter().zip(invalid).filter(|(_, count)| **count > 0);
        BedVitals {
            asset: model::AssetId(0),
            bed: *bed,
            patient: patient.clone(),
            first: self.first,
            last: self.last,
            cycles: self.cycles,
            cycle_ns,
            numerics: numerics.map(|(vital, range)| (*vital, range)).collect(),
            invalid: invalid.map(|(vital, count)| (*vital, *count)).collect(),
            limits: limits.clone(),
            notices: notices.clone(),
            waveforms: (0..).zip(Channel::ALL).filter_map(|(place, channel)| seen(place, channel)).collect(),
            integrity: Vec::new(),
            judged: None,
        }
    }
}

/// The range of both, `now` being the later.
fn joined(before: &NumericRange, now: &NumericRange) -> NumericRange {
    match (before.samples, now.samples) {
        (0, _) => *now,
        (_, 0) => *before,
        _ => NumericRange {
            last: now.last,
            min: before.min.min(now.min),
            max: before.max.max(now.max),
            samples: before.samples + now.samples,
        },
    }
}

/// The middle one; the lower of the two middle ones of an even number.
fn median(times: &[u64]) -> Option<u64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len().checked_sub(1)? / 2).copied()
}
