//! What is older than the site wants is deleted, once a day.

use super::app::{Shared, actor, read, write};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Prunable, Trial, Writing as _};
use utoipa::ToSchema;

/// Most days that can be asked for: a hundred years.
pub(crate) const DAYS_MAX: u32 = 36_500;
/// How often it is looked what is too old.
const EVERY: Duration = Duration::from_secs(86_400);
const DAY_NS: i64 = 86_400_000_000_000;

/// For how many days of capture time things are kept; for good, where there is none. Open findings, devices and the audit
/// log are always kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeepDays {
    /// Summaries of vital signs.
    #[schema(minimum = 1, maximum = 36500)]
    vitals: Option<u32>,
    /// Vital signs of watches, some minutes a row.
    #[schema(minimum = 1, maximum = 36500)]
    trends: Option<u32>,
    #[schema(minimum = 1, maximum = 36500)]
    conversations: Option<u32>,
    /// Traits that a device no longer shows.
    #[schema(minimum = 1, maximum = 36500)]
    asset_history: Option<u32>,
    /// Findings that are resolved or false positives.
    #[schema(minimum = 1, maximum = 36500)]
    closed_findings: Option<u32>,
}

impl KeepDays {
    /// As the settings say; what they do not say is kept for good.
    pub(crate) fn of(settings: &BTreeMap<String, Value>) -> Self {
        let days = |key: &str| {
            let days = settings.get("keep_days")?.get(key)?.as_u64()?;
            u32::try_from(days).ok().filter(|days| (1..=DAYS_MAX).contains(days))
        };
        Self {
            vitals: days("vitals"),
            trends: days("trends"),
            conversations: days("conversations"),
            asset_history: days("asset_history"),
            closed_findings: days("closed_findings"),
        }
    }

    const fn by_kind(self) -> [(Prunable, Option<u32>); 5] {
        [
            (Prunable::Vitals, self.vitals),
            (Prunable::Trends, self.trends),
            (Prunable::Conversations, self.conversations),
            (Prunable::AssetHistory, self.asset_history),
            (Prunable::ClosedFindings, self.closed_findings),
        ]
    }

    /// Whether all are days that can be asked for.
    pub(crate) fn fit(self) -> bool {
        self.by_kind().iter().all(|(_, days)| days.is_none_or(|days| (1..=DAYS_MAX).contains(&days)))
    }

    /// What is to go that was last seen before which moment.
    fn before(self, now: i64) -> Vec<(Prunable, i64)> {
        let before = |(kind, days): (Prunable, Option<u32>)| {
            Some((kind, now.saturating_sub(i64::from(days?).saturating_mul(DAY_NS))))
        };
        self.by_kind().into_iter().filter_map(before).collect()
    }
}

/// Deletes what is too old, now and every day. What fails is said, and done the next time.
pub(crate) async fn keep(app: Shared) {
    let mut day = tokio::time::interval(EVERY);
    loop {
        day.tick().await;
        let Ok(settings) = read(&app, store::Access::settings).await else { continue };
        let who = actor("lazaret");
        for (kind, before) in KeepDays::of(&settings).before(who.at) {
            let who = who.clone();
            // A look that finds nothing writes nothing.
            let prune = move |store: &mut store::Writer| {
                let would = store.prune(&[kind], before, Trial::Dry, &who)?;
                if would.iter().any(|one| one.rows > 0) {
                    store.prune(&[kind], before, Trial::Real, &who)?;
                }
                Ok(())
            };
            if write(&app, prune).await.is_err() {
                eprintln!("lazaret: what is too old could not be deleted; it is tried again tomorrow");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_the_settings_name_goes() {
        let settings = BTreeMap::from([(
            "keep_days".to_owned(),
            json!({ "vitals": 30, "trends": 7, "conversations": null, "asset_history": 0 }),
        )]);
        let keep = KeepDays::of(&settings);
        assert_eq!(keep, KeepDays { vitals: Some(30), trends: Some(7), ..KeepDays::default() });
        let before = [(Prunable::Vitals, DAY_NS), (Prunable::Trends, 24 * DAY_NS)];
        assert_eq!(keep.before(31 * DAY_NS), before);
        assert_eq!(KeepDays::of(&BTreeMap::new()).before(0), []);
    }
}
