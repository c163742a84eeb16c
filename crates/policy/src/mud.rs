//! Manufacturer Usage Descriptions: RFC 8520 with the access lists of RFC 8519, the DNS names of RFC 8520 §8 and the TLS
//! profiles of RFC 9761.
//!
//! [`write_mud`] writes what the RFC says. [`read_mud`] also reads what generators made before and beside it: lists under
//! `access-lists` (RFC 8519 calls them `acls`), policies that call their lists `access-list` entries by `acl-name`, matches
//! called `ipv4-acl` with port ranges, and entries under `access-list-entries` (drafts up to draft-ietf-opsawg-mud-13).
//! What a rule cannot say (link-layer matches, TCP flags, …) is never widened: the entry is left out and told in the
//! coverage's notes. Extensions that are not known are ignored, as RFC 8520 §3.9 asks, and told.
//!
//! An entry of a list "to the device" that only mirrors one "from the device" is the answer to it and makes no rule.
//! The file says nothing of the device's own addresses; they are added to the policy file.

mod profile;

use crate::file::{TEXT_BYTES_MAX, number_of, rfc3339};
use crate::rule::{Allowed, Coverage, Opener, Peer, Policy, Ports, Rule, Scope, Unit, UnitKind};
use crate::session::{self, SessionProfile};
use model::{CaptureTime, Prefix, Transport};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most notes of what was left out. Our limit; the rest is told as a number.
const NOTES_MAX: usize = 64;
/// Longest text taken from a file into a note, in bytes. Our limit; longer text is cut.
const NOTE_TEXT_BYTES_MAX: usize = 120;
/// Most names of unknown parts in a note. Our limit; the rest is told as a number.
const PARTS_MAX: usize = 8;

const MUD: &str = "ietf-mud:mud";
/// Where access lists stand: by RFC 8519, and in drafts and generators.
const LISTS: [&str; 2] = ["ietf-access-control-list:acls", "ietf-access-control-list:access-lists"];

/// A text is no MUD file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MudError {
    /// No JSON.
    #[error("is no JSON: {0}")]
    Json(String),
    /// Too long.
    #[error("is longer than {TEXT_BYTES_MAX} bytes")]
    Long,
    /// A part that every MUD file has is not there.
    #[error("is no MUD file: `{0}` is missing")]
    Missing(&'static str),
    /// A list that the policy names is not there.
    #[error("the policy names the access list `{0}`, which the file does not hold")]
    List(String),
    /// A unit cannot be written.
    #[error("{0}")]
    Unwritable(String),
}

/// Which way a list goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    From,
    To,
}

/// What one entry matches.
#[derive(Clone, Debug, Default)]
struct Matched {
    transport: Option<Transport>,
    peer: Option<Peer>,
    source: Option<Ports>,
    target: Option<Ports>,
    icmp_type: Option<Ports>,
    from_device: Option<bool>,
    v6: bool,
    sessions: Vec<SessionProfile>,
}

/// What there is to tell of a file, within limits.
#[derive(Debug, Default)]
struct Told {
    notes: Vec<String>,
    more: usize,
    /// Parts of extensions that nobody here knows, and how often.
    parts: BTreeMap<String, usize>,
    parts_more: usize,
}

impl Told {
    fn say(&mut self, note: String) {
        if self.notes.len() >= NOTES_MAX {
            self.more += 1;
        } else {
            self.notes.push(note);
        }
    }

    /// A part of an extension is not known and left out.
    fn part(&mut self, name: &str) {
        let name = cut(name);
        if self.parts.contains_key(&name) || self.parts.len() < PARTS_MAX {
            *self.parts.entry(name).or_default() += 1;
        } else {
            self.parts_more += 1;
        }
    }

    fn finish(self) -> Vec<String> {
        let mut notes = self.notes;
        if self.more > 0 {
            notes.push(format!("{} more notes were left out", self.more));
        }
        let parts: usize = self.parts.values().sum::<usize>() + self.parts_more;
        if parts > 0 {
            let names: Vec<_> = self.parts.keys().map(|name| format!("`{name}`")).collect();
            let more = if self.parts_more > 0 { ", …" } else { "" };
            notes.push(format!(
                "{parts} parts of extensions are not known and were left out: {}{more}",
                names.join(", ")
            ));
        }
        notes
    }
}

