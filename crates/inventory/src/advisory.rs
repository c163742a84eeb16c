//! Built-in notices: enough that an offline first run names what a recognised unit is exposed to.

use crate::form::{FormError, read_form, value_fault};
use crate::shelf;
use model::{Exposure, ExposureStatus};
use serde::Deserialize;

/// A vulnerability of a notice.
#[derive(Clone, Debug)]
pub(crate) struct Vulnerability {
    advisory: String,
    profiles: Vec<String>,
    cve: String,
    cvss: f32,
    kev: bool,
    what: String,
    /// Firmware named by the notice; none: every version.
    versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvisoryForm {
    schema: u32,
    id: String,
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "url")]
    _url: String,
    profiles: Vec<String>,
    /// Firmware that the notice names.
    versions: Vec<String>,
    vulnerability: Vec<VulnerabilityForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VulnerabilityForm {
    cve: String,
    #[serde(rename = "cwe")]
    _cwe: u32,
    cvss: f32,
    kev: bool,
    what: String,
    /// `all` versions or those `named` by the notice.
    affects: String,
}

/// What is compiled in, sorted by notice and vulnerability.
pub(crate) fn built_in() -> Result<Vec<Vulnerability>, FormError> {
    let mut all = Vec::new();
    for (file, text) in shelf::ADVISORIES {
        let form: AdvisoryForm = read_form(text, file)?;
        if form.schema != 1 {
            return Err(value_fault(text, file, "schema", &form.schema.to_string(), "must be 1"));
        }
        for row in form.vulnerability {
            let versions = match row.affects.as_str() {
                "all" => Vec::new(),
                "named" => form.versions.clone(),
                other => return Err(value_fault(text, file, "affects", other, "must be all or named")),
            };
            all.push(Vulnerability {
                advisory: form.id.clone(),
                profiles: form.profiles.clone(),
                cve: row.cve,
                cvss: row.cvss,
                kev: row.kev,
                what: row.what,
                versions,
            });
        }
    }
    all.sort_by(|a, b| (&a.advisory, &a.cve).cmp(&(&b.advisory, &b.cve)));
    Ok(all)
}

/// Which of `all` hit a unit of `profile` with this firmware.
pub(crate) fn exposures(all: &[Vulnerability], profile: &str, firmware: Option<&str>) -> Vec<Exposure> {
    let hit = all.iter().filter(|row| row.profiles.iter().any(|id| id == profile));
    hit.map(|row| {
        let named = row.versions.join(", ");
        let (status, which) = match firmware {
            _ if row.versions.is_empty() => {
                (ExposureStatus::Affected, "the notice names every version".to_owned())
            }
            Some(firmware) if row.versions.iter().any(|version| version == firmware) => {
                (ExposureStatus::Affected, format!("the notice names its firmware {firmware}"))
            }
            // Version names of this kind have no published order, so "not affected" cannot be told.
            Some(firmware) => (
                ExposureStatus::Possible,
                format!("its firmware {firmware} is not one of those the notice names ({named})"),
            ),
            None => (
                ExposureStatus::Possible,
                format!("its firmware is not known; the notice names {named} and earlier"),
            ),
        };
        Exposure {
            advisory: row.advisory.clone(),
            cve: row.cve.clone(),
            cvss: row.cvss,
            kev: row.kev,
            status,
            why: format!("{}; {which}.", row.what),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_vulnerabilities_of_the_monitor_are_built_in() {
        let all = built_in().unwrap();
        let status = |firmware| -> Vec<(String, ExposureStatus)> {
            let hit = exposures(&all, "contec.cms8000", firmware);
            hit.into_iter().map(|exposure| (exposure.cve, exposure.status)).collect()
        };
        let unknown = status(None);
        assert_eq!(unknown.len(), 9);
        let of = |list: &[(String, ExposureStatus)], cve: &str| {
            list.iter().find(|(id, _)| id == cve).map(|(_, status)| *status)
        };
        assert_eq!(of(&unknown, "CVE-2025-0683"), Some(ExposureStatus::Affected));
        assert_eq!(of(&unknown, "CVE-2024-12248"), Some(ExposureStatus::Possible));
        let known = status(Some("smart3250-2.6.27-wlan2.1.7.cramfs"));
        assert_eq!(of(&known, "CVE-2024-12248"), Some(ExposureStatus::Affected));
        assert!(exposures(&all, "acme.pump", None).is_empty());
    }
}
