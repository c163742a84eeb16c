//! From a live interface, or a capture that is played, to findings and reports, on one thread or several.
//!
//! The same stages as a scan: a batch from the ring, frames to their shards, observations to the judgement. With one worker everything
//! happens on the calling thread. With more, shards work on threads of their own (`crew.rs`), and the calling thread has everything
//! back when a step is done, but for what was told of the last batch: that is judged with the next, or when somebody asks. What cannot
//! be done in time the kernel counts.

use super::crew::{Crew, Judging};
use super::early::Known;
use super::feed::Feed;
use super::{count_growth, finish_all, judge_all, push_some, ready, show_all};
use crate::exit::Failure;
use crate::live::{Hub, Tap};
use detect::{Depth, Judgement, Past};
use flow::{SHARDS, Shard};
use ingest::{Batch, EvidenceCounts, EvidenceRecorder};
use inventory::Site;
use model::{
    CaptureSummary, CaptureTime, Coverage, Evidence, Finding, LinkFact, Mac, Observation, Observed, Origin,
    Report, Trend, VlanStack,
};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Batches with losses between two times that flows are told of it: telling walks all of them, which an overloaded
/// sensor can afford least. The first loss after a time without is told at once.
const LOSSES_UNTOLD_BATCHES_MAX: u32 = 32;

/// Frames that one thread takes alone, however many there are: waking the others would cost more than it saves.
const FEW_FRAMES_MAX: usize = 32;

/// A source of frames, and everything learnt from it.
pub(crate) struct Sensor {
    feed: Feed,
    judgement: Judgement,
    shards: Vec<Shard>,
    batch: Batch,
    out: Vec<Observation>,
    /// Several workers, where there are.
    crew: Option<Crew>,
    known: Known,
    /// Frames lost, as far as told.
    lost: u64,
    /// Batches since losses were told.
    quiet: u32,
    /// Time of the last frame.
    last: CaptureTime,
    /// Whether something was judged since findings were last looked for.
    fresh: bool,
    begun: Begun,
    /// Where raw frames are kept.
    evidence: Option<EvidenceRecorder>,
    /// How that did, when it came to its end.
    evidence_ended: Option<EvidenceCounts>,
    /// Who is shown what devices say at the bedside.
    tap: Option<Tap>,
}

/// What stood on the counters when the period began.
#[derive(Default)]
struct Begun {
    time: Option<CaptureTime>,
    frames: u64,
    bytes: u64,
    coverage: Coverage,
}

impl Sensor {
    /// Watches `feed` with so many workers, with what the site says of itself and what was before.
    ///
    /// # Errors
    /// [`Failure::Data`] where the compiled-in data does not load.
    pub(crate) fn new(
        (feed, workers): (Feed, usize),
        site: Site,
        integrity: Option<Depth>,
        wanted: flow::Options,
        past: Past,
    ) -> Result<Self, Failure> {
        let (judgement, shards) = ready(site, integrity, wanted)?;
        let judgement = judgement.remembering(past);
        Ok(Self {
            feed,
            judgement,
            shards,
            batch: Batch::new(),
            out: Vec::new(),
            crew: (workers > 1).then(|| Crew::new(workers.min(SHARDS))).transpose()?,
            known: Known::default(),
            lost: 0,
            quiet: LOSSES_UNTOLD_BATCHES_MAX,
            last: CaptureTime::default(),
            fresh: false,
            begun: Begun::default(),
            evidence: None,
            evidence_ended: None,
            tap: None,
        })
    }

    /// Keeps the raw frames from now on.
    pub(crate) fn keep_evidence(&mut self, recorder: EvidenceRecorder) {
        self.evidence = Some(recorder);
    }

    /// Shows in `hub` what devices say at the bedside, from now on.
    pub(crate) fn show(&mut self, hub: Arc<Hub>) {
        self.tap = Some(Tap::new(hub));
    }

    /// Raw frames belong to another period from now on.
    pub(crate) fn evidence_period(&mut self, name: &str) {
        if let Some(evidence) = &mut self.evidence {
            evidence.period(name);
        }
    }

    /// How keeping raw frames does, where they are kept.
    pub(crate) fn evidence(&self) -> Option<EvidenceCounts> {
        self.evidence.as_ref().map(EvidenceRecorder::counts).or(self.evidence_ended)
    }

