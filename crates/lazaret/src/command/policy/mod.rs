//! `lazaret policy`: what devices need, as a file; that file as text for a firewall; and what it would cut.

mod check;
mod label;
mod learn;
mod text;

use crate::exit::{Failure, Status};
use policy::{Policy, PolicyError};
use std::io::Read as _;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  lazaret policy learn --output ward.policy.toml monday.pcap tuesday.pcap   what the medical devices need, and what not
  lazaret policy show --policy ward.policy.toml                             the same, to read
  lazaret policy check --policy ward.policy.toml wednesday.pcap             what it would cut, what it would still let pass
  lazaret policy render --policy ward.policy.toml --target nft > ward.nft   for a firewall; --list names the targets

The way to use it: learn from days without trouble, read the file and decide about what is `unknown`, check it against a
day that was not learnt from, then render. Nothing here changes a firewall; `lazaret policy` sends nothing.";

/// What to do with policies.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Learn what each device needs, from captures or a store.
    Learn(Box<learn::Options>),
    /// Show a policy, or write it in another form.
    Show(text::Show),
    /// Write a policy for a firewall, a switch or a sensor.
    Render(text::Render),
    /// Make, or read, a label that names a device's MUD file (RFC 9238)
    Label(Box<label::Options>),
    /// Hold captures against a policy: what would be cut, what bad traffic would pass, what is unproven.
    Check(Box<check::Options>),
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Learn(options) => options.run(),
            What::Show(options) => options.run(),
            What::Render(options) => options.run(),
            What::Label(options) => options.run(),
            What::Check(options) => options.run(),
        }
    }
}

/// Reads a policy file: TOML of ours, or a MUD file, told apart by content.
pub(super) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = read_text("--policy", path)?;
    let wrong = |what: String| Failure::Policy { path: path.to_owned(), what };
    if is_mud(&text) {
        return policy::read_mud(&text).map_err(|fault| wrong(fault.to_string()));
    }
    policy::read(&text).map_err(|PolicyError(fault)| wrong(fault))
}

/// Whether a text is a MUD file rather than TOML of ours.
fn is_mud(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The text of a policy or MUD file.
fn read_text(option: &'static str, path: &Path) -> Result<String, Failure> {
    let failed = |cause| Failure::Read { option, path: path.to_owned(), cause };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than is read tells that there is more.
    file.take(policy::TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let wrong = |what: &str| Failure::Policy { path: path.to_owned(), what: what.to_owned() };
    String::from_utf8(bytes).map_err(|_| wrong("is no text in UTF-8"))
}
