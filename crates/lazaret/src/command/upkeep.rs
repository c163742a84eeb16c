//! `lazaret store`: backup, restore, retention, the vault, and the sensors that write to it.

use super::{sensors, vault};
use crate::exit::{Failure, Status};
use crate::stored::{By, Direction, Format, Where, at, moment, print, shown};
use std::fmt::Write as _;
use std::path::PathBuf;
use store::{CopiedOutbox, Prunable, Trial, Writing as _};

const EXAMPLES: &str = "\
Examples:
  lazaret store --store ward.store backup --output ward-2026-11-28.sqlite    while others read and write
  lazaret store --store new.store restore --from ward-2026-11-28.sqlite      into a folder that is not there yet
  lazaret store --store ward.store prune --older-than 365d --dry-run         what would go
  lazaret store --store ward.store prune --older-than 90d --kind vitals --kind conversations
  lazaret store --store ward.store sensors                                   what live sensors do, and cannot see
  lazaret store --store ward.store vault status                              whether patients' names are kept, encrypted

Nothing is ever pruned by itself. Open findings, assets and the audit log always stay. A backup is checked before it
takes its name and is as confidential as the store. The outboxes of outputs are in it: after a restore nothing that
waited is lost, and what may arrive a second time says so.

Exit status: 0 done; 2 bad usage, or a store, backup or disk that cannot be used.";

/// Options of `store`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show how the sensors that write to the store do, and what they cannot see
    Sensors {
        /// Format of the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Look into the vault of patients' names, forget, and change its key
    Vault(vault::Options),
    /// Copy the store, while it is in use, to one file
    Backup {
        /// File to write; it appears whole or not at all
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Make a store of a backup, in a folder that holds none
    Restore {
        /// The backup
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        by: By,
    },
    /// Delete what is old
    Prune {
        /// What was last seen before this moment of capture time: a day, a moment, or days ago, like 365d
        #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
        older_than: i64,
        /// Only this kind; may be given several times [default: all]
        #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
        kinds: Vec<Prunable>,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        by: By,
    },
}

/// What of outboxes came with a copy.
fn outboxes(copied: &[CopiedOutbox]) -> String {
    let mut out = String::new();
    for CopiedOutbox { name, waiting, refused } in copied {
        let _ = writeln!(out, "  outbox {}: {waiting} messages wait, {refused} were refused", shown(name));
    }
    out
}

fn kind(text: &str) -> Result<Prunable, String> {
    Prunable::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = Prunable::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("kinds are {}", known.join(", "))
    })
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Sensors { format } => sensors::show(&self.place, *format)?,
            What::Vault(options) => options.run(&self.place)?,
            What::Backup { output } => {
                let copied = store::backup(self.place.folder()?, output)?;
                let (path, size) = (shown(&output.display().to_string()), export::bytes(copied.bytes));
                let entries = copied.chain.entries;
                let said = format!("{path}: {size}, checked; its audit log is whole ({entries} entries)\n");
                print(&(said + &outboxes(&copied.outboxes)))?;
            }
            What::Restore { from, by } => {
                let folder = self.place.folder()?;
                let copied = store::restore(folder, from, &by.actor()?)?;
                let (path, size) = (shown(&folder.display().to_string()), export::bytes(copied.bytes));
                let mut said = format!("{path}: restored, {size}; its audit log is whole\n");
                said.push_str(&outboxes(&copied.outboxes));
                if !copied.outboxes.is_empty() {
                    said.push_str(
                        "  What waited is sent with the mark of a repeat, and each receiver is told once more of what it knows as open.\n\
                         \u{20}\u{20}Stop what still sends for the old store: two stores that send tell everything twice.\n",
                    );
                }
                print(&said)?;
            }
            What::Prune { older_than, kinds, dry_run, by } => self.prune(*older_than, kinds, *dry_run, by)?,
        }
        Ok(Status::Done)
    }

    fn prune(&self, before: i64, kinds: &[Prunable], dry_run: bool, by: &By) -> Result<(), Failure> {
        let all = Prunable::ALL;
        let kinds = if kinds.is_empty() { &all } else { kinds };
        let trial = if dry_run { Trial::Dry } else { Trial::Real };
        let pruned = self.place.writer()?.prune(kinds, before, trial, &by.actor()?)?;
        let verb = if dry_run { "Would delete" } else { "Deleted" };
        let mut out = format!("{verb} what was last seen before {}:\n", at(before));
        for one in pruned {
            let _ = writeln!(out, "  {:<16} {}", one.kind.as_str(), one.rows);
        }
        print(&out)
    }
}
