//! What the checks said of one bed, as intervals.
//!
//! A check answers once a cycle. Passing and not being able to judge are summed up (one row each, the latter
//! one per reason); what speaks against a bed is kept interval by interval.

use crate::why::Why;
use model::{CaptureTime, Channel, Check, Evidence, IntegrityRow, Verdict, Vital};

/// A moment and the frame that shows it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct At {
    /// Capture time.
    pub time: CaptureTime,
    /// Frame.
    pub evidence: Evidence,
}

/// What a check said at a bed's last moment.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The question.
    pub check: Check,
    /// The answer.
    pub verdict: Verdict,
    why: Why,
}

/// A number beside the rate that its own waveform gives, both 1/min.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The number.
    pub vital: Vital,
    /// As the monitor shows it.
    pub shown: f32,
    /// As the waveform gives it.
    pub own: f32,
}

impl Standing {
    /// Why, in plain words with the numbers.
    #[must_use]
    pub fn why(&self) -> String {
        self.why.to_string()
    }

    /// The number and its waveform, where they were compared.
    #[must_use]
    pub const fn compared(&self) -> Option<Compared> {
        match self.why {
            Why::Rate { number, shown, own, .. } => Some(Compared { vital: number, shown, own }),
            _ => None,
        }
    }

    /// The number that it speaks of.
    #[must_use]
    pub const fn vital(&self) -> Option<Vital> {
        self.why.number()
    }

    /// The waveform that it speaks of.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        self.why.channel()
    }
}

/// Most intervals of one check that are kept; further ones lengthen the last. Our limit.
pub(crate) const INTERVALS_MAX: usize = 64;
/// Most reasons for not judging that are kept for one check; further ones count with the last. Our limit.
pub(crate) const REASONS_MAX: usize = 8;
/// Two intervals of one matter that are apart by no more are one.
const JOIN_NANOS: i64 = 30_000_000_000;
/// Longest step between two answers that counts as time judged: over a longer one nothing is known.
const STEP_NANOS_MAX: i64 = 4_000_000_000;

/// One answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) why: Why,
    /// Since when.
    pub(crate) since: At,
    /// When a repeated stretch was first seen, and the frame.
    pub(crate) earlier: Option<At>,
}

/// How much an answer says against others of the same check and moment.
const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::CannotJudge => 0,
        Verdict::Pass => 1,
        Verdict::Suspect => 2,
        Verdict::Fail => 3,
    }
}

/// The answers of one moment: of several for one check the worst counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers([Option<Answer>; Check::ALL.len()]);

impl Answers {
    pub(crate) fn add(&mut self, check: Check, answer: Answer) {
        if let Some(place) = self.0.get_mut(check as usize)
            && place.is_none_or(|known| rank(answer.verdict) > rank(known.verdict))
        {
            *place = Some(answer);
        }
    }

    pub(crate) fn say(&mut self, check: Check, verdict: Verdict, why: Why, at: At) {
        self.add(check, Answer { verdict, why, since: at, earlier: None });
    }

    pub(crate) fn of(&self, check: Check) -> Option<Verdict> {
        self.0.get(check as usize).copied().flatten().map(|answer| answer.verdict)
    }
}

#[derive(Clone, Debug)]
struct Interval {
    verdict: Verdict,
    why: Why,
    first: CaptureTime,
    last: CaptureTime,
    nanos: i64,
    earlier: Option<CaptureTime>,
    first_frames: Vec<Evidence>,
    last_frame: Evidence,
}

impl Interval {
    fn new(answer: &Answer, at: At) -> Self {
        let mut interval = Self {
            verdict: answer.verdict,
            why: answer.why,
            first: answer.since.time.min(at.time),
            last: at.time,
            nanos: 0,
            earlier: answer.earlier.map(|earlier| earlier.time),
            first_frames: Vec::new(),
            last_frame: at.evidence,
        };
        if let Some(earlier) = answer.earlier {
            interval.shows(earlier.evidence);
        }
        interval.shows(answer.since.evidence);
        interval.shows(at.evidence);
        interval
    }

    fn shows(&mut self, frame: Evidence) {
        self.last_frame = frame;
        if self.first_frames.len() + 1 < IntegrityRow::EVIDENCE_MAX && !self.first_frames.contains(&frame) {
            self.first_frames.push(frame);
        }
    }

    fn extend(&mut self, answer: &Answer, at: At, nanos: i64) {
        self.last = self.last.max(at.time);
        self.nanos += nanos;
        if answer.verdict == Verdict::Suspect || answer.verdict == Verdict::Fail {
            self.shows(at.evidence);
        } else {
            self.last_frame = at.evidence;
            self.why = answer.why;
        }
    }

