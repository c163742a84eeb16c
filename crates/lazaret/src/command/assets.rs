//! `lazaret assets`: what was ever seen, since when, and what changed.

use super::{findings, trends};
use crate::exit::{Failure, Status};
use crate::stored::{Format, Where, at, now, print, print_json, rfc3339, shown};
use model::AssetId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use store::{
    AssetBody, AssetCard, AssetQuery, AssetTally, Reading as _, StoredAsset, StoredConversation,
    StoredVitals, Trait,
};

const EXAMPLES: &str = "\
Examples:
  lazaret assets --store ward.store                           what was seen, medical devices first, then the latest
  lazaret assets --store ward.store list --medical            only medical devices
  lazaret assets --store ward.store show a-0123456789abcdef   addresses, versions, peers, vital signs; what changed when
  lazaret assets --store ward.store trends a-… --since 12h    vital signs over time, where a watch kept them

First and last seen are times of the captures, not of the scans.

Exit status: 0 done; 2 bad usage, no such asset, or a store that cannot be used.";

/// Assets in a page, unless somebody asks for more or less.
const PAGE: u32 = 50;

/// Options of `assets`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List assets; without a command this is done
    List(List),
    /// Show one asset in full
    Show {
        /// Its id
        #[arg(value_name = "ID", value_parser = asset_id)]
        id: AssetId,
    },
    /// Show its vital signs over time, some minutes a row
    Trends(trends::Options),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only medical devices
    #[arg(long)]
    medical: bool,
    /// Those after this one: the next page
    #[arg(long, value_name = "ID", value_parser = asset_id)]
    after: Option<AssetId>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The number of an id: its prefix and 16 hexadecimal digits.
pub(crate) fn id_after(text: &str, prefix: &str) -> Option<u64> {
    let digits = text.strip_prefix(prefix).filter(|digits| digits.len() == 16)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

pub(crate) fn asset_id(text: &str) -> Result<AssetId, String> {
    id_after(text, "a-")
        .map(AssetId)
        .ok_or_else(|| "the id of an asset looks like a-0123456789abcdef".to_owned())
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            None => self.list(&List { medical: false, after: None, limit: PAGE }),
            Some(What::List(list)) => self.list(list),
            Some(What::Show { id }) => self.show(*id),
            Some(What::Trends(trends)) => trends.run(&self.place, self.format).map(|()| Status::Done),
        }
    }

    fn list(&self, list: &List) -> Result<Status, Failure> {
        let store = self.place.reader()?;
        // One more than asked for tells whether there is a next page.
        let query = AssetQuery {
            medical_only: list.medical,
            after: list.after,
            limit: list.limit.saturating_add(1),
            now: now(),
            ..AssetQuery::default()
        };
        let mut assets = store.assets(&query)?;
        let more = assets.len() > list.limit as usize;
        assets.truncate(list.limit as usize);
        let next = assets.last().map(|asset| asset.id).filter(|_| more);
        let tally = store.asset_tally()?;
        match self.format {
            Format::Json => print_json(&ListDocument {
                schema: "lazaret.assets/1",
                medical: tally.medical,
                other: tally.other,
                assets: assets.iter().map(Row::of).collect(),
                next: next.map(|id| id.to_string()),
            })?,
            Format::Text => print(&self.listed(&assets, next, tally)?)?,
        }
        Ok(Status::Done)
    }

    fn listed(
        &self,
        assets: &[StoredAsset],
        next: Option<AssetId>,
        tally: AssetTally,
    ) -> Result<String, Failure> {
        let mut out = String::new();
        assets.iter().for_each(|asset| out.push_str(&two_lines(asset)));
        if tally.medical + tally.other == 0 {
            let place = shown(&self.place.folder()?.display().to_string());
            let _ = writeln!(out, "No assets yet. `lazaret scan --store {place} CAPTURE` puts results in.");
            return Ok(out);
        }
        let _ = writeln!(out, "Medical devices: {}. Others: {}.", tally.medical, tally.other);
        if let Some(next) = next {
            let _ = writeln!(out, "There are more: add `--after {next}` to `list`.");
        }
        Ok(out)
    }

    fn show(&self, id: AssetId) -> Result<Status, Failure> {
        let card = self.place.reader()?.asset(id, now())?;
        match self.format {
            Format::Json => print_json(&CardDocument::of(&card))?,
            Format::Text => print(&in_full(&card))?,
        }
        Ok(Status::Done)
    }
}

