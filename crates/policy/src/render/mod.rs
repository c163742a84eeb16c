//! Policies as text for one target: one file each, one row in [`TARGETS`] each.
//!
//! A target is written from [`crate::lines`]; what it cannot say is an error that names the rule, never left out in
//! silence. Names of devices, which come from the wire, appear only in comments and descriptions, as [`plain`] text.

mod access_list;
mod arista;
mod cisco_ios;
mod cisco_sgacl;
mod fortigate;
mod juniper;
mod nft;
mod opnsense;
mod ovs;
mod paloalto;
mod pf;
mod suricata;
mod windows;
mod zeek;

use crate::line::{Line, Shape, Unsettled, lines};
use crate::rule::{Policy, Scope};
use model::Transport;

/// Longest name in a comment, in letters. Our limit; longer names are cut.
const NAME_LETTERS_MAX: usize = 60;

/// A target.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// What begins a comment.
    comment: &'static str,
    /// Who has judged what is written.
    trial: &'static str,
    /// What it can see and do.
    pub shape: Shape,
    write: fn(&Policy, &[Line], &mut String) -> Result<(), RenderError>,
}

/// All targets.
pub static TARGETS: &[&Target] = &[
    &nft::ROUTED,
    &nft::BRIDGED,
    &cisco_ios::TARGET,
    &cisco_sgacl::TARGET,
    &arista::TARGET,
    &juniper::TARGET,
    &fortigate::TARGET,
    &paloalto::TARGET,
    &opnsense::TARGET,
    &pf::TARGET,
    &windows::TARGET,
    &ovs::TARGET,
    &suricata::TARGET,
    &zeek::TARGET,
];

/// A policy cannot be written for a target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The policy leaves something open.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// The target has no words for a rule.
    #[error("{target} cannot say `{what}`; {instead}")]
    Unsayable {
        /// The target.
        target: &'static str,
        /// What it cannot say.
        what: String,
        /// What to do.
        instead: &'static str,
    },
}

/// The statements of nftables for a policy, one for each line; what no statement matches is left to the caller.
///
/// # Errors
/// [`RenderError`] where the policy leaves something open, or nftables has no words for it.
pub fn nft_statements(policy: &Policy) -> Result<Vec<String>, RenderError> {
    let lines = lines(policy, nft::ROUTED.shape)?;
    nft::statements(&lines)
}

/// The target called `name`.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

impl Target {
    /// The policy as this target's text.
    ///
    /// # Errors
    /// [`RenderError`] where the policy leaves something open, or the target has no words for it.
    pub fn render(&self, policy: &Policy) -> Result<String, RenderError> {
        let lines = lines(policy, self.shape)?;
        let mut text = String::new();
        self.header(policy, &mut text);
        (self.write)(policy, &lines, &mut text)?;
        Ok(text)
    }

    fn header(&self, policy: &Policy, out: &mut String) {
        let mut say = |sentence: &str| {
            let end = if self.comment == "<!--" { " -->" } else { "" };
            out.push_str(&format!("{} {sentence}{end}\n", self.comment));
        };
        say(&format!("Lazaret policy {} for {}. {}", plain(&policy.name), self.name, self.trial));
        let whom = match policy.scope {
            Scope::Units => {
                "Drops what comes from or goes to these devices and is not allowed; leaves all else alone."
            }
            Scope::Segment => {
                "Drops everything that is not allowed: only these devices may be behind this point."
            }
        };
        say(whom);
        if !self.shape.source_macs && policy.scope == Scope::Units {
            say(
                "Devices are told by network address: one that takes another address is not held. Use a segment of its own.",
            );
        }
        for unit in &policy.units {
            let networks: Vec<String> = unit.networks.iter().take(4).map(ToString::to_string).collect();
            let more = if unit.networks.len() > 4 { " ..." } else { "" };
            say(&format!("{}: {}{more}", plain(&unit.name), networks.join(" ")));
        }
    }
}

/// A name as letters that mean nothing to any target: ASCII letters, digits, `.`, `_`, `:`, `/` and single blanks; every
/// other letter becomes `_`. No name can end a comment, a string or a cell, or look like a command.
#[must_use]
pub fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | ':' | '/' | ' ' => letter,
        _ => '_',
    };
    let text: String = name.chars().take(NAME_LETTERS_MAX).map(letter).collect();
    let text = text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "unnamed".to_owned() } else { text }
}

/// IANA protocol number.
pub(crate) fn number(transport: Transport, v4: bool) -> Option<u8> {
    match transport {
        Transport::Tcp => Some(6),
        Transport::Udp => Some(17),
        Transport::Icmp => Some(if v4 { 1 } else { 58 }),
        Transport::Ip(number) => Some(number),
        _ => None,
    }
}

/// Comment lines of the unit that a line comes from, where it is another than that of the line before.
pub(crate) fn unit_name(policy: &Policy, line: &Line, before: &mut Option<usize>) -> Option<String> {
    if line.unit == *before {
        return None;
    }
    *before = line.unit;
    policy.units.get(line.unit?).map(|unit| plain(&unit.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_lose_their_teeth() {
        assert_eq!(plain("bed\n permit ip any any"), "bed_ permit ip any any");
        assert_eq!(plain("\"; accept }"), "__ accept _");
        assert_eq!(plain("a-->b'c`d"), "a___b_c_d");
        assert!(
            plain("\"; accept }*/-->'`$(reboot)\\")
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " ._:/".contains(c))
        );
        assert_eq!(plain(""), "unnamed");
        assert_eq!(plain(&"é".repeat(500)).len(), NAME_LETTERS_MAX);
    }
}
