//! Alarm limits and switches: exact comparisons of what a monitor reports from one cycle to the next.

use crate::verdict::{Answer, Answers, At};
use crate::why::Why;
use model::{AlarmLimit, Check, Switch, Verdict, Vital};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
struct Watched {
    /// In force before it was widened or switched off.
    reference: AlarmLimit,
    now: AlarmLimit,
    /// Since when it watches less than the reference.
    less_since: Option<At>,
    /// The reference is of an earlier connection.
    over_reconnect: bool,
}

/// The limits of one bed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    watched: BTreeMap<Vital, Watched>,
    reconnected: bool,
}

/// Whether `now` is looser than `before` at either end.
fn wider(now: &AlarmLimit, before: &AlarmLimit) -> bool {
    now.low < before.low || now.high > before.high
}

impl Limits {
    /// Takes limits in force from now on.
    pub(crate) fn take(&mut self, limits: &[AlarmLimit], at: At) {
        for limit in limits {
            let fresh = Watched { reference: *limit, now: *limit, less_since: None, over_reconnect: false };
            let watched = self.watched.entry(limit.vital).or_insert(fresh);
            if watched.now == *limit {
                continue;
            }
            let before = std::mem::replace(&mut watched.now, *limit);
            let off = before.switch == Switch::On && limit.switch == Switch::Off;
            let loose = limit.switch == Switch::On && before.switch == Switch::On && wider(limit, &before);
            if off || loose {
                if watched.less_since.is_none() {
                    watched.reference = before;
                    watched.over_reconnect = self.reconnected;
                }
                watched.less_since = Some(at);
            } else if limit.switch == Switch::On && !wider(limit, &watched.reference) {
                watched.less_since = None;
                watched.reference = *limit;
            }
        }
        self.reconnected = false;
    }

    /// The connection is a new one: the monitor may have been set up again.
    pub(crate) fn reconnect(&mut self) {
        self.reconnected = true;
    }

    pub(crate) fn answer(&self, answers: &mut Answers, at: At) {
        let checks = [Check::AlarmDisabled, Check::AlarmLimitsWidened];
        if self.watched.is_empty() {
            checks.iter().for_each(|check| answers.say(*check, Verdict::CannotJudge, Why::NoLimits, at));
            return;
        }
        for (vital, watched) in &self.watched {
            let Some(since) = watched.less_since else { continue };
            let Watched { reference, now, .. } = watched;
            let (check, why) = match now.switch {
                Switch::Off => (Check::AlarmDisabled, Why::Disabled { number: *vital }),
                _ => {
                    let (from, to) = ((reference.low, reference.high), (now.low, now.high));
                    (Check::AlarmLimitsWidened, Why::Widened { number: *vital, from, to })
                }
            };
            let (verdict, why) = match watched.over_reconnect {
                true => (Verdict::Suspect, Why::OverReconnect { number: *vital }),
                false => (Verdict::Fail, why),
            };
            answers.add(check, Answer { verdict, why, since, earlier: None });
        }
        checks.iter().for_each(|check| answers.say(*check, Verdict::Pass, Why::LimitsSame, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(low: f32, high: f32, switch: Switch) -> AlarmLimit {
        AlarmLimit { vital: Vital::HeartRate, low, high, switch }
    }

    fn told(series: &[AlarmLimit], reconnect_before: usize) -> (Option<Verdict>, Option<Verdict>) {
        let mut limits = Limits::default();
        for (number, limit) in series.iter().enumerate() {
            if number == reconnect_before {
                limits.reconnect();
            }
            limits.take(&[*limit], At::default());
        }
        let mut answers = Answers::default();
        limits.answer(&mut answers, At::default());
        (answers.of(Check::AlarmDisabled), answers.of(Check::AlarmLimitsWidened))
    }

    const SET: AlarmLimit =
        AlarmLimit { vital: Vital::HeartRate, low: 50.0, high: 120.0, switch: Switch::On };
    const PASS: Option<Verdict> = Some(Verdict::Pass);
    const FAIL: Option<Verdict> = Some(Verdict::Fail);

    #[test]
    fn an_alarm_switched_off_and_a_limit_widened_fail() {
        assert_eq!(told(&[SET, limit(50.0, 120.0, Switch::Off)], 9), (FAIL, PASS));
        assert_eq!(told(&[SET, limit(50.0, 180.0, Switch::On)], 9), (PASS, FAIL));
        assert_eq!(told(&[SET, limit(20.0, 110.0, Switch::On)], 9), (PASS, FAIL));
    }

    #[test]
    fn what_was_so_from_the_start_and_what_is_narrowed_passes() {
        assert_eq!(told(&[limit(0.0, 300.0, Switch::Off)], 9), (PASS, PASS));
        assert_eq!(told(&[SET, limit(55.0, 110.0, Switch::On)], 9), (PASS, PASS));
        assert_eq!(told(&[SET, limit(50.0, 180.0, Switch::On), SET], 9), (PASS, PASS));
        assert_eq!(told(&[], 9), (Some(Verdict::CannotJudge), Some(Verdict::CannotJudge)));
    }

    #[test]
    fn a_change_over_a_new_connection_is_only_a_suspicion() {
        assert_eq!(told(&[SET, limit(50.0, 180.0, Switch::On)], 1), (PASS, Some(Verdict::Suspect)));
    }
}