/// What a MUD file says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MudNames {
    /// Where it is served.
    pub url: Option<String>,
    /// Maker of the device.
    pub maker: Option<String>,
    /// Model of the device.
    pub model: Option<String>,
}

/// What a MUD file says of itself, and of nothing else.
///
/// # Errors
/// [`MudError`] where it is none.
pub fn mud_names(text: &str) -> Result<MudNames, MudError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MudError::Long);
    }
    let file: Value = serde_json::from_str(text).map_err(|fault| MudError::Json(fault.to_string()))?;
    let mud = object(&file, MUD).ok_or(MudError::Missing(MUD))?;
    let text = |key| texts(mud, &[key]).map(str::to_owned);
    Ok(MudNames { url: text("mud-url"), maker: text("mfg-name"), model: text("model-name") })
}

/// Reads a MUD file into a policy of one unit without addresses.
///
/// # Errors
/// [`MudError`] where it is none.
pub fn read_mud(text: &str) -> Result<Policy, MudError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MudError::Long);
    }
    let file: Value = serde_json::from_str(text).map_err(|fault| MudError::Json(fault.to_string()))?;
    let mud = object(&file, MUD).ok_or(MudError::Missing(MUD))?;
    // The example of RFC 9761 has the lists inside the description.
    let within = |key| mud.get(key).and_then(Value::as_object);
    let lists = LISTS.into_iter().find_map(|key| object(&file, key).or_else(|| within(key)));
    let lists = lists_by_name(lists.ok_or(MudError::Missing(LISTS[0]))?);
    let words = ["systeminfo", "model-name", "mud-url"];
    let name = words.iter().find_map(|key| mud.get(*key)?.as_str()).unwrap_or("device");
    let mut reading = Reading::default();
    reading.extensions(&file, mud);
    for (key, way) in [("from-device-policy", Way::From), ("to-device-policy", Way::To)] {
        for wanted in named_lists(mud, key) {
            let list = lists.get(wanted.as_str()).ok_or_else(|| MudError::List(cut(&wanted)))?;
            for entry in entries(list) {
                reading.entry(entry, way);
            }
        }
    }
    reading.sum_up(mud);
    let maker = mud.get("mfg-name").and_then(Value::as_str).map(cut);
    let unit = Unit {
        name: cut(name),
        kind: UnitKind::Device,
        profile: maker,
        class: None,
        macs: BTreeSet::new(),
        networks: BTreeSet::new(),
        allow: reading.allowed(),
        refuse: Vec::new(),
        unknown: Vec::new(),
    };
    let notes = reading.notes();
    let coverage = (!notes.is_empty()).then(|| Coverage { notes, ..Coverage::default() });
    Ok(Policy {
        name: unit.name.clone(),
        scope: Scope::Units,
        coverage,
        resolve: BTreeMap::new(),
        units: vec![unit],
    })
}

fn object<'a>(value: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    value.get(key)?.as_object()
}

fn texts<'a>(value: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| value.get(*key)?.as_str())
}

