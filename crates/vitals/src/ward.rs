//! All beds, and what only all beds together show: data of one that comes again at another.

use crate::bed::{Bed, Repeated};
use crate::replay::{Repeat, Table};
use crate::thresholds::{Question, Thresholds};
use crate::verdict::{At, Standing};
use model::{
    AlarmLimit, CaptureTime, Channel, Check, FlowId, IntegrityRow, Judged, Notice, Sample, Side, Verdict,
    Waveform,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most beds that are checked; further ones are not, which [`Ward::unchecked`] counts. Our limit.
pub const BEDS_MAX: usize = 2048;
/// Rows that one source may feed and be remembered for; more are fed, but a gap does not reach the oldest.
const ROWS_OF_SOURCE_MAX: usize = 256;
/// A source that says nothing for so long is no longer the one that is believed, in nanoseconds.
const SILENT_NANOS: i64 = 5_000_000_000;
/// Longest break between two patients' vital signs that is no break, in seconds.
const BREAK_SECONDS: f32 = 20.0;
/// What is forwarded is the same bed's data again within so many seconds.
const FORWARD_NANOS: i64 = 60_000_000_000;

/// How much is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Everything but the search for near-exact replays.
    Default,
    /// Everything.
    Full,
}

/// Who says something: one side of a flow.
pub type Source = (FlowId, Side);

/// Whose data it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// Number of the bed among all that are known; small and dense.
    pub number: u32,
    /// The bed's number on the ward, where it is told.
    pub bed: Option<u16>,
    /// Whether patients can be told apart.
    pub told_apart: bool,
}

