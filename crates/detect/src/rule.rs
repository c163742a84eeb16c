//! Rules: what a matter that a detector found is worth, as data in `data/findings/<id>.toml`.
//!
//! A detector describes a matter by circumstances (`where = "offsite"`, `answered = "yes"` …). The first
//! `[[case]]` all of whose conditions hold gives severity and certainty; where none holds, there is no finding.
//! `{name}` in `title`, `why` and `doubt` stands for a detail of the matter. A case may say `title`, `why` and `fix` in its
//! own words.

use inventory::{FormError, read_form};
use model::{Certainty, Severity};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/shelf.rs"));

/// Circumstances of a matter, by name.
pub(crate) type Circumstances = BTreeMap<&'static str, &'static str>;

/// A rule file does not load. Shown to whoever wrote the rule, so it names the place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Not the form of a rule.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A word that is none of those that the key allows.
    #[error("{file}: `{key}` = \"{value}\" is not defined")]
    Word {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
    },
    /// The rule contradicts its own example.
    #[error("{file}: example {number} should find {expected}, finds {found}")]
    Example {
        /// The file.
        file: String,
        /// Which example, from 1.
        number: usize,
        /// What it says.
        expected: String,
        /// What the cases give.
        found: String,
    },
}

/// The text of a compiled-in rule, as `data/findings/` has it; `None` for an id that no rule has.
#[must_use]
pub fn rule_text(id: &str) -> Option<&'static str> {
    let file = format!("data/findings/{id}.toml");
    FINDINGS.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

/// What is said of a matter, and what it is worth.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Id, as in findings.
    pub id: String,
    /// One line, with `{name}`s.
    pub title: String,
    /// Why it matters, with `{name}`s.
    pub why: String,
    /// What to do.
    pub fix: Arc<str>,
    /// When it is found and nothing is wrong.
    pub false_positives: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// MITRE ATT&CK techniques.
    pub attack: Arc<[String]>,
    learnt: bool,
    cites: Vec<Cite>,
    cases: Vec<Case>,
}

/// What a rule says of one case.
#[derive(Clone, Debug)]
pub(crate) struct Worth<'a> {
    pub(crate) severity: Severity,
    pub(crate) certainty: Certainty,
    pub(crate) doubt: Option<&'a str>,
    pub(crate) title: &'a str,
    pub(crate) why: &'a str,
    pub(crate) fix: &'a Arc<str>,
}

#[derive(Clone, Debug)]
struct Case {
    when: BTreeMap<String, Vec<String>>,
    severity: Severity,
    certainty: Certainty,
    doubt: Option<String>,
    title: Option<String>,
    why: Option<String>,
    fix: Option<Arc<str>>,
}

/// Notices that a finding about a product refers to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cite {
    /// Profile of the asset; none: any asset.
    profile: Option<String>,
    #[serde(default)]
    pub(crate) advisories: Vec<String>,
    #[serde(default)]
    pub(crate) cves: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    schema: u32,
    id: String,
    title: String,
    severity: String,
    status: String,
    why: String,
    fix: String,
    false_positives: Vec<String>,
    references: Vec<String>,
    attack: Vec<String>,
    /// It says how a conversation is carried out, not that there should be none: the conversation may be a habit.
    #[serde(default)]
    learnt: bool,
    #[serde(default)]
    cite: Vec<Cite>,
    case: Vec<CaseForm>,
    example: Vec<ExampleForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseForm {
    #[serde(default)]
    when: BTreeMap<String, OneOrMore>,
    severity: Option<String>,
    certainty: Option<String>,
    doubt: Option<String>,
    title: Option<String>,
    why: Option<String>,
    fix: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleForm {
    see: BTreeMap<String, String>,
    finds: u32,
    severity: Option<String>,
    certainty: Option<String>,
}

/// All rules, by id.
#[derive(Clone, Debug, Default)]
pub struct Rules(BTreeMap<String, Rule>);

impl Rules {
    /// What is compiled in.
    ///
    /// # Errors
    /// [`RuleError`] for a file that does not have its form or contradicts its examples.
    pub fn built_in() -> Result<Self, RuleError> {
        let mut rules = BTreeMap::new();
        for (file, text) in FINDINGS {
            let rule = parse(text, file)?;
            rules.insert(rule.id.clone(), rule);
        }
        Ok(Self(rules))
    }

    /// The rule called `id`.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.0.get(id)
    }

    /// Whether a conversation that the rule `id` finds something about is not to be taken for a device's habit.
    #[must_use]
    pub fn blames(&self, id: &str) -> bool {
        self.rule(id).is_none_or(|rule| !rule.learnt)
    }

    /// All, in order of id.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.0.values()
    }
}

impl Rule {
    /// Reads a finding file; `file` is its name, which ends in its id and `.toml`.
    ///
    /// # Errors
    /// [`RuleError`] for a text that does not have the form of a finding, or whose examples contradict it.
    pub fn parse(text: &str, file: &str) -> Result<Self, RuleError> {
        parse(text, file)
    }

    /// What a matter with these circumstances is worth; nothing: no finding.
    pub(crate) fn worth<'c>(&self, circumstance: &dyn Fn(&str) -> Option<&'c str>) -> Option<Worth<'_>> {
        let holds = |case: &&Case| {
            case.when.iter().all(|(name, values)| {
                circumstance(name).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            })
        };
        self.cases.iter().find(holds).map(|case| Worth {
            severity: case.severity,
            certainty: case.certainty,
            doubt: case.doubt.as_deref(),
            title: case.title.as_ref().unwrap_or(&self.title),
            why: case.why.as_ref().unwrap_or(&self.why),
            fix: case.fix.as_ref().unwrap_or(&self.fix),
        })
    }

    /// Notices to cite for an asset of this profile.
    pub(crate) fn cites(&self, profile: Option<&str>) -> impl Iterator<Item = &Cite> {
        self.cites.iter().filter(move |cite| cite.profile.is_none() || cite.profile.as_deref() == profile)
    }
}

