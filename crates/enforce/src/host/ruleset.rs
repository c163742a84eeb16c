//! The table's scripts, and what a listing says of the table.

use super::Plan;
use std::fmt::Write as _;

/// Longest trial, in seconds. Our limit: a day; what needs longer is no trial.
pub const TRIAL_SECONDS_MAX: u32 = 86_400;

/// The set whose name says which policy stands.
const MARK: &str = "policy_";
/// The set whose elements hold a trial up.
const ARMED: &str = "armed";
const HOOKS: [&str; 3] = ["forward", "input", "output"];

/// What stands in the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// No table.
    Nothing,
    /// A policy on trial.
    Trial {
        /// Its id.
        id: String,
        /// How long it still holds, as nftables writes it.
        left: String,
    },
    /// A policy whose trial ended without being confirmed: the rules from before it hold.
    Expired {
        /// Its id.
        id: String,
    },
    /// A confirmed policy.
    Final {
        /// Its id.
        id: String,
    },
    /// A table that `enforce` did not make.
    Foreign,
}

impl Standing {
    /// From the listing of the table.
    #[must_use]
    pub fn of(listing: &str) -> Self {
        if listing.trim().is_empty() {
            return Self::Nothing;
        }
        let id =
            names(listing, "set").into_iter().find_map(|name| name.strip_prefix(MARK).map(str::to_owned));
        let Some(id) = id else { return Self::Foreign };
        if !names(listing, "set").contains(&ARMED) {
            return Self::Final { id };
        }
        let expires = body(listing, "set", ARMED).iter().find_map(|line| line.split("expires ").nth(1));
        let left = expires.map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect());
        left.map_or_else(|| Self::Expired { id: id.clone() }, |left| Self::Trial { id: id.clone(), left })
    }
}

/// Names of the chains or sets of a listing.
fn names<'a>(listing: &'a str, kind: &str) -> Vec<&'a str> {
    let begin = format!("\t{kind} ");
    listing.lines().filter_map(|line| line.strip_prefix(&begin)?.strip_suffix(" {")).collect()
}

/// Lines inside a chain or set.
fn body<'a>(listing: &'a str, kind: &str, name: &str) -> Vec<&'a str> {
    let begin = format!("\t{kind} {name} {{");
    let inside = listing.lines().skip_while(|line| *line != begin).skip(1).take_while(|line| *line != "\t}");
    inside.map(str::trim).collect()
}

/// Names a policy: 16 hexadecimal digits, the same for the same rules (FNV-1a, 64 bits).
#[must_use]
pub fn identity(statements: &[String], segment: bool) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let bytes = statements.iter().flat_map(|line| line.bytes().chain([b'\n'])).chain([u8::from(segment)]);
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    format!("{hash:016x}")
}

/// Empties the table of what a listing names, and leaves the table itself in its place among the others.
pub(crate) fn clearing(listing: &str) -> String {
    let mut out = String::new();
    if listing.trim().is_empty() {
        return out;
    }
    out.push_str("flush table inet lazaret\n");
    for (kind, name) in ["chain", "set"]
        .iter()
        .flat_map(|kind| names(listing, kind).into_iter().map(move |name| (kind, name)))
    {
        let _ = writeln!(out, "delete {kind} inet lazaret {name}");
    }
    out
}

/// What puts the table back as it was listed, once it was cleared: counters and all.
#[must_use]
pub fn undo_script(before: &str) -> String {
    if before.trim().is_empty() { "delete table inet lazaret\n".to_owned() } else { before.to_owned() }
}

/// The statements that hold before a plan, with their counters, and whether the rest of what is forwarded is dropped.
#[must_use]
pub fn old_statements(listing: &str) -> (Vec<String>, bool) {
    // After an expired trial, what holds is what held before it.
    let chain = if names(listing, "set").contains(&ARMED) { "before" } else { "judge" };
    let lines = body(listing, "chain", chain).into_iter().map(str::to_owned).collect();
    let end = if chain == "before" { "meta nfproto != @armed drop" } else { "drop" };
    (lines, body(listing, "chain", "forward").contains(&end))
}

fn chain(out: &mut String, name: &str, statements: &[String]) {
    let _ = writeln!(out, "\tchain {name} {{");
    for statement in statements {
        let _ = writeln!(out, "\t\t{statement}");
    }
    out.push_str("\t}\n");
}

fn mark(out: &mut String, id: &str) {
    let _ = write!(out, "table inet lazaret {{\n\tset {MARK}{id} {{\n\t\ttype mark\n\t}}\n");
}

