//! Choosing how long a statistic must hold on some subjects, measuring on the others.
//!
//! The rule, for every question by itself: [`MARGIN`] times the longest that its condition held on the untouched recordings
//! of the subjects that are chosen on, rounded up to whole [`STEP_SECONDS`]; never less than what is fixed beforehand
//! ([`vitals::Question::least_seconds`]). So none of their recordings fails by one statistic alone.
//!
//! What a statistic saw does not depend on these times, so one run of every recording is enough.

use super::desk::Run;
use super::subject::Subject;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vitals::{Question, Thresholds};

/// How much longer than the longest natural hold.
pub const MARGIN: f32 = 1.25;
/// What is rounded up to, in seconds.
pub const STEP_SECONDS: f32 = 5.0;

/// The choice for the longest holds of some subjects.
pub fn by_rule<'a>(longest: impl Iterator<Item = &'a [f32; Question::ALL.len()]>) -> Thresholds {
    let mut alone_seconds = Question::ALL.map(Question::least_seconds);
    for holds in longest {
        for (alone, held) in alone_seconds.iter_mut().zip(holds) {
            *alone = alone.max((MARGIN * held / STEP_SECONDS).ceil() * STEP_SECONDS);
        }
    }
    Thresholds { alone_seconds }
}

/// Choices of each fold, and the fold of each subject.
#[derive(Clone, Debug)]
pub struct Folds {
    folds: Vec<usize>,
    chosen: Vec<Thresholds>,
    /// The choice on all subjects.
    pub all: Thresholds,
}

impl Folds {
    /// From the untouched runs of all subjects; recordings of one person are in one fold.
    pub fn choose(subjects: &[&Subject], runs: &[&Run]) -> Self {
        let people: Vec<&str> = subjects.iter().map(|subject| subject.person.as_str()).collect();
        let known: BTreeSet<&str> = people.iter().copied().collect();
        let fold =
            |person: &&str| known.iter().take_while(|known| *known < person).count() % crate::folds::FOLDS;
        let folds: Vec<usize> = people.iter().map(fold).collect();
        let outside = |fold: usize| {
            let others = runs.iter().zip(&folds).filter(move |(_, own)| **own != fold);
            by_rule(others.map(|(run, _)| &run.longest))
        };
        let chosen = (0..crate::folds::FOLDS).map(outside).collect();
        Self { chosen, all: by_rule(runs.iter().map(|run| &run.longest)), folds }
    }

    /// What was chosen without subject `number`.
    pub fn without(&self, number: usize) -> Thresholds {
        let fold = self.folds.get(number).copied().unwrap_or(0);
        self.chosen.get(fold).copied().unwrap_or_default()
    }

    /// The choices as a table.
    pub fn table(&self) -> String {
        let mut out = String::from(
            "\n| seconds alone | shipped | by the rule on all | in each fold | at least |\n|---|---:|---:|---|---:|\n",
        );
        let shipped = Thresholds::default();
        for (place, question) in Question::ALL.into_iter().enumerate() {
            let at = |thresholds: &Thresholds| thresholds.alone_seconds.get(place).copied().unwrap_or(0.0);
            let folds: Vec<String> = self.chosen.iter().map(|fold| at(fold).to_string()).collect();
            let (name, least) = (question.name(), question.least_seconds());
            let _ = writeln!(
                out,
                "| {name} | {} | {} | {} | {least} |",
                at(&shipped),
                at(&self.all),
                folds.join(", ")
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_longest_natural_hold_with_a_margin_and_never_below_what_is_fixed() {
        let mut holds = [0.0; Question::ALL.len()];
        holds[0] = 30.0;
        let chosen = by_rule([[1.0; Question::ALL.len()], holds].iter());
        assert_eq!(chosen.alone_seconds[0], 40.0);
        assert_eq!(chosen.alone_seconds[4], Question::Respiration.least_seconds());
    }

    #[test]
    fn what_is_chosen_for_a_person_never_saw_it() {
        let subject = |person: &str| Subject { person: person.to_owned(), ..Subject::default() };
        let subjects: Vec<Subject> = ["a", "b", "b", "c", "d", "e"].map(subject).into();
        let mut runs = vec![Run::default(); 6];
        runs[2].longest[0] = 100.0;
        let folds = Folds::choose(&subjects.iter().collect::<Vec<_>>(), &runs.iter().collect::<Vec<_>>());
        let alone: Vec<f32> = (0..6).map(|number| folds.without(number).alone_seconds[0]).collect();
        assert_eq!(alone, [125.0, 15.0, 15.0, 125.0, 125.0, 125.0]);
        assert_eq!(folds.all.alone_seconds[0], 125.0);
    }
}