fn name(asset: &StoredAsset) -> String {
    let made = [asset.maker.as_deref(), asset.model.as_deref()];
    let made: Vec<&str> = made.into_iter().flatten().collect();
    match (made.is_empty(), &asset.class) {
        (false, Some(class)) => format!("{} ({class})", made.join(" ")),
        (false, None) => made.join(" "),
        (true, Some(class)) => class.clone(),
        (true, None) => "host".to_owned(),
    }
}

fn two_lines(asset: &StoredAsset) -> String {
    let open = match asset.open_findings {
        0 => String::new(),
        1 => ", 1 open finding".to_owned(),
        many => format!(", {many} open findings"),
    };
    format!(
        "{}  {}  {}\n    seen {} to {}{open}\n",
        asset.id,
        name(asset),
        asset.addresses.join(" "),
        at(asset.first),
        at(asset.last)
    )
}

/// What changed when: a trait that came after the asset did, and one that stayed behind.
fn changes(card: &AssetCard) -> Vec<(i64, String)> {
    let mut changes = Vec::new();
    for one in &card.traits {
        if one.first > card.asset.first {
            changes.push((one.first, format!("{} {} first seen", one.kind, one.value)));
        }
        if one.last < card.asset.last {
            changes.push((one.last, format!("{} {} last seen", one.kind, one.value)));
        }
    }
    changes.sort();
    changes
}

fn in_full(card: &AssetCard) -> String {
    let mut out = two_lines(&card.asset);
    for one in &card.traits {
        let (first, last) = (at(one.first), at(one.last));
        let _ = writeln!(out, "  {:<9} {}  ({first} to {last})", one.kind, one.value);
    }
    let changes = changes(card);
    if !changes.is_empty() {
        out.push_str("Changes:\n");
    }
    for (when, what) in changes {
        let _ = writeln!(out, "  {}  {what}", at(when));
    }
    if !card.conversations.is_empty() {
        out.push_str("Talks to:\n");
    }
    for talk in &card.conversations {
        let port = if talk.port == 0 { String::new() } else { format!(" port {}", talk.port) };
        let _ = writeln!(
            out,
            "  {}{port} ({}, {}) {} {}  {} bytes out, {} in  {} to {}",
            talk.ip,
            talk.transport,
            talk.location,
            talk.protocol.as_deref().unwrap_or("unknown"),
            talk.direction,
            talk.bytes_out,
            talk.bytes_in,
            at(talk.first),
            at(talk.last)
        );
    }
    if !card.vitals.is_empty() {
        out.push_str("Vital signs:\n");
    }
    for vitals in &card.vitals {
        let bed = vitals.bed.map_or_else(|| "bed unknown".to_owned(), |bed| format!("bed {bed}"));
        let patient = vitals.patient.as_deref().map(|patient| format!(", {patient}")).unwrap_or_default();
        let (first, last) = (at(vitals.first), at(vitals.last));
        let _ = writeln!(out, "  {bed}{patient}  {first} to {last}, {} cycles", vitals.cycles);
        for range in &vitals.numerics {
            let store::StoredNumeric { vital, unit, least, most, samples, .. } = range;
            let _ = writeln!(out, "    {vital:<18} {least:.1} to {most:.1} {unit}, {samples} values");
        }
        // What passed or could not be judged is in the JSON form.
        for one in vitals.integrity.iter().filter(|one| matches!(&*one.verdict, "fail" | "suspect")) {
            let _ = writeln!(
                out,
                "    {} {}  {} to {}: {}",
                one.verdict,
                one.check,
                at(one.first),
                at(one.last),
                one.why
            );
        }
    }
    if !card.findings.is_empty() {
        out.push_str("Findings:\n");
    }
    card.findings.iter().for_each(|finding| out.push_str(&findings::two_lines(finding, now())));
    out
}

#[derive(Serialize)]
struct ListDocument<'a> {
    schema: &'static str,
    medical: i64,
    other: i64,
    assets: Vec<Row<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    class: Option<&'a str>,
    medical: bool,
    maker: Option<&'a str>,
    model: Option<&'a str>,
    firmware: Option<&'a str>,
    serial: Option<&'a str>,
    confidence: f64,
    profile: Option<&'a str>,
    addresses: &'a [String],
    first: String,
    last: String,
    open_findings: i64,
}

/// Confidence is told in hundredths.
const HUNDREDTHS: f64 = 100.0;

