//! What people do about a finding: the compiled-in `data/playbook.toml`.
//!
//! The order is that of the patient's safety: who must know, what happens at the bedside, what is unplugged first, and when
//! the unit is no longer used. What authorities say stands beside it with its source.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

static TEXT: &str = include_str!("../../../data/playbook.toml");
static FORM: LazyLock<Result<Form, toml::de::Error>> = LazyLock::new(|| toml::from_str(TEXT));

/// What to do about the findings of a rule.
#[derive(Clone, Debug, Serialize)]
pub struct Playbook {
    /// The rule.
    pub rule: String,
    /// Who is told, in this order.
    pub tell: Vec<String>,
    /// What happens at the bedside first.
    pub patient: String,
    /// What is unplugged first, then.
    pub unplug: String,
    /// When the unit is no longer used.
    pub stop: String,
    /// What else.
    pub steps: Vec<String>,
    /// What authorities say.
    pub sources: Vec<Source>,
}

/// What an authority says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which.
    pub who: String,
    /// Where.
    pub title: String,
    /// Its address.
    pub url: Option<String>,
    /// What, in our words.
    pub says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[cfg_attr(not(test), expect(dead_code, reason = "says that the form is this one"))]
    schema: u32,
    source: BTreeMap<String, Source>,
    people: BTreeMap<String, String>,
    play: Vec<Play>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    rules: Vec<String>,
    tell: Vec<String>,
    patient: String,
    unplug: String,
    stop: String,
    steps: Vec<String>,
    sources: Vec<String>,
}

/// The playbook of a rule; `None` for an id that has none.
#[must_use]
pub fn playbook(rule: &str) -> Option<Playbook> {
    let form = FORM.as_ref().ok()?;
    let play = form.play.iter().find(|play| play.rules.iter().any(|one| one == rule))?;
    Some(Playbook {
        rule: rule.to_owned(),
        tell: play.tell.iter().filter_map(|one| form.people.get(one).cloned()).collect(),
        patient: play.patient.clone(),
        unplug: play.unplug.clone(),
        stop: play.stop.clone(),
        steps: play.steps.clone(),
        sources: play.sources.iter().filter_map(|one| form.source.get(one).cloned()).collect(),
    })
}

/// Every rule that has a playbook, in the alphabet's order.
#[must_use]
pub fn playbook_rules() -> Vec<&'static str> {
    let plays = FORM.as_ref().map_or(&[][..], |form| &form.play);
    let mut rules: Vec<&str> = plays.iter().flat_map(|play| &play.rules).map(String::as_str).collect();
    rules.sort_unstable();
    rules
}

impl Playbook {
    /// For a terminal, each line after `margin`.
    #[must_use]
    pub fn to_text(&self, margin: &str) -> String {
        let mut out = String::new();
        let mut line = |text: &str| {
            let _ = writeln!(out, "{margin}{text}");
        };
        line("Tell, in this order:");
        for (at, who) in (1..).zip(&self.tell) {
            line(&format!("  {at}. {who}."));
        }
        line(&format!("At the bedside first: {}", self.patient));
        line(&format!("Unplug first: {}", self.unplug));
        line(&format!("When to stop using the unit: {}", self.stop));
        line("Then:");
        for step in &self.steps {
            line(&format!("  - {step}"));
        }
        line("What authorities say (our summary; the source is what counts):");
        for source in &self.sources {
            line(&format!("  {}: {}", source.who, source.says));
            let url = source.url.as_deref().map_or_else(String::new, |url| format!(" <{url}>"));
            line(&format!("    {}{url}", source.title));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_one_playbook_and_every_name_in_it_is_defined() {
        let form = FORM.as_ref().unwrap();
        assert_eq!(form.schema, 1);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/findings");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let rules: BTreeSet<String> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        let played = playbook_rules();
        let unique: BTreeSet<String> = played.iter().map(|rule| (*rule).to_owned()).collect();
        assert_eq!(unique.len(), played.len(), "a rule has two playbooks");
        let missing: Vec<_> = rules.difference(&unique).collect();
        assert!(missing.is_empty(), "no playbook in data/playbook.toml: {missing:?}");
        for play in &form.play {
            for name in &play.tell {
                assert!(form.people.contains_key(name), "{name}");
            }
            for name in &play.sources {
                assert!(form.source.contains_key(name), "{name}");
            }
        }
        for rule in played {
            let text = playbook(rule).unwrap().to_text("");
            assert!(text.contains("At the bedside first: ") && text.contains("1. "), "{text}");
        }
        assert!(playbook("no-such-rule").is_none());
    }
}
