//! The vital signs of each bed in full: every number, every sample, every change of a limit, with its time.
//!
//! [`Inventory`](crate::Inventory) keeps ranges, which is what a report needs and costs next to nothing. A
//! recorder keeps the series. It is fed beside the inventory, which tells it the bed of each fact, so that both
//! speak of the same beds; it knows no format.
//!
//! # Limits
//! The first values stay and later ones are left out, which [`LeftOut`] counts: [`NUMERICS_PER_BED_MAX`],
//! [`NUMERICS_MAX`], [`WAVE_BYTES_PER_BED_MAX`], [`WAVE_BYTES_MAX`], [`NOTICE_RECORDS_MAX`],
//! [`LIMIT_RECORDS_MAX`], [`CYCLE_RECORDS_MAX`].

use crate::bed::BedRow;
use crate::pace::{Beat, Pace};
use model::{
    AlarmLimit, BedRecording, BedVitals, CaptureTime, Channel, ChannelRecording, Evidence, Fact, LeftOut,
    LimitInForce, Notice, NoticeAt, NumericPoint, Observation, Observed, Sample, SampleCounts, Stretch,
    Vital, Waveform, WaveformPayload,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most numbers of one bed. Our limit: 64 MiB, five days of a monitor that sends ten a second.
pub const NUMERICS_PER_BED_MAX: u64 = 4 << 20;
/// Most numbers in all. Our limit: 1 GiB.
pub const NUMERICS_MAX: u64 = 64 << 20;
/// Most bytes of waveforms of one bed. Our limit: about two and a half days of a monitor with five channels.
pub const WAVE_BYTES_PER_BED_MAX: u64 = 256 << 20;
/// Most bytes of waveforms in all. Our limit: about ten bed-days.
pub const WAVE_BYTES_MAX: u64 = 1 << 30;
/// Most notices of one bed. Our limit.
pub const NOTICE_RECORDS_MAX: usize = 1 << 14;
/// Most changes of one alarm limit of one bed. Our limit.
pub const LIMIT_RECORDS_MAX: usize = 1 << 12;
/// Most cycles of one bed whose time is kept; further ones are only counted. Our limit: 48 days at one a second.
pub const CYCLE_RECORDS_MAX: usize = 1 << 22;

/// What is to be recorded.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only these beds; every bed where empty.
    pub beds: BTreeSet<u16>,
    /// From here on.
    pub from: Option<CaptureTime>,
    /// Up to here.
    pub to: Option<CaptureTime>,
    /// Samples of waveforms are counted only, whoever else looks at them.
    pub without_samples: bool,
}

impl Wanted {
    fn holds(&self, time: CaptureTime) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }

    fn holds_bed(&self, bed: Option<u16>) -> bool {
        self.beds.is_empty() || bed.is_some_and(|bed| self.beds.contains(&bed))
    }
}

/// Keeps the series of every bed.
#[derive(Debug, Default)]
pub struct Recorder {
    wanted: Wanted,
    tapes: BTreeMap<u32, Tape>,
    numerics: u64,
    wave_bytes: u64,
}

/// What is kept of one bed.
#[derive(Debug, Default)]
struct Tape {
    span: Option<(CaptureTime, CaptureTime)>,
    cycles: u64,
    cycle_times: Vec<Beat>,
    numerics: BTreeMap<Vital, Vec<NumericPoint>>,
    numerics_count: u64,
    waves: BTreeMap<Channel, Wave>,
    wave_bytes: u64,
    limits: BTreeMap<Vital, Vec<LimitInForce>>,
    notices: Vec<NoticeAt>,
    left_out: LeftOut,
}

#[derive(Debug, Default)]
struct Wave {
    /// Samples seen, carried or not.
    seen: u64,
    /// `seen` when the first cycle ended, and at the last, with the cycles between them.
    at_first_cycle: Option<u64>,
    at_last_cycle: u64,
    cycles: u64,
    samples: Vec<u8>,
    /// One for each block: when it arrived and where it ends.
    blocks: Vec<Beat>,
}

