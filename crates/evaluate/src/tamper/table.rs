//! The table: one row per attack and set of recordings, and what untouched recordings give.

use super::attack::{Attack, Channels, Share};
use super::choice::Folds;
use super::desk::{Moment, Run, Second, run, run_from};
use super::on_all_cores;
use super::subject::{self, Subject};
use crate::Fault;
use model::{Check, Verdict};
use std::fmt::Write as _;
use std::path::Path;
use vitals::{Depth, Thresholds};

/// Length of what is tampered with, in seconds, and when it begins.
const PART_SECONDS: usize = 480;
const ONSETS: [usize; 3] = [170, 210, 260];
/// How long an attack is watched at least, in seconds.
const AFTER_SECONDS: usize = 60;

/// The attacks, with their names.
pub fn attacks() -> Vec<(String, Attack)> {
    let mut all: Vec<(String, Attack)> = Vec::new();
    let mut add = |name: &str, attack: Attack| all.push((name.to_owned(), attack));
    for seconds in [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0] {
        add(&format!("all waves loop {seconds} s"), Attack::Loop(Channels::All, seconds));
    }
    add("ECG loops 1 s", Attack::Loop(Channels::Ecg, 1.0));
    add("pleth loops 1 s", Attack::Loop(Channels::Pleth, 1.0));
    add("respiration loops 1 s", Attack::Loop(Channels::Respiration, 1.0));
    add("ECG flat", Attack::Flat(Channels::Ecg));
    add("pleth flat", Attack::Flat(Channels::Pleth));
    add("respiration flat", Attack::Flat(Channels::Respiration));
    for (seconds, back) in [(2.0, 60.0), (3.0, 60.0), (10.0, 120.0)] {
        add(&format!("{seconds} s of {back} s before, once"), Attack::Splice(seconds, back));
    }
    add("another bed's waves, 30 s old", Attack::OtherBed(30.0));
    let replay =
        |noise_db, gain, stretch, at_beat| Attack::Replay { back: 120.0, noise_db, gain, stretch, at_beat };
    add("replay of 120 s before", replay(None, 1.0, 1.0, false));
    for db in [40.0, 30.0, 20.0, 15.0, 12.5, 10.0] {
        add(&format!("the same under {db} dB of noise"), replay(Some(db), 1.0, 1.0, false));
    }
    add("replay, gain halved", replay(None, 0.5, 1.0, false));
    add("replay, 20 dB, gain 1.1, at a beat", replay(Some(20.0), 1.1, 1.0, true));
    for (name, stretch) in
        [("3 %", 1.03), ("1 %", 1.01), ("0.3 %", 1.003), ("0.1 %", 1.001), ("0.03 %", 1.0003)]
    {
        add(
            &format!("replay, 30 dB, gain 0.9, stretched {name}, at a beat"),
            replay(Some(30.0), 0.9, stretch, true),
        );
    }
    for more in [5, 10, 15, 20, -15, -20] {
        add(&format!("heart rate {more:+}"), Attack::Add(more));
    }
    for by in [0.8, 1.25] {
        add(&format!("heart rate x{by}"), Attack::Scale(by));
    }
    add("heart rate stands still", Attack::Constant);
    add("another patient's ECG", Attack::OtherPatient(Share::Ecg));
    add("another patient's ECG and its rate", Attack::OtherPatient(Share::EcgAndRate));
    add("everything of another patient", Attack::OtherPatient(Share::All));
    add("ECG gain halved", Attack::Gain(0.5));
    add("ECG gain doubled", Attack::Gain(2.0));
    add("ECG cut at 20 % and 97 %", Attack::Clip(0.2, 0.97));
    add("ECG cut at 99 %", Attack::Clip(0.0, 0.99));
    add("limits widened", Attack::Limits(180, 30));
    add("alarm off", Attack::AlarmOff);
    add("SpO2 pinned at 98", Attack::Spo2(98));
    all
}

/// What one attempt gave.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    /// Seconds to the first suspicion or finding, and to the first finding.
    raised: Option<usize>,
    failed: Option<usize>,
    /// A check that should find it was among the first.
    right: bool,
}

fn against(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Fail) => 2,
        Some(Verdict::Suspect) => 1,
        _ => 0,
    }
}