fn rows(value: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn lists_by_name(lists: &Map<String, Value>) -> BTreeMap<&str, &Map<String, Value>> {
    rows(lists.get("acl")).filter_map(|list| Some((texts(list, &["name", "acl-name"])?, list))).collect()
}

/// Names of the lists of a policy: of RFC 8520 §3, and of the drafts.
fn named_lists(mud: &Map<String, Value>, policy: &str) -> Vec<String> {
    let lists = mud.get(policy).and_then(|policy| policy.get("access-lists")?.get("access-list"));
    rows(lists).filter_map(|list| texts(list, &["name", "acl-name"]).map(str::to_owned)).collect()
}

fn entries(list: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let place = ["aces", "access-list-entries"].iter().find_map(|key| list.get(*key)?.get("ace"));
    rows(place)
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(NOTE_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    model::Text::from(text.get(..end).unwrap_or_default()).as_str().to_owned()
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    rules: Vec<Rule>,
    /// Answers, told by the port they come from: a rule only where nothing asks for them.
    answers: Vec<Rule>,
    /// Profiles of rules that are allowed by entries with profiles only.
    sessions: BTreeMap<Rule, Vec<SessionProfile>>,
    /// Rules that some entry allows whatever a session is like.
    free: BTreeSet<Rule>,
    /// Entries with profiles.
    profiled: usize,
    told: Told,
}

impl Reading {
    fn leave_out(&mut self, entry: &Map<String, Value>, why: &str) {
        self.told.say(format!("entry `{}` was left out: {why}", name_of(entry)));
    }

    /// Tells of extensions that are not known, and of their parts.
    fn extensions(&mut self, file: &Value, mud: &Map<String, Value>) {
        let named = mud.get("extensions").and_then(Value::as_array).into_iter().flatten();
        for name in named.filter_map(Value::as_str).filter(|name| *name != profile::EXTENSION) {
            self.told.say(format!("the extension `{}` is not known; what it adds was left out", cut(name)));
        }
        // A part of another module has that module's name before it (RFC 7951 §4).
        let roots = file.as_object().into_iter().flat_map(Map::keys);
        let known = |key: &str| key == MUD || key == profile::SUPPORTED || LISTS.contains(&key);
        for key in roots.chain(mud.keys()).filter(|key| key.contains(':') && !known(key)) {
            self.told.part(key);
        }
    }

    /// Tells of profiles what holds for all of them.
    fn sum_up(&mut self, mud: &Map<String, Value>) {
        if self.profiled == 0 {
            return;
        }
        let entries = self.profiled;
        self.told.say(format!(
            "{entries} entries have TLS profiles (RFC 9761): they are kept and written again; what a policy is rendered to \
             does not look into sessions, and lets any conversation of these rules pass"
        ));
        // The RFC's example has it as a text.
        let supported = mud.get(profile::SUPPORTED);
        if supported.is_none_or(|value| value.as_bool() != Some(true) && value.as_str() != Some("true")) {
            self.told
                .say("the file has TLS profiles and does not say that the device supports them".to_owned());
        }
    }

    fn entry(&mut self, entry: &Map<String, Value>, way: Way) {
        // The example of RFC 9761 has the actions among the matches.
        let actions = entry.get("actions").or_else(|| entry.get("matches")?.get("actions"));
        let forwarding = actions.and_then(|actions| actions.get("forwarding")?.as_str());
        // What is dropped is dropped by default.
        if forwarding.is_none_or(|action| action.rsplit(':').next() != Some("accept")) {
            return;
        }
        let Some(matches) = entry.get("matches").and_then(Value::as_object) else {
            return self.leave_out(entry, "it matches everything");
        };
        let mut matched = match matched(matches, way) {
            Ok(matched) => matched,
            Err(why) => return self.leave_out(entry, why),
        };
        let name = name_of(entry);
        for container in profile::CONTAINERS.iter().filter_map(|key| matches.get(*key)) {
            matched.sessions.extend(profile::read(container, &name, &mut self.told));
        }
        if way == Way::To && !matched.sessions.is_empty() {
            matched.sessions.clear();
            self.told.say(format!(
                "entry `{name}`: its TLS profiles were left out: they stand in a list to the device, which is no client there"
            ));
        }
        self.profiled += usize::from(!matched.sessions.is_empty());
        let Some(peer) = matched.peer.clone() else {
            if !matched.has_ports() && matched.transport.is_none() {
                return self.leave_out(entry, "it matches everything");
            }
            let any = crate::line::whole(!matched.v6).map(Peer::Network);
            let Some(any) = any else { return };
            return self.rule(entry, &any, &matched, way);
        };
        self.rule(entry, &peer, &matched, way);
    }

    fn rule(&mut self, entry: &Map<String, Value>, peer: &Peer, matched: &Matched, way: Way) {
        let ask = if way == Way::From { Opener::Unit } else { Opener::Peer };
        let answer = if way == Way::From { Opener::Peer } else { Opener::Unit };
        let rule = |opens, transport, ports| Rule { opens, peer: peer.clone(), transport, ports };
        let transports = match matched.transport {
            Some(transport) => vec![transport],
            None if matched.has_ports() || !matched.sessions.is_empty() => {
                vec![Transport::Tcp, Transport::Udp]
            }
            // A controller without a protocol: RFC 8520 lets it speak any; ours are the three that have words.
            None => vec![Transport::Tcp, Transport::Udp, Transport::Icmp],
        };
        for transport in transports {
            let with_ports = matches!(transport, Transport::Tcp | Transport::Udp);
            if !with_ports {
                // Without ports nobody can tell who began.
                self.push(rule(Opener::Unit, transport, matched.icmp_type), &[]);
                continue;
            }
            let opened = matched.from_device.filter(|_| transport == Transport::Tcp);
            let made = match (matched.source, matched.target) {
                (_, Some(ports)) => (ask, Some(ports), true),
                (Some(ports), None) => (answer, Some(ports), false),
                (None, None) => (ask, None, true),
            };
            let (opens, ports, primary) = made;
            match opened {
                // The list's way and who initiates tell an answer apart where ports do not.
                Some(device) if (opens == Opener::Unit) != device => {
                    if ports.is_some() && primary {
                        self.leave_out(entry, "its port and its direction-initiated contradict each other");
                    }
                }
                _ if primary => self.push(rule(opens, transport, ports), &matched.sessions),
                _ => {
                    if !matched.sessions.is_empty() {
                        let name = name_of(entry);
                        self.told.say(format!(
                            "entry `{name}`: its TLS profiles were left out: it is about answers"
                        ));
                    }
                    self.answers.push(rule(opens, transport, ports));
                }
            }
        }
    }

    /// Adds a rule. Where one entry allows it whatever a session is like, that is what holds.
    fn push(&mut self, rule: Rule, sessions: &[SessionProfile]) {
        if sessions.is_empty() {
            self.sessions.remove(&rule);
            self.free.insert(rule.clone());
        } else if !self.free.contains(&rule) {
            let all = self.sessions.entry(rule.clone()).or_default();
            let more = sessions.iter().filter(|one| !session::add(all, one)).count();
            if more > 0 {
                self.told.say(format!("`{rule}`: {more} TLS profiles were left out: it has too many"));
            }
        }
        self.rules.push(rule);
    }

    fn allowed(&mut self) -> Vec<Allowed> {
        let mut seen = BTreeSet::new();
        let asked: BTreeSet<_> = self.rules.iter().cloned().collect();
        let unasked = self.answers.iter().filter(|answer| !asked.contains(*answer)).cloned();
        let all = self.rules.iter().cloned().chain(unasked).collect::<Vec<_>>();
        let rules = all.into_iter().filter(|rule| seen.insert(rule.clone()));
        rules
            .map(|rule| Allowed {
                sessions: self.sessions.remove(&rule).unwrap_or_default(),
                rule,
                role: None,
                clinical: false,
                why: "the maker's MUD file allows it".to_owned(),
                seen: None,
            })
            .collect()
    }

    fn notes(self) -> Vec<String> {
        self.told.finish()
    }
}

fn name_of(entry: &Map<String, Value>) -> String {
    cut(texts(entry, &["name", "rule-name"]).unwrap_or("?"))
}

fn matched(matches: &Map<String, Value>, way: Way) -> Result<Matched, &'static str> {
    let mut found = Matched::default();
    for (key, value) in matches {
        match key.as_str() {
            "ipv4" | "ipv6" | "ipv4-acl" | "ipv6-acl" => {
                found.v6 = key.starts_with("ipv6");
                network(value, way, &mut found)?;
            }
            "tcp" | "udp" => ports(key, value, &mut found)?,
            "icmp" => icmp(value, &mut found)?,
            "eth" => link(value, &mut found)?,
            "ietf-mud:mud" | "ietf-mud:mud-acl" => abstraction(value, &mut found)?,
            // Read where notes can be made of them.
            key if profile::CONTAINERS.contains(&key) || key == "actions" => {}
            "ietf-mud:same-manufacturer" => found.peer = Some(Peer::Named("same-manufacturer".to_owned())),
            _ => return Err("it matches what a rule cannot say"),
        }
    }
    let profiled = profile::CONTAINERS.iter().any(|key| matches.contains_key(*key));
    if profiled && !matches!(found.transport, None | Some(Transport::Tcp | Transport::Udp)) {
        return Err("its protocol and its TLS profiles contradict each other");
    }
    if found.has_ports() && !matches!(found.transport, None | Some(Transport::Tcp | Transport::Udp)) {
        return Err("its protocol has no ports");
    }
    Ok(found)
}

impl Matched {
    const fn has_ports(&self) -> bool {
        self.source.is_some() || self.target.is_some()
    }

    /// Several parts of an entry may name the protocol, in any order.
    fn is_over(&mut self, transport: Transport) -> Result<(), &'static str> {
        match self.transport {
            Some(known) if known != transport => Err("its protocols contradict each other"),
            _ => {
                self.transport = Some(transport);
                Ok(())
            }
        }
    }
}

