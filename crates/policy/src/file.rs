//! Policy files: TOML, for people to read and change. An unknown key is an error.
//!
//! ```toml
//! schema = "lazaret.policy/1"
//! name = "ICU 3"
//! scope = "devices"                    # devices | segment
//! [[resolve]]                          # addresses of named peers
//! name = "name:pool.ntp.org"
//! networks = ["10.0.0.4/32"]
//! [[device]]                           # or [[zone]]
//! name = "bed 7"
//! macs = ["02:1b:5e:10:00:00"]
//! addresses = ["10.20.4.16/32"]
//!   [[device.allow]]
//!   opens = "device"                   # device | peer
//!   peer = "10.20.1.20"
//!   protocol = "tcp"                   # tcp | udp | icmp | ip-N
//!   ports = "515"                      # of whoever is addressed; for icmp, types; absent: any
//!   role = "vital-signs"
//!   clinical = true
//!   why = "expected by its profile"
//!     [[device.allow.session]]         # how it opens encrypted sessions (RFC 9761); none: anything goes
//!     name = "offer1"
//!     versions = ["tls12", "tls13"]    # tls12 | tls13 | dtls12 | dtls13
//!     suites = [4865, 49195]           # numbers of IANA's registries; also extensions, groups, signatures,
//!     protocols = ["h2"]               # certificate_signatures, resumptions, compressions; anchors, authorities
//! ```

use crate::rule::{
    Allowed, Coverage, Noted, Observed, Opener, Policy, Ports, Rule, Scope, Unit, UnitKind, host,
};
use crate::session::{PROFILES_MAX, ProfileForm, SessionProfile};
use model::{CaptureTime, Mac, Prefix, Transport};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;

/// Name of the form.
const SCHEMA: &str = "lazaret.policy/1";
/// Longest policy file or MUD file that is read, in bytes. Our limit; a longer one is refused.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// A policy file does not have its form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub String);

