//! What a store knows of the assets from before, as the judgement takes it.

use crate::exit::Failure;
use crate::stored::{every_asset, now};
use detect::{Blame, DataError, Past, PastAsset, PastConversation, Rules};
use model::{CaptureTime, Direction, Endpoint, Transport};
use std::collections::BTreeMap;
use std::path::Path;
use store::{AssetCard, AssetQuery, Reader, Reading as _, State, StoreError};

/// The past of every asset in the store in `folder`; nothing where there is no store yet.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of_store(folder: &Path) -> Result<Past, Failure> {
    let reader = match Reader::open(folder) {
        Ok(reader) => reader,
        Err(StoreError::Missing(_)) => return Ok(Past::default()),
        Err(other) => return Err(other.into()),
    };
    let (now, rules) = (now(), Rules::built_in().map_err(DataError::from)?);
    let mut past = BTreeMap::new();
    for asset in every_asset(&reader, AssetQuery { now, ..AssetQuery::default() })? {
        let card = reader.asset(asset.id, now)?;
        past.insert(asset.id, asset_of(&card, &rules));
    }
    Ok(Past(past))
}

fn asset_of(card: &AssetCard, rules: &Rules) -> PastAsset {
    let blame = |ip: &str| {
        let about = card.findings.iter().filter(|finding| {
            finding.body.peer.as_ref().is_some_and(|peer| peer.ip == ip) && rules.blames(&finding.rule)
        });
        let states: Vec<State> = about.map(|finding| finding.state).collect();
        match states.iter().all(|state| *state == State::FalsePositive) {
            _ if states.is_empty() => Blame::None,
            true => Blame::TakenBack,
            false => Blame::Stands,
        }
    };
    let conversation = |seen: &store::StoredConversation| {
        let direction = match seen.direction.as_str() {
            "in" => Direction::In,
            "out" => Direction::Out,
            _ => Direction::Both,
        };
        let transport = match seen.transport.as_str() {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            "icmp" => Transport::Icmp,
            _ => Transport::Link,
        };
        Some(PastConversation {
            // What does not read back was written by another version: it is not learnt.
            peer: Endpoint { ip: seen.ip.parse().ok()?, port: seen.port },
            transport,
            direction,
            first: CaptureTime::from_nanos(seen.first),
            blame: blame(&seen.ip),
        })
    };
    PastAsset {
        first: CaptureTime::from_nanos(card.asset.first),
        conversations: card.conversations.iter().filter_map(conversation).collect(),
    }
}
