//! `known-vulnerable`: a recognised unit is exposed to a vulnerability that is exploited or critical.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use model::{Exposure, ExposureStatus};

/// CVSS v3.1 base score from which a vulnerability is critical (FIRST, CVSS v3.1 §5).
const CRITICAL: f32 = 9.0;

pub(crate) fn conclude<'a>(ground: &Ground<'a>, draft: &mut Draft<'a>) {
    for asset in ground.survey.assets() {
        let counts = |exposure: &&Exposure| {
            exposure.status != ExposureStatus::NotAffected && (exposure.kev || exposure.cvss >= CRITICAL)
        };
        let exposures: Vec<_> = asset.exposures.iter().filter(counts).collect();
        let Some(worst) = exposures.iter().max_by(|a, b| a.cvss.total_cmp(&b.cvss)) else { continue };
        let affected = exposures.iter().any(|exposure| exposure.status == ExposureStatus::Affected);
        let band = match worst.cvss {
            score if score >= CRITICAL => "critical",
            score if score >= 7.0 => "high",
            score if score >= 4.0 => "medium",
            _ => "low",
        };
        let stations = ground.survey.stations_of(asset.id).iter();
        let spans = stations.filter_map(|id| ground.survey.inventory().station(*id)?.sent);
        let mut tally = Tally::default();
        for sign in &asset.signs {
            let seen = spans.clone().next().map_or_else(Default::default, |span| span.first);
            tally.merge(&Tally::once(seen, sign.evidence));
        }
        let others = asset.exposures.len() - exposures.len();
        let why: Vec<_> =
            exposures.iter().map(|exposure| format!("{}: {}", exposure.cve, exposure.why)).collect();
        let matter = Matter::new("known-vulnerable", asset, tally)
            .case("cvss", band)
            .flag("affected", affected)
            .list("cves", exposures.iter().map(|exposure| exposure.cve.clone()))
            .text("what", why.join(" "))
            .text("cvss", format!("{:.1}", worst.cvss))
            .number("others", others as u64);
        let advisories = exposures.iter().map(|exposure| exposure.advisory.clone()).collect();
        let cves = exposures.iter().map(|exposure| exposure.cve.clone()).collect();
        draft.add(Matter { advisories, cves, ..matter });
    }
}
