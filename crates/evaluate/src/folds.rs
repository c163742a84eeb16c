//! Choosing on some subjects, measuring on the others.
//!
//! Choices are places on short lists of values. In each of five folds they are chosen on the subjects outside it, one list
//! at a time, in two passes, from the middle of every list; what is reported for a subject comes from choices that
//! never saw it.

use std::collections::BTreeMap;

/// Folds.
pub const FOLDS: usize = 5;
/// Passes over all lists.
const PASSES: usize = 2;

/// Loss of one subject, and what it is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Errors.
    pub errors: f64,
    /// Beats, or windows.
    pub of: f64,
}

/// What the folds gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Mean loss over all subjects, each by the choices of the fold that left it out.
    pub out_of_fold: f64,
    /// The choices of each fold, as values.
    pub chosen: Vec<Vec<i64>>,
    /// How many different choices were tried.
    pub tried: usize,
}

/// Runs the folds over `lists` of values; `measure` gives the loss of every subject for one value of each list.
pub fn run(lists: &[&[i64]], mut measure: impl FnMut(&[i64]) -> Vec<Loss>) -> Outcome {
    let mut known: BTreeMap<Vec<i64>, Vec<Loss>> = BTreeMap::new();
    let (mut total, mut chosen) = (Loss::default(), Vec::new());
    for fold in 0..FOLDS {
        let mut outside = |choice: &[i64]| -> f64 {
            let losses = known.entry(choice.to_vec()).or_insert_with(|| measure(choice));
            let others = losses.iter().enumerate().filter(|(subject, _)| subject % FOLDS != fold);
            mean(others.map(|(_, loss)| *loss))
        };
        let mut best: Vec<i64> = lists.iter().map(|list| middle(list)).collect();
        let mut least = outside(&best);
        for _ in 0..PASSES {
            for (place, list) in lists.iter().enumerate() {
                for &value in *list {
                    let mut other = best.clone();
                    other.iter_mut().skip(place).take(1).for_each(|chosen| *chosen = value);
                    let loss = outside(&other);
                    if loss < least {
                        (least, best) = (loss, other);
                    }
                }
            }
        }
        let losses = known.get(&best).cloned().unwrap_or_default();
        for (_, loss) in losses.iter().enumerate().filter(|(subject, _)| subject % FOLDS == fold) {
            total.errors += loss.errors;
            total.of += loss.of;
        }
        chosen.push(best);
    }
    Outcome { out_of_fold: mean(std::iter::once(total)), chosen, tried: known.len() }
}

fn middle(list: &[i64]) -> i64 {
    list.get(list.len() / 2).copied().unwrap_or(0)
}

fn mean(losses: impl Iterator<Item = Loss>) -> f64 {
    let (errors, of) = losses.fold((0.0, 0.0), |sum, loss| (sum.0 + loss.errors, sum.1 + loss.of));
    if of > 0.0 { errors / of } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_best_for_the_others_is_measured_on_the_subject_left_out() {
        // Subject 0 alone is best at 9; the others at 3. Only fold 0 measures subject 0.
        let best = [9.0, 3.0, 3.0, 3.0, 3.0];
        let outcome = run(&[&[1, 3, 5, 7, 9], &[0, 1, 2]], |choice| {
            let loss =
                |best: &f64| Loss { errors: (choice[0] as f64 - best).abs() + choice[1] as f64, of: 1.0 };
            best.iter().map(loss).collect()
        });
        assert!(outcome.chosen.iter().all(|choice| choice == &[3, 0]), "{outcome:?}");
        assert!((outcome.out_of_fold - 6.0 / 5.0).abs() < 1e-9);
        assert!(outcome.tried <= 15);
    }
}
