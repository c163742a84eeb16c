//! Takes from the pipeline what is shown live.
//!
//! It looks at every observation after it was judged, collects what concerns beds, and publishes at the end of each
//! batch: one message of samples and one of numbers for each bed that said something.

use super::samples::{CHANNELS, Message, place};
use super::{BEDS_MAX, Bed, Hub, News, What};
use detect::Judgement;
use inventory::BedRow;
use model::{
    AlarmLimit, CaptureTime, Fact, FlowId, Observation, Observed, Origin, Side, Vital, WaveformPayload,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Times between cycles that the median is taken of.
const TIMES: usize = 9;
/// A cycle shorter or longer is not a monitor's, in nanoseconds.
const CYCLE_NANOS: std::ops::RangeInclusive<i64> = 200_000_000..=10_000_000_000;
/// A source that says nothing for so long is no longer the one that is shown, in nanoseconds.
const SILENT_NANOS: i64 = 5_000_000_000;
/// A bed that says nothing for so long is not shown any more, in nanoseconds: an hour.
const GONE_NANOS: i64 = 3_600_000_000_000;
/// How often it is looked for such beds.
const LOOK_NANOS: i64 = 10_000_000_000;
/// How often it is looked which monitor a new bed belongs to: that walks all that is known.
const LOOK_NEW_NANOS: i64 = 2_000_000_000;

type Source = (FlowId, Side);

/// A bed as the pipeline's side knows it.
#[derive(Debug, Default)]
struct Feed {
    /// Who is shown, and when it last spoke: a monitor that sends to two stations sends everything twice.
    source: Option<(Source, CaptureTime)>,
    last_cycle: Option<CaptureTime>,
    times: Vec<i64>,
    in_cycle: [u32; CHANNELS.len()],
    /// Samples since the last publication.
    fresh: [Vec<u8>; CHANNELS.len()],
}

/// Publishes what the pipeline sees of beds.
#[derive(Debug)]
pub(crate) struct Tap {
    hub: Arc<Hub>,
    feeds: BTreeMap<u32, Feed>,
    /// Bed of each source, to tell when another patient takes its place.
    rows: BTreeMap<Source, BedRow>,
    /// Limits of beds that have not begun. Our limit: as many beds as are shown.
    limits: BTreeMap<u32, BTreeMap<Vital, (AlarmLimit, CaptureTime)>>,
    dirty: BTreeSet<u32>,
    looked: Option<CaptureTime>,
    now: CaptureTime,
}

impl Tap {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            feeds: BTreeMap::new(),
            rows: BTreeMap::new(),
            limits: BTreeMap::new(),
            dirty: BTreeSet::new(),
            looked: None,
            now: CaptureTime::default(),
        }
    }

    /// Looks at an observation that `judgement` has judged.
    pub(crate) fn see(&mut self, judgement: &Judgement, observation: &Observation) {
        self.now = self.now.max(observation.time);
        let (Observed::Fact(fact), Origin::Flow(flow, side)) = (&observation.observed, observation.origin)
        else {
            return;
        };
        let source = (flow, side);
        match fact {
            Fact::Waveform(_)
            | Fact::Measured(_)
            | Fact::LimitsSet(_)
            | Fact::Notice(_)
            | Fact::CycleEnded(_) => {
                if let Some(row) = judgement.inventory().bed_row(flow, side) {
                    self.take(source, row, fact, observation.time);
                }
            }
            Fact::Lost(..) => {
                if let Some(row) = self.rows.get(&source).copied() {
                    self.gap(source, row.number);
                }
            }
            Fact::FlowEnded(_) => {
                for side in [Side::Client, Side::Server] {
                    if let Some(row) = self.rows.remove(&(flow, side)) {
                        self.release((flow, side), row.number);
                    }
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, source: Source, row: BedRow, fact: &Fact, time: CaptureTime) {
        let known = self.feeds.contains_key(&row.number);
        // Numbers alone are of messages between servers, of whom it is not always told which patient they are of.
        if !known && !matches!(fact, Fact::Waveform(_) | Fact::CycleEnded(_)) {
            self.hold(row.number, fact, time);
            return;
        }
        if !known && self.feeds.len() >= BEDS_MAX {
            self.hub.state().unshown += 1;
            return;
        }
        self.follow(source, row);
        let held = self.limits.remove(&row.number).unwrap_or_default();
        let feed = self.feeds.entry(row.number).or_default();
        if !feed.shows(source, time) {
            return;
        }
        self.dirty.insert(row.number);
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state();
        let bed = state.beds.entry(row.number).or_default();
        bed.bed = row.bed.or(bed.bed);
        bed.patient = row.patient;
        bed.last = bed.last.max(time);
        held.into_values().for_each(|(limit, time)| bed.limit(limit, time));
        match fact {
            Fact::Waveform(waveform) => {
                let WaveformPayload::U8(samples) = &waveform.payload else { return };
                let place = place(waveform.channel);
                if let (Some(count), Some(fresh)) = (feed.in_cycle.get_mut(place), feed.fresh.get_mut(place))
                {
                    *count = count.saturating_add(waveform.samples);
                    fresh.extend_from_slice(samples);
                }
            }
            Fact::Measured(samples) => samples.iter().for_each(|sample| bed.measured(*sample, time)),
            Fact::LimitsSet(limits) => limits.iter().for_each(|limit| bed.limit(*limit, time)),
            Fact::Notice(notice) => bed.notice(notice, time),
            Fact::CycleEnded(_) => feed.cycle(bed, time),
            _ => {}
        }
    }

    /// Holds limits until the bed begins: they are told when they change, which may be once.
    fn hold(&mut self, number: u32, fact: &Fact, time: CaptureTime) {
        let Fact::LimitsSet(limits) = fact else { return };
        if self.limits.len() < BEDS_MAX || self.limits.contains_key(&number) {
            let held = self.limits.entry(number).or_default();
            held.extend(limits.iter().map(|limit| (limit.vital, (*limit, time))));
        }
    }

    /// Where a connection goes on with another patient of the same bed, the one before is over.
    fn follow(&mut self, source: Source, row: BedRow) {
        let before = self.rows.insert(source, row);
        let Some(before) = before.filter(|before| before.number != row.number && before.bed == row.bed)
        else {
            return;
        };
        self.forget(before.number);
    }

    fn forget(&mut self, number: u32) {
        self.feeds.remove(&number);
        self.dirty.remove(&number);
        if let Some(bed) = self.hub.state().beds.remove(&number) {
            self.hub.tell(News { key: number, place: bed.place(), what: What::Gone });
        }
    }

    fn gap(&mut self, source: Source, number: u32) {
        let Some(feed) = self.feeds.get_mut(&number).filter(|feed| feed.is_of(source)) else { return };
        feed.broken();
        if let Some(bed) = self.hub.state().beds.get_mut(&number) {
            bed.gap();
        }
        self.dirty.insert(number);
    }

    fn release(&mut self, source: Source, number: u32) {
        if let Some(feed) = self.feeds.get_mut(&number).filter(|feed| feed.is_of(source)) {
            feed.source = None;
            feed.broken();
        }
    }

    /// Publishes what was seen since the last time.
    pub(crate) fn publish(&mut self, judgement: &Judgement) {
        self.look(judgement);
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state();
        for key in std::mem::take(&mut self.dirty) {
            let (Some(bed), Some(feed)) = (state.beds.get_mut(&key), self.feeds.get_mut(&key)) else {
                continue;
            };
            let mut message = Message::new(key, bed.last);
            for (place, (fresh, track)) in feed.fresh.iter_mut().zip(&mut bed.tracks).enumerate() {
                if !fresh.is_empty() {
                    let first = track.push(fresh);
                    message.add(place, first, track.rate_hz, fresh);
                    fresh.clear();
                }
            }
            bed.judged(judgement.standing(key));
            bed.point();
            if let Some(bytes) = message.finish() {
                hub.tell(News { key, place: bed.place(), what: What::Samples(bytes) });
            }
            hub.tell(bed.news(key));
        }
    }

    /// Now and then: which monitor a bed belongs to, and which beds are silent for long.
    fn look(&mut self, judgement: &Judgement) {
        if self.dirty.is_empty() {
            return;
        }
        let unknown = self.hub.state().beds.values().any(|bed| bed.asset.is_none());
        let every = if unknown { LOOK_NEW_NANOS } else { LOOK_NANOS };
        if self.looked.is_some_and(|looked| self.now.nanos_since(looked) < every) {
            return;
        }
        self.looked = Some(self.now);
        if unknown {
            let mut state = self.hub.state();
            for (number, asset) in judgement.places() {
                if let Some(bed) = state.beds.get_mut(&number) {
                    bed.asset = Some(asset);
                }
            }
        }
        let silent = |bed: &Bed| self.now.nanos_since(bed.last) > GONE_NANOS;
        let gone: Vec<u32> =
            self.hub.state().beds.iter().filter(|(_, bed)| silent(bed)).map(|(key, _)| *key).collect();
        gone.into_iter().for_each(|number| self.forget(number));
    }
}

impl Feed {
    fn is_of(&self, source: Source) -> bool {
        self.source.is_some_and(|(shown, _)| shown == source)
    }

    /// Whether `source` is the one that is shown: the first, until it falls silent.
    fn shows(&mut self, source: Source, time: CaptureTime) -> bool {
        let shown = match self.source {
            Some((shown, last)) => shown == source || time.nanos_since(last) >= SILENT_NANOS,
            None => true,
        };
        if shown {
            self.source = Some((source, time));
        }
        shown
    }

    /// What comes does not follow what came.
    fn broken(&mut self) {
        self.last_cycle = None;
        self.in_cycle = Default::default();
        self.fresh.iter_mut().for_each(Vec::clear);
    }

    /// A cycle ends: its length, and from it how many samples a second.
    fn cycle(&mut self, bed: &mut Bed, time: CaptureTime) {
        if let Some(last) = self.last_cycle.replace(time) {
            let nanos = time.nanos_since(last);
            if CYCLE_NANOS.contains(&nanos) {
                if self.times.len() >= TIMES {
                    self.times.remove(0);
                }
                self.times.push(nanos);
            }
        }
        let mut times = self.times.clone();
        times.sort_unstable();
        let usual = times.get(times.len() / 2).copied();
        if let Some(nanos) = usual {
            bed.cycle_nanos = Some(nanos);
            for (track, count) in bed.tracks.iter_mut().zip(self.in_cycle) {
                track.set_rate(count, nanos);
            }
        }
        self.in_cycle = Default::default();
    }
}
