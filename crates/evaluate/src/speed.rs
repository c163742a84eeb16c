//! What the checks cost on many beds at once, without reading a capture: CPU time of this thread, memory of the process.

use evaluate::tamper::subject::{self, BREATH_HERTZ, HERTZ, Numbers, Subject};
use evaluate::{Fault, cpu_seconds};
use model::{
    CaptureTime, Channel, Evidence, FlowId, Sample, Side, Validity, Vital, Waveform, WaveformPayload,
};
use std::path::Path;
use vitals::{At, Depth, Row, Said, Ward};

/// A bed: whose recording, and from which second on.
struct Bed<'a> {
    subject: &'a Subject,
    number: u32,
    from: usize,
}

/// By how much codes are shrunk at most, so that no two beds send the same samples, nor one bed twice: in 1,024ths.
const SHRUNK_MAX: u32 = 300;

impl Bed<'_> {
    /// The block of a channel in second `second`; the recording begins again at its end, a little lower.
    fn block(&self, codes: &[u8], hertz: usize, second: usize) -> Box<[u8]> {
        let seconds = (codes.len() / hertz).max(1);
        let (pass, place) = ((self.from + second) / seconds, (self.from + second) % seconds);
        let gain = 1_024 - (self.number * 997 + pass as u32 * 131) % SHRUNK_MAX;
        let codes = codes.get(place * hertz..(place + 1) * hertz).unwrap_or_default();
        codes.iter().map(|code| (u32::from(*code) * gain / 1_024) as u8).collect()
    }

    /// What the bed says in second `second`.
    fn speech(&self, second: usize) -> Speech {
        let number = self.number;
        let time = CaptureTime::from_nanos(second as i64 * 1_000_000_000 + i64::from(number) * 1_000_000);
        let [one, two, three] = &self.subject.ecg;
        let waves = [
            (Channel::Ecg(1), one, HERTZ),
            (Channel::Ecg(2), two, HERTZ),
            (Channel::Ecg(3), three, HERTZ),
            (Channel::Pleth, &self.subject.pleth, HERTZ),
            (Channel::Respiration, &self.subject.respiration, BREATH_HERTZ),
        ];
        let waves = waves.into_iter().filter(|(_, codes, _)| !codes.is_empty());
        let waves = waves.map(|(channel, codes, hertz)| {
            let payload = WaveformPayload::U8(self.block(codes, hertz, second));
            Waveform { channel, samples: hertz as u32, payload }
        });
        let place = (self.from + second) % self.subject.seconds().max(1);
        let numbers = self.subject.numbers.get(place).copied().unwrap_or_default();
        let sample = |vital, value: Option<u8>| Sample {
            vital,
            value: f32::from(value.unwrap_or(0)),
            validity: if value.is_some() { Validity::Valid } else { Validity::Invalid },
        };
        let samples = [
            sample(Vital::HeartRate, numbers.heart_rate),
            sample(Vital::RespirationRate, numbers.respiration_rate),
            sample(Vital::Spo2, numbers.spo2),
            sample(Vital::PulseRate, numbers.pulse_rate),
        ];
        let at = At { time, evidence: Evidence { capture: 0, frame: second as u64 + 1 } };
        Speech { number, waves: waves.collect(), samples, at }
    }
}

/// What one bed says in one second.
struct Speech {
    number: u32,
    waves: Vec<Waveform>,
    samples: [Sample; 4],
    at: At,
}

impl Speech {
    fn to(&self, ward: &mut Ward) {
        let source = (FlowId { shard: 0, slot: self.number }, Side::Client);
        let row = Row { number: self.number, bed: Some(self.number as u16 + 1), told_apart: false };
        for waveform in &self.waves {
            ward.take(source, row, Said::Waveform(waveform), self.at);
        }
        ward.take(source, row, Said::Measured(&self.samples), self.at);
        ward.take(source, row, Said::CycleEnded, self.at);
    }
}

/// Beds whose seconds are made before they are told, so that making them does not count.
const TOLD_AT_ONCE: usize = 64;

/// Memory of the process that lies in memory, in bytes, as the kernel counts it; 0 where it does not.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Beds with the default checks; a fifth of them has all checks.
    pub(crate) beds: u32,
    pub(crate) minutes: usize,
}

/// Prints what beds cost, with the default checks and with all.
pub(crate) fn measure(corpus: &Path, load: Load) -> Result<(), Fault> {
    let subjects = whole_beds(corpus)?;
    println!(
        "| checks | beds | minutes | CPU s | CPU s a bed-hour | x real time on one core | MB a bed | of it fingerprints |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    // Kept, so that what one gives back is not what the other takes.
    let mut kept = Vec::new();
    let fifth = (load.beds / 5).max(1);
    for (name, depth, beds) in [("full", Depth::Full, fifth), ("default", Depth::Default, load.beds)] {
        kept.push(row(&subjects, (name, depth), beds, load.minutes));
    }
    Ok(())
}

/// Subjects with five channels that move, whose ECG does not come again within half an hour: ECG and heart rate of MIT-BIH,
/// everything else of BIDMC. They are not of one heart, which costs no less.
fn whole_beds(corpus: &Path) -> Result<Vec<Subject>, Fault> {
    let others = subject::bidmc(corpus)?;
    let mut subjects = subject::mitdb(corpus)?;
    for (subject, other) in subjects.iter_mut().zip(others.iter().cycle()) {
        let [first, second, _] = &subject.ecg;
        let third = first.iter().zip(second).map(|(one, other)| one / 2 + other / 2).collect();
        subject.ecg = [first.clone(), second.clone(), third];
        (subject.pleth, subject.respiration) = (other.pleth.clone(), other.respiration.clone());
        for (numbers, theirs) in subject.numbers.iter_mut().zip(other.numbers.iter().cycle()) {
            *numbers = Numbers { heart_rate: numbers.heart_rate, ..*theirs };
        }
    }
    Ok(subjects)
}

/// Prints one row; gives the ward back.
fn row(subjects: &[Subject], (name, depth): (&str, Depth), beds: u32, minutes: usize) -> Ward {
    let beds_of: Vec<Bed<'_>> = subjects
        .iter()
        .cycle()
        .zip(0..beds)
        .map(|(subject, number)| Bed { subject, number, from: number as usize % 60 })
        .collect();
    let (mut ward, before) = (Ward::new(depth), memory_bytes());
    let mut seconds = 0.0;
    for second in 0..minutes * 60 {
        for some in beds_of.chunks(TOLD_AT_ONCE) {
            let speeches: Vec<Speech> = some.iter().map(|bed| bed.speech(second)).collect();
            let began = cpu_seconds();
            speeches.iter().for_each(|speech| speech.to(&mut ward));
            seconds += cpu_seconds() - began;
        }
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6 / f64::from(beds);
    let hours = f64::from(beds) * minutes as f64 / 60.0;
    println!(
        "| {name} | {beds} | {minutes} | {seconds:.1} | {:.3} | {:.1} | {:.2} | {:.2} |",
        seconds / hours,
        minutes as f64 * 60.0 / seconds,
        megabytes(memory_bytes().saturating_sub(before)),
        megabytes(ward.fingerprints() as u64 * 16),
    );
    ward
}
