//! `lazaret enforce`: a policy into this host's nftables, on trial first, with a way back.

pub(super) mod drift;

use super::policy::read_policy;
use super::source::Source;
use crate::exit::{Failure, Status};
use crate::stored::{By, print, shown};
use enforce::host::{self, EnforceError, Nft, Place, Plan, Standing, TRIAL_SECONDS_MAX};
use flow::Waveforms;
use inventory::Vocabulary;
use model::Report;
use policy::{Checked, Cut, Policy};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use store::{Actor, IfMissing, Writer, Writing as _};

const EXAMPLES: &str = "\
Examples:
  lazaret enforce plan --policy ward.policy.toml lasthour.pcap        what would change, and what it would cut; changes nothing
  lazaret enforce apply --policy ward.policy.toml --store ward.store lasthour.pcap     on trial for 60 s
  lazaret enforce confirm --store ward.store                          make it stay
  lazaret enforce undo --store ward.store                             what stood before, counters and all
  lazaret enforce status                                              what stands, and whether somebody changed it
  lazaret enforce status --store ward.store                           the same as a receipt, and a finding where it drifted

The captures are what the ward said lately: `apply` refuses where the policy would cut a clinical conversation in them, or
where there are none, unless somebody overrides that by name and with a reason (--override-by, --reason).

Unless confirmed in time, the kernel itself puts the old rules back in force, whatever becomes of this program. Only the
table `inet lazaret` of this host's nftables (of this network namespace) is touched. Every step is an entry in the store's
audit log; a step that cannot be recorded is not done.

Exit status: 0 done; 1 `status` found that the table is not what was loaded; 2 bad usage, refused, or nothing to do it to;
3 a capture was wholly unreadable (nothing was applied).";

/// Options of `enforce`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Options {
    /// Folder where what is needed to go back is kept
    #[arg(long, value_name = "DIR", global = true, default_value_os_t = host::default_place().to_owned())]
    state: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show what would change and what it would cut; changes nothing.
    Plan(Box<Planned>),
    /// Put a policy on trial.
    Apply(Box<Applied>),
    /// Make the policy on trial stay.
    Confirm(Recorded),
    /// Put back what stood before.
    Undo(Recorded),
    /// Tell what stands, and whether it is what was loaded; with --store, as a receipt and a finding.
    Status(Told),
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("captures", |captures| captures.required(false)))]
struct Planned {
    #[command(flatten)]
    source: Source,
    /// Policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Applied {
    #[command(flatten)]
    planned: Planned,
    #[command(flatten)]
    recorded: Recorded,
    /// How long the trial lasts, in seconds; then the old rules hold again
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=i64::from(TRIAL_SECONDS_MAX)))]
    seconds: u32,
    /// Who answers for cutting clinical conversations, by name
    #[arg(long, value_name = "NAME", requires = "override_reason")]
    override_by: Option<String>,
    /// Why they must be cut
    #[arg(long = "override-reason", value_name = "TEXT", requires = "override_by")]
    override_reason: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Recorded {
    /// The store whose audit log records the steps; it is made where it is not there
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Args)]
struct Told {
    /// A store that keeps the answer: a receipt in its audit log, and a finding about each device where the table drifted
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(flatten)]
    by: By,
}

/// Writes each step into the audit log before it is done.
struct Log {
    store: Writer,
    actor: Actor,
}

impl Log {
    fn open(recorded: &Recorded) -> Result<Self, Failure> {
        let actor = recorded.by.actor()?;
        Ok(Self { store: Writer::open(&recorded.store, IfMissing::Make)?, actor })
    }

    fn step(
        &mut self,
        action: &str,
        subject: &str,
        step: &str,
        more: &serde_json::Value,
    ) -> Result<(), EnforceError> {
        let detail = json!({ "step": step, "more": more });
        let actor = Actor { name: self.actor.name.clone(), at: crate::stored::now() };
        self.store
            .note(action, subject, &detail, &actor)
            .map_err(|fault| EnforceError::Record(fault.to_string()))
    }
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Plan(planned) => planned.run(),
            What::Apply(applied) => applied.run(&self.state),
            What::Confirm(recorded) => confirm(&self.state, recorded),
            What::Undo(recorded) => undo(&self.state, recorded),
            What::Status(told) => status(&self.state, told),
        }
    }
}

/// What a policy would do, and to what.
struct Prospect {
    plan: Plan,
    /// What it would cut of recent traffic; absent where there is none.
    checked: Option<(Checked, Report)>,
    unreadable: bool,
}

