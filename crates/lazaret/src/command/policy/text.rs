//! `lazaret policy show` and `lazaret policy render`.

use super::learn::{Form, written};
use super::read_policy;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{print, shown};
use policy::{Observed, Policy, Rule, Scope};
use std::fmt::Write as _;
use std::path::PathBuf;

const SHOW_EXAMPLES: &str = "\
Examples:
  lazaret policy show --policy ward.policy.toml                             who may talk to whom, and what is refused
  lazaret policy show --policy thermostat.mud.json --format toml > t.toml   a maker's MUD file, to add addresses to

Exit status: 0 done; 2 bad usage, or the file is no policy.";

const RENDER_EXAMPLES: &str = "\
Examples:
  lazaret policy render --list
  lazaret policy render --policy ward.policy.toml --target nft --output ward.nft
  lazaret policy render --policy ward.policy.toml --target cisco-ios --segment

Names in a policy (name:pool.ntp.org, controller:…) need a table [[resolve]] with their addresses. A rule that a target
has no words for is an error, never left out. Nothing is applied: load the text yourself, in a maintenance window.

Exit status: 0 done; 2 bad usage, the file is no policy, or the target cannot say it.";

/// Options of `policy show`.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(super) struct Show {
    /// Policy file, or a MUD file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// In which form
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Where the MUD file will be served
    #[arg(long, value_name = "URL", required_if_eq("format", "mud"))]
    mud_url: Option<String>,
}

/// Options of `policy render`.
#[derive(Debug, clap::Args)]
#[command(after_help = RENDER_EXAMPLES)]
pub(super) struct Render {
    /// List the targets
    #[arg(long)]
    list: bool,
    /// Policy file, or a MUD file
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    policy: Option<PathBuf>,
    /// What to write it for; --list names them
    #[arg(long, value_name = "TARGET", required_unless_present = "list")]
    target: Option<String>,
    /// Only this unit of the policy, by its name
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Only these devices are behind the point of enforcement: drop everything else there too
    #[arg(long)]
    segment: bool,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Show {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        let policy = read_policy(&self.policy)?;
        match self.format {
            Some(form) => print(&written(&policy, form, self.mud_url.as_deref())?)?,
            None => print(&in_words(&policy))?,
        }
        Ok(Status::Done)
    }
}

impl Render {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        if self.list {
            let mut out = String::new();
            for target in policy::render::TARGETS {
                let _ = writeln!(out, "{:<14} {}", target.name, target.description);
            }
            print(&out)?;
            return Ok(Status::Done);
        }
        let (Some(path), Some(name)) = (&self.policy, &self.target) else { return Ok(Status::Done) };
        let target = policy::render::target(name).ok_or_else(|| {
            let names: Vec<&str> = policy::render::TARGETS.iter().map(|target| target.name).collect();
            Failure::Usage(format!(
                "--target {}: no such target; there are {}",
                shown(name),
                names.join(", ")
            ))
        })?;
        let mut policy = read_policy(path)?;
        if let Some(name) = &self.unit {
            policy.units.retain(|unit| unit.name == *name);
            if policy.units.is_empty() {
                let name = shown(name);
                return Err(Failure::Usage(format!(
                    "--unit {name}: no such unit; `lazaret policy show` lists them"
                )));
            }
        }
        if self.segment {
            policy.scope = Scope::Segment;
        }
        let text = target.render(&policy).map_err(|fault| Failure::Usage(fault.to_string()))?;
        write_to(self.output.as_deref(), |to| to.write_all(text.as_bytes()))?;
        Ok(Status::Done)
    }
}

fn in_words(policy: &Policy) -> String {
    let whom = match policy.scope {
        Scope::Units => "what concerns these devices; all else passes",
        Scope::Segment => "everything on the segment",
    };
    let mut out = format!("Policy {}: default deny for {whom}.\n", shown(&policy.name));
    for note in policy.coverage.iter().flat_map(|coverage| &coverage.notes) {
        let _ = writeln!(out, "  {}", shown(note));
    }
    for unit in &policy.units {
        let _ = writeln!(out, "\n{}", shown(&unit.name));
        let networks: Vec<String> = unit.networks.iter().map(ToString::to_string).collect();
        let macs: Vec<String> = unit.macs.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "  at {} {}", networks.join(" "), macs.join(" "));
        for one in &unit.allow {
            let word = if one.clinical { "ALLOW, clinical" } else { "allow" };
            row(&mut out, word, &one.rule, one.role.as_deref(), &one.why, one.seen.as_ref());
        }
        for (word, list) in [("refuse", &unit.refuse), ("unknown", &unit.unknown)] {
            for one in list {
                row(&mut out, word, &one.rule, one.role.as_deref(), &one.why, one.seen.as_ref());
            }
        }
        if unit.allow.is_empty() {
            out.push_str("  nothing is allowed\n");
        }
    }
    if policy.units.is_empty() {
        out.push_str("\nIt covers no device.\n");
    }
    out
}

fn row(out: &mut String, word: &str, rule: &Rule, role: Option<&str>, why: &str, seen: Option<&Observed>) {
    let role = role.map_or_else(String::new, |role| format!("  {}", shown(role)));
    let _ = writeln!(out, "  {word:<16}{}{role}", shown(&rule.to_string()));
    let mut said = shown(why);
    if let Some(seen) = seen {
        let flows = if seen.flows == 1 { "1 flow".to_owned() } else { format!("{} flows", seen.flows) };
        let _ = write!(said, "; {flows}");
        if let Some(regular) = &seen.regular {
            let _ = write!(said, ", {}", shown(regular));
        }
        if let Some(first) = seen.first {
            let _ = write!(said, ", since {}", export::to_second(first));
        }
    }
    let _ = writeln!(out, "                  {said}");
}
