//! NEWS2, as an example of a score: what a monitor's numbers alone give, and what they do not.
//!
//! A monitor knows neither oxygen nor consciousness, so the result is the interval that the known values leave
//! open, never a bare number; and where an input is contradicted, there is none.
//!
//! # Source
//! Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017, chart 1. Reproduced with
//! acknowledgement.

use model::Vital;
use std::fmt;

/// One input of the score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Input<T> {
    /// Known.
    Is(T),
    /// Not measured, or not valid.
    #[default]
    Missing,
    /// Shown, but contradicted by an integrity check.
    Contradicted,
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Breaths a minute.
    pub respiration_rate: Input<f32>,
    /// Oxygen saturation, %; scale 1.
    pub spo2: Input<f32>,
    /// Whether the patient breathes additional oxygen.
    pub oxygen: Input<bool>,
    /// Systolic blood pressure, mmHg.
    pub systolic: Input<f32>,
    /// Pulse, beats a minute.
    pub pulse: Input<f32>,
    /// Whether the patient is alert.
    pub alert: Input<bool>,
    /// Temperature, degrees Celsius.
    pub temperature: Input<f32>,
}

/// Parameters of the score.
pub const PARAMETERS: u8 = 7;

/// The score.
#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    /// Somewhere in an interval: `known` of [`PARAMETERS`] parameters are known. Both ends are equal when all are.
    Between {
        /// Least.
        least: u8,
        /// Most.
        most: u8,
        /// Parameters known.
        known: u8,
        /// One known parameter alone gives 3.
        single_three: bool,
    },
    /// Cannot be computed.
    None {
        /// Why: the inputs that are contradicted, or that nothing is known.
        contradicted: Vec<Vital>,
    },
}

/// A parameter's points: of the first row whose bound holds.
fn points(value: f32, rows: &[(f32, u8)], above: u8) -> u8 {
    rows.iter().find(|(most, _)| value <= *most).map_or(above, |(_, points)| *points)
}

fn respiration(value: f32) -> u8 {
    points(value.round(), &[(8.0, 3), (11.0, 1), (20.0, 0), (24.0, 2)], 3)
}

fn saturation(value: f32) -> u8 {
    points(value.round(), &[(91.0, 3), (93.0, 2), (95.0, 1)], 0)
}

fn systolic(value: f32) -> u8 {
    points(value.round(), &[(90.0, 3), (100.0, 2), (110.0, 1), (219.0, 0)], 3)
}

fn pulse(value: f32) -> u8 {
    points(value.round(), &[(40.0, 3), (50.0, 1), (90.0, 0), (110.0, 1), (130.0, 2)], 3)
}

fn temperature(value: f32) -> u8 {
    let tenths = (value * 10.0).round() / 10.0;
    points(tenths, &[(35.0, 3), (36.0, 1), (38.05, 0), (39.05, 1)], 2)
}

/// A parameter, its value, its rule, and its worst points.
type Parameter = (Vital, Input<f32>, fn(f32) -> u8, u8);

