//! `vitals-untrusted`, `alarm-disabled`, `alarm-limits-widened`: observations of beds into the checks of `vitals`,
//! and their verdicts into findings. The beds are the rows of `inventory`.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Inventory, KnownBed, Renewed};
use model::{Check, Evidence, Fact, FlowId, IntegrityRow, Observation, Side, Verdict};
use vitals::{At, Depth, Row, Said, Standing, Ward};

/// The checks of all beds.
#[derive(Debug)]
pub(crate) struct Integrity(Ward);

impl Integrity {
    pub(crate) fn new(depth: Depth) -> Self {
        Self(Ward::new(depth))
    }

    /// Takes a fact of one side of a flow, which `inventory` has learnt before.
    pub(crate) fn see(
        &mut self,
        inventory: &Inventory,
        (id, side): (FlowId, Side),
        fact: &Fact,
        observation: &Observation,
    ) {
        let said = match fact {
            Fact::Waveform(waveform) => Said::Waveform(waveform),
            Fact::Measured(samples) => Said::Measured(samples),
            Fact::CycleEnded(_) => Said::CycleEnded,
            Fact::LimitsSet(limits) => Said::Limits(limits),
            Fact::Notice(notice) => Said::Notice(notice),
            Fact::Lost(..) => return self.0.lost((id, side)),
            Fact::FlowEnded(totals) => {
                return [Side::Client, Side::Server]
                    .into_iter()
                    .for_each(|side| self.0.ended((id, side), totals.last));
            }
            _ => return,
        };
        let Some(row) = inventory.bed_row(id, side) else { return };
        let row = Row { number: row.number, bed: row.bed, told_apart: row.told_apart };
        let at = At { time: observation.time, evidence: observation.evidence };
        self.0.take((id, side), row, said, at);
    }

    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        self.0.clock_set(by);
    }

    /// What the checks say of a bed of `inventory`.
    pub(crate) fn of(&self, number: u32) -> (Vec<IntegrityRow>, Option<model::Judged>) {
        (self.0.rows(number), self.0.judged(number))
    }

    /// What the checks said of that bed last.
    pub(crate) fn standing(&self, number: u32) -> impl Iterator<Item = Standing> {
        self.0.standing(number)
    }

    /// Begins a new stretch of time.
    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        self.0.renew(&renewed.beds, renewed.renewal.since);
    }

    /// One finding for each bed and check that fails.
    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        for known in ground.survey.known_beds() {
            conclude_bed(&known, &self.0.failing(known.number), draft);
        }
    }

    /// Units of beds that were not checked.
    pub(crate) const fn unchecked(&self) -> u64 {
        self.0.unchecked()
    }
}

/// Exact statements; the others are statistics, two of which agree or one of which lasted.
const fn exact(check: Check) -> bool {
    !matches!(
        check,
        Check::NumericWaveformDisagree
            | Check::ChannelDisagree
            | Check::WaveformSynthetic
            | Check::WaveformClipped
            | Check::WaveformChanged
            | Check::TimeShift
    )
}

/// One finding for each check that fails, by the rows that say so.
fn conclude_bed<'a>(bed: &KnownBed<'a>, failing: &[IntegrityRow], draft: &mut Draft<'a>) {
    for check in Check::ALL {
        let mut rows = failing.iter().filter(|row| row.check == check);
        let Some(first) = rows.next() else { continue };
        let mut tally = tally_of(first);
        rows.for_each(|row| tally.merge(&tally_of(row)));
        let rule = match check {
            Check::AlarmDisabled => "alarm-disabled",
            Check::AlarmLimitsWidened => "alarm-limits-widened",
            _ => "vitals-untrusted",
        };
        let place = bed.bed.map_or_else(|| "a bed that is not named".to_owned(), |bed| format!("bed {bed}"));
        let matter = Matter::new(rule, bed.asset, tally)
            .case("verdict", Verdict::Fail.as_str())
            .case("kind", if exact(check) { "exact" } else { "statistical" })
            .text("check", check.as_str())
            .text("bed", place.clone())
            .text("what", first.why.clone());
        let matter = match bed.bed {
            Some(bed) => matter.number("bed_number", u64::from(bed)),
            None => matter,
        };
        let patient = format!("{:?}", bed.patient);
        draft.add(Matter { apart: format!("{check} {place} {patient}").into_bytes(), ..matter });
    }
}

fn tally_of(row: &IntegrityRow) -> Tally {
    let mut tally = Tally::default();
    let mut frames: Vec<Evidence> = row.evidence.clone();
    frames.sort_unstable();
    let last = frames.pop();
    for frame in frames {
        tally.merge(&Tally::once(row.first, frame));
    }
    if let Some(last) = last {
        tally.merge(&Tally::once(row.last, last));
    }
    tally
}