    fn row(&self, check: Check) -> IntegrityRow {
        let mut evidence = self.first_frames.clone();
        if !evidence.contains(&self.last_frame) {
            evidence.push(self.last_frame);
        }
        evidence.sort_unstable();
        IntegrityRow {
            check,
            verdict: self.verdict,
            first: self.first,
            last: self.last,
            seconds: u64::try_from((self.nanos + 500_000_000) / 1_000_000_000).unwrap_or(0),
            why: self.why.to_string(),
            evidence,
            channel: self.why.channel(),
            earlier: self.earlier,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Entry {
    pass: Option<Interval>,
    unjudged: Vec<Interval>,
    against: Vec<Interval>,
}

/// Everything that was said of one bed.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: [Entry; Check::ALL.len()],
    /// What spoke against the bed, by check, also before the last renewal; none where there was no renewal.
    lasting: Option<Box<[Vec<Interval>; Check::ALL.len()]>>,
    before: Option<CaptureTime>,
    now: [Option<(Verdict, Why)>; Check::ALL.len()],
    judged_nanos: i64,
    all_nanos: i64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: std::array::from_fn(|_| Entry::default()),
            lasting: None,
            before: None,
            now: [None; Check::ALL.len()],
            judged_nanos: 0,
            all_nanos: 0,
        }
    }
}

impl Log {
    /// Takes the answers of one moment.
    pub(crate) fn take(&mut self, answers: &Answers, at: At) {
        let nanos = self.before.map_or(0, |before| at.time.nanos_since(before).clamp(0, STEP_NANOS_MAX));
        self.before = Some(at.time);
        self.all_nanos += nanos;
        let judged = [Check::NumericWaveformDisagree, Check::ChannelDisagree]
            .iter()
            .any(|check| answers.of(*check).is_some_and(|verdict| verdict != Verdict::CannotJudge));
        if judged {
            self.judged_nanos += nanos;
        }
        self.now = answers.0.map(|answer| answer.map(|answer| (answer.verdict, answer.why)));
        for (entry, answer) in self.entries.iter_mut().zip(&answers.0) {
            if let Some(answer) = answer {
                entry.take(answer, at, nanos);
            }
        }
        for (against, answer) in self.lasting.iter_mut().flat_map(|all| all.iter_mut()).zip(&answers.0) {
            if let Some(answer) = answer
                && matches!(answer.verdict, Verdict::Suspect | Verdict::Fail)
            {
                take_against(against, answer, at, nanos);
            }
        }
    }

    /// What was said is no longer told in [`Self::rows`]; what comes is an answer to what was before. What spoke
    /// against the bed since `since` still does in [`Self::failing`].
    pub(crate) fn renew(&mut self, since: CaptureTime) {
        let entries = &mut self.entries;
        let mut lasting = self.lasting.take().unwrap_or_else(|| {
            let mut all = entries.iter_mut().map(|entry| std::mem::take(&mut entry.against));
            Box::new(std::array::from_fn(|_| all.next().unwrap_or_default()))
        });
        lasting.iter_mut().for_each(|against| against.retain(|interval| interval.last >= since));
        *self = Self { lasting: Some(lasting), before: self.before, now: self.now, ..Self::default() };
    }

    /// The rows that say that the bed fails, in order of check, then of time.
    pub(crate) fn failing(&self) -> Vec<IntegrityRow> {
        let own = self.entries.iter().map(|entry| &entry.against);
        let against: Vec<_> = self.lasting.as_ref().map_or_else(|| own.collect(), |all| all.iter().collect());
        let mut rows = Vec::new();
        for (check, against) in Check::ALL.into_iter().zip(against) {
            let fails = against.iter().filter(|interval| interval.verdict == Verdict::Fail);
            let mut of_check: Vec<_> = fails.map(|interval| interval.row(check)).collect();
            of_check.sort_by_key(|row| (row.first, row.last));
            rows.append(&mut of_check);
        }
        rows
    }

    /// Every row, in order of check, then of time.
    pub(crate) fn rows(&self) -> Vec<IntegrityRow> {
        let mut rows = Vec::new();
        for (check, entry) in Check::ALL.into_iter().zip(&self.entries) {
            // A single moment without an answer is no matter where there are answers.
            let told = entry.pass.is_some() || !entry.against.is_empty();
            let unjudged = entry.unjudged.iter().filter(|interval| interval.nanos > 0 || !told);
            let all = entry.against.iter().chain(&entry.pass).chain(unjudged);
            let mut of_check: Vec<_> = all.map(|interval| interval.row(check)).collect();
            of_check.sort_by_key(|row| (row.first, std::cmp::Reverse(row.verdict), row.last));
            rows.append(&mut of_check);
        }
        rows
    }

    /// What every check said last.
    pub(crate) fn now(&self) -> impl Iterator<Item = (Check, Verdict)> {
        self.standing().map(|standing| (standing.check, standing.verdict))
    }

    /// What every check said last, with the reason.
    pub(crate) fn standing(&self) -> impl Iterator<Item = Standing> {
        let answered = Check::ALL.into_iter().zip(self.now);
        answered.filter_map(|(check, answer)| answer.map(|(verdict, why)| Standing { check, verdict, why }))
    }

    pub(crate) fn judged(&self) -> model::Judged {
        let seconds = |nanos: i64| u64::try_from((nanos + 500_000_000) / 1_000_000_000).unwrap_or(0);
        model::Judged { seconds: seconds(self.judged_nanos), of_seconds: seconds(self.all_nanos) }
    }
}