impl Planned {
    fn prospect(&self) -> Result<Prospect, Failure> {
        self.source.check()?;
        let policy = read_policy(&self.policy)?;
        let plan = host::plan(&Nft, &policy)?;
        let (mut checked, mut unreadable) = (None, false);
        if self.source.has_captures() {
            let options = flow::Options { waveforms: Waveforms::Omit, ..flow::Options::default() };
            let outcome = self.source.read(self.source.plan(options)?, None, crate::pipeline::run)?;
            unreadable = !outcome.rejected.is_empty();
            checked = Some((held_against(&policy, &outcome.report)?, outcome.report));
        }
        Ok(Prospect { plan, checked, unreadable })
    }

    fn run(&self) -> Result<Status, Failure> {
        let prospect = self.prospect()?;
        let script = host::trial_script(&prospect.plan, 60);
        Nft.check(&script)?;
        print(&prospect.in_words())?;
        Ok(if prospect.unreadable { Status::Unreadable } else { Status::Done })
    }
}

fn held_against(policy: &Policy, report: &Report) -> Result<Checked, Failure> {
    let words = Vocabulary::built_in().map_err(detect::DataError::from)?;
    Ok(policy::check(policy, report, &words))
}

/// Whether a patient was seen attached at either end of a conversation that would be cut.
fn patient(cut: &Cut, report: &Report) -> Option<String> {
    let peer = report.assets.iter().find(|asset| asset.ips.contains(&cut.talk.ip)).map(|asset| asset.id);
    let bed = report
        .vitals
        .iter()
        .find(|bed| (bed.asset == cut.asset || Some(bed.asset) == peer) && !bed.numerics.is_empty())?;
    let place = bed.bed.map_or_else(|| "a patient".to_owned(), |bed| format!("the patient of bed {bed}"));
    Some(format!("{place} is attached: valid numbers until {}", export::to_second(bed.last)))
}

impl Prospect {
    fn clinical(&self) -> Vec<String> {
        let Some((checked, report)) = &self.checked else { return Vec::new() };
        let row = |cut: &Cut| {
            let attached = patient(cut, report).unwrap_or_else(|| "no patient was seen attached".to_owned());
            let role = cut.role.as_deref().unwrap_or("clinical");
            format!(
                "{} and {} {}/{} ({role}); {attached}",
                shown(&cut.device),
                cut.talk.ip,
                cut.talk.transport,
                cut.talk.port
            )
        };
        checked.clinical_cuts().map(row).collect()
    }

    fn in_words(&self) -> String {
        let plan = &self.plan;
        let mut out = format!(
            "Policy {} ({}): {} statements in table inet lazaret{}.\nNow: {}.\n",
            shown(&plan.name),
            plan.id,
            plan.statements.len(),
            if plan.segment { "; everything else that is forwarded is dropped" } else { "" },
            standing(&plan.standing)
        );
        let (old, _) = host::old_statements(&plan.before);
        let in_words = |lines: &[String]| -> Vec<String> { lines.iter().map(|line| bare(line)).collect() };
        let (old, new) = (in_words(&old), in_words(&plan.statements));
        for line in old.iter().filter(|line| !new.contains(line)) {
            let _ = writeln!(out, "- {line}");
        }
        for line in new.iter().filter(|line| !old.contains(line)) {
            let _ = writeln!(out, "+ {line}");
        }
        match &self.checked {
            None => out.push_str("No captures were named, so what it would cut is not known.\n"),
            Some((checked, _)) => {
                let clinical = self.clinical();
                let _ = writeln!(
                    out,
                    "Of {} recent conversations it would cut {}, {} of them clinical; bad traffic that would still pass: {}.",
                    checked.conversations,
                    checked.cut.len(),
                    clinical.len(),
                    checked.passing.len()
                );
                for row in clinical {
                    let _ = writeln!(out, "  CLINICAL: {row}");
                }
            }
        }
        out
    }
}

/// A statement without its counter, in the words in which nftables lists it.
fn bare(line: &str) -> String {
    let verdict = if line.ends_with("drop") { "drop" } else { "accept" };
    let matches = line.split("counter ").next().unwrap_or_default();
    let listed = matches.replace("/32 ", " ").replace("/128 ", " ");
    format!("{}{verdict}", listed.replace("tcp flags & (ack | rst) != 0x0", "tcp flags rst,ack"))
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Nothing => "no table inet lazaret; nothing of ours is in force".to_owned(),
        Standing::Trial { id, left } => {
            format!("policy {id} is on trial for {left} more; then the old rules hold again")
        }
        Standing::Expired { id } => {
            format!("the trial of policy {id} ended unconfirmed; the rules from before it hold")
        }
        Standing::Final { id } => format!("policy {id} is in force"),
        Standing::Foreign => "a table inet lazaret that `enforce` did not make".to_owned(),
    }
}