/// An Ethernet type that the rest implies adds nothing; anything else is no conversation over IP.
fn link(value: &Value, found: &mut Matched) -> Result<(), &'static str> {
    let fields = value.as_object().ok_or("it is malformed")?;
    for (key, value) in fields {
        match (key.as_str(), value.as_str()) {
            ("ethertype", Some("0x0800" | "eth:0x0800")) => {}
            ("ethertype", Some("0x86DD" | "0x86dd")) => found.v6 = true,
            _ => return Err("it is about the link layer"),
        }
    }
    Ok(())
}

fn peer(found: &mut Matched, peer: Peer) -> Result<(), &'static str> {
    match &found.peer {
        Some(known) if *known != peer => Err("it names two peers"),
        _ => {
            found.peer = Some(peer);
            Ok(())
        }
    }
}

fn network(value: &Value, way: Way, found: &mut Matched) -> Result<(), &'static str> {
    let fields = value.as_object().ok_or("it is malformed")?;
    let far = if way == Way::From { "destination" } else { "source" };
    let far_name = if way == Way::From { "ietf-acldns:dst-dnsname" } else { "ietf-acldns:src-dnsname" };
    for (key, value) in fields {
        match key.as_str() {
            "protocol" => {
                let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
                found.is_over(number_of(number.ok_or("its protocol is no number below 256")?))?;
            }
            name if name == far_name => {
                let name = value.as_str().ok_or("its name is no text")?;
                peer(found, format!("name:{name}").parse()?)?;
            }
            name if name.starts_with(far) && name.ends_with("-network") => {
                let prefix: Prefix =
                    value.as_str().and_then(|text| text.parse().ok()).ok_or("its network is none")?;
                peer(found, Peer::Network(prefix))?;
            }
            "source-port-range" | "destination-port-range" => {
                let ports = Some(range(value)?);
                if key.starts_with("source") { found.source = ports } else { found.target = ports }
            }
            _ => return Err("it matches what a rule cannot say"),
        }
    }
    Ok(())
}