/// `text` with each `{name}` replaced; a name without a value stays empty.
pub(crate) fn filled(text: &str, words: &BTreeMap<&'static str, String>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        out.push_str(words.get(name).map_or("", String::as_str));
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn severity_of(word: &str, file: &str) -> Result<Severity, RuleError> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == word);
    found.ok_or_else(|| RuleError::Word { file: file.to_owned(), key: "severity", value: word.to_owned() })
}

fn certainty_of(word: &str, file: &str) -> Result<Certainty, RuleError> {
    let all = [Certainty::Attempted, Certainty::Likely, Certainty::Confirmed];
    let found = all.into_iter().find(|certainty| certainty.as_str() == word);
    found.ok_or_else(|| RuleError::Word { file: file.to_owned(), key: "certainty", value: word.to_owned() })
}

fn parse(text: &str, file: &str) -> Result<Rule, RuleError> {
    let form: RuleForm = read_form(text, file)?;
    let word = |key, value: String| RuleError::Word { file: file.to_owned(), key, value };
    if form.schema != 1 {
        return Err(word("schema", form.schema.to_string()));
    }
    if !file.ends_with(&format!("/{}.toml", form.id)) {
        return Err(word("id", form.id));
    }
    if !matches!(form.status.as_str(), "experimental" | "stable" | "deprecated") {
        return Err(word("status", form.status));
    }
    let usual = severity_of(&form.severity, file)?;
    let case = |case: CaseForm| -> Result<Case, RuleError> {
        let when = case.when.into_iter().map(|(name, values)| match values {
            OneOrMore::One(value) => (name, vec![value]),
            OneOrMore::More(values) => (name, values),
        });
        Ok(Case {
            when: when.collect(),
            severity: case.severity.map_or(Ok(usual), |severity| severity_of(&severity, file))?,
            certainty: case
                .certainty
                .map_or(Ok(Certainty::Confirmed), |certainty| certainty_of(&certainty, file))?,
            doubt: case.doubt,
            title: case.title,
            why: case.why,
            fix: case.fix.map(Into::into),
        })
    };
    let rule = Rule {
        id: form.id,
        title: form.title,
        why: form.why,
        fix: form.fix.into(),
        false_positives: form.false_positives,
        references: form.references,
        attack: form.attack.into(),
        learnt: form.learnt,
        cites: form.cite,
        cases: form.case.into_iter().map(case).collect::<Result<_, _>>()?,
    };
    check(&rule, &form.example, file)?;
    Ok(rule)
}

/// Every example must come out as it says, and there must be some both ways.
fn check(rule: &Rule, examples: &[ExampleForm], file: &str) -> Result<(), RuleError> {
    for (at, example) in examples.iter().enumerate() {
        let see = |name: &str| example.see.get(name).map(String::as_str);
        let worth = rule.worth(&see);
        let found = worth.as_ref().map_or_else(
            || "nothing".to_owned(),
            |worth| format!("{} {}", worth.severity.as_str(), worth.certainty.as_str()),
        );
        let fits = match &worth {
            None => example.finds == 0,
            Some(worth) => {
                let severity = example.severity.as_deref().is_none_or(|word| word == worth.severity.as_str());
                let certainty =
                    example.certainty.as_deref().is_none_or(|word| word == worth.certainty.as_str());
                example.finds == 1 && severity && certainty
            }
        };
        if !fits {
            let severity = example.severity.as_deref().unwrap_or("any");
            let expected = format!("{} {severity}", example.finds);
            return Err(RuleError::Example { file: file.to_owned(), number: at + 1, expected, found });
        }
    }
    let both = [0, 1].iter().all(|finds| examples.iter().any(|example| example.finds == *finds));
    if both {
        Ok(())
    } else {
        let expected = "something in one and nothing in another".to_owned();
        Err(RuleError::Example {
            file: file.to_owned(),
            number: 0,
            expected,
            found: "one way only".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_keeps_what_its_examples_say() {
        let rules = Rules::built_in().unwrap();
        assert!(rules.all().count() >= 16);
    }

    const FORM: &str = r#"
schema = 1
id = "x"
title = "X"
severity = "medium"
status = "stable"
why = "{asset} did {what}."
fix = "Stop it."
false_positives = []
references = []
attack = []
[[case]]
when = { where = ["offsite", "onsite"] }
[[example]]
see = { where = "offsite" }
finds = 1
severity = "medium"
[[example]]
see = { where = "on-link" }
finds = 0
"#;

    #[test]
    fn a_rule_that_contradicts_its_examples_does_not_load() {
        assert!(parse(FORM, "data/findings/x.toml").is_ok());
        let wrong = |from: &str, to: &str| {
            parse(&FORM.replace(from, to), "data/findings/x.toml").unwrap_err().to_string()
        };
        assert!(wrong("finds = 0", "finds = 1").contains("example 2"));
        assert!(
            wrong("severity = \"medium\"\n[[example]]", "severity = \"high\"\n[[example]]").contains("1")
        );
        assert!(wrong("\"stable\"", "\"done\"").contains("status"));
        assert!(wrong("fix =", "fixx =").contains("fixx"));
        assert!(wrong("finds = 1\nseverity = \"medium\"", "finds = 0").contains("example 1"));
    }

    #[test]
    fn words_are_filled_in() {
        let words = BTreeMap::from([("asset", "A".to_owned())]);
        assert_eq!(filled("{asset} and {nobody}: {", &words), "A and : ");
    }
}