    /// Ends the keeping of raw frames, all of which are written then.
    pub(crate) fn end_evidence(&mut self) {
        self.evidence_ended = self.evidence.take().map(EvidenceRecorder::end).or(self.evidence_ended);
    }

    /// Takes in what has arrived, waiting for it no longer than `wait`, and gives the number of frames.
    pub(crate) fn step(&mut self, wait: Duration) -> Result<usize, Failure> {
        self.feed.fill(&mut self.batch, wait)?;
        if let Some(evidence) = &mut self.evidence {
            evidence.take(&self.batch);
        }
        self.quiet = self.quiet.saturating_add(1);
        if self.lost_now() != self.lost && self.quiet >= LOSSES_UNTOLD_BATCHES_MAX {
            self.lose();
        }
        match self.feed.clock_step() {
            None => self.take_in(0..self.batch.len()),
            Some(by) => {
                let times = self.batch.frames().map(|frame| frame.time);
                let last = (self.last != CaptureTime::default()).then_some(self.last);
                let place = first_after(by, last, times).unwrap_or(self.batch.len());
                self.take_in(0..place);
                self.clock_set(by, place);
                self.take_in(place..self.batch.len());
            }
        }
        if self.batch.is_empty() {
            self.settle();
            self.shards.iter_mut().for_each(Shard::free_spare);
            self.out = Vec::new();
            self.crew.iter_mut().for_each(Crew::free_spare);
        }
        if let Some(frame) = self.batch.len().checked_sub(1).and_then(|last| self.batch.frame(last)) {
            self.last = frame.time;
            self.fresh = true;
        }
        Ok(self.batch.len())
    }

    /// Judges the frames of the batch at these places.
    fn take_in(&mut self, places: Range<usize>) {
        if places.len() > FEW_FRAMES_MAX
            && let Some(crew) = &mut self.crew
        {
            let mut judging = Judging { judgement: &mut self.judgement, tap: self.tap.as_mut() };
            crew.push(&self.batch, places, &mut self.shards, &mut judging);
            // A batch that is full is followed by another, whose shards work meanwhile.
            if !self.batch.is_full() {
                self.settle();
            }
            return;
        }
        self.settle();
        push_some(&self.batch, places, &mut self.shards, &mut self.out);
        match &mut self.tap {
            None => judge_all(&mut self.out, &mut self.judgement),
            Some(tap) => show_all(&mut self.out, &mut self.judgement, tap),
        }
    }

    /// Judges what several workers told and nobody has judged yet.
    fn settle(&mut self) {
        if let Some(crew) = &mut self.crew {
            crew.settle(&mut Judging { judgement: &mut self.judgement, tap: self.tap.as_mut() });
        }
    }

    /// The judgement, of everything that was taken in.
    fn judged(&mut self) -> &mut Judgement {
        self.settle();
        &mut self.judgement
    }

    /// The judgement, of everything that was taken in, and of what flows that go on have carried so far.
    fn counted_up(&mut self) -> &mut Judgement {
        self.settle();
        count_growth(&mut self.shards, &mut self.judgement, &mut self.out);
        &mut self.judgement
    }

    /// The clock was set by so many nanoseconds before the frame at `place` of the batch.
    fn clock_set(&mut self, by: i64, place: usize) {
        let before = place.checked_sub(1).and_then(|place| self.batch.frame(place));
        let before = before.map_or(self.last, |frame| frame.time);
        let time = self.batch.frame(place).map_or_else(|| before.plus_nanos(by), |frame| frame.time);
        self.shards.iter_mut().for_each(|shard| shard.clock_set(by));
        let set = self.of_nobody(time, LinkFact::ClockSet(by));
        self.judged().observe(&set);
        self.last = time;
    }

    /// Something that no host did.
    fn of_nobody(&self, time: CaptureTime, fact: LinkFact) -> Observation {
        let order = self.batch.first_order();
        Observation {
            time,
            order,
            evidence: Evidence { capture: 0, frame: order },
            origin: Origin::Link { mac: Mac::default(), ip: None, vlans: VlanStack::default() },
            observed: Observed::Link(fact),
        }
    }