fn port(value: Option<&Value>) -> Result<u16, &'static str> {
    value.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).ok_or("its port is none")
}

fn range(value: &Value) -> Result<Ports, &'static str> {
    let low = port(value.get("lower-port"))?;
    let high = value.get("upper-port").map_or(Ok(low), |high| port(Some(high)))?;
    if low > high { Err("its port range is empty") } else { Ok(Ports { low, high }) }
}

/// RFC 8519: a range, or an operator with a port.
fn either(value: &Value) -> Result<Ports, &'static str> {
    let Some(operator) = value.get("operator").and_then(Value::as_str) else {
        return if value.get("port").is_some() {
            Ok(Ports::one(port(value.get("port"))?))
        } else {
            range(value)
        };
    };
    let number = port(value.get("port"))?;
    match operator {
        "eq" => Ok(Ports::one(number)),
        "lte" => Ok(Ports { low: 0, high: number }),
        "gte" => Ok(Ports { low: number, high: u16::MAX }),
        _ => Err("its port operator is not eq, lte or gte"),
    }
}

fn ports(key: &str, value: &Value, found: &mut Matched) -> Result<(), &'static str> {
    found.is_over(if key == "tcp" { Transport::Tcp } else { Transport::Udp })?;
    for (key, value) in value.as_object().ok_or("it is malformed")? {
        match key.as_str() {
            "source-port" => found.source = Some(either(value)?),
            "destination-port" => found.target = Some(either(value)?),
            "ietf-mud:direction-initiated" => match value.as_str() {
                Some("from-device") => found.from_device = Some(true),
                Some("to-device") => found.from_device = Some(false),
                _ => return Err("its direction-initiated is neither from-device nor to-device"),
            },
            _ => return Err("it matches what a rule cannot say"),
        }
    }
    Ok(())
}