impl Recorder {
    /// Has recorded nothing yet.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Takes in one observation of a bed, of which the inventory has learnt before.
    pub fn record(&mut self, row: BedRow, observation: &Observation) {
        let BedRow { number: id, bed, .. } = row;
        let (time, evidence) = (observation.time, observation.evidence);
        let Observed::Fact(fact) = &observation.observed else { return };
        if bed.is_some() && !self.wanted.holds_bed(bed) {
            return;
        }
        let inside = self.wanted.holds(time);
        let early = self.wanted.from.is_some_and(|from| time < from);
        match fact {
            // A limit stays in force: what was set before the time that is wanted holds in it.
            Fact::LimitsSet(limits) if inside || early => {
                let from = self.wanted.from;
                self.tape(id, time, inside).limits(limits, time, evidence, from);
            }
            Fact::Measured(samples) if inside => self.measured(id, samples, time),
            Fact::Waveform(waveform) if inside => self.waveform(id, waveform, time),
            Fact::Notice(notice) if inside => self.tape(id, time, true).notice(notice, time, evidence),
            Fact::CycleEnded(passed) if inside => self.tape(id, time, true).cycle(passed, time),
            _ => {}
        }
    }

    fn tape(&mut self, id: u32, time: CaptureTime, inside: bool) -> &mut Tape {
        let tape = self.tapes.entry(id).or_default();
        if inside {
            let (first, last) = tape.span.unwrap_or((time, time));
            tape.span = Some((first.min(time), last.max(time)));
        }
        tape
    }

    fn measured(&mut self, id: u32, samples: &[Sample], time: CaptureTime) {
        let total = self.numerics;
        let tape = self.tape(id, time, true);
        let before = tape.numerics_count;
        for sample in samples {
            if tape.numerics_count >= NUMERICS_PER_BED_MAX
                || total + (tape.numerics_count - before) >= NUMERICS_MAX
            {
                tape.left_out.numerics += 1;
                continue;
            }
            let Sample { vital, value, validity } = *sample;
            if value.is_finite() {
                tape.numerics_count += 1;
                tape.numerics.entry(vital).or_default().push(NumericPoint { time, value, validity });
            }
        }
        self.numerics += tape.numerics_count - before;
    }

    fn waveform(&mut self, id: u32, waveform: &Waveform, time: CaptureTime) {
        let (total, without) = (self.wave_bytes, self.wanted.without_samples);
        let tape = self.tape(id, time, true);
        let wave = tape.waves.entry(waveform.channel).or_default();
        wave.seen += u64::from(waveform.samples);
        let WaveformPayload::U8(samples) = &waveform.payload else { return };
        if without {
            return;
        }
        let cost = (samples.len() + size_of::<Beat>()) as u64;
        if tape.wave_bytes + cost > WAVE_BYTES_PER_BED_MAX || total + cost > WAVE_BYTES_MAX {
            tape.left_out.samples += samples.len() as u64;
            return;
        }
        wave.samples.extend_from_slice(samples);
        wave.blocks.push(Beat { time, units: wave.samples.len() as u64 });
        tape.wave_bytes += cost;
        self.wave_bytes += cost;
    }

    /// What was recorded of `beds`, which come with their [`BedRow::number`], by bed number; those without one come last.
    #[must_use]
    pub fn finish(mut self, beds: Vec<(u32, BedVitals)>) -> Vec<BedRecording> {
        let mut recordings = Vec::new();
        for (id, bed) in beds {
            if let Some(tape) = self.tapes.remove(&id)
                && self.wanted.holds_bed(bed.bed)
            {
                recordings.extend(tape.finish(bed));
            }
        }
        recordings.sort_by_key(|one: &BedRecording| (one.bed.is_none(), one.bed, one.asset, one.first));
        recordings
    }
}