/// The new rules for `seconds`, the old ones after that: one transaction.
#[must_use]
pub fn trial_script(plan: &Plan, seconds: u32) -> String {
    let mut out = format!("add table inet lazaret\n{}", clearing(&plan.before));
    mark(&mut out, &plan.id);
    let _ = write!(
        out,
        "\tset {ARMED} {{\n\t\ttypeof meta nfproto\n\t\tflags timeout\n\t\telements = {{ ipv4 timeout {seconds}s, \
         ipv6 timeout {seconds}s }}\n\t}}\n"
    );
    let (old, old_segment) = old_statements(&plan.before);
    chain(&mut out, "judge", &plan.statements);
    chain(&mut out, "before", &old);
    for hook in HOOKS {
        let mut all = vec![
            format!("type filter hook {hook} priority filter - 5; policy accept;"),
            format!("meta nfproto @{ARMED} jump judge"),
        ];
        if hook == "forward" && plan.segment {
            all.push(format!("meta nfproto @{ARMED} drop"));
        }
        all.push(format!("meta nfproto != @{ARMED} jump before"));
        if hook == "forward" && old_segment {
            all.push(format!("meta nfproto != @{ARMED} drop"));
        }
        chain(&mut out, hook, &all);
    }
    out.push_str("}\n");
    out
}

/// The new rules for good: one transaction over what `listing` shows.
#[must_use]
pub fn final_script(listing: &str, id: &str, statements: &[String], segment: bool) -> String {
    let mut out = clearing(listing);
    mark(&mut out, id);
    chain(&mut out, "judge", statements);
    for hook in HOOKS {
        let mut all = vec![
            format!("type filter hook {hook} priority filter - 5; policy accept;"),
            "jump judge".to_owned(),
        ];
        if hook == "forward" && segment {
            all.push("drop".to_owned());
        }
        chain(&mut out, hook, &all);
    }
    out.push_str("}\n");
    out
}

/// A listing without what changes by itself: counters, and what is left of a trial.
fn lasting(listing: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in listing.lines().filter(|line| !line.trim_start().starts_with("elements = ")) {
        let mut words: Vec<&str> = line.split(' ').collect();
        while let Some(at) = words.iter().position(|word| *word == "packets") {
            words.drain(at..(at + 4).min(words.len()));
        }
        lines.push(words.join(" "));
    }
    lines
}

/// What is there and should not be (`+`), and what should be and is not (`-`).
pub(crate) fn difference(expected: &str, found: &str) -> Vec<String> {
    let (expected, found) = (lasting(expected), lasting(found));
    if expected == found {
        return Vec::new();
    }
    let lacks = |list: &[String], line: &String| !list.contains(line);
    let gone = expected.iter().filter(|line| lacks(&found, line)).map(|line| format!("- {}", line.trim()));
    let more = found.iter().filter(|line| lacks(&expected, line)).map(|line| format!("+ {}", line.trim()));
    let mut all: Vec<String> = gone.chain(more).collect();
    if all.is_empty() {
        all.push("the same lines in another order, or more or less often".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINAL: &str = "table inet lazaret {\n\tset policy_00000000000000aa {\n\t\ttype mark\n\t}\n\n\tchain judge {\n\t\tip saddr 10.0.0.1 counter packets 7 bytes 90 drop\n\t}\n\n\tchain forward {\n\t\ttype filter hook forward priority filter - 5; policy accept;\n\t\tjump judge\n\t\tdrop\n\t}\n}\n";

    #[test]
    fn a_listing_says_what_stands() {
        assert_eq!(Standing::of(""), Standing::Nothing);
        assert_eq!(Standing::of(FINAL), Standing::Final { id: "00000000000000aa".to_owned() });
        assert_eq!(Standing::of("table inet lazaret {\n\tchain judge {\n\t}\n}\n"), Standing::Foreign);
        let armed = |elements: &str| {
            FINAL.replace(
                "\n\tchain judge",
                &format!("\n\tset armed {{\n\t\ttypeof meta nfproto\n{elements}\t}}\n\n\tchain judge"),
            )
        };
        let trial =
            armed("\t\telements = { ipv4 timeout 1m expires 59s976ms, ipv6 timeout 1m expires 59s976ms }\n");
        assert_eq!(
            Standing::of(&trial),
            Standing::Trial { id: "00000000000000aa".to_owned(), left: "59s976ms".to_owned() }
        );
        assert_eq!(Standing::of(&armed("")), Standing::Expired { id: "00000000000000aa".to_owned() });
    }

    #[test]
    fn counters_are_no_drift_and_rules_are() {
        assert!(difference(FINAL, &FINAL.replace("packets 7 bytes 90", "packets 8 bytes 1000")).is_empty());
        let changed = difference(FINAL, &FINAL.replace("10.0.0.1", "10.0.0.2"));
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert_eq!(difference(FINAL, "").len(), FINAL.lines().count());
        assert_eq!(
            old_statements(FINAL),
            (vec!["ip saddr 10.0.0.1 counter packets 7 bytes 90 drop".to_owned()], true)
        );
    }
}
