//! Inventory and judge together: what a run asks.

use crate::account::Account;
use crate::blind::blind_spots;
use crate::judge::Judge;
use crate::past::Past;
use crate::recompute::recompute;
use crate::rule::{RuleError, Rules};
use crate::score::add_score;
use inventory::{FormError, Inventory, Profiles, Recorder, Renewal, Site};
use model::{
    AssetId, CaptureSummary, CaptureTime, Coverage, Finding, Observation, Origin, Report, Schema, Trend,
};
use std::collections::BTreeSet;

/// What nothing goes on with is known on for so long, in nanoseconds, however short the stretches of time are that are
/// told apart: a day, in which a ward does everything it does.
const REMEMBERED_NS: i64 = 86_400_000_000_000;

/// The compiled-in data does not load: a fault of this build.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A profile, a vocabulary or a notice.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Inventory and judge together.
#[derive(Debug)]
pub struct Judgement {
    inventory: Inventory,
    judge: Judge,
    account: Account,
    watched: BTreeSet<String>,
    recorder: Option<Recorder>,
}

impl Judgement {
    /// Knows what is compiled in and what the site says of itself.
    ///
    /// # Errors
    /// [`DataError`] where the compiled-in data does not load.
    pub fn new(site: Site) -> Result<Self, DataError> {
        let profiles = Profiles::built_in()?;
        let watched =
            profiles.watched_fields().into_iter().map(|(protocol, _)| protocol.to_owned()).collect();
        Ok(Self {
            inventory: Inventory::new(profiles, site)?,
            judge: Judge::new(Rules::built_in()?),
            account: Account::default(),
            watched,
            recorder: None,
        })
    }

    /// The same, with the vital signs of each bed in full in the report at the end.
    #[must_use]
    pub fn recording(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// Checks whether vital signs can be believed, too; samples of waveforms must then be carried.
    #[must_use]
    pub fn checking_vitals(self, depth: vitals::Depth) -> Self {
        Self { judge: self.judge.checking_vitals(depth), ..self }
    }

    /// Knows what was before the captures.
    #[must_use]
    pub fn remembering(self, past: Past) -> Self {
        Self { judge: self.judge.remembering(past), ..self }
    }

    /// Whether messages of `schema` are asked for.
    #[must_use]
    pub fn watches(&self, schema: &'static Schema) -> bool {
        self.watched.contains(schema.protocol)
    }

    /// Takes in one observation. They come in order.
    pub fn observe(&mut self, observation: &Observation) {
        self.inventory.learn(observation);
        self.judge.observe(&self.inventory, observation);
        if let Some(recorder) = &mut self.recorder
            && let Origin::Flow(flow, side) = observation.origin
            && let Some(row) = self.inventory.bed_row(flow, side)
        {
            recorder.record(row, observation);
        }
    }

    /// What the checks said last of a bed, by [`inventory::BedRow::number`].
    pub fn standing(&self, number: u32) -> impl Iterator<Item = vitals::Standing> {
        self.judge.standing(number)
    }

    /// Every bed so far, with its [`inventory::BedRow::number`] and its monitor.
    #[must_use]
    pub fn places(&self) -> Vec<(u32, AssetId)> {
        let beds = self.judge.beds(&self.inventory.survey());
        beds.into_iter().map(|(number, bed)| (number, bed.asset)).collect()
    }

    /// Begins a new stretch of time at `now`, which reports and findings are about from here on; the one that ends began
    /// at `begun`. What was not heard in it, nor for a day, is forgotten; see [`Inventory::renew`]. With a recorder
    /// nothing is let go.
    pub fn renew(&mut self, begun: CaptureTime, now: CaptureTime) {
        if self.recorder.is_some() {
            return;
        }
        let crowded = self.is_crowded();
        let day = CaptureTime::from_nanos(now.nanos().saturating_sub(REMEMBERED_NS));
        let since = if crowded { begun } else { begun.min(day) };
        let survey = self.inventory.survey();
        let known = self.judge.known(&survey, &self.judge.conclude_on(&survey));
        let renewed = self.inventory.renew(Renewal { now, since, crowded });
        self.judge.renew(&renewed);
        self.judge.remember(known, &renewed);
        let told = self.judge.conclude(&self.inventory);
        self.account.renew(&told);
    }

    /// Whether a table is so full that it is time for [`Self::renew`].
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.inventory.is_crowded() || self.judge.is_full()
    }

    /// The vital signs since the last call, or the beginning.
    pub fn turn(&mut self) -> Vec<Trend> {
        let trends = self.inventory.survey().trends();
        self.inventory.turn();
        trends
    }

    /// What is on the network, as far as known.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The findings since the last renewal. Changes nothing.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.account.due(self.judge.conclude(&self.inventory))
    }

    /// The report since the last renewal.
    #[must_use]
    pub fn report(&mut self, captures: Vec<CaptureSummary>, coverage: Coverage) -> Report {
        let survey = self.inventory.survey();
        let vitals = self.judge.vitals(&survey);
        let findings = self.account.settle(self.judge.conclude_on(&survey));
        let mut blind_spots = blind_spots(&coverage, &self.inventory, &self.judge);
        if survey.conversations_unlisted() > 0 {
            let count = survey.conversations_unlisted();
            blind_spots.push(format!("{count} conversations are not listed because an asset had too many."));
        }
        if self.judge.unchecked() > 0 {
            blind_spots
                .push("Some beds' vital signs were not checked because there are too many beds.".to_owned());
        }
        Report {
            captures,
            coverage,
            blind_spots,
            assets: survey.into_assets(),
            findings,
            taken_back: self.account.taken_back(),
            vitals,
            recordings: Vec::new(),
            identifiers_shown_because: None,
        }
    }

    /// The report, at the end.
    #[must_use]
    pub fn finish(mut self, captures: Vec<CaptureSummary>, coverage: Coverage) -> Report {
        let recorder = self.recorder.take();
        let mut report = self.report(captures, coverage);
        if let Some(recorder) = recorder {
            report.recordings = recorder.finish(self.judge.beds(&self.inventory.survey()));
            for bed in &mut report.recordings {
                recompute(bed);
                add_score(bed);
            }
        }
        report
    }
}