impl<'a> Row<'a> {
    fn of(asset: &'a StoredAsset) -> Self {
        Self {
            id: asset.id.to_string(),
            class: asset.class.as_deref(),
            medical: asset.medical,
            maker: asset.maker.as_deref(),
            model: asset.model.as_deref(),
            firmware: asset.firmware.as_deref(),
            serial: asset.serial.as_deref(),
            confidence: (asset.confidence * HUNDREDTHS).round() / HUNDREDTHS,
            profile: asset.profile.as_deref(),
            addresses: &asset.addresses,
            first: rfc3339(asset.first),
            last: rfc3339(asset.last),
            open_findings: asset.open_findings,
        }
    }
}

#[derive(Serialize)]
struct CardDocument<'a> {
    schema: &'static str,
    #[serde(flatten)]
    asset: Row<'a>,
    #[serde(flatten)]
    body: &'a AssetBody,
    traits: Vec<TraitRow<'a>>,
    conversations: Vec<ConversationRow<'a>>,
    vitals: Vec<VitalsRow<'a>>,
    findings: Vec<findings::Row<'a>>,
}

#[derive(Serialize)]
struct TraitRow<'a> {
    r#trait: &'a str,
    value: &'a str,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct ConversationRow<'a> {
    ip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    transport: &'a str,
    r#where: &'a str,
    protocol: Option<&'a str>,
    direction: &'a str,
    flows: i64,
    frames: i64,
    bytes_out: i64,
    bytes_in: i64,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct VitalsRow<'a> {
    bed: Option<u16>,
    patient: Option<&'a str>,
    first: String,
    last: String,
    cycles: i64,
    numerics: BTreeMap<&'a str, NumericRow<'a>>,
    integrity: Vec<CheckRow<'a>>,
}

#[derive(Serialize)]
struct CheckRow<'a> {
    check: &'a str,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    first: String,
    last: String,
    seconds: i64,
    why: &'a str,
}

impl<'a> CheckRow<'a> {
    fn of(check: &'a store::StoredCheck) -> Self {
        Self {
            check: &check.check,
            verdict: &check.verdict,
            channel: check.channel.as_deref(),
            first: rfc3339(check.first),
            last: rfc3339(check.last),
            seconds: check.seconds,
            why: &check.why,
        }
    }
}

#[derive(Serialize)]
struct NumericRow<'a> {
    unit: &'a str,
    last: f64,
    min: f64,
    max: f64,
    samples: i64,
}

impl<'a> CardDocument<'a> {
    fn of(card: &'a AssetCard) -> Self {
        let now = now();
        Self {
            schema: "lazaret.asset/1",
            asset: Row::of(&card.asset),
            body: &card.asset.body,
            traits: card.traits.iter().map(TraitRow::of).collect(),
            conversations: card.conversations.iter().map(ConversationRow::of).collect(),
            vitals: card.vitals.iter().map(VitalsRow::of).collect(),
            findings: card.findings.iter().map(|finding| findings::Row::of(finding, now)).collect(),
        }
    }
}

impl<'a> TraitRow<'a> {
    fn of(one: &'a Trait) -> Self {
        Self { r#trait: &one.kind, value: &one.value, first: rfc3339(one.first), last: rfc3339(one.last) }
    }
}

impl<'a> ConversationRow<'a> {
    fn of(talk: &'a StoredConversation) -> Self {
        Self {
            ip: &talk.ip,
            port: Some(talk.port).filter(|port| *port != 0),
            transport: &talk.transport,
            r#where: &talk.location,
            protocol: talk.protocol.as_deref(),
            direction: &talk.direction,
            flows: talk.flows,
            frames: talk.frames,
            bytes_out: talk.bytes_out,
            bytes_in: talk.bytes_in,
            first: rfc3339(talk.first),
            last: rfc3339(talk.last),
        }
    }
}

impl<'a> VitalsRow<'a> {
    fn of(vitals: &'a StoredVitals) -> Self {
        let numerics = vitals.numerics.iter().map(|range| {
            let row = NumericRow {
                unit: &range.unit,
                last: rounded(range.latest),
                min: rounded(range.least),
                max: rounded(range.most),
                samples: range.samples,
            };
            (range.vital.as_str(), row)
        });
        Self {
            bed: vitals.bed,
            patient: vitals.patient.as_deref(),
            first: rfc3339(vitals.first),
            last: rfc3339(vitals.last),
            cycles: vitals.cycles,
            numerics: numerics.collect(),
            integrity: vitals.integrity.iter().map(CheckRow::of).collect(),
        }
    }
}

/// To four decimals, as the report tells numbers: what lies below is left over from binary fractions.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