impl Applied {
    fn run(&self, state: &Path) -> Result<Status, Failure> {
        let empty = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        if empty(&self.override_by) || empty(&self.override_reason) {
            return Err(Failure::Usage("--override-by and --override-reason must not be empty".to_owned()));
        }
        let place = Place::open(state)?;
        let prospect = self.planned.prospect()?;
        if prospect.unreadable {
            return Ok(Status::Unreadable);
        }
        let clinical = prospect.clinical();
        let risk = match &prospect.checked {
            None => Some("no captures were named, so nobody knows what it would cut".to_owned()),
            Some(_) if clinical.is_empty() => None,
            Some(_) => Some("it would cut clinical conversations".to_owned()),
        };
        let each: String = clinical.iter().map(|row| format!("\n  {row}")).collect();
        if let (Some(risk), None) = (&risk, &self.override_by) {
            let risk = if each.is_empty() { format!("{risk}. ") } else { format!("{risk}:{each}\n") };
            return Err(Failure::Usage(format!(
                "refused: {risk}Nothing was changed. Correct the policy, or answer for it: --override-by NAME \
                 --override-reason TEXT"
            )));
        }
        let more = json!({
            "policy": shown(&prospect.plan.name), "seconds": self.seconds, "risk": risk, "cuts": clinical,
            "devices": prospect.plan.devices,
            "override_by": self.override_by.as_deref().map(shown),
            "override_reason": self.override_reason.as_deref().map(shown),
        });
        let mut log = Log::open(&self.recorded)?;
        let id = prospect.plan.id.clone();
        let mut step = |name: &str| log.step("enforce-apply", &id, name, &more);
        host::apply(&Nft, &place, &prospect.plan, self.seconds, &mut step)?;
        print(&format!(
            "{}Policy {id} is on trial for {} s. Watch the ward; then `lazaret enforce confirm`, or it ends by itself.\n",
            prospect.in_words(),
            self.seconds
        ))?;
        Ok(Status::Done)
    }
}

fn confirm(state: &Path, recorded: &Recorded) -> Result<Status, Failure> {
    let place = Place::open(state)?;
    let id = place.read()?.map(|kept| kept.id).unwrap_or_default();
    let mut log = Log::open(recorded)?;
    let kept = host::confirm(&Nft, &place, &mut |name| log.step("enforce-confirm", &id, name, &json!({})))?;
    print(&format!("Policy {} ({}) is in force.\n", shown(&kept.name), kept.id))?;
    Ok(Status::Done)
}

fn undo(state: &Path, recorded: &Recorded) -> Result<Status, Failure> {
    let place = Place::open(state)?;
    let id = place.read()?.map(|kept| kept.id).unwrap_or_default();
    let mut log = Log::open(recorded)?;
    let kept = host::undo(&Nft, &place, &mut |name| log.step("enforce-undo", &id, name, &json!({})))?;
    print(&format!(
        "Policy {} ({}) was taken back; what stood before stands again.\n",
        shown(&kept.name),
        kept.id
    ))?;
    Ok(Status::Done)
}

fn status(state: &Path, told: &Told) -> Result<Status, Failure> {
    let place = Place::open(state)?;
    let found = host::status(&Nft, &place)?;
    let mut out = format!("Now: {}.\n", standing(&found.standing));
    if let Some(kept) = &found.kept {
        let _ = writeln!(out, "Last applied from this folder: {} ({}).", shown(&kept.name), kept.id);
    }
    let drifted = match &found.drift {
        Some(drift) if drift.is_empty() => {
            out.push_str("The table is what was loaded.\n");
            false
        }
        Some(drift) => {
            out.push_str("DRIFT: the table is not what was loaded:\n");
            drift.iter().take(50).for_each(|line| {
                let _ = writeln!(out, "  {}", shown(line));
            });
            true
        }
        None => {
            out.push_str(
                "Whether somebody changed the table cannot be told: nothing is noted of its last load.\n",
            );
            false
        }
    };
    print(&out)?;
    if let (Some(folder), Some(kept), Some(drift)) = (&told.store, &found.kept, &found.drift) {
        // Only what is in force is contained; a trial or what it left behind is no drift of it.
        if matches!(&found.standing, Standing::Final { id } if *id == kept.id) || drifted {
            drift::keep(folder, &drift::Held::of(kept), drift, &told.by.actor()?)?;
        }
    }
    Ok(if drifted { Status::Found } else { Status::Done })
}