impl Tape {
    fn limits(
        &mut self,
        limits: &[AlarmLimit],
        time: CaptureTime,
        evidence: Evidence,
        from: Option<CaptureTime>,
    ) {
        for limit in limits {
            let changes = self.limits.entry(limit.vital).or_default();
            if changes.last().is_some_and(|last| last.limit == *limit) {
                continue;
            }
            // Before the time that is wanted only what is in force at its start counts.
            if from.is_some_and(|from| time < from) {
                changes.clear();
            }
            if changes.len() >= LIMIT_RECORDS_MAX {
                self.left_out.limits += 1;
                continue;
            }
            changes.push(LimitInForce { limit: *limit, since: time, evidence });
        }
    }

    fn notice(&mut self, notice: &Notice, time: CaptureTime, evidence: Evidence) {
        if self.notices.len() >= NOTICE_RECORDS_MAX {
            self.left_out.notices += 1;
            return;
        }
        self.notices.push(NoticeAt { time, code: notice.code, text: notice.text.clone(), evidence });
    }

    fn cycle(&mut self, passed: &SampleCounts, time: CaptureTime) {
        self.cycles += 1;
        if self.cycle_times.len() < CYCLE_RECORDS_MAX {
            self.cycle_times.push(Beat { time, units: self.cycles });
        }
        for (channel, samples) in passed.iter() {
            self.waves.entry(channel).or_default().seen += u64::from(samples);
        }
        for wave in self.waves.values_mut() {
            wave.at_last_cycle = wave.seen;
            if wave.at_first_cycle.is_none() {
                wave.at_first_cycle = Some(wave.seen);
            } else {
                wave.cycles += 1;
            }
        }
    }

    /// Nothing where only limits from before the wanted time are known.
    fn finish(self, bed: BedVitals) -> Option<BedRecording> {
        let (first, last) = self.span?;
        let pace = Pace::of(&self.cycle_times, None);
        let per_second = pace.as_ref().map(|pace| pace.units_per_second);
        let channel = |(channel, wave): (Channel, Wave)| (channel, wave.finish(per_second));
        Some(BedRecording {
            asset: bed.asset,
            bed: bed.bed,
            patient: bed.patient,
            first,
            last,
            cycles: self.cycles,
            cycle_ns: per_second.map(|per_second| (1e9 / per_second).round() as u64),
            numerics: self.numerics,
            recomputed: BTreeMap::new(),
            channels: self.waves.into_iter().map(channel).collect(),
            limits: self.limits,
            notices: self.notices,
            gaps: pace.map(|pace| pace.gaps(&self.cycle_times)).unwrap_or_default(),
            integrity: bed
                .integrity
                .into_iter()
                .filter(|row| row.last >= first && row.first <= last)
                .collect(),
            judged: bed.judged,
            score: None,
            left_out: self.left_out,
        })
    }
}

impl Wave {
    fn finish(self, cycles_per_second: Option<f64>) -> ChannelRecording {
        let counted = self.at_first_cycle.map_or(0, |first| self.at_last_cycle - first);
        let per_cycle = (self.cycles > 0).then(|| counted as f64 / self.cycles as f64);
        let expected = per_cycle.zip(cycles_per_second).map(|(samples, cycles)| samples * cycles);
        let expected = expected.filter(|rate| rate.is_finite() && *rate > 0.0);
        let pace = expected.and_then(|rate| Pace::of(&self.blocks, Some(rate)));
        let rate_hz = pace.as_ref().map(|pace| pace.units_per_second).or(expected);
        let stretches = match &pace {
            Some(pace) => pace.stretches(&self.blocks, &self.samples),
            // Without a rate nothing is known of what lies between two blocks.
            None => blocks_alone(&self.blocks, &self.samples),
        };
        ChannelRecording { samples: self.seen, rate_hz, stretches }
    }
}

fn blocks_alone(blocks: &[Beat], samples: &[u8]) -> Vec<Stretch> {
    let starts = std::iter::once(0).chain(blocks.iter().map(|block| block.units));
    let stretch = |(from, block): (u64, &Beat)| {
        let samples = samples.get(from as usize..block.units as usize)?;
        Some(Stretch { start: block.time, samples: samples.to_vec() })
    };
    starts.zip(blocks).filter_map(stretch).collect()
}
