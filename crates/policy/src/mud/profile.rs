//! Profiles of encrypted sessions in access lists: RFC 9761, modules `ietf-acl-tls` and `ietf-mud-tls` of 2025-04-18.
//!
//! ```text
//! matches ─ ietf-acl-tls:client-profiles ─ tls-dtls-profile [name] ─ supported-tls-version, supported-dtls-version,
//!           cipher-suite, extension-type, accept-list-ta-cert, psk-key-exchange-mode, supported-group,
//!           signature-algorithm-cert, signature-algorithm, application-protocol, cert-compression-algorithm,
//!           certificate-authorities: lists without order
//! ```
//! We write the names of the modules. The RFC's own example (§7) has others (`client-profile`, `tls-dtls-profiles`, and
//! leaves in the plural); files that follow it are read too. A leaf that the modules do not define (also `spki-pin-set`,
//! a type that no leaf of them has) is left out and told. Where a value does not have its form the whole profile is left
//! out and told: half of one would promise what nobody said.

use super::{Told, cut};
use crate::session::{Draft, PROFILES_MAX, SessionProfile, is_name, is_protocol, version_of, version_word};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Name of the extension, as `extensions` of a file says it.
pub(super) const EXTENSION: &str = "ietf-mud-tls";
/// Leaf of the file that says the device has profiles.
pub(super) const SUPPORTED: &str = "ietf-mud-tls:is-tls-dtls-profile-supported";
/// Container of an entry's profiles; the second is that of the RFC's example.
pub(super) const CONTAINERS: [&str; 2] = ["ietf-acl-tls:client-profiles", "ietf-acl-tls:client-profile"];
/// List in the container; the second is that of the RFC's example.
const LISTS: [&str; 2] = ["tls-dtls-profile", "tls-dtls-profiles"];

/// Prefix of versions of datagrams.
const DATAGRAMS: u16 = 0xFE;

/// A leaf's list of numbers in a draft.
type Numbers = fn(&mut Draft) -> &mut BTreeSet<u16>;

/// Leaves with numbers: name, most that one may be, where it goes.
const NUMBERS: [(&str, u64, Numbers); 7] = [
    ("cipher-suite", 0xFFFF, |draft| &mut draft.suites),
    ("extension-type", 0xFFFF, |draft| &mut draft.extensions),
    ("psk-key-exchange-mode", 0xFF, |draft| &mut draft.resumptions),
    ("supported-group", 0xFFFF, |draft| &mut draft.groups),
    ("signature-algorithm-cert", 0xFFFF, |draft| &mut draft.certificate_signatures),
    ("signature-algorithm", 0xFFFF, |draft| &mut draft.signatures),
    ("cert-compression-algorithm", 0xFFFF, |draft| &mut draft.compressions),
];

/// Reads the profiles of an entry.
pub(super) fn read(container: &Value, entry: &str, told: &mut Told) -> Vec<SessionProfile> {
    let Some(fields) = container.as_object() else {
        told.say(format!("entry `{entry}`: its TLS profiles are malformed and were left out"));
        return Vec::new();
    };
    let mut made: Vec<SessionProfile> = Vec::new();
    for (key, list) in fields {
        if !LISTS.contains(&key.as_str()) {
            told.part(key);
            continue;
        }
        for one in super::rows(Some(list)) {
            let name = one.get("name").and_then(Value::as_str).unwrap_or_default();
            let shown = cut(name);
            if made.len() >= PROFILES_MAX {
                told.say(format!(
                    "entry `{entry}`: TLS profile `{shown}` was left out: it has more than {PROFILES_MAX}"
                ));
                continue;
            }
            let twice = made.iter().any(|known| known.name == name);
            match profile(name, one, told) {
                Ok(_) if twice => {
                    told.say(format!(
                        "entry `{entry}`: TLS profile `{shown}` was left out: its name is there twice"
                    ));
                }
                Ok(profile) => made.push(profile),
                Err(why) => {
                    told.say(format!("entry `{entry}`: TLS profile `{shown}` was left out: {why}"));
                }
            }
        }
    }
    made
}

