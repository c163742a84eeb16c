//! `lazaret policy show` and `lazaret policy render`.

use super::label::read_label;
use super::learn::{Form, written};
use super::{is_mud, read_policy, read_text};
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{print, shown};
use policy::{Observed, Policy, Rule, Scope, SessionProfile};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SHOW_EXAMPLES: &str = "\
Examples:
  lazaret policy show --policy ward.policy.toml                             who may talk to whom, and what is refused
  lazaret policy show --policy thermostat.mud.json --format toml > t.toml   a maker's MUD file, to add addresses to
  lazaret policy show --policy thermostat.mud.json --label scanned.txt --format toml   with the link address of its label

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
    /// What a scanner gave of the device's label (RFC 9238): its link address is put into the policy
    #[arg(long, value_name = "FILE")]
    label: Option<PathBuf>,
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
        let mut policy = read_policy(&self.policy)?;
        if let Some(path) = &self.label {
            self.take_label(path, &mut policy)?;
        }
        match self.format {
            Some(form) => print(&written(&policy, form, self.mud_url.as_deref())?)?,
            None => print(&in_words(&policy))?,
        }
        Ok(Status::Done)
    }
}

impl Show {
    /// A MUD file does not say whose it is; the label on the device does.
    fn take_label(&self, path: &Path, policy: &mut Policy) -> Result<(), Failure> {
        let text = read_text("--policy", &self.policy)?;
        if !is_mud(&text) {
            return Err(Failure::Usage(
                "--label goes with a MUD file: a policy file has its addresses".to_owned(),
            ));
        }
        let (label, notes) = read_label("--label", path)?;
        let refused = |what: &str| Failure::Policy { path: path.to_owned(), what: what.to_owned() };
        let names = policy::mud_names(&text).map_err(|fault| refused(&fault.to_string()))?;
        let url = names.url.unwrap_or_default();
        if url != label.url {
            let (named, own) = (shown(&label.url), shown(&url));
            return Err(refused(&format!(
                "the label names the MUD file {named}, and --policy says that it is {own}: another device's label, or another file"
            )));
        }
        let mac =
            label.mac.ok_or_else(|| refused("the label has no link address (M06C): add `macs` by hand"))?;
        for unit in &mut policy.units {
            unit.macs.insert(mac);
        }
        let note = format!(
            "The link address {mac} is that of a label; anybody can print one: compare it with the device."
        );
        policy.coverage.get_or_insert_default().notes.extend(notes.into_iter().chain([note]));
        Ok(())
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
            sessions(&mut out, &one.sessions);
        }
        for (word, list) in [("refuse", &unit.refuse), ("unknown", &unit.unknown)] {
            for one in list {
                row(&mut out, word, &one.rule, one.role.as_deref(), &one.why, one.seen.as_ref());
                sessions(&mut out, &one.sessions);
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

/// One line a profile: how many of each it has, and the names that say something to people.
fn sessions(out: &mut String, profiles: &[SessionProfile]) {
    for profile in profiles {
        let offer = &profile.offer;
        let versions: Vec<_> = profile.versions().collect();
        let protocols: Vec<_> = offer.protocols.iter().map(|name| shown(name.as_str())).collect();
        let _ = writeln!(
            out,
            "                  sessions {}: {}, {} suites, {} extensions, {} groups{}{}",
            shown(&profile.name),
            versions.join(" "),
            offer.suites.len(),
            offer.extensions.len(),
            offer.groups.len(),
            if protocols.is_empty() { "" } else { ", for " },
            protocols.join(" "),
        );
    }
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
