//! `lazaret policy learn`.

use crate::command::source::{Source, read_site};
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{every_asset, now, shown};
use flow::Waveforms;
use inventory::{Profiles, Site, Vocabulary};
use model::{AssetId, CaptureTime, Direction, Location, Mac, Report, Transport};
use policy::{Asked, Grouping, Learnt, Occasion, Policy, Scope, SeenDevice, Talk, Trouble};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use store::{AssetCard, AssetQuery, Reader, Reading as _, State, StoredConversation, StoredFinding};

const EXAMPLES: &str = "\
Examples:
  lazaret policy learn --output ward.policy.toml captures/          all medical devices of a folder of captures
  lazaret policy learn --site site.toml --group zone week.pcap      one set of rules for each zone of the site file
  lazaret policy learn --store ward.store --output ward.policy.toml from all that was ever kept
  lazaret policy learn --device 10.20.1.50 ward.pcap                one device, medical or not
  lazaret policy learn --format mud --mud-url https://mud.example.org/m.json --device 10.20.4.16 ward.pcap

What the device's profile expects comes first; behaviour fills in what any device needs (names, time, addresses) and what
patients' care depends on, inside the site. What a finding condemns, what leaves the site and what nobody answers is
refused; the rest is `unknown`. Refused and unknown are denied, and stand in the file with the reason, so that you decide.

Exit status: 0 done; 2 bad usage or configuration; 3 an input was wholly unreadable.";

/// Options of `policy learn`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("captures", |captures| captures.required(false).required_unless_present("store")))]
pub(super) struct Options {
    #[command(flatten)]
    source: Source,
    /// Learn from what this store holds instead of captures
    #[arg(long, value_name = "DIR", conflicts_with = "captures")]
    store: Option<PathBuf>,
    /// Only this device, medical or not, by its id (a-…), IP or MAC; may be repeated
    #[arg(long, value_name = "ID|IP|MAC")]
    device: Vec<String>,
    /// What shares one set of rules
    #[arg(long, value_enum, default_value_t = Group::Device)]
    group: Group,
    /// Only these devices are behind the point of enforcement: drop everything else there too
    #[arg(long)]
    segment: bool,
    /// Name of the policy
    #[arg(long, value_name = "NAME", default_value = "learnt")]
    name: String,
    /// Form of the policy
    #[arg(long, value_enum, default_value_t = Form::Toml)]
    format: Form,
    /// Where the MUD file will be served
    #[arg(long, value_name = "URL", required_if_eq("format", "mud"))]
    mud_url: Option<String>,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Group {
    /// Each device has its own
    Device,
    /// All devices of one product line share one
    Profile,
    /// All devices of one zone of the site file share one
    Zone,
}

/// Forms of a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people and for `render`: lazaret.policy/1
    Toml,
    /// RFC 8520, for other programs; one device
    Mud,
}

impl Options {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        self.source.check()?;
        let site = read_site(self.source.site())?;
        let (occasion, status) = match &self.store {
            Some(folder) => (from_store(folder)?, Status::Done),
            None => {
                let (report, status) = self.scan()?;
                (Occasion::of(&report), status)
            }
        };
        let asked = Asked {
            name: self.name.clone(),
            grouping: match self.group {
                Group::Device => Grouping::Device,
                Group::Profile => Grouping::Profile,
                Group::Zone => Grouping::Zone,
            },
            only: self.named(&occasion)?,
            scope: if self.segment { Scope::Segment } else { Scope::Units },
        };
        if self.group == Group::Zone && site.zones.is_empty() {
            return Err(Failure::Usage("--group zone needs a --site file with [[zone]] tables".to_owned()));
        }
        let learnt = self.learn(&occasion, &asked, &site)?;
        self.write(&learnt.policy)?;
        if !self.source.is_quiet() {
            eprint!("{}", said(&learnt));
        }
        Ok(status)
    }

    fn scan(&self) -> Result<(Report, Status), Failure> {
        let plan =
            self.source.plan(flow::Options { waveforms: Waveforms::Omit, ..flow::Options::default() })?;
        let outcome = self.source.read(plan, None, crate::pipeline::run)?;
        let status = if outcome.rejected.is_empty() { Status::Done } else { Status::Unreadable };
        Ok((outcome.report, status))
    }

    /// The devices that were named.
    fn named(&self, occasion: &Occasion) -> Result<BTreeSet<AssetId>, Failure> {
        let mut only = BTreeSet::new();
        for name in &self.device {
            let ip: Option<IpAddr> = name.parse().ok();
            let mac: Option<Mac> = name.parse().ok();
            let is = |device: &&SeenDevice| {
                device.id.to_string() == name.to_ascii_lowercase()
                    || ip.is_some_and(|ip| device.ips.contains(&ip))
                    || mac.is_some_and(|mac| device.macs.contains(&mac))
            };
            let found = occasion.devices.iter().find(is).ok_or_else(|| {
                let name = shown(name);
                Failure::Usage(format!(
                    "--device {name}: nothing with this id, IP or MAC was seen; `lazaret scan` lists what was"
                ))
            })?;
            only.insert(found.id);
        }
        Ok(only)
    }

    fn learn(&self, occasion: &Occasion, asked: &Asked, site: &Site) -> Result<Learnt, Failure> {
        let words = Vocabulary::built_in().map_err(detect::DataError::from)?;
        let profiles = Profiles::built_in().map_err(detect::DataError::from)?;
        Ok(policy::learn(occasion, asked, (&profiles, &words, site)))
    }

    fn write(&self, policy: &Policy) -> Result<(), Failure> {
        let text = written(policy, self.format, self.mud_url.as_deref())?;
        write_to(self.output.as_deref(), |to| to.write_all(text.as_bytes()))
    }
}