fn icmp(value: &Value, found: &mut Matched) -> Result<(), &'static str> {
    found.is_over(Transport::Icmp)?;
    for (key, value) in value.as_object().ok_or("it is malformed")? {
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        match (key.as_str(), number) {
            ("type", Some(number)) => found.icmp_type = Some(Ports::one(u16::from(number))),
            ("code", Some(0)) => {}
            _ => return Err("it matches what a rule cannot say"),
        }
    }
    Ok(())
}

fn abstraction(value: &Value, found: &mut Matched) -> Result<(), &'static str> {
    for (key, value) in value.as_object().ok_or("it is malformed")? {
        let text = value.as_str();
        let name = match (key.as_str(), text) {
            ("my-controller" | "local-networks" | "same-manufacturer", _) => key.clone(),
            ("controller" | "manufacturer" | "model", Some(text)) => format!("{key}:{text}"),
            ("direction-initiated", Some("from-device" | "to-device")) => {
                found.from_device = Some(text == Some("from-device"));
                continue;
            }
            _ => return Err("it matches what a rule cannot say"),
        };
        peer(found, name.parse()?)?;
    }
    Ok(())
}

/// Writes one unit as a MUD file of RFC 8520. `url` is where the file will be served, `updated` when it was made.
///
/// # Errors
/// [`MudError::Unwritable`] where the URL is none, or the policy has a rule that MUD has no words for.
pub fn write_mud(unit: &Unit, url: &str, updated: CaptureTime) -> Result<String, MudError> {
    if !url.starts_with("https://") || url.chars().any(|letter| letter.is_whitespace() || letter.is_control())
    {
        let what = format!("`{}` is no URL of a MUD file; it begins with https:// (RFC 8520 §3.5)", cut(url));
        return Err(MudError::Unwritable(what));
    }
    let mut lists = Vec::new();
    let mut named: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
    for v4 in [true, false] {
        let family = if v4 { "v4" } else { "v6" };
        for (at, way) in [Way::From, Way::To].into_iter().enumerate() {
            let entries = written(unit, v4, way)?;
            if entries.is_empty() && !v4 {
                continue;
            }
            let end = if way == Way::From { "fr" } else { "to" };
            let name = format!("mud-{family}{end}");
            if let Some(list) = named.get_mut(at) {
                list.push(json!({ "name": name }));
            }
            let kind = if v4 { "ipv4-acl-type" } else { "ipv6-acl-type" };
            lists.push(json!({ "name": name, "type": kind, "aces": { "ace": entries } }));
        }
    }
    let profiled = unit.allow.iter().any(has_profiles);
    let [from, to] = named;
    let seconds = rfc3339(updated);
    let mut file = json!({
        MUD: {
            "mud-version": 1,
            "mud-url": url,
            "last-update": format!("{}+00:00", seconds.get(..19).unwrap_or_default()),
            "cache-validity": 48,
            "is-supported": true,
            "systeminfo": unit.name.chars().filter(|letter| !letter.is_control()).take(60).collect::<String>(),
            "from-device-policy": { "access-lists": { "access-list": from } },
            "to-device-policy": { "access-lists": { "access-list": to } },
        },
        LISTS[0]: { "acl": lists },
    });
    if profiled && let Some(mud) = file.get_mut(MUD).and_then(Value::as_object_mut) {
        mud.insert("extensions".to_owned(), json!([profile::EXTENSION]));
        mud.insert(profile::SUPPORTED.to_owned(), json!(true));
    }
    let text = serde_json::to_string_pretty(&file).map_err(|fault| MudError::Json(fault.to_string()))?;
    Ok(text + "\n")
}

