//! `policy-violation` by drift: the rules that keep a device apart are no longer those that were applied.
//!
//! No frame shows it; whoever looked at the kernel's rules says so.

use crate::draft::{Draft, Matter};
use crate::judgement::DataError;
use crate::rule::Rules;
use crate::tally::Tally;
use model::{Asset, CaptureTime, Finding};

/// Lines told with a finding. Our limit; the number of all is told too.
const LINES_TOLD_MAX: usize = 20;

/// What it means for each of `assets` that the table of the policy called `policy` was not what was loaded at `time`.
/// `lines` are those that differ; without any there is no finding.
///
/// # Errors
/// [`DataError`] where the compiled-in rules do not load.
pub fn drifted(
    assets: &[Asset],
    policy: &str,
    lines: &[String],
    time: CaptureTime,
) -> Result<Vec<Finding>, DataError> {
    let rules = Rules::built_in()?;
    let mut draft = Draft::new(&rules);
    for asset in assets {
        let matter = Matter::new("policy-violation", asset, Tally::unshown(time))
            .case("by", if lines.is_empty() { "nobody" } else { "drift" })
            .text("policy", policy)
            .number("lines", lines.len() as u64)
            .list("changed", lines.iter().take(LINES_TOLD_MAX).cloned());
        draft.add(matter);
    }
    let mut findings = draft.finish();
    // No frame shows it.
    findings.iter_mut().for_each(|finding| finding.evidence.clear());
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AssetId, Severity};

    #[test]
    fn a_changed_table_is_a_finding_about_each_device_and_an_unchanged_one_is_none() {
        let devices = [Asset::unknown(AssetId(7)), Asset::unknown(AssetId(8))];
        let time = CaptureTime::from_nanos(5);
        let found = drifted(&devices, "ward 3", &["+ accept".to_owned()], time).unwrap();
        assert_eq!(found.iter().map(|one| one.asset).collect::<Vec<_>>(), [AssetId(7), AssetId(8)]);
        let one = &found[0];
        assert_eq!(
            (one.rule, one.severity, one.count, one.first),
            ("policy-violation", Severity::Medium, 1, time)
        );
        assert!(one.why.contains("ward 3") && one.why.contains("1 lines differ"), "{}", one.why);
        assert!(one.evidence.is_empty());
        assert_eq!(drifted(&devices, "ward 3", &[], time).unwrap(), []);
    }
}
