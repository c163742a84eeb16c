//! What is older than the site wants is deleted, once a day.

use super::app::{Shared, actor, read, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Prunable, Trial, Writing as _};

/// Most days that can be asked for: a hundred years.
pub(crate) const DAYS_MAX: u32 = 36_500;
/// How often it is looked what is too old.
const EVERY: Duration = Duration::from_secs(86_400);
const DAY_NS: i64 = 86_400_000_000_000;

/// For how many days of capture time things are kept; none for good.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Keep {
    pub(crate) vitals: Option<u32>,
    pub(crate) trends: Option<u32>,
    pub(crate) conversations: Option<u32>,
    pub(crate) asset_history: Option<u32>,
    pub(crate) closed_findings: Option<u32>,
}

impl Keep {
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

    /// What is to go that was last seen before which moment.
    fn before(self, now: i64) -> Vec<(Prunable, i64)> {
        let all = [
            (Prunable::Vitals, self.vitals),
            (Prunable::Trends, self.trends),
            (Prunable::Conversations, self.conversations),
            (Prunable::AssetHistory, self.asset_history),
            (Prunable::ClosedFindings, self.closed_findings),
        ];
        let before = |(kind, days): (Prunable, Option<u32>)| {
            Some((kind, now.saturating_sub(i64::from(days?).saturating_mul(DAY_NS))))
        };
        all.into_iter().filter_map(before).collect()
    }
}

/// Deletes what is too old, now and every day. What fails is said, and done the next time.
pub(crate) async fn keep(app: Shared) {
    let mut day = tokio::time::interval(EVERY);
    loop {
        day.tick().await;
        let Ok(settings) = read(&app, store::Access::settings).await else { continue };
        let who = actor("lazaret");
        for (kind, before) in Keep::of(&settings).before(who.at) {
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
        let keep = Keep::of(&settings);
        assert_eq!(keep, Keep { vitals: Some(30), trends: Some(7), ..Keep::default() });
        let before = [(Prunable::Vitals, DAY_NS), (Prunable::Trends, 24 * DAY_NS)];
        assert_eq!(keep.before(31 * DAY_NS), before);
        assert_eq!(Keep::of(&BTreeMap::new()).before(0), []);
    }
}