/// Whether its profiles have a place: the device is the client, over what has sessions.
fn has_profiles(allowed: &Allowed) -> bool {
    let carried = matches!(allowed.rule.transport, Transport::Tcp | Transport::Udp);
    carried && allowed.rule.opens == Opener::Unit && !allowed.sessions.is_empty()
}

/// The entries of one list.
fn written(unit: &Unit, v4: bool, way: Way) -> Result<Vec<Value>, MudError> {
    let mut entries = Vec::new();
    for (number, allowed) in unit.allow.iter().enumerate() {
        let rule = &allowed.rule;
        if rule.transport == Transport::Icmp && rule.ports.is_some_and(|types| types.low != types.high) {
            let what = format!("`{rule}`: MUD has no ranges of ICMP types; write one rule for each");
            return Err(MudError::Unwritable(what));
        }
        let of_family = match &rule.peer {
            Peer::Network(prefix) => prefix.is_ipv4() == v4,
            Peer::Named(_) => v4,
        };
        if !of_family {
            continue;
        }
        let end = if way == Way::From { "frdev" } else { "todev" };
        let mut matches = Map::new();
        let number_of_protocol = match rule.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
            Transport::Icmp if v4 => 1,
            Transport::Icmp => 58,
            Transport::Ip(number) => number,
            _ => return Err(MudError::Unwritable(format!("{rule}: MUD has no words for it"))),
        };
        let mut ip = Map::new();
        ip.insert("protocol".to_owned(), json!(number_of_protocol));
        let far = if way == Way::From { "destination" } else { "source" };
        match &rule.peer {
            Peer::Network(prefix) => {
                let family = if v4 { "ipv4" } else { "ipv6" };
                ip.insert(format!("{far}-{family}-network"), json!(prefix.to_string()));
            }
            Peer::Named(name) => named_peer(name, far, &mut ip, &mut matches),
        }
        matches.insert(if v4 { "ipv4" } else { "ipv6" }.to_owned(), Value::Object(ip));
        transport_matches(rule, way, &mut matches);
        if way == Way::From && has_profiles(allowed) {
            matches.insert(profile::CONTAINERS[0].to_owned(), profile::write(&allowed.sessions));
        }
        entries.push(json!({
            "name": format!("rule{number}-{end}"),
            "matches": matches,
            "actions": { "forwarding": "accept" },
        }));
    }
    Ok(entries)
}

fn named_peer(name: &str, far: &str, ip: &mut Map<String, Value>, matches: &mut Map<String, Value>) {
    let end = if far == "destination" { "dst" } else { "src" };
    match name.split_once(':') {
        Some(("name", host)) => {
            ip.insert(format!("ietf-acldns:{end}-dnsname"), json!(host));
        }
        Some((kind, rest)) => {
            matches.insert("ietf-mud:mud".to_owned(), json!({ kind: rest }));
        }
        None => {
            matches.insert("ietf-mud:mud".to_owned(), json!({ name: [Value::Null] }));
        }
    }
}

fn transport_matches(rule: &Rule, way: Way, matches: &mut Map<String, Value>) {
    let asks = (rule.opens == Opener::Unit) == (way == Way::From);
    let mut fields = Map::new();
    if let Some(ports) = rule.ports {
        if rule.transport == Transport::Icmp {
            matches.insert("icmp".to_owned(), json!({ "type": ports.low }));
            return;
        }
        let value = if ports.low == ports.high {
            json!({ "operator": "eq", "port": ports.low })
        } else {
            json!({ "lower-port": ports.low, "upper-port": ports.high })
        };
        fields.insert(if asks { "destination-port" } else { "source-port" }.to_owned(), value);
    }
    let key = match rule.transport {
        Transport::Tcp => {
            let initiated = if rule.opens == Opener::Unit { "from-device" } else { "to-device" };
            fields.insert("ietf-mud:direction-initiated".to_owned(), json!(initiated));
            "tcp"
        }
        Transport::Udp if !fields.is_empty() => "udp",
        _ => return,
    };
    matches.insert(key.to_owned(), Value::Object(fields));
}