fn wrong(what: impl Display) -> PolicyError {
    PolicyError(what.to_string())
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Form {
    schema: String,
    name: String,
    #[serde(default = "devices")]
    scope: String,
    coverage: Option<CoverageForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resolve: Vec<ResolveForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    device: Vec<UnitForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    zone: Vec<UnitForm>,
}

fn devices() -> String {
    Scope::Units.as_str().to_owned()
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CoverageForm {
    first: Option<String>,
    last: Option<String>,
    #[serde(default)]
    seconds: u64,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ResolveForm {
    name: String,
    networks: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct UnitForm {
    name: String,
    profile: Option<String>,
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    macs: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<RuleForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refuse: Vec<RuleForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<RuleForm>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    opens: String,
    peer: String,
    protocol: String,
    ports: Option<String>,
    role: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clinical: bool,
    #[serde(default)]
    why: String,
    flows: Option<u64>,
    first: Option<String>,
    last: Option<String>,
    regular: Option<String>,
    frame: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    session: Vec<ProfileForm>,
}

/// Reads a policy file.
///
/// # Errors
/// [`PolicyError`] naming line, unit and key.
pub fn read(text: &str) -> Result<Policy, PolicyError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(wrong(format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let form: Form = toml::from_str(text).map_err(|fault| {
        let at = fault.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        wrong(format!("line {line}: {}", fault.message().replace('\n', " ")))
    })?;
    if form.schema != SCHEMA {
        return Err(wrong(format!("schema = \"{}\": must be {SCHEMA}", form.schema)));
    }
    let scope = match form.scope.as_str() {
        "devices" => Scope::Units,
        "segment" => Scope::Segment,
        other => return Err(wrong(format!("scope = \"{other}\": must be devices or segment"))),
    };
    let mut resolve: BTreeMap<String, BTreeSet<Prefix>> = BTreeMap::new();
    for row in form.resolve {
        let networks = row.networks.iter().map(|text| network(text, "networks", &row.name));
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        resolve.entry(row.name).or_default().extend(networks);
    }
    let mut units = Vec::new();
    let kinds = [(UnitKind::Device, form.device), (UnitKind::Zone, form.zone)];
    for (kind, forms) in kinds {
        for unit in forms {
            units.push(unit_of(unit, kind)?);
        }
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = units.iter().find(|unit| !names.insert(unit.name.clone())) {
        return Err(wrong(format!("two units are called `{}`; names must differ", twice.name)));
    }
    let coverage = form.coverage.map(coverage_of).transpose()?;
    Ok(Policy { name: form.name, scope, coverage, resolve, units })
}

fn network(text: &str, key: &str, place: &str) -> Result<Prefix, PolicyError> {
    let alone = text.parse::<IpAddr>().ok().and_then(host);
    let prefix = alone.map_or_else(|| text.parse::<Prefix>(), Ok);
    prefix.map_err(|why| wrong(format!("`{place}`: {key} = \"{text}\": {why}")))
}

fn coverage_of(form: CoverageForm) -> Result<Coverage, PolicyError> {
    Ok(Coverage {
        first: moment(form.first, "coverage")?,
        last: moment(form.last, "coverage")?,
        seconds: form.seconds,
        notes: form.notes,
    })
}

fn moment(text: Option<String>, place: &str) -> Result<Option<CaptureTime>, PolicyError> {
    let Some(text) = text else { return Ok(None) };
    let read = inventory::moment(&text);
    read.map(Some).ok_or_else(|| wrong(format!("`{place}`: `{text}` is no time like 2026-01-01T00:00:00Z")))
}

fn unit_of(form: UnitForm, kind: UnitKind) -> Result<Unit, PolicyError> {
    let name = form.name;
    let mac = |text: &String| -> Result<Mac, PolicyError> {
        text.parse().map_err(|why| wrong(format!("`{name}`: macs = \"{text}\": {why}")))
    };
    let mut allow = Vec::new();
    for form in form.allow {
        let (noted, clinical) = noted_of(form, &name)?;
        let Noted { rule, role, why, seen, sessions } = noted;
        allow.push(Allowed { rule, role, clinical, why, seen, sessions });
    }
    let noted = |forms: Vec<RuleForm>| -> Result<Vec<Noted>, PolicyError> {
        forms.into_iter().map(|form| Ok(noted_of(form, &name)?.0)).collect()
    };
    Ok(Unit {
        kind,
        profile: form.profile,
        class: form.class,
        macs: form.macs.iter().map(mac).collect::<Result<_, _>>()?,
        networks: form
            .addresses
            .iter()
            .map(|text| network(text, "addresses", &name))
            .collect::<Result<_, _>>()?,
        allow,
        refuse: noted(form.refuse)?,
        unknown: noted(form.unknown)?,
        name,
    })
}

pub(crate) fn transport_of(text: &str) -> Option<Transport> {
    Some(match text {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "icmp" => Transport::Icmp,
        _ => number_of(text.strip_prefix("ip-")?.parse().ok()?),
    })
}

/// The transport with an IANA protocol number.
pub(crate) const fn number_of(number: u8) -> Transport {
    match number {
        1 | 58 => Transport::Icmp,
        6 => Transport::Tcp,
        17 => Transport::Udp,
        other => Transport::Ip(other),
    }
}

fn noted_of(form: RuleForm, unit: &str) -> Result<(Noted, bool), PolicyError> {
    let fault = |key: &str, value: &str, why: &str| wrong(format!("`{unit}`: {key} = \"{value}\": {why}"));
    let opens = match form.opens.as_str() {
        "device" => Opener::Unit,
        "peer" => Opener::Peer,
        other => return Err(fault("opens", other, "must be device or peer")),
    };
    let peer = form.peer.parse().map_err(|why| fault("peer", &form.peer, why))?;
    let transport = transport_of(&form.protocol)
        .ok_or_else(|| fault("protocol", &form.protocol, "must be tcp, udp, icmp or ip-NUMBER"))?;
    let ports = form.ports.as_deref();
    let ports = ports.map(|text| text.parse().map_err(|why| fault("ports", text, why))).transpose()?;
    if ports.is_some() && matches!(transport, Transport::Ip(_)) {
        return Err(fault("ports", form.ports.as_deref().unwrap_or_default(), "this protocol has no ports"));
    }
    if ports.is_some_and(|ports: Ports| transport == Transport::Icmp && ports.high > 255) {
        return Err(fault("ports", form.ports.as_deref().unwrap_or_default(), "ICMP types end at 255"));
    }
    let seen = form.flows.map(|flows| -> Result<_, PolicyError> {
        let (first, last) = (moment(form.first, unit)?, moment(form.last, unit)?);
        Ok(Observed { flows, first, last, regular: form.regular, frame: form.frame })
    });
    let rule = Rule { opens, peer, transport, ports };
    let mut sessions: Vec<SessionProfile> = Vec::new();
    for form in form.session {
        let profile =
            form.read().map_err(|(key, value, why)| fault(&format!("session: {key}"), &value, why))?;
        if sessions.len() >= PROFILES_MAX || sessions.iter().any(|known| known.name == profile.name) {
            return Err(fault(
                "session: name",
                &profile.name,
                "is there twice, or there are more than 32 of a rule",
            ));
        }
        sessions.push(profile);
    }
    let opened = opens == Opener::Unit && matches!(transport, Transport::Tcp | Transport::Udp);
    if !sessions.is_empty() && !opened {
        return Err(fault("session", "", "is about tcp or udp that the device opens"));
    }
    let noted = Noted { rule, role: form.role, why: form.why, seen: seen.transpose()?, sessions };
    Ok((noted, form.clinical))
}

fn rule_form(
    rule: &Rule,
    role: &Option<String>,
    clinical: bool,
    why: &str,
    seen: &Option<Observed>,
    sessions: &[SessionProfile],
) -> RuleForm {
    let time = |time: Option<CaptureTime>| time.map(rfc3339);
    RuleForm {
        opens: rule.opens.as_str().to_owned(),
        peer: rule.peer.to_string(),
        protocol: rule.transport.to_string(),
        ports: rule.ports.map(|ports| ports.to_string()),
        role: role.clone(),
        clinical,
        why: why.to_owned(),
        flows: seen.as_ref().map(|seen| seen.flows),
        first: seen.as_ref().and_then(|seen| time(seen.first)),
        last: seen.as_ref().and_then(|seen| time(seen.last)),
        regular: seen.as_ref().and_then(|seen| seen.regular.clone()),
        frame: seen.as_ref().and_then(|seen| seen.frame.clone()),
        session: sessions.iter().map(ProfileForm::of).collect(),
    }
}

fn unit_form(unit: &Unit) -> UnitForm {
    let noted = |list: &[Noted]| {
        list.iter()
            .map(|one| rule_form(&one.rule, &one.role, false, &one.why, &one.seen, &one.sessions))
            .collect()
    };
    let allowed =
        |one: &Allowed| rule_form(&one.rule, &one.role, one.clinical, &one.why, &one.seen, &one.sessions);
    UnitForm {
        name: unit.name.clone(),
        profile: unit.profile.clone(),
        class: unit.class.clone(),
        macs: unit.macs.iter().map(Mac::to_string).collect(),
        addresses: unit.networks.iter().map(Prefix::to_string).collect(),
        allow: unit.allow.iter().map(allowed).collect(),
        refuse: noted(&unit.refuse),
        unknown: noted(&unit.unknown),
    }
}

/// Writes a policy file; [`read`] gives the same policy back.
///
/// # Errors
/// [`PolicyError`] where a value has no form in TOML; none is known.
pub fn write(policy: &Policy) -> Result<String, PolicyError> {
    let of_kind = |kind| policy.units.iter().filter(move |unit| unit.kind == kind).map(unit_form).collect();
    let form = Form {
        schema: SCHEMA.to_owned(),
        name: policy.name.clone(),
        scope: policy.scope.as_str().to_owned(),
        coverage: policy.coverage.as_ref().map(|coverage| CoverageForm {
            first: coverage.first.map(rfc3339),
            last: coverage.last.map(rfc3339),
            seconds: coverage.seconds,
            notes: coverage.notes.clone(),
        }),
        resolve: policy
            .resolve
            .iter()
            .map(|(name, networks)| ResolveForm {
                name: name.clone(),
                networks: networks.iter().map(Prefix::to_string).collect(),
            })
            .collect(),
        device: of_kind(UnitKind::Device),
        zone: of_kind(UnitKind::Zone),
    };
    toml::to_string_pretty(&form).map_err(wrong)
}

/// RFC 3339 in UTC with nanoseconds.
pub(crate) fn rfc3339(time: CaptureTime) -> String {
    // 64-bit nanoseconds never leave jiff's range of years.
    let moment = jiff::Timestamp::from_nanosecond(i128::from(time.nanos()));
    format!("{:.9}", moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
schema = "lazaret.policy/1"
name = "ICU 3"
[coverage]
first = "2026-03-02T07:00:00.000000001Z"
seconds = 60
notes = ["one shift"]
[[resolve]]
name = "name:pool.ntp.org"
networks = ["10.0.0.4"]
[[device]]
name = "bed 7"
macs = ["02:1b:5e:10:00:00"]
addresses = ["10.20.4.16", "fd00::16/128"]
[[device.allow]]
opens = "device"
peer = "10.20.1.20"
protocol = "tcp"
ports = "515"
clinical = true
why = "expected"
flows = 3
[[device.allow.session]]
name = "offer1"
versions = ["tls12", "tls13"]
suites = [4865, 49195]
extensions = [0, 10, 13]
groups = [29]
signatures = [1027]
certificate_signatures = [1027]
resumptions = [1]
compressions = [2]
protocols = ["h2"]
anchors = ["MIIB"]
authorities = ["CN=x"]
[[zone]]
name = "ICU"
addresses = ["10.20.4.0/24"]
[[zone.unknown]]
opens = "peer"
peer = "name:pool.ntp.org"
protocol = "ip-47"
"#;

    #[test]
    fn a_file_reads_back_what_was_written() {
        let policy = read(FILE).unwrap();
        assert_eq!(policy.units.len(), 2);
        assert!(policy.units[0].allow[0].clinical);
        assert_eq!(read(&write(&policy).unwrap()).unwrap(), policy);
        assert!(write(&policy).unwrap().contains("2026-03-02T07:00:00.000000001Z"));
        let offer = &policy.units[0].allow[0].sessions[0].offer;
        assert_eq!((&*offer.versions, &*offer.suites), (&[0x0303, 0x0304][..], &[4865, 49195][..]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, names) in [
            ("ports = \"515\"", "ports = \"5x\"", "`bed 7`: ports"),
            ("opens = \"device\"", "opens = \"me\"", "opens"),
            ("protocol = \"tcp\"", "protocol = \"tpc\"", "protocol"),
            ("clinical = true", "clinicl = true", "line 20"),
            ("\"10.20.4.16\"", "\"10.20.4\"", "addresses"),
            ("\"ICU\"", "\"bed 7\"", "names must differ"),
            ("policy/1", "policy/2", "schema"),
            ("seconds = 60", "last = \"now\"", "no time"),
            ("\"tls13\"]", "\"tls11\"]", "session: versions"),
            ("\"offer1\"", "\"an offer\"", "session: name"),
            ("resumptions = [1]", "resumptions = [256]", "resumptions"),
            ("[\"h2\"]", "[\"\"]", "protocols"),
            ("opens = \"device\"", "opens = \"peer\"", "that the device opens"),
        ] {
            let fault = read(&FILE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(fault.contains(names), "{to}: {fault}");
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for text in
            ["1970-01-01T00:00:00.000000000Z", "2024-02-29T23:59:59.999999999Z", "1969-12-31T23:59:59.5Z"]
        {
            let time = inventory::moment(text).unwrap();
            assert_eq!(inventory::moment(&rfc3339(time)), Some(time), "{text}");
        }
    }
}
