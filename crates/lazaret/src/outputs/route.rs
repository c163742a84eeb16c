//! Which findings a receiver gets: by severity, zone and rule.

use export::notice::Change;
use model::Severity;
use serde::Deserialize;

/// As the file has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteForm {
    /// At least so bad.
    severity: Option<String>,
    /// In these zones of the site file; all where none is named.
    #[serde(default)]
    zones: Vec<String>,
    /// Of these rules, `*` at the end stands for anything; all where none is named.
    #[serde(default)]
    rules: Vec<String>,
    /// Not of these.
    #[serde(default)]
    not_rules: Vec<String>,
    /// Whether changes of what is open are told.
    updated: Option<bool>,
    /// Whether it is told that something was closed.
    closed: Option<bool>,
    /// Whether what is open when the output is new is told.
    existing: Option<bool>,
}

/// Which findings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Route {
    severity: Severity,
    zones: Vec<String>,
    rules: Vec<String>,
    not_rules: Vec<String>,
    updated: bool,
    closed: bool,
    /// Whether what is open when the output is new is told.
    pub(super) existing: bool,
}

impl RouteForm {
    pub(super) fn read(self) -> Result<Route, String> {
        let severity = match &self.severity {
            None => Severity::Low,
            Some(text) => Severity::ALL
                .into_iter()
                .find(|severity| severity.as_str() == text)
                .ok_or_else(|| format!("route: severity {text:?}: low, medium, high, critical"))?,
        };
        for rule in self.rules.iter().chain(&self.not_rules) {
            if rule.trim_end_matches('*').contains('*') || rule.ends_with("**") {
                return Err(format!("route: rule {rule:?}: one `*`, at its end"));
            }
        }
        Ok(Route {
            severity,
            zones: self.zones,
            rules: self.rules,
            not_rules: self.not_rules,
            updated: self.updated.unwrap_or(true),
            closed: self.closed.unwrap_or(true),
            existing: self.existing.unwrap_or(true),
        })
    }
}

impl Route {
    /// Whether it gets findings of that kind.
    pub(crate) fn takes(&self, severity: Severity, zone: Option<&str>, rule: &str) -> bool {
        let of = |rules: &[String]| {
            rules.iter().any(|one| one.strip_suffix('*').map_or(one == rule, |start| rule.starts_with(start)))
        };
        severity >= self.severity
            && (self.zones.is_empty() || zone.is_some_and(|zone| self.zones.iter().any(|one| one == zone)))
            && (self.rules.is_empty() || of(&self.rules))
            && !of(&self.not_rules)
    }

    /// Whether it is told of such a change.
    pub(crate) const fn tells(&self, change: Change) -> bool {
        match change {
            Change::Opened => true,
            Change::Updated => self.updated,
            Change::Closed => self.closed,
        }
    }

    /// The zones it names.
    pub(crate) fn zones(&self) -> &[String] {
        &self.zones
    }

    /// In a line, for people.
    pub(crate) fn words(&self) -> String {
        let mut words = format!("{} and above", self.severity);
        for (what, list) in [("zones", &self.zones), ("rules", &self.rules), ("not", &self.not_rules)] {
            if !list.is_empty() {
                words.push_str(&format!("; {what} {}", list.join(", ")));
            }
        }
        for (told, what) in
            [(self.updated, "updates"), (self.closed, "closings"), (self.existing, "what is open already")]
        {
            if !told {
                words.push_str(&format!("; no {what}"));
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_zone_and_rule_must_all_fit() {
        let form: RouteForm = toml::from_str(
            "severity = 'medium'\nzones = ['ICU 3']\nrules = ['offsite-*', 'code-push']\nnot_rules = ['offsite-x']",
        )
        .unwrap();
        let route = form.read().unwrap();
        for (severity, zone, rule, takes) in [
            (Severity::Medium, Some("ICU 3"), "offsite-egress", true),
            (Severity::Critical, Some("ICU 3"), "code-push", true),
            (Severity::Low, Some("ICU 3"), "code-push", false),
            (Severity::High, Some("ICU 4"), "code-push", false),
            (Severity::High, None, "code-push", false),
            (Severity::High, Some("ICU 3"), "code-push-2", false),
            (Severity::High, Some("ICU 3"), "offsite-x", false),
        ] {
            assert_eq!(route.takes(severity, zone, rule), takes, "{severity} {zone:?} {rule}");
        }
        let all = RouteForm::default().read().unwrap();
        assert!(all.takes(Severity::Low, None, "anything") && all.tells(Change::Closed) && all.existing);
        assert!(toml::from_str::<RouteForm>("rules = ['*-x']").unwrap().read().is_err());
    }
}