impl Entry {
    fn take(&mut self, answer: &Answer, at: At, nanos: i64) {
        match answer.verdict {
            Verdict::Pass => match &mut self.pass {
                Some(pass) => pass.extend(answer, at, nanos),
                None => self.pass = Some(Interval::new(answer, at)),
            },
            Verdict::CannotJudge => {
                let full = self.unjudged.len() >= REASONS_MAX;
                let known = self.unjudged.iter_mut().position(|known| known.why.same_kind(&answer.why));
                let known = known.or(full.then_some(REASONS_MAX - 1));
                match known.and_then(|known| self.unjudged.get_mut(known)) {
                    Some(known) => known.extend(answer, at, nanos),
                    None => self.unjudged.push(Interval::new(answer, at)),
                }
            }
            Verdict::Suspect | Verdict::Fail => take_against(&mut self.against, answer, at, nanos),
        }
    }
}

/// An answer that speaks against the bed.
fn take_against(against: &mut Vec<Interval>, answer: &Answer, at: At, nanos: i64) {
    let full = against.len() >= INTERVALS_MAX;
    let joins = |known: &&mut Interval| {
        let near = at.time.nanos_since(known.last) <= JOIN_NANOS;
        full || known.verdict == answer.verdict && near && known.why.same_kind(&answer.why)
    };
    match against.last_mut().filter(joins) {
        Some(known) => known.extend(answer, at, nanos),
        None => against.push(Interval::new(answer, at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> At {
        let evidence = Evidence { capture: 0, frame: seconds.unsigned_abs() };
        At { time: CaptureTime::from_nanos(seconds * 1_000_000_000), evidence }
    }

    fn say(log: &mut Log, seconds: i64, verdict: Verdict, why: Why) {
        let mut answers = Answers::default();
        answers.say(Check::Stale, verdict, why, at(seconds));
        log.take(&answers, at(seconds));
    }

    #[test]
    fn neighbouring_answers_become_one_row() {
        let mut log = Log::default();
        for second in 1..=60 {
            let (verdict, why) = match second {
                20..30 | 40..45 => (Verdict::Fail, Why::Stopped { seconds: 12.0 }),
                _ => (Verdict::Pass, Why::Cycles { seconds: 1.0 }),
            };
            say(&mut log, second, verdict, why);
        }
        let rows = log.rows();
        let told: Vec<_> = rows.iter().map(|row| (row.verdict, row.seconds)).collect();
        assert_eq!(told, [(Verdict::Pass, 44), (Verdict::Fail, 14)]);
        assert_eq!(rows[1].first, at(20).time);
        assert_eq!(rows[1].last, at(44).time);
        assert_eq!(rows[1].evidence.len(), IntegrityRow::EVIDENCE_MAX);
        assert!(rows[1].why.contains("12 s"));
    }

    #[test]
    fn the_worst_answer_of_a_moment_counts() {
        let mut answers = Answers::default();
        answers.say(Check::Stale, Verdict::CannotJudge, Why::Gap, at(1));
        answers.say(Check::Stale, Verdict::Pass, Why::Cycles { seconds: 1.0 }, at(1));
        assert_eq!(answers.of(Check::Stale), Some(Verdict::Pass));
        answers.say(Check::Stale, Verdict::Fail, Why::Stopped { seconds: 1.0 }, at(1));
        answers.say(Check::Stale, Verdict::Suspect, Why::Stopped { seconds: 1.0 }, at(1));
        assert_eq!(answers.of(Check::Stale), Some(Verdict::Fail));
    }

    #[test]
    fn intervals_are_bounded() {
        let mut log = Log::default();
        for hour in 0..500 {
            say(&mut log, hour * 3_600, Verdict::Suspect, Why::Stopped { seconds: 12.0 });
        }
        assert_eq!(log.rows().len(), INTERVALS_MAX);
        assert_eq!(log.rows().last().unwrap().last, at(499 * 3_600).time);
    }

    #[test]
    fn what_fails_is_told_the_same_with_renewals_and_without_until_it_is_long_over() {
        let (mut one, mut many) = (Log::default(), Log::default());
        for second in 1..=600 {
            let fails = matches!(second, 100..160 | 300..420);
            let verdict = if fails { Verdict::Fail } else { Verdict::Pass };
            let why = Why::Stopped { seconds: 12.0 };
            say(&mut one, second, verdict, why);
            say(&mut many, second, verdict, why);
            if second % 40 == 0 {
                many.renew(CaptureTime::MIN);
            }
        }
        assert_eq!(many.failing(), one.failing());
        assert_eq!(many.failing().len(), 2);
        assert_eq!(many.rows(), []);
        many.renew(at(200).time);
        assert_eq!(many.failing(), one.failing().split_off(1));
    }

    #[test]
    fn time_over_a_gap_is_not_counted() {
        let mut log = Log::default();
        say(&mut log, 1, Verdict::Pass, Why::Cycles { seconds: 1.0 });
        say(&mut log, 1_000, Verdict::Pass, Why::Cycles { seconds: 1.0 });
        assert_eq!(log.judged(), model::Judged { seconds: 0, of_seconds: 4 });
    }
}