/// The score of what is known.
#[must_use]
pub fn score(inputs: &Inputs) -> Score {
    let numbers: [Parameter; 5] = [
        (Vital::RespirationRate, inputs.respiration_rate, respiration, 3),
        (Vital::Spo2, inputs.spo2, saturation, 3),
        (Vital::NibpSystolic, inputs.systolic, systolic, 3),
        (Vital::PulseRate, inputs.pulse, pulse, 3),
        (Vital::Temperature1, inputs.temperature, temperature, 3),
    ];
    let contradicted: Vec<Vital> = numbers
        .iter()
        .filter(|(_, input, ..)| *input == Input::Contradicted)
        .map(|(vital, ..)| *vital)
        .collect();
    let (mut least, mut most, mut known, mut single_three) = (0, 0, 0, false);
    let mut add = |given: Option<u8>, worst: u8| match given {
        Some(points) => {
            least += points;
            most += points;
            known += 1;
            single_three |= points == 3;
        }
        None => most += worst,
    };
    for (_, input, rule, worst) in numbers {
        let given = if let Input::Is(value) = input { Some(rule(value)) } else { None };
        add(given, worst);
    }
    let oxygen = if let Input::Is(oxygen) = inputs.oxygen { Some(2 * u8::from(oxygen)) } else { None };
    add(oxygen, 2);
    let alert = if let Input::Is(alert) = inputs.alert { Some(3 * u8::from(!alert)) } else { None };
    add(alert, 3);
    if !contradicted.is_empty() || known == 0 {
        return Score::None { contradicted };
    }
    Score::Between { least, most, known, single_three }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between { least, most, known, .. } if *known == PARAMETERS && least == most => {
                write!(f, "NEWS2 {least}")
            }
            Self::Between { least, most, known, .. } => write!(
                f,
                "NEWS2 (partial, device values only, {known} of {PARAMETERS}) between {least} and {most}"
            ),
            Self::None { contradicted } if contradicted.is_empty() => {
                f.write_str("NEWS2 cannot be computed: no input is known")
            }
            Self::None { contradicted } => {
                f.write_str("NEWS2 cannot be computed: ")?;
                for (number, vital) in contradicted.iter().enumerate() {
                    let comma = if number > 0 { ", " } else { "" };
                    write!(f, "{comma}{vital}")?;
                }
                f.write_str(if contradicted.len() == 1 { " is contradicted" } else { " are contradicted" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Inputs = Inputs {
        respiration_rate: Input::Is(14.0),
        spo2: Input::Is(97.0),
        oxygen: Input::Is(false),
        systolic: Input::Is(122.0),
        pulse: Input::Is(74.0),
        alert: Input::Is(true),
        temperature: Input::Is(36.8),
    };

    #[test]
    fn points_change_at_the_bounds_of_the_chart() {
        let at =
            |rule: fn(f32) -> u8, values: &[f32]| values.iter().map(|value| rule(*value)).collect::<Vec<_>>();
        assert_eq!(
            at(respiration, &[8.0, 9.0, 11.0, 12.0, 20.0, 21.0, 24.0, 25.0]),
            [3, 1, 1, 0, 0, 2, 2, 3]
        );
        assert_eq!(at(saturation, &[91.0, 92.0, 93.0, 94.0, 95.0, 96.0]), [3, 2, 2, 1, 1, 0]);
        assert_eq!(
            at(systolic, &[90.0, 91.0, 100.0, 101.0, 110.0, 111.0, 219.0, 220.0]),
            [3, 2, 2, 1, 1, 0, 0, 3]
        );
        assert_eq!(
            at(pulse, &[40.0, 41.0, 50.0, 51.0, 90.0, 91.0, 110.0, 111.0, 130.0, 131.0]),
            [3, 1, 1, 0, 0, 1, 1, 2, 2, 3]
        );
        assert_eq!(
            at(temperature, &[35.0, 35.1, 36.0, 36.1, 38.0, 38.1, 39.0, 39.1]),
            [3, 1, 1, 0, 0, 1, 1, 2]
        );
    }

    #[test]
    fn everything_known_gives_a_number_and_a_monitor_alone_an_interval() {
        assert_eq!(score(&HEALTHY).to_string(), "NEWS2 0");
        let monitor =
            Inputs { oxygen: Input::Missing, alert: Input::Missing, spo2: Input::Is(90.0), ..HEALTHY };
        let partial = score(&monitor);
        assert_eq!(partial, Score::Between { least: 3, most: 8, known: 5, single_three: true });
        assert_eq!(partial.to_string(), "NEWS2 (partial, device values only, 5 of 7) between 3 and 8");
    }

    #[test]
    fn a_contradicted_input_leaves_no_score() {
        let lied = Inputs { pulse: Input::Contradicted, ..HEALTHY };
        assert_eq!(score(&lied).to_string(), "NEWS2 cannot be computed: pulse-rate is contradicted");
        assert_eq!(score(&Inputs::default()).to_string(), "NEWS2 cannot be computed: no input is known");
    }
}
