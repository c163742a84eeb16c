//! A subject through encoder, parser and checks, second by second.

use super::subject::{BREATH_HERTZ, HERTZ, Subject};
use model::{
    CaptureTime, Check, Evidence, Fact, Field, FlowId, LinkFact, Schema, Side, Text, Transport, Value,
    Verdict,
};
use simulate::encode::{self, Cycle};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use vitals::{At, Depth, Question, Row, Said, Thresholds, Ward};
use wire::{ContentId, ContentPart, Expectation, Login, Parser, PatientFields, Sink, Start, Step};

/// What every check said in one second.
pub type Second = [Option<Verdict>; Check::ALL.len()];

/// Everything that was said of one bed.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// By second.
    pub seconds: Vec<Second>,
    /// The longest that the condition of each question held, in seconds.
    pub longest: [f32; Question::ALL.len()],
    /// Rows at the end.
    pub rows: Vec<model::IntegrityRow>,
    /// Seconds that could be judged, of how many.
    pub judged: (u64, u64),
}

/// Collects facts.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Sink for Facts {
    fn time(&self) -> CaptureTime {
        CaptureTime::default()
    }
    fn wants_message(&self, _: &'static Schema) -> bool {
        false
    }
    fn wants_waveforms(&self) -> bool {
        true
    }
    fn message(&mut self, _: &'static Schema, _: &[(&'static Field, Value)], _: Range<usize>) {}
    fn fact(&mut self, fact: Fact, _: Range<usize>) {
        self.0.push(fact);
    }
    fn fact_of_other(&mut self, _: Fact, _: Range<usize>) {}
    fn link(&mut self, _: LinkFact, _: Range<usize>) {}
    fn patient(&mut self, _: &PatientFields<'_>, _: Range<usize>) {}
    fn login(&mut self, _: &Login<'_>, _: Range<usize>) {}
    fn content(&mut self, _: ContentId, _: ContentPart<'_>) {}
    fn expect(&mut self, _: Expectation) {}
    fn remember(&mut self, _: u64, _: Text) {}
    fn recall(&self, _: u64) -> Option<Text> {
        None
    }
}

/// One monitor on the wire.
struct Line {
    parser: Box<dyn Parser>,
    number: u32,
}

/// The name under which the registry knows the monitor.
const MONITOR: &str = "cms8000";

impl Line {
    fn new(number: u32) -> Option<Self> {
        let row = wire::proto::PROTOCOLS.iter().find(|row| row.name == MONITOR)?;
        let end = |port| model::Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
        let start = Start {
            transport: Transport::Tcp,
            client: end(1025),
            server: end(515),
            expected: None,
            midstream: false,
        };
        Some(Self { parser: (row.start)(&start), number })
    }

    fn read(&mut self, mut bytes: &[u8], at: At, ward: &mut Ward) {
        let mut facts = Facts::default();
        while !bytes.is_empty() {
            let Step::Done(read) = self.parser.step(Side::Client, bytes, &mut facts) else { break };
            bytes = bytes.get(read..).unwrap_or_default();
        }
        let source = (FlowId { shard: 0, slot: self.number }, Side::Client);
        let row = Row { number: self.number, bed: Some(self.number as u16 + 1), told_apart: false };
        for fact in &facts.0 {
            let said = match fact {
                Fact::Waveform(waveform) => Said::Waveform(waveform),
                Fact::Measured(samples) => Said::Measured(samples),
                Fact::LimitsSet(limits) => Said::Limits(limits),
                Fact::Notice(notice) => Said::Notice(notice),
                Fact::CycleEnded(_) => Said::CycleEnded,
                _ => continue,
            };
            ward.take(source, row, said, at);
        }
    }
}

fn units(subject: &Subject, second: usize) -> Vec<u8> {
    let block = |codes: &'_ [u8], hertz: usize| -> Vec<u8> {
        codes.get(second * hertz..(second + 1) * hertz).unwrap_or_default().to_vec()
    };
    let [one, two, three] = &subject.ecg;
    let ecg = [block(one, HERTZ), block(two, HERTZ), block(three, HERTZ)];
    let pleth = block(&subject.pleth, HERTZ);
    let numbers = subject.numbers.get(second).copied().unwrap_or_default();
    let cycle = Cycle {
        ecg: [&ecg[0], &ecg[1], &ecg[2]],
        respiration: &block(&subject.respiration, BREATH_HERTZ),
        pleth: (!pleth.is_empty()).then_some(&pleth),
        heart_rate: numbers.heart_rate,
        respiration_rate: numbers.respiration_rate,
        spo2: numbers.spo2,
        pulse_rate: numbers.pulse_rate,
        heart_rate_limits: numbers.limits.unwrap_or((130, 45)),
        heart_rate_alarm: !numbers.alarm_off,
    };
    cycle.units()
}

/// A ward at some moment: trials that begin at one moment share what came before.
#[derive(Clone, Debug)]
pub struct Moment {
    ward: Ward,
    /// The next second.
    second: usize,
}

impl Moment {
    /// Before anything.
    pub fn first(depth: Depth, thresholds: Thresholds) -> Self {
        Self { ward: Ward::with_thresholds(depth, thresholds), second: 0 }
    }
}

/// What a ward of these subjects, all at once, says of the first of them.
pub fn run(subjects: &[&Subject], depth: Depth, thresholds: Thresholds) -> Run {
    run_from(Moment::first(depth, thresholds), subjects, &[]).0
}

/// The same from `from` on, where the seconds before are left out of [`Run::seconds`] as empty; also the ward as it was
/// before each of the seconds `moments`.
pub fn run_from(from: Moment, subjects: &[&Subject], moments: &[usize]) -> (Run, Vec<Moment>) {
    let Moment { mut ward, second: begin } = from;
    let mut lines: Vec<Line> = (0..subjects.len() as u32).filter_map(Line::new).collect();
    let seconds = subjects.first().map_or(0, |subject| subject.seconds());
    let mut run = Run { seconds: vec![Second::default(); begin], ..Run::default() };
    let mut kept = Vec::new();
    for second in begin..seconds {
        if moments.contains(&second) {
            kept.push(Moment { ward: ward.clone(), second });
        }
        for (line, subject) in lines.iter_mut().zip(subjects).rev() {
            let frame = second as u64 + 1;
            let time =
                CaptureTime::from_nanos(second as i64 * 1_000_000_000 + i64::from(line.number) * 10_000_000);
            let at = At { time, evidence: Evidence { capture: 0, frame } };
            let mut bytes = if second == begin { encode::bed(line.number as u8 + 1) } else { Vec::new() };
            bytes.extend_from_slice(&units(subject, second));
            line.read(&bytes, at, &mut ward);
        }
        run.seconds.push(said(&ward));
        for (longest, held) in run.longest.iter_mut().zip(ward.held(0)) {
            *longest = longest.max(held);
        }
    }
    run.rows = ward.rows(0);
    run.judged = ward.judged(0).map_or((0, 0), |judged| (judged.seconds, judged.of_seconds));
    (run, kept)
}

fn said(ward: &Ward) -> Second {
    let mut said = Second::default();
    for (check, verdict) in ward.now(0) {
        if let Some(place) = said.get_mut(check as usize) {
            *place = Some(verdict);
        }
    }
    said
}