/// A policy in a form.
pub(super) fn written(policy: &Policy, form: Form, url: Option<&str>) -> Result<String, Failure> {
    let refused = |what: String| Failure::Usage(what);
    if form == Form::Toml {
        return policy::write(policy).map_err(|fault| refused(fault.to_string()));
    }
    let [unit] = policy.units.as_slice() else {
        return Err(refused(format!(
            "a MUD file is about one kind of device, and the policy has {} units; name one with --device, or group them with \
             --group profile",
            policy.units.len()
        )));
    };
    let updated = policy.coverage.as_ref().and_then(|coverage| coverage.last);
    let updated = updated.unwrap_or_else(|| CaptureTime::from_nanos(now()));
    policy::write_mud(unit, url.unwrap_or_default(), updated).map_err(|fault| refused(fault.to_string()))
}

fn said(learnt: &Learnt) -> String {
    let units = &learnt.policy.units;
    let count = |of: fn(&policy::Unit) -> usize| units.iter().map(of).sum::<usize>();
    let clinical = count(|unit| unit.allow.iter().filter(|one| one.clinical).count());
    let mut out = format!(
        "lazaret: {} devices in {} units: {} conversations allowed ({clinical} clinical), {} refused, {} unknown\n",
        learnt.devices,
        units.len(),
        count(|unit| unit.allow.len()),
        count(|unit| unit.refuse.len()),
        count(|unit| unit.unknown.len()),
    );
    for note in learnt.policy.coverage.iter().flat_map(|coverage| &coverage.notes).take(12) {
        out.push_str(&format!("  {}\n", shown(note)));
    }
    out
}

/// Everything that a store holds of devices and their conversations.
fn from_store(folder: &Path) -> Result<Occasion, Failure> {
    let store = Reader::open(folder)?;
    let mut occasion = Occasion::default();
    let now = now();
    for asset in every_asset(&store, AssetQuery { now, ..AssetQuery::default() })? {
        let card = store.asset(asset.id, now)?;
        // A false alarm condemns nothing.
        let believed = card.findings.iter().filter(|finding| finding.state != State::FalsePositive);
        occasion.troubles.extend(believed.map(trouble));
        occasion.devices.push(device(&card));
        let spans = card.conversations.iter().map(|one| (time(one.first), time(one.last)));
        occasion.spans.extend(spans);
    }
    let note = "Learnt from a store: how regularly conversations begin, and how encrypted sessions are opened, is not \
                kept there.";
    occasion.blind_spots.push(note.to_owned());
    Ok(occasion)
}

const fn time(nanos: i64) -> CaptureTime {
    CaptureTime::from_nanos(nanos)
}

fn transport(text: &str) -> Transport {
    match text {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "icmp" => Transport::Icmp,
        _ => text
            .strip_prefix("ip-")
            .and_then(|number| number.parse().ok())
            .map_or(Transport::Link, Transport::Ip),
    }
}

fn trouble(finding: &StoredFinding) -> Trouble {
    let peers = finding.body.peer.iter().chain(&finding.body.peers).filter_map(|peer| {
        let transport = Some(transport(&peer.transport)).filter(|transport| *transport != Transport::Link);
        Some((peer.ip.parse().ok()?, peer.port, transport))
    });
    let peers = peers.collect();
    Trouble { rule: finding.rule.clone(), severity: finding.severity, asset: finding.asset, peers }
}

fn device(card: &AssetCard) -> SeenDevice {
    let of_kind =
        |kind: &'static str| card.traits.iter().filter(move |one| one.kind == kind).map(|one| &one.value);
    let ips: BTreeSet<IpAddr> = of_kind("ip").filter_map(|ip| ip.parse().ok()).collect();
    let asset = &card.asset;
    let label = asset.model.as_ref().or(of_kind("name").next()).or(asset.class.as_ref());
    let place = ips.first().map_or_else(|| asset.id.to_string(), IpAddr::to_string);
    SeenDevice {
        id: asset.id,
        name: label.map_or_else(|| place.clone(), |label| format!("{label} {place}")),
        medical: asset.medical,
        class: asset.class.clone(),
        profile: asset.profile.clone(),
        macs: of_kind("mac").filter_map(|mac| mac.parse().ok()).collect(),
        ips,
        talks: card.conversations.iter().filter_map(talk).collect(),
    }
}

fn talk(one: &StoredConversation) -> Option<Talk> {
    let locations =
        [Location::OnLink, Location::Onsite, Location::Offsite, Location::Unanswered, Location::Unknown];
    Some(Talk {
        ip: one.ip.parse().ok()?,
        port: one.port,
        transport: transport(&one.transport),
        location: locations.into_iter().find(|location| location.as_str() == one.location)?,
        protocol: one.protocol.clone(),
        direction: match one.direction.as_str() {
            "in" => Direction::In,
            "both" => Direction::Both,
            _ => Direction::Out,
        },
        flows: u64::try_from(one.flows).unwrap_or_default(),
        first: time(one.first),
        last: time(one.last),
        rhythm: model::Rhythm::default(),
        frame: None,
        sessions: None,
    })
}
