//! `lazaret playbook`: what people do about a finding.

use crate::exit::{Failure, Status};
use crate::stored::{Format, print, print_json};
use export::{Playbook, playbook, playbook_rules};
use serde::Serialize;
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  lazaret playbook                                    every kind of finding that has one
  lazaret playbook remote-mount                       whom to tell, what to unplug first, when to stop using the unit
  lazaret findings --store ward.store show f-…        the same, below one finding

The order is that of the patient's safety. What authorities say is our summary, with its source; read the source before
you rely on it.

Exit status: 0 done; 2 bad usage, no such kind of finding.";

/// Options of `playbook`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Kind of finding, as its rule is called
    #[arg(value_name = "FINDING-RULE")]
    rule: Option<String>,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    playbooks: Vec<Playbook>,
}

impl Options {
    /// Shows it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let playbooks: Vec<Playbook> = match &self.rule {
            Some(rule) => vec![playbook(rule).ok_or_else(|| {
                let known = playbook_rules().join(", ");
                Failure::Usage(format!(
                    "no playbook is called `{}`; there are {known}",
                    crate::stored::shown(rule)
                ))
            })?],
            None => playbook_rules().into_iter().filter_map(playbook).collect(),
        };
        match self.format {
            Format::Json => print_json(&Document { schema: "lazaret.playbook/1", playbooks })?,
            Format::Text if self.rule.is_some() => {
                print(
                    &playbooks
                        .iter()
                        .map(|one| format!("{}\n{}", one.rule, one.to_text("  ")))
                        .collect::<String>(),
                )?;
            }
            Format::Text => {
                let mut out = String::new();
                for one in playbooks {
                    let _ = writeln!(out, "{:<24} {}", one.rule, one.unplug);
                }
                print(&out)?;
            }
        }
        Ok(Status::Done)
    }
}