/// The name of the modules for a leaf: the RFC's example writes some in the plural.
fn leaf(key: &str) -> &str {
    match key.strip_suffix('s') {
        Some(singular) if key != "certificate-authorities" => singular,
        _ => key,
    }
}

fn profile(name: &str, fields: &Map<String, Value>, told: &mut Told) -> Result<SessionProfile, String> {
    if !is_name(name) {
        return Err("its name is not 1 to 64 letters, digits, `-`, `_` or `.`".to_owned());
    }
    let mut draft = Draft::new(name.to_owned());
    for (key, value) in fields {
        let leaf = leaf(key);
        let malformed = || format!("its {leaf} is malformed");
        let values = || value.as_array().ok_or_else(malformed);
        let texts = || -> Result<Vec<&str>, String> {
            values()?.iter().map(|one| one.as_str().ok_or_else(malformed)).collect()
        };
        if let Some((_, most, list)) = NUMBERS.iter().find(|(known, ..)| *known == leaf) {
            for one in values()? {
                let number = one.as_u64().filter(|number| number <= most);
                let number = number.and_then(|number| u16::try_from(number).ok()).ok_or_else(malformed)?;
                list(&mut draft).insert(number);
            }
            continue;
        }
        match leaf {
            "name" => {}
            "supported-tls-version" | "supported-dtls-version" => {
                for word in texts()? {
                    let datagrams = leaf == "supported-dtls-version";
                    let version = version_of(word).filter(|version| (version >> 8 == DATAGRAMS) == datagrams);
                    let version = version
                        .ok_or_else(|| format!("RFC 9761 does not define the version `{}`", cut(word)))?;
                    draft.versions.insert(version);
                }
            }
            "application-protocol" => {
                for name in texts()? {
                    if !is_protocol(name) {
                        return Err(malformed());
                    }
                    draft.protocols.insert(name.to_owned());
                }
            }
            "accept-list-ta-cert" => draft.anchors.extend(texts()?.into_iter().map(str::to_owned)),
            "certificate-authorities" => draft.authorities.extend(texts()?.into_iter().map(str::to_owned)),
            _ => told.part(key),
        }
    }
    draft.finish().map_err(|(key, why)| format!("its list of {key} {why}"))
}

/// The container of an entry's profiles.
pub(super) fn write(profiles: &[SessionProfile]) -> Value {
    let list: Vec<Value> = profiles.iter().map(one).collect();
    json!({ "tls-dtls-profile": list })
}

fn one(profile: &SessionProfile) -> Value {
    let offer = &profile.offer;
    let versions = |datagrams: bool| -> Vec<&str> {
        let versions = offer.versions.iter().filter(|version| (*version >> 8 == DATAGRAMS) == datagrams);
        versions.filter_map(|version| version_word(*version)).collect()
    };
    let protocols: Vec<&str> = offer.protocols.iter().map(model::Text::as_str).collect();
    let leaves = [
        ("supported-tls-version", json!(versions(false))),
        ("supported-dtls-version", json!(versions(true))),
        ("cipher-suite", json!(offer.suites)),
        ("extension-type", json!(offer.extensions)),
        ("accept-list-ta-cert", json!(profile.anchors)),
        ("psk-key-exchange-mode", json!(offer.resumptions)),
        ("supported-group", json!(offer.groups)),
        ("signature-algorithm-cert", json!(offer.certificate_signatures)),
        ("signature-algorithm", json!(offer.signatures)),
        ("application-protocol", json!(protocols)),
        ("cert-compression-algorithm", json!(offer.compressions)),
        ("certificate-authorities", json!(profile.authorities)),
    ];
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(profile.name));
    // RFC 7951: a list without entries is not there.
    for (name, list) in leaves {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            fields.insert(name.to_owned(), list);
        }
    }
    Value::Object(fields)
}