    /// Frames lost so far, by whomever.
    fn lost_now(&self) -> u64 {
        self.feed.lost_anywhere()
    }

    /// Tells that frames were lost: nobody knows whose.
    fn lose(&mut self) {
        self.feed.before();
        let now = self.lost_now();
        let count = now.saturating_sub(self.lost);
        if count == 0 {
            return;
        }
        (self.lost, self.quiet) = (now, 0);
        let lost = self.of_nobody(self.last, LinkFact::Lost(count));
        self.judged().observe(&lost);
    }

    /// Where its frames come from.
    pub(crate) const fn feed(&mut self) -> &mut Feed {
        &mut self.feed
    }

    /// Flows alive.
    pub(crate) fn flows(&self) -> usize {
        self.shards.iter().map(Shard::flows).sum()
    }

    /// The vital signs since this was last asked.
    pub(crate) fn turn(&mut self) -> Vec<Trend> {
        self.judged().turn()
    }

    /// Whether it is time to renew, whatever the clock says.
    pub(crate) fn is_crowded(&self) -> bool {
        self.judgement.is_crowded()
    }

    /// Begins a new period: what was told is let go, and what goes on is known on.
    pub(crate) fn renew(&mut self) {
        let begun = self.begun.time.or(self.feed.summary().first).unwrap_or(self.last);
        let last = self.last;
        self.counted_up().renew(begun, last);
        self.known.renew();
        self.begun = Begun {
            time: Some(self.last),
            frames: self.feed.frames(),
            bytes: self.feed.bytes(),
            coverage: self.counted(),
        };
    }

    /// Findings that were made, or are not as grave and sure as they were when this was last asked.
    pub(crate) fn new_findings(&mut self) -> Vec<Finding> {
        self.hand_over_evidence();
        self.lose();
        if !std::mem::take(&mut self.fresh) {
            return Vec::new();
        }
        let findings = self.counted_up().findings();
        self.known.new_of(findings)
    }

    /// Frames that were read are on their way to the disk before something takes its time.
    fn hand_over_evidence(&mut self) {
        if let Some(evidence) = &mut self.evidence {
            evidence.flush();
        }
    }

    /// The report of the period so far; flows go on.
    pub(crate) fn report(&mut self) -> Report {
        self.hand_over_evidence();
        self.lose();
        let coverage = self.counted().since(&self.begun.coverage);
        let summary = self.summary();
        self.counted_up().report(vec![summary], coverage)
    }

    /// Ends every flow and gives the report of the period, and its last minutes of vital signs, at the end.
    pub(crate) fn finish(mut self) -> (Report, Vec<Trend>) {
        self.end_evidence();
        self.lose();
        self.settle();
        let mut coverage = finish_all(&mut self.shards, &mut self.judgement);
        coverage.frames_lost = self.feed.lost();
        let coverage = coverage.since(&self.begun.coverage);
        let summary = self.summary();
        let trends = self.judgement.turn();
        (self.judgement.finish(vec![summary], coverage), trends)
    }

    /// Everything counted since the start.
    fn counted(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for shard in &self.shards {
            coverage.add(&shard.coverage());
        }
        coverage.frames_lost = self.feed.lost();
        coverage
    }

    /// What was read in the period.
    fn summary(&mut self) -> CaptureSummary {
        let all = self.feed.summary();
        let any = all.frames > self.begun.frames;
        CaptureSummary {
            frames: all.frames.saturating_sub(self.begun.frames),
            bytes: all.bytes.saturating_sub(self.begun.bytes),
            first: self.begun.time.filter(|_| any).or(all.first.filter(|_| self.begun.time.is_none())),
            last: all.last.filter(|_| any),
            ..all
        }
    }
}

