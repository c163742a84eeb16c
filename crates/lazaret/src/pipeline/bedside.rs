//! What devices say at the bedside, as they say it: for whoever shows it live.

use detect::Judgement;
use model::{AssetId, CaptureTime, Fact, Observation, Observed, Origin};
use std::collections::BTreeMap;

/// How often it is looked anew which device a bed belongs to, in capture time: looking walks all that is known.
const LOOK_EVERY_NS: i64 = 5_000_000_000;

/// Where something was said.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    /// The device.
    pub(crate) asset: AssetId,
    /// The number of the bed, where it gives one.
    pub(crate) bed: Option<u16>,
}

/// Who is told.
pub(crate) trait Bedside: Send {
    /// A device said something of vital signs. `fact` is a waveform, numbers, limits, a notice or the end of a cycle.
    fn told(&mut self, place: Place, time: CaptureTime, fact: &Fact);
}

/// Tells one who wants to know, beside the judgement.
pub(super) struct Tap {
    to: Box<dyn Bedside>,
    places: BTreeMap<u32, Place>,
    looked: Option<CaptureTime>,
}

impl Tap {
    pub(super) const fn new(to: Box<dyn Bedside>) -> Self {
        Self { to, places: BTreeMap::new(), looked: None }
    }

    /// Tells what `judgement` has learnt just now.
    pub(super) fn pass(&mut self, judgement: &Judgement, observation: &Observation) {
        let Observed::Fact(fact) = &observation.observed else { return };
        let Origin::Flow(flow, side) = observation.origin else { return };
        let wanted = matches!(
            fact,
            Fact::Waveform(_)
                | Fact::Measured(_)
                | Fact::LimitsSet(_)
                | Fact::Notice(_)
                | Fact::CycleEnded(_)
        );
        if !wanted {
            return;
        }
        let Some(row) = judgement.inventory().bed_row(flow, side) else { return };
        if !self.places.contains_key(&row.number) {
            self.look(judgement, observation.time);
        }
        if let Some(place) = self.places.get(&row.number) {
            self.to.told(*place, observation.time, fact);
        }
    }

    fn look(&mut self, judgement: &Judgement, now: CaptureTime) {
        let lately = |looked: &CaptureTime| (0..LOOK_EVERY_NS).contains(&now.nanos_since(*looked));
        if self.looked.as_ref().is_some_and(lately) {
            return;
        }
        self.looked = Some(now);
        let beds = judgement.inventory().survey().beds_with(&|_| (Vec::new(), None));
        let place =
            |(number, bed): (u32, model::BedVitals)| (number, Place { asset: bed.asset, bed: bed.bed });
        self.places = beds.into_iter().map(place).collect();
    }
}