fn outcome(untouched: &[Second], tampered: &[Second], onset: usize, right: &[Check]) -> Outcome {
    let mut outcome = Outcome::default();
    for (at, (before, now)) in untouched.iter().zip(tampered).enumerate().skip(onset) {
        for (check, (before, now)) in Check::ALL.into_iter().zip(before.iter().zip(now)) {
            let (before, now) = (against(*before), against(*now));
            if now <= before {
                continue;
            }
            let delay = at - onset;
            if outcome.raised.is_none_or(|first| first == delay) {
                outcome.raised = Some(delay);
            }
            if now == 2 && outcome.failed.is_none_or(|first| first == delay) {
                outcome.failed = Some(delay);
                outcome.right |= right.contains(&check);
            }
        }
    }
    outcome
}

/// Wilson's interval of 95 % for `hits` of `all`, in percent.
pub fn wilson(hits: usize, all: usize) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if all == 0 {
        return (0.0, 100.0);
    }
    let (n, p) = (all as f64, hits as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let norm = 1.0 + Z * Z / n;
    // Of none, rounding may leave a little less than nothing.
    ((100.0 * (middle - half) / norm).max(0.0), 100.0 * (middle + half) / norm)
}

/// The exact upper bound of 95 % for the mean of a Poisson count: where `count` or fewer have a chance of 5 %.
pub fn poisson_upper(count: u64) -> f64 {
    let tail = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=count {
            term *= mean / k as f64;
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 20.0 + 4.0 * count as f64);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if tail(middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

fn percentile(values: &[usize], share: f64) -> String {
    let mut values = values.to_vec();
    values.sort_unstable();
    let at = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
    values.get(at).map_or_else(|| "-".to_owned(), usize::to_string)
}

/// Whether an attack makes sense for a subject.
fn applies(attack: Attack, subject: &Subject, numbers: bool) -> bool {
    if !numbers && !attack.of_waveforms() {
        return false;
    }
    let (pleth, breath) =
        (!subject.pleth.is_empty(), subject.numbers.iter().any(|n| n.respiration_rate.is_some()));
    match attack {
        Attack::Loop(Channels::Pleth, _) | Attack::Flat(Channels::Pleth) => pleth,
        Attack::Loop(Channels::Respiration, _) | Attack::Flat(Channels::Respiration) => breath,
        Attack::OtherPatient(_) | Attack::Spo2(_) => pleth,
        _ => true,
    }
}

/// One row of the table.
fn row((name, attack): (&str, Attack), set: &Set, wanted: &Wanted, misses: &mut dyn FnMut(&str)) -> String {
    let (subjects, untouched) = (&set.parts, &set.part_runs);
    let depth = match attack {
        Attack::Replay { noise_db: None, gain: 1.0, stretch: 1.0, .. } => Depth::Default,
        Attack::Replay { .. } => Depth::Full,
        _ => Depth::Default,
    };
    let (mut all, mut failed, mut raised, mut right) = (0, Vec::new(), Vec::new(), 0);
    let within = attack.within();
    let named =
        |subject: &Subject| wanted.record.as_ref().is_none_or(|name| subject.name.contains(name.as_str()));
    let tampers = |subject: &Subject| applies(attack, subject, set.numbers) && named(subject);
    for (at, (subject, run_before)) in
        subjects.iter().zip(untouched).enumerate().filter(|(_, (subject, _))| tampers(subject))
    {
        let others = (1..subjects.len()).filter_map(|step| subjects.get((at + step * 7) % subjects.len()));
        let fits = |other: &&Subject| {
            other.person != subject.person && other.ecg.iter().all(|lead| !lead.is_empty())
        };
        let Some(other) = others.into_iter().find(fits) else {
            continue;
        };
        for (number, onset) in
            ONSETS.into_iter().enumerate().filter(|(_, onset)| attack.matters(subject, *onset))
        {
            let seconds = (onset + attack.within().max(AFTER_SECONDS) + 10).min(subject.seconds());
            let tampered = attack.on(subject, onset, other, (at * 10 + number) as u64 + 1).part(0, seconds);
            let other = other.part(0, seconds);
            let both = [&tampered, &other];
            let beds = if matches!(attack, Attack::OtherBed(_)) { &both[..] } else { &both[..1] };
            let thresholds = set.thresholds_of(at);
            let from = match (beds, depth) {
                (_, Depth::Full) => set.moment(&set.full, at, number, thresholds),
                // What the other bed sent before is needed too.
                ([_, _], _) => Moment::first(depth, thresholds),
                _ => set.moment(&set.default, at, number, thresholds),
            };
            let (run_now, _) = run_from(from, beds, &[]);
            let outcome = outcome(&run_before.seconds, &run_now.seconds, onset, attack.right());
            all += 1;
            failed.extend(outcome.failed);
            raised.extend(outcome.raised);
            right += usize::from(outcome.right);
            if outcome.failed.is_none_or(|delay| delay > within) {
                let told = |delay: Option<usize>| {
                    delay.map_or_else(|| "never".to_owned(), |s| format!("after {s} s"))
                };
                let (raised, failed) = (told(outcome.raised), told(outcome.failed));
                misses(&format!(
                    "{name}: {} at {onset} s: suspected {raised}, found {failed}\n",
                    subject.name
                ));
            }
        }
    }
    let in_time = |delays: &[usize]| delays.iter().filter(|delay| **delay <= within).count();
    let (found, seen) = (in_time(&failed), in_time(&raised));
    let (low, high) = wilson(found, all);
    let share = |hits: usize| 100.0 * hits as f64 / all.max(1) as f64;
    format!(
        "| {name} | {all} | {within} | {:.1} | {low:.1}–{high:.1} | {:.1} | {} / {} | {:.0} |",
        share(found),
        share(seen),
        percentile(&failed, 0.5),
        percentile(&failed, 0.9),
        100.0 * right as f64 / failed.len().max(1) as f64,
    )
}

/// What untouched recordings give.
fn untouched_table(name: &str, runs: &[(&str, &Run)], tell: &mut dyn FnMut(&str)) {
    let mut out = String::new();
    let seconds: u64 = runs.iter().map(|(_, run)| run.judged.1).sum();
    let judged: u64 = runs.iter().map(|(_, run)| run.judged.0).sum();
    let hours = seconds as f64 / 3_600.0;
    let count = |verdict: Verdict, check: Option<Check>| -> u64 {
        let rows = runs.iter().flat_map(|(_, run)| &run.rows);
        rows.filter(|row| row.verdict == verdict && check.is_none_or(|check| row.check == check)).count()
            as u64
    };
    let fails = count(Verdict::Fail, None);
    let per_day = |count: f64| count / hours * 24.0;
    let _ = writeln!(
        out,
        "{name}: {} records, {hours:.2} h; {fails} `fail` ({:.1} a bed-day, at most {:.1} with 95 %), {} `suspect`; \
         {:.1} % of the time judged.",
        runs.len(),
        per_day(fails as f64),
        per_day(poisson_upper(fails)),
        count(Verdict::Suspect, None),
        100.0 * judged as f64 / seconds.max(1) as f64
    );
    for check in Check::ALL {
        let (fail, suspect) = (count(Verdict::Fail, Some(check)), count(Verdict::Suspect, Some(check)));
        if fail + suspect > 0 {
            let _ = writeln!(out, "  {check}: {fail} fail, {suspect} suspect");
        }
    }
    for (record, run) in runs.iter().filter(|_| name != "all") {
        let rows = run.rows.iter().filter(|row| matches!(row.verdict, Verdict::Fail | Verdict::Suspect));
        for row in rows {
            let second = row.first.nanos() / 1_000_000_000;
            let _ = writeln!(
                out,
                "    {record} at {second} s, {} s: {} {}: {}",
                row.seconds,
                row.verdict.as_str(),
                row.check,
                row.why
            );
        }
        let (judged, of) = run.judged;
        if (judged as f64) < 0.7 * of as f64 {
            let _ = writeln!(out, "    {record}: only {judged} of {of} s judged");
        }
    }
    tell(&out);
}

/// What the run is to do.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only attacks whose name holds this.
    pub only: Option<String>,
    /// Only tamper with recordings whose name holds this.
    pub record: Option<String>,
    /// Only untouched recordings.
    pub untouched_only: bool,
    /// What is reported for a subject was chosen without it.
    pub folds: bool,
    /// Tell every attempt that was not found in time.
    pub misses: bool,
}

/// Recordings of one kind.
struct Set {
    name: &'static str,
    subjects: Vec<Subject>,
    /// Whether the numbers are the monitor's or of marked beats.
    numbers: bool,
    runs: Vec<Run>,
    thresholds: Vec<Thresholds>,
    parts: Vec<Subject>,
    part_runs: Vec<Run>,
    /// Of every part, the ward as it was at each of [`ONSETS`], with all checks and with the default ones.
    full: Vec<Vec<Moment>>,
    default: Vec<Vec<Moment>>,
}

impl Set {
    fn new(name: &'static str, subjects: Vec<Subject>, numbers: bool) -> Self {
        let runs = on_all_cores(&subjects, |_, subject| run(&[subject], Depth::Full, Thresholds::default()));
        let thresholds = vec![Thresholds::default(); subjects.len()];
        Self {
            name,
            subjects,
            numbers,
            runs,
            thresholds,
            parts: Vec::new(),
            part_runs: Vec::new(),
            full: Vec::new(),
            default: Vec::new(),
        }
    }

    fn thresholds_of(&self, number: usize) -> Thresholds {
        self.thresholds.get(number).copied().unwrap_or_default()
    }

    fn moment(&self, moments: &[Vec<Moment>], part: usize, number: usize, thresholds: Thresholds) -> Moment {
        let kept = moments.get(part).and_then(|moments| moments.get(number)).cloned();
        kept.unwrap_or_else(|| Moment::first(Depth::Default, thresholds))
    }

    fn cut(&mut self) {
        self.parts = self.subjects.iter().map(|subject| subject.part(0, PART_SECONDS)).collect();
        let thresholds = &self.thresholds;
        let made = on_all_cores(&self.parts, |number, part| {
            let thresholds = thresholds.get(number).copied().unwrap_or_default();
            let of = |depth| run_from(Moment::first(depth, thresholds), &[part], &ONSETS);
            (of(Depth::Full), of(Depth::Default).1)
        });
        for ((run, full), default) in made {
            self.part_runs.push(run);
            self.full.push(full);
            self.default.push(default);
        }
    }
}

/// Chooses in folds over all sets, and runs every recording again with what was chosen without it.
fn choose(sets: &mut [Set]) -> Folds {
    let subjects: Vec<&Subject> = sets.iter().flat_map(|set| &set.subjects).collect();
    let runs: Vec<&Run> = sets.iter().flat_map(|set| &set.runs).collect();
    let folds = Folds::choose(&subjects, &runs);
    let mut first = 0;
    for set in sets {
        let before = set.thresholds.clone();
        set.thresholds = (first..first + set.subjects.len()).map(|number| folds.without(number)).collect();
        first += set.subjects.len();
        let (thresholds, runs) = (&set.thresholds, &set.runs);
        let again = on_all_cores(&set.subjects, |number, subject| {
            let chosen = *thresholds.get(number)?;
            (before.get(number) != Some(&chosen)).then(|| run(&[subject], Depth::Full, chosen))
        });
        let runs = again.into_iter().zip(runs).map(|(again, before)| again.unwrap_or_else(|| before.clone()));
        set.runs = runs.collect();
    }
    folds
}

/// The whole evaluation, as Markdown.
///
/// # Errors
/// [`Fault`] where the corpus cannot be read.
pub fn evaluate(corpus: &Path, wanted: &Wanted, tell: &mut dyn FnMut(&str)) -> Result<(), Fault> {
    let mut sets = [
        Set::new("MIT-BIH", subject::mitdb(corpus)?, true),
        Set::new("BIDMC", subject::bidmc(corpus)?, true),
        Set::new("MIMIC", subject::mimic(corpus)?, false),
    ];
    if wanted.folds {
        let folds = choose(&mut sets);
        tell(&folds.table());
    }
    for set in &sets {
        untouched_table(set.name, &named(set), tell);
    }
    untouched_table("all", &sets.iter().flat_map(named).collect::<Vec<_>>(), tell);
    if wanted.untouched_only {
        return Ok(());
    }
    for set in &mut sets {
        set.cut();
        let name = set.name;
        tell(&format!(
            "\n{name}\n\n| tampering | n | within s | found % | 95 % | found or suspected % | delay s, median / p90 | right check % |\n|---|---|---|---|---|---|---|---|\n"
        ));
        let mut wanted_ones = attacks();
        wanted_ones
            .retain(|(title, _)| wanted.only.as_ref().is_none_or(|only| title.contains(only.as_str())));
        let lines = on_all_cores(&wanted_ones, |_, (title, attack)| {
            let mut missed = String::new();
            let line = row((title, *attack), set, wanted, &mut |one| missed.push_str(one));
            (line, missed)
        });
        for (line, missed) in &lines {
            tell(&format!("{line}\n"));
            if wanted.misses {
                tell(missed);
            }
        }
    }
    Ok(())
}

fn named(set: &Set) -> Vec<(&str, &Run)> {
    set.subjects.iter().map(|subject| subject.name.as_str()).zip(&set.runs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_bounds_are_those_of_the_books() {
        let (low, high) = wilson(53, 53);
        assert!((low - 93.2).abs() < 0.1 && (high - 100.0).abs() < 0.1, "{low} {high}");
        // 3.00, 4.74, 6.30: the classic upper bounds for 0, 1 and 2.
        for (count, bound) in [(0, 2.996), (1, 4.744), (2, 6.296)] {
            assert!((poisson_upper(count) - bound).abs() < 0.01, "{count}");
        }
    }
}