/// The place of the first frame whose time is of a clock that was set by so many nanoseconds after `last`: the frame from which on
/// times have moved by rather as much as that than not at all. Without a time before it, the first frame tells nothing.
fn first_after(
    by: i64,
    last: Option<CaptureTime>,
    mut times: impl Iterator<Item = CaptureTime>,
) -> Option<usize> {
    let mut before = last;
    times.position(|time| {
        before.replace(time).is_some_and(|before| {
            let moved = time.nanos_since(before);
            moved.saturating_sub(by).unsigned_abs() < moved.unsigned_abs()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::write::{PcapWriter, Resolution};
    use model::{Frame, LinkType};
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    const SECOND_NS: i64 = 1_000_000_000;
    const DAY_NS: i64 = 86_400 * SECOND_NS;

    /// A ward that leaks and fetches code, as a capture whose clock is set after so many frames; and how many there are.
    fn ward(path: &Path, minutes: f64, set: Option<(u64, i64)>) -> u64 {
        let scenarios = ["leak", "update-udp"].map(|name| name.parse().unwrap()).to_vec();
        let ward = simulate::Ward { monitors: 3, minutes, scenarios, ..simulate::Ward::default() };
        let mut capture = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos).unwrap();
        let mut number = 0;
        let mut take = |time: CaptureTime, bytes: &[u8]| {
            let by = set.filter(|(after, _)| *after <= number).map_or(0, |(_, by)| by);
            number += 1;
            let original_bytes = u32::try_from(bytes.len()).unwrap();
            let time = time.plus_nanos(by);
            capture.write(&Frame {
                capture: 0,
                number,
                time,
                link: LinkType::Ethernet,
                original_bytes,
                bytes,
            })
        };
        ward.write(&mut take, &mut |_| ()).unwrap();
        std::fs::write(path, capture.finish().unwrap()).unwrap();
        number
    }

    fn place(test: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lazaret-clock-{test}-{}.pcap", std::process::id()))
    }

    /// What a sensor makes of the ward, whose clock is set.
    fn watched(test: &str, set: Option<(u64, i64)>, depth: Option<Depth>) -> (Report, Vec<Trend>) {
        watched_by(1, test, set, depth)
    }

    fn watched_by(
        workers: usize,
        test: &str,
        set: Option<(u64, i64)>,
        depth: Option<Depth>,
    ) -> (Report, Vec<Trend>) {
        let path = place(test);
        ward(&path, if depth.is_some() { 2.0 } else { 0.5 }, set);
        let mut feed = Feed::capture(&path).unwrap();
        if let Some((after, by)) = set {
            feed.set_clock(after, by);
        }
        let past = Past::default();
        let wanted = flow::Options::default();
        let mut sensor = Sensor::new((feed, workers), Site::default(), depth, wanted, past).unwrap();
        while !sensor.feed().has_ended() {
            sensor.step(Duration::ZERO).unwrap();
        }
        std::fs::remove_file(path).unwrap();
        sensor.finish()
    }

    /// What findings say, apart from times.
    fn said(report: &Report) -> BTreeSet<String> {
        let said = |one: &Finding| {
            let Finding { rule, asset, peer, severity, certainty, count, evidence, .. } = one;
            format!("{rule} {asset:?} {peer:?} {severity:?} {certainty:?} {count} {evidence:?}")
        };
        report.findings.iter().map(said).collect()
    }

    /// Who talked to whom, with how much; times aside.
    fn talks(report: &Report) -> BTreeSet<String> {
        let of = |asset: &model::Asset| {
            let id = asset.id;
            let row = move |talk: &model::Conversation| {
                let model::Conversation { peer, protocol, direction, frames, bytes_out, bytes_in, .. } = talk;
                format!("{id:?} {peer:?} {protocol:?} {direction:?} {frames} {bytes_out} {bytes_in}")
            };
            asset.conversations.iter().map(row).collect::<Vec<_>>()
        };
        report.assets.iter().flat_map(of).collect()
    }

    fn samples(trends: &[Trend]) -> u64 {
        trends.iter().flat_map(|trend| trend.numerics.values()).map(|range| range.samples).sum()
    }

    #[test]
    fn connections_that_go_on_are_counted_as_if_they_had_ended_by_one_worker_or_two() {
        for workers in [1, 2] {
            let path = place(&format!("goes-on-{workers}"));
            ward(&path, 0.5, None);
            let feed = Feed::capture(&path).unwrap();
            let wanted = flow::Options::default();
            let mut sensor =
                Sensor::new((feed, workers), Site::default(), None, wanted, Past::default()).unwrap();
            let mut looks = 0;
            while !sensor.feed().has_ended() {
                sensor.step(Duration::ZERO).unwrap();
                // Asking along the way changes nothing.
                looks += sensor.new_findings().len();
            }
            std::fs::remove_file(path).unwrap();
            let flows = sensor.flows();
            let report = sensor.report();
            assert!(looks > 0 && flows > 3, "{looks} findings, {flows} flows alive");
            let bytes =
                |asset: &model::Asset| asset.conversations.iter().map(|talk| talk.bytes_out).sum::<u64>();
            assert!(report.assets.iter().filter(|asset| bytes(asset) > 1_000).count() >= 3);
            assert_eq!(talks(&report), talks(&sensor.finish().0));
        }
    }

    #[test]
    fn nothing_is_lost_or_doubled_or_made_up_where_the_clock_is_set() {
        let path = place("count");
        let frames = ward(&path, 0.5, None);
        std::fs::remove_file(path).unwrap();
        let (plain, trends) = watched("plain", None, None);
        assert!(plain.findings.len() > 4 && samples(&trends) > 100, "{} findings", plain.findings.len());
        for by in [400 * DAY_NS, DAY_NS, 2 * SECOND_NS, -2 * SECOND_NS, -DAY_NS, -400 * DAY_NS] {
            for after in [1, frames / 3, frames / 2, frames - 1] {
                let (set, set_trends) = watched("set", Some((after, by)), None);
                let what = format!("by {} s after {after} of {frames} frames", by / SECOND_NS);
                assert_eq!(said(&set), said(&plain), "{what}");
                assert_eq!(talks(&set), talks(&plain), "{what}");
                assert_eq!(set.coverage, plain.coverage, "{what}");
                assert_eq!(samples(&set_trends), samples(&trends), "{what}");
                assert!(set_trends.iter().all(|trend| trend.first <= trend.last), "{what}");
                let spots =
                    set.blind_spots.iter().filter(|spot| spot.starts_with("1 times the sensor's clock"));
                assert_eq!(spots.count(), 1, "{what}: {:?}", set.blind_spots);
            }
        }
    }

    #[test]
    fn several_workers_tell_what_one_does_to_the_byte() {
        let json = |report: &Report| {
            let mut text = Vec::new();
            export::report1::write(report, export::Tool::lazaret("test"), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        for set in [None, Some((400, -DAY_NS))] {
            let (one, one_trends) = watched("workers", set, Some(Depth::Default));
            assert!(one.findings.len() > 4, "{} findings", one.findings.len());
            for workers in [2, 3, 99] {
                let (several, trends) = watched_by(workers, "workers", set, Some(Depth::Default));
                assert_eq!(json(&several), json(&one), "{workers} workers, {set:?}");
                assert_eq!(trends, one_trends, "{workers} workers, {set:?}");
            }
        }
    }

    #[test]
    fn checks_of_vital_signs_make_nothing_of_a_clock_that_is_set() {
        let failing = |report: &Report| {
            report.findings.iter().filter(|finding| finding.rule == "vitals-untrusted").count()
        };
        for by in [DAY_NS, 7 * SECOND_NS, -7 * SECOND_NS, -DAY_NS] {
            let (set, _) = watched("checked", Some((2_000, by)), Some(Depth::Default));
            assert_eq!(failing(&set), 0, "by {} s", by / SECOND_NS);
        }
    }

    #[test]
    fn the_first_frame_by_the_new_clock_is_found_among_the_others() {
        let time = |milliseconds: i64| CaptureTime::from_nanos(milliseconds * 1_000_000);
        let found = |by: i64, times: &[i64]| {
            first_after(by * 1_000_000, Some(time(1_000)), times.iter().map(|at| time(*at)))
        };
        assert_eq!(found(5_000, &[1_001, 1_002, 6_003, 6_004]), Some(2));
        assert_eq!(found(-5_000, &[1_001, -3_998, -3_997]), Some(1));
        assert_eq!(found(5_000, &[6_001, 6_002]), Some(0));
        assert_eq!(found(5_000, &[1_001, 1_900]), None, "a pause is none");
        assert_eq!(found(5_000, &[]), None);
        let first = [time(9_000), time(9_001), time(14_002)];
        assert_eq!(first_after(5_000_000_000, None, first.into_iter()), Some(2), "nothing was before");
    }
}