/// What is said of a bed.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// Samples of a signal.
    Waveform(&'a Waveform),
    /// Numbers.
    Measured(&'a [Sample]),
    /// Alarm limits in force from now on.
    Limits(&'a [AlarmLimit]),
    /// The monitor speaks of itself.
    Notice(&'a Notice),
    /// A cycle ends.
    CycleEnded,
}

#[derive(Clone, Debug)]
struct Place {
    bed: Box<Bed>,
    /// Who is believed, and when it last spoke.
    believed: Option<(Source, CaptureTime)>,
    waves: bool,
}

/// What a source feeds.
#[derive(Clone, Debug, Default)]
struct Feeds {
    last: Option<Row>,
    rows: Vec<u32>,
}

/// All beds.
#[derive(Clone, Debug)]
pub struct Ward {
    depth: Depth,
    thresholds: Thresholds,
    places: BTreeMap<u32, Place>,
    sources: BTreeMap<Source, Feeds>,
    table: Table,
    unchecked: u64,
}

impl Ward {
    /// Without beds.
    #[must_use]
    pub fn new(depth: Depth) -> Self {
        Self::with_thresholds(depth, Thresholds::default())
    }

    /// The same with other choices, for `evaluate`.
    #[must_use]
    pub fn with_thresholds(depth: Depth, thresholds: Thresholds) -> Self {
        Self {
            depth,
            thresholds,
            places: BTreeMap::new(),
            sources: BTreeMap::new(),
            table: Table::default(),
            unchecked: 0,
        }
    }

    /// Takes what `source` says of the bed `row`.
    pub fn take(&mut self, source: Source, row: Row, said: Said<'_>, at: At) {
        self.follow(source, row, at);
        let near = self.depth == Depth::Full;
        if !self.places.contains_key(&row.number) {
            if self.places.len() >= BEDS_MAX {
                self.unchecked += 1;
                return;
            }
            let bed = Box::new(Bed::new(row.number, row.bed, row.told_apart, near, &self.thresholds));
            self.places.insert(row.number, Place { bed, believed: None, waves: false });
        }
        let Some(place) = self.places.get_mut(&row.number) else { return };
        let waves = matches!(said, Said::Waveform(_));
        if !place.believes(source, waves, at) {
            return;
        }
        let bed = &mut place.bed;
        bed.bed = row.bed.or(bed.bed);
        bed.told_apart |= row.told_apart;
        match said {
            Said::Waveform(waveform) => bed.waveform(waveform, at, &mut self.table),
            Said::Measured(samples) => {
                bed.measured(samples, at);
                bed.moment(at);
            }
            Said::Limits(limits) => bed.limits(limits, at),
            Said::Notice(notice) => bed.notice(notice, at),
            Said::CycleEnded => self.cycle(row.number, at),
        }
    }

    /// Notes which beds a source feeds, and that it goes on with another patient of the same bed.
    fn follow(&mut self, source: Source, row: Row, at: At) {
        let feeds = self.sources.entry(source).or_default();
        let before = feeds.last.replace(row);
        if before.is_some_and(|before| before.number == row.number) {
            return;
        }
        if !feeds.rows.contains(&row.number) {
            if feeds.rows.len() >= ROWS_OF_SOURCE_MAX {
                feeds.rows.remove(0);
            }
            feeds.rows.push(row.number);
        }
        // Another row of the same bed: a patient's name replaced another's.
        let Some(before) =
            before.filter(|before| before.bed == row.bed && before.told_apart && row.told_apart)
        else {
            return;
        };
        let Some(last) = self.places.get(&before.number).and_then(|place| place.bed.shown_last()) else {
            return;
        };
        let seconds = at.time.nanos_since(last.time) as f32 / 1e9;
        let near = self.depth == Depth::Full;
        if seconds <= BREAK_SECONDS && self.places.len() < BEDS_MAX {
            let thresholds = &self.thresholds;
            let bed = || Box::new(Bed::new(row.number, row.bed, row.told_apart, near, thresholds));
            let place = self.places.entry(row.number);
            let place = place.or_insert_with(|| Place { bed: bed(), believed: None, waves: false });
            place.bed.renamed(seconds, last, at);
        }
    }

    /// Places what came again, and lets the bed answer.
    fn cycle(&mut self, number: u32, at: At) {
        let Some(place) = self.places.get_mut(&number) else { return };
        let found: Vec<_> = place.bed.repeats().collect();
        let own = place.bed.bed;
        let placed =
            found.into_iter().filter_map(|(channel, repeat)| self.place(number, own, channel, repeat, at));
        let repeated: Vec<Repeated> = placed.collect();
        if let Some(place) = self.places.get_mut(&number) {
            place.bed.cycle(&repeated, at);
        }
    }

    /// Where a repeated stretch was first seen; none where it is only passed on.
    fn place(
        &self,
        number: u32,
        own: Option<u16>,
        channel: Channel,
        repeat: Repeat,
        at: At,
    ) -> Option<Repeated> {
        let other = self.places.get(&repeat.bed);
        let earlier = other.and_then(|place| place.bed.when(repeat.channel, repeat.sample));
        if repeat.bed == number {
            return Some(Repeated { repeat, channel, earlier, other_bed: None });
        }
        let bed = other.and_then(|place| place.bed.bed);
        let soon = earlier.is_none_or(|earlier| at.time.nanos_since(earlier.time) <= FORWARD_NANOS);
        let forwarded = soon && (own.is_none() || bed.is_none() || own == bed);
        (!forwarded).then_some(Repeated { repeat, channel, earlier, other_bed: Some(bed) })
    }

    /// Bytes of `source` were not captured.
    pub fn lost(&mut self, source: Source) {
        for number in self.sources.get(&source).map(|feeds| feeds.rows.clone()).unwrap_or_default() {
            if let Some(place) = self.places.get_mut(&number).filter(|place| place.is_of(source)) {
                place.bed.gap();
            }
        }
    }

    /// The capturing side's clock was set by so many nanoseconds: nothing is compared over that moment.
    pub fn clock_set(&mut self, by: i64) {
        for place in self.places.values_mut() {
            place.bed.clock_set();
            if let Some((_, last)) = &mut place.believed {
                *last = last.plus_nanos(by);
            }
        }
    }

    /// The flow of `source` is over; its last frame came at `last`.
    pub fn ended(&mut self, source: Source, last: CaptureTime) {
        let Some(feeds) = self.sources.remove(&source) else { return };
        for number in feeds.rows {
            if let Some(place) = self.places.get_mut(&number).filter(|place| place.is_of(source)) {
                place.bed.ended(last);
                place.believed = None;
                place.waves = false;
            }
        }
    }

    /// Tells anew from here on: [`Self::rows`] forgets what was said so far, [`Self::failing`] what was said before
    /// `since`, and both every bed that is not among `known`.
    pub fn renew(&mut self, known: &BTreeSet<u32>, since: CaptureTime) {
        self.places.retain(|number, place| {
            place.bed.renew(since);
            known.contains(number)
        });
        for feeds in self.sources.values_mut() {
            feeds.rows.retain(|number| known.contains(number));
        }
        self.unchecked = 0;
    }

    /// What the checks say of a bed so far, in order of check, then of time.
    #[must_use]
    pub fn rows(&self, number: u32) -> Vec<IntegrityRow> {
        self.places.get(&number).map(|place| place.bed.rows()).unwrap_or_default()
    }

    /// The rows of a bed that say that it fails, also from before renewals, in order of check, then of time.
    #[must_use]
    pub fn failing(&self, number: u32) -> Vec<IntegrityRow> {
        self.places.get(&number).map(|place| place.bed.failing()).unwrap_or_default()
    }

    /// How much of a bed's time could be judged so far.
    #[must_use]
    pub fn judged(&self, number: u32) -> Option<Judged> {
        self.places.get(&number).map(|place| place.bed.judged())
    }

    /// What every check said of a bed at its last moment.
    pub fn now(&self, number: u32) -> impl Iterator<Item = (Check, Verdict)> {
        self.places.get(&number).into_iter().flat_map(|place| place.bed.now())
    }

    /// For how long the condition of each question has held on a bed, in seconds.
    #[must_use]
    pub fn held(&self, number: u32) -> [f32; Question::ALL.len()] {
        self.places.get(&number).map(|place| place.bed.held()).unwrap_or_default()
    }

    /// What every check said of a bed at its last moment, with the reason.
    pub fn standing(&self, number: u32) -> impl Iterator<Item = Standing> {
        self.places.get(&number).into_iter().flat_map(|place| place.bed.standing())
    }

    /// Units of beds that are not checked because there are too many.
    #[must_use]
    pub const fn unchecked(&self) -> u64 {
        self.unchecked
    }

    /// Fingerprints in the replay search's table.
    #[must_use]
    pub const fn fingerprints(&self) -> usize {
        self.table.held()
    }
}

impl Place {
    fn is_of(&self, source: Source) -> bool {
        self.believed.is_some_and(|(believed, _)| believed == source)
    }

    /// Whether `source` is the one that is believed: the first, until it falls silent or one with waveforms comes.
    fn believes(&mut self, source: Source, waves: bool, at: At) -> bool {
        let believed = match self.believed {
            Some((known, _)) if known == source => true,
            Some((_, last)) => at.time.nanos_since(last) >= SILENT_NANOS || waves && !self.waves,
            None => true,
        };
        if believed {
            if !self.is_of(source) {
                self.bed.reconnect(at);
                self.waves = false;
            }
            self.believed = Some((source, at.time));
            self.waves |= waves;
        }
        believed
    }
}
